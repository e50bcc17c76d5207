/**
 * Movie fragments (ISO/IEC 14496-12:2022 8.8) appended to the sample tables of their tracks: fragmented MP4, CMAF files
 * and PIFF (.ismv, .isma), where times may stand in tfdt, in the tfxd box of MS-SSTR, or nowhere but in the durations.
 */
import { fourccAt, viewOf } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import type { SampleTable } from '../model/samples.ts';
import { readBox, typeOf } from './box.ts';
import { TREX } from './boxes.ts';
import { TFDT, TFHD, TFHD_FLAGS, TFXD, TRUN, type Tfhd, type Trun } from './fragmentboxes.ts';
import type { ReadAt } from './movie.ts';
import { CHUNK_SAMPLES, MAX_SAMPLES } from './tables.ts';
import { childBoxes, findBox, malformed, needBox, printable, unsupported, type RawBox } from './walk.ts';

/** Defaults of a trex box. */
export type TrackExtends = { readonly duration: number; readonly size: number; readonly flags: number };

const MAX_MOOF_BYTES = 16 * 1024 * 1024;
const MAX_MOOF_TOTAL = 256 * 1024 * 1024;
const MAX_TOP_LEVEL_BOXES = 1_000_000;
/** Samples of a run that cost no bytes, neither in the run nor in the file. */
const MAX_FREE_SAMPLES = 1024;
const READ_AHEAD = 64 * 1024;

/** sample_is_non_sync_sample (8.8.3.1). */
const NON_SYNC = 0x00010000;
/** Times from here on are kept relative to the first one. */
const LARGE_TIME = 2n ** 52n;

/** mvex 8.8.1: defaults by track ID. */
export function readExtends(mvex: RawBox): ReadonlyMap<number, TrackExtends> {
  const defaults = new Map<number, TrackExtends>();
  for (const box of childBoxes(mvex.body, mvex.path, mvex.bodyPosition)) {
    if (box.type !== 'trex') continue;
    const { fields } = readBox(TREX, box);
    defaults.set(fields.track_ID, { duration: fields.default_sample_duration, size: fields.default_sample_size, flags: fields.default_sample_flags });
  }
  return defaults;
}

/** Reads all fragments from byte `from` on; returns the grown tables by track ID. */
export async function readFragments(read: ReadAt, from: number, size: number, tables: ReadonlyMap<number, SampleTable>, defaults: ReadonlyMap<number, TrackExtends>): Promise<ReadonlyMap<number, SampleTable>> {
  const budget = { left: MAX_SAMPLES };
  const tracks = new Map([...tables].map(([id, table]) => [id, new GrowingTable(table, budget)]));
  const buffered = readAhead(read, size);
  let total = 0;
  let count = 0;
  for (let at = from; at < size; ) {
    if (++count > MAX_TOP_LEVEL_BOXES) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'top-level boxes', where: `byte ${at}`, expected: `at most ${MAX_TOP_LEVEL_BOXES}`, found: 'more' });
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
    const tfhd = needBox(boxes, 'tfhd', traf.path);
    const { fields, flags } = readBox(TFHD, tfhd);
    const table = tracks.get(fields.track_ID);
    // A track that the moov does not know: nothing can be said of its samples.
    if (table === undefined) continue;
    if ((fields.sample_description_index ?? 1) > 1) throw unsupported('sample_description_index', tfhd.path, '1', fields.sample_description_index ?? 1);
    const trex = defaults.get(fields.track_ID) ?? NO_DEFAULTS;
    const fragment = { duration: fields.default_sample_duration ?? trex.duration, size: fields.default_sample_size ?? trex.size, flags: fields.default_sample_flags ?? trex.flags };
    const base = baseOf(fields, (flags & TFHD_FLAGS.defaultBaseIsMoof) !== 0, moof, implicitBase, tfhd);
    const runs = boxes.filter(({ type }) => type === 'trun').map((box) => ({ box, run: readBox(TRUN, box).fields }));
    const start = fragmentStart(boxes);
    if (start !== null && runs.length > 0) table.startAt(start.fromTfxd ? start.time - BigInt(runs[0].run.sample_composition_time_offset?.[0] ?? 0) : start.time, traf);
    let at = base;
    for (const { box, run } of runs) at = addRun(box, run, run.data_offset === null ? at : base + run.data_offset, fragment, table, fileSize);
    implicitBase = at;
  }
}

const NO_DEFAULTS: TrackExtends = { duration: 0, size: 0, flags: 0 };

/**
 * Position from which data offsets count (8.8.7.1). A base_data_offset that points in front of its own fragment was
 * written for another file (fragments of archives are cut out of a stream): the moof counts then.
 */
function baseOf({ base_data_offset }: Tfhd, isMoof: boolean, moof: RawBox, implicitBase: number, tfhd: RawBox): number {
  if (base_data_offset === null) return isMoof ? moof.position : implicitBase;
  if (base_data_offset > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('base_data_offset', tfhd.path, 'below 2^53', base_data_offset);
  return Math.max(Number(base_data_offset), moof.position);
}

/** Time of the fragment: tfdt (8.8.12) is a decode time, tfxd a presentation time. Both are read as signed: encoders start below 0 with their priming. */
function fragmentStart(boxes: readonly RawBox[]): { readonly time: bigint; readonly fromTfxd: boolean } | null {
  const tfdt = findBox(boxes, 'tfdt');
  if (tfdt !== undefined) return { time: BigInt.asIntN(64, readBox(TFDT, tfdt).fields.baseMediaDecodeTime), fromTfxd: false };
  const tfxd = boxes.find((box) => typeOf(box) === TFXD.type);
  return tfxd === undefined ? null : { time: BigInt.asIntN(64, readBox(TFXD, tfxd).fields.fragment_absolute_time), fromTfxd: true };
}

/** Adds the samples of a run whose data starts at `start`; returns where it ends. */
function addRun(box: RawBox, run: Trun, start: number, fragment: TrackExtends, table: GrowingTable, fileSize: number): number {
  const { sample_count: count, sample_duration, sample_size, sample_flags, sample_composition_time_offset } = run;
  const where = `${box.path}, byte ${box.position}`;
  if (sample_size === null && count * fragment.size > fileSize) throw malformed('sample_count', where, `at most ${Math.floor(fileSize / fragment.size)} samples of ${fragment.size} bytes`, count);
  const isFree = sample_size === null && fragment.size === 0 && sample_duration === null && sample_flags === null && sample_composition_time_offset === null;
  if (isFree && count > MAX_FREE_SAMPLES) throw malformed('samples', where, `at most ${MAX_FREE_SAMPLES} that take no bytes`, count);
  table.reserve(count, box);
  let offset = start;
  for (let i = 0; i < count; i++) {
    const size = sample_size === null ? fragment.size : sample_size[i];
    const flags = i === 0 && run.first_sample_flags !== null ? run.first_sample_flags : sample_flags === null ? fragment.flags : sample_flags[i];
    if (offset < 0 || offset + size > fileSize) throw malformed(`end of sample ${i + 1}`, where, `at most ${fileSize}, the file's size`, offset + size);
    table.add(sample_duration === null ? fragment.duration : sample_duration[i], size, offset, sample_composition_time_offset === null ? 0 : sample_composition_time_offset[i], (flags & NON_SYNC) === 0);
    offset += size;
  }
  table.checkTime(box);
  return offset;
}

/** A sample table under construction. */
class GrowingTable {
  #count = 0;
  #base: bigint | null = null;
  #time = 0;
  #sizes: Uint32Array;
  #composition: Int32Array;
  #anyComposition = false;
  #allSync = true;
  /** Where the sample before ends. */
  #end = -1;
  readonly #chunkFirst: number[] = [];
  readonly #chunkOffset: number[] = [];
  readonly #sync: number[] = [];
  readonly #first: number[] = [];
  readonly #runTime: number[] = [];
  readonly #delta: number[] = [];
  #broken = true;

  /** Of samples, shared by all tracks of the file. */
  readonly #budget: { left: number };

  constructor(start: SampleTable, budget: { left: number }) {
    this.#budget = budget;
    budget.left -= start.count;
    this.#sizes = new Uint32Array(Math.max(1024, start.count));
    this.#composition = new Int32Array(this.#sizes.length);
    if (start.count > 0) this.#base = start.base;
    let key = 0;
    let chunk = -1;
    let position = 0;
    for (let run = 0; run < start.decode.first.length; run++) {
      const end = run + 1 < start.decode.first.length ? start.decode.first[run + 1] : start.count;
      for (let i = start.decode.first[run]; i < end; i++) {
        const isSync = start.sync === null || start.sync[key] === i;
        if (isSync && start.sync !== null) key++;
        if (start.chunks.first[chunk + 1] === i) position = start.chunks.offset[++chunk];
        this.add(start.decode.delta[run], start.sizes[i], position, start.composition?.[i] ?? 0, isSync);
        position += start.sizes[i];
      }
    }
  }

  reserve(more: number, box: RawBox): void {
    if (more > this.#budget.left) throw malformed('samples', `${box.path}, byte ${box.position}`, `at most ${MAX_SAMPLES} in all tracks`, MAX_SAMPLES - this.#budget.left + more);
    this.#budget.left -= more;
    let length = this.#sizes.length;
    while (length < this.#count + more) length *= 2;
    if (length === this.#sizes.length) return;
    const grow = <T extends Uint32Array | Int32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#sizes = grow(this.#sizes, new Uint32Array(length));
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

  /** Relative times are safe integers. */
  checkTime(box: RawBox): void {
    if (this.#time > Number.MAX_SAFE_INTEGER) throw malformed('sum of sample durations', `${box.path}, byte ${box.position}`, 'below 2^53', this.#time);
  }

  add(duration: number, size: number, offset: number, composition: number, isSync: boolean): void {
    const i = this.#count++;
    this.#base ??= 0n;
    this.#sizes[i] = size;
    if (offset !== this.#end || i - this.#chunkFirst[this.#chunkFirst.length - 1] === CHUNK_SAMPLES) {
      this.#chunkFirst.push(i);
      this.#chunkOffset.push(offset);
    }
    this.#end = offset + size;
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
      chunks: { first: Uint32Array.from(this.#chunkFirst), offset: Float64Array.from(this.#chunkOffset) },
      decode: { first: Uint32Array.from(this.#first), time: Float64Array.from(this.#runTime), delta: Uint32Array.from(this.#delta) },
      composition: this.#anyComposition ? this.#composition.slice(0, this.#count) : null,
      sync: this.#allSync ? null : Uint32Array.from(this.#sync),
      shift: 0,
    };
  }
}
