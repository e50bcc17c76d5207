import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';

const opened: string[] = [];
afterEach(() => opened.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A repository of three files, and a PATH that holds nothing but the commands named. */
function machine(...commands: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), 'isomer-setup-'));
  opened.push(root);
  const bin = join(root, 'bin');
  const log = join(root, 'log');
  const install = (command: string, script = 'exit 0'): void =>
    writeFileSync(join(bin, command), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`, { mode: 0o755 });
  mkdirSync(bin);
  mkdirSync(join(root, 'scripts'));
  copyFileSync(join(import.meta.dirname, 'setup.mjs'), join(root, 'scripts/setup.mjs'));
  writeFileSync(join(root, 'package-lock.json'), '{}');
  // As npm does: what is optional and cannot be built is left out.
  install('npm', `echo "npm $*" >> ${log}; cd ${root}; rm -rf node_modules; mkdir -p node_modules/node/bin
    touch node_modules/node/bin/node node_modules/.package-lock.json
    if [ -e ${bin}/javac ]; then mkdir node_modules/xsd-schema-validator; fi`);
  install('sudo', 'shift; exec "$@"');
  for (const command of commands) install(command);
  const run = (...args: readonly string[]) => {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/setup.mjs'), ...args], { encoding: 'utf8', env: { PATH: bin } });
    return { status, stderr };
  };
  return { root, bin, log, install, run, lines: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []) };
}

const NPM_CI = 'npm ci --no-audit --no-fund --loglevel=error';
const ALL = ['ffmpeg', 'ffprobe', 'java', 'javac', 'chromium', 'cvlc', 'firefox-esr', 'gst-launch-1.0', 'gst-inspect-1.0'];

test('what is missing is named with the command that installs it, and nothing else happens', () => {
  const { run, lines } = machine('ffmpeg');
  const { status, stderr } = run('start');
  expect(status).toBe(1);
  expect(stderr).toContain('Isomer needs ffmpeg');
  expect(stderr).toContain('sudo apt-get install -y -qq --no-install-recommends ffmpeg');
  expect(lines()).toEqual([]);
});

test('with --yes system packages come first, then npm packages', () => {
  const { run, lines, install, bin, log } = machine('java', 'chromium', 'cvlc', 'firefox-esr', 'gst-launch-1.0', 'gst-inspect-1.0', 'ffmpeg', 'ffprobe');
  install('apt-get', `echo "apt-get $* $DEBIAN_FRONTEND" >> ${log}; [ "$1" = install ] && cp ${bin}/java ${bin}/javac; exit 0`);
  expect(run('test', '--yes')).toMatchObject({ status: 0 });
  expect(lines()).toEqual([
    'apt-get update -qq noninteractive',
    'apt-get install -y -qq --no-install-recommends default-jdk-headless noninteractive',
    NPM_CI,
  ]);
});

test('an installation that leaves something missing is an error', () => {
  const { run, lines, install } = machine('ffmpeg');
  install('apt-get');
  const { status, stderr } = run('start', '--yes');
  expect(status).toBe(1);
  expect(stderr).toContain('still not found: ffmpeg');
  expect(lines()).toEqual([]);
});

test('npm ci runs once for each lock file', () => {
  const { root, run, lines } = machine(...ALL);
  expect(run('test').status).toBe(0);
  expect(run('start').status).toBe(0);
  expect(lines()).toEqual([NPM_CI]);
  appendFileSync(join(root, 'package-lock.json'), '\n');
  expect(run('start').status).toBe(0);
  expect(lines()).toEqual([NPM_CI, NPM_CI]);
});

test('npm ci runs again when the JDK came after it', () => {
  const { run, lines, install } = machine(...ALL.filter((command) => !command.startsWith('java')));
  expect(run('start').status).toBe(0);
  install('java');
  install('javac');
  expect(run('test').status).toBe(0);
  expect(run('test').status).toBe(0);
  expect(lines()).toEqual([NPM_CI, NPM_CI]);
});

test('packages that were installed by hand after the lock file was written are kept, older ones are not', () => {
  const { root, run, lines } = machine('ffmpeg', 'ffprobe');
  mkdirSync(join(root, 'node_modules/node/bin'), { recursive: true });
  writeFileSync(join(root, 'node_modules/node/bin/node'), '');
  const installed = join(root, 'node_modules/.package-lock.json');
  writeFileSync(installed, '{}');
  expect(run('start').status).toBe(0);
  expect(lines()).toEqual([]);
  rmSync(join(root, 'node_modules/.isomer-lock'));
  utimesSync(installed, 1, 1);
  expect(run('start').status).toBe(0);
  expect(lines()).toEqual([NPM_CI]);
});

test('a failing npm ci stops the set-up and leaves no stamp', () => {
  const { root, run, install } = machine('ffmpeg', 'ffprobe');
  install('npm', 'exit 1');
  expect(run('start').status).toBe(1);
  expect(existsSync(join(root, 'node_modules/.isomer-lock'))).toBe(false);
});

test('install scripts that did not run are named', () => {
  const { run, install } = machine('ffmpeg', 'ffprobe');
  install('npm');
  const { status, stderr } = run('start');
  expect(status).toBe(1);
  expect(stderr).toContain('npm rebuild node');
});

test.each([['everything'], ['start', '--force']])('%s is a usage error', (...args) => {
  const { run, lines } = machine(...ALL);
  expect(run(...args).status).toBe(2);
  expect(lines()).toEqual([]);
});
