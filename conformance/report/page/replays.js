/** Real players: output and template × player and browser; a cell lists its replays, a replay opens to what it left behind. */
import { formatWord, OUTCOME_ORDER, OUTCOME_WORDS, outcomeCounts, report } from './data.js';
import { button, byId, element, plural } from './dom.js';
import { histogramElement, measuredElement, networkElement, stripElement } from './evidence.js';
import { createGrid } from './grid.js';
import { sign } from './list.js';

/** @typedef {import('../pagedata.ts').PageReplay} PageReplay */
/** @typedef {{ readonly row: number, readonly client: number, readonly id: string }} ReplaySelection -1 is all of them */

const replays = report.replays;
/** Rows of the table: outputs in their order, in each the templates that were tried there. */
const lines = (replays?.formats ?? []).flatMap((_, format) => (replays?.templates ?? []).map((__, template) => ({ format, template })).filter((line) => replays?.rows.some((row) => row.format === line.format && row.template === line.template)));
const texts = new Map((replays?.rows ?? []).map((row) => [row.id, [row.id, row.outcome, ...row.messages, ...(row.detail?.reasons ?? [])].join(' ').toLowerCase()]));

/** @param {number} client */
function clientWords(client) {
  const { player, browser } = report.replays?.clients[client] ?? { player: '', browser: '' };
  return `${player} in ${browser}`;
}

/** @param {number} row */
function lineWords(row) {
  const { format, template } = lines[row];
  return `${formatWord(replays?.formats[format] ?? '')} ${replays?.templates[template][0] ?? ''}`;
}

/** The name of a selection in the address; the parts are names, so that it holds over runs. @param {ReplaySelection} selection */
export function replayHash({ row, client, id }) {
  const line = lines[row];
  const who = replays?.clients[client];
  const parts = [line === undefined ? '*' : `${replays?.formats[line.format]}~${replays?.templates[line.template][0]}`, who === undefined ? '*' : `${who.player}@${who.browser}`, ...(id === '' ? [] : [id])];
  return `#replays/${parts.map(encodeURIComponent).join('/')}`;
}

/** @param {readonly string[]} parts @returns {ReplaySelection} */
export function readReplaySelection([line = '*', client = '*', ...id]) {
  return {
    row: lines.findIndex(({ format, template }) => `${replays?.formats[format]}~${replays?.templates[template][0]}` === line),
    client: replays?.clients.findIndex(({ player, browser }) => `${player}@${browser}` === client) ?? -1,
    id: id.join('/'),
  };
}

/** @param {import('./data.js').Filter} filter @returns {readonly PageReplay[]} */
export function shownReplays(filter) {
  return (replays?.rows ?? []).filter(({ id, outcome }) => (filter.outcomes.size === 0 || filter.outcomes.has(outcome)) && (filter.text === '' || filter.text.split(/\s+/).every((word) => texts.get(id)?.includes(word))));
}

/** @param {PageReplay} replay @param {ReplaySelection} selection */
function isOf({ format, template, client }, selection) {
  const line = lines[selection.row];
  return (line === undefined || (format === line.format && template === line.template)) && (selection.client < 0 || client === selection.client);
}

/**
 * @param {(selection: ReplaySelection) => void} select
 * @returns {{ fill(shown: readonly PageReplay[]): void, mark(selection: ReplaySelection | null): void } | null} null where nothing was replayed
 */
export function createReplayMatrix(select) {
  if (replays === null) return null;
  const grid = createGrid({
    label: 'Worst outcome per output, template and client',
    rows: lines.map((_, row) => ({ word: lineWords(row), nodes: [element('span', { class: 'output' }, formatWord(replays.formats[lines[row].format])), ' ', replays.templates[lines[row].template][0]] })),
    columns: replays.clients.map(({ player, browser }, client) => ({ word: clientWords(client), short: `${player} ${browser}`, nodes: [element('b', {}, player), ' ', element('span', { class: 'browser' }, browser)] })),
    choose: (row, client) => select({ row, client, id: '' }),
  });
  byId('replays-card').hidden = false;
  byId('replays').append(grid.table);
  return {
    fill(shown) {
      const byCell = Map.groupBy(shown, ({ format, template, client }) => `${format}/${template}/${client}`);
      grid.fill((row, client) => (byCell.get(`${lines[row].format}/${lines[row].template}/${client}`) ?? []).map(({ outcome }) => outcome));
    },
    mark: (selection) => (selection === null ? grid.mark(-2, -2) : grid.mark(selection.row, selection.client)),
  };
}

/** @param {ReplaySelection} selection */
export function replayTitle({ row, client }) {
  return `${row < 0 ? 'Every replay' : lineWords(row)} · ${client < 0 ? 'every client' : clientWords(client)}`;
}

/**
 * @param {HTMLElement} panel
 * @param {ReplaySelection} selection
 * @param {readonly PageReplay[]} shown
 * @param {(selection: ReplaySelection) => void} select
 * @returns {number} how many replays are listed
 */
export function fillReplayPanel(panel, selection, shown, select) {
  const own = shown.filter((replay) => isOf(replay, selection));
  const counts = outcomeCounts(own);
  const heading = element('div', { class: 'heading' }, element('h2', { id: 'panel-title' }, replayTitle(selection)), element('p', { class: 'counts' }, ...counts.map(({ outcome, count }) => element('span', {}, sign(outcome), ` ${count}`))));
  if (selection.row >= 0 || selection.client >= 0) heading.append(button('Every replay', { class: 'quiet' }, () => select({ row: -1, client: -1, id: '' })));
  /** @type {Node[]} */
  const parts = [heading];
  if (own.length === 0) parts.push(element('p', { class: 'empty' }, 'No replay of this selection passes the filters.'));
  for (const outcome of OUTCOME_ORDER) {
    const some = own.filter((replay) => replay.outcome === outcome);
    if (some.length > 0) parts.push(replayGroup(outcome, some, selection, counts[0].outcome === outcome || (outcome !== 'pass' && outcome !== 'inapplicable')));
  }
  if ((replays?.left.evidence ?? 0) > 0) parts.push(element('p', { class: 'empty' }, `What ${plural(replays?.left.evidence ?? 0, 'replay')} left behind is in run.json alone, to keep this file small.`));
  panel.replaceChildren(...parts);
  return own.length;
}

/**
 * @param {string} outcome
 * @param {readonly PageReplay[]} own
 * @param {ReplaySelection} selection
 * @param {boolean} open
 */
function replayGroup(outcome, own, selection, open) {
  const group = element('details', { class: `group ${outcome}` }, element('summary', {}, sign(outcome), ` ${plural(own.length, 'replay')}: ${OUTCOME_WORDS[outcome].word}`));
  const list = element('ul', { class: 'checks' });
  const fill = () => {
    if (list.childElementCount === 0) list.append(...own.map((replay) => replayElement(replay, selection.id === replay.id || (own.length === 1 && selection.row >= 0 && selection.client >= 0))));
  };
  group.addEventListener('toggle', () => {
    if (group.open) fill();
  });
  group.append(list);
  group.open = open || own.some(({ id }) => id === selection.id);
  if (group.open) fill();
  return group;
}

/** @param {PageReplay} replay @param {boolean} open */
function replayElement(replay, open) {
  const { id, outcome, format, template, client, asset, known, detail } = replay;
  const item = element('li', { class: 'check', 'data-check': id });
  const content = element('div', { class: 'content', hidden: '' });
  const why = detail?.reasons[0] ?? replay.messages[0] ?? '';
  const toggle = button('', { class: 'toggle', 'aria-expanded': 'false' }, () => set(content.hidden === true));
  toggle.append(sign(outcome), element('span', { class: 'words' }, element('span', { class: 'name' }, `${asset} · ${formatWord(replays?.formats[format] ?? '')} · ${replays?.templates[template][0] ?? ''}`), element('span', { class: 'hint' }, why === '' ? clientWords(client) : `${clientWords(client)}: ${why}`)));
  if (known !== null) toggle.append(element('span', { class: 'badge' }, 'known'));
  const set = (/** @type {boolean} */ wanted) => {
    if (wanted && content.childElementCount === 0) content.append(replayDetail(replay));
    content.hidden = !wanted;
    toggle.setAttribute('aria-expanded', String(wanted));
  };
  item.append(toggle, content);
  if (open) set(true);
  return item;
}

/** @param {PageReplay} replay */
function replayDetail({ template, client, messages, known, detail }) {
  const who = replays?.clients[client];
  const box = element('div', { class: 'detail replay' }, element('p', { class: 'hint' }, `${replays?.templates[template][1] ?? ''}. ${who?.player ?? ''} ${who?.playerVersion ?? ''}, ${who?.browserVersion === '' ? (who.browser ?? '') : (who?.browserVersion ?? '')}`));
  for (const reason of detail?.reasons ?? messages) box.append(element('p', { class: 'message' }, reason));
  if (known !== null) {
    const link = /^https?:/.test(known.bug) ? element('a', { href: known.bug, rel: 'noreferrer' }, known.bug) : known.bug;
    box.append(element('p', { class: 'known' }, `Known: ${known.reason} `, link));
  }
  if (detail === null) return box;
  box.append(measuredElement(detail));
  const histogram = detail.observation === null ? null : histogramElement(detail.observation);
  if (detail.evidence !== null && detail.evidence.strip.length > 0) box.append(stripElement(detail.evidence.strip));
  if (histogram !== null) box.append(histogram);
  if (detail.evidence !== null && detail.evidence.buffer.length + detail.evidence.requests.length > 0) box.append(networkElement(detail.evidence));
  return box;
}
