/** What manifests measure: durations over boundaries, bit rates over segment sizes. */
import { HNS_PER_SECOND, type Ticks } from '../time.ts';
import { createKept } from '../model/kept.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';

/** Bytes of what a client receives, headers included. */
export type Sizes = {
  readonly segmentBytes: (track: Track, segment: number) => number;
  /** `keyFrame` counts the track's sync samples from 0. */
  readonly keyFrameBytes: (track: Track, keyFrame: number) => number;
};

export type BitRates = { readonly peak: number; readonly average: number };

const known = createKept<string, unknown>();

/**
 * What is reckoned once for a track as long as that lives: thousands of segments and key frames are added up for each, and every filter
 * asks for the same tracks again. Views that cut a set have tracks and timelines of their own; `key` names what else the value depends on.
 */
export function oncePerTrack<T>(sizes: Pick<Sizes, 'segmentBytes'>, { timeline }: SwitchingSet, track: Track, key: string, make: () => T): T {
  return known([sizes, timeline, track], key, make) as T;
}

/** The longest segment of some sets, in 10 MHz. */
export function longestSegment(sets: readonly SwitchingSet[]): Ticks {
  let longest = 0n;
  for (const { timeline } of sets) {
    const { names } = timeline;
    for (let i = 0; i + 1 < names.length; i++) if (names[i + 1] - names[i] > longest) longest = names[i + 1] - names[i];
  }
  return longest;
}

/** Start and end of some sets together, in 10 MHz. */
export function extentOf(sets: readonly SwitchingSet[]): { readonly start: Ticks; readonly end: Ticks } {
  const starts = sets.map(({ timeline }) => timeline.names[0]);
  const ends = sets.map(({ timeline }) => timeline.names[timeline.names.length - 1]);
  return { start: starts.reduce((a, b) => (b < a ? b : a)), end: ends.reduce((a, b) => (b > a ? b : a)) };
}

/** Where presentation starts, in 10 MHz: one time for all sets. A filter that cut the start off says it, else it is the earliest segment. */
export function startOf({ view }: Presentation, sets: readonly SwitchingSet[]): Ticks {
  return view?.start ?? extentOf(sets).start;
}

export function ceilDivide(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

export function ceilSeconds(hns: Ticks): number {
  return Number(ceilDivide(hns, BigInt(HNS_PER_SECOND)));
}

/**
 * Peak and average segment bit rate (RFC 8216 4.3.4.2): the peak is the largest rate of any run of segments that lasts 0.5 to 1.5 target
 * durations, so one short segment at the end does not count alone. Both are rounded up; the peak is never below the average.
 */
export function bitRates(edges: BigInt64Array, bytesOf: (segment: number) => number, targetSeconds: number): BitRates {
  const count = edges.length - 1;
  const bytes = Array.from({ length: count }, (_, i) => bytesOf(i));
  const seconds = Array.from({ length: count }, (_, i) => Number(edges[i + 1] - edges[i]) / HNS_PER_SECOND);
  let peak = 0;
  for (let first = 0; first < count; first++) {
    let size = 0;
    let duration = 0;
    for (let i = first; i < count; i++) {
      size += bytes[i];
      duration += seconds[i];
      if (duration > 1.5 * targetSeconds) break;
      if (duration >= 0.5 * targetSeconds) peak = Math.max(peak, (8 * size) / duration);
    }
  }
  const total = bytes.reduce((sum, size) => sum + size, 0);
  const average = Math.ceil((8 * total * HNS_PER_SECOND) / Number(edges[count] - edges[0]));
  return { peak: Math.max(Math.ceil(peak), average), average };
}

/**
 * The smallest minBufferTime, in 10 MHz, with which a channel of `bandwidth` bits per second brings every segment whole before its
 * presentation starts, from whatever segment playback begins (ISO/IEC 23009-1 5.3.5.2, @bandwidth). Exact: integers only.
 */
export function minimumBuffer(edges: BigInt64Array, bytesOf: (segment: number) => number, bandwidth: number): Ticks {
  const rate = BigInt(bandwidth);
  const unit = BigInt(8 * HNS_PER_SECOND);
  let received = 0n;
  let least: bigint | null = null;
  let worst = 0n;
  for (let i = 0; i + 1 < edges.length; i++) {
    const played = (edges[i] - edges[0]) * rate;
    const slack = received - played;
    if (least === null || slack < least) least = slack;
    received += BigInt(bytesOf(i)) * unit;
    if (received - played - least > worst) worst = received - played - least;
  }
  return ceilDivide(worst, rate);
}
