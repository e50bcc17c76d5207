/** Exported assets, put together again and decoded by ffmpeg: what a player would see, as hashes and times. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exportAsset } from '../export.ts';

const exec = promisify(execFile);
const MOST_OUTPUT = 64 * 2 ** 20;

export async function run(command: string, ...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await exec(command, args, { maxBuffer: MOST_OUTPUT });
  return stdout + stderr;
}

export const ffmpeg = (...args: readonly string[]): Promise<string> => run('ffmpeg', '-v', 'error', '-nostdin', '-y', '-fflags', '+bitexact', ...args);

export type Unit = { readonly seconds: number; readonly hash: string };

/** Decoded pictures in the order of presentation, each with its time. Edit lists count, but for what they trim at the end. */
export function picturesOf(file: string, ...options: readonly string[]): Promise<readonly Unit[]> {
  return hashesOf(file, [...options], ['-map', '0:v:0', '-fps_mode', 'passthrough', '-pix_fmt', 'yuv420p']);
}

/** Coded audio frames as stored, each with its time. */
export async function framesOf(file: string, ...options: readonly string[]): Promise<readonly Unit[]> {
  const isAdts = file.endsWith('.ts') && (await codecOf(file)) === 'aac';
  return hashesOf(file, [...options], ['-map', '0:a:0', '-c', 'copy', ...(isAdts ? ['-bsf:a', 'aac_adtstoasc'] : [])]);
}

/** A hash over all decoded samples; edit lists do not count. */
export async function soundOf(file: string): Promise<string> {
  const { stdout, stderr } = await exec('ffmpeg', ['-v', 'warning', '-nostdin', ...(file.endsWith('.ts') ? [] : ['-ignore_editlist', '1']), '-i', file, '-map', '0:a:0', '-c:a', 'pcm_s32le', '-f', 'hash', '-hash', 'md5', '-']);
  expectQuiet(file, stderr);
  return stdout.trim();
}

async function codecOf(file: string): Promise<string> {
  return (await exec('ffprobe', ['-v', 'error', '-select_streams', 'a:0', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', file])).stdout.split('\n')[0].trim();
}

async function hashesOf(file: string, input: readonly string[], output: readonly string[]): Promise<readonly Unit[]> {
  // Whatever ffmpeg says of a stream that we made is a fault.
  const { stdout, stderr } = await exec('ffmpeg', ['-v', 'warning', '-nostdin', '-copyts', ...input, '-i', file, ...output, '-copytb', '1', '-f', 'framehash', '-hash', 'md5', '-'], { maxBuffer: MOST_OUTPUT });
  expectQuiet(file, stderr);
  const [numerator, denominator] = (/^#tb 0: (\d+)\/(\d+)/m.exec(stdout) ?? ['', '1', '1']).slice(1).map(Number);
  return stdout
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split(',').map((cell) => cell.trim()))
    .map(([, , pts, , , hash]) => ({ seconds: (Number(pts) * numerator) / denominator, hash }));
}

function expectQuiet(file: string, stderr: string): void {
  const said = stderr.split('\n').filter((line) => line !== '' && !HARMLESS.test(line));
  if (said.length > 0) throw new Error(`ffmpeg says of ${file.split('/').at(-1)}: ${said.slice(0, 5).join(' | ')}`);
}

const HARMLESS = /Encoder did not produce proper pts|deprecated pixel format|Guessed Channel Layout/;

export type Exported = { readonly id: string; readonly video: readonly string[]; readonly audio: readonly string[]; readonly muxed: boolean };

const FORMATS: readonly { readonly id: string; readonly init: string | null; readonly suffix: string }[] = [
  { id: 'hls-v3', init: null, suffix: 'ts' },
  { id: 'hls-v4', init: null, suffix: 'ts' },
  { id: 'hls-cmaf', init: 'hls-cmaf', suffix: 'mp4' },
  { id: 'dash-csf', init: 'dash-csf', suffix: 'mp4' },
  { id: 'dash-cmaf', init: 'dash-cmaf', suffix: 'mp4' },
  // A Smooth client makes the movie box itself; that of CSF describes the same samples.
  { id: 'smooth', init: 'dash-csf', suffix: 'mp4' },
];

/** Exports an asset in all six formats; one file per track, all of its segments in order. */
export async function exportAll(root: string, asset: string, target: string, segmentSeconds: number, ids: readonly string[] = FORMATS.map(({ id }) => id)): Promise<readonly Exported[]> {
  const formats = FORMATS.filter(({ id }) => ids.includes(id));
  const out: string[] = [];
  for (const { id } of formats) {
    const deps = { out: (text: string) => void out.push(text), err: () => undefined, environment: {}, now: Date.now, stopped: () => new Promise<string>(() => undefined), interactive: false };
    await exportAsset({ root, asset, format: id, folder: join(target, id), segmentSeconds }, deps);
  }
  const exported: Exported[] = [];
  for (const { id, init, suffix } of formats) {
    const [name] = await readdir(join(target, id));
    const tracks = await tracksOf(join(target, id, name));
    const files: { readonly kind: string; readonly path: string }[] = [];
    for (const [i, track] of tracks.entries()) {
      const inits = init === null ? [] : [await readFile(await initOf(join(target, init, name), track))];
      const path = join(target, `${id}-${i}.${suffix}`);
      await writeFile(path, Buffer.concat([...inits, ...(await Promise.all(track.segments.map((file) => readFile(file))))]));
      files.push({ kind: track.kind, path });
    }
    exported.push({ id, video: pathsOf(files, 'video'), audio: pathsOf(files, 'audio'), muxed: id === 'hls-v3' });
  }
  return exported;
}

function pathsOf(files: readonly { readonly kind: string; readonly path: string }[], kind: string): readonly string[] {
  return files.filter((file) => file.kind === kind).map(({ path }) => path);
}

type ExportedTrack = { readonly quality: string; readonly name: string; readonly kind: 'video' | 'audio'; readonly segments: readonly string[] };

/** Qualities by falling bitrate. */
async function tracksOf(base: string): Promise<readonly ExportedTrack[]> {
  const tracks: ExportedTrack[] = [];
  const qualities = (await readdir(base)).filter((entry) => entry.startsWith('QualityLevels'));
  for (const quality of qualities.toSorted((a, b) => numberIn(b) - numberIn(a))) {
    const files = await readdir(join(base, quality));
    const names = new Set(files.flatMap((file) => /^Fragments\((.+?)=/.exec(file)?.[1] ?? []));
    for (const name of names) {
      const own = files.filter((file) => file.startsWith(`Fragments(${name}=`) && !file.startsWith(`Fragments(${name}=i`));
      const segments = own.toSorted((a, b) => timeIn(a) - timeIn(b)).map((file) => join(base, quality, file));
      tracks.push({ quality, name, kind: name.startsWith('video') ? 'video' : 'audio', segments });
    }
  }
  return tracks;
}

async function initOf(base: string, { quality, name }: ExportedTrack): Promise<string> {
  const file = (await readdir(join(base, quality))).find((entry) => entry.startsWith(`Fragments(${name}=i`));
  if (file === undefined) throw new Error(`no initialization segment of ${name}`);
  return join(base, quality, file);
}

function timeIn(file: string): number {
  return numberIn(file.slice(file.indexOf('=')));
}

function numberIn(text: string): number {
  return Number(/\d+/.exec(text)?.[0] ?? 0);
}

export async function emptyFolder(path: string): Promise<string> {
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  return path;
}
