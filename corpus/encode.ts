/** Encodes the files of a recipe with ffmpeg: raw pictures by pipe, sound as WAV. */
import { spawn } from 'node:child_process';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AudioRecipe, FileRecipe, VideoRecipe } from '../spec/asset.ts';
import { withCaptions } from './bitstream/cea608.ts';
import { encoder, isWritten, LAYOUTS, writeSound } from './bitstream/write.ts';
import { createPainter, makeWav } from './marker.ts';

export const FFMPEG = process.env['FFMPEG_PATH'] ?? 'ffmpeg';
export const FFPROBE = process.env['FFPROBE_PATH'] ?? 'ffprobe';

/** The same bytes on every run and on every processor: one thread, and x264's code paths pinned. */
const EXACT = ['-map_metadata', '-1', '-fflags', '+bitexact', '-flags:v', '+bitexact', '-flags:a', '+bitexact', '-threads', '1'];

export async function encodeFile(recipe: FileRecipe, folder: string, progress: (share: number) => void): Promise<void> {
  const target = join(folder, recipe.file);
  const written = recipe.audio.find(isWritten);
  if (written !== undefined) {
    if (recipe.audio.length > 1 || recipe.video !== undefined) throw new Error(`${recipe.file}: ${written.codec} is alone in its file`);
    return writeSound(written, target, encoder(FFMPEG, EXACT));
  }
  const wavs = await Promise.all(
    recipe.audio.map(async (audio, i) => {
      const wav = join(folder, `${recipe.file}.${i}.wav`);
      await writeFile(wav, makeWav(audio));
      return wav;
    }),
  );
  const args = ['-v', 'error', '-nostdin', '-y'];
  const { video } = recipe;
  if (video !== undefined) args.push('-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${video.width}x${video.height}`, '-framerate', video.rate.join('/'), '-i', 'pipe:0');
  for (const [i, wav] of wavs.entries()) args.push(...layoutOf(recipe.audio[i].channels), '-i', wav);
  const first = video === undefined ? 0 : 1;
  if (video !== undefined) args.push('-map', '0:v', ...videoArguments(video));
  recipe.audio.forEach((audio, i) => args.push('-map', `${first + i}:a`, `-c:a:${i}`, ENCODERS[audio.codec] ?? '', '-strict', '-2', `-b:a:${i}`, `${audio.kbps}k`, `-metadata:s:a:${i}`, `language=${audio.language}`));
  await run([...args, ...EXACT, ...recipe.output, target], video, progress);
  await Promise.all(wavs.map((wav) => rm(wav)));
  if (video !== undefined && video.captions.length > 0) await writeFile(target, withCaptions(await readFile(target), video.captions, video.rate[0] / video.rate[1], video.extendedData));
  if (recipe.remux !== undefined) {
    const [before, after] = recipe.remux;
    const copy = join(folder, `remux-${recipe.file}`);
    await run(['-v', 'error', '-nostdin', '-y', ...before, '-i', target, '-map', '0', '-c', 'copy', ...EXACT, ...after, copy], undefined, () => undefined);
    await rename(copy, target);
  }
}

const ENCODERS: { readonly [codec in AudioRecipe['codec']]?: string } = { aac: 'aac', eac3: 'eac3', dts: 'dca', ac3: 'ac3' };

function layoutOf(channels: number): readonly string[] {
  const layout = LAYOUTS[channels];
  return layout === undefined ? [] : ['-channel_layout', layout];
}

function videoArguments(video: VideoRecipe): string[] {
  return [...filters(video), ...(video.entry.startsWith('avc') ? avcArguments(video) : hevcArguments(video)), ...rateArguments(video)];
}

/** Ticks of pictures whose durations are told. */
const VARIABLE_TIMESCALE = 90_000;

function filters({ pixel, durations }: VideoRecipe): string[] {
  const chain: string[] = [];
  if (pixel !== undefined) chain.push(`setsar=${pixel.join('/')}`);
  if (durations !== undefined) {
    const whole = durations.reduce((sum, ticks) => sum + ticks, 0);
    const place = durations.slice(0, -1).map((ticks, i) => `+gt(mod(N,${durations.length}),${i})*${ticks}`);
    chain.push(`settb=1/${VARIABLE_TIMESCALE}`, `setpts='floor(N/${durations.length})*${whole}${place.join('')}'`);
  }
  return chain.length === 0 ? [] : ['-vf', chain.join(',')];
}

function rateArguments({ kbps, rate, durations }: VideoRecipe): string[] {
  const timescale = durations !== undefined ? VARIABLE_TIMESCALE : rate[0] < 1000 ? rate[0] * 1000 : rate[0];
  const clock = durations === undefined ? [] : ['-vsync', 'passthrough', '-enc_time_base', `1/${VARIABLE_TIMESCALE}`];
  return ['-b:v', `${kbps}k`, '-maxrate', `${kbps}k`, '-bufsize', `${2 * kbps}k`, ...clock, '-video_track_timescale', String(timescale)];
}

function avcArguments({ gop, openGop, bFrames, profile, interlaced, slices, filled, durations, width }: VideoRecipe): string[] {
  const x264 = ['threads=1', 'lookahead-threads=1', 'asm=SSE2', `keyint=${gop}`, `min-keyint=${gop}`, 'scenecut=0', `open-gop=${openGop ? 1 : 0}`, `bframes=${bFrames}`];
  // As many pictures in front of each key frame in every quality.
  if (openGop) x264.push('b-adapt=0');
  if (durations === undefined) x264.push('force-cfr=1');
  if (interlaced) x264.push('tff=1');
  if (slices > 1) x264.push(`slices=${slices}`);
  if (filled) x264.push('nal-hrd=cbr', 'filler=1', 'aud=1');
  // Only the fastest presets are quick enough for the largest pictures.
  return ['-c:v', 'libx264', '-profile:v', profile, '-preset', width > 1920 ? 'superfast' : 'veryfast', ...(interlaced ? ['-top', '1'] : []), '-x264-params', x264.join(':'), '-pix_fmt', 'yuv420p'];
}

/** H.273: colour primaries and matrix of BT.2020, transfer of ST 2084 or STD-B67. */
const RANGES = {
  SDR: [],
  PQ: ['hdr10=1', 'colorprim=bt2020', 'transfer=smpte2084', 'colormatrix=bt2020nc', 'master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)', 'max-cll=1000,400'],
  HLG: ['colorprim=bt2020', 'transfer=arib-std-b67', 'colormatrix=bt2020nc'],
} as const;

function hevcArguments({ gop, openGop, bFrames, entry, profile, range }: VideoRecipe): string[] {
  const x265 = ['pools=none', 'frame-threads=1', 'info=0', 'log-level=error', `keyint=${gop}`, `min-keyint=${gop}`, 'scenecut=0', `open-gop=${openGop ? 1 : 0}`, ...(openGop ? ['b-adapt=0'] : []), `bframes=${bFrames}`, ...(entry === 'hev1' ? ['repeat-headers=1'] : []), ...RANGES[range]];
  const format = profile === 'main10' ? 'yuv420p10le' : 'yuv420p';
  return ['-c:v', 'libx265', '-profile:v', profile, '-preset', 'ultrafast', '-x265-params', x265.join(':'), '-pix_fmt', format, '-tag:v', entry];
}

/** Runs ffmpeg; with `video`, pipes its pictures in as fast as they are taken. */
function run(args: readonly string[], video: VideoRecipe | undefined, progress: (share: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(FFMPEG, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
    child.once('error', (error: NodeJS.ErrnoException) => reject(new Error(error.code === 'ENOENT' ? `${FFMPEG} is not installed (Debian: apt-get install ffmpeg), or set FFMPEG_PATH` : error.message)));
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`ffmpeg ended with ${code}: ${errors.trim()}`))));
    // A broken pipe shows in ffmpeg's own message.
    child.stdin.on('error', () => undefined);
    if (video === undefined) child.stdin.end();
    else feed(child.stdin, video, progress).catch(reject);
  });
}

async function feed(input: NodeJS.WritableStream, video: VideoRecipe, progress: (share: number) => void): Promise<void> {
  const paint = createPainter(video);
  for (let frame = 0; frame < video.frames; frame++) {
    // The painter reuses its buffer: the next picture waits until this one is written.
    await new Promise<void>((resolve) => input.write(paint(frame), () => resolve()));
    progress((frame + 1) / video.frames);
  }
  input.end();
}
