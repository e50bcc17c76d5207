/** What boxes say of encryption (ISO/IEC 23001-7:2023 7 and 8; ISO/IEC 14496-12:2022 8.7.8, 8.7.9, 8.12; PIFF 1.1 5.3.2). */
import { bodyOf, find, findAll, fullBox, hexOf, latin, viewOf, type Box, type BoxTree } from './boxes.ts';
import type { Pattern, Subsample } from './cipher.ts';

export type TrackEncryption = {
  /** Type of the sample entry on the wire: encv, enca. */
  readonly entry: Box;
  /** Among the sample entries, from 1: what fragments refer to. */
  readonly index: number;
  /** frma: what the entry is in the clear. */
  readonly format: string | null;
  readonly scheme: string | null;
  readonly schemeVersion: number | null;
  readonly tenc: { readonly version: number; readonly isProtected: number; readonly ivSize: number; readonly keyId: string; readonly constantIv: Uint8Array | null; readonly pattern: Pattern } | null;
  /** Types of the children of sinf. */
  readonly children: readonly string[];
};

/** Of each sample entry that is protected. */
export function trackEncryptions(tree: BoxTree): readonly TrackEncryption[] {
  return findAll(find(tree.boxes, 'moov')?.children ?? [], 'trak').flatMap((trak) =>
    (find(trak.children, 'mdia/minf/stbl/stsd')?.children ?? []).flatMap((entry, i) => {
      const sinf = find(entry.children, 'sinf');
      return sinf === undefined && !/^enc/.test(entry.type) ? [] : [{ entry, index: i + 1, ...readSinf(tree, sinf) }];
    }),
  );
}

function readSinf(tree: BoxTree, sinf: Box | undefined): Omit<TrackEncryption, 'entry' | 'index'> {
  const children = sinf?.children ?? [];
  const frma = find(children, 'frma');
  const schm = fullBox(tree, find(children, 'schm'), 8);
  return {
    format: frma === undefined ? null : latin(bodyOf(tree, frma), 0, 4),
    scheme: schm === null ? null : String.fromCharCode(...[0, 1, 2, 3].map((i) => schm.view.getUint8(i))),
    schemeVersion: schm === null ? null : schm.view.getUint32(4),
    tenc: readTenc(tree, find(children, 'schi/tenc')),
    children: children.map(({ type }) => type),
  };
}

function readTenc(tree: BoxTree, box: Box | undefined): TrackEncryption['tenc'] {
  const tenc = fullBox(tree, box, 20);
  if (box === undefined || tenc === null) return null;
  const body = bodyOf(tree, box);
  const blocks = tenc.view.getUint8(1);
  const [isProtected, ivSize] = [tenc.view.getUint8(2), tenc.view.getUint8(3)];
  const constant = ivSize === 0 && body.length > 24 ? body.subarray(25, 25 + body[24]) : null;
  return { version: tenc.version, isProtected, ivSize, keyId: hexOf(body.subarray(8, 24)), constantIv: constant, pattern: { crypt: blocks >> 4, skip: blocks & 15 } };
}

export type SampleInformation = { readonly iv: Uint8Array; readonly subsamples: readonly Subsample[] | null };

export type FragmentEncryption = {
  readonly form: 'senc' | 'piff' | 'saio';
  readonly box: Box;
  readonly flags: number;
  /** sample_count as stated. */
  readonly count: number;
  readonly samples: readonly SampleInformation[];
  /** Bytes of each sample's information. */
  readonly sizes: readonly number[];
  /** Of the first byte of the information, from the start of the segment. */
  readonly start: number;
  /** The information does not end where its box ends, or does not fit. */
  readonly problem: string | null;
  /** PIFF's override of the track's values; null when it has none. */
  readonly keyId: string | null;
};

const PIFF_SENC = 'a2394f525a9b4f14a2446c427c648df4';
/** What [MS-SSTR] 2.2.4.5 lets out: a vector of 8 bytes. */
const PIFF_IV = 8;
const MAX_SAMPLES = 1_000_000;

/** The information of one track fragment; null when it has none. */
export function fragmentEncryption(tree: BoxTree, traf: Box, ivSize: number | null): FragmentEncryption | null {
  const piff = traf.children.find(({ uuid }) => uuid === PIFF_SENC);
  const box = find(traf.children, 'senc') ?? piff;
  if (box === undefined) return null;
  const body = bodyOf(tree, box);
  if (body.length < 8) return { form: 'senc', box, flags: 0, count: 0, samples: [], sizes: [], start: box.start + box.size, problem: 'the box is too short', keyId: null };
  const view = viewOf(body);
  const flags = view.getUint32(0) & 0xffffff;
  let at = 4;
  let keyId: string | null = null;
  let size = ivSize ?? PIFF_IV;
  if (box === piff && (flags & 1) !== 0) {
    size = body[at + 3] ?? 0;
    keyId = hexOf(body.subarray(at + 4, at + 20));
    at += 20;
  }
  const count = at + 4 <= body.length ? view.getUint32(at) : 0;
  at += 4;
  const start = box.start + box.header + at;
  const samples: SampleInformation[] = [];
  const sizes: number[] = [];
  let problem: string | null = null;
  for (let i = 0; i < Math.min(count, MAX_SAMPLES); i++) {
    const from = at;
    const iv = body.subarray(at, at + size);
    at += size;
    const subsamples = (flags & 2) === 0 ? null : ([] as Subsample[]);
    if (subsamples !== null && at + 2 <= body.length) {
      const entries = view.getUint16(at);
      at += 2;
      for (let k = 0; k < entries && at + 6 <= body.length; k++, at += 6) subsamples.push({ clear: view.getUint16(at), protected: view.getUint32(at + 2) });
      if (subsamples.length < entries) at = body.length + 1;
    }
    if (at > body.length || iv.length < size) {
      problem = `the information of sample ${i + 1} leaves the box`;
      break;
    }
    samples.push({ iv, subsamples });
    sizes.push(at - from);
  }
  if (problem === null && at !== body.length) problem = `${body.length - at} bytes follow the last sample's information`;
  return { form: box === piff ? 'piff' : 'senc', box, flags, count, samples, sizes, start, problem, keyId };
}

export type AuxiliarySizes = { readonly type: string | null; readonly sizes: readonly number[]; readonly problem: string | null };

export function auxiliarySizes(tree: BoxTree, saiz: Box): AuxiliarySizes {
  const full = fullBox(tree, saiz, 5);
  if (full === null) return { type: null, sizes: [], problem: 'saiz is too short' };
  const typed = (full.flags & 1) !== 0;
  const at = typed ? 8 : 0;
  const { view } = full;
  if (view.byteLength < at + 5) return { type: null, sizes: [], problem: 'saiz is too short' };
  const type = typed ? String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(i))) : null;
  const [same, count] = [view.getUint8(at), view.getUint32(at + 1)];
  const wanted = at + 5 + (same === 0 ? count : 0);
  if (view.byteLength !== wanted || count > MAX_SAMPLES) return { type, sizes: [], problem: `saiz has ${view.byteLength} bytes of fields, not ${wanted}` };
  return { type, sizes: Array.from({ length: count }, (_, i) => (same === 0 ? view.getUint8(at + 5 + i) : same)), problem: null };
}

export function auxiliaryOffsets(tree: BoxTree, saio: Box): readonly number[] | null {
  const full = fullBox(tree, saio, 4);
  if (full === null) return null;
  const { view, version, flags } = full;
  const at = (flags & 1) !== 0 ? 8 : 0;
  const size = version === 0 ? 4 : 8;
  if (view.byteLength < at + 4) return null;
  const count = view.getUint32(at);
  if (view.byteLength !== at + 4 + size * count) return null;
  return Array.from({ length: count }, (_, i) => (version === 0 ? view.getUint32(at + 4 + size * i) : Number(view.getBigUint64(at + 4 + size * i))));
}
