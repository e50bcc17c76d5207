/**
 * Sample tables (ISO/IEC 14496-12:2022 8.6 and 8.7) straight into typed arrays: one pass per table, no object per sample.
 * Counts are checked against the box before anything is allocated for them.
 */
import type { Chunks, SampleTable, TimeRuns } from '../model/samples.ts';
import { nextTurn } from '../time.ts';
import { readTable, readTablePieces, type ReadInto } from './moov.ts';
import { findBox, malformed, needBox, needBytes, unsupported, type RawBox } from './walk.ts';

/** Of a chunk of ours: what looks for a sample's position adds up as many sizes at the most. */
export const CHUNK_SAMPLES = 256;
/** In all tracks of a file: four days of AAC, and 400 MB of typed arrays at the most. */
export const MAX_SAMPLES = 20_000_000;

export const EMPTY_TABLE: SampleTable = {
  count: 0,
  base: 0n,
  sizes: new Uint32Array(0),
  chunks: { first: new Uint32Array(0), offset: new Float64Array(0) },
  decode: { first: new Uint32Array(0), time: new Float64Array(0), delta: new Uint32Array(0) },
  composition: null,
  sync: null,
  shift: 0,
};

/** Chunks that are read in one turn of the event loop: a few milliseconds in code that is not compiled yet. */
const CHUNKS_PER_TURN = 2 ** 11;

/** What a file allows: its size bounds every sample's position, `samples` is what is left of MAX_SAMPLES. */
export type TableLimits = { readonly fileSize: number; readonly samples: number; /** For what is not in memory. */ readonly read: ReadInto };

/** `stbl` is the container's content, `entries` the count of sample entries. */
export async function readSampleTable(stbl: readonly RawBox[], path: string, limits: TableLimits, entries: number): Promise<SampleTable> {
  const { fileSize } = limits;
  const sizes = await readSizes(stbl, path, limits);
  const count = sizes.length;
  return {
    count,
    base: 0n,
    sizes,
    chunks: await readChunks(stbl, path, sizes, fileSize, entries),
    decode: readDecodeTimes(needBox(stbl, 'stts', path), count),
    composition: await readCompositions(findBox(stbl, 'ctts'), count, limits.read),
    sync: readSync(findBox(stbl, 'stss'), count),
    shift: 0,
  };
}

/** Entries of a full box's table: the count, checked against the bytes that follow `header` bytes of fields. */
function entryCount(box: RawBox, header: number, entryBytes: number): { view: DataView; count: number } {
  const view = needBytes(box, header);
  const count = view.getUint32(header - 4);
  const room = Math.floor((box.body.length - header) / entryBytes);
  if (count > room) throw malformed(`entries of ${box.type}`, `${box.path}, byte ${box.position}`, `at most ${room} in ${box.body.length} bytes`, count);
  return { view, count };
}

function place(box: RawBox, offset: number): string {
  return `${box.path}, byte ${box.bodyPosition + offset}`;
}

/** stsz 8.7.3.2, stz2 8.7.3.3. */
async function readSizes(stbl: readonly RawBox[], path: string, { fileSize, samples, read }: TableLimits): Promise<Uint32Array> {
  const compact = findBox(stbl, 'stz2');
  if (compact !== undefined && findBox(stbl, 'stsz') === undefined) return readCompactSizes(compact, samples);
  const box = needBox(stbl, 'stsz', path);
  const view = needBytes(box, 12);
  const fixed = view.getUint32(4);
  const count = view.getUint32(8);
  checkCount(box, count, samples);
  // A fixed size costs no bytes per sample: the file itself is the bound.
  if (count * fixed > fileSize) throw malformed('sample_count', place(box, 8), `at most ${Math.floor(fileSize / fixed)} samples of ${fixed} bytes in a file of ${fileSize}`, count);
  if (fixed !== 0) return new Uint32Array(count).fill(fixed);
  entryCount(box, 12, 4);
  return readTable(box, 12, count, read);
}

function readCompactSizes(box: RawBox, samples: number): Uint32Array {
  const view = needBytes(box, 12);
  const bits = view.getUint8(7);
  const count = view.getUint32(8);
  if (bits !== 4 && bits !== 8 && bits !== 16) throw malformed('field_size', place(box, 7), '4, 8 or 16', bits);
  checkCount(box, count, samples);
  if (Math.ceil((count * bits) / 8) > box.body.length - 12) throw malformed('sample_count', place(box, 8), `at most ${Math.floor(((box.body.length - 12) * 8) / bits)}`, count);
  return Uint32Array.from({ length: count }, (_, i) => {
    if (bits === 16) return view.getUint16(12 + 2 * i);
    if (bits === 8) return view.getUint8(12 + i);
    const pair = view.getUint8(12 + (i >> 1));
    return i % 2 === 0 ? pair >> 4 : pair & 15;
  });
}

function checkCount(box: RawBox, count: number, most: number): void {
  if (count > most) throw malformed('sample_count', place(box, 8), `at most ${most}, of ${MAX_SAMPLES} in all tracks`, count);
}

/** stts 8.6.1.2 as runs. */
function readDecodeTimes(box: RawBox, count: number): TimeRuns {
  const { view, count: entries } = entryCount(box, 8, 8);
  const first = new Uint32Array(entries);
  const time = new Float64Array(entries);
  const delta = new Uint32Array(entries);
  let runs = 0;
  let sample = 0;
  let at = 0;
  for (let i = 0; i < entries; i++) {
    const length = view.getUint32(8 + 8 * i);
    const duration = view.getUint32(12 + 8 * i);
    if (length === 0) continue;
    if (sample + length > count) throw malformed('samples in stts', place(box, 8 + 8 * i), `${count}, as in stsz`, sample + length);
    if (runs > 0 && delta[runs - 1] === duration) {
      sample += length;
    } else {
      first[runs] = sample;
      time[runs] = at;
      delta[runs] = duration;
      runs++;
      sample += length;
    }
    at += length * duration;
    if (at > Number.MAX_SAFE_INTEGER) throw malformed('sum of sample durations', place(box, 8 + 8 * i), 'below 2^53', at);
  }
  if (sample !== count) throw malformed('samples in stts', place(box, 4), `${count}, as in stsz`, sample);
  return { first: first.subarray(0, runs), time: time.subarray(0, runs), delta: delta.subarray(0, runs) };
}

/** ctts 8.6.1.3. Version 0 is read as signed too: real files carry negative offsets in it. */
async function readCompositions(box: RawBox | undefined, count: number, read: ReadInto): Promise<Compositions | null> {
  if (box === undefined) return null;
  const { count: entries } = entryCount(box, 8, 8);
  const run: Run = { offsets: new Int16Array(count), sample: 0, any: false };
  let entry = 0;
  await readTablePieces(box, 8, 2 * entries, read, (words) => {
    const bad = addCompositions(run, words);
    if (bad !== -1) throw malformed('samples in ctts', place(box, 8 + 8 * entry + 4 * bad), `${count}, as in stsz`, run.sample + words[bad]);
    entry += words.length >> 1;
  });
  if (run.sample !== count) throw malformed('samples in ctts', place(box, 4), `${count}, as in stsz`, run.sample);
  return run.any ? run.offsets : null;
}

type Compositions = NonNullable<SampleTable['composition']>;
type Run = { offsets: Compositions; sample: number; any: boolean };

/** Pairs of a count and an offset; the place of a count that is too large, or -1. Offsets take 2 bytes until one does not fit. */
function addCompositions(run: Run, words: Uint32Array): number {
  let { offsets, sample, any } = run;
  let bad = -1;
  for (let i = 0; i < words.length; i += 2) {
    const length = words[i];
    const offset = words[i + 1] | 0;
    if (length > offsets.length - sample) {
      bad = i;
      break;
    }
    if (offset !== 0) {
      any = true;
      if (offset << 16 >> 16 !== offset && offsets instanceof Int16Array) offsets = Int32Array.from(offsets);
      // With B pictures nearly every run is one sample long.
      if (length === 1) offsets[sample] = offset;
      else offsets.fill(offset, sample, sample + length);
    }
    sample += length;
  }
  Object.assign(run, { offsets, sample, any });
  return bad;
}

/** stss 8.6.2: no box means that every sample is a sync sample. */
function readSync(box: RawBox | undefined, count: number): Uint32Array | null {
  if (box === undefined) return null;
  const { view, count: entries } = entryCount(box, 8, 4);
  const sync = new Uint32Array(entries);
  for (let i = 0; i < entries; i++) {
    const number = view.getUint32(8 + 4 * i);
    if (number === 0 || number > count || (i > 0 && number - 1 <= sync[i - 1])) throw malformed('sample_number', place(box, 8 + 4 * i), `ascending numbers from 1 to ${count}`, number);
    sync[i] = number - 1;
  }
  return entries === count ? null : sync;
}

/** stsc 8.7.4 and stco or co64 8.7.5. Long chunks are split, short ones that lie one behind the other are joined. */
async function readChunks(stbl: readonly RawBox[], path: string, sizes: Uint32Array, fileSize: number, sampleEntries: number): Promise<Chunks> {
  const large = findBox(stbl, 'co64');
  const chunkBox = large ?? needBox(stbl, 'stco', path);
  const { view: chunks, count: chunkCount } = entryCount(chunkBox, 8, large === undefined ? 4 : 8);
  const box = needBox(stbl, 'stsc', path);
  const { view, count: entries } = entryCount(box, 8, 12);
  const count = sizes.length;
  const most = Math.min(chunkCount, count) + Math.ceil(count / CHUNK_SAMPLES);
  const made: Made = { first: new Uint32Array(most), offset: new Float64Array(most), count: 0, sample: 0, end: -1 };
  for (let i = 0; i < entries; i++) {
    const at = 8 + 12 * i;
    const first = view.getUint32(at);
    const next = i + 1 < entries ? view.getUint32(at + 12) : chunkCount + 1;
    const perChunk = view.getUint32(at + 4);
    if ((i === 0 && first !== 1) || next <= first || next > chunkCount + 1) {
      if (made.sample === count && i > 0) break;
      throw malformed('first_chunk', place(box, at), `ascending chunk numbers from 1 to ${chunkCount}`, i === 0 ? first : next);
    }
    if (perChunk > count) throw malformed('samples_per_chunk', place(box, at + 4), `at most ${count}`, perChunk);
    const description = view.getUint32(at + 8);
    if (description === 0 || description > sampleEntries) throw malformed('sample_description_index', place(box, at + 8), `1 to ${sampleEntries}`, description);
    if (description !== 1) throw unsupported('sample_description_index', place(box, at + 8), '1: one sample entry for the whole track', description);
    for (let chunk = first - 1; chunk < next - 1 && made.sample < count; chunk++) {
      const field = 8 + (large === undefined ? 4 : 8) * chunk;
      const offset = large === undefined ? chunks.getUint32(field) : chunks.getUint32(field) * 0x1_0000_0000 + chunks.getUint32(field + 4);
      const from = made.sample;
      addChunk(made, sizes, offset, Math.min(count, from + perChunk));
      if (made.end > fileSize) throw malformed(`end of the chunk of sample ${from + 1}`, place(chunkBox, field), `at most ${fileSize}, the file's size`, made.end);
      if ((chunk & (CHUNKS_PER_TURN - 1)) === CHUNKS_PER_TURN - 1) await nextTurn();
    }
  }
  if (made.sample !== count) throw malformed('samples in stsc', place(box, 4), `${count}, as in stsz`, made.sample);
  // Copies where much is left over: views would hold it.
  return { first: made.first.slice(0, made.count), offset: made.offset.slice(0, made.count) };
}

type Made = { readonly first: Uint32Array; readonly offset: Float64Array; count: number; sample: number; end: number };

/** Samples up to `stop`, one behind the other from `position` on. */
function addChunk(made: Made, sizes: Uint32Array, position: number, stop: number): void {
  const { first, offset } = made;
  let { count, sample } = made;
  let at = position;
  for (let joins = count > 0 && at === made.end && stop - first[count - 1] <= CHUNK_SAMPLES; sample < stop; joins = false) {
    if (!joins) {
      first[count] = sample;
      offset[count++] = at;
    }
    const last = Math.min(stop, first[count - 1] + CHUNK_SAMPLES);
    for (; sample < last; sample++) at += sizes[sample];
  }
  made.count = count;
  made.sample = sample;
  made.end = at;
}
