/** The suite over the whole corpus through the real origin: every MUST holds, without schemas nothing pretends to, and the committed page is fresh. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');

type Totals = Readonly<Record<'must' | 'should', Readonly<Record<string, number>>>>;

function requirementRows(page: string): readonly string[] {
  return page.split('\n').filter((line) => /^\| [A-Z]+-\d{3} \|/.test(line));
}

test('no MUST fails for any asset in any output', async () => {
  const out = await mkdtemp(join(tmpdir(), 'isomer-suite-'));
  try {
    // A non-zero exit code rejects: 1 is a failed MUST, 3 and 4 are faults of target and harness.
    await run(process.execPath, [join(ROOT, 'conformance/cli.ts'), 'run', '--root', join(ROOT, 'corpus/.assets'), '--out', out, '--no-players', '--quiet'], { maxBuffer: 64 * 1024 * 1024 });
    const { totals } = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as { totals: Totals };
    console.log(`conformance: ${JSON.stringify(totals)}`);
    expect(totals.must['fail'] ?? 0).toBe(0);
    expect(totals.must['pass']).toBeGreaterThan(4000);
    const schemas = process.env['ISOMER_SCHEMA_DIR'];
    if (schemas === undefined || schemas === '') expect(totals.must['cantTell']).toBeGreaterThan(0);
    else expect(totals.must['cantTell'] ?? 0).toBe(0);
    const [made, committed] = await Promise.all([join(out, 'coverage.md'), join(ROOT, 'reports/coverage.md')].map((file) => readFile(file, 'utf8')));
    // `npm run report` renews it. A machine without the schemas can only speak for the rest.
    if (made.includes(' ? |')) expect(committed.split('\n')).toEqual(expect.arrayContaining(requirementRows(made).filter((row) => !row.includes(' ? |'))));
    else expect(committed).toBe(made);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}, 400_000);
