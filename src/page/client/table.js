/** The assets × outputs table. */
import { element } from './dom.js';
import { classWords, codecWords, languageWords, shortTitle } from './words.js';

/** @typedef {import('../assets.ts').PageAsset} PageAsset */
/** @typedef {import('../assets.ts').PageOutput} PageOutput */

/**
 * @param {HTMLTableElement} table
 * @param {readonly PageAsset[]} assets
 * @param {(asset: PageAsset, output: PageOutput) => string} hashOf
 */
export function fillTable(table, assets, hashOf) {
  const columns = outputColumns(assets);
  const head = element('tr', {}, element('th', { scope: 'col' }, 'Asset'), ...columns.map(({ title }) => element('th', { scope: 'col', class: 'output' }, shortTitle(title))));
  const rows = assets.map((asset) => assetRow(asset, columns, hashOf));
  table.replaceChildren(element('thead', {}, head), element('tbody', {}, ...rows));
}

/**
 * Every output that any asset names, in the order in which they come.
 * @param {readonly PageAsset[]} assets
 */
function outputColumns(assets) {
  /** @type {Map<string, PageOutput>} */
  const columns = new Map();
  for (const { outputs } of assets) for (const output of outputs) if (!columns.has(output.id)) columns.set(output.id, output);
  return [...columns.values()];
}

/**
 * @param {PageAsset} asset
 * @param {readonly PageOutput[]} columns
 * @param {(asset: PageAsset, output: PageOutput) => string} hashOf
 */
function assetRow(asset, columns, hashOf) {
  const title = element('span', { class: 'name' }, asset.id);
  const badge = asset.class === null ? [] : [element('span', { class: 'class', title: classWords(asset.class) }, asset.class)];
  const summary = element('span', { class: 'summary' }, asset.problem ?? summaryWords(asset));
  const terms = asset.terms === null ? [] : [element('span', { class: 'summary' }, termsWords(asset.terms))];
  const head = element('th', { scope: 'row' }, title, ' ', ...badge, ...terms, summary);
  const cells = columns.map((column) => outputCell(asset, asset.outputs.find(({ id }) => id === column.id), column, hashOf));
  return element('tr', { 'data-asset': asset.id, class: asset.problem === undefined ? null : 'broken' }, head, ...cells);
}

/**
 * @param {PageAsset} asset
 * @param {PageOutput | undefined} output
 * @param {PageOutput} column
 * @param {(asset: PageAsset, output: PageOutput) => string} hashOf
 */
function outputCell(asset, output, column, hashOf) {
  if (output === undefined || !output.available) {
    const reason = output?.reason ?? 'this asset has no such output';
    return element('td', { class: 'none', title: reason }, element('span', { 'aria-hidden': 'true' }, '–'), element('span', { class: 'unseen' }, `${column.title}: not available, ${reason}`));
  }
  const link = element(
    'a',
    { class: output.keys === undefined ? 'play' : 'play locked', href: hashOf(asset, output), 'data-output': output.id, title: output.keys ?? null, 'aria-label': `Play ${asset.id} as ${output.title}` },
    element('span', { class: 'triangle', 'aria-hidden': 'true' }),
    element('span', { class: 'short', 'aria-hidden': 'true' }, shortTitle(output.title)),
  );
  return element('td', {}, link);
}

/** @param {NonNullable<PageAsset['terms']>} terms */
function termsWords({ policy, filters, encryption }) {
  return [`policy ${policy}`, ...(encryption === null ? [] : [`encryption=${encryption}`]), ...(filters.length === 0 ? [] : [`filters ${filters.join(', ')}`])].join(' · ');
}

/** @param {PageAsset} asset */
function summaryWords(asset) {
  const video = asset.tracks.filter(({ kind }) => kind === 'video').map(({ codec, bitrates, size }) => {
    const picture = size === null ? '' : ` up to ${size.height}p`;
    return `${codecWords(codec)}${bitrates.length > 1 ? ` × ${bitrates.length}` : ''}${picture}`;
  });
  const sounds = asset.tracks.filter(({ kind }) => kind === 'audio');
  const audio = sounds.map(({ name, codec, language, label }, _, all) => {
    const alone = all.filter((other) => other.language === language).length === 1;
    return `${label ?? (alone ? languageWords(language) : name)} (${codecWords(codec)})`;
  });
  const text = asset.tracks.filter(({ kind }) => kind === 'text').map(({ language }) => `text ${languageWords(language)}`);
  return [...video, ...audio, ...text].join(' · ');
}

/**
 * @param {HTMLTableElement} table
 * @param {string} words
 * @returns {number} rows that are left
 */
export function filterTable(table, words) {
  const wanted = words.trim().toLowerCase();
  let left = 0;
  for (const row of table.querySelectorAll('tbody tr')) {
    const keep = (row.querySelector('th')?.textContent ?? '').toLowerCase().includes(wanted);
    row.toggleAttribute('hidden', !keep);
    if (keep) left++;
  }
  return left;
}

/**
 * @param {HTMLTableElement} table
 * @param {string | null} assetId
 * @param {string | null} outputId
 */
export function markCurrent(table, assetId, outputId) {
  for (const link of table.querySelectorAll('a.play')) {
    const current = link.closest('tr')?.getAttribute('data-asset') === assetId && link.getAttribute('data-output') === outputId;
    if (current) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
}
