/**
 * The suite's own reader of ISO base media files (ISO/IEC 14496-12:2022): a box walk, and the facts of initialization segments
 * and movie fragments that checks compare. Shares nothing with the packager; mp4box is the second opinion (mp4.ts).
 */

export type Box = {
  readonly type: string;
  /** From the start of the file. */
  readonly start: number;
  readonly size: number;
  /** Length of size, type and, for uuid, the extended type. */
  readonly header: number;
  /** Extended type in lower-case hex; empty unless type is uuid. */
  readonly uuid: string;
  readonly children: readonly Box[];
};

export type BoxTree = { readonly bytes: Uint8Array; readonly boxes: readonly Box[]; readonly problems: readonly string[] };

const CONTAINERS = new Set('moov trak edts mdia minf dinf stbl mvex moof traf mfra udta sinf schi'.split(' '));
/** Bytes between header and first child. */
const SKIPS: Readonly<Record<string, number>> = { stsd: 8, dref: 8, meta: 4 };
const VISUAL = new Set('avc1 avc2 avc3 avc4 hvc1 hev1 dvh1 dvhe encv'.split(' '));
const AUDIO = new Set('mp4a ec-3 ac-3 dtsc dtsh dtse dtsl dtsx Opus fLaC enca'.split(' '));
const MAX_BOXES = 100_000;
const MAX_DEPTH = 16;

export function readBoxes(bytes: Uint8Array): BoxTree {
  const problems: string[] = [];
  const view = viewOf(bytes);
  let count = 0;
  const walk = (from: number, end: number, parent: string, depth: number): Box[] => {
    const boxes: Box[] = [];
    let at = from;
    while (at < end) {
      if (end - at < 8) {
        problems.push(`${parent}: ${end - at} bytes after the last box`);
        return boxes;
      }
      if (++count > MAX_BOXES || depth > MAX_DEPTH) {
        problems.push(`${parent}: too many boxes`);
        return boxes;
      }
      let size = view.getUint32(at);
      const type = latin(bytes, at + 4, 4);
      let header = 8;
      if (size === 1 && end - at >= 16) {
        size = Number(view.getBigUint64(at + 8));
        header = 16;
      } else if (size === 0) size = end - at;
      const uuid = type === 'uuid' && end - at >= header + 16 ? hexOf(bytes.subarray(at + header, at + header + 16)) : '';
      if (uuid !== '') header += 16;
      if (size < header || size > end - at) {
        problems.push(`${parent}/${type} at ${at}: size ${size} does not fit into the ${end - at} bytes left`);
        return boxes;
      }
      const skip = VISUAL.has(type) ? 78 : AUDIO.has(type) ? audioEntryLength(view, at + header, size - header) : (SKIPS[type] ?? 0);
      const holds = CONTAINERS.has(type) || skip > 0;
      const children = holds && size >= header + skip ? walk(at + header + skip, at + size, `${parent}/${type}`, depth + 1) : [];
      boxes.push({ type, start: at, size, header, uuid, children });
      at += size;
    }
    return boxes;
  };
  return { bytes, boxes: walk(0, bytes.length, '', 0), problems };
}

/** AudioSampleEntry is 28 bytes; QuickTime's versions 1 and 2 append 16 and 36. */
function audioEntryLength(view: DataView, body: number, length: number): number {
  if (length < 28) return 28;
  const version = view.getUint16(body + 8);
  return 28 + (version === 1 ? 16 : version === 2 ? 36 : 0);
}

export function find(boxes: readonly Box[], path: string): Box | undefined {
  let level = boxes;
  let found: Box | undefined;
  for (const type of path.split('/')) {
    found = level.find((box) => box.type === type);
    if (found === undefined) return undefined;
    level = found.children;
  }
  return found;
}

export function findAll(boxes: readonly Box[], type: string): readonly Box[] {
  return boxes.filter((box) => box.type === type);
}

/** Payload after the box header; full boxes: version and flags included. */
export function bodyOf(tree: BoxTree, box: Box): Uint8Array {
  return tree.bytes.subarray(box.start + box.header, box.start + box.size);
}

export type FullBox = { readonly version: number; readonly flags: number; readonly view: DataView };

/** Null when the box is too short for version and flags. `view` starts behind them. */
export function fullBox(tree: BoxTree, box: Box | undefined, least = 0): FullBox | null {
  if (box === undefined) return null;
  const body = bodyOf(tree, box);
  if (body.length < 4 + least) return null;
  return { version: body[0], flags: (body[1] << 16) | (body[2] << 8) | body[3], view: viewOf(body.subarray(4)) };
}

export type SampleEntryFacts = {
  readonly type: string;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly sampleRate: number;
  /** Payload of a child box, header left out. */
  config(type: string): Uint8Array | null;
};

export type TrackFacts = {
  readonly id: number;
  readonly handler: string;
  readonly timescale: number;
  readonly language: string;
  readonly edits: number;
  /** What an edit list takes off media times, in media ticks: the start of its media less the empty time in front (8.6.6). */
  readonly editShift: bigint;
  readonly entries: readonly SampleEntryFacts[];
  /** Samples that the header itself describes: 0 in initialization segments. */
  readonly storedSamples: number;
};

export type TrackDefaults = { readonly duration: number; readonly size: number; readonly flags: number };

export type InitFacts = {
  readonly tree: BoxTree;
  readonly brands: readonly string[];
  readonly tracks: readonly TrackFacts[];
  readonly defaults: ReadonlyMap<number, TrackDefaults>;
};

export function readInit(bytes: Uint8Array): InitFacts {
  const tree = readBoxes(bytes);
  const ftyp = find(tree.boxes, 'ftyp');
  const brands = ftyp === undefined ? [] : brandsOf(bodyOf(tree, ftyp));
  const moov = find(tree.boxes, 'moov');
  const mvhd = fullBox(tree, find(moov?.children ?? [], 'mvhd'), 20);
  const movieTimescale = mvhd === null ? 0 : mvhd.view.getUint32(mvhd.version === 1 ? 16 : 8);
  const tracks = findAll(moov?.children ?? [], 'trak').map((trak) => trackFacts(tree, trak, movieTimescale));
  const defaults = new Map<number, TrackDefaults>();
  for (const box of findAll(find(moov?.children ?? [], 'mvex')?.children ?? [], 'trex')) {
    const trex = fullBox(tree, box, 20);
    if (trex !== null) defaults.set(trex.view.getUint32(0), { duration: trex.view.getUint32(8), size: trex.view.getUint32(12), flags: trex.view.getUint32(16) });
  }
  return { tree, brands, tracks, defaults };
}

/** Major brand first (4.3). */
export function brandsOf(body: Uint8Array): readonly string[] {
  const brands: string[] = [];
  for (let at = 0; at + 4 <= body.length; at += 4) if (at !== 4) brands.push(latin(body, at, 4));
  return brands;
}

/** The first edit that shows media, and the empty ones before it. */
function editShiftOf(elst: FullBox | null, timescale: number, movieTimescale: number): bigint {
  if (elst === null) return 0n;
  const { version, view } = elst;
  const size = version === 1 ? 20 : 12;
  let empty = 0n;
  for (let i = 0, at = 4; i < view.getUint32(0) && at + size <= view.byteLength; i++, at += size) {
    const [duration, time] = version === 1 ? [view.getBigUint64(at), view.getBigInt64(at + 8)] : [BigInt(view.getUint32(at)), BigInt(view.getInt32(at + 4))];
    if (time >= 0n) return time - (movieTimescale === 0 ? 0n : (empty * BigInt(timescale)) / BigInt(movieTimescale));
    empty += duration;
  }
  return 0n;
}

function trackFacts(tree: BoxTree, trak: Box, movieTimescale: number): TrackFacts {
  const { children } = trak;
  const tkhd = fullBox(tree, find(children, 'tkhd'), 20);
  const mdhd = fullBox(tree, find(children, 'mdia/mdhd'), 20);
  const hdlr = fullBox(tree, find(children, 'mdia/hdlr'), 8);
  const elst = fullBox(tree, find(children, 'edts/elst'), 4);
  const elng = fullBox(tree, find(children, 'mdia/elng'), 1);
  const packed = mdhd === null ? 0 : mdhd.version === 1 && mdhd.view.byteLength >= 30 ? mdhd.view.getUint16(28) : mdhd.view.getUint16(16);
  const timescale = mdhd === null ? 0 : mdhd.view.getUint32(mdhd.version === 1 ? 16 : 8);
  const stsd = find(children, 'mdia/minf/stbl/stsd');
  const stsz = fullBox(tree, find(children, 'mdia/minf/stbl/stsz'), 8);
  return {
    id: tkhd === null ? 0 : tkhd.view.getUint32(tkhd.version === 1 ? 16 : 8),
    handler: hdlr === null ? '' : latin(bytesOf(hdlr.view), 4, 4),
    timescale,
    // 8.4.6: an extended tag says more. 8.4.2.3: three letters, five bits each, less 0x60.
    language: elng !== null ? latin(bytesOf(elng.view), 0, elng.view.byteLength).replace(/\0$/, '') : String.fromCharCode(((packed >> 10) & 31) + 0x60, ((packed >> 5) & 31) + 0x60, (packed & 31) + 0x60),
    edits: elst === null ? 0 : elst.view.getUint32(0),
    editShift: editShiftOf(elst, timescale, movieTimescale),
    entries: (stsd?.children ?? []).map((entry) => entryFacts(tree, entry)),
    storedSamples: stsz === null ? 0 : stsz.view.getUint32(4),
  };
}

function entryFacts(tree: BoxTree, box: Box): SampleEntryFacts {
  const body = bodyOf(tree, box);
  const view = viewOf(body);
  const visual = VISUAL.has(box.type) && body.length >= 78;
  const audio = AUDIO.has(box.type) && body.length >= 28;
  return {
    type: box.type,
    width: visual ? view.getUint16(24) : 0,
    height: visual ? view.getUint16(26) : 0,
    channels: audio ? view.getUint16(16) : 0,
    sampleRate: audio ? view.getUint32(24) / 65536 : 0,
    config(type) {
      const child = box.children.find((candidate) => candidate.type === type);
      return child === undefined ? null : bodyOf(tree, child);
    },
  };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

export function latin(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
