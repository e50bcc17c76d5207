import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Agent, get } from 'node:http';
import { afterEach, expect, test } from 'vitest';

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url));
const ASSETS = fileURLToPath(new URL('../../corpus/.assets', import.meta.url));
let child: ChildProcess | null = null;
afterEach(() => void child?.kill('SIGKILL'));

type Started = { readonly address: string; readonly exit: Promise<number>; readonly text: () => string; stop(): void };

async function start(...flags: readonly string[]): Promise<Started> {
  const made = spawn(process.execPath, [CLI, 'serve', '--root', ASSETS, '--port', '0', '--metrics', 'true', '--log-level', 'info', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  child = made;
  let out = '';
  let err = '';
  made.stderr.on('data', (chunk) => void (err += String(chunk)));
  const exit = once(made, 'exit').then(([code]) => Number(code));
  const address = new Promise<string>((resolve) => {
    made.stdout.on('data', (chunk) => {
      out += String(chunk);
      const [, found] = /listening on (\S+)\n/.exec(out) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  const first = await Promise.race([address, exit]);
  if (typeof first === 'number') throw new Error(`ended with ${first}: ${err}`);
  return { address: first, exit, text: () => out + err, stop: () => void made.kill('SIGTERM') };
}

/** A connection of its own, which the first process hands to the next worker. */
function status(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent: new Agent({ keepAlive: false }) }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    }).on('error', reject);
  });
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let waited = 0; !(await condition()); waited += 20) {
    if (waited > 20_000) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('two workers share a port, count together, are replaced when they die, and stop together', async () => {
  const { address, exit, text, stop } = await start('--workers', '2');
  const manifest = `${address}/fps25/fps25.ism/manifest(format=m3u8-cmaf)`;
  for (let i = 0; i < 20; i++) expect(await status(manifest)).toBe(200);
  const figures = await (await fetch(`${address}/metrics`)).text();
  expect(figures).toContain('isomer_requests_total{method="GET",status="200"} 20\n');

  const workers = (): ReadonlySet<string> => new Set([...text().matchAll(/"id":"([^-]+)-/g)].map(([, id]) => id));
  await until(() => workers().size === 2, 'both workers in the log');

  const [victim] = workers();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  process.kill(Number.parseInt(victim, 36), 'SIGKILL');
  await until(() => text().includes('a worker ended'), 'the loss to be noticed');
  await until(async () => (await status(manifest)) === 200 && workers().size === 3, 'a third worker that answers');
  stop();
  expect(await exit).toBe(0);
  expect(text().match(/"message":"stopping"/g)?.length).toBe(2);
});

test('workers that cannot start end the command with their error', async () => {
  const { address, stop, exit } = await start();
  await expect(start('--workers', '2', '--port', new URL(address).port)).rejects.toThrow(/ended with 1: .*the port is in use/s);
  stop();
  child = null;
  expect(await exit).toBe(0);
});
