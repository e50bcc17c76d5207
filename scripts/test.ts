/** `npm test`: types, lint, then every test; ends with one bare line that counts them all. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addCounts, countLine, COUNTS_FILE, readCounts, type Counts } from './counts.ts';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules/.bin');
const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

function step(title: string, command: string, args: readonly string[], environment: Record<string, string> = {}): boolean {
  const started = performance.now();
  console.log(`\n== ${title}`);
  const { status } = spawnSync(join(BIN, command), args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...environment } });
  console.log(`== ${title}: ${status === 0 ? 'ok' : 'FAILED'} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return status === 0;
}

const asOne = (ok: boolean): Counts => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });

const folder = mkdtempSync(join(tmpdir(), 'isomer-test-'));
const file = join(folder, 'counts.json');
let counts = NOTHING;
counts = addCounts(counts, asOne(step('types', 'tsc', ['--noEmit'])));
counts = addCounts(counts, asOne(step('lint', 'oxlint', ['--type-aware', '--deny-warnings'])));
const ok = step('tests', 'vitest', ['run', ...process.argv.slice(2)], { [COUNTS_FILE]: file });
const tested = readCounts(readCountsFile(file));
// A runner that ends badly without counting a failure (it crashed, say) is a failure all the same.
counts = addCounts(counts, tested === null ? asOne(false) : { ...tested, failed: tested.failed === 0 && !ok ? 1 : tested.failed });
rmSync(folder, { recursive: true });
console.log(`\n${countLine(counts)}`);
process.exitCode = counts.failed > 0 ? 1 : 0;

function readCountsFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
