/** Where tracks are cut into segments (media-rules 2). */
import { IsomerError } from '../errors.ts';
import { HNS_PER_SECOND, leastCommonMultiple, toHns } from '../time.ts';
import { earliestTime, endOf, presentationTime, type SampleTable } from './samples.ts';
import { timelineOf, type Timeline } from './timeline.ts';

export type CutTrack = { readonly file: string; readonly timescale: number; readonly samples: SampleTable };

export type Cuts = {
  readonly timeline: Timeline;
  /** Per track, in order: segment i is samples [cuts[i], cuts[i + 1]). */
  readonly cuts: readonly Uint32Array[];
};

/** Beyond this a fragment is refused, as the AMS endpoint did. */
export const MAX_SEGMENT_SECONDS = 20;


/**
 * Cuts a video set at key frames: from each cut the key frame nearest to `targetSeconds` later, at least one GOP, ties
 * to the shorter. The end of the track counts as a candidate, so a short last GOP joins its neighbour (the seed's last
 * fragment of 127 frames holds three key frames). All tracks have every segment: where one ends before the others, the
 * last segment reaches from its last cut to the end of the longest.
 */
export function cutVideo(tracks: readonly CutTrack[], targetSeconds: number): Cuts {
  const keys = tracks.map((track) => keyFrames(track));
  const timescale = commonTimescale(tracks);
  const reference = longest(tracks);
  tracks.forEach((track, i) => {
    if (i !== reference) checkAligned(tracks[reference], keys[reference], track, keys[i]);
  });

  const { samples: keySamples, times } = keys[reference];
  const { samples, timescale: own } = tracks[reference];
  const end = endOf(samples);
  const common = Math.min(...keys.map(({ times: own }) => own.length));
  const target = targetSeconds * own;
  const chosen = [0];
  for (let from = 0; ; ) {
    const wanted = times[from] + target;
    let next = from + 1;
    while (next < common && distance(next + 1 < common ? times[next + 1] : end, wanted) < distance(times[next], wanted)) next++;
    if (next >= common) break;
    chosen.push(next);
    from = next;
  }

  if (common < times.length) checkEnds(tracks, times[chosen[chosen.length - 1]], end, own);

  // Pictures that follow a key frame and are presented before it (open GOPs) belong to its segment, which starts with them.
  const edges = [...chosen.map((key) => earliestTime(samples, keySamples[key])), end];
  const cuts = tracks.map((track, i) => Uint32Array.from([...chosen.map((key) => keys[i].samples[key]), track.samples.count]));
  return { timeline: checkedTimeline(tracks[reference], edges, timescale), cuts };
}

/** Where open GOPs of a set have different counts of leading pictures, their segments of one name start at different times: said in the log. */
export function unevenStarts(tracks: readonly CutTrack[], { cuts }: Cuts): readonly string[] {
  if (tracks.length === 1) return [];
  const starts = tracks.map(({ samples, timescale }, i) => Array.from(cuts[i].subarray(0, -1), (cut) => earliestTime(samples, cut) / timescale));
  return tracks.flatMap(({ file, timescale }, i) => {
    const tolerance = 1 / Math.min(timescale, tracks[0].timescale) + 1e-9;
    const differs = starts[i].findIndex((time, segment) => Math.abs(time - starts[0][segment]) > tolerance);
    return differs < 0 ? [] : [`${tracks[0].file} and ${file}: leading pictures of open GOPs differ; segment ${differs + 1} starts at ${starts[0][differs].toFixed(6)} s and ${starts[i][differs].toFixed(6)} s`];
  });
}

/** Cuts an audio set every `frames` frames; the last segment is shorter, or longer where one track ends before the others. */
export function cutAudio(tracks: readonly CutTrack[], frames: number): Cuts {
  const timescale = commonTimescale(tracks);
  const reference = tracks.reduce((best, track, i) => (track.samples.count > tracks[best].samples.count ? i : best), 0);
  const { samples, timescale: own } = tracks[reference];
  const segments = Math.ceil(Math.min(...tracks.map((track) => track.samples.count)) / frames);
  const edges = Array.from({ length: segments + 1 }, (_, i) => (i < segments ? presentationTime(samples, i * frames) : endOf(samples)));
  if (segments * frames < samples.count) checkEnds(tracks, edges[segments - 1], edges[segments], own);
  const cuts = tracks.map((track) => Uint32Array.from({ length: segments + 1 }, (_, i) => (i < segments ? i * frames : track.samples.count)));
  return { timeline: checkedTimeline(tracks[reference], edges, timescale), cuts };
}

/** A timescale in which the times of all tracks are whole numbers. */
function commonTimescale(tracks: readonly CutTrack[]): number {
  const timescale = tracks.map((track) => track.timescale).reduce(leastCommonMultiple);
  if (Number.isSafeInteger(timescale)) return timescale;
  throw new IsomerError('ISOMER_MP4_UNSUPPORTED', { what: 'timescales', where: filesOf(tracks), expected: 'a common multiple below 2^53', found: tracks.map((track) => track.timescale).join(', ') });
}

function filesOf(tracks: readonly CutTrack[]): string {
  return tracks.map(({ file }) => file).join(' and ');
}

/** Qualities of one content end together, but for what one segment can take up. */
function checkEnds(tracks: readonly CutTrack[], lastCut: number, end: number, timescale: number): void {
  if (end - lastCut <= MAX_SEGMENT_SECONDS * timescale) return;
  throw new IsomerError('ISOMER_KEY_FRAMES_UNALIGNED', {
    what: 'ends of the qualities',
    where: filesOf(tracks),
    expected: `at most ${MAX_SEGMENT_SECONDS} s from the last cut that all of them have`,
    found: `${((end - lastCut) / timescale).toFixed(3)} s`,
  });
}

/**
 * Audio frames per fragment: the first video fragment's duration (or the target's, without video) over the frame's,
 * rounded up. 6.006 s of video and 1024 samples at 48 kHz give 282, as in the seed.
 */
export function framesPerFragment(audio: CutTrack, video: Timeline | null, targetSeconds: number): number {
  const frame = BigInt(audio.samples.decode.delta.find((delta) => delta > 0) ?? 1);
  const [ticks, timescale] = video === null ? [BigInt(Math.round(targetSeconds * 1000)), 1000n] : [video.boundaries[1] - video.boundaries[0], BigInt(video.timescale)];
  const wanted = ticks * BigInt(audio.timescale);
  const unit = frame * timescale;
  return Math.max(1, Number((wanted + unit - 1n) / unit));
}

type Keys = { readonly samples: Uint32Array; readonly times: Float64Array };

function keyFrames({ file, samples }: CutTrack): Keys {
  const indexes = samples.sync ?? Uint32Array.from({ length: samples.count }, (_, i) => i);
  if (indexes.length === 0 || indexes[0] !== 0) throw new IsomerError('ISOMER_NO_KEY_FRAME', { where: file, expected: 'sample 1 to be a sync sample', found: 'it is not' });
  const times = new Float64Array(indexes.length);
  for (let i = 0; i < indexes.length; i++) {
    times[i] = presentationTime(samples, indexes[i]);
    if (i > 0 && times[i] <= times[i - 1]) {
      throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'presentation times of key frames', where: file, expected: 'ascending', found: `sample ${indexes[i] + 1} is not after sample ${indexes[i - 1] + 1}` });
    }
  }
  return { samples: indexes, times };
}

/** The track that ends last: its end is the set's. */
function longest(tracks: readonly CutTrack[]): number {
  const ends = tracks.map(({ samples, timescale }) => endOf(samples) / timescale);
  return ends.indexOf(Math.max(...ends));
}

/** Key frames coincide within one tick of the coarser timescale, as far as the shorter track goes. */
function checkAligned(a: CutTrack, keysA: Keys, b: CutTrack, keysB: Keys): void {
  const tolerance = 1 / Math.min(a.timescale, b.timescale) + 1e-9;
  const common = Math.min(keysA.times.length, keysB.times.length);
  let differs = -1;
  for (let i = 0; i < common && differs < 0; i++) {
    if (Math.abs(keysA.times[i] / a.timescale - keysB.times[i] / b.timescale) > tolerance) differs = i;
  }
  if (differs < 0 && keysA.times.length !== keysB.times.length) {
    const [long, longKeys, short] = keysA.times.length > common ? [a, keysA, b] : [b, keysB, a];
    const end = endOf(short.samples) / short.timescale;
    if (longKeys.times[common] / long.timescale < end - tolerance) differs = common;
  }
  if (differs < 0) return;
  const time = (keys: Keys, track: CutTrack): string => (differs < keys.times.length ? `${(keys.times[differs] / track.timescale).toFixed(6)} s` : 'none');
  throw new IsomerError('ISOMER_KEY_FRAMES_UNALIGNED', {
    what: `key frame ${differs + 1}`,
    where: `${a.file} and ${b.file}`,
    expected: `the same time in both`,
    found: `${time(keysA, a)} and ${time(keysB, b)}`,
  });
}

/** The latest time of a segment, in 10 MHz: 14 000 years, and room for sums in 64 bits. */
const LATEST = 2n ** 62n;

/** Segments by the times of a track: each lasts, and not too long, and each has a name of its own. */
function checkedTimeline({ file, timescale: own, samples }: CutTrack, edges: readonly number[], timescale: number): Timeline {
  const factor = BigInt(timescale / own);
  const tickOf = (edge: number): bigint => (samples.base + BigInt(edge)) * factor;
  const [start, end] = [tickOf(edges[0]), tickOf(edges[edges.length - 1])];
  if (start < 0n || toHns(end, timescale) > LATEST || end > LATEST) {
    throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'presentation times', where: file, expected: `0 to ${LATEST} in ticks and in 10 MHz`, found: `${start} to ${end}` });
  }
  const ticks = new BigInt64Array(edges.length);
  for (let i = 0; i < ticks.length; i++) ticks[i] = tickOf(edges[i]);
  const timeline = timelineOf(ticks, timescale);
  const { names } = timeline;
  const longest = MAX_SEGMENT_SECONDS * own;
  for (let i = 0; i + 1 < names.length; i++) {
    const isLong = edges[i + 1] - edges[i] > longest;
    if (!isLong && names[i + 1] > names[i]) continue;
    const where = `${file} at ${(Number(names[i]) / HNS_PER_SECOND).toFixed(3)} s`;
    const found = `${(Number(names[i + 1] - names[i]) / HNS_PER_SECOND).toFixed(3)} s`;
    if (isLong) {
      throw new IsomerError('MPE_KEY_FRAME_INTERVAL_TOO_LARGE', { where, expected: `a key frame at least every ${MAX_SEGMENT_SECONDS} s`, found });
    }
    throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'duration of a segment', where, expected: 'more than 0', found });
  }
  return timeline;
}

function distance(a: number, b: number): number {
  return Math.abs(a - b);
}
