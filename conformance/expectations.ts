/** Known failures: who expects them, which results they cover, and when an entry has to go. */
import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';
import { expectationsFileSchema, UNFILLED, type ExpectationEntry } from '../spec/expectation.ts';
import type { Result } from '../spec/report.ts';
import { messageOf, SuiteFault } from './fault.ts';

export type Expectation = ExpectationEntry;

const MIN_REASON = 10;

/** Entries of several files, one after the other: the last that matches wins. */
export function loadExpectations(files: readonly string[]): readonly Expectation[] {
  return files.flatMap((file) => {
    const entries = readExpectations(file);
    const faults = entries.flatMap((entry) => formFaults(entry).map((fault) => `${nameOf(entry)}: ${fault}`));
    if (faults.length > 0) throw new SuiteFault('usage', `${file}: ${faults.join('; ')}`);
    return entries;
  });
}

/** A file as it is, places to be filled in included. */
export function readExpectations(file: string): readonly Expectation[] {
  if (!existsSync(file)) throw new SuiteFault('usage', `${file}: no such file`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SuiteFault('usage', `${file}: ${messageOf(error)}`);
  }
  const result = expectationsFileSchema.safeParse(parsed);
  if (!result.success) throw new SuiteFault('usage', `${file}: ${z.prettifyError(result.error)}`);
  return result.data;
}

function formFaults({ reason, bug, owner, since, expires }: Expectation): string[] {
  const open = Object.entries({ reason, bug, owner }).filter(([, value]) => value.trim() === UNFILLED);
  if (open.length > 0) return [`${open.map(([name]) => name).join(', ')} not filled in`];
  return [
    ...(reason.trim().length < MIN_REASON ? [`a reason has at least ${MIN_REASON} characters`] : []),
    ...(URL.canParse(bug) && /^https?:$/.test(new URL(bug).protocol) ? [] : ['bug is not a web address']),
    ...(expires !== undefined && expires <= since ? ['expires before it begins'] : []),
  ];
}

export function nameOf({ check, requirement, subject }: Expectation): string {
  return `${check ?? requirement ?? ''} ${subject}`;
}

export type Matched = Pick<Result, 'id' | 'check' | 'requirements'>;
/** Results of checks, and replays in the same shape. */
export type Reviewable = Matched & Pick<Result, 'outcome'>;

/** What a result is about: its id without its check. */
export function subjectOf({ id, check }: Matched): string {
  return id.slice(check.length + 1);
}

export function covers({ check, requirement, subject }: Expectation, result: Matched): boolean {
  if (check !== undefined ? check !== result.check : !result.requirements.includes(requirement ?? '')) return false;
  return globMatches(subject, subjectOf(result));
}

/** The last entry that matches. */
export function expectationOf(result: Matched, expectations: readonly Expectation[]): Expectation | null {
  return expectations.findLast((entry) => covers(entry, result)) ?? null;
}

/** Results that an entry may stand for. A SHOULD that does not hold warns, and can be known as well. */
export function isKnowable({ outcome }: Pick<Result, 'outcome'>): boolean {
  return outcome === 'fail' || outcome === 'warn';
}

export type Review<T extends Reviewable> = {
  readonly entry: Expectation;
  /** Results that the entry is right about. */
  readonly failing: readonly T[];
  /** Results that pass although the entry covers them. */
  readonly passing: readonly T[];
  /** Null when the entry may stay. */
  readonly fault: string | null;
};

/**
 * Every entry against what happened. A result without a verdict proves nothing about its entry; an inapplicable one is not
 * a failure.
 */
export function reviewExpectations<T extends Reviewable>(results: readonly T[], entries: readonly Expectation[]): readonly Review<T>[] {
  const owned = new Map<Expectation, T[]>(entries.map((entry) => [entry, []]));
  for (const result of results) {
    const entry = expectationOf(result, entries);
    if (entry !== null) owned.get(entry)?.push(result);
  }
  return entries.map((entry) => {
    const own = owned.get(entry) ?? [];
    const failing = own.filter(isKnowable);
    const passing = own.filter(({ outcome }) => outcome === 'pass' || outcome === 'inapplicable');
    return { entry, failing, passing, fault: faultOf(entry, { own, failing, passing }, results) };
  });
}

function faultOf(entry: Expectation, { own, failing, passing }: Readonly<Record<'own' | 'failing' | 'passing', readonly Reviewable[]>>, results: readonly Matched[]): string | null {
  if (own.length === 0) return results.some((result) => covers(entry, result)) ? 'later entries cover all that it matches, delete the entry' : 'matches no result';
  if (passing.length === 0) return null;
  if (failing.length === 0) return 'no longer fails, delete the entry';
  return `no longer fails in ${passing.map(subjectOf).join(', ')}, narrow the entry`;
}

/** `nameOf: fault` of every entry that has to be mended. */
export function staleEntries(results: readonly Reviewable[], entries: readonly Expectation[]): string[] {
  return reviewExpectations(results, entries).flatMap(({ entry, fault }) => (fault === null ? [] : [`${nameOf(entry)}: ${fault}`]));
}

/** Entries about replays are for runs that replay, all others for runs that judge. */
export function isAboutReplays({ check }: Expectation): boolean {
  return check?.startsWith('replay/') === true;
}

/** Names of entries that are past their date. */
export function expiredEntries(entries: readonly Expectation[], today: string): readonly string[] {
  return entries.filter(({ expires }) => expires !== undefined && expires <= today).map((entry) => `${nameOf(entry)}: expired on ${entry.expires ?? ''}`);
}

function globMatches(glob: string, text: string): boolean {
  const pattern = glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll(/\*+/g, '.*');
  return new RegExp(`^${pattern}$`).test(text);
}
