/** Mutants drawn from good traces of the reference packager: nearly all are seen, none breaks the suite, none is a false alarm. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Summary } from './report.ts';

const run = promisify(execFile);
const SEED = 20261124;
const LEAST = 95;
const LIMIT_MS = 900_000;

/** Of protected content a few hundred: where a key or a vector changes, everything is read anew. */
describe.each([
  { title: 'drawn mutants', flags: [], name: 'mutants.json', count: 5000, same: 250 },
  { title: 'drawn mutants of protected content', flags: ['--protected'], name: 'mutants-protected.json', count: 300, same: 5 },
])('$title', ({ flags, name, count, same }) => {
  let out = '';
  let summary: Summary;
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), 'isomer-mutants-'));
    const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'run.ts'), '--count', String(count), ...flags, '--seed', String(SEED), '--out', out], { maxBuffer: 64 * 1024 * 1024 });
    console.log(stdout.trim());
    summary = JSON.parse(await readFile(join(out, name), 'utf8')) as Summary;
  }, LIMIT_MS);
  afterAll(() => rm(out, { recursive: true, force: true }));

  it('are seen, but for a few that are explained', () => {
    expect(summary.count).toBe(count);
    expect(summary.share).toBeGreaterThanOrEqual(LEAST);
    // In every area: a strong one does not hide a weak one.
    const areas = Map.groupBy(summary.rows, ({ area }) => area);
    const shares = [...areas].map(([area, rows]) => {
      const sum = (name: 'killed' | 'warned' | 'survived'): number => rows.reduce((total, { counts }) => total + counts[name], 0);
      const seen = sum('killed') + sum('warned');
      return { area, share: Math.floor((1000 * seen) / (seen + sum('survived'))) / 10 };
    });
    expect(shares.filter(({ share }) => share < LEAST)).toEqual([]);
  });

  it('do not break the suite', () => {
    expect(summary.faults).toEqual([]);
  });

  it('are not seen where they mean the same', () => {
    expect(summary.totals.equivalent).toBeGreaterThan(same);
    expect(summary.falseAlarms).toEqual([]);
  });
});
