import { beforeAll, describe, expect, it } from 'vitest';
import { loadRequirements } from '../registry.ts';
import { coveragePage } from './coverage.ts';
import { markdownOutcomes, markdownSummary } from './markdown.ts';
import { breakOrigin, judged, type Judged } from './testing.ts';

let bad: Judged;
beforeAll(async () => {
  bad = await judged(breakOrigin);
});

describe('the coverage page', () => {
  it('has a row for every requirement and check, and the worst outcome per output', () => {
    const rows = coveragePage(bad).split('\n').filter((line) => /^\| [A-Z]+-\d{3} \|/.test(line));
    expect(rows.map((row) => row.split(' ')[1]).toSorted()).toEqual(loadRequirements().flatMap(({ id }) => bad.checks.filter(({ requirements }) => requirements.includes(id)).map(() => id).concat(bad.checks.some(({ requirements }) => requirements.includes(id)) ? [] : [id])).toSorted());
    const row = rows.find((each) => each.includes('DASH-024') && each.includes('`fmp4/named-by-time`'));
    expect(row).toMatch(/\| {2}\| {2}\| ✓ \| ✓ \| ✕ \| ✓ \| {2}\| 1 \|$/);
  });

  it('says what nobody looked at', () => {
    const blind = { ...bad, checks: bad.checks.filter(({ id }) => !id.startsWith('ts/')), report: { ...bad.report, results: bad.report.results.filter(({ check }) => !check.startsWith('mpd/')) } };
    const rows = coveragePage(blind).split('\n');
    expect(rows.find((each) => each.includes('TS-002'))).toMatch(/\| – \| · \| · \| · \| · \| · \| · \| · \| 0 \|$/);
    expect(rows.find((each) => each.includes('`mpd/codecs`'))).toMatch(/\| · \| · \|.*\| 0 \|$/);
  });

  it('has the same columns in every row', () => {
    for (const table of coveragePage(bad).split('\n\n').filter((part) => part.startsWith('|'))) {
      const widths = new Set(table.trim().split('\n').map((line) => line.replaceAll('\\|', '').split('|').length));
      expect(widths.size).toBe(1);
    }
  });
});

describe('the summaries', () => {
  it('give values in one and none in the other, which says once what several results say', () => {
    expect(markdownSummary(bad.report, bad.run)).toContain('wanted `mp4a.40.2`, found `avc1.000000`');
    const outcomes = markdownOutcomes(bad.report);
    expect(outcomes).not.toContain('avc1.000000');
    expect(outcomes).toContain('- `http/delivered` (HLS-075, DASH-027, MSS-028): a listed URL is not delivered. specimen (dash-csf).');
  });

  it('show what is known with its reason', async () => {
    const known = await judged(breakOrigin, [{ check: 'mpd/codecs', subject: '*/dash-csf', reason: 'broken on purpose', bug: 'https://example.org/1', owner: 'tests', since: '2026-11-24' }]);
    expect(markdownSummary(known.report, known.run)).toContain('[known: broken on purpose](https://example.org/1)');
  });
});
