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

/** `left`: times in 100 ns by the names of tracks, as filters leave them. */
export function replayTruth(truth: Truth, left: Readonly<Record<string, { readonly from?: number | undefined; readonly to?: number | undefined }>> = {}): ReplayTruth {
  const videos = truth.tracks.filter(({ kind, pictures }) => kind === 'video' && pictures !== null);
  const rates = videos.map((track) => ({ track, rate: rateOf(track) })).toSorted((a, b) => hertz(b.rate) - hertz(a.rate));
  const video = rates.at(0)?.track;
  const whole = {
    ...(video === undefined ? { frameRate: null, first: 0, frames: 0, videoStart: 0 } : pictureTruth(video)),
    renditions: videos.flatMap(({ pictures }) => (pictures === null ? [] : [pictures.rendition])),
    strides: Object.fromEntries(rates.flatMap(({ track: { pictures }, rate }) => (pictures === null ? [] : strideOf(pictures.rendition, hertz(rates[0].rate) / hertz(rate))))),
    pilots: truth.tracks.flatMap(pilotTruth),
    secondTones: { first: secondTone(0), step: secondTone(1) - secondTone(0), count: TONES },
  };
  return video === undefined ? whole : trimmed(whole, shownTimes(video).map((time) => Math.floor((time * 10_000_000) / video.timescale)), left[video.name] ?? {});
}

/** A trimmed presentation begins at 0 with its first picture, and the sound keeps its distance to the pictures. */
function trimmed(whole: ReplayTruth, times: readonly number[], { from = 0, to = Infinity }: { readonly from?: number | undefined; readonly to?: number | undefined }): ReplayTruth {
  const before = times.filter((time) => time < from).length;
  const first = whole.first + before;
  const frames = whole.first + times.filter((time) => time < to).length;
  const start = before === 0 || whole.frameRate === null ? 0 : whole.videoStart + (first * whole.frameRate.den) / whole.frameRate.num;
  return { ...whole, first, frames, videoStart: whole.videoStart - start, pilots: whole.pilots.map((pilot) => ({ ...pilot, start: pilot.start - start })) };
}

/** Times of the pictures that the timeline keeps, in the order of showing. */
function shownTimes({ samples, editedOut }: TruthTrack): readonly number[] {
  return samples.pt.slice(editedOut).toSorted((a, b) => a - b);
}

function pilotTruth({ pilot, language, accessibility, samples, timescale, codec }: TruthTrack): ReplayTruth['pilots'] {
  if (pilot === null || codec.sampleRate === null) return [];
  const start = (samples.pt[0] ?? 0) / timescale + PRIMING / codec.sampleRate;
  return [{ language: accessibility.length > 0 ? '' : language, hertz: pilot, start }];
}

/** Picture n is due at videoStart + n / rate, also where the timeline leaves the first pictures out. */
function pictureTruth(track: TruthTrack): Pick<ReplayTruth, 'frameRate' | 'first' | 'frames' | 'videoStart'> {
  const { pictures, timescale } = track;
  if (pictures === null) return { frameRate: null, first: 0, frames: 0, videoStart: 0 };
  const times = shownTimes(track);
  const frameRate = rateOf(track);
  return { frameRate, first: pictures.first, frames: pictures.first + pictures.count, videoStart: times[0] / timescale - (pictures.first * frameRate.den) / frameRate.num };
}

type Rate = { readonly num: number; readonly den: number };
const hertz = ({ num, den }: Rate): number => num / den;

function rateOf(track: TruthTrack): Rate {
  const { codec: { frameRate }, timescale } = track;
  return frameRate === null ? measureRate(shownTimes(track), timescale) : { num: frameRate[0], den: frameRate[1] };
}

/** Measured rates differ by what rounding leaves. */
function strideOf(rendition: number, ratio: number): readonly (readonly [number, number])[] {
  const stride = Math.round(ratio);
  if (Math.abs(ratio - stride) > 0.001) throw new Error(`pictures of rendition ${rendition} last ${ratio.toFixed(3)} times those of another, which replay cannot judge`);
  return stride === 1 ? [] : [[rendition, stride]];
}

/** Where rounded times hide the rate. A rate that does vary cannot be judged by it, and must not pass unjudged. */
function measureRate(times: readonly number[], timescale: number): Rate {
  const span = times[times.length - 1] - times[0];
  const frame = span / (times.length - 1);
  const worst = Math.max(...times.map((time, i) => Math.abs(time - times[0] - i * frame)));
  if (!(worst <= frame * MOST_JITTER)) throw new Error(`the picture rate varies by ${(worst / frame).toFixed(2)} frames, which replay cannot judge`);
  return { num: (times.length - 1) * timescale, den: span };
}
