/** A summary for people: totals, a matrix of assets and formats, and what failed. */
import { FORMAT_IDS } from '../../spec/requirement.ts';
import { OUTCOMES, type Outcome, type Report, type Result, type Run } from '../../spec/report.ts';
import { worstOf } from './model.ts';

const MAX_ROWS = 200;

export function markdownSummary(report: Report, run: Run): string {
  const { results, totals } = report;
  const formats = [...FORMAT_IDS, 'all'] as const;
  const assets = [...new Set(results.map(({ subject }) => subject.asset))];
  const cell = (asset: string, format: string): string => {
    const own = results.filter(({ subject }) => subject.asset === asset && subject.format === format);
    const worst = worstOf(own.map(({ outcome }) => outcome));
    const count = (outcome: Outcome): number => own.filter((result) => result.outcome === outcome).length;
    return worst === null ? '–' : worst === 'pass' ? `pass ${count('pass')}` : `**${worst}** ${count(worst)} of ${own.length}`;
  };
  const lines = [
    '# Conformance',
    '',
    `| level | ${OUTCOMES.join(' | ')} |`,
    `|---|${OUTCOMES.map(() => '---:').join('|')}|`,
    ...(['must', 'should'] as const).map((level) => `| ${level.toUpperCase()} | ${OUTCOMES.map((outcome) => totals[level][outcome]).join(' | ')} |`),
    '',
    `| asset | ${formats.join(' | ')} |`,
    `|---|${formats.map(() => '---').join('|')}|`,
    ...assets.map((asset) => `| ${asset} | ${formats.map((format) => cell(asset, format)).join(' | ')} |`),
    ...section('Failures', results, 'fail', run),
    ...section('Warnings', results, 'warn', run),
    ...section('No verdict', results, 'cantTell', run),
    ...(report.staleExpectations.length === 0 ? [] : ['', '## Stale expectations', '', ...report.staleExpectations.map((entry) => `- ${entry}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

function section(title: string, results: readonly Result[], outcome: Outcome, run: Run): string[] {
  const rows = results.filter((result) => result.outcome === outcome);
  if (rows.length === 0) return [];
  const shown = rows.slice(0, MAX_ROWS).map(({ id, requirements, messages, expected, known }) => {
    const detail = run.details.find(({ result }) => result === id);
    const values = detail === undefined ? '' : ` At \`${detail.path}\`${detail.wanted === undefined ? '' : `, wanted \`${detail.wanted}\``}${detail.actual === undefined ? '' : `, found \`${detail.actual}\``}.`;
    return `- \`${id}\` (${requirements.join(', ')})${expected ? ` [known: ${known?.reason ?? ''}](${known?.bug ?? ''})` : ''}: ${messages.join('; ')}.${values}`;
  });
  return ['', `## ${title}`, '', ...shown, ...(rows.length > MAX_ROWS ? [`- and ${rows.length - MAX_ROWS} more`] : [])];
}
