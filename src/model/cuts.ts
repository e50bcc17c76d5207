/** Where tracks are cut into segments (media-rules 2). */
import { IsomerError } from '../errors.ts';
import { leastCommonMultiple } from '../time.ts';
import { decodeTime, presentationTime, type SampleTable } from './samples.ts';
import { timelineOf, type Timeline } from './timeline.ts';

export type CutTrack = { readonly file: string; readonly timescale: number; readonly samples: SampleTable };

export type Cuts = {
  readonly timeline: Timeline;
  /** Per track, in order: segment i is samples [cuts[i], cuts[i + 1]). */
  readonly cuts: readonly Uint32Array[];
};

/** Beyond this a fragment is refused, as the AMS endpoint did. */
export const MAX_SEGMENT_SECONDS = 20;

/** Presentation time at which a track ends, relative to its base: the start of the last GOP plus what follows it. */
export function endOf(samples: SampleTable, lastCut: number): number {
  const decodeEnd = decodeTime(samples, samples.count);
  if (samples.composition === null) return presentationTime(samples, samples.count - 1) + decodeEnd - decodeTime(samples, samples.count - 1);
  return presentationTime(samples, lastCut) + decodeEnd - decodeTime(samples, lastCut);
}

/**
 * Cuts a video set at key frames: from each cut the key frame nearest to `targetSeconds` later, at least one GOP, ties
 * to the shorter. The end of the track counts as a candidate, so a short last GOP joins its neighbour (the seed's last
 * fragment of 127 frames holds three key frames).
 */
export function cutVideo(tracks: readonly CutTrack[], targetSeconds: number): Cuts {
  const keys = tracks.map((track) => keyFrames(track));
  const timescale = tracks.map((track) => track.timescale).reduce(leastCommonMultiple);
  const reference = longest(tracks, keys);
  tracks.forEach((track, i) => {
    if (i !== reference) checkAligned(tracks[reference], keys[reference], track, keys[i]);
  });

  const { samples: keySamples, times } = keys[reference];
  const { samples, timescale: own } = tracks[reference];
  const end = endOf(samples, keySamples[keySamples.length - 1]);
  const target = targetSeconds * own;
  const chosen = [0];
  for (let from = 0; ; ) {
    const wanted = times[from] + target;
    let next = from + 1;
    while (next < times.length && distance(next + 1 < times.length ? times[next + 1] : end, wanted) < distance(times[next], wanted)) next++;
    if (next >= times.length) break;
    chosen.push(next);
    from = next;
  }

  const boundaries = new BigInt64Array(chosen.length + 1);
  const factor = BigInt(timescale / own);
  chosen.forEach((key, i) => (boundaries[i] = (samples.base + BigInt(times[key])) * factor));
  boundaries[chosen.length] = (samples.base + BigInt(end)) * factor;
  checkDurations(tracks[reference].file, boundaries, timescale);

  const cuts = tracks.map((track, i) =>
    Uint32Array.from({ length: chosen.length + 1 }, (_, segment) =>
      segment < chosen.length && chosen[segment] < keys[i].samples.length ? keys[i].samples[chosen[segment]] : track.samples.count,
    ),
  );
  return { timeline: timelineOf(boundaries, timescale), cuts };
}

/** Cuts an audio set every `frames` frames; the last segment is shorter. */
export function cutAudio(tracks: readonly CutTrack[], frames: number): Cuts {
  const timescale = tracks.map((track) => track.timescale).reduce(leastCommonMultiple);
  const reference = tracks.reduce((best, track, i) => (track.samples.count > tracks[best].samples.count ? i : best), 0);
  const { samples, timescale: own } = tracks[reference];
  const segments = Math.ceil(samples.count / frames);
  const factor = BigInt(timescale / own);
  const boundaries = BigInt64Array.from({ length: segments + 1 }, (_, i) => {
    const time = i < segments ? presentationTime(samples, i * frames) : endOf(samples, samples.count - 1);
    return (samples.base + BigInt(time)) * factor;
  });
  checkDurations(tracks[reference].file, boundaries, timescale);
  const cuts = tracks.map((track) => Uint32Array.from({ length: segments + 1 }, (_, i) => (i < segments ? Math.min(i * frames, track.samples.count) : track.samples.count)));
  return { timeline: timelineOf(boundaries, timescale), cuts };
}

/**
 * Audio frames per fragment: the first video fragment's duration (or the target's, without video) over the frame's,
 * rounded up. 6.006 s of video and 1024 samples at 48 kHz give 282, as in the seed.
 */
export function framesPerFragment(audio: CutTrack, video: Timeline | null, targetSeconds: number): number {
  const frame = BigInt(audio.samples.decode.delta[0]);
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
function longest(tracks: readonly CutTrack[], keys: readonly Keys[]): number {
  const ends = tracks.map((track, i) => endOf(track.samples, keys[i].samples[keys[i].samples.length - 1]) / track.timescale);
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
    const [long, longKeys, short, shortKeys] = keysA.times.length > common ? [a, keysA, b, keysB] : [b, keysB, a, keysA];
    const end = endOf(short.samples, shortKeys.samples[common - 1]) / short.timescale;
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

function checkDurations(file: string, boundaries: BigInt64Array, timescale: number): void {
  const limit = BigInt(MAX_SEGMENT_SECONDS) * BigInt(timescale);
  for (let i = 0; i + 1 < boundaries.length; i++) {
    const duration = boundaries[i + 1] - boundaries[i];
    if (duration <= limit) continue;
    throw new IsomerError('MPE_KEY_FRAME_INTERVAL_TOO_LARGE', {
      where: `${file} at ${(Number(boundaries[i]) / timescale).toFixed(3)} s`,
      expected: `a key frame at least every ${MAX_SEGMENT_SECONDS} s`,
      found: `${(Number(duration) / timescale).toFixed(3)} s`,
    });
  }
}

function distance(a: number, b: number): number {
  return Math.abs(a - b);
}
