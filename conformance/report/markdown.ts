/** Summaries for people: totals, a matrix of assets and formats, and what failed. */
import { FORMAT_IDS } from '../../spec/requirement.ts';
import { OUTCOMES, type Detail, type Outcome, type Report, type Result, type Run } from '../../spec/report.ts';
import { replayReasons, replayResult, worstOf } from './model.ts';

const MAX_ROWS = 200;
const SECTIONS: readonly (readonly [title: string, outcome: Outcome])[] = [
  ['Failures', 'fail'],
  ['Warnings', 'warn'],
  ['No verdict', 'cantTell'],
];

/** With values, result by result. */
export function markdownSummary(report: Report, run: Run): string {
  const details = new Map<string, Detail>();
  for (const detail of run.details) if (!details.has(detail.result)) details.set(detail.result, detail);
  const row = ({ id, requirements, messages, known }: Result): string => {
    const detail = details.get(id);
    const values = detail === undefined ? '' : ` At \`${detail.path}\`${detail.wanted === undefined ? '' : `, wanted \`${detail.wanted}\``}${detail.actual === undefined ? '' : `, found \`${detail.actual}\``}.`;
    return `- \`${id}\` (${requirements.join(', ')})${known === undefined ? '' : ` [known: ${known.reason}](${known.bug})`}: ${messages.join('; ')}.${values}`;
  };
  const reasons = replayReasons(run);
  const played = (report.replay?.rows ?? []).map((line) => {
    const { id, outcome, messages, known } = replayResult(line);
    return { outcome, line: `- \`${id}\`${known === undefined ? '' : ` [known: ${known.reason}](${known.bug})`}: ${reasons.get(id) ?? messages.join('; ')}.` };
  });
  return page(report, (results, outcome) => [...results.map(row), ...played.filter((each) => each.outcome === outcome).map(({ line }) => line)], clientTable(report));
}

/** For the repository: without measured values, and what several results say is said once. */
export function markdownOutcomes(report: Report): string {
  return page(report, (results) =>
    [...Map.groupBy(results, ({ check, messages }) => JSON.stringify([check, messages])).values()].map((alike) => {
      const [{ check, requirements, messages }] = alike;
      const where = [...Map.groupBy(alike, ({ subject }) => subject.asset)].map(([asset, own]) => `${asset} (${own.map(({ subject }) => subject.format).join(', ')})`);
      return `- \`${check}\` (${requirements.join(', ')}): ${messages.join('; ')}. ${where.join(', ')}.`;
    }),
  );
}

function page(report: Report, rows: (results: readonly Result[], outcome: Outcome) => readonly string[], clients: readonly string[] = []): string {
  const { results, totals } = report;
  const sections = SECTIONS.flatMap(([title, outcome]) => {
    const own = rows(results.filter((result) => result.outcome === outcome), outcome);
    return own.length === 0 ? [] : ['', `## ${title}`, '', ...own.slice(0, MAX_ROWS), ...(own.length > MAX_ROWS ? [`- and ${own.length - MAX_ROWS} more`] : [])];
  });
  const lines = [
    '# Conformance',
    '',
    `| level | ${OUTCOMES.join(' | ')} |`,
    `|---|${OUTCOMES.map(() => '---:').join('|')}|`,
    ...(['must', 'should'] as const).map((level) => `| ${level.toUpperCase()} | ${OUTCOMES.map((outcome) => totals[level][outcome]).join(' | ')} |`),
    '',
    ...matrix(results),
    ...clients,
    ...sections,
    ...(report.staleExpectations.length === 0 ? [] : ['', '## Stale expectations', '', ...report.staleExpectations.map((entry) => `- ${entry}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

function matrix(results: readonly Result[]): string[] {
  const formats = [...FORMAT_IDS, 'all'] as const;
  const rows = [...Map.groupBy(results, ({ subject }) => subject.asset)].map(([asset, own]) => {
    const cells = formats.map((format) => worstCell(own.filter(({ subject }) => subject.format === format).map(({ outcome }) => outcome)));
    return `| ${asset} | ${cells.join(' | ')} |`;
  });
  return [`| asset | ${formats.join(' | ')} |`, `|---|${formats.map(() => '---').join('|')}|`, ...rows];
}

/** Clients × outputs: the worst of their replays. */
function clientTable({ replay }: Report): string[] {
  if (replay === undefined) return [];
  const formats = FORMAT_IDS.filter((format) => replay.rows.some((row) => row.format === format));
  const clients = [...Map.groupBy(replay.rows, ({ player, browser }) => `${player}@${browser}`)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const rows = clients.map(([client, own]) => `| ${client} | ${formats.map((format) => worstCell(own.filter((row) => row.format === format && row.outcome !== 'inapplicable').map(({ outcome }) => outcome))).join(' | ')} |`);
  const counts = OUTCOMES.map((outcome) => [outcome, replay.rows.filter((row) => row.outcome === outcome).length] as const).filter(([, count]) => count > 0);
  return ['', '## Real players', '', `${counts.map(([outcome, count]) => `${count} ${outcome}`).join(', ')}.`, '', `| client | ${formats.join(' | ')} |`, `|---|${formats.map(() => '---').join('|')}|`, ...rows];
}

function worstCell(outcomes: readonly Outcome[]): string {
  const worst = worstOf(outcomes);
  const count = outcomes.filter((outcome) => outcome === worst).length;
  return worst === null ? '–' : worst === 'pass' ? `pass ${count}` : `**${worst}** ${count} of ${outcomes.length}`;
}
