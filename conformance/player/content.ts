/** What replays can ask of an asset: its marks, its qualities, its languages. From the truth file alone. */
import type { Truth, TruthTrack } from '../../spec/truth.ts';
import { messageOf } from '../fault.ts';
import type { ReplayTruth } from './model.ts';
import { replayTruth } from './truth.ts';

export type Content = {
  readonly asset: string;
  readonly truth: ReplayTruth;
  readonly frameRate: number;
  readonly seconds: number;
  /** Marks of the renditions, the lowest bitrate first. */
  readonly qualities: readonly number[];
  /** Languages that one track each has. */
  readonly languages: readonly { readonly language: string; readonly pilot: number }[];
  /** Pictures at which a random access point is, and with it perhaps a segment. */
  readonly syncFrames: readonly number[];
  readonly sampleEntries: readonly string[];
  readonly mostPixels: number;
};

/** Null with a reason for content without marks: nothing that a browser shows of it can be told from anything else. */
export function contentOf(truth: Truth): Content | { readonly unobservable: string } {
  let replay: ReplayTruth;
  try {
    replay = replayTruth(truth);
  } catch (error) {
    return { unobservable: messageOf(error) };
  }
  if (replay.frameRate === null) return { unobservable: 'its pictures carry no marks' };
  const marked = truth.tracks.filter(({ kind, pictures }) => kind === 'video' && pictures !== null).toSorted((a, b) => (a.bitrate ?? 0) - (b.bitrate ?? 0));
  const frameRate = replay.frameRate.num / replay.frameRate.den;
  const played = truth.tracks.filter(({ kind }) => kind === 'video' || kind === 'audio');
  return {
    asset: truth.asset,
    truth: replay,
    frameRate,
    seconds: replay.frames / frameRate,
    qualities: marked.flatMap(({ pictures }) => (pictures === null ? [] : [pictures.rendition])),
    languages: languagesOf(truth.tracks),
    syncFrames: syncFramesOf(marked[0]),
    sampleEntries: [...new Set(played.map(({ codec }) => codec.sampleEntry))].toSorted(),
    mostPixels: Math.max(...marked.map(({ codec }) => (codec.width ?? 0) * (codec.height ?? 0))),
  };
}

function languagesOf(tracks: readonly TruthTrack[]): Content['languages'] {
  const plain = tracks.filter(({ kind, pilot, language, accessibility }) => kind === 'audio' && pilot !== null && language !== '' && accessibility.length === 0);
  return [...Map.groupBy(plain, ({ language }) => language)].flatMap(([language, own]) => (own.length === 1 && own[0].pilot !== null ? [{ language, pilot: own[0].pilot }] : []));
}

/** Sync samples count in decoding order; shown pictures do not come before a sync sample that precedes them. */
function syncFramesOf({ sync, samples, editedOut, pictures }: TruthTrack): readonly number[] {
  const shown = samples.pt.slice(editedOut).toSorted((a, b) => a - b);
  const first = pictures?.first ?? 0;
  return (sync ?? []).filter((sample) => sample >= editedOut).map((sample) => first + shown.indexOf(samples.pt[sample]));
}
