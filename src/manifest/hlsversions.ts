/** How the three HLS outputs differ: one row each, so that the writers ask for properties. Reasons: spec/mapping-hls.md. */
import type { SwitchingSet, Track } from '../model/presentation.ts';
import { CARRIES, cmafCodecs, isDescription } from './common.ts';
import { languageTag } from '../model/languages.ts';
import type { UrlParameters } from './urls.ts';

/** EXT-X-VERSION: 3 and 4 are transport streams, 7 is CMAF. */
export type HlsVersion = 3 | 4 | 7;

export type HlsRow = {
  readonly version: HlsVersion;
  readonly container: 'fmp4' | 'ts';
  readonly families: readonly Track['codec']['family'][];
  /** Audio travels in the video segments. */
  readonly muxed: boolean;
  /** Values that are measured, and tags that RFC 8216 and Apple's authoring rules ask for, instead of the old service's. */
  readonly strict: boolean;
  /** I-frame playlists exist. */
  readonly keyFrames: boolean;
  /** EXTINF title. */
  readonly title: string;
  /** EXT-X-ALLOW-CACHE:NO is written. */
  readonly cachingForbidden: boolean;
  /** Segments need the initialization segment. */
  readonly map: boolean;
  /** Audio that differs in codec string or in quality is in different groups, not only what differs in codec family. */
  readonly groupPerQuality: boolean;
  readonly suffix: { readonly segment: string; readonly init: string };
  /** Segments of text are WebVTT files, which have no codec and no initialization segment. */
  readonly webVtt: boolean;
  codecsOf(track: Track): string;
  /** Text of LANGUAGE. */
  languageOf(set: SwitchingSet): string | undefined;
  /** Text of CHARACTERISTICS. */
  characteristicsOf(set: SwitchingSet): string | undefined;
};

const TRANSPORT = {
  container: 'ts',
  families: CARRIES.transport,
  strict: false,
  title: 'no-desc',
  cachingForbidden: true,
  map: false,
  groupPerQuality: false,
  suffix: { segment: '.ts', init: '' },
  webVtt: true,
  codecsOf: cmafCodecs,
  languageOf: ({ language }: SwitchingSet) => (language === '' ? undefined : language),
  characteristicsOf: () => undefined,
} as const;

/** Value of `format=` for CMAF with text as WebVTT files instead of TTML in fragments. */
export const CMAF_WEBVTT = 'm3u8-cmaf-webvtt';
const CMAF = 'm3u8-cmaf';

/** The row of a request: a tag may ask for text in another form. */
export function rowOf(version: HlsVersion, { format }: UrlParameters): HlsRow {
  return version === 7 && format === CMAF_WEBVTT ? { ...HLS[7], webVtt: true } : HLS[version];
}

/** Only text has URLs of its own under that tag: pictures and sound are the same resources, and caches hold them once. */
export function mediaParameters<T extends UrlParameters>(parameters: T): T {
  return parameters.format === CMAF_WEBVTT ? { ...parameters, format: CMAF } : parameters;
}

export const HLS: Readonly<Record<HlsVersion, HlsRow>> = {
  3: { ...TRANSPORT, version: 3, muxed: true, keyFrames: false },
  4: { ...TRANSPORT, version: 4, muxed: false, keyFrames: true },
  7: {
    version: 7,
    container: 'fmp4',
    families: CARRIES.fragments,
    muxed: false,
    strict: true,
    keyFrames: true,
    title: '',
    cachingForbidden: false,
    map: true,
    groupPerQuality: true,
    suffix: { segment: '.m4s', init: '.mp4' },
    webVtt: false,
    codecsOf: cmafCodecs,
    languageOf: ({ language }) => languageTag(language),
    characteristicsOf: (set) => (isDescription(set) ? 'public.accessibility.describes-video' : undefined),
  },
};
