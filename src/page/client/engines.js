/**
 * The players, and what each can play here. An engine shows one URL in one video element; everything that differs
 * between players ends here.
 *
 * @typedef {{ readonly version: string, readonly scripts: readonly string[], readonly worker: string | null, readonly licence: string }} PlayerFiles
 * @typedef {Readonly<Record<string, PlayerFiles>>} PlayerList
 * @typedef {{ readonly id: string, readonly language: string, readonly label: string | null }} AudioChoice
 * @typedef {{ readonly id: string, readonly bitrate: number, readonly height: number | null }} QualityChoice
 * @typedef {(words: string, fatal: boolean) => void} Complain
 * @typedef {object} Engine
 * @property {string} version
 * @property {(url: string) => Promise<void>} load
 * @property {() => { choices: readonly AudioChoice[], current: string | null }} audio
 * @property {(id: string) => void} chooseAudio
 * @property {() => { choices: readonly QualityChoice[], current: string | null, automatic: boolean }} quality
 * @property {(id: string | null) => void} chooseQuality null: let the player choose
 * @property {() => Promise<void>} destroy
 * @typedef {(video: HTMLVideoElement, kind: string, files: PlayerFiles | null, complain: Complain) => Promise<Engine>} CreateEngine
 * @typedef {{ readonly id: string, readonly title: string, readonly package: string | null, readonly create: CreateEngine }} EngineEntry
 */
import { createDash } from './engines/dash.js';
import { createHls } from './engines/hls.js';
import { createNative } from './engines/native.js';
import { createShaka } from './engines/shaka.js';

/** @type {Readonly<Record<string, EngineEntry>>} */
const ENGINES = {
  'hls.js': { id: 'hls.js', title: 'hls.js', package: 'hls.js', create: createHls },
  'dash.js': { id: 'dash.js', title: 'dash.js', package: 'dashjs', create: createDash },
  shaka: { id: 'shaka', title: 'Shaka Player', package: 'shaka-player', create: createShaka },
  native: { id: 'native', title: 'this browser', package: null, create: createNative },
};

/** Engines by kind of output, the usual one first. */
const BY_KIND = /** @type {Readonly<Record<string, readonly string[]>>} */ ({
  hls: ['hls.js', 'shaka', 'native'],
  dash: ['dash.js', 'shaka', 'native'],
  smooth: ['dash.js'],
});

export const NATIVE_MIME = /** @type {Readonly<Record<string, string>>} */ ({
  hls: 'application/vnd.apple.mpegurl',
  dash: 'application/dash+xml',
});

/** @param {string} outputId */
export function kindOf(outputId) {
  return outputId.split('-')[0] ?? outputId;
}

/**
 * @param {string} outputId
 * @param {PlayerList} players
 * @returns {readonly EngineEntry[]}
 */
export function enginesFor(outputId, players) {
  const kind = kindOf(outputId);
  return (BY_KIND[kind] ?? [])
    .map((id) => ENGINES[id])
    .filter((entry) => entry !== undefined)
    .filter((entry) => (entry.package === null ? playsNatively(kind) : Object.hasOwn(players, entry.package)));
}

/** @param {string} kind */
function playsNatively(kind) {
  const mime = NATIVE_MIME[kind];
  return mime !== undefined && document.createElement('video').canPlayType(mime) !== '';
}
