/** One check on one output: what is required, what was found, and where. */
import { report } from './data.js';
import { element, plural } from './dom.js';
import { excerptElement } from './excerpt.js';

/** @typedef {import('./data.js').Row} Row */
/** @typedef {import('../pagedata.ts').PageFinding} PageFinding */

/** @type {Readonly<Record<string, string>>} */
const PROVENANCE = { read: 'read in the document', memory: 'from memory; the clause is to be verified', inferred: 'inferred', own: 'a rule of this suite' };
const OPEN_EXCERPTS = 3;

/**
 * @param {number} check
 * @param {number} format -1 when several are meant
 * @returns {HTMLElement}
 */
export function requirementList(check, format) {
  const cards = report.checks[check].requirements.map((index) => {
    const { id, clause, level, statement, provenance, deviations } = report.requirements[index];
    const card = element(
      'li',
      { class: 'requirement' },
      element('p', { class: 'source' }, element('b', {}, id), ' ', element('span', { class: `level ${level}` }, level.toUpperCase()), ` ${clause}`, element('span', { class: 'hint' }, ` · ${PROVENANCE[provenance] ?? provenance}`)),
      element('p', {}, statement),
    );
    for (const { formats, reason } of deviations) if (format < 0 || formats.includes(report.formats[format])) card.append(element('p', { class: 'deviation' }, `Known deviation of ${formats.join(', ')}: ${reason}`));
    return card;
  });
  return element('ul', { class: 'requirements', 'aria-label': 'Requirements' }, ...cards);
}

/**
 * @param {Row} row
 * @returns {HTMLElement}
 */
export function resultDetail({ check, format, index, examined, messages, known, outcome }) {
  const found = report.findings[index] ?? [];
  const box = element('div', { class: 'detail' }, requirementList(check, format));
  if (known >= 0) {
    const { reason, bug } = report.known[known];
    const link = /^https?:/.test(bug) ? element('a', { href: bug, rel: 'noreferrer' }, bug) : bug;
    box.append(element('p', { class: 'known' }, `Known: ${reason} `, link));
  }
  const holds = outcome === 'pass' ? `${plural(examined, 'thing')} examined, nothing wrong.` : examined === 0 ? 'Nothing to examine.' : `${plural(examined, 'thing')} examined.`;
  box.append(element('p', { class: 'hint' }, holds));
  if (found.length === 0) for (const message of messages) box.append(element('p', { class: 'message' }, report.messages[message]));
  let open = 0;
  box.append(
    ...found.map((finding) => {
      const shown = findingElement(finding, open < OPEN_EXCERPTS);
      if (finding.evidence.some(({ excerpt }) => excerpt !== null)) open++;
      return shown;
    }),
  );
  return box;
}

/**
 * @param {PageFinding} finding
 * @param {boolean} open
 */
function findingElement({ outcome, path, message, wanted, actual, evidence }, open) {
  const box = element('article', { class: `finding ${outcome}` }, element('p', { class: 'message' }, message === '' ? outcome : message));
  if (path !== '') box.append(element('p', { class: 'path' }, element('code', {}, path)));
  if (wanted !== undefined || actual !== undefined) {
    const list = element('dl', { class: 'values' });
    if (wanted !== undefined) list.append(element('dt', {}, 'wanted'), element('dd', {}, element('code', {}, wanted)));
    if (actual !== undefined) list.append(element('dt', {}, 'found'), element('dd', {}, element('code', { class: 'actual' }, actual === '' ? 'nothing' : actual)));
    box.append(list);
  }
  for (const { kind, ref, pointer, excerpt } of evidence) {
    const label = element('span', {}, kind, ' ', element('code', {}, ref), pointer === '' ? '' : ` at ${pointer}`);
    if (excerpt === null) {
      box.append(element('p', { class: 'evidence' }, label));
      continue;
    }
    const fold = element('details', { class: 'evidence' }, element('summary', {}, label));
    const fill = () => {
      if (!fold.open || fold.childElementCount > 1) return;
      fold.append(excerptElement(report.excerpts[excerpt]));
      requestAnimationFrame(() => showMark(fold));
    };
    fold.addEventListener('toggle', fill);
    fold.open = open;
    fill();
    box.append(fold);
  }
  return box;
}

/**
 * Lines of an MPD are long: what is marked in one comes into sight.
 * @param {HTMLElement} fold
 */
function showMark(fold) {
  const marked = fold.querySelector('.lines mark');
  const box = marked?.closest('.scroll');
  if (marked instanceof HTMLElement && box instanceof HTMLElement && marked.offsetLeft > box.clientWidth / 2) box.scrollLeft = marked.offsetLeft - box.clientWidth / 2;
}
