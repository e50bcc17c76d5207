/** Badges for a README: how many of the requirements that were judged hold. Plain SVG, no font and no service needed. */
import type { Requirement } from '../../spec/requirement.ts';
import { DECISIVE, type Reporting } from './model.ts';

export type Tally = { readonly held: number; readonly judged: number; readonly warned: number; readonly open: number };

/** `open`: requirements without a verdict where one was asked for. A registered deviation warns, and does not hold. */
export function tally(level: Requirement['level'], { report, requirements }: Pick<Reporting, 'report' | 'requirements'>): Tally {
  const outcomes = requirements.filter((requirement) => requirement.level === level).map(({ id }) => report.requirements[id] ?? 'untested');
  const count = (outcome: string): number => outcomes.filter((each) => each === outcome).length;
  return { held: count('pass'), judged: outcomes.filter((outcome) => DECISIVE.has(outcome)).length, warned: count('warn'), open: count('cantTell') };
}

const COLOURS = { good: '#1a7f47', open: '#946200', bad: '#b4232c', none: '#5d666d' } as const;

export function badge(level: Requirement['level'], reporting: Pick<Reporting, 'report' | 'requirements'>): string {
  const { held, judged, warned, open } = tally(level, reporting);
  const failed = judged - held - warned;
  const colour = judged === 0 ? COLOURS.none : failed > 0 ? COLOURS.bad : warned + open > 0 ? COLOURS.open : COLOURS.good;
  return badgeSvg(level.toUpperCase(), judged === 0 ? 'not judged' : `${held}/${judged}`, colour);
}

/** How many of the replays that came to a verdict play as they should; what was not played or not seen counts for nothing. */
export function playersBadge({ report: { replay } }: Pick<Reporting, 'report'>): string {
  const rows = replay?.rows ?? [];
  const count = (...outcomes: readonly string[]): number => rows.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const decided = count('pass', 'fail', 'warn');
  const colour = decided === 0 ? COLOURS.none : count('fail') > 0 ? COLOURS.bad : count('warn', 'cantTell', 'untested') > 0 ? COLOURS.open : COLOURS.good;
  return badgeSvg('PLAYERS', decided === 0 ? 'not judged' : `${count('pass')}/${decided}`, colour);
}

const HEIGHT = 20;
const PADDING = 7;

function badgeSvg(label: string, value: string, colour: string): string {
  const left = widthOf(label) + 2 * PADDING;
  const right = widthOf(value) + 2 * PADDING;
  const title = `conformance, ${label}: ${value}`;
  // textLength keeps the texts inside their fields whatever font a machine has.
  const text = (content: string, centre: number): string => `<text x="${centre}" y="14" textLength="${widthOf(content)}" lengthAdjust="spacingAndGlyphs">${content}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="${HEIGHT}" role="img" aria-label="${title}">`,
    `<title>${title}</title>`,
    `<clipPath id="r"><rect width="${left + right}" height="${HEIGHT}" rx="4"/></clipPath>`,
    `<g clip-path="url(#r)"><rect width="${left}" height="${HEIGHT}" fill="#343d43"/><rect x="${left}" width="${right}" height="${HEIGHT}" fill="${colour}"/></g>`,
    `<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">${text(label, left / 2)}${text(value, left + right / 2)}</g>`,
    '</svg>',
    '',
  ].join('\n');
}

/** About what 11 px of a wide sans-serif need. */
function widthOf(text: string): number {
  return Math.ceil([...text].reduce((sum, char) => sum + (/[A-Z]/.test(char) ? 8 : /[0-9a-z]/.test(char) ? 7 : 4.2), 0));
}
