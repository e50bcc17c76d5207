/**
 * Runs an encoding plan with ffmpeg: one process per output, progress with an estimate, and what was finished stays
 * finished, so a run that was broken off goes on where it stopped.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { IsomerError } from '../errors.ts';
import { planEncode, writeServerManifest, type EncodedTrack, type EncodeJob, type EncodePlan } from './plan.ts';
import type { EncodePreset } from './presets.ts';
import { PROBE_ARGUMENTS, readProbe, type SourceFacts } from './probe.ts';

export type EncodeOptions = {
  /** File or http(s) URL. */
  readonly input: string;
  readonly folder: string;
  readonly preset: EncodePreset;
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** Encode again what is finished. */
  readonly force: boolean;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly report: (progress: EncodeProgress) => void;
};

export type EncodeProgress = {
  readonly job: EncodeJob;
  readonly number: number;
  readonly of: number;
  /** 0 to 1, of everything. */
  readonly done: number;
  /** Seconds until the end, once there is something to reckon with. */
  readonly left: number | null;
  readonly skipped: boolean;
};

export type EncodeResult = { readonly manifest: string; readonly tracks: readonly EncodedTrack[]; readonly notes: readonly string[] };

const STATE_FILE = '.isomer-encode.json';
const State = z.strictObject({ version: z.literal(1), finished: z.record(z.string(), z.strictObject({ digest: z.string(), bytes: z.number() })) });
/** Protocols that a source may pull in, e.g. through a playlist inside it. */
const PROTOCOLS = { local: 'file', remote: 'http,https,tcp,tls,crypto' } as const;

export async function encode(options: EncodeOptions): Promise<EncodeResult> {
  const source = await probe(options);
  const baseName = basename(options.input.replace(/[?#].*$/, ''), extname(options.input.replace(/[?#].*$/, ''))) || 'asset';
  const plan = planEncode(source, options.preset, baseName);
  await mkdir(options.folder, { recursive: true });
  await runJobs(options, plan, source.duration);
  const tracks = await Promise.all(plan.jobs.map((job) => measure(options, job)));
  const manifest = `${baseName.replace(/[^\w.-]/g, '_')}.ism`;
  await writeFile(join(options.folder, manifest), writeServerManifest(tracks));
  return { manifest, tracks, notes: plan.notes };
}

function isRemote(input: string): boolean {
  return /^https?:\/\//i.test(input);
}

async function probe({ input, ffprobe, signal }: Pick<EncodeOptions, 'input' | 'ffprobe' | 'signal'>): Promise<SourceFacts> {
  if (!isRemote(input) && (await stat(input).catch(() => null)) === null) throw new IsomerError('ISOMER_ENCODE_INPUT', { where: input, expected: 'a file or an http(s) URL', found: 'nothing there' });
  const result = await run(ffprobe, ['-protocol_whitelist', isRemote(input) ? PROTOCOLS.remote : PROTOCOLS.local, ...PROBE_ARGUMENTS, input], signal);
  if (result.code !== 0) throw new IsomerError('ISOMER_ENCODE_INPUT', { where: input, expected: 'a media file that ffprobe can read', found: lastLine(result.errors) });
  return readProbe(result.output, input);
}

async function runJobs(options: EncodeOptions, plan: EncodePlan, duration: number): Promise<void> {
  const { folder, now, report } = options;
  const finished = options.force ? {} : await readState(folder);
  const identity = await sourceIdentity(options.input);
  const weights = plan.jobs.map(weightOf);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const start = now();
  let before = 0;
  let worked = 0;
  for (const [i, job] of plan.jobs.entries()) {
    const digest = createHash('sha256').update(JSON.stringify([identity, job.arguments])).digest('hex').slice(0, 16);
    const tell = (fraction: number, skipped: boolean): void => {
      const workDone = worked + (skipped ? 0 : fraction * weights[i]);
      const done = (before + fraction * weights[i]) / total;
      const seconds = (now() - start) / 1000;
      report({ job, number: i + 1, of: plan.jobs.length, done, left: workDone > 0 && seconds > 1 ? (seconds / workDone) * total * (1 - done) : null, skipped });
    };
    const existing = await stat(join(folder, job.file)).catch(() => null);
    const skip = existing !== null && finished[job.file]?.digest === digest && finished[job.file].bytes === existing.size;
    if (!skip) {
      await runJob(options, job, (seconds) => tell(duration > 0 ? Math.min(1, seconds / duration) : 0, false));
      finished[job.file] = { digest, bytes: (await stat(join(folder, job.file))).size };
      await writeState(folder, finished);
      worked += weights[i];
    }
    tell(1, skip);
    before += weights[i];
  }
}

/** Rough cost of an output: pictures cost by size, audio next to nothing. */
function weightOf(job: EncodeJob): number {
  const [, width, height] = /scale=(\d+):(\d+)/.exec(job.arguments.join(' ')) ?? [];
  return job.kind === 'audio' ? 30_000 : Number(width) * Number(height) + 50_000;
}

async function sourceIdentity(input: string): Promise<unknown> {
  if (isRemote(input)) return input;
  const { size, mtimeMs } = await stat(input);
  return [basename(input), size, mtimeMs];
}

async function runJob({ ffmpeg, input, folder, signal }: EncodeOptions, job: EncodeJob, seconds: (value: number) => void): Promise<void> {
  const target = join(folder, job.file);
  const part = `${target}.part`;
  const args = ['-hide_banner', '-nostdin', '-v', 'error', '-y', '-progress', 'pipe:1', '-nostats', '-protocol_whitelist', isRemote(input) ? PROTOCOLS.remote : PROTOCOLS.local];
  args.push('-i', input, ...job.arguments, '-map_metadata', '-1', '-map_chapters', '-1', '-movflags', '+faststart', '-f', 'mp4', part);
  const result = await run(ffmpeg, args, signal, (line) => {
    const match = /^out_time_us=(\d+)/.exec(line);
    if (match !== null) seconds(Number(match[1]) / 1e6);
  });
  if (result.code !== 0) {
    await rm(part, { force: true });
    throw new IsomerError('ISOMER_ENCODE_FAILED', { what: job.title, where: job.file, found: signal.aborted ? 'stopped by the user' : lastLine(result.errors) });
  }
  await rename(part, target);
}

/** The measured rate of what was written, and the track that holds it. */
async function measure({ ffprobe, folder, signal }: EncodeOptions, job: EncodeJob): Promise<EncodedTrack> {
  const result = await run(ffprobe, ['-v', 'error', '-of', 'json', '-show_entries', 'stream=id,bit_rate', join(folder, job.file)], signal);
  const parsed = z.looseObject({ streams: z.array(z.looseObject({ id: z.string(), bit_rate: z.string() })).min(1) }).safeParse(JSON.parse(result.output || '{}'));
  if (!parsed.success) throw new IsomerError('ISOMER_ENCODE_FAILED', { where: job.file, expected: 'one stream with a bitrate', found: lastLine(result.errors) });
  const [stream] = parsed.data.streams;
  return { job, bitrate: Number(stream.bit_rate), trackId: Number(stream.id) };
}

async function readState(folder: string): Promise<z.output<typeof State>['finished']> {
  const text = await readFile(join(folder, STATE_FILE), 'utf8').catch(() => null);
  if (text === null) return {};
  try {
    return State.parse(JSON.parse(text)).finished;
  } catch {
    return {};
  }
}

async function writeState(folder: string, finished: z.output<typeof State>['finished']): Promise<void> {
  const path = join(folder, STATE_FILE);
  await writeFile(`${path}.tmp`, `${JSON.stringify({ version: 1, finished }, null, 1)}\n`);
  await rename(`${path}.tmp`, path);
}

type Ran = { readonly code: number; readonly output: string; readonly errors: string };
const KEPT = 1024 * 1024;

function run(command: string, args: readonly string[], signal: AbortSignal, line?: (text: string) => void): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGINT' });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (line !== undefined) text.split('\n').forEach(line);
      else if (output.length < KEPT) output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4096)));
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.name === 'AbortError') resolve({ code: 255, output, errors: 'stopped' });
      else reject(new IsomerError('ISOMER_ENCODE_TOOL', { what: command, expected: 'ffmpeg and ffprobe on the PATH (Debian: apt-get install ffmpeg)', found: error.code ?? error.message }));
    });
    child.on('close', (code) => resolve({ code: code ?? 255, output, errors }));
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
