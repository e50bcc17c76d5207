/**
 * Sample tables (ISO/IEC 14496-12:2022 8.6 and 8.7) straight into typed arrays: one pass per table, no object per sample.
 * Counts are checked against the box before anything is allocated for them.
 */
import type { SampleTable, TimeRuns } from '../model/samples.ts';
import { findBox, malformed, needBox, needBytes, unsupported, type RawBox } from './walk.ts';

/** In all tracks of a file: four days of AAC, and 320 MB of typed arrays. */
export const MAX_SAMPLES = 20_000_000;

export const EMPTY_TABLE: SampleTable = {
  count: 0,
  base: 0n,
  sizes: new Uint32Array(0),
  offsets: new Float64Array(0),
  decode: { first: new Uint32Array(0), time: new Float64Array(0), delta: new Uint32Array(0) },
  composition: null,
  sync: null,
  shift: 0,
};

/** What a file allows: its size bounds every sample's position, `samples` is what is left of MAX_SAMPLES. */
export type TableLimits = { readonly fileSize: number; readonly samples: number };

/** `stbl` is the container's content, `entries` the count of sample entries. */
export function readSampleTable(stbl: readonly RawBox[], path: string, limits: TableLimits, entries: number): SampleTable {
  const { fileSize } = limits;
  const sizes = readSizes(stbl, path, limits);
  const count = sizes.length;
  return {
    count,
    base: 0n,
    sizes,
    offsets: readOffsets(stbl, path, sizes, fileSize, entries),
    decode: readDecodeTimes(needBox(stbl, 'stts', path), count),
    composition: readCompositions(findBox(stbl, 'ctts'), count),
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
function readSizes(stbl: readonly RawBox[], path: string, { fileSize, samples }: TableLimits): Uint32Array {
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
  const sizes = new Uint32Array(count);
  for (let i = 0, at = 12; i < count; i++, at += 4) sizes[i] = view.getUint32(at);
  return sizes;
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
function readCompositions(box: RawBox | undefined, count: number): Int32Array | null {
  if (box === undefined) return null;
  const { view, count: entries } = entryCount(box, 8, 8);
  const offsets = new Int32Array(count);
  let sample = 0;
  let any = false;
  for (let i = 0; i < entries; i++) {
    const length = view.getUint32(8 + 8 * i);
    const offset = view.getInt32(12 + 8 * i);
    if (length > count - sample) throw malformed('samples in ctts', place(box, 8 + 8 * i), `${count}, as in stsz`, sample + length);
    if (offset !== 0) {
      any = true;
      // With B pictures nearly every run is one sample long.
      if (length === 1) offsets[sample] = offset;
      else offsets.fill(offset, sample, sample + length);
    }
    sample += length;
  }
  if (sample !== count) throw malformed('samples in ctts', place(box, 4), `${count}, as in stsz`, sample);
  return any ? offsets : null;
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

/** stsc 8.7.4 and stco or co64 8.7.5. */
function readOffsets(stbl: readonly RawBox[], path: string, sizes: Uint32Array, fileSize: number, sampleEntries: number): Float64Array {
  const large = findBox(stbl, 'co64');
  const chunkBox = large ?? needBox(stbl, 'stco', path);
  const { view: chunks, count: chunkCount } = entryCount(chunkBox, 8, large === undefined ? 4 : 8);
  const box = needBox(stbl, 'stsc', path);
  const { view, count: entries } = entryCount(box, 8, 12);
  const count = sizes.length;
  const offsets = new Float64Array(count);
  let sample = 0;
  for (let i = 0; i < entries; i++) {
    const at = 8 + 12 * i;
    const first = view.getUint32(at);
    const next = i + 1 < entries ? view.getUint32(at + 12) : chunkCount + 1;
    const perChunk = view.getUint32(at + 4);
    if ((i === 0 && first !== 1) || next <= first || next > chunkCount + 1) {
      if (sample === count && i > 0) break;
      throw malformed('first_chunk', place(box, at), `ascending chunk numbers from 1 to ${chunkCount}`, i === 0 ? first : next);
    }
    if (perChunk > count) throw malformed('samples_per_chunk', place(box, at + 4), `at most ${count}`, perChunk);
    const description = view.getUint32(at + 8);
    if (description === 0 || description > sampleEntries) throw malformed('sample_description_index', place(box, at + 8), `1 to ${sampleEntries}`, description);
    if (description !== 1) throw unsupported('sample_description_index', place(box, at + 8), '1: one sample entry for the whole track', description);
    for (let chunk = first - 1; chunk < next - 1 && sample < count; chunk++) {
      const field = 8 + (large === undefined ? 4 : 8) * chunk;
      let offset = large === undefined ? chunks.getUint32(field) : chunks.getUint32(field) * 0x1_0000_0000 + chunks.getUint32(field + 4);
      for (let k = Math.min(perChunk, count - sample); k > 0; k--) {
        const size = sizes[sample];
        if (offset + size > fileSize) throw malformed(`end of sample ${sample + 1}`, place(chunkBox, field), `at most ${fileSize}, the file's size`, offset + size);
        offsets[sample++] = offset;
        offset += size;
      }
    }
  }
  if (sample !== count) throw malformed('samples in stsc', place(box, 4), `${count}, as in stsz`, sample);
  return offsets;
}
