/**
 * Movie fragments (ISO/IEC 14496-12:2022 8.8) appended to the sample tables of their tracks: fragmented MP4, CMAF files
 * and PIFF (.ismv, .isma), where times may stand in tfdt, in the tfxd box of MS-SSTR, or nowhere but in the durations.
 */
import { fourccAt, viewOf } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import type { SampleTable } from '../model/samples.ts';
import type { ReadAt } from './movie.ts';
import { childBoxes, findBox, malformed, needBox, needBytes, printable, type RawBox } from './walk.ts';

/** Defaults of a trex box. */
export type TrackExtends = { readonly duration: number; readonly size: number; readonly flags: number };

const MAX_MOOF_BYTES = 16 * 1024 * 1024;
const MAX_MOOF_TOTAL = 256 * 1024 * 1024;
const MAX_SAMPLES = 20_000_000;
const READ_AHEAD = 64 * 1024;

const TFHD = { baseDataOffset: 0x1, descriptionIndex: 0x2, duration: 0x8, size: 0x10, flags: 0x20, isMoof: 0x020000 } as const;
const TRUN = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 } as const;
/** sample_is_non_sync_sample (8.8.3.1). */
const NON_SYNC = 0x00010000;
/** MS-SSTR 2.2.4.4 tfxd: absolute time and duration of the fragment. */
const TFXD = '6d1d9b0542d544e680e2141daff757b2';
/** Times from here on are kept relative to the first one. */
const LARGE_TIME = 2n ** 52n;

/** mvex 8.8.1: defaults by track ID. */
export function readExtends(mvex: RawBox): ReadonlyMap<number, TrackExtends> {
  const defaults = new Map<number, TrackExtends>();
  for (const box of childBoxes(mvex.body, mvex.path, mvex.bodyPosition)) {
    if (box.type !== 'trex') continue;
    const view = needBytes(box, 24);
    defaults.set(view.getUint32(4), { duration: view.getUint32(12), size: view.getUint32(16), flags: view.getUint32(20) });
  }
  return defaults;
}

/** Reads all fragments from byte `from` on; returns the grown tables by track ID. */
export async function readFragments(read: ReadAt, from: number, size: number, tables: ReadonlyMap<number, SampleTable>, defaults: ReadonlyMap<number, TrackExtends>): Promise<ReadonlyMap<number, SampleTable>> {
  const tracks = new Map([...tables].map(([id, table]) => [id, new GrowingTable(table)]));
  const buffered = readAhead(read, size);
  let total = 0;
  for (let at = from; at < size; ) {
    const header = await buffered(at, Math.min(16, size - at));
    // A recording that broke off ends inside a box; what is complete counts.
    if (header.length < 8) break;
    const view = viewOf(header);
    const type = fourccAt(header, 4);
    let length = view.getUint32(0);
    if (length === 1) {
      if (header.length < 16) break;
      const large = view.getBigUint64(8);
      if (large > BigInt(size)) throw malformed(`size of box ${printable(type)}`, `byte ${at}`, `at most ${size - at}, the rest of the file`, large);
      length = Number(large);
    } else if (length === 0) length = size - at;
    if (length < 8 || length > size - at) throw malformed(`size of box ${printable(type)}`, `byte ${at}`, `8 to ${size - at}, the rest of the file`, length);
    if (type === 'moof') {
      total += length;
      if (length > MAX_MOOF_BYTES || total > MAX_MOOF_TOTAL) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'moof', where: `byte ${at}`, expected: `at most ${MAX_MOOF_BYTES} bytes, ${MAX_MOOF_TOTAL} in all`, found: String(length) });
      addFragment(childBoxes(await buffered(at, length), '', at)[0], size, tracks, defaults);
    }
    at += length;
  }
  return new Map([...tracks].map(([id, table]) => [id, table.finish()]));
}

/** Reads with 64 KiB of look-ahead: fragments are many and their heads small. */
function readAhead(read: ReadAt, size: number): ReadAt {
  let start = 0;
  let chunk: Uint8Array = new Uint8Array(0);
  return async (offset, length) => {
    if (offset < start || offset + length > start + chunk.length) {
      start = offset;
      chunk = await read(offset, Math.min(size - offset, Math.max(length, READ_AHEAD)));
    }
    return chunk.subarray(offset - start, offset - start + length);
  };
}

function addFragment(moof: RawBox, fileSize: number, tracks: ReadonlyMap<number, GrowingTable>, defaults: ReadonlyMap<number, TrackExtends>): void {
  // Without flags the first track's data starts at the moof, the next one's where the one before ended (8.8.7.1).
  let implicitBase = moof.position;
  for (const traf of childBoxes(moof.body, moof.path, moof.bodyPosition)) {
    if (traf.type !== 'traf') continue;
    const boxes = childBoxes(traf.body, traf.path, traf.bodyPosition);
    const tfhd = readTrackHeader(needBox(boxes, 'tfhd', traf.path));
    const table = tracks.get(tfhd.trackId);
    // A track that the moov does not know: nothing can be said of its samples.
    if (table === undefined) continue;
    const trex = defaults.get(tfhd.trackId) ?? { duration: 0, size: 0, flags: 0 };
    const fragment = { duration: tfhd.duration ?? trex.duration, size: tfhd.size ?? trex.size, flags: tfhd.flags ?? trex.flags };
    const base = baseOf(tfhd, moof, implicitBase);
    const truns = boxes.filter(({ type }) => type === 'trun');
    const start = fragmentStart(boxes);
    if (start !== null && truns.length > 0) table.startAt(start.fromTfxd ? start.time - BigInt(firstComposition(truns[0])) : start.time, traf);
    let at = base;
    for (const trun of truns) at = addRun(trun, base, at, fragment, table, fileSize);
    implicitBase = at;
  }
}

/**
 * Position from which data offsets count (8.8.7.1). A base_data_offset that points in front of its own fragment was
 * written for another file (fragments of archives are cut out of a stream): the moof counts then.
 */
function baseOf({ baseDataOffset, isMoof }: TrackHeader, moof: RawBox, implicitBase: number): number {
  if (baseDataOffset !== null && baseDataOffset >= moof.position) return baseDataOffset;
  return isMoof || baseDataOffset !== null ? moof.position : implicitBase;
}

type TrackHeader = { readonly trackId: number; readonly baseDataOffset: number | null; readonly duration: number | null; readonly size: number | null; readonly flags: number | null; readonly isMoof: boolean };

/** tfhd 8.8.7. */
function readTrackHeader(box: RawBox): TrackHeader {
  const view = needBytes(box, 8);
  const present = view.getUint32(0) & 0xffffff;
  let at = 8;
  const u32 = (flag: number): number | null => {
    if ((present & flag) === 0) return null;
    needBytes(box, at + 4);
    at += 4;
    return view.getUint32(at - 4);
  };
  const trackId = view.getUint32(4);
  let baseDataOffset: number | null = null;
  if ((present & TFHD.baseDataOffset) !== 0) {
    needBytes(box, at + 8);
    const offset = view.getBigUint64(at);
    if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('base_data_offset', box.path, 'below 2^53', offset);
    baseDataOffset = Number(offset);
    at += 8;
  }
  const index = u32(TFHD.descriptionIndex);
  if (index !== null && index > 1) throw new IsomerError('ISOMER_MP4_UNSUPPORTED', { what: 'sample_description_index', where: box.path, expected: '1', found: String(index) });
  return { trackId, baseDataOffset, duration: u32(TFHD.duration), size: u32(TFHD.size), flags: u32(TFHD.flags), isMoof: (present & TFHD.isMoof) !== 0 };
}

/** Time of the fragment: tfdt (8.8.12) is a decode time, tfxd a presentation time. Both are read as signed: encoders start below 0 with their priming. */
function fragmentStart(boxes: readonly RawBox[]): { readonly time: bigint; readonly fromTfxd: boolean } | null {
  const tfdt = findBox(boxes, 'tfdt');
  if (tfdt !== undefined) {
    const view = needBytes(tfdt, 8);
    return { time: view.getUint8(0) === 1 ? needBytes(tfdt, 12).getBigInt64(4) : BigInt(view.getUint32(4)), fromTfxd: false };
  }
  for (const box of boxes) {
    if (box.type !== 'uuid' || box.body.length < 28 || Buffer.from(box.body.subarray(0, 16)).toString('hex') !== TFXD) continue;
    const view = viewOf(box.body);
    if (view.getUint8(16) === 1) return { time: needBytes(box, 36).getBigInt64(20), fromTfxd: true };
    return { time: BigInt(view.getUint32(20)), fromTfxd: true };
  }
  return null;
}

function firstComposition(trun: RawBox): number {
  const view = needBytes(trun, 8);
  const flags = view.getUint32(0) & 0xffffff;
  if ((flags & TRUN.composition) === 0 || view.getUint32(4) === 0) return 0;
  const at = 8 + 4 * bits(flags & (TRUN.dataOffset | TRUN.firstFlags)) + 4 * bits(flags & (TRUN.duration | TRUN.size | TRUN.flags));
  return needBytes(trun, at + 4).getInt32(at);
}

/** trun 8.8.8; returns where the run's data ends. Composition offsets of version 0 are read as signed: PIFF files have them. */
function addRun(box: RawBox, base: number, previousEnd: number, fragment: TrackExtends, table: GrowingTable, fileSize: number): number {
  const view = needBytes(box, 8);
  const flags = view.getUint32(0) & 0xffffff;
  const count = view.getUint32(4);
  let at = 8;
  let offset = previousEnd;
  if ((flags & TRUN.dataOffset) !== 0) {
    offset = base + needBytes(box, at + 4).getInt32(at);
    at += 4;
  }
  let firstFlags: number | null = null;
  if ((flags & TRUN.firstFlags) !== 0) {
    firstFlags = needBytes(box, at + 4).getUint32(at);
    at += 4;
  }
  const width = 4 * bits(flags & 0xf00);
  if (count * width > box.body.length - at) throw malformed('sample_count', `${box.path}, byte ${box.position}`, `at most ${width === 0 ? MAX_SAMPLES : Math.floor((box.body.length - at) / width)}`, count);
  table.reserve(count, box);
  for (let i = 0; i < count; i++) {
    const field = (flag: number, fallback: number): number => {
      if ((flags & flag) === 0) return fallback;
      at += 4;
      return view.getUint32(at - 4);
    };
    const duration = field(TRUN.duration, fragment.duration);
    const size = field(TRUN.size, fragment.size);
    const own = field(TRUN.flags, i === 0 && firstFlags !== null ? firstFlags : fragment.flags);
    const composition = field(TRUN.composition, 0) | 0;
    if (offset < 0 || offset + size > fileSize) throw malformed(`end of sample ${i + 1}`, `${box.path}, byte ${box.position}`, `at most ${fileSize}, the file's size`, offset + size);
    table.add(duration, size, offset, composition, (own & NON_SYNC) === 0);
    offset += size;
  }
  return offset;
}

function bits(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** A sample table under construction. */
class GrowingTable {
  #count = 0;
  #base: bigint | null = null;
  #time = 0;
  #sizes: Uint32Array;
  #offsets: Float64Array;
  #composition: Int32Array;
  #anyComposition = false;
  #allSync = true;
  readonly #sync: number[] = [];
  readonly #first: number[] = [];
  readonly #runTime: number[] = [];
  readonly #delta: number[] = [];
  #broken = true;

  constructor(start: SampleTable) {
    this.#sizes = new Uint32Array(Math.max(1024, start.count));
    this.#offsets = new Float64Array(this.#sizes.length);
    this.#composition = new Int32Array(this.#sizes.length);
    if (start.count > 0) this.#base = start.base;
    let key = 0;
    for (let run = 0; run < start.decode.first.length; run++) {
      const end = run + 1 < start.decode.first.length ? start.decode.first[run + 1] : start.count;
      for (let i = start.decode.first[run]; i < end; i++) {
        const isSync = start.sync === null || start.sync[key] === i;
        if (isSync && start.sync !== null) key++;
        this.add(start.decode.delta[run], start.sizes[i], start.offsets[i], start.composition?.[i] ?? 0, isSync);
      }
    }
  }

  reserve(more: number, box: RawBox): void {
    if (this.#count + more > MAX_SAMPLES) throw malformed('samples', `${box.path}, byte ${box.position}`, `at most ${MAX_SAMPLES} in a track`, this.#count + more);
    let length = this.#sizes.length;
    while (length < this.#count + more) length *= 2;
    if (length === this.#sizes.length) return;
    const grow = <T extends Uint32Array | Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#sizes = grow(this.#sizes, new Uint32Array(length));
    this.#offsets = grow(this.#offsets, new Float64Array(length));
    this.#composition = grow(this.#composition, new Int32Array(length));
  }

  /** The next sample's decode time; may leave a gap, may not go back behind a sample that is there. */
  startAt(time: bigint, box: RawBox): void {
    this.#base ??= time >= LARGE_TIME ? time : 0n;
    const relative = time - this.#base;
    const last = this.#count === 0 ? -1 : this.#time - (this.#delta.at(-1) ?? 0);
    if (relative > BigInt(Number.MAX_SAFE_INTEGER) || (this.#count > 0 && Number(relative) <= last)) {
      throw malformed('decode time of a fragment', `${box.path}, byte ${box.position}`, `after ${this.#base + BigInt(last)}`, time);
    }
    if (Number(relative) !== this.#time) this.#broken = true;
    this.#time = Number(relative);
  }

  add(duration: number, size: number, offset: number, composition: number, isSync: boolean): void {
    const i = this.#count++;
    this.#base ??= 0n;
    this.#sizes[i] = size;
    this.#offsets[i] = offset;
    this.#composition[i] = composition;
    if (composition !== 0) this.#anyComposition = true;
    if (isSync) this.#sync.push(i);
    else this.#allSync = false;
    if (this.#broken || this.#delta.at(-1) !== duration) {
      this.#first.push(i);
      this.#runTime.push(this.#time);
      this.#delta.push(duration);
      this.#broken = false;
    }
    this.#time += duration;
  }

  finish(): SampleTable {
    return {
      count: this.#count,
      base: this.#base ?? 0n,
      sizes: this.#sizes.slice(0, this.#count),
      offsets: this.#offsets.slice(0, this.#count),
      decode: { first: Uint32Array.from(this.#first), time: Float64Array.from(this.#runTime), delta: Uint32Array.from(this.#delta) },
      composition: this.#anyComposition ? this.#composition.slice(0, this.#count) : null,
      sync: this.#allSync ? null : Uint32Array.from(this.#sync),
      shift: 0,
    };
  }
}
