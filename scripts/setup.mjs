#!/usr/bin/env node
// Puts in place what `npm start` and `npm test` need. Plain JavaScript on Node's own modules (18 or newer), since it
// runs before anything is installed. System packages are installed only as root, in CI or with --yes; otherwise the
// command is printed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What must be on the PATH (or exist as a file), and the Debian packages that bring it. */
const NEEDS = {
  start: [{ what: 'ffmpeg', commands: ['ffmpeg', 'ffprobe'], packages: ['ffmpeg'] }],
  test: [
    { what: 'ffmpeg', commands: ['ffmpeg', 'ffprobe'], packages: ['ffmpeg'] },
    // Before npm ci: a package compiles a class with javac while it is installed.
    { what: 'a JDK', commands: ['java', 'javac'], packages: ['default-jdk-headless'] },
    { what: 'Chromium', commands: ['chromium'], packages: ['chromium'] },
    { what: 'VLC', commands: ['cvlc'], packages: ['vlc-bin', 'vlc-plugin-base'] },
    { what: 'Firefox', commands: ['firefox-esr'], packages: ['firefox-esr'] },
    {
      what: 'GStreamer',
      commands: ['gst-launch-1.0'],
      elements: ['mssdemux2', 'dashdemux2', 'hlsdemux2', 'avdec_h264', 'avdec_aac', 'uridecodebin3'],
      packages: ['gstreamer1.0-tools', 'gstreamer1.0-plugins-base', 'gstreamer1.0-plugins-good', 'gstreamer1.0-plugins-bad', 'gstreamer1.0-plugins-ugly', 'gstreamer1.0-libav'],
    },
  ],
};

const [mode = 'start', ...flags] = process.argv.slice(2);
if (!(mode in NEEDS) || flags.some((flag) => flag !== '--yes')) {
  console.error('Usage: node scripts/setup.mjs start|test [--yes]');
  process.exit(2);
}

const missing = NEEDS[mode].filter((need) => !isThere(need));
if (missing.length > 0) installSystemPackages(missing);
installNpmPackages();

function isThere({ commands, elements = [] }) {
  return commands.every(onPath) && elements.every((element) => spawnSync('gst-inspect-1.0', ['--exists', element], { stdio: 'ignore' }).status === 0);
}

function onPath(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}

function installSystemPackages(needs) {
  const packages = needs.flatMap((need) => need.packages);
  const isRoot = process.getuid?.() === 0;
  const commands = [['apt-get', 'update', '-qq'], ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages]];
  const mayInstall = (isRoot || process.env.CI === 'true' || flags.includes('--yes')) && onPath('apt-get');
  console.error(`Isomer needs ${needs.map((need) => need.what).join(', ')}, not found on this machine.`);
  if (!mayInstall) {
    console.error(`Please run, and then try again:\n\n  sudo ${commands[0].join(' ')} && sudo ${commands[1].join(' ')}\n`);
    process.exit(1);
  }
  for (const [command, ...args] of commands) {
    const [program, ...rest] = isRoot ? [command, ...args] : ['sudo', '-n', command, ...args];
    console.error(`> ${[program, ...rest].join(' ')}`);
    const { status } = spawnSync(program, rest, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    if (status !== 0) {
      console.error(`${command} ended with ${status}. Please install by hand: ${packages.join(' ')}`);
      process.exit(1);
    }
  }
  const still = needs.filter((need) => !isThere(need));
  if (still.length > 0) {
    console.error(`Installed, but still not found: ${still.map((need) => need.what).join(', ')}.`);
    process.exit(1);
  }
}

/**
 * `npm ci`, once for each lock file; again when the JDK came after it, because the second XSD engine is left out where
 * there is none. What another `npm ci` or `npm install` put in place after the lock file was written is taken as it is.
 */
function installNpmPackages() {
  const lockFile = join(ROOT, 'package-lock.json');
  const modules = join(ROOT, 'node_modules');
  const stamp = join(modules, '.isomer-lock');
  const lock = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  const stamped = existsSync(stamp) ? readFileSync(stamp, 'utf8') : null;
  const engine = () => existsSync(join(modules, 'xsd-schema-validator'));
  const jdk = onPath('javac');
  const wanted = `${lock} ${jdk ? 'jdk' : 'no jdk'}\n`;
  if (stamped === wanted) return;
  const current = stamped === null ? isNewer(join(modules, '.package-lock.json'), lockFile) : stamped.startsWith(lock);
  if (!current || (jdk && !engine())) runNpmCi();
  if (jdk && !engine()) {
    console.error('xsd-schema-validator was not installed although there is a JDK: the second XSD engine will be missing.');
    if (process.env.CI === 'true') process.exit(1);
  }
  if (!existsSync(join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node'))) {
    console.error('The Node 24 of this repository is missing, since install scripts did not run. Please run: npm rebuild node');
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

function isNewer(file, than) {
  return existsSync(file) && statSync(file).mtimeMs >= statSync(than).mtimeMs;
}

function runNpmCi() {
  console.error('> npm ci');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, PUPPETEER_SKIP_DOWNLOAD: '1' } });
  if (status === 0) return;
  console.error('npm ci failed: see above.');
  process.exit(1);
}
