/** What is shown: outcomes, level, area, and words that have to occur. */
import { areaOfCheck, OUTCOME_ORDER, OUTCOME_WORDS, report, rows } from './data.js';
import { button, byId, element } from './dom.js';
import { sign } from './list.js';

/** @typedef {import('./data.js').Filter} Filter */

/** @type {Readonly<Record<string, string>>} */
const AREAS = { http: 'HTTP', mpd: 'MPD', hls: 'HLS playlists', smooth: 'Smooth manifest', fmp4: 'Fragmented MP4', ts: 'Transport stream', media: 'Media against source', cross: 'Outputs against each other', decode: 'Decoding' };

/**
 * @param {(filter: Filter) => void} onChange
 * @returns {{ focusSearch(): void, clear(): boolean, current(): Filter }}
 */
export function createFilters(onChange) {
  /** @type {Set<string>} */
  const outcomes = new Set();
  const search = element('input', { type: 'search', id: 'search', placeholder: 'Search ( / )', 'aria-label': 'Search in checks, requirements, assets and findings', autocomplete: 'off', spellcheck: 'false' });
  const level = selectOf('Level', [['', 'MUST and SHOULD'], ['must', 'MUST'], ['should', 'SHOULD']]);
  const areas = [...new Set(report.checks.map((_, index) => areaOfCheck(index)))];
  const area = selectOf('Area', [['', 'Every area'], ...areas.map((each) => /** @type {[string, string]} */ ([each, AREAS[each] ?? each]))]);
  const current = () => ({ outcomes, level: level.value, area: area.value, text: search.value.trim().toLowerCase() });
  const changed = () => onChange(current());
  const chips = OUTCOME_ORDER.filter((outcome) => [...rows, ...(report.replays?.rows ?? [])].some((row) => row.outcome === outcome)).map((outcome) => {
    const chip = button('', { class: `chip ${outcome}`, 'aria-pressed': 'false', 'data-outcome': outcome }, () => {
      if (!outcomes.delete(outcome)) outcomes.add(outcome);
      chip.setAttribute('aria-pressed', String(outcomes.has(outcome)));
      changed();
    });
    chip.append(sign(outcome), ` ${OUTCOME_WORDS[outcome].word}`);
    return chip;
  });
  search.addEventListener('input', changed);
  level.addEventListener('change', changed);
  area.addEventListener('change', changed);
  for (const each of [level, area]) each.hidden = rows.length === 0;
  byId('filters').append(search, element('div', { class: 'chips', role: 'group', 'aria-label': 'Outcomes' }, ...chips), level, area);
  return {
    current,
    focusSearch() {
      search.focus();
      search.select();
    },
    clear() {
      const any = outcomes.size > 0 || search.value !== '' || level.value !== '' || area.value !== '';
      outcomes.clear();
      for (const chip of chips) chip.setAttribute('aria-pressed', 'false');
      for (const input of [search, level, area]) input.value = '';
      if (any) changed();
      return any;
    },
  };
}

/**
 * @param {string} label
 * @param {readonly (readonly [string, string])[]} options
 */
function selectOf(label, options) {
  return element('select', { 'aria-label': label }, ...options.map(([value, word]) => element('option', { value }, word)));
}
