/** Expectations about replays: what is known to fail is marked, and an entry that is no longer right is named. */
import type { ReplayRow } from '../../spec/replay.ts';
import { expectationOf, isAboutReplays, staleEntries, type Expectation } from '../expectations.ts';
import { replayResult } from '../report/model.ts';

export type Expected = { readonly rows: ReplayRow[]; readonly stale: readonly string[] };

/** A replay that warns is a known defect of a client already; only what fails can be expected to. */
export function expectReplays(rows: readonly ReplayRow[], expectations: readonly Expectation[]): Expected {
  const own = expectations.filter(isAboutReplays);
  const marked = rows.map((row): ReplayRow => {
    const entry = row.outcome === 'fail' ? expectationOf(matched(row), own) : null;
    return entry === null ? row : { ...row, expected: true, known: { reason: entry.reason, bug: entry.bug } };
  });
  return { rows: marked, stale: staleEntries(rows.map(matched), own) };
}

const matched = (row: ReplayRow) => {
  const { id, check, requirements, outcome } = replayResult(row);
  return { id, check, requirements, outcome };
};
