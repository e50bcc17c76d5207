/** Assets × outputs: the worst outcome of each cell, how often, and of how many. */
import { formatWord, OUTCOME_ORDER, OUTCOME_WORDS, report } from './data.js';
import { button, byId, element } from './dom.js';

/** @typedef {import('./data.js').Row} Row */
/** @typedef {import('./list.js').Selection} Selection */

/**
 * @param {(selection: Selection) => void} select
 * @returns {{ fill(shown: readonly Row[]): void, mark(selection: Selection): void }}
 */
export function createMatrix(select) {
  /** @type {Map<string, HTMLButtonElement>} */
  const cells = new Map();
  const cellButton = (/** @type {number} */ asset, /** @type {number} */ format, /** @type {string} */ label, /** @type {string} */ kind) => {
    const made = button(label, { class: kind, tabindex: '-1' }, () => select({ asset, format, check: '' }));
    cells.set(`${asset}/${format}`, made);
    return made;
  };
  const head = element('tr', {}, element('th', { scope: 'col' }, cellButton(-1, -1, 'all', 'axis')), ...report.formats.map((format, i) => element('th', { scope: 'col' }, cellButton(-1, i, formatWord(format), 'axis'))));
  const body = report.assets.map(({ id }, asset) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, cellButton(asset, -1, id, 'axis')),
      ...report.formats.map((_, format) => element('td', {}, cellButton(asset, format, '', 'cell'))),
    ),
  );
  const table = element('table', { class: 'grid', 'aria-label': 'Worst outcome per asset and output' }, element('thead', {}, head), element('tbody', {}, ...body));
  byId('matrix').append(table);
  table.addEventListener('keydown', (event) => {
    const place = [...cells].find(([, each]) => each === document.activeElement)?.[0].split('/').map(Number);
    const step = /** @type {Readonly<Record<string, readonly [number, number]>>} */ ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] })[event.key];
    if (place === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const ends = /** @type {Readonly<Record<string, number>>} */ ({ Home: -1, End: report.formats.length - 1 })[event.key];
    const next = step !== undefined ? cells.get(`${place[0] + step[0]}/${place[1] + step[1]}`) : ends === undefined ? undefined : cells.get(`${place[0]}/${ends}`);
    if (step === undefined && ends === undefined) return;
    event.preventDefault();
    if (next !== undefined) focus(next);
  });
  // One stop for the tab key; arrows do the rest.
  const focus = (/** @type {HTMLButtonElement} */ target) => {
    for (const each of cells.values()) each.tabIndex = each === target ? 0 : -1;
    target.focus();
  };
  table.addEventListener('focusin', ({ target }) => {
    for (const each of cells.values()) each.tabIndex = each === target ? 0 : -1;
  });
  return {
    fill(shown) {
      const byCell = Map.groupBy(shown, ({ asset, format }) => `${asset}/${format}`);
      report.assets.forEach((asset, a) =>
        report.formats.forEach((format, f) => {
          const all = byCell.get(`${a}/${f}`) ?? [];
          // What does not apply is told only where nothing else is.
          const applicable = all.filter(({ outcome }) => outcome !== 'inapplicable' && outcome !== 'untested');
          const own = applicable.length > 0 ? applicable : all;
          const worst = OUTCOME_ORDER.find((outcome) => own.some((row) => row.outcome === outcome));
          const count = own.filter(({ outcome }) => outcome === worst).length;
          const cell = cells.get(`${a}/${f}`);
          if (cell === undefined) return;
          const words = worst === undefined ? 'nothing' : count === own.length ? `${count} ${OUTCOME_WORDS[worst].word}` : `${count} of ${own.length} ${OUTCOME_WORDS[worst].word}`;
          cell.className = `cell ${worst ?? 'nothing'}`;
          cell.setAttribute('aria-label', `${asset.id}, ${formatWord(format)}: ${words}`);
          cell.title = words;
          cell.replaceChildren(element('span', { class: 'short' }, formatWord(format)), element('span', { class: 'mark' }, worst === undefined ? '' : OUTCOME_WORDS[worst].sign), element('span', { class: 'number' }, worst === undefined ? '–' : count === own.length ? String(count) : `${count}/${own.length}`));
        }),
      );
    },
    mark({ asset, format }) {
      for (const [key, each] of cells) {
        if (key === `${asset}/${format}`) each.setAttribute('aria-current', 'true');
        else each.removeAttribute('aria-current');
        each.tabIndex = key === `${asset}/${format}` ? 0 : -1;
      }
    },
  };
}
