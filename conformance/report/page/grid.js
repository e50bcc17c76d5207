/** A table of outcomes with heads that choose whole rows and columns: the worst outcome of each cell, how often, and of how many. */
import { OUTCOME_ORDER, OUTCOME_WORDS } from './data.js';
import { button, element } from './dom.js';

/** @typedef {{ readonly word: string, readonly nodes?: readonly (Node | string)[], readonly short?: string }} Head `short`: what a cell says on a narrow screen */
/** @typedef {{ readonly label: string, readonly rows: readonly Head[], readonly columns: readonly Head[], choose(row: number, column: number): void }} GridOptions -1 is all of them */
/** @typedef {{ readonly table: HTMLTableElement, fill(outcomesOf: (row: number, column: number) => readonly string[]): void, mark(row: number, column: number): void }} Grid */

/**
 * @param {GridOptions} options
 * @returns {Grid}
 */
export function createGrid({ label, rows: rowHeads, columns, choose }) {
  /** @type {Map<string, HTMLButtonElement>} */
  const cells = new Map();
  const cellButton = (/** @type {number} */ row, /** @type {number} */ column, /** @type {string} */ kind, /** @type {Head} */ { word, nodes = [word] }) => {
    const made = button('', { class: kind, tabindex: '-1' }, () => choose(row, column));
    made.append(...nodes);
    cells.set(`${row}/${column}`, made);
    return made;
  };
  const head = element('tr', {}, element('th', { scope: 'col' }, cellButton(-1, -1, 'axis', { word: 'all' })), ...columns.map((column, i) => element('th', { scope: 'col' }, cellButton(-1, i, 'axis', column))));
  const body = rowHeads.map((row, r) => element('tr', {}, element('th', { scope: 'row' }, cellButton(r, -1, 'axis', row)), ...columns.map((_, c) => element('td', {}, cellButton(r, c, 'cell', { word: '' })))));
  const table = element('table', { class: 'grid', 'aria-label': label }, element('thead', {}, head), element('tbody', {}, ...body));
  // One stop for the tab key; arrows do the rest.
  const onlyStop = (/** @type {EventTarget | null} */ target) => {
    for (const each of cells.values()) each.tabIndex = each === target ? 0 : -1;
  };
  table.addEventListener('keydown', (event) => {
    const place = [...cells].find(([, each]) => each === document.activeElement)?.[0].split('/').map(Number);
    const step = /** @type {Readonly<Record<string, readonly [number, number]>>} */ ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] })[event.key];
    if (place === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const ends = /** @type {Readonly<Record<string, number>>} */ ({ Home: -1, End: columns.length - 1 })[event.key];
    if (step === undefined && ends === undefined) return;
    event.preventDefault();
    const next = step === undefined ? cells.get(`${place[0]}/${ends}`) : cells.get(`${place[0] + step[0]}/${place[1] + step[1]}`);
    if (next === undefined) return;
    onlyStop(next);
    next.focus();
  });
  table.addEventListener('focusin', ({ target }) => onlyStop(target));
  return {
    table,
    fill(outcomesOf) {
      rowHeads.forEach((row, r) => columns.forEach((column, c) => fillCell(cells.get(`${r}/${c}`), `${row.word}, ${column.word}`, column.short ?? column.word, outcomesOf(r, c))));
    },
    mark(row, column) {
      const wanted = cells.get(`${row}/${column}`) ?? cells.get('-1/-1');
      for (const each of cells.values()) each.removeAttribute('aria-current');
      if (row !== -2) wanted?.setAttribute('aria-current', 'true');
      onlyStop(wanted ?? null);
    },
  };
}

/**
 * @param {HTMLButtonElement | undefined} cell
 * @param {string} name
 * @param {string} short
 * @param {readonly string[]} all
 */
function fillCell(cell, name, short, all) {
  if (cell === undefined) return;
  // What does not apply is told only where nothing else is.
  const applicable = all.filter((outcome) => outcome !== 'inapplicable' && outcome !== 'untested');
  const own = applicable.length > 0 ? applicable : all;
  const worst = OUTCOME_ORDER.find((outcome) => own.includes(outcome));
  const count = own.filter((outcome) => outcome === worst).length;
  const words = worst === undefined ? 'nothing' : count === own.length ? `${count} ${OUTCOME_WORDS[worst].word}` : `${count} of ${own.length} ${OUTCOME_WORDS[worst].word}`;
  cell.className = `cell ${worst ?? 'nothing'}`;
  cell.setAttribute('aria-label', `${name}: ${words}`);
  cell.title = words;
  cell.replaceChildren(element('span', { class: 'short' }, short), element('span', { class: 'mark' }, worst === undefined ? '' : OUTCOME_WORDS[worst].sign), element('span', { class: 'number' }, worst === undefined ? '–' : count === own.length ? String(count) : `${count}/${own.length}`));
}
