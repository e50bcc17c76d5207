/** isomer encode: a mezzanine file becomes an asset. */
import { readFile } from 'node:fs/promises';
import { customPreset } from '../encode/custom.ts';
import { builtInPreset } from '../encode/presets.ts';
import { encode as run, type EncodeProgress } from '../encode/run.ts';
import { IsomerError } from '../errors.ts';
import type { CliDeps, Command } from './deps.ts';

export type EncodeArgs = { readonly input: string; readonly folder: string; readonly preset: string; readonly force: boolean };

export const encode: Command<EncodeArgs> = async ({ input, folder, preset, force }, deps) => {
  const abort = new AbortController();
  void deps.stopped().then(() => abort.abort());
  const chosen = preset.endsWith('.json') ? customPreset(await readPreset(preset), preset) : builtInPreset(preset);
  const result = await run({
    input,
    folder,
    preset: chosen,
    ffmpeg: deps.environment['FFMPEG_PATH'] ?? 'ffmpeg',
    ffprobe: deps.environment['FFPROBE_PATH'] ?? 'ffprobe',
    force,
    signal: abort.signal,
    now: deps.now,
    report: reporter(deps),
  });
  for (const note of result.notes) deps.err(`note: ${note}\n`);
  for (const { job, bitrate } of result.tracks) deps.out(`${job.file}  ${job.title}, measured ${bitrate} bit/s\n`);
  deps.out(`${result.manifest}\n`);
  return 0;
};

async function readPreset(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new IsomerError('ISOMER_ENCODE_PRESET', { where: file, expected: 'a readable file', found: (error as NodeJS.ErrnoException).code ?? 'error' });
  }
}

/** A bar that is written over on a terminal, one line per output elsewhere. */
function reporter({ err, interactive }: CliDeps): (progress: EncodeProgress) => void {
  const width = 24;
  return ({ job, number, of, done, left, skipped }) => {
    const finished = skipped || left === null || left === 0;
    if (interactive) {
      const filled = Math.round(done * width);
      const estimate = left === null ? '' : ` about ${duration(left)} left`;
      err(`\r\x1b[K[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${Math.floor(done * 100)} % ${number} of ${of}: ${job.title}${estimate}${done === 1 ? '\n' : ''}`);
    } else if (skipped) err(`${number} of ${of}: ${job.file} is there already\n`);
    else if (finished && done === 1) err(`${number} of ${of}: ${job.file}\n`);
  };
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
