/** Subtitle renditions of HLS (RFC 8216 4.3.4.1). One group serves all variants. */
import type { SwitchingSet, Track } from '../model/presentation.ts';
import { uniqueName } from './hlsaudio.ts';
import { displayText, optionallyQuoted, quoted, tag, type TagAttributes } from './hlstags.ts';
import type { HlsRow } from './hlsversions.ts';

export type TextRendition = {
  readonly set: SwitchingSet;
  readonly track: Track;
  readonly name: string;
  readonly language: string | undefined;
  readonly characteristics: string | undefined;
  readonly isDefault: boolean;
  readonly autoselect: boolean;
  readonly forced: boolean;
};

export type TextGroup = {
  readonly renditions: readonly TextRendition[];
  /** Names that variants add to CODECS. */
  readonly codecs: readonly string[];
  /** What variants say of text. */
  readonly attributes: TagAttributes;
};

const GROUP = 'subs';
/** HLS Authoring Specification for Apple Devices 4.9: what captions are for. */
const CAPTION = 'public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound';

export function textGroup(sets: readonly SwitchingSet[], row: HlsRow): TextGroup {
  const texts = sets.filter(({ kind }) => kind === 'text');
  if (texts.length === 0) return { renditions: [], codecs: [], attributes: {} };
  const names = new Set<string>();
  const chosen = texts.findIndex(({ hls, roles }) => hls?.isDefault === true && !isForced(roles));
  const purposes = texts.map((set) => JSON.stringify([row.languageOf(set) ?? '', characteristicsOf(set) ?? '', isForced(set.roles)]));
  // Members that are selected by themselves differ in language and purpose (RFC 8216 4.3.4.1.1); the default one comes before its like.
  const selected = (i: number): boolean => i === chosen || (purposes.indexOf(purposes[i]) === i && (chosen === -1 || purposes[chosen] !== purposes[i]));
  const renditions = texts.map((set, i): TextRendition => ({
    set,
    track: set.tracks[0],
    name: uniqueName(displayText(set.label ?? set.name), names),
    language: row.languageOf(set),
    characteristics: characteristicsOf(set),
    isDefault: i === chosen,
    autoselect: selected(i),
    forced: isForced(set.roles),
  }));
  return {
    renditions,
    codecs: row.webVtt ? [] : renditions.map(({ track }) => row.codecsOf(track)),
    // Nothing lies in the video: clients need not look for it (RFC 8216 4.3.4.2).
    attributes: { SUBTITLES: quoted(GROUP), 'CLOSED-CAPTIONS': 'NONE' },
  };
}

function isForced(roles: readonly string[]): boolean {
  return roles.includes('forced-subtitle');
}

function characteristicsOf({ hls, roles }: SwitchingSet): string | undefined {
  return hls?.characteristics ?? (roles.includes('caption') ? CAPTION : undefined);
}

export function subtitlesLine({ name, language, characteristics, isDefault, autoselect, forced }: TextRendition, uri: string): string {
  return tag('EXT-X-MEDIA', {
    TYPE: 'SUBTITLES',
    'GROUP-ID': quoted(GROUP),
    NAME: quoted(name),
    LANGUAGE: optionallyQuoted(language),
    DEFAULT: isDefault ? 'YES' : 'NO',
    AUTOSELECT: autoselect ? 'YES' : undefined,
    FORCED: forced ? 'YES' : undefined,
    CHARACTERISTICS: optionallyQuoted(characteristics),
    URI: quoted(uri),
  });
}
