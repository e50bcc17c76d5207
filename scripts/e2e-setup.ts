/** vitest's global set-up of the end-to-end tests: the corpus that they read is built, or found to be fresh, first. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAKE = fileURLToPath(new URL('../corpus/make.ts', import.meta.url));

export function setup(): void {
  if (!existsSync(MAKE)) {
    console.log('end-to-end set-up: corpus/make.ts is not there, so no asset was built; tests that need one will fail');
    return;
  }
  const made = spawnSync(process.execPath, [MAKE], { stdio: 'inherit' });
  if (made.error !== undefined) throw made.error;
  if (made.status !== 0) throw new Error(`corpus/make.ts ended with ${made.status ?? made.signal}`);
}
