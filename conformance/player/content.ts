/** What replays can ask of an asset: its marks, its qualities, its languages. From the truth file alone. */
import type { Subjects } from '../../spec/subjects.ts';
import type { Truth, TruthCue, TruthTrack } from '../../spec/truth.ts';
import { messageOf } from '../fault.ts';
import type { ReplayTruth } from './model.ts';
import type { Protection } from './protection.ts';
import { replayTruth } from './truth.ts';

export type ContentTrack = {
  readonly kind: 'video' | 'audio';
  /** RFC 6381. */
  readonly codec: string;
  /** Empty where it is not the plain track of a language. */
  readonly language: string;
  readonly rendition: number | null;
  readonly pilot: number | null;
};

type Left = NonNullable<Subjects['subjects'][number]['left']>;

export type Content = {
  readonly asset: string;
  /** Null: clear. */
  readonly protection: Protection | null;
  /** Whether it is what a filter leaves of an asset. */
  readonly filtered: boolean;
  /** Seconds that a filter cuts off at the beginning. */
  readonly cut: number;
  readonly truth: ReplayTruth;
  readonly frameRate: number;
  readonly seconds: number;
  /** Marks of the renditions, the lowest bitrate first. */
  readonly qualities: readonly number[];
  /** Languages that one track each has. */
  readonly languages: readonly { readonly language: string; readonly pilot: number }[];
  /** Pictures at which a random access point is, and with it perhaps a segment. */
  readonly syncFrames: readonly number[];
  readonly tracks: readonly ContentTrack[];
  /** As they are served, which is not always how they are stored. */
  /** Text tracks, in the order of the server manifest. */
  readonly texts: readonly { readonly language: string; readonly cues: readonly TruthCue[] }[];
  readonly sampleEntries: readonly string[];
  readonly mostPixels: number;
};

/** Null with a reason for content without marks: nothing that a browser shows of it can be told from anything else. */
export function contentOf(whole: Truth, left?: Left): Content | { readonly unobservable: string } {
  const truth = left === undefined ? whole : { ...whole, tracks: whole.tracks.filter(({ name, bitrate }) => left[name] !== undefined && left[name].bitrates?.includes(bitrate ?? 0) !== false) };
  if (Object.entries(left ?? {}).some(([name, { bitrates }]) => bitrates !== undefined && whole.tracks.some((track) => track.name === name && track.bitrate === null))) return { unobservable: 'its filter chooses by bitrates that the truth file does not tell' };
  let replay: ReplayTruth;
  try {
    replay = replayTruth(truth, left);
  } catch (error) {
    return { unobservable: messageOf(error) };
  }
  if (replay.frameRate === null) return { unobservable: 'its pictures carry no marks' };
  const marked = truth.tracks.filter(({ kind, pictures }) => kind === 'video' && pictures !== null).toSorted((a, b) => (a.bitrate ?? 0) - (b.bitrate ?? 0));
  const frameRate = replay.frameRate.num / replay.frameRate.den;
  const tracks = truth.tracks.flatMap(trackOf);
  return {
    asset: truth.asset,
    protection: null,
    filtered: left !== undefined,
    cut: left === undefined ? 0 : replayTruth(truth).videoStart - replay.videoStart,
    truth: replay,
    frameRate,
    seconds: (replay.frames - replay.first) / frameRate,
    qualities: marked.flatMap(({ pictures }) => (pictures === null ? [] : [pictures.rendition])),
    languages: languagesOf(tracks),
    syncFrames: syncFramesOf(marked[0]).filter((frame) => frame >= replay.first && frame < replay.frames),
    tracks,
    texts: (truth.texts ?? []).map(({ language, cues }) => ({ language, cues })),
    sampleEntries: sampleEntriesOf(tracks),
    mostPixels: Math.max(...marked.map(({ codec }) => (codec.width ?? 0) * (codec.height ?? 0))),
  };
}

/** The content as whoever meets these of its tracks alone meets it. */
export function narrowed(content: Content, keep: (track: ContentTrack) => boolean): Content {
  const tracks = content.tracks.filter(keep);
  const renditions = content.truth.renditions.filter((id) => tracks.some(({ rendition }) => rendition === id));
  const pilots = content.truth.pilots.filter(({ hertz }) => tracks.some(({ pilot }) => pilot === hertz));
  return {
    ...content,
    truth: { ...content.truth, renditions, pilots },
    qualities: content.qualities.filter((id) => renditions.includes(id)),
    languages: languagesOf(tracks),
    tracks,
    sampleEntries: sampleEntriesOf(tracks),
  };
}

function trackOf({ kind, codec, language, accessibility, pictures, pilot }: TruthTrack): ContentTrack[] {
  return kind === 'video' || kind === 'audio' ? [{ kind, codec: codec.rfc6381, language: accessibility.length > 0 ? '' : language, rendition: pictures?.rendition ?? null, pilot }] : [];
}

function sampleEntriesOf(tracks: readonly ContentTrack[]): readonly string[] {
  return [...new Set(tracks.map(({ codec }) => codec.split('.')[0]))].toSorted();
}

/** On the timeline that is stored: for players that do not move what is trimmed to 0. */
export function onStoredTimeline(content: Content): Content {
  const { truth, cut, seconds } = content;
  return { ...content, cut: 0, seconds: seconds + cut, truth: { ...truth, videoStart: truth.videoStart + cut, pilots: truth.pilots.map((pilot) => ({ ...pilot, start: pilot.start + cut })) } };
}

function languagesOf(tracks: readonly ContentTrack[]): Content['languages'] {
  const plain = tracks.filter(({ kind, pilot, language }) => kind === 'audio' && pilot !== null && language !== '');
  return [...Map.groupBy(plain, ({ language }) => language)].flatMap(([language, own]) => (own.length === 1 && own[0].pilot !== null ? [{ language, pilot: own[0].pilot }] : []));
}

/** Sync samples count in decoding order; shown pictures do not come before a sync sample that precedes them. */
function syncFramesOf({ sync, samples, editedOut, pictures }: TruthTrack): readonly number[] {
  const shown = samples.pt.slice(editedOut).toSorted((a, b) => a - b);
  const first = pictures?.first ?? 0;
  return (sync ?? []).filter((sample) => sample >= editedOut).map((sample) => first + shown.indexOf(samples.pt[sample]));
}
