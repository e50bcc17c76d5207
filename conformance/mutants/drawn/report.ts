/** The report of drawn mutants: share killed per area and operator, survivors one by one. */
import { EQUIVALENCES } from './canonical.ts';
import type { Drawn, Verdict } from './draw.ts';
import { explain } from './survivors.ts';

export type Counts = Record<Verdict, number>;

export type Summary = {
  readonly seed: number;
  readonly count: number;
  readonly assets: readonly string[];
  readonly totals: Counts;
  /** Killed or warned of all that mean something else, in percent. */
  readonly share: number;
  readonly rows: readonly { readonly area: string; readonly operator: string; readonly kind: string; readonly counts: Counts; readonly share: number | null }[];
  /** Mutants that each check saw. */
  readonly checks: Readonly<Record<string, number>>;
  readonly survivors: readonly { readonly number: number; readonly area: string; readonly operator: string; readonly asset: string; readonly format: string; readonly exchange: string; readonly where: string; readonly why: string | null }[];
  /** Mutants at which the suite itself broke. */
  readonly faults: readonly { readonly number: number; readonly operator: string; readonly where: string; readonly faults: readonly string[] }[];
  /** Mutants that mean the same and were told apart nevertheless: false alarms. */
  readonly falseAlarms: readonly { readonly number: number; readonly operator: string; readonly where: string; readonly by: readonly string[] }[];
};

function countsOf(drawn: readonly Drawn[]): Counts {
  const counts: Counts = { killed: 0, warned: 0, equivalent: 0, survived: 0 };
  for (const { verdict } of drawn) counts[verdict]++;
  return counts;
}

function shareOf({ killed, warned, survived }: Counts): number | null {
  const all = killed + warned + survived;
  return all === 0 ? null : Math.floor((1000 * (killed + warned)) / all) / 10;
}

/** Checks whose contract is identity of bytes: they may tell apart what means the same. */
const BYTE_FOR_BYTE = new Set(['cross/cmaf-bytes']);

export function summaryOf(drawn: readonly Drawn[], { seed, count, assets }: Pick<Summary, 'seed' | 'count' | 'assets'>): Summary {
  const keys = [...new Set(drawn.map(({ operator }) => operator))].toSorted((a, b) => (`${a.area} ${a.name}` < `${b.area} ${b.name}` ? -1 : 1));
  const rows = keys.map((operator) => {
    const counts = countsOf(drawn.filter((each) => each.operator === operator));
    return { area: operator.area, operator: operator.name, kind: operator.kind, counts, share: shareOf(counts) };
  });
  const checks: Record<string, number> = {};
  for (const { by, verdict } of drawn) if (verdict !== 'equivalent') for (const check of by) checks[check] = (checks[check] ?? 0) + 1;
  const totals = countsOf(drawn);
  return {
    seed,
    count,
    assets,
    totals,
    share: shareOf(totals) ?? 0,
    rows,
    checks: Object.fromEntries(Object.entries(checks).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    survivors: drawn.filter(({ verdict }) => verdict === 'survived').map(({ number, operator, asset, format, exchange, where }) => {
      const survivor = { number, area: operator.area, operator: operator.name, asset, format, exchange, where };
      return { ...survivor, why: explain(survivor) };
    }),
    faults: drawn.filter(({ faults }) => faults.length > 0).map(({ number, operator, where, faults }) => ({ number, operator: `${operator.area}: ${operator.name}`, where, faults })),
    falseAlarms: drawn
      .filter(({ verdict, by }) => verdict === 'equivalent' && by.some((check) => !BYTE_FOR_BYTE.has(check)))
      .map(({ number, operator, where, by }) => ({ number, operator: `${operator.area}: ${operator.name}`, where, by })),
  };
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 140);
}

export function toMarkdown({ seed, count, assets, totals, share, rows, survivors, falseAlarms }: Summary, flags = ''): string {
  const areas = [...new Set(rows.map(({ area }) => area))];
  const area = (name: string): Counts => rows.filter((row) => row.area === name).reduce<Counts>((sum, { counts }) => ({ killed: sum.killed + counts.killed, warned: sum.warned + counts.warned, equivalent: sum.equivalent + counts.equivalent, survived: sum.survived + counts.survived }), { killed: 0, warned: 0, equivalent: 0, survived: 0 });
  const line = (counts: Counts): string => `${counts.killed} | ${counts.warned} | ${counts.survived} | ${counts.equivalent} | ${shareOf(counts) ?? '–'}`;
  return `# Drawn mutants

Good traces of ${assets.join(', ')}, one answer changed each: ${count} mutants of seed ${seed}. ${share} % of those that mean something else are seen.
A mutant is *killed* when a check fails that passed, *warned* when a check of a SHOULD or of a registered deviation warns.

Again: \`node conformance/mutants/drawn/run.ts --count ${count} --seed ${seed}${flags}\`.

| area | killed | warned | survived | equivalent | % seen |
|---|---|---|---|---|---|
${areas.map((name) => `| ${name} | ${line(area(name))} |`).join('\n')}
| **all** | ${line(totals)} |

## Operators

| area | operator | kind | killed | warned | survived | equivalent | % seen |
|---|---|---|---|---|---|---|---|
${rows.map(({ area: name, operator, kind, counts }) => `| ${name} | ${operator} | ${kind} | ${line(counts)} |`).join('\n')}

## What means the same

The comparison of meanings leaves this out; checks may not tell such answers apart (${falseAlarms.length === 0 ? 'none did' : `${falseAlarms.length} did`}).

| left out | because |
|---|---|
${EQUIVALENCES.map(({ what, why }) => `| ${what} | ${why} |`).join('\n')}

## Survivors

${survivors.length === 0 ? 'None.\n' : grouped(survivors)}`;
}

function grouped(survivors: Summary['survivors']): string {
  const groups = [...new Set(survivors.map(({ why }) => why))].toSorted((a, b) => ((a ?? '~') < (b ?? '~') ? -1 : 1));
  return groups
    .map((why) => {
      const members = survivors.filter((each) => each.why === why);
      const lines = members.map((each) => `| ${each.number} | ${each.area}: ${each.operator} | ${each.asset} ${each.format} ${cell(each.exchange)} | ${cell(each.where)} |`);
      return `### ${why ?? 'Not explained: a check is missing'} (${members.length})\n\n| number | operator | output | change |\n|---|---|---|---|\n${lines.join('\n')}\n`;
    })
    .join('\n');
}
