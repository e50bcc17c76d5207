/** Which player plays what, where, and what can be asked of it. A pair that is not here is not tried. */
import { carriesCodec, type FormatRow } from '../outputs.ts';
import { narrowed, type Content, type ContentTrack } from './content.ts';
import type { BrowserName, ManifestFormat, PlayerName } from './model.ts';
import type { Probe } from './probe.ts';

export type PlayerRow = {
  readonly name: string;
  readonly kinds: readonly ManifestFormat[];
  /** Those in which a short run tries more than to play; absent: all of them. */
  readonly tried?: readonly ManifestFormat[];
  /** Of these, those in which it tries what one asset and one browser show; absent: all of them. */
  readonly sampled?: readonly ManifestFormat[];
  /** Whether qualities and languages can be chosen from outside. */
  readonly choosesQuality: boolean;
  readonly choosesAudio: boolean;
  /** Codecs that its own reader of a protocol knows; absent: whatever the browser decodes. */
  readonly reads?: Readonly<Partial<Record<ManifestFormat, RegExp>>>;
  /** Its module, where it is none of the suite's own. */
  readonly module: string | null;
};

const row = (name: PlayerName, kinds: readonly ManifestFormat[], more: Partial<PlayerRow> = {}): PlayerRow => ({ name, kinds, choosesQuality: true, choosesAudio: true, module: null, ...more });

export const PLAYERS: readonly PlayerRow[] = [
  row('hls.js', ['hls']),
  // A short run samples in each protocol with one player.
  row('dash.js', ['dash', 'smooth'], { sampled: ['dash'], reads: { smooth: /^(avc|mp4a)/ } }),
  row('shaka', ['hls', 'dash'], { sampled: [] }),
  // Version 5 gave Smooth Streaming up.
  row('shaka-4', ['smooth'], { reads: { smooth: /^(avc|mp4a)/ } }),
  // DASH has players enough.
  row('rx-player', ['dash', 'smooth'], { tried: ['smooth'], sampled: [] }),
  // A choice takes effect behind what is buffered (30 s), which is behind the end of the corpus' assets.
  row('video.js', ['hls', 'dash'], { sampled: [], choosesQuality: false, choosesAudio: false }),
  row('native', ['hls', 'dash'], { sampled: [], choosesQuality: false, choosesAudio: false }),
];

/** RFC 6381 string → the question that was put to the browser. */
const PROBED: readonly (readonly [codec: RegExp, type: string])[] = [
  [/^avc1/, 'video/mp4; codecs="avc1.64001f"'],
  [/^avc3/, 'video/mp4; codecs="avc3.64001f"'],
  [/^h(vc|ev)1\.2/, 'video/mp4; codecs="hvc1.2.4.L93.B0"'],
  [/^hvc1/, 'video/mp4; codecs="hvc1.1.6.L93.B0"'],
  [/^hev1/, 'video/mp4; codecs="hev1.1.6.L93.B0"'],
  [/^mp4a\.40\.5$/, 'audio/mp4; codecs="mp4a.40.5"'],
  [/^mp4a\.40\.29$/, 'audio/mp4; codecs="mp4a.40.29"'],
  [/^mp4a/, 'audio/mp4; codecs="mp4a.40.2"'],
  ...['ec-3', 'ac-3', 'dtsc', 'dtsh', 'dtse', 'dtsl'].map((entry) => [new RegExp(`^${entry}`), `audio/mp4; codecs="${entry}"`] as const),
];

const NATIVE_TYPES: Readonly<Record<ManifestFormat, string>> = { hls: 'application/vnd.apple.mpegurl', dash: 'application/dash+xml', smooth: 'application/vnd.ms-sstr+xml' };

/** What a browser's own player decodes without saying so when it is asked: WebKitGTK hands everything to GStreamer. Its DASH gave DTS Lossless up, so DTS-HD is asked for in HLS alone. */
const UNTOLD: Readonly<Partial<Record<BrowserName, Readonly<Record<ManifestFormat, RegExp | null>>>>> = { webkitgtk: { hls: /^dts[ch]/, dash: /^dtsc/, smooth: null } };

/** That a browser has no player of its own for DASH is said nowhere: but for WebKitGTK none ever had. */
export function kindsIn(player: PlayerRow, probe: Probe): readonly ManifestFormat[] {
  return player.name === 'native' ? player.kinds.filter((kind) => kind === 'hls' || (probe.native[NATIVE_TYPES[kind]] ?? '') !== '') : player.kinds;
}

/** What of a content a player can be asked for in a browser; `leftOut`: codecs that are served and not decoded there. */
export type Playable = { readonly cannot: string } | { readonly content: Content; readonly leftOut: readonly string[] };

/** By the browser's own answers: why it cannot play this at all, or what it can play of it. */
export function playableIn(player: PlayerRow, format: FormatRow, content: Content, browser: BrowserName, probe: Probe): Playable {
  const type = NATIVE_TYPES[format.kind];
  if (player.name === 'native' && (probe.native[type] ?? '') === '') return { cannot: `${browser} says that it does not play ${type} by itself` };
  const served = servedTracks(content.tracks, format);
  const untold = player.name === 'native' ? UNTOLD[browser]?.[format.kind] : null;
  const refusal = (codec: string): string | null => {
    const refused = untold?.test(codec) === true ? null : refusedType(codec, probe);
    if (refused !== null) return `${browser} says that it does not decode ${refused}`;
    return player.reads?.[format.kind]?.test(codec) === false ? `${player.name} does not know ${codec.split('.')[0]} in ${type}` : null;
  };
  const kept = served.filter(({ codec }) => refusal(codec) === null);
  for (const kind of ['video', 'audio']) {
    const cannot = served.filter((track) => track.kind === kind).map(({ codec }) => refusal(codec));
    if (cannot.length > 0 && cannot.every((each) => each !== null)) return { cannot: cannot[0] };
  }
  const left = served.filter((track) => !kept.includes(track)).map(({ codec }) => codec.split('.')[0]);
  return { content: narrowed(content, (track) => kept.includes(track)), leftOut: [...new Set(left)].toSorted() };
}

/** What an output carries of the tracks; one that carries none of a kind and is served all the same carries what it will. */
function servedTracks(tracks: readonly ContentTrack[], { id }: FormatRow): readonly ContentTrack[] {
  return (['video', 'audio'] as const).flatMap((kind) => {
    const own = tracks.filter((track) => track.kind === kind);
    const carried = own.filter(({ codec }) => carriesCodec(id, codec));
    const listed = carried.length > 0 ? carried : own;
    // Sound is inside the segments: the first AAC, else the first (spec/mapping-hls.md).
    return id === 'hls-v3' && kind === 'audio' ? listed.filter((track) => track === (listed.find(({ codec }) => codec.startsWith('mp4a')) ?? listed[0])) : listed;
  });
}

function refusedType(codec: string, probe: Probe): string | null {
  const type = PROBED.find(([known]) => known.test(codec))?.[1];
  return type !== undefined && Object.hasOwn(probe.mediaSource, type) && !probe.mediaSource[type] ? type : null;
}
