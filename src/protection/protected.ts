/**
 * The protected bytes of a run of samples as ranges of their payload, and where windows of the payload may be cut: ciphers
 * go through a payload of any length window by window.
 */
import { BLOCK_BYTES, type SubsampleMap } from './subsamples.ts';

/** One entry per protected range that is not empty, in order. Positions are in the payload: all samples one after the other. */
export type ProtectedRanges = {
  readonly starts: Float64Array;
  readonly lengths: Uint32Array;
  readonly samples: Uint32Array;
  /** Protected bytes of the same sample before the range. */
  readonly before: Float64Array;
};

/** Enciphers bytes in place: those of the payload from position `from` on. Windows come in order, cut where `cutBefore` says. */
export type PayloadCipher = (bytes: Uint8Array, from: number) => void;

/** Whole blocks of ciphers, and whole turns of the pattern 1:9 and 5:5. */
const CUT_BYTES = 10 * BLOCK_BYTES;

/** Without a map each sample is one range. */
export function protectedRanges(sizes: Uint32Array, map: SubsampleMap | null): ProtectedRanges {
  const most = map === null ? sizes.length : map.protectedBytes.length;
  const [starts, lengths, samples, before] = [new Float64Array(most), new Uint32Array(most), new Uint32Array(most), new Float64Array(most)];
  let count = 0;
  let start = 0;
  let entry = 0;
  for (let i = 0; i < sizes.length; i++) {
    let at = start;
    let done = 0;
    for (const end = entry + (map === null ? 1 : map.counts[i]); entry < end; entry++) {
      if (map !== null) at += map.clear[entry];
      const bytes = map === null ? sizes[i] : map.protectedBytes[entry];
      if (bytes === 0) continue;
      starts[count] = at;
      lengths[count] = bytes;
      samples[count] = i;
      before[count++] = done;
      at += bytes;
      done += bytes;
    }
    start += sizes[i];
  }
  return { starts: starts.subarray(0, count), lengths: lengths.subarray(0, count), samples: samples.subarray(0, count), before: before.subarray(0, count) };
}

/** Index of the first range that ends behind a position; the count of ranges when there is none. */
export function rangeFrom({ starts, lengths }: ProtectedRanges, position: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle] + lengths[middle] > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The last place at or before `position` where a window may end: outside of protected ranges, or whole turns into one. */
export function cutBefore(ranges: ProtectedRanges, position: number): number {
  const index = rangeFrom(ranges, position);
  const start = index < ranges.starts.length ? ranges.starts[index] : Infinity;
  return start >= position ? position : position - ((position - start) % CUT_BYTES);
}

/** Calls `part` for what lies of each range in the window: place in the window, bytes, place in the range, index of the range. */
export function partsWithin(ranges: ProtectedRanges, from: number, bytes: number, part: (at: number, length: number, offset: number, index: number) => void): void {
  for (let index = rangeFrom(ranges, from); index < ranges.starts.length && ranges.starts[index] < from + bytes; index++) {
    const first = Math.max(from, ranges.starts[index]);
    const last = Math.min(from + bytes, ranges.starts[index] + ranges.lengths[index]);
    part(first - from, last - first, first - ranges.starts[index], index);
  }
}
