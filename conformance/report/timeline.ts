/** What a manifest lists, what the media says and what is stored, per track in seconds: the data of a plot, not a verdict. */
import { mediaSegments, mediaTimescale, transportOf } from '../media.ts';
import { formatRow } from '../outputs.ts';
import { durationOf, presentationTimes, type TrackFragment } from '../oracle/fragments.ts';
import { truthOfTrack, type TruthTrackView, type TruthView } from '../oracle/truth.ts';
import type { TraceReader } from '../trace.ts';
import { fullTracks, timeScaleOf, trackName, type SegmentView, type TrackView, type View } from '../view.ts';
import type { SegmentRow, TrackRow } from './pagedata.ts';

export const MAX_TRACKS = 16;
export const MAX_SEGMENTS = 240;
const MAX_SYNC = 400;
/** Media rule 1.5: stamps begin at ten seconds. */
const AMS_STAMP_OFFSET = 10;
const STAMPS_PER_SECOND = 90_000;
const WRAP = 2 ** 33 / STAMPS_PER_SECOND;
const VIDEO_TYPES: ReadonlySet<number> = new Set([0x1b, 0x24]);

export function timelineOf(reader: TraceReader, view: View, truth: TruthView | null): readonly TrackRow[] {
  const transport = formatRow(view.format).container === 'ts';
  // WebVTT segments beside transport streams are documents: they have cues, and no times of a segment.
  return fullTracks(view)
    .filter(({ kind }) => !(transport && kind === 'text'))
    .slice(0, MAX_TRACKS)
    .map((track) => {
      const shown = track.segments.slice(0, MAX_SEGMENTS);
      const listed = listedTimes(track, shown);
      const stored = truth === null ? null : truthOfTrack(truth, track, reader.trace.target.profile);
      return {
        name: trackName(track),
        kind: track.kind,
        segments: transport ? transportRows(reader, track, shown, listed) : fragmentRows(reader, track, shown, listed),
        more: track.segments.length - shown.length,
        truth: stored === null ? null : truthRow(stored),
      };
    });
}

type Listed = { readonly start: number; readonly duration: number };

/** From the manifest or the URLs; where neither gives a start, one segment begins where the last ended. */
function listedTimes(track: TrackView, segments: readonly SegmentView[]): readonly Listed[] {
  let next = 0;
  return segments.map((segment) => {
    const start = segment.time === null ? next : Number(segment.time) / timeScaleOf(track, segment);
    const duration = Number(segment.duration) / segment.timescale;
    next = start + duration;
    return { start, duration };
  });
}

function fragmentRows(reader: TraceReader, track: TrackView, shown: readonly SegmentView[], listed: readonly Listed[]): SegmentRow[] {
  const timescale = mediaTimescale(reader, track) ?? 0;
  const fragments = new Map(mediaSegments(reader, { ...track, segments: shown }).map(({ segment, facts }) => [segment.url, facts.fragments]));
  return shown.map(({ url }, i) => row(listed[i], timescale === 0 ? null : extentOf(fragments.get(url) ?? [], timescale)));
}

type Extent = { readonly start: number; readonly end: number };

function extentOf(fragments: readonly TrackFragment[], timescale: number): Extent | null {
  const extents = fragments.flatMap((fragment): Extent[] => {
    if (fragment.tfxd !== null) return [{ start: Number(fragment.tfxd.time) / timescale, end: Number(fragment.tfxd.time + durationOf(fragment)) / timescale }];
    const times = presentationTimes(fragment);
    if (times.length === 0) return [];
    const start = times.reduce((least, time) => (time < least ? time : least));
    return [{ start: Number(start) / timescale, end: Number(start + durationOf(fragment)) / timescale }];
  });
  return extents.length === 0 ? null : { start: Math.min(...extents.map(({ start }) => start)), end: Math.max(...extents.map(({ end }) => end)) };
}

/** PES packets of the track's own kind. The last one's duration is not in the stream: it is taken to be the middle one. */
function transportRows(reader: TraceReader, track: TrackView, shown: readonly SegmentView[], listed: readonly Listed[]): SegmentRow[] {
  const extents = shown.map((segment) => {
    const transport = transportOf(reader, segment);
    const pids = new Set((transport?.streams ?? []).filter(({ streamType }) => VIDEO_TYPES.has(streamType) === (track.kind === 'video')).map(({ pid }) => pid));
    const stamps = (transport?.pes ?? []).flatMap(({ pid, pts }) => (pids.has(pid) && pts !== null ? [pts / STAMPS_PER_SECOND] : [])).toSorted((a, b) => a - b);
    if (stamps.length === 0) return null;
    const steps = stamps.slice(1).map((stamp, i) => stamp - stamps[i]).toSorted((a, b) => a - b);
    return { start: stamps[0], end: stamps[stamps.length - 1] + (steps[Math.floor(steps.length / 2)] ?? 0) };
  });
  const firstAt = extents.findIndex((extent) => extent !== null);
  const offset = reader.trace.target.profile === 'ams' || firstAt < 0 ? AMS_STAMP_OFFSET : (extents[firstAt]?.start ?? 0) - listed[firstAt].start;
  return listed.map((each, i) => {
    const extent = extents[i];
    if (extent === null) return row(each, null);
    // Stamps have 33 bits: the turn that comes nearest to the list is meant.
    const turns = Math.round((each.start + offset - extent.start) / WRAP) * WRAP;
    return row(each, { start: extent.start - offset + turns, end: extent.end - offset + turns });
  });
}

function row({ start, duration }: Listed, media: Extent | null): SegmentRow {
  return [seconds(start), seconds(duration), media === null ? null : seconds(media.start), media === null ? null : seconds(media.end)];
}

function truthRow({ samples, timescale }: TruthTrackView): TrackRow['truth'] {
  if (samples.length === 0) return null;
  const sync = samples.filter((sample) => sample.sync);
  const start = samples.reduce((least, { time }) => (time < least ? time : least), samples[0].time);
  const end = samples.reduce((most, { time, duration }) => (time + duration > most ? time + duration : most), 0n);
  // Where every sample is one, marks would only be a grey bar.
  const marks = sync.length === samples.length ? [] : sync.slice(0, MAX_SYNC).map(({ time }) => seconds(Number(time) / timescale));
  return { start: seconds(Number(start) / timescale), end: seconds(Number(end) / timescale), sync: marks };
}

/** A time scale of 0 gives no time at all. */
function seconds(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 1e6) / 1e6 : 0;
}
