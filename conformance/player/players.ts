/** Which player plays what, where, and what can be asked of it. A pair that is not here is not tried. */
import type { FormatRow } from '../outputs.ts';
import type { BrowserName, ManifestFormat, PlayerName } from './model.ts';
import type { Probe } from './probe.ts';

export type PlayerRow = {
  readonly name: string;
  readonly kinds: readonly ManifestFormat[];
  /** Whether qualities and languages can be chosen from outside. */
  readonly choosesQuality: boolean;
  readonly choosesAudio: boolean;
  /** Its module, where it is none of the suite's own. */
  readonly module: string | null;
};

const row = (name: PlayerName, kinds: readonly ManifestFormat[], more: Partial<PlayerRow> = {}): PlayerRow => ({ name, kinds, choosesQuality: true, choosesAudio: true, module: null, ...more });

export const PLAYERS: readonly PlayerRow[] = [
  row('hls.js', ['hls']),
  row('dash.js', ['dash', 'smooth']),
  row('shaka', ['hls', 'dash']),
  // Version 5 gave Smooth Streaming up.
  row('shaka-4', ['smooth']),
  // A choice takes effect behind what is buffered (30 s), which is behind the end of the corpus' assets.
  row('video.js', ['hls', 'dash'], { choosesQuality: false, choosesAudio: false }),
  row('native', ['hls'], { choosesQuality: false, choosesAudio: false }),
];

/** Sample entry → the question that was put to the browser. */
const PROBED: Readonly<Record<string, string>> = {
  avc1: 'video/mp4; codecs="avc1.64001f"',
  avc3: 'video/mp4; codecs="avc3.64001f"',
  hvc1: 'video/mp4; codecs="hvc1.1.6.L93.B0"',
  hev1: 'video/mp4; codecs="hev1.1.6.L93.B0"',
  mp4a: 'audio/mp4; codecs="mp4a.40.2"',
  'ec-3': 'audio/mp4; codecs="ec-3"',
  'ac-3': 'audio/mp4; codecs="ac-3"',
  dtsc: 'audio/mp4; codecs="dtsc"',
  dtsh: 'audio/mp4; codecs="dtsh"',
  dtse: 'audio/mp4; codecs="dtse"',
  dtsl: 'audio/mp4; codecs="dtsl"',
};

const NATIVE_TYPES: Readonly<Record<ManifestFormat, string>> = { hls: 'application/vnd.apple.mpegurl', dash: 'application/dash+xml', smooth: 'application/vnd.ms-sstr+xml' };

/** Why a browser cannot play this at all, by its own answers; null: it says that it can, or was not asked. */
export function cannotPlay(player: PlayerRow, { kind }: FormatRow, sampleEntries: readonly string[], browser: BrowserName, probe: Probe): string | null {
  if (player.name === 'native' && (probe.native[NATIVE_TYPES[kind]] ?? '') === '') return `${browser} says that it does not play ${NATIVE_TYPES[kind]} by itself`;
  const missing = sampleEntries.map((entry) => PROBED[entry]).find((type) => type !== undefined && Object.hasOwn(probe.mediaSource, type) && !probe.mediaSource[type]);
  return missing === undefined ? null : `${browser} says that it does not decode ${missing}`;
}
