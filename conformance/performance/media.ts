/** Media for the benchmark: a 10-minute ladder, made once by ffmpeg from a short encode that is repeated. */
import { execFile } from 'node:child_process';
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type Rung = { readonly name: string; readonly size: string; readonly kbps: number };

export const RUNGS: readonly Rung[] = [
  { name: '1080p', size: '1920x1080', kbps: 5500 },
  { name: '720p', size: '1280x720', kbps: 3000 },
  { name: '540p', size: '960x540', kbps: 1800 },
  { name: '360p', size: '640x360', kbps: 1000 },
  { name: '180p', size: '320x180', kbps: 380 },
];
const AUDIO_KBPS = 128;
const SHORT_SECONDS = 20;
const REPEATS = 30;

/** Makes FOLDER/bench/bench.ism when it is not there yet; returns the folder to serve. */
export async function makeMedia(folder: string, ffmpeg: string, tell: (line: string) => void): Promise<string> {
  const target = join(folder, 'bench');
  if (await access(join(target, 'bench.ism')).then(() => true, () => false)) return folder;
  const work = `${target}.part`;
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  for (const { name, size, kbps } of RUNGS) {
    tell(`making ${name}, ${(SHORT_SECONDS * REPEATS) / 60} minutes at ${kbps} kbit/s`);
    const short = join(work, `short_${name}.mp4`);
    const noise = `testsrc2=s=${size}:r=30000/1001:d=${SHORT_SECONDS},noise=alls=12:allf=t`;
    await run(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', noise, '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'high', '-bf', '2', '-b:v', `${kbps}k`, '-maxrate', `${kbps}k`, '-bufsize', `${kbps}k`, '-nal-hrd', 'cbr', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0', '-flags', '+cgop', short]);
    await run(ffmpeg, ['-v', 'error', '-stream_loop', String(REPEATS - 1), '-i', short, '-c', 'copy', '-video_track_timescale', '30000', join(work, `bench_${name}.mp4`)]);
    await rm(short);
  }
  await run(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', `anoisesrc=r=48000:d=${SHORT_SECONDS * REPEATS}:a=0.2`, '-ac', '2', '-c:a', 'aac', '-b:a', `${AUDIO_KBPS}k`, join(work, 'bench_audio.mp4')]);
  const elements = RUNGS.map(({ name, kbps }) => `<video src="bench_${name}.mp4" systemBitrate="${kbps * 1000}"><param name="systemBitrate" value="${kbps * 1000}" valuetype="data"/></video>`);
  elements.push(`<audio src="bench_audio.mp4" systemBitrate="${AUDIO_KBPS * 1000}"><param name="systemBitrate" value="${AUDIO_KBPS * 1000}" valuetype="data"/><param name="trackName" value="audio" valuetype="data"/></audio>`);
  await writeFile(join(work, 'bench.ism'), `<?xml version="1.0" encoding="utf-8"?><smil xmlns="http://www.w3.org/2001/SMIL20/Language"><head><meta name="formats" content="mp4"/></head><body><switch>${elements.join('')}</switch></body></smil>\n`);
  await rename(work, target);
  return folder;
}
