/** Key-frame entries against the truth: each is the stored key frame at its time. */
import { delivered, framingOf, initOf, segmentOf, transportOf } from '../media.ts';
import { inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { sampleBytes } from '../oracle/fragments.ts';
import { annexBUnits } from '../oracle/ts.ts';
import { hashOfUnits, normalisedHash, truthOfTrack, type TruthSample, type TruthTrackView } from '../oracle/truth.ts';
import type { TraceReader } from '../trace.ts';
import { fullTracks, segmentPath, trackName, type SegmentView, type TrackView } from '../view.ts';
import { judged, problem, trackPath } from './helpers.ts';
import { stampOf } from './media.ts';
import { transportSamples } from './transport-samples.ts';

const HNS = 10_000_000n;

export const KEY_FRAME_CHECKS: readonly FormatCheck[] = [
  {
    id: 'media/key-frames',
    requirements: ['ISO-021', 'ISO-022'],
    title: 'every entry of a key-frame playlist is the stored key frame of its time, and none is left out',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['hls-v4', 'hls-cmaf'],
    run(context) {
      const { truth, view, profile } = context;
      if (truth === null) return [inapplicable('tracks', 'the content is unknown')];
      return view.tracks.filter(({ keyFrames }) => keyFrames).flatMap((track) => {
        const real = truthOfTrack(truth, track, profile);
        return real === null ? [problem(trackPath(track), 'the asset has no such track')] : trackFindings(context, track, real);
      });
    },
  },
];

function trackFindings(context: FormatContext, track: TrackView, real: TruthTrackView): readonly Finding[] {
  const stored = real.samples.filter(({ sync }) => sync);
  const findings = track.segments.flatMap((segment, i) => {
    const wanted = stored.find((sample) => nameOf(sample, real) === segment.time) ?? null;
    if (wanted === null) return [problem(segmentPath(track, segment), 'no key frame is stored for this time', { actual: String(segment.time), at: segment.exchange })];
    const path = `${segmentPath(track, segment)}/${i}`;
    const fault = delivered(segment.exchange) ? faultOf(context, track, segment, wanted, real) : null;
    return judged(path, fault === null ? [] : [problem(path, fault.message, { wanted: fault.wanted, actual: fault.actual, at: segment.exchange })]);
  });
  const path = `playlist/${trackName(track)}`;
  return [...findings, ...judged(path, stored.length === track.segments.length ? [] : [problem(path, 'the playlist has not one entry per key frame', { wanted: String(stored.length), actual: String(track.segments.length) })])];
}

function nameOf({ time }: TruthSample, { timescale }: TruthTrackView): bigint {
  return (time * HNS) / BigInt(timescale);
}

type Fault = { readonly message: string; readonly wanted: string; readonly actual: string };

/** The same picture is decoded at the same time in the track with all pictures. */
function decodeFault(reader: TraceReader, whole: TrackView | null, pts: number, dts: number | null): Fault | null {
  const same = whole === null ? undefined : transportSamples(reader, whole).find(({ kind }) => kind === 'video')?.samples.find((sample) => sample.pts === pts);
  return same === undefined || same.dts === dts ? null : { message: 'the picture has another decoding stamp than in the whole track', wanted: String(same.dts), actual: String(dts) };
}

function faultOf({ reader, view }: FormatContext, track: TrackView, segment: SegmentView, wanted: TruthSample, real: TruthTrackView): Fault | null {
  const other = (actual: string | null): Fault => ({ message: 'the entry holds another picture than the stored key frame', wanted: String(wanted.normalised), actual: String(actual) });
  if (track.init === null) {
    const whole = fullTracks(view).find(({ set, bitrate }) => set === track.set && bitrate === track.bitrate) ?? null;
    const transport = transportOf(reader, segment);
    const [picture] = (transport?.pes ?? []).filter(({ streamId }) => (streamId & 0xf0) === 0xe0);
    if (picture === undefined) return other(null);
    const codec = transport?.streams.some(({ streamType }) => streamType === 0x24) === true ? 'hevc' : 'avc';
    const hash = hashOfUnits(annexBUnits(picture.payload), codec);
    if (hash !== wanted.normalised) return other(hash);
    const stamp = stampOf(wanted.time, real.timescale);
    if (picture.pts === stamp) return decodeFault(reader, whole, picture.pts, picture.dts);
    return { message: 'the picture has another time stamp', wanted: String(stamp), actual: String(picture.pts) };
  }
  const facts = segmentOf(reader, track, segment);
  const framing = framingOf(reader, track);
  const [fragment] = facts?.fragments ?? [];
  const [sample] = fragment?.samples ?? [];
  if (facts === null || framing === null || sample === undefined) return other(null);
  const hash = normalisedHash(sampleBytes(facts, sample), framing.lengthSize, framing.codec);
  if (hash !== wanted.normalised) return other(hash);
  const timescale = BigInt(initOf(reader, track)?.tracks[0]?.timescale ?? 0);
  const time = (fragment.decodeTime ?? -1n) + BigInt(sample.composition);
  const exact = timescale === 0n ? null : (wanted.time * timescale) / BigInt(real.timescale);
  return exact === null || time === exact ? null : { message: 'the picture is presented at another time', wanted: String(exact), actual: String(time) };
}
