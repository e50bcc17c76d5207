/** Samples of movie fragments (ISO/IEC 14496-12:2022 8.8): where each lies, how long it lasts, when it is presented. */
import { Locked } from '../fault.ts';
import { bodyOf, find, findAll, fullBox, readBoxes, viewOf, type Box, type BoxTree, type TrackDefaults } from './boxes.ts';

export type FragmentSample = {
  /** From the start of the segment. */
  readonly offset: number;
  readonly size: number;
  readonly duration: number;
  readonly composition: number;
  readonly flags: number;
};

export type TrackFragment = {
  readonly trackId: number;
  readonly moof: Box;
  readonly traf: Box;
  readonly sequence: number | null;
  /** Index of the sample entry, from 1; without a word of tfhd the first. */
  readonly sampleEntry: number;
  readonly defaultBaseIsMoof: boolean;
  readonly baseDataOffset: boolean;
  /** Of the first trun. */
  readonly trunVersion: number;
  /** Of the first sample: from tfdt, else from tfxd where that can mean one thing only. Null: not told. */
  readonly decodeTime: bigint | null;
  readonly samples: readonly FragmentSample[];
  /** A value came from trex: neither tfhd nor trun gives it. */
  readonly leansOnTrex: boolean;
  /** MS-SSTR 2.2.4.4; null when absent. */
  readonly tfxd: { readonly time: bigint; readonly duration: bigint } | null;
};

export type SegmentFacts = {
  readonly tree: BoxTree;
  readonly fragments: readonly TrackFragment[];
  readonly problems: readonly string[];
  /** The samples are enciphered, and nobody told the key. */
  readonly locked?: boolean;
};

const TFXD = '6d1d9b0542d544e680e2141daff757b2';
const MAX_SAMPLES = 1_000_000;
/** sample_is_non_sync_sample (8.8.3.1). */
export const NON_SYNC = 0x10000;

export function isSync(sample: FragmentSample): boolean {
  return (sample.flags & NON_SYNC) === 0;
}

export function readSegment(bytes: Uint8Array, defaults: ReadonlyMap<number, TrackDefaults> = new Map()): SegmentFacts {
  const tree = readBoxes(bytes);
  const problems = [...tree.problems];
  const fragments: TrackFragment[] = [];
  for (const moof of findAll(tree.boxes, 'moof')) {
    const mfhd = fullBox(tree, find(moof.children, 'mfhd'), 4);
    let end = moof.start;
    for (const traf of findAll(moof.children, 'traf')) {
      const read = readTrackFragment(tree, moof, traf, defaults, end, problems);
      if (read === null) continue;
      end = read.end;
      fragments.push({ ...read.fragment, sequence: mfhd === null ? null : mfhd.view.getUint32(0) });
    }
  }
  return { tree, fragments, problems };
}

function readTrackFragment(tree: BoxTree, moof: Box, traf: Box, defaults: ReadonlyMap<number, TrackDefaults>, previousEnd: number, problems: string[]): { fragment: Omit<TrackFragment, 'sequence'>; end: number } | null {
  const tfhd = fullBox(tree, find(traf.children, 'tfhd'), 4);
  if (tfhd === null) {
    problems.push(`moof/traf at ${traf.start}: no tfhd`);
    return null;
  }
  const fields = cursor(tfhd.view);
  const trackId = fields.u32();
  const baseDataOffset = (tfhd.flags & 1) !== 0;
  const base = baseDataOffset ? Number(fields.u64()) : (tfhd.flags & 0x20000) !== 0 || previousEnd === moof.start ? moof.start : previousEnd;
  const sampleEntry = (tfhd.flags & 2) !== 0 ? fields.u32() : 1;
  const own = { duration: (tfhd.flags & 8) !== 0 ? fields.u32() : null, size: (tfhd.flags & 16) !== 0 ? fields.u32() : null, flags: (tfhd.flags & 32) !== 0 ? fields.u32() : null };
  const trex = defaults.get(trackId) ?? { duration: 0, size: 0, flags: 0 };
  const samples: FragmentSample[] = [];
  let leansOnTrex = false;
  let trunVersion = 0;
  let at = base;
  for (const [index, box] of findAll(traf.children, 'trun').entries()) {
    const trun = fullBox(tree, box, 4);
    if (trun === null) {
      problems.push(`moof/traf/trun at ${box.start}: too short`);
      continue;
    }
    if (index === 0) trunVersion = trun.version;
    const reader = cursor(trun.view);
    const count = reader.u32();
    if ((trun.flags & 1) !== 0) at = base + reader.i32();
    const first = (trun.flags & 4) !== 0 ? reader.u32() : null;
    const has = { duration: (trun.flags & 0x100) !== 0, size: (trun.flags & 0x200) !== 0, flags: (trun.flags & 0x400) !== 0, composition: (trun.flags & 0x800) !== 0 };
    const perSample = 4 * Object.values(has).filter(Boolean).length;
    if (count > MAX_SAMPLES || reader.left() < count * perSample) {
      problems.push(`moof/traf/trun at ${box.start}: sample_count ${count} does not fit into the box`);
      continue;
    }
    leansOnTrex ||= (!has.duration && own.duration === null) || (!has.size && own.size === null) || (!has.flags && own.flags === null);
    for (let i = 0; i < count; i++) {
      const duration = has.duration ? reader.u32() : (own.duration ?? trex.duration);
      const size = has.size ? reader.u32() : (own.size ?? trex.size);
      const flags = has.flags ? reader.u32() : i === 0 && first !== null ? first : (own.flags ?? trex.flags);
      // 8.8.8.2: signed from version 1 on.
      const composition = has.composition ? (trun.version === 0 ? reader.u32() : reader.i32()) : 0;
      samples.push({ offset: at, size, duration, composition, flags });
      at += size;
    }
  }
  if (fields.failed()) problems.push(`moof/traf at ${traf.start}: tfhd is too short for its flags`);
  const tfdt = fullBox(tree, find(traf.children, 'tfdt'), 4);
  const told = tfdt === null ? null : tfdt.version === 1 ? (tfdt.view.byteLength >= 8 ? tfdt.view.getBigUint64(0) : null) : BigInt(tfdt.view.getUint32(0));
  const uuid = traf.children.find((child) => child.uuid === TFXD);
  const tfxd = uuid === undefined ? null : readTfxd(tree, uuid);
  const decodeTime = tfdt === null && tfxd !== null && startsAtOnce(samples) ? tfxd.time : told;
  return { fragment: { trackId, moof, traf, sampleEntry, defaultBaseIsMoof: (tfhd.flags & 0x20000) !== 0, baseDataOffset, trunVersion, decodeTime, samples, leansOnTrex, tfxd }, end: at };
}

/**
 * Whether the earliest presentation is at the time of the first decoding. [MS-SSTR] does not say which of both tfxd tells, and clients
 * differ (dash.js and Shaka Player decode from it on, ffmpeg writes a presentation time).
 */
function startsAtOnce(samples: readonly FragmentSample[]): boolean {
  let [decode, earliest] = [0, Number.POSITIVE_INFINITY];
  for (const { duration, composition } of samples) {
    earliest = Math.min(earliest, decode + composition);
    decode += duration;
  }
  return earliest === 0;
}

function readTfxd(tree: BoxTree, box: Box): TrackFragment['tfxd'] {
  const body = bodyOf(tree, box);
  const view = viewOf(body);
  if (body.length >= 20 && body[0] === 1) return { time: view.getBigUint64(4), duration: view.getBigUint64(12) };
  if (body.length >= 12) return { time: BigInt(view.getUint32(4)), duration: BigInt(view.getUint32(8)) };
  return null;
}

/** Reads on past the end as zeros and remembers it. */
function cursor(view: DataView): { u32(): number; i32(): number; u64(): bigint; left(): number; failed(): boolean } {
  let at = 0;
  let short = false;
  const take = (length: number): number | null => {
    const here = at;
    at += length;
    if (at <= view.byteLength) return here;
    short = true;
    return null;
  };
  const read = <T>(length: number, get: (offset: number) => T, none: T): T => {
    const offset = take(length);
    return offset === null ? none : get(offset);
  };
  return {
    u32: () => read(4, (offset) => view.getUint32(offset), 0),
    i32: () => read(4, (offset) => view.getInt32(offset), 0),
    u64: () => read(8, (offset) => view.getBigUint64(offset), 0n),
    left: () => view.byteLength - at,
    failed: () => short,
  };
}

/** Times of a track fragment's samples in presentation; empty where the fragment tells no time. */
export function presentationTimes({ decodeTime, samples }: TrackFragment): bigint[] {
  if (decodeTime === null) return [];
  let decode = decodeTime;
  return samples.map(({ duration, composition }) => {
    const time = decode + BigInt(composition);
    decode += BigInt(duration);
    return time;
  });
}

export function durationOf({ samples }: Pick<TrackFragment, 'samples'>): bigint {
  return samples.reduce((sum, { duration }) => sum + BigInt(duration), 0n);
}

export function sampleBytes(facts: SegmentFacts, { offset, size }: FragmentSample): Uint8Array {
  if (facts.locked === true) throw new Locked();
  return facts.tree.bytes.subarray(offset, offset + size);
}

/** What a fragment's boxes have to be by their own version, flags and count (8.8.5, 8.8.7, 8.8.8, 8.8.12). */
export function fragmentFormFaults({ tree }: SegmentFacts): readonly string[] {
  const faults: string[] = [];
  const sized = (box: Box | undefined, name: string, versions: readonly number[], flags: number, lengthOf: (version: number, flags: number, view: DataView) => number): void => {
    if (box === undefined) return;
    const full = fullBox(tree, box, 4);
    if (full === null) return void faults.push(`${name} is too short`);
    if (!versions.includes(full.version)) faults.push(`${name} has version ${full.version}`);
    if ((full.flags & ~flags) !== 0) faults.push(`${name} has unknown flags 0x${full.flags.toString(16)}`);
    const wanted = lengthOf(full.version, full.flags, full.view);
    if (full.view.byteLength !== wanted) faults.push(`${name} has ${full.view.byteLength} bytes of fields, not ${wanted}`);
  };
  for (const moof of findAll(tree.boxes, 'moof')) {
    const headers = findAll(moof.children, 'mfhd');
    if (headers.length !== 1) faults.push(`moof holds ${headers.length} mfhd`);
    sized(headers[0], 'mfhd', [0], 0, () => 4);
    for (const traf of findAll(moof.children, 'traf')) {
      for (const [type, least] of [['tfhd', 1], ['tfdt', 0]] as const) {
        const count = findAll(traf.children, type).length;
        if (count > 1 || count < least) faults.push(`traf holds ${count} ${type}`);
      }
      sized(find(traf.children, 'tfhd'), 'tfhd', [0], 0x3003b, (_, flags) => 4 + ((flags & 1) !== 0 ? 8 : 0) + 4 * bitCount(flags & 0x3a));
      sized(find(traf.children, 'tfdt'), 'tfdt', [0, 1], 0, (version) => (version === 1 ? 8 : 4));
      // [MS-SSTR] 2.2.4.4: a time and a duration of 4 or 8 bytes.
      const tfxd = traf.children.filter(({ uuid }) => uuid === TFXD);
      if (tfxd.length > 1) faults.push(`traf holds ${tfxd.length} tfxd`);
      sized(tfxd[0], 'tfxd', [0, 1], 0, (version) => (version === 1 ? 16 : 8));
      for (const trun of findAll(traf.children, 'trun')) sized(trun, 'trun', [0, 1], 0xf05, (_, flags, view) => 4 + 4 * bitCount(flags & 5) + 4 * bitCount(flags & 0xf00) * view.getUint32(0));
    }
  }
  return faults;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
