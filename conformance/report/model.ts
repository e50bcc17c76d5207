/** What every report format is made from, and the questions that several of them ask. */
import type { Requirement } from '../../spec/requirement.ts';
import type { ReplayRow } from '../../spec/replay.ts';
import { OUTCOMES, type Outcome, type Report, type Result, type Run } from '../../spec/report.ts';
import type { Check } from '../model.ts';

export type Reporting = {
  readonly report: Report;
  readonly run: Run;
  readonly checks: readonly Pick<Check, 'id' | 'title' | 'level' | 'requirements'>[];
  readonly requirements: readonly Requirement[];
};

/** Outcomes from what has to be looked at first to what says least. */
export const WORST: readonly Outcome[] = ['fail', 'cantTell', 'warn', 'pass', 'inapplicable', 'untested'];

/** Outcomes that say whether the requirement holds. */
export const DECISIVE: ReadonlySet<Outcome> = new Set(['pass', 'fail', 'warn']);

export function worstOf(outcomes: readonly Outcome[]): Outcome | null {
  return WORST.find((outcome) => outcomes.includes(outcome)) ?? null;
}

/** What a requirement comes to over all its results: that nothing applied is said only where nothing else was. */
const SEVERITY: readonly Outcome[] = ['untested', 'inapplicable', 'pass', 'warn', 'cantTell', 'fail'];

/** Outcomes counted by level, and the worst of each requirement. */
export function tallyOf(results: readonly Pick<Result, 'level' | 'outcome' | 'requirements'>[], requirements: readonly string[]): Pick<Report, 'totals' | 'requirements'> {
  const totals = { must: emptyCounts(), should: emptyCounts() };
  const worst = new Map<string, Outcome>(requirements.map((id) => [id, 'untested']));
  for (const { level, outcome, requirements: covered } of results) {
    totals[level][outcome]++;
    for (const id of covered) if (SEVERITY.indexOf(outcome) > SEVERITY.indexOf(worst.get(id) ?? 'untested')) worst.set(id, outcome);
  }
  return { totals, requirements: Object.fromEntries([...worst].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

function emptyCounts(): Record<Outcome, number> {
  return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
}

/** A failure that expectations do not list. */
export function isNewFailure({ outcome, expected }: Pick<Result, 'outcome' | 'expected'>): boolean {
  return outcome === 'fail' && !expected;
}

/** What the formats for machines tell of a result: of a check, or of a replay in the same shape. */
export type Reported = Pick<Result, 'id' | 'check' | 'requirements' | 'level' | 'outcome' | 'expected' | 'messages' | 'known'>;

/** A replay is the check `replay/TEMPLATE` on `asset/format player browser`. What it asks is asked of every player, so it is a MUST. */
export function replayResult({ id, template, outcome, messages, expected, known }: ReplayRow): Reported {
  return { id: `replay/${id}`, check: `replay/${template}`, requirements: [], level: 'must', outcome, expected: expected === true, messages, ...(known === undefined ? {} : { known }) };
}

export function reportedResults({ results, replay }: Pick<Report, 'results' | 'replay'>): readonly Reported[] {
  return [...results, ...(replay?.rows ?? []).map(replayResult)];
}

/** By the id of the result: why, with the values of this run. */
export function replayReasons({ replays = [] }: Pick<Run, 'replays'>): ReadonlyMap<string, string> {
  return new Map(replays.map(({ id, reasons }) => [`replay/${id}`, reasons.join('; ')]));
}

export type Coverage = { readonly decided: number; readonly all: number; readonly percent: number };

/** The share of requirements that something was found out about; rounded down, so that 100 means all. */
export function coverageOf(requirements: Report['requirements']): Coverage {
  const outcomes = Object.values(requirements);
  const decided = outcomes.filter((outcome) => DECISIVE.has(outcome)).length;
  return { decided, all: outcomes.length, percent: outcomes.length === 0 ? 0 : Math.floor((1000 * decided) / outcomes.length) / 10 };
}

/** `ISO/IEC 23009-1 (2022) 5.3.9.6`. */
export function clauseOf({ document, edition, clause }: Pick<Requirement, 'document' | 'edition' | 'clause'>): string {
  return `${document} (${edition})${clause === '' ? '' : ` ${clause}`}`;
}

/** Everything before the slash: `mpd` of `mpd/timeline`. */
export function areaOf(check: string): string {
  return check.split('/', 1)[0];
}
