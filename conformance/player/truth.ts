/** What a player can be held to, from a corpus asset's truth file. */
import { secondTone } from '../../spec/marks.ts';
import type { Truth, TruthTrack } from '../../spec/truth.ts';
import type { ReplayTruth } from './model.ts';

/** The tones repeat after this many seconds. */
const TONES = 24;
/** Samples that the corpus' AAC encoder puts before the sound. */
const PRIMING = 1024;
/** Most frames between a picture's time and its place in a constant rate. */
const MOST_JITTER = 0.25;

export function replayTruth(truth: Truth): ReplayTruth {
  const videos = truth.tracks.filter(({ kind, pictures }) => kind === 'video' && pictures !== null);
  const [video] = videos;
  return {
    ...(video === undefined ? { frameRate: null, frames: 0, videoStart: 0 } : pictureTruth(video)),
    renditions: videos.flatMap(({ pictures }) => (pictures === null ? [] : [pictures.rendition])),
    pilots: truth.tracks.flatMap(pilotTruth),
    secondTones: { first: secondTone(0), step: secondTone(1) - secondTone(0), count: TONES },
  };
}

function pilotTruth({ pilot, language, accessibility, samples, timescale, codec }: TruthTrack): ReplayTruth['pilots'] {
  if (pilot === null || codec.sampleRate === null) return [];
  const start = (samples.pt[0] ?? 0) / timescale + PRIMING / codec.sampleRate;
  return [{ language: accessibility.length > 0 ? '' : language, hertz: pilot, start }];
}

/** Picture n is due at videoStart + n / rate, also where the timeline leaves the first pictures out. */
function pictureTruth({ codec, pictures, samples, timescale, editedOut }: TruthTrack): Pick<ReplayTruth, 'frameRate' | 'frames' | 'videoStart'> {
  if (pictures === null) return { frameRate: null, frames: 0, videoStart: 0 };
  const times = samples.pt.slice(editedOut).toSorted((a, b) => a - b);
  const frameRate = codec.frameRate === null ? measureRate(times, timescale) : { num: codec.frameRate[0], den: codec.frameRate[1] };
  return { frameRate, frames: pictures.first + pictures.count, videoStart: times[0] / timescale - (pictures.first * frameRate.den) / frameRate.num };
}

/** Where rounded times hide the rate. A rate that does vary cannot be judged by it, and must not pass unjudged. */
function measureRate(times: readonly number[], timescale: number): { num: number; den: number } {
  const span = times[times.length - 1] - times[0];
  const frame = span / (times.length - 1);
  const worst = Math.max(...times.map((time, i) => Math.abs(time - times[0] - i * frame)));
  if (!(worst <= frame * MOST_JITTER)) throw new Error(`the picture rate varies by ${(worst / frame).toFixed(2)} frames, which replay cannot judge`);
  return { num: (times.length - 1) * timescale, den: span };
}
