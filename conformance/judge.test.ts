import { beforeAll, describe, expect, it } from 'vitest';
import { reportSchema, runSchema, RUN_SCHEMA, type Result, type Run } from '../spec/report.ts';
import { exitCodeOf } from './cli/run.ts';
import type { Expectation } from './expectations.ts';
import { EXIT_CODES } from './fault.ts';
import { rollUp, judge, type Verdicts } from './judge.ts';
import { cantTell, fail, inapplicable, pass, type FormatCheck } from './model.ts';
import { judgeOrigin } from './mutants/judge-origin.ts';
import { goodOrigin } from './mutants/origin.ts';
import { NO_JUDGES } from './oracle/judges.ts';
import { readXml } from './oracle/xml.ts';
import { CHECKS } from './registry.ts';
import { junitXml } from './report/junit.ts';
import { markdownSummary } from './report/markdown.ts';
import { traceReader } from './capture/store.ts';

describe('rollUp', () => {
  it.each([
    ['nothing examined', [], false, 'inapplicable'],
    ['only inapplicable', [inapplicable('a', 'x')], false, 'inapplicable'],
    ['one pass', [pass('a'), inapplicable('b', 'x')], false, 'pass'],
    ['a fail among passes', [pass('a'), fail('b', 'x')], false, 'fail'],
    ['a fail of a SHOULD', [fail('b', 'x')], true, 'warn'],
    ['no verdict among passes', [pass('a'), cantTell('b', 'x')], false, 'cantTell'],
    ['a fail is worse than no verdict', [cantTell('a', 'x'), fail('b', 'x')], false, 'fail'],
  ] as const)('%s', (_, findings, lenient, outcome) => {
    expect(rollUp(findings, lenient)).toBe(outcome);
  });
});

const http = CHECKS.filter(({ id }) => id.startsWith('http/'));

describe('a judgement', () => {
  let good: Verdicts;
  let bad: Verdicts;
  beforeAll(async () => {
    good = await judgeOrigin(goodOrigin(), http, NO_JUDGES);
    const origin = goodOrigin();
    origin.resources.delete('QualityLevels(120000)/Fragments(video=0,format=mpd-time-csf)');
    bad = await judgeOrigin(origin, http, NO_JUDGES);
  });

  it('is the same every time', async () => {
    const again = await judgeOrigin(goodOrigin(), http, NO_JUDGES);
    expect(JSON.stringify(again.report)).toBe(JSON.stringify(good.report));
  });

  it('has the form of the schema, and a footer that counts', () => {
    const parsed = reportSchema.parse(bad.report);
    expect(parsed.footer.results).toBe(parsed.results.length);
    expect(JSON.stringify(bad.report)).not.toMatch(/127\.0\.0\.1/);
    runSchema.parse(runOf(bad));
  });

  it('fails the requirement of a failing check', () => {
    expect(bad.report.requirements['DASH-027']).toBe('fail');
    expect(good.report.requirements['DASH-027']).toBe('pass');
    expect(good.report.requirements['MSS-020']).toBe('untested');
  });

  it('tells path, values and evidence of a failure', () => {
    const detail = bad.details.find(({ result }) => result === 'http/delivered specimen/dash-csf');
    expect(detail).toMatchObject({ outcome: 'fail', path: 'segment/video@120000/t=0', wanted: '200 with a body', actual: '404, 7 bytes' });
    expect(detail?.evidence[0]).toMatchObject({ kind: 'segment', ref: '/specimen/specimen.ism/QualityLevels(120000)/Fragments(video=0,format=mpd-time-csf)' });
  });

  it('writes JUnit that is well-formed and counts failures, and a summary that names them', () => {
    const xml = readXml(junitXml(bad.report, runOf(bad)));
    expect('root' in xml && xml.root.attributes['failures']).toBe('1');
    expect(markdownSummary(bad.report, runOf(bad))).toContain('`http/delivered specimen/dash-csf`');
  });

  it('gives no verdict when a check throws, and says so', async () => {
    const broken: FormatCheck = { id: 'a/b', title: 'x', requirements: ['HLS-003'], level: 'must', scope: 'format', formats: ['dash-csf'], run: () => { throw new Error('slip'); } };
    const verdicts = await judgeOrigin(goodOrigin(), [broken], NO_JUDGES);
    expect(verdicts.faults).toEqual(['a/b on specimen/dash-csf: slip']);
    expect(verdicts.report.results[0].outcome).toBe('cantTell');
    expect(exitCodeOf(verdicts)).toBe(EXIT_CODES.harness);
  });

  it('never passes without anything to look at', async () => {
    const reader = traceReader({ schema: 'isomer-trace/1', target: { kind: 'origin', profile: 'ams' }, manifests: [{ asset: 'a', format: 'dash-csf', url: 'http://127.0.0.1:1/a' }], exchanges: [] }, () => new Uint8Array());
    const { report } = await judge({ reader, checks: CHECKS, requirements: [], truths: new Map(), judges: NO_JUDGES, expectations: [], suiteVersion: '0', kind: 'trace' });
    expect(report.results.filter(({ outcome }) => outcome === 'pass')).toEqual([]);
  });
});

describe('expectations and exit codes', () => {
  const known: Expectation = { check: 'http/delivered', subject: 'specimen/dash-csf', reason: 'segment 0 is left out on purpose', bug: 'https://example.org/1', owner: 'tests', since: '2026-11-24' };

  it('turns a known failure into an expected one, and a pass or a miss into a stale entry', async () => {
    const origin = goodOrigin();
    origin.resources.delete('QualityLevels(120000)/Fragments(video=0,format=mpd-time-csf)');
    const expected = await judgeOrigin(origin, http, NO_JUDGES, [known]);
    expect(expected.report.staleExpectations).toEqual([]);
    expect(exitCodeOf(expected)).toBe(EXIT_CODES.ok);

    const stale = await judgeOrigin(goodOrigin(), http, NO_JUDGES, [known, { ...known, check: 'http/none' }]);
    expect(stale.report.staleExpectations).toEqual(['http/delivered specimen/dash-csf: no longer fails, delete the entry', 'http/none specimen/dash-csf: matches no result']);
    expect(exitCodeOf(stale)).toBe(EXIT_CODES.stale);
  });

  it.each([
    ['a MUST fails', { outcome: 'fail', level: 'must', expected: false }, false, 1],
    ['a known failure', { outcome: 'fail', level: 'must', expected: true }, false, 0],
    ['a SHOULD warns', { outcome: 'warn', level: 'should', expected: false }, false, 0],
    ['a SHOULD warns, strictly', { outcome: 'warn', level: 'should', expected: false }, true, 1],
    ['no verdict', { outcome: 'cantTell', level: 'must', expected: false }, false, 0],
  ] as const)('%s', (_, change, strict, code) => {
    const result: Result = { id: 'a b/c', check: 'a', requirements: ['X'], subject: { asset: 'b', format: 'all', mode: 'vod', protection: 'clear' }, honesty: 'unknown', messages: [], ...change };
    expect(exitCodeOf({ report: { results: [result], footer: { results: 1 }, staleExpectations: [], requirements: {} }, faults: [] }, { strict })).toBe(code);
  });

  it('says that nothing was judged', () => {
    expect(exitCodeOf({ report: { results: [], footer: { results: 0 }, staleExpectations: [], requirements: {} }, faults: [] })).toBe(EXIT_CODES.target);
  });
});

function runOf({ details, examined, omitted }: Verdicts): Run {
  return { schema: RUN_SCHEMA, startedAt: '', milliseconds: 0, command: [], targets: [], environment: {}, requests: 0, examined, details: [...details], omitted };
}
