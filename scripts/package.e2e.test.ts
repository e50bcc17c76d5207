/** The package as it is installed: packed, unpacked beside the dependencies that it declares and no others, its commands called by their links. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const NAME = 'isomer-packager';
type Manifest = { readonly bin: Readonly<Record<string, string>>; readonly dependencies: Readonly<Record<string, string>> };
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'isomer-package-'));
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', home], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n').at(-1) ?? '';
  execFileSync('tar', ['-xzf', join(home, packed), '-C', home]);
  const modules = join(home, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  cpSync(join(home, 'package'), join(modules, NAME), { recursive: true });
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  for (const [name, path] of Object.entries(manifest.bin)) symlinkSync(join('..', NAME, path), join(modules, '.bin', name));
  const asset = join(ROOT, 'corpus/.assets/single-mp4');
  cpSync(asset, join(home, 'assets/film'), { recursive: true });
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function call(command: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(home, 'node_modules/.bin', command), ...args], { cwd: home, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

test('isomer shows and exports what it would serve', () => {
  expect(call('isomer', 'urls', '--root', 'assets')).toMatchObject({ status: 0, output: expect.stringContaining('manifest(format=mpd-time-cmaf)') as string });
  expect(call('isomer', 'export', '--root', 'assets', 'film', 'hls-cmaf', 'exported').status).toBe(0);
  expect(readdirSync(join(home, 'exported')).length).toBeGreaterThan(0);
});

test('isomer-conformance judges it, and says so', () => {
  const { status, output } = call('isomer-conformance', 'run', '--root', 'assets', '--no-players', '--out', 'result');
  expect(output).toMatch(/must: \d+ pass/);
  expect(status).toBe(0);
  expect(existsSync(join(home, 'result/report.html'))).toBe(true);
});

test('a wrong call of either ends with an error', () => {
  for (const command of Object.keys(manifest.bin)) expect([command, call(command, 'no-such-command').status]).not.toEqual([command, 0]);
});
