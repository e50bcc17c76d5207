/** What the panel below the picture says: choices, state and tracks. */
import { element, setText } from './dom.js';
import { bitrateWords, codecWords, languageWords, timeWords } from './words.js';

/** @typedef {import('../assets.ts').PageTrack} PageTrack */
/** @typedef {{ readonly value: string, readonly words: string }} Option */

/**
 * Rewrites a choice only when its options change, so that an open list is not closed under the reader.
 * @param {HTMLSelectElement} select
 * @param {readonly Option[]} options
 * @param {string | null} current
 */
export function setOptions(select, options, current) {
  const key = JSON.stringify(options);
  if (select.dataset['key'] !== key) {
    select.dataset['key'] = key;
    const shown = options.length === 0 ? [{ value: '', words: '–' }] : options;
    select.replaceChildren(...shown.map(({ value, words }) => element('option', { value }, words)));
  }
  select.disabled = options.length < 2;
  if (document.activeElement !== select || select.value === '') select.value = current ?? options[0]?.value ?? '';
}

/**
 * @param {import('./engines.js').Engine} engine
 * @returns {readonly Option[]}
 */
export function audioOptions(engine) {
  const { choices } = engine.audio();
  const languages = choices.map(({ language }) => language);
  return choices.map(({ id, language, label }) => {
    const twice = languages.filter((other) => other === language).length > 1;
    const words = languageWords(language);
    return { value: id, words: label !== null && label !== '' && twice ? `${words}: ${label}` : words };
  });
}

/**
 * @param {import('./engines.js').Engine} engine
 * @returns {readonly Option[]}
 */
export function qualityOptions(engine) {
  const { choices } = engine.quality();
  const sorted = choices.toSorted((a, b) => b.bitrate - a.bitrate);
  const options = sorted.map(({ id, bitrate, height }) => ({ value: id, words: qualityWords(bitrate, height) }));
  return options.length < 2 ? options : [{ value: 'auto', words: 'automatic' }, ...options];
}

/** @param {number} bitrate @param {number | null} height */
function qualityWords(bitrate, height) {
  const parts = [height === null ? '' : `${height}p`, bitrate > 0 ? bitrateWords(bitrate) : ''];
  return parts.filter((part) => part !== '').join(', ') || 'the only one';
}

/**
 * @param {HTMLDListElement} list
 * @param {readonly (readonly [name: string, words: string])[]} facts
 */
export function setFacts(list, facts) {
  if (list.childElementCount !== facts.length) {
    list.replaceChildren(...facts.map(() => element('div', {}, element('dt'), element('dd'))));
  }
  facts.forEach(([name, words], i) => {
    const [term, detail] = list.children[i]?.children ?? [];
    if (term !== undefined && detail !== undefined) {
      setText(term, name);
      setText(detail, words);
    }
  });
}

/**
 * @param {HTMLVideoElement} video
 * @param {import('./playback.js').Status} status
 * @param {number | null} bitrate
 * @returns {readonly (readonly [string, string])[]}
 */
export function stateFacts(video, status, bitrate) {
  const quality = video.getVideoPlaybackQuality();
  return [
    ['State', stateWords(video, status)],
    ['Player', status.engine ?? '–'],
    ['Picture', video.videoWidth > 0 ? `${video.videoWidth} × ${video.videoHeight}` : '–'],
    ['Bitrate', bitrateWords(bitrate)],
    ['Time', `${timeWords(video.currentTime)} of ${timeWords(video.duration)}`],
    ['Buffered', `${bufferedAhead(video).toFixed(1)} s ahead`],
    ['Dropped', `${quality.droppedVideoFrames} of ${quality.totalVideoFrames} pictures`],
  ];
}

/**
 * @param {HTMLVideoElement} video
 * @param {import('./playback.js').Status} status
 */
export function stateWords(video, status) {
  if (status.errors.length > 0) return 'failed';
  if (status.url === null) return 'idle';
  if (status.loading) return 'loading';
  if (video.ended) return 'ended';
  if (video.paused) return 'paused';
  return video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA ? 'waiting for data' : 'playing';
}

/** @param {HTMLVideoElement} video */
function bufferedAhead(video) {
  const { buffered, currentTime } = video;
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= currentTime + 0.1 && currentTime <= buffered.end(i)) return buffered.end(i) - currentTime;
  }
  return 0;
}

/** @param {readonly PageTrack[]} tracks */
export function trackTable(tracks) {
  const head = element('tr', {}, ...['Track', 'Codec', 'Language', 'Bitrates'].map((words) => element('th', { scope: 'col' }, words)));
  const rows = tracks.map((track) => {
    const picture = track.size === null ? '' : ` ${track.size.width} × ${track.size.height}`;
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, track.name),
      element('td', { title: track.codec }, `${codecWords(track.codec)}${picture}`),
      element('td', {}, track.kind === 'video' ? '–' : [...new Set([languageWords(track.language), track.label ?? ''])].filter((words) => words !== '').join(', ')),
      element('td', {}, track.bitrates.map(bitrateWords).join(', ')),
    );
  });
  return element('table', {}, element('caption', {}, 'Tracks of this asset'), element('thead', {}, head), element('tbody', {}, ...rows));
}
