/** The checks of a cell, a row, a column or everything; each opens in its place. */
import { formatWord, outcomeCounts, OUTCOME_ORDER, OUTCOME_WORDS, report } from './data.js';
import { requirementList, resultDetail } from './detail.js';
import { button, element, plural } from './dom.js';
import { timelineElement } from './timeline.js';

/** @typedef {import('./data.js').Row} Row */
/** @typedef {{ readonly asset: number, readonly format: number, readonly check: string }} Selection -1 is all of them */

const AT_ONCE = 200;

/** @param {string} outcome */
export function sign(outcome) {
  const { word, sign: text } = OUTCOME_WORDS[outcome];
  return element('span', { class: `sign ${outcome}`, role: 'img', 'aria-label': word, title: word }, text);
}

/** @param {Selection} selection */
export function titleOf({ asset, format }) {
  const where = asset < 0 ? 'Every asset' : report.assets[asset].id;
  return `${where} · ${format < 0 ? 'every output' : formatWord(report.formats[format])}`;
}

/**
 * @param {HTMLElement} panel
 * @param {Selection} selection
 * @param {readonly Row[]} shown what the filters leave of the selection
 * @param {(selection: Selection) => void} select
 */
export function fillPanel(panel, selection, shown, select) {
  const { asset, format } = selection;
  const one = asset >= 0 && format >= 0;
  const counts = outcomeCounts(shown);
  const heading = element('div', { class: 'heading' }, element('h2', { id: 'panel-title' }, titleOf(selection)), element('p', { class: 'counts' }, ...counts.map(({ outcome, count }) => element('span', {}, sign(outcome), ` ${count}`))));
  if (asset >= 0 || format >= 0) heading.append(button('Show everything', { class: 'quiet' }, () => select({ asset: -1, format: -1, check: '' })));
  if (one && report.assets[asset].honesty !== 'unknown') heading.append(element('p', { class: 'hint' }, `asset class: ${report.assets[asset].honesty}`));
  /** @type {Node[]} */
  const parts = [heading];
  const tracks = report.timelines[`${asset}/${format}`];
  if (one && tracks !== undefined) parts.push(timelineElement(tracks, titleOf(selection)));
  if (shown.length === 0) parts.push(element('p', { class: 'empty' }, 'No check of this selection passes the filters.'));
  // A check that is asked for opens once: where it came out worst.
  let wanted = selection.check;
  for (const outcome of OUTCOME_ORDER) {
    const own = shown.filter((row) => row.outcome === outcome);
    if (own.length === 0) continue;
    parts.push(groupElement(outcome, own, { ...selection, check: wanted }, counts[0].outcome === outcome || (outcome !== 'pass' && outcome !== 'inapplicable'), select));
    if (own.some(({ check }) => report.checks[check].id === wanted)) wanted = '';
  }
  panel.replaceChildren(...parts);
}

/**
 * @param {string} outcome
 * @param {readonly Row[]} own
 * @param {Selection} selection
 * @param {boolean} open
 * @param {(selection: Selection) => void} select
 */
function groupElement(outcome, own, selection, open, select) {
  const one = selection.asset >= 0 && selection.format >= 0;
  const entries = one ? own.map((row) => [row]) : [...Map.groupBy(own, ({ check }) => check).values()];
  const wanted = own.some(({ check }) => report.checks[check].id === selection.check);
  const group = element('details', { class: `group ${outcome}` }, element('summary', {}, sign(outcome), ` ${entries.length === 1 ? '1 check:' : `${entries.length} checks`} ${entries.length === 1 ? OUTCOME_WORDS[outcome].word : OUTCOME_WORDS[outcome].verb}`, one ? '' : element('span', { class: 'hint' }, ` in ${plural(own.length, 'result')}`)));
  const list = element('ul', { class: 'checks' });
  let shown = 0;
  const more = button('Show more', { class: 'quiet' }, () => fill());
  const fill = () => {
    const until = wanted ? entries.length : shown + AT_ONCE;
    for (const rows of entries.slice(shown, until)) list.append(checkElement(rows, one, selection, select));
    shown = Math.min(until, entries.length);
    more.hidden = shown >= entries.length;
  };
  group.addEventListener('toggle', () => {
    if (group.open && shown === 0) fill();
  });
  group.append(list, more);
  if (open || wanted) {
    group.open = true;
    fill();
  }
  return group;
}

/**
 * @param {readonly Row[]} rows of one check
 * @param {boolean} one
 * @param {Selection} selection
 * @param {(selection: Selection) => void} select
 */
function checkElement(rows, one, selection, select) {
  const [first] = rows;
  const { id, title, level } = report.checks[first.check];
  const item = element('li', { class: 'check', 'data-check': id });
  const content = element('div', { class: 'content', hidden: '' });
  const label = [sign(first.outcome), element('span', { class: 'words' }, element('span', { class: 'name' }, title), element('code', { class: 'id' }, id)), element('span', { class: `level ${level}` }, level.toUpperCase())];
  if (first.known >= 0) label.push(element('span', { class: 'badge' }, 'known'));
  if (!one) label.push(element('span', { class: 'badge' }, String(rows.length)));
  const toggle = button('', { class: 'toggle', 'aria-expanded': 'false' }, () => set(content.hidden === true));
  toggle.append(...label);
  const set = (/** @type {boolean} */ open) => {
    if (open && content.childElementCount === 0) content.append(...(one ? [resultDetail(first)] : [requirementList(first.check, -1), subjectList(rows, select)]));
    content.hidden = !open;
    toggle.setAttribute('aria-expanded', String(open));
  };
  item.append(toggle, content);
  if (selection.check === id) set(true);
  return item;
}

/**
 * What all of them say is said once.
 * @param {readonly Row[]} rows
 * @param {(selection: Selection) => void} select
 */
function subjectList(rows, select) {
  const said = rows.map(({ messages }) => messages.map((each) => report.messages[each]).join('; '));
  const alike = said.every((text) => text === said[0]);
  const items = rows.map(({ check, asset, format }, i) => {
    const go = button('', { class: 'subject' }, () => select({ asset, format, check: report.checks[check].id }));
    go.append(element('b', {}, report.assets[asset].id), ` ${formatWord(report.formats[format])}`);
    return element('li', {}, go, alike || said[i] === '' ? '' : element('span', { class: 'hint' }, ` ${said[i]}`));
  });
  const list = element('ul', { class: alike ? 'subjects alike' : 'subjects', 'aria-label': 'Where' }, ...items);
  return alike && said[0] !== '' ? element('div', {}, element('p', { class: 'message' }, said[0]), list) : list;
}
