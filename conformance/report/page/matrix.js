/** Assets × outputs. */
import { formatWord, report } from './data.js';
import { byId } from './dom.js';
import { createGrid } from './grid.js';

/** @typedef {import('./data.js').Row} Row */
/** @typedef {import('./list.js').Selection} Selection */

/**
 * @param {(selection: Selection) => void} select
 * @returns {{ fill(shown: readonly Row[]): void, mark(selection: Selection | null): void }}
 */
export function createMatrix(select) {
  const grid = createGrid({
    label: 'Worst outcome per asset and output',
    rows: report.assets.map(({ id }) => ({ word: id })),
    columns: report.formats.map((format) => ({ word: formatWord(format) })),
    choose: (asset, format) => select({ asset, format, check: '' }),
  });
  byId('matrix').append(grid.table);
  return {
    fill(shown) {
      const byCell = Map.groupBy(shown, ({ asset, format }) => `${asset}/${format}`);
      grid.fill((asset, format) => (byCell.get(`${asset}/${format}`) ?? []).map(({ outcome }) => outcome));
    },
    mark: (selection) => (selection === null ? grid.mark(-2, -2) : grid.mark(selection.asset, selection.format)),
  };
}
