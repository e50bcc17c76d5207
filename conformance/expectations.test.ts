import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Outcome, Result } from '../spec/report.ts';
import { expectationOf, expiredEntries, loadExpectations, readExpectations, reviewExpectations, type Expectation } from './expectations.ts';

const known: Expectation = { check: 'a/b', subject: '*/dash-*', reason: 'not done before the next release', bug: 'https://example.org/1', owner: 'origin', since: '2026-11-01' };

function result(asset: string, format: Result['subject']['format'], outcome: Outcome, check = 'a/b'): Result {
  return { id: `${check} ${asset}/${format}`, check, requirements: ['DASH-001'], subject: { asset, format, mode: 'vod', protection: 'clear' }, honesty: 'unknown', level: 'must', outcome, expected: false, messages: [] };
}

describe('what an entry says about results', () => {
  it.each<[string, Expectation, readonly Result[], string | null]>([
    ['fails everywhere', known, [result('x', 'dash-csf', 'fail'), result('x', 'dash-cmaf', 'fail'), result('x', 'smooth', 'pass')], null],
    ['passes', known, [result('x', 'dash-csf', 'pass')], 'no longer fails, delete the entry'],
    ['passes in part', known, [result('x', 'dash-csf', 'pass'), result('y', 'dash-csf', 'fail')], 'no longer fails in x/dash-csf, narrow the entry'],
    ['does not apply', known, [result('x', 'dash-csf', 'inapplicable')], 'no longer fails, delete the entry'],
    ['has no verdict', known, [result('x', 'dash-csf', 'cantTell')], null],
    ['a SHOULD that does not hold', known, [result('x', 'dash-csf', 'warn')], null],
    ['is not there', known, [result('x', 'smooth', 'fail')], 'matches no result'],
    ['another check', known, [result('x', 'dash-csf', 'fail', 'a/bc')], 'matches no result'],
    ['by requirement', { ...known, check: undefined, requirement: 'DASH-001' }, [result('x', 'dash-csf', 'fail')], null],
    ['no part of a longer name', { ...known, subject: 'x/dash' }, [result('x', 'dash-csf', 'fail')], 'matches no result'],
    ['a dot is a dot', { ...known, subject: './dash-csf' }, [result('x', 'dash-csf', 'fail')], 'matches no result'],
  ])('%s', (_, entry, results, fault) => {
    expect(reviewExpectations(results, [entry])[0].fault).toBe(fault);
  });

  it('lets the last entry win, and sees one that never does', () => {
    const later = { ...known, reason: 'the same with another reason' };
    const failing = result('x', 'dash-csf', 'fail');
    expect(expectationOf(failing, [known, later])).toBe(later);
    expect(reviewExpectations([failing], [known, later]).map(({ fault }) => fault)).toEqual(['later entries cover all that it matches, delete the entry', null]);
  });

  it('ends on its day', () => {
    expect(expiredEntries([known, { ...known, expires: '2026-12-01' }], '2026-11-30')).toEqual([]);
    expect(expiredEntries([known, { ...known, expires: '2026-12-01' }], '2026-12-01')).toEqual(['a/b */dash-*: expired on 2026-12-01']);
  });
});

describe('expectation files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'isomer-expectations-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const written = (content: unknown): string => {
    const file = join(folder, 'known.json');
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };

  it('are read one after the other', () => {
    const file = written([known]);
    expect(loadExpectations([file, file])).toEqual([known, known]);
  });

  it.each([
    ['no JSON', '[', /known\.json/],
    ['no list', {}, /expected array/],
    ['an unknown field', [{ ...known, skip: true }], /skip/],
    ['neither check nor requirement', [{ ...known, check: undefined }], /either a check or a requirement/],
    ['both', [{ ...known, requirement: 'DASH-001' }], /either a check or a requirement/],
    ['a date that is none', [{ ...known, since: 'yesterday' }], /since/],
    ['a short reason', [{ ...known, reason: 'bug' }], /at least 10/],
    ['no address', [{ ...known, bug: 'JIRA' }], /web address/],
    ['an end before the beginning', [{ ...known, expires: '2026-01-01' }], /before it begins/],
    ['places not filled in', [{ ...known, reason: '?', bug: '?' }], /a\/b \*\/dash-\*: reason, bug not filled in/],
  ])('%s is refused', (_, content, message) => {
    expect(() => loadExpectations([written(content)])).toThrow(message);
  });

  it('look like the example that people are shown', () => {
    const [, example] = /```json\n([^]+?)```/.exec(readFileSync(new URL('RUNNING.md', import.meta.url), 'utf8')) ?? [];
    expect(loadExpectations([written(example)])).toMatchObject([{ check: 'hls/codecs' }]);
  });

  it('with open places can be read to be filled in', () => {
    expect(readExpectations(written([{ ...known, reason: '?' }]))).toHaveLength(1);
    expect(() => readExpectations(join(folder, 'none.json'))).toThrow(/no such file/);
  });
});
