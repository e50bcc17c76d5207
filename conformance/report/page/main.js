/** The hash says what is selected; everything else follows from it and from the filters. */
import { outcomeCounts, OUTCOME_WORDS, passesFilter, report, rows } from './data.js';
import { byId, element, plural } from './dom.js';
import { createFilters } from './filter.js';
import { fillPanel, sign, titleOf } from './list.js';
import { createMatrix } from './matrix.js';
import { createReplayMatrix, fillReplayPanel, readReplaySelection, replayHash, replayTitle, shownReplays } from './replays.js';

/** @typedef {import('./list.js').Selection} Selection */

const THEMES = ['', 'light', 'dark'];
const THEME_WORDS = ['Theme: auto', 'Theme: light', 'Theme: dark'];
const THEME_KEY = 'isomer-report-theme';

const panel = byId('panel');
const matrix = createMatrix(select);
const replayMatrix = createReplayMatrix(selectReplay);
const filters = createFilters(show);

/** @param {Selection} selection */
function hashOfSelection({ asset, format, check }) {
  if (asset < 0 && format < 0 && check === '') return '#';
  const parts = [asset < 0 ? '*' : report.assets[asset].id, format < 0 ? '*' : report.formats[format]];
  return `#/${[...parts.map(encodeURIComponent), ...(check === '' ? [] : [check])].join('/')}`;
}

/** @returns {Selection} */
function readSelection() {
  const [asset = '*', format = '*', ...check] = location.hash.replace(/^#\/?/, '').split('/').map(decode);
  return { asset: report.assets.findIndex(({ id }) => id === asset), format: report.formats.indexOf(format), check: check.join('/') };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {Selection} selection */
function select(selection) {
  goTo(hashOfSelection(selection));
}

/** @param {import('./replays.js').ReplaySelection} selection */
function selectReplay(selection) {
  goTo(replayHash(selection));
}

/** @param {string} hash */
function goTo(hash) {
  if (location.hash === hash || (hash === '#' && location.hash === '')) show();
  else location.hash = hash;
}

/** What of the replays is open; null: the checks are. A report without checks opens at its replays. */
function readReplays() {
  const [head = '', ...parts] = location.hash.split('/').map(decode);
  return report.replays !== null && (head === '#replays' || (rows.length === 0 && location.hash.length < 2)) ? readReplaySelection(parts) : null;
}

function show() {
  const filter = filters.current();
  const shown = rows.filter((row) => passesFilter(row, filter));
  const replays = shownReplays(filter);
  const open = readReplays();
  matrix.fill(shown);
  replayMatrix?.fill(replays);
  replayMatrix?.mark(open);
  if (open !== null) {
    matrix.mark(null);
    byId('status').textContent = `${replayTitle(open)}: ${plural(fillReplayPanel(panel, open, replays, selectReplay), 'replay')}`;
    return;
  }
  const selection = readSelection();
  const own = shown.filter(({ asset, format }) => (selection.asset < 0 || asset === selection.asset) && (selection.format < 0 || format === selection.format));
  matrix.mark(selection);
  fillPanel(panel, selection, own, select);
  byId('status').textContent = `${titleOf(selection)}: ${plural(own.length, 'result')}`;
}

function showSelected() {
  show();
  const replays = readReplays();
  const { asset, format, check } = readSelection();
  const wanted = replays?.id ?? check;
  const item = wanted === '' ? undefined : [...panel.querySelectorAll('.check')].find((each) => each.getAttribute('data-check') === wanted);
  if (item !== undefined) item.scrollIntoView({ block: 'start' });
  // Below each other, the panel is out of sight; beside each other it has its own scroll.
  else if (replays === null ? asset >= 0 || format >= 0 : replays.row >= 0 || replays.client >= 0) {
    panel.scrollTop = 0;
    if (matchMedia('(max-width: 72rem)').matches) panel.scrollIntoView({ block: 'start' });
  }
}

/** @param {string} name @param {string} words @param {readonly { readonly outcome: string }[]} own */
function addTotal(name, words, own) {
  const counts = outcomeCounts(own);
  if (own.length === 0) return;
  const bar = element('div', { class: 'bar', role: 'img', 'aria-label': `${name}: ${counts.map(({ outcome, count }) => `${count} ${OUTCOME_WORDS[outcome].word}`).join(', ')}` });
  for (const { outcome, count } of counts) {
    const part = element('span', { class: outcome });
    part.style.setProperty('--share', String(count));
    bar.append(part);
  }
  byId('totals').append(element('div', { class: 'total card' }, element('p', {}, element('b', {}, name), words), bar, element('p', { class: 'counts' }, ...counts.map(({ outcome, count }) => element('span', {}, sign(outcome), ` ${count} ${OUTCOME_WORDS[outcome].word}`)))));
}

function fillTotals() {
  for (const level of ['must', 'should']) {
    const own = rows.filter(({ check }) => report.checks[check].level === level);
    addTotal(level.toUpperCase(), ` ${plural(own.length, 'result')} · ${requirementWords(level)}`, own);
  }
  const { rows: replays = [], clients = [] } = report.replays ?? {};
  addTotal('Real players', ` ${plural(replays.length, 'replay')} · ${plural(clients.length, 'client')}`, replays);
}

/** @param {string} level */
function requirementWords(level) {
  const judged = report.requirements.filter((each) => each.level === level && ['pass', 'warn', 'fail'].includes(each.outcome));
  return `${judged.filter(({ outcome }) => outcome === 'pass').length} of ${plural(judged.length, 'requirement')} hold everywhere`;
}

function fillFacts() {
  byId('target').textContent = `target: ${report.target} · suite ${report.suite}${rows.length === 0 ? '' : ` · ${plural(report.assets.length, 'asset')}, ${plural(report.checks.length, 'check')}`}`;
  const { results, findings, excerpts, timelines } = report.left;
  const left = [[results, 'result'], [findings, 'finding'], [excerpts, 'excerpt'], [timelines, 'timeline']].flatMap(([count, word]) => (Number(count) === 0 ? [] : [plural(Number(count), String(word))]));
  byId('facts').append(element('dl', {}, ...report.facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)])), left.length === 0 ? '' : element('p', {}, `Left out to keep this file small: ${left.join(', ')}.`));
  const stale = [...report.stale, ...(report.replays?.stale ?? []).map((entry) => `known defect of a client: ${entry}`)];
  if (stale.length === 0) return;
  byId('stale').hidden = false;
  byId('stale').append(element('b', {}, 'Stale expectations'), element('ul', {}, ...stale.map((entry) => element('li', {}, entry))));
}

function setUpTheme() {
  const toggle = byId('theme');
  // Storage may be closed to files.
  const stored = () => {
    try {
      return localStorage.getItem(THEME_KEY) ?? '';
    } catch {
      return '';
    }
  };
  let theme = Math.max(0, THEMES.indexOf(stored()));
  const apply = () => {
    document.documentElement.dataset['theme'] = THEMES[theme];
    toggle.textContent = THEME_WORDS[theme];
  };
  toggle.addEventListener('click', () => {
    theme = (theme + 1) % THEMES.length;
    try {
      localStorage.setItem(THEME_KEY, THEMES[theme]);
    } catch {
      // It is only forgotten.
    }
    apply();
  });
  apply();
}

function setUpKeys() {
  addEventListener('keydown', (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/' && !typing) {
      event.preventDefault();
      filters.focusSearch();
    }
    // Steps back out: the words, the check, the cell.
    if (event.key === 'Escape') {
      if (event.target instanceof HTMLInputElement) event.target.blur();
      const { asset, format, check } = readSelection();
      const replays = readReplays();
      if (filters.clear()) return;
      if (replays !== null) {
        if (replays.id !== '') selectReplay({ ...replays, id: '' });
        else if (replays.row >= 0 || replays.client >= 0) selectReplay({ row: -1, client: -1, id: '' });
        else select({ asset: -1, format: -1, check: '' });
        return;
      }
      if (check !== '') select({ asset, format, check: '' });
      else select({ asset: -1, format: -1, check: '' });
    }
  });
  byId('skip').addEventListener('click', (event) => {
    event.preventDefault();
    panel.focus();
  });
}

byId('matrix-card').hidden = rows.length === 0 && report.replays !== null;
fillTotals();
fillFacts();
setUpTheme();
setUpKeys();
addEventListener('hashchange', showSelected);
showSelected();
