import { describe, expect, it } from 'vitest';
import { OUTCOMES, REPORT_SCHEMA, type Outcome, type Report, type Result } from '../../spec/report.ts';
import { diffMarkdown, diffReports, diffText } from './diff.ts';

const none = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Report['totals']['must'];

function report(outcomes: Readonly<Record<string, Outcome | 'known'>>, change: Partial<Report> = {}): Report {
  const results = Object.entries(outcomes).map(([check, outcome]): Result => ({
    id: `${check} a/smooth`,
    check,
    requirements: ['MSS-001'],
    subject: { asset: 'a', format: 'smooth', mode: 'vod', protection: 'clear' },
    honesty: 'encoded',
    level: 'must',
    outcome: outcome === 'known' ? 'fail' : outcome,
    expected: outcome === 'known',
    messages: outcome === 'fail' ? ['a | b'] : [],
  }));
  return { schema: REPORT_SCHEMA, suite: { version: '1', registryHash: 'x' }, target: { kind: 'trace', profile: 'ams' }, judges: { java: true }, totals: { must: none, should: none }, requirements: {}, results, staleExpectations: [], footer: { results: results.length }, ...change };
}

describe('a difference', () => {
  it.each<[string, Outcome | 'known' | null, Outcome | 'known' | null, string]>([
    ['still passes', 'pass', 'pass', 'unchanged'],
    ['still fails', 'fail', 'fail', 'unchanged'],
    ['still known', 'known', 'known', 'unchanged'],
    ['passed, fails', 'pass', 'fail', 'failing'],
    ['had no verdict, fails', 'cantTell', 'fail', 'failing'],
    ['was not there, fails', null, 'fail', 'failing'],
    ['was known, and is not expected any more', 'known', 'fail', 'failing'],
    ['failed, passes', 'fail', 'pass', 'mended'],
    ['known failure that passes', 'known', 'pass', 'mended'],
    ['failed, warns', 'fail', 'warn', 'mended'],
    ['failed, got no verdict', 'fail', 'cantTell', 'changed'],
    ['passed, got no verdict', 'pass', 'cantTell', 'changed'],
    ['passed, fails as known', 'pass', 'known', 'changed'],
    ['was not there, passes', null, 'pass', 'added'],
    ['was not there, fails as known', null, 'known', 'added'],
    ['is gone', 'pass', null, 'gone'],
  ])('%s', (_, before, after, into) => {
    const found = diffReports(report({ other: 'pass', ...(before === null ? {} : { one: before }) }), report({ other: 'pass', ...(after === null ? {} : { one: after }) }));
    const counts = { failing: found.failing.length, mended: found.mended.length, changed: found.changed.length, added: found.added.length, gone: found.gone.length, unchanged: found.unchanged - 1 };
    expect(counts).toEqual({ failing: 0, mended: 0, changed: 0, added: 0, gone: 0, unchanged: 0, [into]: 1 });
  });

  it('tells a new check from a new subject, and what makes the two hard to compare', () => {
    const found = diffReports(report({ one: 'pass' }), report({ one: 'pass', two: 'fail' }, { suite: { version: '2', registryHash: 'y' }, judges: { java: false }, target: { kind: 'trace', profile: 'generic' } }));
    expect(found.failing).toMatchObject([{ id: 'two a/smooth', checkIsNew: true }]);
    expect(found.caveats).toHaveLength(3);
    expect(diffText(found)).toContain('two a/smooth: fail (a new check); a | b');
  });

  it('is readable as text and as Markdown', () => {
    const found = diffReports(report({ one: 'pass', two: 'fail', three: 'pass' }), report({ one: 'fail', two: 'pass' }));
    expect(diffText(found)).toBe('Newly failing: 1\n  one a/smooth: pass → fail; a | b\nMended: 1\n  two a/smooth: fail → pass\nGone: 1\n  three a/smooth: was pass\nUnchanged: 0\n');
    expect(diffMarkdown(found)).toContain('| `one a/smooth` | MSS-001 | pass → fail | a \\| b |');
    expect(diffMarkdown(found)).toContain('1 newly failing, 1 mended, 0 changed otherwise, 0 new, 1 gone, 0 unchanged.');
  });
});
