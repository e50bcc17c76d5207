/** What checks write into `pointer`, read back: where in a body the fault is. */

export type Pointer =
  | { readonly kind: 'line'; readonly line: number }
  | { readonly kind: 'packet'; readonly packet: number }
  | { readonly kind: 'pid'; readonly pid: number }
  /** `moof/traf/tfdt`, the first that fits. */
  | { readonly kind: 'box'; readonly path: string }
  | { readonly kind: 'boxAt'; readonly type: string; readonly offset: number }
  /** Counted from 1, in the segment or from the start of the track. */
  | { readonly kind: 'sample'; readonly sample: number; readonly ofTrack: boolean };

const FORMS: readonly (readonly [RegExp, (groups: readonly string[]) => Pointer])[] = [
  [/^line ([1-9]\d*)$/, ([, line]) => ({ kind: 'line', line: Number(line) })],
  [/^packet (\d+)\b/, ([, packet]) => ({ kind: 'packet', packet: Number(packet) })],
  [/^PID (\d+)$/, ([, pid]) => ({ kind: 'pid', pid: Number(pid) })],
  [/^sample ([1-9]\d*)( of the track)?$/, ([, sample, ofTrack]) => ({ kind: 'sample', sample: Number(sample), ofTrack: ofTrack !== undefined })],
  // The box reader's own complaints end in a place, too: `moov/trak at 512: size 9 does not fit …`.
  [/(?:^|\/)([\w -]{4})(?:@| at )(\d+)\b/, ([, type, offset]) => ({ kind: 'boxAt', type, offset: Number(offset) })],
  [/^[\w-]{4}(?:\/[\w-]{4})*$/, ([path]) => ({ kind: 'box', path })],
];

/** Null for an empty pointer, and for one that says something else. */
export function readPointer(text: string): Pointer | null {
  for (const [form, make] of FORMS) {
    const groups = form.exec(text);
    if (groups !== null) return make(groups);
  }
  return null;
}
