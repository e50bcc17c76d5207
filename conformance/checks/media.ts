/** Media against the truth: nothing is re-encoded, lost, doubled or moved (media rules 1 and 4). */
import { formatRow } from '../outputs.ts';
import { allDelivered, comparableHash, mediaTimescale, samplesOf, type ServedSample } from '../media.ts';
import { ALL, cantTell, FMP4, inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { isSync } from '../oracle/fragments.ts';
import { clockDistance } from '../oracle/ts.ts';
import { truthOfTrack, type TruthSample, type TruthTrackView } from '../oracle/truth.ts';
import { fullTracks, segmentPath, trackName, type TrackView, type View } from '../view.ts';
import { judged, problem, trackPath } from './helpers.ts';
import { transportSamples, type TransportSample } from './transport-samples.ts';

const HNS = 10_000_000n;

export const MEDIA_CHECKS: readonly FormatCheck[] = [
  {
    id: 'media/samples-unchanged',
    requirements: ['BMFF-009', 'ISO-012', 'ISO-013'],
    title: 'delivered samples are the stored ones: as many, in order, byte for byte in their form',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      eachTruth(context, (track, truth) => {
        if (!allDelivered(track)) return [cantTell(trackPath(track), 'not all segments were captured')];
        const served = samplesOf(context.reader, track);
        const normalised = formatRow(context.format).samples === 'normalised' && track.kind === 'video';
        const wanted = truth.samples.map((sample) => (normalised ? sample.normalised : sample.raw));
        const actual = served.map((sample) => comparableHash(context.view, track, sample));
        return sequenceProblems(track, wanted, actual, (index) => served[index]?.segment ?? track.segments[0]);
      }),
  },
  {
    id: 'media/borders',
    requirements: ['ISO-016'],
    title: 'no sample is lost or doubled across a segment border',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      eachTruth(context, (track, truth) => {
        if (!allDelivered(track)) return [cantTell(trackPath(track), 'not all segments were captured')];
        return borderProblems(context, track, truth);
      }),
  },
  {
    id: 'media/times',
    requirements: ['ISO-001', 'ISO-002', 'MSS-039', 'DASH-026'],
    title: 'every sample is presented at its stored time, floored to the timescale of the format',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      eachTruth(context, (track, truth) => {
        const timescale = mediaTimescale(context.reader, track);
        if (timescale === null || !allDelivered(track)) return [cantTell(trackPath(track), 'timescale unknown, or not all segments captured')];
        const served = samplesOf(context.reader, track);
        if (served.some(({ time }) => time === null)) return [cantTell(trackPath(track), 'a fragment tells no time')];
        const bad = served.findIndex(({ time }, i) => i < truth.samples.length && time !== floorTo(truth.samples[i].time, truth.timescale, timescale));
        if (bad < 0) return [];
        const { segment, time } = served[bad];
        return [problem(segmentPath(track, segment), 'a sample is presented at another time', { wanted: `${floorTo(truth.samples[bad].time, truth.timescale, timescale)}/${timescale}`, actual: `${time}/${timescale}`, at: segment.exchange, pointer: `sample ${bad + 1} of the track` })];
      }),
  },
  {
    id: 'media/durations',
    requirements: ['BMFF-009'],
    title: 'samples keep their durations within a tick, but for the last of a segment',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      eachTruth(context, (track, truth) => {
        const timescale = mediaTimescale(context.reader, track);
        if (timescale === null || !allDelivered(track)) return [cantTell(trackPath(track), 'timescale unknown, or not all segments captured')];
        const served = samplesOf(context.reader, track);
        const bad = served.findIndex(({ duration, lastOfSegment }, i) => !lastOfSegment && i < truth.samples.length && offByMoreThanATick(BigInt(duration), timescale, presentedDuration(truth, i), truth.timescale));
        if (bad < 0) return [];
        return [problem(segmentPath(track, served[bad].segment), 'a sample lasts longer or shorter than stored', { wanted: `${presentedDuration(truth, bad)}/${truth.timescale}`, actual: `${served[bad].duration}/${timescale}`, at: served[bad].segment.exchange, pointer: `sample ${bad + 1} of the track` })];
      }),
  },
  {
    id: 'media/sync-flags',
    requirements: ['BMFF-009', 'DASH-031'],
    title: 'sync samples are flagged as they are stored',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      eachTruth(context, (track, truth) => {
        if (!allDelivered(track)) return [cantTell(trackPath(track), 'not all segments were captured')];
        const served = samplesOf(context.reader, track);
        const bad = served.findIndex((sample, i) => i < truth.samples.length && isSync(sample) !== truth.samples[i].sync);
        return bad < 0 ? [] : [problem(segmentPath(track, served[bad].segment), 'the sync flag of a sample is wrong', { wanted: String(truth.samples[bad].sync), actual: String(isSync(served[bad])), at: served[bad].segment.exchange, pointer: `sample ${bad + 1} of the track` })];
      }),
  },
  {
    id: 'media/audio-fragments',
    requirements: ['ISO-010'],
    title: 'all audio fragments but the last hold the same number of frames',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.kind !== 'audio' || !allDelivered(track)) return [];
        const counts = new Map<string, number>();
        for (const { segment } of samplesOf(context.reader, track)) counts.set(segment.url, (counts.get(segment.url) ?? 0) + 1);
        const list = [...counts.values()];
        const bad = list.findIndex((count, i) => (i < list.length - 1 ? count !== list[0] : count > list[0]));
        return judged(trackPath(track), bad < 0 ? [] : [problem(trackPath(track), 'an audio fragment has another number of frames', { wanted: String(list[0]), actual: String(list[bad]), at: track.segments[bad].exchange })]);
      }),
  },
  {
    id: 'media/transport-samples',
    requirements: ['BMFF-009', 'ISO-014'],
    title: 'access units and audio frames in transport streams are the stored ones, in order',
    level: 'must',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    run: (context) =>
      eachTransport(context, (track, truth, served) =>
        sequenceProblems(
          track,
          truth.samples.map((sample) => (truth.kind === 'video' ? sample.normalised : sample.raw)),
          served.map(({ hash }) => hash),
          (index) => served[index]?.segment ?? track.segments[0],
        ),
      ),
  },
  {
    id: 'media/transport-times',
    requirements: ['ISO-007', 'TS-010'],
    title: 'stamps in transport streams are 900000 plus the stored time at 90 kHz, rounded',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    run: (context) =>
      eachTransport(context, (track, truth, served) => {
        const bad = served.findIndex(({ pts }, i) => pts !== null && i < truth.samples.length && pts !== stampOf(truth.samples[i].time, truth.timescale));
        return bad < 0 ? [] : [problem(segmentPath(track, served[bad].segment), 'a time stamp is off', { wanted: String(stampOf(truth.samples[bad].time, truth.timescale)), actual: String(served[bad].pts), at: served[bad].segment.exchange, pointer: `sample ${bad + 1} of the track` })];
      }),
  },
  {
    id: 'media/transport-decode-times',
    requirements: ['ISO-023', 'TS-005'],
    title: 'decoding stamps keep the stored distances within a tick',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    run: (context) =>
      eachTransport(context, (track, truth, served) => {
        const first = served.findIndex(({ dts }) => dts !== null);
        if (first < 0 || truth.kind !== 'video' || truth.samples[first] === undefined) return [];
        const ticks = BigInt(truth.timescale);
        const bad = served.findIndex(({ dts }, i) => {
          if (dts === null || truth.samples[i] === undefined) return false;
          const told = BigInt(clockDistance(served[first].dts ?? 0, dts)) * ticks;
          const stored = (truth.samples[i].decode - truth.samples[first].decode) * 90_000n;
          return told - stored > ticks || stored - told > ticks;
        });
        return bad < 0 ? [] : [problem(segmentPath(track, served[bad].segment), 'a decoding stamp has moved', { actual: String(served[bad].dts), at: served[bad].segment.exchange, pointer: `sample ${bad + 1} of the track` })];
      }),
  },
  {
    id: 'media/audio-video-offset',
    requirements: ['ISO-008', 'CMAF-026'],
    title: 'audio starts against video as it is stored, within one audio frame',
    level: 'must',
    scope: 'format',
    formats: ALL,
    run: (context) => offsets(context),
  },
];

/** Tracks whose samples are stored ones: text is made of cues, and has checks of its own. */
function storedTracks(view: View): readonly TrackView[] {
  return fullTracks(view).filter(({ kind }) => kind !== 'text');
}

/** One verdict per track whose truth is known. */
function eachTruth(context: FormatContext, judge: (track: TrackView, truth: TruthTrackView) => readonly Finding[]): readonly Finding[] {
  const { truth, view } = context;
  if (truth === null) return [inapplicable('tracks', 'the content is unknown')];
  return storedTracks(view).flatMap((track) => {
    const real = truthOfTrack(truth, track, context.profile);
    return real === null ? [stranger(context, track)] : judged(trackPath(track), judge(track, real));
  });
}

/** A track as it is multiplexed with another. */
function inPictures(track: TruthTrackView | undefined): TruthTrackView | null {
  return track === undefined ? null : { ...track, samples: track.muxed };
}

/** Transport streams cannot say that frames in front are priming: an origin that sends the stored ones sends no others. */
function withoutPriming({ profile }: FormatContext, { kind, editedOut, samples: [first] }: TruthTrackView, served: readonly TransportSample[]): readonly TransportSample[] {
  return profile === 'generic' && kind === 'audio' && editedOut > 0 && served[editedOut]?.hash === first?.raw ? served.slice(editedOut) : served;
}

/** The names of the original service say which track it is; other origins name tracks as they like. */
function stranger({ profile }: FormatContext, track: TrackView): Finding {
  return profile === 'ams' ? problem(trackPath(track), 'the asset has no such track') : cantTell(trackPath(track), 'which of the stored tracks this is cannot be told');
}

/** The same for each elementary stream of a transport stream track: muxed segments carry two. */
function eachTransport(context: FormatContext, judge: (track: TrackView, truth: TruthTrackView, served: readonly TransportSample[]) => readonly Finding[]): readonly Finding[] {
  const { truth, view, reader } = context;
  if (truth === null) return [inapplicable('tracks', 'the content is unknown')];
  return storedTracks(view).flatMap((track) => {
    if (!allDelivered(track)) return [cantTell(trackPath(track), 'not all segments were captured')];
    return transportSamples(reader, track).flatMap(({ kind, name, samples, fault }) => {
      const path = `${trackPath(track)}/${kind}`;
      if (fault !== null) return [problem(path, 'an elementary stream cannot be read', { actual: fault })];
      const real = kind === track.kind ? truthOfTrack(truth, track, context.profile) : inPictures(truth.tracks.find((each) => each.kind === kind && (name === null || each.name === name)));
      return real === null ? [stranger(context, track)] : judged(path, judge(track, real, withoutPriming(context, real, samples)));
    });
  });
}

/** The first difference of two sequences, and what kind it is. */
function sequenceProblems(track: TrackView, wanted: readonly (string | null)[], actual: readonly (string | null)[], segmentAt: (index: number) => TrackView['segments'][number]): readonly Finding[] {
  const bad = actual.findIndex((hash, i) => hash === null || hash !== wanted[i]);
  if (bad < 0 && actual.length === wanted.length) return [];
  const index = bad < 0 ? Math.min(actual.length, wanted.length) : bad;
  const segment = segmentAt(Math.min(index, Math.max(0, actual.length - 1)));
  const detail = { at: segment.exchange, pointer: `sample ${index + 1} of the track` };
  if (actual.length < wanted.length && bad < 0) return [problem(segmentPath(track, segment), 'samples are missing at the end', { wanted: String(wanted.length), actual: String(actual.length), ...detail })];
  if (index >= wanted.length) return [problem(segmentPath(track, segment), 'there are more samples than stored', { wanted: String(wanted.length), actual: String(actual.length), ...detail })];
  const message = actual[index] === wanted[index + 1] ? 'a sample is missing' : index > 0 && actual[index] === wanted[index - 1] ? 'a sample occurs twice' : 'a sample differs from the stored one';
  return [problem(segmentPath(track, segment), message, { wanted: String(wanted[index]), actual: String(actual[index]), ...detail })];
}

/** Where each segment begins in the stored track, found by content; the next must begin where it ends. */
function borderProblems({ reader, view }: FormatContext, track: TrackView, truth: TruthTrackView): readonly Finding[] {
  const normalised = formatRow(view.format).samples === 'normalised' && track.kind === 'video';
  const stored = truth.samples.map((sample) => (normalised ? sample.normalised : sample.raw));
  const groups = bySegment(samplesOf(reader, track));
  const problems: Finding[] = [];
  let expected = 0;
  for (const { segment, samples } of groups) {
    const hashes = samples.slice(0, 4).map((sample) => comparableHash(view, track, sample));
    const found = nearest(stored, hashes, expected);
    if (found !== null && found !== expected) {
      problems.push(problem(segmentPath(track, segment), found > expected ? 'samples are lost before the segment' : 'samples of the segment before occur again', { wanted: `sample ${expected + 1}`, actual: `sample ${found + 1}`, at: segment.exchange }));
    }
    expected = (found ?? expected) + samples.length;
  }
  return problems;
}

function bySegment(samples: readonly ServedSample[]): readonly { readonly segment: TrackView['segments'][number]; readonly samples: readonly ServedSample[] }[] {
  const groups: { segment: TrackView['segments'][number]; samples: ServedSample[] }[] = [];
  for (const sample of samples) {
    const last = groups.at(-1);
    if (last?.segment === sample.segment) last.samples.push(sample);
    else groups.push({ segment: sample.segment, samples: [sample] });
  }
  return groups;
}

const SEARCH_RADIUS = 2000;

/** The position nearest to `expected` at which `hashes` occur in `stored`. */
function nearest(stored: readonly (string | null)[], hashes: readonly (string | null)[], expected: number): number | null {
  const matches = (at: number): boolean => at >= 0 && hashes.every((hash, i) => hash !== null && (stored[at + i] === undefined ? i > 0 : stored[at + i] === hash));
  for (let distance = 0; distance <= SEARCH_RADIUS; distance++) {
    if (matches(expected + distance)) return expected + distance;
    if (matches(expected - distance)) return expected - distance;
  }
  return null;
}

function floorTo(time: bigint, from: number, to: number): bigint {
  const product = time * BigInt(to);
  const quotient = product / BigInt(from);
  return product < 0n && product % BigInt(from) !== 0n ? quotient - 1n : quotient;
}

/** |a/p - b/q| exceeds one tick of the coarser clock. */
/** A sound frame that straddles the start is presented from 0 on (media rule 1.2): the next one's time says for how long. */
function presentedDuration({ kind, samples }: TruthTrackView, index: number): bigint {
  const { time, duration } = samples[index];
  const next = samples[index + 1] as TruthSample | undefined;
  return kind === 'audio' && index === 0 && next !== undefined && next.time - time < duration ? next.time - time : duration;
}

function offByMoreThanATick(a: bigint, p: number, b: bigint, q: number): boolean {
  const difference = a * BigInt(q) - b * BigInt(p);
  const tick = BigInt(Math.max(p, q));
  return difference > tick || difference < -tick;
}

/** 900000 + round(90000 × PT), 33 bits (media rule 1.5). */
export function stampOf(time: bigint, timescale: number): number {
  const rounded = (2n * time * 90_000n + BigInt(timescale)) / (2n * BigInt(timescale));
  return Number((900_000n + rounded) & 0x1ffffffffn);
}

/** Start of a track in 10 MHz, from its media. */
function startOf(context: FormatContext, track: TrackView): bigint | null {
  const timescale = mediaTimescale(context.reader, track);
  if (timescale === null) return null;
  const [first] = samplesOf(context.reader, track);
  const times = samplesOf(context.reader, track).filter(({ segment }) => segment === first?.segment).map(({ time }) => time);
  if (times.length === 0 || times.some((time) => time === null)) return null;
  return floorTo((times as bigint[]).reduce((least, time) => (time < least ? time : least)), timescale, Number(HNS));
}

function transportStart(context: FormatContext, track: TrackView, kind: string): bigint | null {
  const stream = transportSamples(context.reader, track).find((each) => each.kind === kind);
  const stamps = (stream?.samples ?? []).flatMap(({ pts }) => (pts === null ? [] : [pts]));
  return stamps.length === 0 ? null : (BigInt(Math.min(...stamps)) * HNS) / 90_000n;
}

function offsets(context: FormatContext): readonly Finding[] {
  const { truth, view } = context;
  if (truth === null) return [inapplicable('tracks', 'the content is unknown')];
  const start = (track: TrackView, kind: string): bigint | null => (formatRow(view.format).container === 'ts' ? transportStart(context, track, kind) : startOf(context, track));
  const video = firstOf(view, 'video');
  const realVideo = video === undefined ? null : truthOfTrack(truth, video, context.profile);
  if (video === undefined || realVideo === null) return [inapplicable('tracks', 'there is no video to compare with')];
  const muxed = view.format === 'hls-v3';
  return (muxed ? [video] : fullTracks(view).filter(({ kind }) => kind === 'audio')).flatMap((track) => {
    const path = `offset/${trackName(track)}`;
    const realAudio = muxed ? inPictures(truth.tracks.find(({ kind }) => kind === 'audio')) : truthOfTrack(truth, track, context.profile);
    if (realAudio === null) return [];
    const [picture, sound] = [start(video, 'video'), start(track, 'audio')];
    if (picture === null || sound === null) return [cantTell(path, 'the start of a track is unknown')];
    const stored = leastTime(realAudio) - leastTime(realVideo);
    const frame = (realAudio.samples[0].duration * HNS) / BigInt(realAudio.timescale);
    const error = sound - picture - stored;
    return judged(path, error <= frame && error >= -frame ? [] : [problem(path, 'audio and video have moved against each other', { wanted: String(stored), actual: String(sound - picture) })]);
  });
}

function firstOf(view: View, kind: string): TrackView | undefined {
  return fullTracks(view).find((track) => track.kind === kind);
}

function leastTime(truth: TruthTrackView): bigint {
  const least = truth.samples.slice(0, 64).reduce((time, sample) => (sample.time < time ? sample.time : time), truth.samples[0].time);
  return floorTo(least, truth.timescale, Number(HNS));
}
