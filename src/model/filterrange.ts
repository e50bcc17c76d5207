/**
 * Time ranges of filters. A bound is rounded up to the next start of a GOP of the reference set; segments that straddle a rounded bound
 * are kept whole, and the other sets keep the segments whose middle lies in what is kept of the reference, so that all sets begin and end
 * as near to each other as whole segments allow (spec/filters.md says what players do otherwise). Comparisons are exact: bounds have
 * timescales of their own.
 */
import { IsomerError, type ErrorCode } from '../errors.ts';
import type { Filter } from './filter.ts';
import type { SwitchingSet, Track } from './presentation.ts';
import { earliestTime } from './samples.ts';
import { segmentCount, sliceTimeline, type Timeline } from './timeline.ts';
import type { Ticks } from '../time.ts';

/** Numbers in `timescale`; null: not given. */
export type PresentationTimeRange = {
  readonly startTimestamp: bigint | null;
  readonly endTimestamp: bigint | null;
  readonly presentationWindowDuration: bigint | null;
  readonly liveBackoffDuration: bigint | null;
  readonly timescale: bigint;
  readonly forceEndTimestamp: boolean;
};

export const DEFAULT_FILTER_TIMESCALE = 10_000_000n;
/** "For ever": what the service fills in for an end or a window that was not given. */
const UNBOUNDED = 2n ** 63n - 1n;
const MAX_BACKOFF_SECONDS = 300n;
const MIN_WINDOW_SECONDS = 60n;

/** An exact time or duration. */
type Instant = { readonly ticks: bigint; readonly timescale: bigint };

/** What several filters ask for together: the latest start, the earliest end, the longest back-off, the shortest window. */
export type CombinedRange = {
  readonly start: Instant | null;
  readonly end: Instant | null;
  readonly forcedEnd: Instant | null;
  readonly backoff: Instant | null;
  readonly window: Instant | null;
  /** Name of a filter that asks for something that only a live event has. */
  readonly live: { readonly filter: string; readonly code: ErrorCode; readonly what: string } | null;
};

export function combineRanges(filters: readonly Filter[]): CombinedRange {
  let combined: CombinedRange = { start: null, end: null, forcedEnd: null, backoff: null, window: null, live: null };
  for (const { name, presentationTimeRange } of filters) {
    if (presentationTimeRange === null) continue;
    const one = readRange(name, presentationTimeRange);
    combined = {
      start: later(combined.start, one.start),
      end: earlier(combined.end, one.end),
      forcedEnd: earlier(combined.forcedEnd, one.forcedEnd),
      backoff: later(combined.backoff, one.backoff),
      window: earlier(combined.window, one.window),
      live: combined.live ?? one.live,
    };
  }
  const { backoff, window } = combined;
  if (backoff !== null && window !== null && compare(backoff, window) >= 0) {
    throw new IsomerError('MPE_FILTER_LIVE_BACKOFF_OVER_PRESENTATION_WINDOW', { expected: `a back-off below ${seconds(window)} s`, found: `${seconds(backoff)} s` });
  }
  return combined;
}

/** One filter's range, checked. Values that say what holds anyway count as not given: exports of the service carry them. */
function readRange(filter: string, range: PresentationTimeRange): CombinedRange {
  const { timescale } = range;
  const fail = (code: ErrorCode, field: string, expected: string, found: bigint | null): IsomerError =>
    new IsomerError(code, { what: `filter ${filter}`, where: `presentationTimeRange.${field}`, expected, found: found === null ? 'none' : String(found) });
  if (timescale < 1n || timescale > UNBOUNDED) throw fail('MPE_FILTER_RANGE_ATTRIBUTE_INVALID', 'timescale', 'ticks per second', timescale);
  const instant = (field: keyof PresentationTimeRange, code: ErrorCode): Instant | null => {
    const ticks = range[field];
    if (typeof ticks !== 'bigint' || ticks >= UNBOUNDED) return null;
    if (ticks < 0n) throw fail(code, field, 'a number of ticks, not negative', ticks);
    return { ticks, timescale };
  };
  const start = instant('startTimestamp', 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID');
  const end = instant('endTimestamp', 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID');
  const backoff = instant('liveBackoffDuration', 'MPE_FILTER_LIVE_BACKOFF_INVALID');
  const window = instant('presentationWindowDuration', 'MPE_FILTER_PRESENTATION_WINDOW_INVALID');
  if (start === null && range.startTimestamp !== null) throw fail('MPE_FILTER_RANGE_ATTRIBUTE_INVALID', 'startTimestamp', `less than ${UNBOUNDED}`, range.startTimestamp);
  if (start !== null && end !== null && start.ticks >= end.ticks) throw fail('MPE_FILTER_RANGE_ATTRIBUTE_INVALID', 'endTimestamp', `more than startTimestamp, ${start.ticks}`, end.ticks);
  if (range.forceEndTimestamp && end === null) throw fail('MPE_FILTER_RANGE_ATTRIBUTE_INVALID', 'endTimestamp', 'an end, because forceEndTimestamp is true', range.endTimestamp);
  if (backoff !== null && backoff.ticks > MAX_BACKOFF_SECONDS * timescale) throw fail('MPE_FILTER_LIVE_BACKOFF_INVALID', 'liveBackoffDuration', `at most ${MAX_BACKOFF_SECONDS} s`, backoff.ticks);
  if (backoff === null && range.liveBackoffDuration !== null) throw fail('MPE_FILTER_LIVE_BACKOFF_INVALID', 'liveBackoffDuration', `at most ${MAX_BACKOFF_SECONDS} s`, range.liveBackoffDuration);
  if (window !== null && window.ticks < MIN_WINDOW_SECONDS * timescale) throw fail('MPE_FILTER_PRESENTATION_WINDOW_INVALID', 'presentationWindowDuration', `at least ${MIN_WINDOW_SECONDS} s`, window.ticks);
  const held = backoff !== null && backoff.ticks > 0n ? backoff : null;
  const liveOnly: readonly (readonly [given: boolean, code: ErrorCode, what: string])[] = [
    [window !== null, 'MPE_FILTER_PRESENTATION_WINDOW_INVALID', 'presentationWindowDuration'],
    [held !== null, 'MPE_FILTER_LIVE_BACKOFF_INVALID', 'liveBackoffDuration'],
    [range.forceEndTimestamp, 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID', 'forceEndTimestamp'],
  ];
  const found = liveOnly.find(([given]) => given);
  return { start, end, forcedEnd: range.forceEndTimestamp ? end : null, backoff: held, window, live: found === undefined ? null : { filter, code: found[1], what: found[2] } };
}

export type Trimmed = {
  /** Without the sets that have nothing in the range; sets that lose nothing are the same values. */
  readonly switchingSets: readonly SwitchingSet[];
  /** Start of the reference's first segment in 10 MHz when segments before it were cut off, else null. */
  readonly start: Ticks | null;
};

export function trim(sets: readonly SwitchingSet[], reference: SwitchingSet, range: CombinedRange, live: boolean): Trimmed {
  if (!live && range.live !== null) {
    throw new IsomerError(range.live.code, { what: `filter ${range.live.filter}`, where: `presentationTimeRange.${range.live.what}`, expected: 'no such field: the content is on demand', found: range.live.what });
  }
  const { start, end } = live ? liveBounds(reference.timeline, range) : range;
  if (start === null && end === null) return { switchingSets: sets, start: null };
  const { timeline } = reference;
  const keys = keyFramesOf(reference);
  const [roundedStart, roundedEnd] = [start === null ? null : roundUp(keys, start), end === null ? null : roundUp(keys, end)];
  const [from, to] = overlapping(timeline, roundedStart, roundedEnd);
  const empty = roundedStart !== null && roundedEnd !== null && compare(roundedStart, roundedEnd) >= 0;
  if (from >= to || empty) return { switchingSets: [], start: null };
  const bounds = [from > 0 ? boundary(timeline, from) : null, to < segmentCount(timeline) ? boundary(timeline, to) : null] as const;
  const switchingSets = sets.flatMap((set) => {
    const [first, after] = set.name === reference.name ? overlapping(set.timeline, ...bounds) : beside(set.timeline, ...bounds);
    return first < after ? sliceSet(set, first, after) : [];
  });
  return { switchingSets, start: from > 0 ? timeline.names[from] : null };
}

/** The live window ends `backoff` before the live edge and is `window` long; the end counts only when it is forced. */
function liveBounds(timeline: Timeline, { start, forcedEnd, backoff, window }: CombinedRange): { readonly start: Instant | null; readonly end: Instant | null } {
  const left = boundary(timeline, 0);
  const edge = boundary(timeline, segmentCount(timeline));
  if (forcedEnd !== null && (compare(forcedEnd, left) <= 0 || (start !== null && compare(start, left) < 0))) {
    throw new IsomerError('MPE_FILTER_FORCE_END_LEFT_EDGE_CROSSED_DVR_WINDOW', { what: 'presentationTimeRange', expected: `times from ${seconds(left)} s on`, found: `${start === null ? '' : `${seconds(start)} s to `}${seconds(forcedEnd)} s` });
  }
  const length = minus(edge, left);
  if (backoff !== null && compare(backoff, length) >= 0) {
    throw new IsomerError('MPE_FILTER_LIVE_BACKOFF_OVER_DVRWINDOW', { expected: `a back-off below ${seconds(length)} s`, found: `${seconds(backoff)} s` });
  }
  const right = backoff === null ? edge : minus(edge, backoff);
  return { start: window === null ? start : later(start, minus(edge, window)), end: earlier(forcedEnd, backoff === null ? null : right) };
}

/** Tracks that end before the range are left out; none left: no set. */
function sliceSet(set: SwitchingSet, from: number, to: number): readonly SwitchingSet[] {
  if (from === 0 && to === segmentCount(set.timeline)) return [set];
  const tracks = set.tracks.filter(({ cuts }) => cuts[from] < cuts[to]).map((track) => ({ ...track, cuts: track.cuts.subarray(from, to + 1) }));
  return tracks.length === 0 ? [] : [{ ...set, timeline: sliceTimeline(set.timeline, from, to), tracks }];
}

/** Segments [from, to) that overlap [start, end). */
function overlapping(timeline: Timeline, start: Instant | null, end: Instant | null): readonly [from: number, to: number] {
  const count = segmentCount(timeline);
  const from = start === null ? 0 : least(count, (i) => compare(boundary(timeline, i + 1), start) > 0);
  const to = end === null ? count : least(count, (i) => compare(boundary(timeline, i), end) >= 0);
  return [from, to];
}

/** Segments [from, to) whose middle lies in [start, end); where there is none, the one that holds the range's middle. */
function beside(timeline: Timeline, start: Instant | null, end: Instant | null): readonly [from: number, to: number] {
  const count = segmentCount(timeline);
  const middleOf = (a: Instant, b: Instant): Instant => ({ ticks: a.ticks * b.timescale + b.ticks * a.timescale, timescale: 2n * a.timescale * b.timescale });
  const from = (time: Instant): number => least(count, (i) => compare(middleOf(boundary(timeline, i), boundary(timeline, i + 1)), time) >= 0);
  const [first, after] = [start === null ? 0 : from(start), end === null ? count : from(end)];
  if (first < after) return [first, after];
  const [left, right] = [later(start, boundary(timeline, 0)), earlier(end, boundary(timeline, count))];
  if (left === null || right === null || compare(left, right) >= 0) return [0, 0];
  const middle = middleOf(left, right);
  const holding = least(count, (i) => compare(boundary(timeline, i + 1), middle) > 0);
  return [holding, holding + 1];
}

type Keys = { readonly count: number; at(index: number): Instant; readonly end: Instant };

/** Key frames of the track that has most of them: those of all tracks coincide as far as these go. */
function keyFramesOf({ tracks, timeline }: SwitchingSet): Keys {
  const countOf = ({ samples }: Track): number => samples.sync?.length ?? samples.count;
  const { samples, timescale } = tracks.reduce((most, track) => (countOf(track) > countOf(most) ? track : most));
  return {
    count: samples.sync?.length ?? samples.count,
    at: (index) => ({ ticks: samples.base + BigInt(earliestTime(samples, samples.sync?.[index] ?? index)), timescale: BigInt(timescale) }),
    end: boundary(timeline, segmentCount(timeline)),
  };
}

function roundUp(keys: Keys, time: Instant): Instant {
  const index = least(keys.count, (i) => compare(keys.at(i), time) >= 0);
  if (index < keys.count) return keys.at(index);
  // Behind the last GOP's start: at most the end, and what lies behind the end stays there.
  return compare(time, keys.end) > 0 ? time : keys.end;
}

/** The least index below `count` for which an ascending condition holds, else `count`. */
function least(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function boundary({ boundaries, timescale }: Timeline, index: number): Instant {
  return { ticks: boundaries[index], timescale: BigInt(timescale) };
}

function compare(a: Instant, b: Instant): number {
  const difference = a.ticks * b.timescale - b.ticks * a.timescale;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function minus(a: Instant, b: Instant): Instant {
  return { ticks: a.ticks * b.timescale - b.ticks * a.timescale, timescale: a.timescale * b.timescale };
}

function later(a: Instant | null, b: Instant | null): Instant | null {
  if (a === null || b === null) return a ?? b;
  return compare(a, b) >= 0 ? a : b;
}

function earlier(a: Instant | null, b: Instant | null): Instant | null {
  if (a === null || b === null) return a ?? b;
  return compare(a, b) <= 0 ? a : b;
}

function seconds({ ticks, timescale }: Instant): string {
  return (Number((ticks * 1000n) / timescale) / 1000).toString();
}
