/**
 * `npm run report`: judges every corpus asset in every output and renews the pages of reports/. They hold outcomes and no
 * measured values; the whole report, with its evidence, is reports/.run/report.html.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'reports/.run');

// What an earlier run left is not to be taken for this one's.
for (const made of ['compatibility.md', 'compat.json']) rmSync(join(OUT, made), { force: true });

for (const args of [['corpus/make.ts'], ['conformance/cli.ts', 'run', '--root', join(ROOT, 'corpus/.assets'), '--out', OUT, ...process.argv.slice(2)]]) {
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0 && args[0].startsWith('corpus')) process.exit(status ?? 1);
  process.exitCode = status ?? 1;
}
mkdirSync(join(ROOT, 'reports'), { recursive: true });
for (const [made, page] of [['outcomes.md', 'conformance.md'], ['coverage.md', 'coverage.md']] as const) copyFileSync(join(OUT, made), join(ROOT, 'reports', page));
// Without browsers there are none, and what another machine has found stays.
for (const [made, page] of [['compatibility.md', 'README.md'], ['compat.json', 'compat.json']] as const) if (existsSync(join(OUT, made))) copyFileSync(join(OUT, made), join(ROOT, 'reports', page));
