/** The page: the hash says what is selected, everything else follows from it. */
import { element, find, setText } from './dom.js';
import { enginesFor } from './engines.js';
import { audioOptions, qualityOptions, setFacts, setOptions, stateFacts, stateWords, trackTable } from './panel.js';
import { createPlayback } from './playback.js';
import { createRequestLog } from './requests.js';
import { fillTable, filterTable, markCurrent } from './table.js';
import { classWords, languageWords } from './words.js';

/** @typedef {import('../assets.ts').PageAsset} PageAsset */
/** @typedef {import('../assets.ts').PageOutput} PageOutput */
/** @typedef {import('./engines.js').PlayerList} PlayerList */
/** @typedef {{ readonly asset: PageAsset, readonly output: PageOutput, readonly engine: string, readonly audio: string | null, readonly autoplay: boolean }} Selection */

const REFRESH_MS = 250;
const COPIED_MS = 1500;

const video = find('video', 'video');
const table = find('table', 'assets');
const playerSelect = find('select', 'player');
const audioSelect = find('select', 'audio');
const qualitySelect = find('select', 'quality');
const address = find('input', 'url');
const copyButton = find('button', 'copy');
const playback = createPlayback(video);
const requestLog = createRequestLog({ body: find('tbody', 'log-lines'), count: find('span', 'log-count'), onlyFailed: find('input', 'log-failed'), clear: find('button', 'log-clear') });

/** @type {readonly PageAsset[]} */ let assets = [];
/** @type {PlayerList} */ let players = {};
/** @type {Selection | null} */ let selection = null;

/** @param {Readonly<Record<string, string | null>>} parts */
function writeHash(parts) {
  const hash = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) if (value !== null) hash.set(name, value);
  return `#${hash.toString()}`;
}

/**
 * @param {PageAsset} asset
 * @param {PageOutput} output
 */
function hashOf(asset, output) {
  return writeHash({ asset: asset.id, output: output.id, autoplay: '1' });
}

/** @returns {Selection | null} */
function readHash() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const asset = assets.find(({ id }) => id === hash.get('asset'));
  const output = asset?.outputs.find(({ id }) => id === hash.get('output'));
  if (asset === undefined || output === undefined) return null;
  const engines = enginesFor(output.id, players);
  const named = (/** @type {string | null | undefined} */ player) => engines.find(({ id }) => id === player);
  const wanted = named(hash.get('player')) ?? named(output.player) ?? engines[0];
  return wanted === undefined ? null : { asset, output, engine: wanted.id, audio: hash.get('audio'), autoplay: hash.get('autoplay') === '1' };
}

/**
 * The manifest's address; a multiplexed output names its audio track there.
 * @param {Selection} chosen
 */
function addressOf({ output, audio }) {
  const url = audio !== null && output.muxed === true ? output.url.replace(/\)$/, `,audioTrack=${encodeURIComponent(audio)})`) : output.url;
  return new URL(url.replace(/^\//, ''), new URL('.', location.href)).href;
}

function follow() {
  const chosen = readHash();
  if (chosen === null) return;
  selection = chosen;
  requestLog.forget();
  const engines = enginesFor(chosen.output.id, players);
  const entry = engines.find(({ id }) => id === chosen.engine);
  markCurrent(table, chosen.asset.id, chosen.output.id);
  setText(find('h2', 'player-title'), `${chosen.asset.id}, ${chosen.output.title}`);
  document.title = `${chosen.asset.id}, ${chosen.output.title} – Isomer`;
  find('p', 'idle').hidden = true;
  const url = addressOf(chosen);
  address.value = url;
  copyButton.disabled = false;
  setOptions(playerSelect, engines.map(({ id, title }) => ({ value: id, words: title })), chosen.engine);
  const tracks = find('div', 'tracks');
  tracks.replaceChildren(trackTable(chosen.asset.tracks));
  tracks.hidden = chosen.asset.tracks.length === 0;
  find('div', 'details').hidden = false;
  if (entry !== undefined) void playback.start(entry, entry.package === null ? null : (players[entry.package] ?? null), chosen.output.id, url, chosen.autoplay).finally(refresh);
  refresh();
}

/** Changes a part of the selection. @param {Readonly<Record<string, string | null>>} parts */
function reselect(parts) {
  if (selection === null) return;
  const { asset, output, engine, audio } = selection;
  location.hash = writeHash({ asset: asset.id, output: output.id, player: engine, audio, autoplay: '1', ...parts });
}

/** Audio tracks of a multiplexed output are chosen by URL. @param {Selection} chosen */
function muxedOptions({ asset, output }) {
  if (output.muxed !== true) return null;
  return asset.tracks.filter(({ kind }) => kind === 'audio').map(({ name, language, label }) => ({ value: name, words: label ?? languageWords(language) }));
}

function currentBitrate() {
  const quality = playback.engine()?.quality();
  return quality?.choices.find(({ id }) => id === quality.current)?.bitrate ?? null;
}

/** What is not plainly encoded, or not in the clear, says so before it disappoints. */
function outputNotes() {
  const name = selection?.asset.class ?? 'encoded';
  const keys = selection?.output.keys;
  return [...(name === 'encoded' ? [] : [`This asset is ${name}: ${classWords(name)}.`]), ...(keys === undefined ? [] : [`Encrypted: ${keys}`])];
}

/** @param {import('./engines.js').Engine} engine */
function qualityValue(engine) {
  const { choices, automatic, current } = engine.quality();
  return automatic && choices.length > 1 ? 'auto' : current;
}

function refresh() {
  const status = playback.status();
  const engine = playback.engine();
  setFacts(find('dl', 'state'), stateFacts(video, status, currentBitrate()));
  showWords(find('p', 'errors'), status.errors);
  showWords(find('p', 'notes'), [...outputNotes(), ...status.notes]);
  requestLog.say(status.errors, true);
  requestLog.say(status.notes, false);
  const muxed = selection === null ? null : muxedOptions(selection);
  if (muxed !== null) setOptions(audioSelect, muxed, selection?.audio ?? muxed[0]?.value ?? null);
  else if (engine === null || status.loading) setOptions(audioSelect, [], null);
  else setOptions(audioSelect, audioOptions(engine), engine.audio().current);
  if (engine === null || status.loading) setOptions(qualitySelect, [], null);
  else setOptions(qualitySelect, qualityOptions(engine), qualityValue(engine));
}

/** @param {HTMLElement} place @param {readonly string[]} words */
function showWords(place, words) {
  setText(place, words.join('\n'));
  place.hidden = words.length === 0;
}

async function copyAddress() {
  try {
    await navigator.clipboard.writeText(address.value);
    setText(copyButton, 'Copied');
  } catch {
    // Clipboards are closed to pages that are not served securely; the selected text can be copied by hand.
    address.select();
    setText(copyButton, 'Press Ctrl+C');
  }
  setTimeout(() => setText(copyButton, 'Copy'), COPIED_MS);
}

function listen() {
  playerSelect.addEventListener('change', () => reselect({ player: playerSelect.value }));
  audioSelect.addEventListener('change', () => {
    if (selection?.output.muxed === true) reselect({ audio: audioSelect.value });
    else playback.engine()?.chooseAudio(audioSelect.value);
  });
  qualitySelect.addEventListener('change', () => playback.engine()?.chooseQuality(qualitySelect.value === 'auto' ? null : qualitySelect.value));
  copyButton.addEventListener('click', () => void copyAddress());
  address.addEventListener('focus', () => address.select());
  find('input', 'filter').addEventListener('input', (event) => {
    if (!(event.target instanceof HTMLInputElement)) return;
    const left = filterTable(table, event.target.value);
    say(left === 0 ? 'No asset matches.' : '');
  });
  // The same cell again plays it again, although the hash stays the same.
  table.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('a.play')?.getAttribute('href') === location.hash) follow();
  });
  find('a', 'skip').addEventListener('click', (event) => {
    event.preventDefault();
    find('h2', 'assets-title').focus();
  });
  addEventListener('hashchange', follow);
}

/** @param {string} words */
function say(words) {
  setText(find('p', 'loading'), words);
  find('p', 'loading').hidden = words === '';
}

/**
 * @param {string} url
 * @returns {Promise<unknown>}
 */
async function fetchJson(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}

/**
 * @param {unknown} value
 * @returns {value is readonly PageAsset[]}
 */
function isAssetList(value) {
  return Array.isArray(value) && value.every((one) => isRecord(one) && typeof one['id'] === 'string' && Array.isArray(one['outputs']) && Array.isArray(one['tracks']));
}

/**
 * @param {unknown} value
 * @returns {value is PlayerList}
 */
function isPlayerList(value) {
  return isRecord(value) && Object.values(value).every((one) => isRecord(one) && typeof one['version'] === 'string' && Array.isArray(one['scripts']));
}

/**
 * @param {unknown} value
 * @returns {value is Readonly<Record<string, unknown>>}
 */
function isRecord(value) {
  return typeof value === 'object' && value !== null;
}

async function begin() {
  listen();
  refresh();
  try {
    const [list, files] = await Promise.all([fetchJson('-/assets.json'), fetchJson('-/page/players.json')]);
    if (!isAssetList(list) || !isPlayerList(files)) throw new Error('the answer is not such a list');
    assets = list;
    players = files;
  } catch (error) {
    say(`The list of assets could not be read: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  say(assets.length === 0 ? 'No assets here yet: a folder that holds MP4 files and a server manifest (.ism) is an asset.' : '');
  fillTable(table, assets, hashOf);
  table.hidden = assets.length === 0;
  find('footer', 'footer').replaceChildren(
    'Players: ',
    ...Object.entries(players).flatMap(([name, { version, licence }], i) => [i === 0 ? '' : ', ', `${name} ${version} (`, element('a', { href: licence }, 'licence'), ')']),
  );
  follow();
  setInterval(refresh, REFRESH_MS);
}

/** For tests: what the page knows, read-only. */
Object.defineProperty(window, 'isomerPage', {
  value: Object.freeze({
    state() {
      const status = playback.status();
      const audio = playback.engine()?.audio();
      return {
        ready: !table.hidden,
        asset: selection?.asset.id ?? null,
        output: selection?.output.id ?? null,
        player: selection?.engine ?? null,
        engine: status.engine,
        url: status.url,
        state: stateWords(video, status),
        time: video.currentTime,
        duration: Number.isFinite(video.duration) ? video.duration : null,
        width: video.videoWidth,
        height: video.videoHeight,
        bitrate: currentBitrate(),
        audio: audio?.choices.find(({ id }) => id === audio.current)?.language ?? null,
        languages: audio?.choices.map(({ language }) => language) ?? [],
        errors: [...status.errors],
        notes: [...status.notes],
        log: requestLog.summary(),
      };
    },
  }),
});

void begin();
