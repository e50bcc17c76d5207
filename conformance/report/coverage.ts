/**
 * Requirement × check × output × asset, for people and for the repository: outcomes only, and only such as do not hang on a
 * measured value of one encoder, so that the page is the same wherever the suite runs over the same corpus.
 */
import { FORMAT_IDS } from '../../spec/requirement.ts';
import type { Outcome, Result } from '../../spec/report.ts';
import { clauseOf, coverageOf, DECISIVE, worstOf, type Reporting } from './model.ts';

const SIGNS: Readonly<Record<Outcome, string>> = { pass: '✓', warn: '!', fail: '✕', cantTell: '?', inapplicable: '–', untested: '·' };
const FORMATS = [...FORMAT_IDS, 'all'] as const;

export function coveragePage(reporting: Reporting): string {
  const { report, requirements } = reporting;
  const { decided, all, percent } = coverageOf(report.requirements);
  const lines = [
    '# Coverage',
    '',
    'Every requirement with the checks that cover it, and what they found over all assets: ✓ holds, ! a SHOULD that does not hold or a registered',
    'deviation, ✕ fails, ? no verdict (a judge was absent), – does not apply, · was not run. `all` compares the outputs of one asset with each other.',
    '',
    `${decided} of ${all} requirements (${percent} %) have a decisive outcome.`,
    '',
    ...documentTable(reporting),
    '',
    '## Assets',
    '',
    'Results with a decisive outcome, per output. The class says what the content can prove.',
    '',
    ...assetTable(report.results),
    '',
    '## Requirements',
    '',
    `| requirement | level | clause | check | ${FORMATS.join(' | ')} | assets |`,
    `|---|---|---|---|${FORMATS.map(() => ':-:').join('|')}|---:|`,
    ...requirements.toSorted((a, b) => (a.id < b.id ? -1 : 1)).flatMap((requirement) => requirementRows(requirement, reporting)),
  ];
  return `${lines.join('\n')}\n`;
}

function documentTable({ report, requirements }: Reporting): string[] {
  const documents = Map.groupBy(requirements, ({ document }) => document);
  const rows = [...documents].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([document, own]) => {
    const outcomes = own.map(({ id }) => report.requirements[id] ?? 'untested');
    const count = (outcome: Outcome): number => outcomes.filter((each) => each === outcome).length;
    const open = outcomes.filter((outcome) => !DECISIVE.has(outcome)).length;
    return `| ${cell(document)} | ${own.length} | ${count('pass')} | ${count('warn')} | ${count('fail')} | ${open} |`;
  });
  return ['| document | requirements | hold | warn | fail | open |', '|---|---:|---:|---:|---:|---:|', ...rows];
}

function assetTable(results: readonly Result[]): string[] {
  const assets = Map.groupBy(results, ({ subject }) => subject.asset);
  const rows = [...assets].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([asset, own]) => {
    const counts = FORMATS.map((format) => own.filter(({ subject, outcome }) => subject.format === format && DECISIVE.has(outcome)).length);
    return `| ${cell(asset)} | ${own[0].honesty} | ${counts.map((count) => (count === 0 ? '–' : count)).join(' | ')} |`;
  });
  return [`| asset | class | ${FORMATS.join(' | ')} |`, `|---|---|${FORMATS.map(() => '---:').join('|')}|`, ...rows];
}

function requirementRows(requirement: Reporting['requirements'][number], { report, checks }: Reporting): string[] {
  const covering = checks.filter(({ requirements }) => requirements.includes(requirement.id));
  const head = `| ${requirement.id} | ${requirement.level.toUpperCase()} | ${cell(clauseOf(requirement))} |`;
  if (covering.length === 0) return [`${head} – | ${FORMATS.map(() => SIGNS.untested).join(' | ')} | 0 |`];
  return covering.map(({ id }) => {
    const own = report.results.filter(({ check }) => check === id);
    const signs = FORMATS.map((format) => {
      const worst = worstOf(own.filter(({ subject }) => subject.format === format).map(({ outcome }) => outcome));
      return worst === null ? '' : SIGNS[worst];
    });
    const assets = new Set(own.filter(({ outcome }) => DECISIVE.has(outcome)).map(({ subject }) => subject.asset)).size;
    return `${head} \`${id}\` | ${own.length === 0 ? FORMATS.map(() => SIGNS.untested).join(' | ') : signs.join(' | ')} | ${assets} |`;
  });
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
