/** What a player can be held to, from a corpus asset's truth file. */
import { secondTone } from '../../spec/marks.ts';
import type { Truth, TruthTrack } from '../../spec/truth.ts';
import type { ReplayTruth } from './model.ts';

/** The tones repeat after this many seconds. */
const TONES = 24;

export function replayTruth(truth: Truth): ReplayTruth {
  const videos = truth.tracks.filter(({ kind, pictures }) => kind === 'video' && pictures !== null);
  const [video] = videos;
  return {
    ...(video === undefined ? { frameRate: null, frames: 0, videoStart: 0 } : pictureTruth(video)),
    renditions: videos.flatMap(({ pictures }) => (pictures === null ? [] : [pictures.rendition])),
    pilots: truth.tracks.flatMap(({ pilot, language, accessibility }) => (pilot === null ? [] : [{ language: accessibility.length > 0 ? '' : language, hertz: pilot }])),
    secondTones: { first: secondTone(0), step: secondTone(1) - secondTone(0), count: TONES },
  };
}

/** Picture n is due at videoStart + n / rate, also where the timeline leaves the first pictures out. */
function pictureTruth({ codec, pictures, samples, timescale, editedOut }: TruthTrack): Pick<ReplayTruth, 'frameRate' | 'frames' | 'videoStart'> {
  if (pictures === null || codec.frameRate === null) return { frameRate: null, frames: 0, videoStart: 0 };
  const [num, den] = codec.frameRate;
  const start = samples.pt.slice(editedOut).reduce((least, time) => Math.min(least, time), Infinity) / timescale;
  return { frameRate: { num, den }, frames: pictures.first + pictures.count, videoStart: start - (pictures.first * den) / num };
}
