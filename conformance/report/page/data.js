/** The report, and the questions that every part of the page asks of it. */
import { byId } from './dom.js';

/** @typedef {import('../pagedata.ts').PageData} PageData */
/** @typedef {{ readonly check: number, readonly asset: number, readonly format: number, readonly outcome: string, readonly examined: number, readonly messages: readonly number[], readonly known: number, readonly index: number, readonly text: string }} Row */
/** @typedef {{ readonly outcomes: ReadonlySet<string>, readonly level: string, readonly area: string, readonly text: string }} Filter */

/** @type {PageData} */
export const report = JSON.parse(byId('data').textContent ?? '');

/** From what has to be looked at first to what says least. */
export const OUTCOME_ORDER = ['fail', 'cantTell', 'warn', 'pass', 'inapplicable', 'untested'];
/** @type {Readonly<Record<string, { readonly word: string, readonly verb: string, readonly sign: string }>>} */
export const OUTCOME_WORDS = {
  fail: { word: 'fail', verb: 'fail', sign: '✕' },
  cantTell: { word: 'no verdict', verb: 'got no verdict', sign: '?' },
  warn: { word: 'warning', verb: 'warn', sign: '!' },
  pass: { word: 'pass', verb: 'pass', sign: '✓' },
  inapplicable: { word: 'not applicable', verb: 'do not apply', sign: '–' },
  untested: { word: 'untested', verb: 'were not run', sign: '·' },
};
/** @type {Readonly<Record<string, string>>} */
const FORMAT_WORDS = { 'hls-v3': 'HLS v3', 'hls-v4': 'HLS v4', 'hls-cmaf': 'HLS CMAF', 'dash-csf': 'DASH CSF', 'dash-cmaf': 'DASH CMAF', smooth: 'Smooth', all: 'Together' };

/** @type {readonly Row[]} */
export const rows = report.results.map(([check, asset, format, outcome, examined, messages, known], index) => {
  const { id, title, requirements } = report.checks[check];
  const about = requirements.map((each) => `${report.requirements[each].id} ${report.requirements[each].statement}`).join(' ');
  const found = (report.findings[index] ?? []).map(({ path, message, wanted = '', actual = '' }) => `${path} ${message} ${wanted} ${actual}`).join(' ');
  const text = [id, title, report.assets[asset].id, report.formats[format], about, messages.map((each) => report.messages[each]).join(' '), found].join(' ').toLowerCase();
  return { check, asset, format, outcome: report.outcomes[outcome], examined, messages, known, index, text };
});

/** @param {string} format */
export function formatWord(format) {
  return FORMAT_WORDS[format] ?? format;
}

/** @param {number} check */
export function areaOfCheck(check) {
  return report.checks[check].id.split('/')[0];
}

/**
 * @param {Row} row
 * @param {Filter} filter
 */
export function passesFilter({ check, outcome, text }, filter) {
  if (filter.outcomes.size > 0 && !filter.outcomes.has(outcome)) return false;
  if (filter.level !== '' && report.checks[check].level !== filter.level) return false;
  if (filter.area !== '' && areaOfCheck(check) !== filter.area) return false;
  return filter.text === '' || filter.text.split(/\s+/).every((word) => text.includes(word));
}

/**
 * Counts per outcome, only those that occur, the worst first.
 * @param {readonly { readonly outcome: string }[]} list
 * @returns {readonly { readonly outcome: string, readonly count: number }[]}
 */
export function outcomeCounts(list) {
  return OUTCOME_ORDER.map((outcome) => ({ outcome, count: list.filter((row) => row.outcome === outcome).length })).filter(({ count }) => count > 0);
}
