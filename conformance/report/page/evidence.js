/** What a replay left behind: thumbnails, how the buffer filled, what was asked for, and how far pictures were off their times. */
import { element, plural, shape } from './dom.js';

/** @typedef {import('../../../spec/replay.ts').ReplayEvidence} ReplayEvidence */
/** @typedef {import('../../../spec/replay.ts').ReplayDetail} ReplayDetail */
/** @typedef {NonNullable<ReplayDetail['observation']>} Observation */

const PLOT_HEIGHT = 72;
const PLOT_LABEL = 52;
const ROW = 13;
const AXIS_HEIGHT = 18;
const SHOWN_RANGES = 8;
/** @type {Readonly<Record<ReplayEvidence['strip'][number]['why'], string>>} */
const WHY = { time: '', gap: 'pictures skipped', back: 'stepped back', rendition: 'other quality' };

/** @param {number} value */
const inSeconds = (value) => `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;

/** @param {ReplayEvidence['strip']} strip */
export function stripElement(strip) {
  const items = strip.map(({ at, counter, why, image }) => {
    const name = `picture ${counter ?? '?'}`;
    return element('li', { class: why === 'time' ? null : 'jump' }, element('img', { src: image, alt: `${name} after ${inSeconds(at)}${WHY[why] === '' ? '' : `, ${WHY[why]}`}`, width: '112', loading: 'lazy' }), element('span', {}, element('b', {}, counter === null ? '?' : `#${counter}`), ` ${inSeconds(at)}`), WHY[why] === '' ? '' : element('span', { class: 'why' }, WHY[why]));
  });
  return element('section', { class: 'shown' }, element('h3', {}, 'Pictures'), element('ol', { class: 'strip', tabindex: '0', 'aria-label': 'Thumbnails in the order shown' }, ...items));
}

/** @param {ReplayDetail} detail @returns {HTMLElement} */
export function measuredElement({ observation, attempts, infrastructure, milliseconds, evidence }) {
  /** @type {[string, string][]} */
  const facts = [];
  if (observation !== null) {
    const { framesSeen, framesExpected, first, last, missing, backwards, startup, stalls, renditions, sync, pilots, tones, seeks, unread } = observation;
    const ranges = missing.slice(0, SHOWN_RANGES).map(([from, to]) => (from === to ? String(from) : `${from}–${to}`));
    facts.push(['pictures', `${framesSeen} of ${framesExpected}${first === null ? '' : `, #${first} to #${last}`}`]);
    if (missing.length > 0) facts.push(['missing', ranges.join(', ') + (missing.length > SHOWN_RANGES ? ` and ${missing.length - SHOWN_RANGES} more` : '')]);
    if (backwards.length > 0) facts.push(['backwards', backwards.slice(0, SHOWN_RANGES).map(([from, to]) => `${from} → ${to}`).join(', ')]);
    facts.push(['start-up', startup === null ? 'never' : `${startup} ms`], ['stalls', String(stalls)], ['renditions', renditions.join(', ') || 'none']);
    facts.push(['A/V', sync === null ? 'not measured' : `${sync.min} / ${sync.median} / ${sync.max} ms (least, median, most; ${plural(sync.count, 'change')} of tone)`]);
    if (tones.heard > 0) facts.push(['sound', `${tones.right} of ${tones.heard} tones right; pilots ${pilots.map((hertz) => `${hertz} Hz`).join(' → ') || 'none'}`]);
    if (seeks.asked > 0) facts.push(['seeks', `${seeks.right} of ${seeks.asked} exact`]);
    if (unread > 0) facts.push(['not read', `${plural(unread, 'picture')} dropped by the browser or between two looks`]);
  }
  if (evidence !== null) facts.push(['busy', `page timer late for ${(100 * evidence.lag.share).toFixed(1)} % of the time, ${Math.round(evidence.lag.worst)} ms at worst`]);
  facts.push(['took', `${inSeconds(milliseconds)}, ${attempts === 1 ? '1 try' : `${attempts} tries`}${infrastructure > 0 ? ` (${infrastructure} lost to the machinery)` : ''}`]);
  return element('dl', { class: 'facts' }, ...facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
}

/** @param {Observation} observation @returns {HTMLElement | null} */
export function histogramElement({ offsets }) {
  const entries = Object.entries(offsets).map(([offset, count]) => /** @type {[number, number]} */ ([Number(offset), count])).toSorted(([a], [b]) => a - b);
  if (entries.length === 0) return null;
  const most = Math.max(...entries.map(([, count]) => count));
  const rows = entries.toSorted(([, a], [, b]) => b - a).slice(0, SHOWN_RANGES).toSorted(([a], [b]) => a - b).map(([offset, count]) => {
    const bar = element('span', { class: 'share' });
    bar.style.setProperty('--share', String(count / most));
    return element('li', {}, element('span', { class: 'offset' }, `${offset > 0 ? '+' : ''}${offset}`), bar, element('span', {}, String(count)));
  });
  return element('section', { class: 'shown' }, element('h3', {}, 'Offset from the due time, in pictures'), element('ul', { class: 'histogram' }, ...rows), entries.length > SHOWN_RANGES ? element('p', { class: 'hint' }, `the ${SHOWN_RANGES} most frequent of ${entries.length}`) : '');
}

/** Buffer and requests share one axis: milliseconds since the player was told to load. @param {ReplayEvidence} evidence @returns {HTMLElement} */
export function networkElement({ buffer, requests, requestsLeftOut }) {
  const end = Math.max(1, ...buffer.map(({ at }) => at), ...requests.map(({ at, milliseconds }) => at + milliseconds));
  const box = element('section', { class: 'shown network' });
  const plots = element('div', { class: 'plots' });
  const draw = () => {
    const width = Math.max(240, Math.floor(plots.clientWidth || 640));
    const x = (/** @type {number} */ at) => PLOT_LABEL + (at / end) * (width - PLOT_LABEL - 4);
    plots.replaceChildren(bufferPlot(buffer, x, width, end), ...(requests.length === 0 ? [] : [element('div', { class: 'waterfall', tabindex: '0', role: 'group', 'aria-label': 'Requests over time' }, waterfall(requests, x, width))]));
  };
  const said = `${plural(requests.length + requestsLeftOut, 'request')}${requestsLeftOut === 0 ? '' : `, the first ${requests.length} are shown`}`;
  box.append(element('h3', {}, `Buffer and requests`), plots, element('p', { class: 'hint' }, `${said}; paths without host and query`), requestTable(requests));
  // Drawn in pixels, so that text keeps its size on a narrow screen.
  new ResizeObserver(draw).observe(plots);
  return box;
}

/**
 * @param {ReplayEvidence['buffer']} buffer
 * @param {(at: number) => number} x
 * @param {number} width
 * @param {number} end
 */
function bufferPlot(buffer, x, width, end) {
  const most = Math.max(1, ...buffer.map(({ ahead }) => ahead));
  const y = (/** @type {number} */ ahead) => 4 + (1 - ahead / most) * (PLOT_HEIGHT - 4);
  const least = Math.min(...buffer.map(({ ahead }) => ahead));
  const drawing = shape('svg', { viewBox: `0 0 ${width} ${PLOT_HEIGHT + AXIS_HEIGHT}`, width, height: PLOT_HEIGHT + AXIS_HEIGHT, role: 'img', 'aria-label': buffer.length === 0 ? 'no buffer was recorded' : `buffered ahead: ${least.toFixed(1)} to ${most.toFixed(1)} s` });
  const line = buffer.map(({ at, ahead }) => `${x(at).toFixed(1)},${y(ahead).toFixed(1)}`).join(' ');
  drawing.append(shape('line', { class: 'tick', x1: PLOT_LABEL, x2: width, y1: PLOT_HEIGHT, y2: PLOT_HEIGHT }), shape('text', { x: 0, y: 12 }, `${most.toFixed(1)} s`), shape('text', { x: 0, y: PLOT_HEIGHT }, 'ahead'));
  if (buffer.length > 0) {
    drawing.append(shape('polygon', { class: 'area', points: `${x(buffer[0].at).toFixed(1)},${PLOT_HEIGHT} ${line} ${x(buffer[buffer.length - 1].at).toFixed(1)},${PLOT_HEIGHT}` }), shape('polyline', { class: 'curve', points: line }));
    for (const { at, clock, ahead } of buffer) if (ahead <= 0) drawing.append(shape('circle', { class: 'empty-buffer', cx: x(at).toFixed(1), cy: PLOT_HEIGHT, r: 2.5 }, shape('title', {}, `nothing ahead of ${clock} s after ${inSeconds(at)}`)));
  }
  const steps = Math.max(2, Math.floor(width / 110));
  for (let i = 0; i <= steps; i++) drawing.append(shape('text', { x: x((end * i) / steps), y: PLOT_HEIGHT + 13, 'text-anchor': i === 0 ? 'start' : i === steps ? 'end' : 'middle' }, inSeconds((end * i) / steps)));
  return drawing;
}

/**
 * @param {ReplayEvidence['requests']} requests
 * @param {(at: number) => number} x
 * @param {number} width
 */
function waterfall(requests, x, width) {
  const height = requests.length * ROW + 2;
  const drawing = shape('svg', { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' });
  requests.forEach((request, i) => {
    const { at, milliseconds, path, status } = request;
    const from = x(at);
    const to = Math.max(from + 2, x(at + milliseconds));
    const words = lastPart(path);
    const before = from > width * 0.55;
    drawing.append(
      shape('rect', { class: status !== null && status >= 400 ? 'refused' : 'request', x: from.toFixed(1), y: i * ROW + 2, width: (to - from).toFixed(1), height: ROW - 4, rx: 2 }, shape('title', {}, `${path}: ${inSeconds(at)}, ${Math.round(milliseconds)} ms${status === null ? '' : `, ${status}`}`)),
      shape('text', { x: before ? from - 4 : to + 4, y: i * ROW + ROW - 3, 'text-anchor': before ? 'end' : 'start' }, status !== null && status >= 400 ? `${status} ${words}` : words),
    );
  });
  return drawing;
}

/** What tells requests of one presentation apart stands at their end. @param {string} path */
function lastPart(path) {
  const words = readable(path.split('/').slice(-2).join('/'));
  return words.length > 64 ? `…${words.slice(-63)}` : words;
}

/** @param {string} path */
function readable(path) {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/** @param {ReplayEvidence['requests']} requests */
function requestTable(requests) {
  const box = element('details', { class: 'numbers' }, element('summary', {}, 'The same as numbers'));
  // Built when asked for: most are never looked at.
  box.addEventListener('toggle', () => {
    if (!box.open || box.querySelector('table') !== null) return;
    const head = element('tr', {}, ...['from', 'lasts', 'status', 'bytes', 'path'].map((word) => element('th', { scope: 'col' }, word)));
    const rows = requests.map(({ at, milliseconds, status, bytes, path }) => element('tr', { class: status !== null && status >= 400 ? 'marked' : null }, ...[inSeconds(at), `${Math.round(milliseconds)} ms`, status ?? '–', bytes ?? '–'].map((value) => element('td', {}, String(value))), element('td', { class: 'path' }, path)));
    box.append(element('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Requests' }, element('table', { class: 'packets' }, element('thead', {}, head), element('tbody', {}, ...rows))));
  });
  return box;
}
