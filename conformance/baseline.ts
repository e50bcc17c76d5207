/**
 * Expectations from a report: what fails now gets an entry, what no longer fails loses it. Reasons are for people: a new
 * entry has open places, and no run takes the file before they are filled in.
 */
import { UNFILLED } from '../spec/expectation.ts';
import { expectationOf, nameOf, reviewExpectations, subjectOf, type Expectation, type Reviewable } from './expectations.ts';

export type BaselineWords = { readonly today: string; readonly reason?: string; readonly bug?: string; readonly owner?: string };

export type Baseline = { readonly entries: readonly Expectation[]; readonly added: readonly string[]; readonly removed: readonly string[]; readonly kept: number; readonly open: number };

export function updateBaseline(results: readonly Reviewable[], entries: readonly Expectation[], { today, reason = UNFILLED, bug = UNFILLED, owner = UNFILLED }: BaselineWords): Baseline {
  const kept: Expectation[] = [];
  const added: Expectation[] = [];
  const removed: string[] = [];
  for (const { entry, fault, failing } of reviewExpectations(results, entries)) {
    if (fault === null) {
      kept.push(entry);
      continue;
    }
    removed.push(`${nameOf(entry)}: ${fault}`);
    // A pattern that is right about some is taken apart; they keep what was said about them.
    for (const result of failing) added.push(entryOf(result, entry));
  }
  for (const result of results) {
    if (result.outcome === 'fail' && expectationOf(result, entries) === null) added.push(entryOf(result, { reason, bug, owner, since: today }));
  }
  const all = [...kept, ...added];
  return { entries: all, added: added.map(nameOf), removed, kept: kept.length, open: all.filter((entry) => [entry.reason, entry.bug, entry.owner].includes(UNFILLED)).length };
}

function entryOf(result: Reviewable, { reason, bug, owner, since, expires }: Pick<Expectation, 'reason' | 'bug' | 'owner' | 'since' | 'expires'>): Expectation {
  return { check: result.check, subject: subjectOf(result), reason, bug, owner, since, ...(expires === undefined ? {} : { expires }) };
}
