/**
 * Where a switching set is cut. Boundaries are kept in the set's own timescale; the 10 MHz names of segments are
 * floors of them (media-rules 1.3), so durations in 10 MHz are differences of floors and never drift.
 */
import { toHns, toHnsRelative, type Ticks } from '../time.ts';

export type Timeline = {
  /** Ticks per second of `boundaries`. */
  readonly timescale: number;
  /** Presentation times: segment i is [boundaries[i], boundaries[i + 1]); length = segments + 1. */
  readonly boundaries: BigInt64Array;
  /** The boundaries in 10 MHz: names[i] is the time of segment i in URLs and manifests. */
  readonly names: BigInt64Array;
  /** Segments of the stored timeline before segment 0: 0 unless a filter cut them off. */
  readonly first: number;
};

export function timelineOf(boundaries: BigInt64Array, timescale: number): Timeline {
  const names = new BigInt64Array(boundaries.length);
  for (let i = 0; i < names.length; i++) {
    // Where numbers are exact: arithmetic of bigints costs many times theirs.
    const time = Number(boundaries[i]);
    const name = Number.isSafeInteger(time) ? toHnsRelative(time, timescale) : NaN;
    names[i] = Number.isSafeInteger(name) ? BigInt(name) : toHns(boundaries[i], timescale);
  }
  return { timescale, boundaries, names, first: 0 };
}

/** Segments [from, to) of a timeline; it shares the other's memory. */
export function sliceTimeline({ timescale, boundaries, names, first }: Timeline, from: number, to: number): Timeline {
  return { timescale, boundaries: boundaries.subarray(from, to + 1), names: names.subarray(from, to + 1), first: first + from };
}

export function segmentCount(timeline: Timeline): number {
  return timeline.boundaries.length - 1;
}

/** Index of the segment whose name is exactly `time` (10 MHz), or -1. */
export function findSegment(timeline: Timeline, time: Ticks): number {
  let low = 0;
  let high = segmentCount(timeline) - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const name = timeline.names[middle];
    if (name === time) return middle;
    if (name < time) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Start and end of the whole set in 10 MHz. */
export function extent(timeline: Timeline): { readonly start: Ticks; readonly end: Ticks } {
  return { start: timeline.names[0], end: timeline.names[timeline.names.length - 1] };
}

/** Runs of equal durations, for S elements, c elements and their like: values are differences of `edges`. */
export function durationRuns(edges: BigInt64Array): { start: Ticks; duration: Ticks; count: number }[] {
  const runs: { start: Ticks; duration: Ticks; count: number }[] = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const duration = edges[i + 1] - edges[i];
    const last = runs[runs.length - 1];
    if (last !== undefined && last.duration === duration) last.count++;
    else runs.push({ start: edges[i], duration, count: 1 });
  }
  return runs;
}
