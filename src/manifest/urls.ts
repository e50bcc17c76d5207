/** The text of child URLs, relative to `…/{name}.ism/` or, in media playlists, to the quality level (spec/url.md). */

/** What child URLs repeat of the request for the manifest. */
export type UrlParameters = {
  /** Canonical value of `format=`; empty for Smooth. */
  readonly format: string;
  readonly extra: readonly (readonly [name: string, value: string])[];
};

/** Order after `format=`; the two nouns differ in real playlists. Names that are not listed follow as given. */
const PLAYLIST_ORDER = ['type', 'encryption', 'audiotrack', 'filter'];
const SEGMENT_ORDER = ['audiotrack', 'encryption'];
/** Filters act on manifests only: a segment has one URL whatever the filter. */
const NOT_IN_SEGMENTS = new Set(['filter', 'type']);

/** A bitrate, or the placeholder of a template. */
export type Quality = number | '$Bandwidth$' | '{bitrate}';

/** A segment's time, `i` for the initialization segment, or the placeholder of a template. */
export type UrlTime = bigint | 'i' | '$Time$' | '{start time}';

export function inQuality(quality: Quality, rest: string): string {
  return `QualityLevels(${quality})/${rest}`;
}

/** A media playlist, e.g. `QualityLevels(381048)/Manifest(video,format=m3u8-aapl)`. */
export function playlistUrl(bitrate: number, track: string, parameters: UrlParameters, keyFrames = false): string {
  const extra = keyFrames ? [['type', 'keyframes'] as const, ...parameters.extra] : parameters.extra;
  return inQuality(bitrate, `Manifest(${encodeName(track)}${tail(parameters.format, extra, PLAYLIST_ORDER)})`);
}

/** A function from time to segment URL, without quality level. `noun` is KeyFrames for single key frames. */
export function segmentUrls(track: string, parameters: UrlParameters, noun: 'Fragments' | 'KeyFrames' = 'Fragments'): (time: UrlTime) => string {
  const start = `${noun}(${encodeName(track)}=`;
  const extra = parameters.extra.filter(([name]) => !NOT_IN_SEGMENTS.has(name.toLowerCase()));
  const end = `${tail(parameters.format, extra, SEGMENT_ORDER)})`;
  return (time) => start + time + end;
}

function tail(format: string, extra: UrlParameters['extra'], order: readonly string[]): string {
  const rank = (name: string): number => (order.includes(name.toLowerCase()) ? order.indexOf(name.toLowerCase()) : order.length);
  const sorted = extra.toSorted(([a], [b]) => rank(a) - rank(b));
  return (format === '' ? '' : `,format=${format}`) + sorted.map(([name, value]) => `,${name}=${encodeValue(value)}`).join('');
}

/**
 * Percent-encodes what a name may hold but a URL segment, the grammar `noun(name=…,…)`, a DASH template ($) or a Smooth template ({})
 * may not. The result has no white space, so it can be part of a Representation id too.
 */
export function encodeName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(/[()]/g, (char) => (char === '(' ? '%28' : '%29'));
}

/** The same with `;` kept: it separates filter names. */
function encodeValue(value: string): string {
  return encodeName(value).replaceAll('%3B', ';');
}
