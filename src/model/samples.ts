/**
 * The sample table of one track: typed arrays, never an object per sample.
 * 216 000 video samples take 1.3 MB (size 4, composition 2 bytes each, and 12 bytes for each chunk).
 */
import type { Ticks } from '../time.ts';

/** Decode times as runs of equal sample durations. All arrays have one entry per run. */
export type TimeRuns = {
  /** Index of the first sample of the run; ascending, the first is 0. */
  readonly first: Uint32Array;
  /** Decode time of that sample, in ticks relative to the table's base. */
  readonly time: Float64Array;
  /** Duration of each sample of the run, in ticks. */
  readonly delta: Uint32Array;
};

/** Where samples lie: those of a chunk one behind the other. Both arrays have one entry per chunk. */
export type Chunks = {
  /** Index of the first sample of the chunk; ascending, the first is 0. */
  readonly first: Uint32Array;
  /** Position of that sample in the track's source, in bytes. */
  readonly offset: Float64Array;
};

export type SampleTable = {
  readonly count: number;
  /** Added to every time of this table, in ticks. Not 0 only for live archives. */
  readonly base: Ticks;
  /** Bytes of each sample. */
  readonly sizes: Uint32Array;
  readonly chunks: Chunks;
  readonly decode: TimeRuns;
  /** Composition offsets in ticks, in 2 bytes each where all fit, or null when all are 0. */
  readonly composition: Int16Array | Int32Array | null;
  /** Indexes of the sync samples, ascending, or null when every sample is one. */
  readonly sync: Uint32Array | null;
  /** PT - (DTS + composition offset), in ticks: what the edit list and the presentation's start make of it. */
  readonly shift: number;
};

/** Index of the run, or of the chunk, that holds sample `index`. */
export function runOf(runs: Pick<TimeRuns, 'first'>, index: number): number {
  let low = 0;
  let high = runs.first.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (runs.first[middle] <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Decode time of a sample relative to the base; `index` may equal `count`: the end of the last sample. */
export function decodeTime(table: SampleTable, index: number): number {
  const run = runOf(table.decode, index);
  return table.decode.time[run] + (index - table.decode.first[run]) * table.decode.delta[run];
}

/** Presentation time of a sample relative to the base. A frame that straddles 0 is presented at 0 (media-rules 1.2). */
export function presentationTime(table: SampleTable, index: number): number {
  const time = decodeTime(table, index) + (table.composition === null ? 0 : table.composition[index]) + table.shift;
  return time < 0 && table.base === 0n ? 0 : time;
}

/** Where a segment that starts with this sync sample begins: leading pictures, which follow it directly, are presented before it. */
export function earliestTime(table: SampleTable, sync: number): number {
  const own = presentationTime(table, sync);
  let earliest = own;
  if (table.composition === null) return earliest;
  for (let i = sync + 1; i < table.count; i++) {
    const time = presentationTime(table, i);
    if (time >= own) break;
    if (time < earliest) earliest = time;
  }
  return earliest;
}

/**
 * Where a track ends, relative to its base: its last GOP lasts as long as its samples do together, and no less than to the end of the
 * sample that is presented last. Both are the same at a constant rate; at a varying one durations tell decode times, not pictures.
 */
export function endOf(table: SampleTable): number {
  const { count, composition, sync } = table;
  const last = count - 1;
  if (composition === null || count === 0) return presentationTime(table, last) + sampleDuration(table, last);
  const first = sync === null || sync.length === 0 ? last : sync[sync.length - 1];
  const times = presentationTimes(table, first, count);
  const latest = times.reduce((most, time, i) => (time > times[most] ? i : most), 0);
  return Math.max(earliestTime(table, first) + decodeTime(table, count) - decodeTime(table, first), times[latest] + sampleDuration(table, first + latest));
}

/** Duration of a sample in ticks, as stored. */
export function sampleDuration(table: SampleTable, index: number): number {
  return table.decode.delta[runOf(table.decode, index)];
}

/** Presentation times of samples [first, end) relative to the base, in decoding order, in one pass over the runs. */
export function presentationTimes(table: SampleTable, first: number, end: number): Float64Array {
  const times = decodeTimes(table, first, end);
  for (let i = 0; i < times.length; i++) {
    const time = times[i] + (table.composition === null ? 0 : table.composition[first + i]) + table.shift;
    times[i] = time < 0 && table.base === 0n ? 0 : time;
  }
  return times;
}

/** Decode times of samples [first, end) relative to the base. */
export function decodeTimes(table: SampleTable, first: number, end: number): Float64Array {
  const { decode } = table;
  const times = new Float64Array(end - first);
  let run = runOf(decode, first);
  for (let index = first; index < end; ) {
    const runEnd = Math.min(end, run + 1 < decode.first.length ? decode.first[run + 1] : end);
    const delta = decode.delta[run];
    let time = decode.time[run] + (index - decode.first[run]) * delta;
    for (; index < runEnd; index++, time += delta) times[index - first] = time;
    run++;
  }
  return times;
}

/** True when the sample is a sync sample (ISO/IEC 14496-12:2022 8.6.2). */
export function isSync(table: SampleTable, index: number): boolean {
  if (table.sync === null) return true;
  const at = lowerBound(table.sync, index);
  return at < table.sync.length && table.sync[at] === index;
}

/** First position in an ascending array whose value is at least `value`. */
export function lowerBound(values: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bytes stored one behind the other. */
export type StoredRun = { readonly offset: number; readonly length: number };

/** Where samples [first, end) lie, neighbours joined. */
export function storedRuns({ chunks, sizes }: SampleTable, first: number, end: number): readonly StoredRun[] {
  const runs: { offset: number; length: number }[] = [];
  for (let chunk = runOf(chunks, first), sample = first; sample < end; chunk++) {
    let offset = chunks.offset[chunk];
    for (let i = chunks.first[chunk]; i < sample; i++) offset += sizes[i];
    const stop = chunk + 1 < chunks.first.length ? Math.min(end, chunks.first[chunk + 1]) : end;
    let length = 0;
    for (; sample < stop; sample++) length += sizes[sample];
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += length;
    else if (length > 0) runs.push({ offset, length });
  }
  return runs;
}

/** Position of each of samples [first, end) in the track's source. */
export function samplePositions({ chunks, sizes }: SampleTable, first: number, end: number): Float64Array {
  const positions = new Float64Array(end - first);
  for (let chunk = runOf(chunks, first), sample = chunks.first[chunk] ?? 0; sample < end; chunk++) {
    const stop = chunk + 1 < chunks.first.length ? Math.min(end, chunks.first[chunk + 1]) : end;
    for (let offset = chunks.offset[chunk]; sample < stop; offset += sizes[sample++]) if (sample >= first) positions[sample - first] = offset;
  }
  return positions;
}

/** Position of one sample in the track's source. */
export function samplePosition(table: SampleTable, index: number): number {
  return samplePositions(table, index, index + 1)[0];
}

/** Bytes that the table's arrays hold. */
export function heldBytes({ sizes, chunks, decode, composition, sync }: SampleTable): number {
  return [sizes, chunks.first, chunks.offset, decode.first, decode.time, decode.delta, composition, sync].reduce((sum, array) => sum + (array?.byteLength ?? 0), 0);
}

/** Payload bytes of samples [first, end). */
export function payloadBytes(table: SampleTable, first: number, end: number): number {
  let bytes = 0;
  for (let i = first; i < end; i++) bytes += table.sizes[i];
  return bytes;
}

/** The same table without its first `drop` samples; times are kept. */
export function withoutLeading(table: SampleTable, drop: number): SampleTable {
  if (drop === 0) return table;
  const run = runOf(table.decode, drop);
  const time = table.decode.time.slice(run);
  time[0] = decodeTime(table, drop);
  const chunk = runOf(table.chunks, drop);
  const firstOf = ({ first: all }: Pick<TimeRuns, 'first'>, from: number): Uint32Array => all.slice(from).map((index, i) => (i === 0 ? 0 : index - drop));
  const offset = table.chunks.offset.slice(chunk);
  offset[0] = samplePosition(table, drop);
  const sync = table.sync === null ? null : table.sync.slice(lowerBound(table.sync, drop)).map((index) => index - drop);
  return {
    ...table,
    count: table.count - drop,
    sizes: table.sizes.subarray(drop),
    chunks: { first: firstOf(table.chunks, chunk), offset },
    decode: { first: firstOf(table.decode, run), time, delta: table.decode.delta.slice(run) },
    composition: table.composition === null ? null : table.composition.subarray(drop),
    sync,
  };
}
