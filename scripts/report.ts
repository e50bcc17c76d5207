/** `npm run report`: judges every corpus asset in every output and renews reports/conformance.md. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'reports/.run');

for (const args of [['corpus/make.ts'], ['conformance/cli.ts', 'run', '--root', join(ROOT, 'corpus/.assets'), '--out', OUT, ...process.argv.slice(2)]]) {
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0 && args[0].startsWith('corpus')) process.exit(status ?? 1);
  process.exitCode = status ?? 1;
}
mkdirSync(join(ROOT, 'reports'), { recursive: true });
copyFileSync(join(OUT, 'summary.md'), join(ROOT, 'reports/conformance.md'));
