import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { addCounts, countLine, readCounts } from './counts.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
// Inside the repository, so that the fixtures find vitest.
const folder = mkdtempSync(join(ROOT, 'node_modules', '.reporter-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FIXTURES: Readonly<Record<string, string>> = {
  'counted.test.ts': `
    import { expect, test } from 'vitest';
    test('one', () => {});
    test('two', () => {});
    test('wrong', () => expect(1).toBe(2));
    test('absent', (context) => context.skip('no such tool here'));
    test('absent too', (context) => context.skip('no such tool here'));`,
  'unloadable.test.ts': `throw new Error('this file does not load');`,
  'hook.test.ts': `
    import { beforeAll, describe, test } from 'vitest';
    describe('group', () => {
      beforeAll(() => { throw new Error('the hook fails'); });
      test('never runs', () => {});
    });`,
  'unhandled.test.ts': `
    import { test } from 'vitest';
    test('leaves a rejection behind', async () => {
      void Promise.reject(new Error('nobody waits for this'));
      await new Promise((done) => setTimeout(done, 20));
    });`,
};

function run(env: Readonly<Record<string, string>>): { status: number | null; stdout: string } {
  for (const [name, text] of Object.entries(FIXTURES)) writeFileSync(join(folder, name), text);
  writeFileSync(
    join(folder, 'vitest.config.ts'),
    `import { CountReporter } from ${JSON.stringify(pathToFileURL(join(ROOT, 'scripts/reporter.ts')).href)};
     export default { test: { root: ${JSON.stringify(folder)}, reporters: [new CountReporter()], include: ['*.test.ts'], exclude: [] } };`,
  );
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder, '--config', join(folder, 'vitest.config.ts')],
    { encoding: 'utf8', env: { ...process.env, ISOMER_TEST_COUNTS: '', ...env } },
  );
  return { status, stdout };
}

test('the last line counts tests, files that do not load, failing hooks and unhandled errors', () => {
  const { status, stdout } = run({});
  expect(status).not.toBe(0);
  const lines = stdout.trimEnd().split('\n');
  // wrong + unloadable + hook + unhandled rejection; the test behind the failing hook counts as skipped.
  expect(lines.at(-1)).toBe('3 passed, 4 failed, 3 skipped');
  expect(lines).toContain('skipped: counted.test.ts > absent and 1 more: no such tool here');
}, 60_000);

test('a counts line leaves out skipped tests when there are none', () => {
  expect(countLine({ passed: 2, failed: 0, skipped: 0 })).toBe('2 passed, 0 failed');
  expect(countLine(addCounts({ passed: 2, failed: 0, skipped: 1 }, { passed: 0, failed: 1, skipped: 0 }))).toBe('2 passed, 1 failed, 1 skipped');
});

test.each(['', '{', 'null', '[]', '{"passed":1,"failed":0}', '{"passed":1,"failed":-1,"skipped":0}', '{"passed":1.5,"failed":0,"skipped":0}', '{"passed":"1","failed":0,"skipped":0}'])(
  'counts are refused from %j',
  (text) => expect(readCounts(text)).toBeNull(),
);

test('counts survive a round trip', () => {
  const counts = { passed: 3, failed: 1, skipped: 2 };
  expect(readCounts(JSON.stringify(counts))).toEqual(counts);
});
