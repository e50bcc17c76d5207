/** compat.json and the page that visitors read: what they say, and that the committed ones belong together. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compatSchema } from '../../spec/compat.ts';
import type { ReplayRow } from '../../spec/replay.ts';
import { compatMarkdown, compatOf } from './compat.ts';
import { specimenReplays } from './testing.ts';

const COMMITTED = new URL('../../reports/compat.json', import.meta.url);
const PAGE = new URL('../../reports/README.md', import.meta.url);

const { section } = specimenReplays();
const row = (outcome: ReplayRow['outcome'], asset: string, codecs: string[], more: Partial<ReplayRow> = {}): ReplayRow => ({ id: `sequential ${asset}/dash-cmaf shaka chromium`, template: 'sequential', asset, format: 'dash-cmaf', player: 'shaka', browser: 'chromium', codecs, outcome, messages: outcome === 'pass' ? [] : [`why ${asset}`], ...more });
const support = (...rows: readonly ReplayRow[]) => Object.fromEntries(Object.entries(compatOf({ ...section, rows: [...rows] }).features['dash-cmaf']).map(([id, { support: own }]) => [id, own['shaka@chromium'].support]));

describe('support', () => {
  test('is told for each codec; what one codec rules out takes nothing from the others', () => {
    expect(support(row('pass', 'a', ['avc1', 'mp4a']), row('inapplicable', 'b', ['hvc1', 'mp4a']))).toEqual({ sequential: 'supported', 'codec-avc1': 'supported', 'codec-hvc1': 'no', 'codec-mp4a': 'supported' });
    expect(support(row('pass', 'a', ['avc1']), row('fail', 'b', ['avc1']))).toEqual({ sequential: 'partial', 'codec-avc1': 'partial' });
    expect(support(row('cantTell', 'a', ['avc1']))).toEqual({ sequential: 'unknown', 'codec-avc1': 'unknown' });
    expect(support(row('cantTell', 'a', ['avc1']), row('inapplicable', 'b', ['avc1']))).toEqual({ sequential: 'unknown', 'codec-avc1': 'unknown' });
  });

  test('does not hang on the order of the replays', () => {
    const page = (rows: ReplayRow[]): string => compatMarkdown(compatOf({ ...section, rows: rows.toSorted((a, b) => (a.id < b.id ? -1 : 1)) }));
    expect(page([...section.rows].toReversed())).toBe(page([...section.rows]));
  });
});

describe('the counts', () => {
  test('have every replay once, under what came of it', () => {
    const other: ReplayRow = { ...row('warn', 'c', []), id: 'another', browser: 'firefox' };
    expect(compatOf({ ...section, rows: [row('pass', 'a', []), row('pass', 'b', []), row('fail', 'c', []), other] }).counts).toEqual({
      'shaka@chromium': { pass: 2, fail: 1, warn: 0, inapplicable: 0, cantTell: 0, untested: 0 },
      'shaka@firefox': { pass: 0, fail: 0, warn: 1, inapplicable: 0, cantTell: 0, untested: 0 },
    });
  });
});

describe('the page', () => {
  test('has a table for each output that was tried, with notes and versions', () => {
    const page = compatMarkdown(compatOf(section));
    expect(page.match(/^## .*$/gm)).toEqual(['## How many', '## DASH CSF', '## Measured with', '## What was done', '## Notes']);
    expect(page).toContain('| what | dash.js in chromium | native in firefox | shaka in chromium |');
    expect(page).toMatch(/\| sequential \| no<sup>1<\/sup> \| no<sup>2<\/sup> \| yes \|/);
    expect(page).toContain('| dash.js in chromium | 5.2.1 | Chrome/1 |');
    expect(page).toContain('specimen: stalls on slow networks (https://example.org/7)');
  });

  // One machine measures; any other can prove that nobody has changed one of the two by hand.
  test.skipIf(!existsSync(COMMITTED))('that is committed is what compat.json says', () => {
    const compat = compatSchema.parse(JSON.parse(readFileSync(COMMITTED, 'utf8')));
    expect(readFileSync(PAGE, 'utf8')).toBe(compatMarkdown(compat));
    for (const own of Object.values(compat.features)) for (const { support: clients } of Object.values(own)) for (const { results, browserVersion } of Object.values(clients)) expect(results.length > 0 && browserVersion !== '').toBe(true);
  });
});
