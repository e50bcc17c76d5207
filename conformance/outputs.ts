/** The six outputs as the suite names them, and the AMS URL grammar by which it recognises tracks. Shares nothing with `src`. */
import { FORMAT_IDS, type FormatId } from '../spec/requirement.ts';

export type FormatRow = {
  readonly id: FormatId;
  /** Text behind `…/name.ism/` (AMS streaming URL). */
  readonly resource: string;
  readonly kind: 'dash' | 'hls' | 'smooth';
  readonly container: 'fmp4' | 'ts';
  /** Samples as stored, or with parameter sets moved to the sample entry. */
  readonly samples: 'stored' | 'normalised';
  readonly manifestTypes: readonly string[];
  /** Times inside TTML count from the fragment and stay inside it (Smooth Streaming); else from the presentation, and are whole. */
  readonly localText?: true;
};

const HLS_TYPES = ['application/vnd.apple.mpegurl', 'application/x-mpegurl', 'audio/mpegurl'];
const DASH_TYPES = ['application/dash+xml'];
/** The second is what MS-SSTR 2.2.2 allows beside what the old service sent. */
const SMOOTH_TYPES = ['application/vnd.ms-sstr+xml', 'text/xml', 'application/xml'];

const ROWS: Readonly<Record<FormatId, Omit<FormatRow, 'id'>>> = {
  'hls-v3': { resource: 'manifest(format=m3u8-aapl-v3)', kind: 'hls', container: 'ts', samples: 'normalised', manifestTypes: HLS_TYPES },
  'hls-v4': { resource: 'manifest(format=m3u8-aapl)', kind: 'hls', container: 'ts', samples: 'normalised', manifestTypes: HLS_TYPES },
  'hls-cmaf': { resource: 'manifest(format=m3u8-cmaf)', kind: 'hls', container: 'fmp4', samples: 'normalised', manifestTypes: HLS_TYPES },
  'dash-csf': { resource: 'manifest(format=mpd-time-csf)', kind: 'dash', container: 'fmp4', samples: 'stored', manifestTypes: DASH_TYPES },
  'dash-cmaf': { resource: 'manifest(format=mpd-time-cmaf)', kind: 'dash', container: 'fmp4', samples: 'normalised', manifestTypes: DASH_TYPES },
  smooth: { resource: 'manifest', kind: 'smooth', container: 'fmp4', samples: 'stored', manifestTypes: SMOOTH_TYPES, localText: true },
};

export const FORMATS: readonly FormatRow[] = FORMAT_IDS.map((id) => ({ id, ...ROWS[id] }));

export function formatRow(id: FormatId): FormatRow {
  return { id, ...ROWS[id] };
}

/** Codecs that an output does not carry, by their RFC 6381 strings: HEVC has no transport streams here, Dolby and DTS no Smooth, AC-3 nothing (spec/features.json). */
const REFUSED_CODECS: Readonly<Partial<Record<FormatId, RegExp>>> = { 'hls-v3': /^h(vc|ev)1/, 'hls-v4': /^h(vc|ev)1/, smooth: /^(ec-3|dts)/ };
const REFUSED_EVERYWHERE = /^ac-3/;

export function carriesCodec(format: FormatId, rfc6381: string): boolean {
  return !REFUSED_EVERYWHERE.test(rfc6381) && REFUSED_CODECS[format]?.test(rfc6381) !== true;
}

type Coded = { readonly kind: string; readonly codec: { readonly rfc6381: string } };

/** The output has to be refused: of the pictures or of the sound of the content it carries nothing. */
export function isRefused(format: FormatId, tracks: readonly Coded[]): boolean {
  return ['video', 'audio'].some((kind) => {
    const own = tracks.filter((track) => track.kind === kind);
    return own.length > 0 && own.every(({ codec }) => !carriesCodec(format, codec.rfc6381));
  });
}

/** The master URLs of one asset, from the URL of its `.ism`. */
export function masterUrls(ism: string): readonly { readonly format: FormatId; readonly url: string }[] {
  return FORMATS.map(({ id, resource }) => ({ format: id, url: `${ism.replace(/\/+$/, '')}/${resource}` }));
}

export type AmsUrl = {
  readonly bitrate: number;
  readonly noun: 'Manifest' | 'Fragments' | 'KeyFrames';
  readonly track: string;
  /** `i` for the initialization segment; null for media playlists. */
  readonly time: bigint | 'i' | null;
  readonly parameters: ReadonlyMap<string, string>;
};

const AMS_CHILD = /\/QualityLevels\((\d+)\)\/(Manifest|Fragments|KeyFrames)\(([^=,()]+)(?:=(\d+|i))?((?:,[^()]*)?)\)(?:\.\w+)?$/i;

/** Null when the URL is not of the AMS form. */
export function readAmsUrl(url: string): AmsUrl | null {
  const path = decodePath(url);
  const match = path === null ? null : AMS_CHILD.exec(path);
  if (match === null) return null;
  const [, bitrate, noun, track, time, rest] = match;
  const nouns = { manifest: 'Manifest', fragments: 'Fragments', keyframes: 'KeyFrames' } as const;
  const parameters = new Map(
    rest
      .split(',')
      .filter((pair) => pair !== '')
      .map((pair) => [pair.split('=')[0].trim().toLowerCase(), pair.slice(pair.indexOf('=') + 1).trim()] as const),
  );
  return { bitrate: Number(bitrate), noun: nouns[noun.toLowerCase() as keyof typeof nouns], track, time: time === undefined ? null : time === 'i' ? 'i' : BigInt(time), parameters };
}

function decodePath(url: string): string | null {
  try {
    return decodeURIComponent(new URL(url).pathname);
  } catch {
    return null;
  }
}

/** What a manifest of unknown origin is, from its URL and its text. */
export function guessFormat(url: string, text: string): FormatId | null {
  const told = FORMATS.find(({ resource }) => resource.includes('=') && new RegExp(`[(,]${/format=[^)]+/.exec(resource)?.[0]}[,)]`).test(url));
  if (told !== undefined) return told.id;
  if (text.includes('<SmoothStreamingMedia')) return 'smooth';
  if (/<MPD[\s>]/.test(text)) return /urn:mpeg:dash:profile:cmaf/.test(text) ? 'dash-cmaf' : 'dash-csf';
  if (!text.replace(/^\uFEFF/, '').startsWith('#EXTM3U')) return null;
  if (text.includes('#EXT-X-MAP')) return 'hls-cmaf';
  const version = Number(/#EXT-X-VERSION:(\d+)/.exec(text)?.[1] ?? '1');
  return version >= 6 ? 'hls-cmaf' : version >= 4 ? 'hls-v4' : 'hls-v3';
}
