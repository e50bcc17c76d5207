import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Report } from '../../spec/report.ts';
import { loadExpectations, readExpectations } from '../expectations.ts';
import { breakOrigin, judged, type Judged } from '../report/testing.ts';
import { writeReport } from '../report/write.ts';
import { diff, rewriteBaseline, rewriteReport } from './reports.ts';
import { exitCodeOf } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'isomer-reports-'));
const good = join(folder, 'good');
const bad = join(folder, 'bad');
const known = join(folder, 'known.json');
let broken: Judged;
let printed: string[] = [];

beforeAll(async () => {
  const whole = await judged();
  broken = await judged(breakOrigin);
  writeReport(good, whole, whole);
  writeReport(bad, broken, broken);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

/** What a command wrote, on both ways out. */
function said<T>(command: () => T): { readonly result: T; readonly text: string } {
  printed = [];
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      printed.push(String(text));
      return true;
    });
  }
  try {
    const result = command();
    return { result, text: printed.join('') };
  } finally {
    vi.restoreAllMocks();
  }
}

describe('diff', () => {
  it('ends red when something newly fails, green when it was mended', () => {
    const worse = said(() => diff(good, bad, {}));
    expect(worse.result).toBe(1);
    expect(worse.text).toMatch(/^Newly failing: \d+\n {2}\S+ specimen\//);
    const better = said(() => diff(bad, join(good, 'report.json'), { json: true }));
    expect(better.result).toBe(0);
    const { failing, mended } = JSON.parse(better.text) as { failing: unknown[]; mended: unknown[] };
    expect(failing).toEqual([]);
    expect(mended.length).toBeGreaterThan(5);
    expect(said(() => diff(bad, bad, { markdown: true })).text).toContain('0 newly failing');
  });

  it('refuses what is no report', () => {
    expect(() => diff(good, join(folder, 'none'), {})).toThrow(/no such file/);
    expect(() => diff(good, join(bad, 'run.json'), {})).toThrow(/run\.json/);
    const cut = join(folder, 'cut.json');
    const report = JSON.parse(readFileSync(join(bad, 'report.json'), 'utf8')) as Report;
    writeFileSync(cut, JSON.stringify({ ...report, results: report.results.slice(1) }));
    expect(() => diff(good, cut, {})).toThrow(/the footer counts/);
    writeFileSync(cut, '{');
    expect(() => diff(good, cut, {})).toThrow(/cut\.json/);
  });
});

describe('baseline update', () => {
  const failing = (): readonly string[] => broken.report.results.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id);

  it('begins a file that no run takes until its places are filled in', () => {
    const { text } = said(() => rewriteBaseline(bad, { expectations: known }));
    expect(readExpectations(known).map(({ check, subject }) => `${check} ${subject}`)).toEqual(failing());
    expect(text).toContain(`+ ${failing()[0]}`);
    expect(text).toContain('no reason, bug or owner yet');
    expect(() => loadExpectations([known])).toThrow(/reason, bug, owner not filled in/);
  });

  it('writes whole entries when it is told why; they make the run green, and red again when they are stale', async () => {
    rmSync(known, { force: true });
    said(() => rewriteBaseline(bad, { expectations: known, reason: 'broken on purpose', bug: 'https://example.org/1', owner: 'tests' }));
    const entries = loadExpectations([known]);
    expect(exitCodeOf({ report: (await judged(breakOrigin, entries)).report, faults: [] })).toBe(0);
    const mended = await judged(() => undefined, entries);
    expect(exitCodeOf({ report: mended.report, faults: [] })).toBe(5);
    expect(mended.report.staleExpectations).toHaveLength(entries.length);
  });

  it('removes what no longer fails, takes patterns apart, and can only say so', () => {
    const pattern = { check: 'http/delivered', subject: '*', reason: 'broken on purpose', bug: 'https://example.org/1', owner: 'tests', since: '2026-01-01', expires: '2030-01-01' };
    writeFileSync(known, JSON.stringify([pattern, { ...pattern, check: 'mpd/schema', subject: 'specimen/dash-csf' }]));
    const before = readFileSync(known, 'utf8');
    const { text } = said(() => rewriteBaseline(bad, { expectations: known, dryRun: true }));
    expect(readFileSync(known, 'utf8')).toBe(before);
    expect(text).toMatch(/- http\/delivered \*: no longer fails in .*, narrow the entry/);
    said(() => rewriteBaseline(bad, { expectations: known }));
    const entries = readExpectations(known);
    expect(entries.filter(({ check }) => check === 'http/delivered')).toEqual([{ ...pattern, subject: 'specimen/dash-csf' }]);
    // No schema judge was there, so nothing is known about this one: it stays.
    expect(entries[0].check).toBe('mpd/schema');
    said(() => rewriteBaseline(good, { expectations: known }));
    expect(readExpectations(known).filter(({ check }) => check === 'http/delivered')).toEqual([]);
  });
});

describe('report', () => {
  it('writes the derived files again, without evidence where the trace is gone', () => {
    const summary = readFileSync(join(bad, 'summary.md'), 'utf8');
    const sources = ['report.json', 'run.json'].map((name) => readFileSync(join(bad, name), 'utf8'));
    for (const name of ['summary.md', 'report.html', 'junit.xml', 'report.sarif', 'badge-must.svg']) rmSync(join(bad, name));
    const { text } = said(() => rewriteReport(bad, {}));
    expect(text).toContain('there is no trace');
    expect(readFileSync(join(bad, 'summary.md'), 'utf8')).toBe(summary);
    expect(readFileSync(join(bad, 'report.html'), 'utf8')).toContain('"excerpts":[]');
    expect(['report.json', 'run.json'].map((name) => readFileSync(join(bad, name), 'utf8'))).toEqual(sources);
  });
});

describe('exit codes', () => {
  const whole = { results: [], footer: { results: 1 }, staleExpectations: [], requirements: { a: 'pass', b: 'fail', c: 'cantTell', d: 'untested' } } as const;
  it.each([
    ['enough coverage', { report: whole, faults: [] }, { minCoverage: 50 }, 0],
    ['too little coverage', { report: whole, faults: [] }, { minCoverage: 50.1 }, 1],
    ['an expired entry', { report: whole, faults: [], expired: ['x'] }, {}, 5],
    ['a fault is worse than an expired entry', { report: whole, faults: ['x'], expired: ['x'] }, {}, 4],
  ] as const)('%s', (_, ended, wanted, code) => {
    expect(exitCodeOf({ ...ended, report: { ...ended.report, results: [], staleExpectations: [], requirements: { ...ended.report.requirements } } }, wanted)).toBe(code);
  });
});
