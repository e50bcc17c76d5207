import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../corpus/.assets', import.meta.url));

/** An origin that writes its number down and answers nothing. */
const mute = (told: string): string => `import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
const server = createServer(() => undefined).listen(0, '127.0.0.1', () => {
  writeFileSync(${JSON.stringify(told)}, String(process.pid));
  console.log('listening on http://127.0.0.1:' + server.address().port);
});`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-interrupt-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.each([['run', 'SIGTERM', 143], ['replay', 'SIGINT', 130]] as const)('%s that gets %s ends with %i, and the origin that it has started ends with it', { timeout: 90_000 }, async (command, signal, code) => {
  const [told, entry] = [join(folder, `${command}.pid`), join(folder, `${command}.mjs`)];
  await writeFile(entry, mute(told));
  const suite = spawn(process.execPath, [CLI, command, '--root', ROOT, '--assets', 'h264-profiles', '--serve', entry, '--out', join(folder, command)], { stdio: 'ignore' });
  const ended = new Promise<number | null>((resolve) => {
    suite.once('exit', resolve);
  });
  const origin = async (): Promise<number> => readFile(told, 'utf8').then(Number, () => 0);
  await expect.poll(origin, { timeout: 60_000, interval: 100 }).toBeGreaterThan(0);
  const pid = await origin();
  expect(isAlive(pid)).toBe(true);
  suite.kill(signal);
  expect(await ended).toBe(code);
  await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
});
