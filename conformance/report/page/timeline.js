/** The times of an output: what the manifest lists, what the media says, what is stored. */
import { element, plural, shape } from './dom.js';

/** @typedef {import('../pagedata.ts').TrackRow} TrackRow */

const LANE = 11;
const GAP = 3;
const AXIS = 18;
const LABEL = 46;
/** A start that is further off than this is drawn as off: time stamps of transport streams and 100-ns names round by less. */
const OFF_SECONDS = 0.001;

/**
 * @param {readonly TrackRow[]} tracks
 * @param {string} name
 * @returns {HTMLElement}
 */
export function timelineElement(tracks, name) {
  const from = Math.min(0, ...tracks.flatMap(({ segments, truth }) => [...segments.map(([start, , media]) => Math.min(start, media ?? start)), ...(truth === null ? [] : [truth.start])]));
  const plausible = tracks.flatMap(({ segments, truth }) => [...segments.map(([start, duration]) => start + duration), ...(truth === null ? [] : [truth.end])]);
  const to = Math.max(from + 0.001, ...plausible);
  const box = element('details', { class: 'timeline', open: '' }, element('summary', {}, 'Times of its tracks'));
  const plots = element('div', { class: 'plots' });
  const draw = () => {
    const width = Math.max(240, Math.floor(plots.clientWidth || 640));
    plots.replaceChildren(...tracks.map((track) => trackElement(track, from, to, width, name)));
  };
  box.append(plots, element('p', { class: 'hint' }, 'listed: the manifest; media: earliest presentation and duration inside the segment; stored: the source, with its key frames'), numbersElement(tracks));
  // Drawn in pixels, so that text keeps its size on a narrow screen.
  new ResizeObserver(draw).observe(plots);
  return box;
}

/** @param {TrackRow['segments'][number]} segment */
function offBy([start, , media]) {
  return media === null ? null : media - start;
}

/** @param {number} value */
function milliseconds(value) {
  return `${Math.abs(value) < 0.0000005 ? '0' : (1000 * value).toFixed(3).replace(/\.?0+$/, '')} ms`;
}

/** @param {TrackRow} track */
function summaryOf({ segments, more }) {
  const missing = segments.filter(([, , media]) => media === null).length;
  const worst = segments.map((segment) => offBy(segment) ?? 0).reduce((most, each) => (Math.abs(each) > Math.abs(most) ? each : most), 0);
  return `${plural(segments.length + more, 'segment')}${missing === 0 ? '' : `, ${missing} without media`}; ${Math.abs(worst) < 0.0000015 ? 'media starts as listed' : `media starts off by up to ${milliseconds(worst)}`}${more === 0 ? '' : `; the first ${segments.length} are shown`}`;
}

/**
 * @param {TrackRow} track
 * @param {number} from
 * @param {number} to
 * @param {number} width
 * @param {string} name
 */
function trackElement(track, from, to, width, name) {
  const { segments, truth } = track;
  const lanes = truth === null ? ['listed', 'media'] : ['listed', 'media', 'stored'];
  const height = lanes.length * (LANE + GAP) + AXIS;
  const x = (/** @type {number} */ time) => LABEL + ((Math.min(Math.max(time, from), to) - from) / (to - from)) * (width - LABEL - 2);
  const bar = (/** @type {string} */ kind, /** @type {number} */ lane, /** @type {number} */ start, /** @type {number} */ end, /** @type {string} */ title) =>
    shape('rect', { class: kind, x: x(start).toFixed(2), y: lane * (LANE + GAP), width: Math.max(1, x(end) - x(start) - 1).toFixed(2), height: LANE, rx: 2 }, shape('title', {}, title));
  const drawing = shape('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': `${track.name} in ${name}: ${summaryOf(track)}` });
  lanes.forEach((lane, i) => drawing.append(shape('text', { x: 0, y: i * (LANE + GAP) + 9 }, lane)));
  segments.forEach((segment, i) => {
    const [start, duration, media, end] = segment;
    drawing.append(bar('listed', 0, start, start + duration, `segment ${i + 1}, listed ${start} s, lasts ${duration} s`));
    if (media === null || end === null) drawing.append(bar('missing', 1, start, start + duration, `segment ${i + 1}: no media times`));
    else {
      const off = media - start;
      drawing.append(bar(Math.abs(off) > OFF_SECONDS ? 'media off' : 'media', 1, media, end, `segment ${i + 1}, media ${media} s to ${end} s, ${milliseconds(off)} from the list`));
    }
  });
  if (truth !== null) {
    drawing.append(bar('stored', 2, truth.start, truth.end, `stored ${truth.start} s to ${truth.end} s`));
    for (const time of truth.sync) drawing.append(shape('rect', { class: 'sync', x: (x(time) - 0.5).toFixed(2), y: 2 * (LANE + GAP), width: 1.5, height: LANE }));
  }
  drawing.append(...axisShapes(from, to, x, lanes.length * (LANE + GAP), width));
  return element('div', { class: 'track' }, element('p', {}, element('code', {}, track.name), ` ${summaryOf(track)}`), drawing);
}

/**
 * @param {number} from
 * @param {number} to
 * @param {(time: number) => number} x
 * @param {number} top
 * @param {number} width
 */
function axisShapes(from, to, x, top, width) {
  const most = Math.max(2, Math.floor(width / 70));
  const raw = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= raw) ?? raw;
  /** @type {SVGElement[]} */
  const made = [];
  for (let i = Math.ceil(from / step); i * step <= to + 1e-9; i++) {
    const time = Number((i * step).toFixed(6));
    made.push(shape('line', { class: 'tick', x1: x(time), x2: x(time), y1: 0, y2: top + 3 }), shape('text', { x: x(time), y: top + 13, 'text-anchor': x(time) > width - 20 ? 'end' : 'middle' }, `${time} s`));
  }
  return made;
}

/** @param {readonly TrackRow[]} tracks */
function numbersElement(tracks) {
  const box = element('details', { class: 'numbers' }, element('summary', {}, 'The same as numbers'));
  // Built when asked for: most are never looked at.
  box.addEventListener('toggle', () => {
    if (!box.open || box.querySelector('table') !== null) return;
    for (const { name, segments } of tracks) {
      const head = element('tr', {}, ...['segment', 'listed', 'lasts', 'media from', 'media to', 'off by'].map((word) => element('th', { scope: 'col' }, word)));
      const body = segments.map((segment, i) => {
        const [start, duration, media, end] = segment;
        const off = offBy(segment);
        const marked = media === null || (off !== null && Math.abs(off) > OFF_SECONDS);
        return element('tr', { class: marked ? 'marked' : null }, element('th', { scope: 'row' }, String(i + 1)), ...[start, duration, media ?? '–', end ?? '–', off === null ? '–' : milliseconds(off)].map((cell) => element('td', {}, String(cell))));
      });
      box.append(element('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': name }, element('table', { class: 'packets' }, element('caption', {}, `${name}, seconds`), element('thead', {}, head), element('tbody', {}, ...body))));
    }
  });
  return box;
}
