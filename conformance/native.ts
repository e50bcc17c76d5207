/** Native clients as judges: ffmpeg and GStreamer decode what an origin serves, to be compared with the source. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { STRIP } from '../spec/marks.ts';

const run = promisify(execFile);
const TIME_LIMIT_MS = 60_000;
const MAX_OUTPUT = 256 * 1024 * 1024;

export type DecodedStream = {
  /** Per frame: presentation time in seconds and a hash of the decoded picture or sound. */
  readonly frames: readonly { readonly seconds: number; readonly hash: string }[];
};

const FFMPEG = process.env['FFMPEG_PATH'] ?? 'ffmpeg';

/** Options without which ffmpeg refuses URLs that do not end in an extension; older builds do not know them. */
export async function hlsOptions(): Promise<readonly string[]> {
  const { stdout } = await run(FFMPEG, ['-hide_banner', '-h', 'demuxer=hls'], { maxBuffer: MAX_OUTPUT });
  return stdout.includes('extension_picky') ? ['-extension_picky', '0'] : [];
}

/** Decodes one stream with ffmpeg. `map` is a stream specifier such as `0:v:1`. Any message of the decoder is an error. */
export async function decodeWithFfmpeg(input: string, map: string, options: readonly string[] = []): Promise<DecodedStream> {
  const { stdout, stderr } = await run(FFMPEG, ['-v', 'error', '-copyts', ...options, '-i', input, '-map', map, '-fps_mode', 'passthrough', '-f', 'framehash', '-'], { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS });
  if (stderr.trim() !== '') throw new Error(`ffmpeg: ${stderr.trim().slice(0, 500)}`);
  const [numerator, denominator] = (/^#tb 0: (\d+)\/(\d+)/m.exec(stdout) ?? ['', '1', '1']).slice(1).map(Number);
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return { frames: lines.map((line) => line.split(',').map((cell) => cell.trim())).map(([, , pts, , , hash]) => ({ seconds: (Number(pts) * numerator) / denominator, hash })) };
}

/** Decodes one audio stream to mono 16-bit samples. */
export async function decodeSound(input: string, map: string, options: readonly string[] = []): Promise<Int16Array> {
  const { stdout } = await run(FFMPEG, ['-v', 'error', ...options, '-i', input, '-map', map, '-ac', '1', '-f', 's16le', '-'], { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS, encoding: 'buffer' });
  return new Int16Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + (stdout.byteLength & ~1)));
}

export type GStreamerResult = { readonly counters: readonly number[]; readonly renditions: readonly number[]; readonly sound: Int16Array; readonly soundRate: number };

const PICTURE = { width: 320, height: 180 } as const;
const SOUND_RATE = 48_000;

/** Plays a manifest with GStreamer's adaptive demuxers as fast as it can, and reads the marks of every picture. */
export async function playWithGStreamer(uri: string): Promise<GStreamerResult> {
  const folder = await mkdtemp(join(tmpdir(), 'isomer-gst-'));
  try {
    const video = `d. ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=50 ! videoconvert ! videoscale ! video/x-raw,format=GRAY8,width=${PICTURE.width},height=${PICTURE.height} ! filesink location=${join(folder, 'v')}`;
    const audio = `d. ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,channels=1,rate=${SOUND_RATE} ! filesink location=${join(folder, 'a')}`;
    await run('gst-launch-1.0', ['-q', 'uridecodebin3', `uri=${uri}`, 'name=d', ...video.split(' '), ...audio.split(' ')], { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS });
    const marks = readMarks(await readFile(join(folder, 'v')));
    const sound = await readFile(join(folder, 'a'));
    return { ...marks, sound: new Int16Array(sound.buffer.slice(sound.byteOffset, sound.byteOffset + (sound.byteLength & ~1))), soundRate: SOUND_RATE };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Plays a manifest with VLC, lowest quality, into raw pictures, and reads their marks. Its own transcoder leaves out a picture or two
 * at the edges of any stream, so that is no finding. The size is that of the lowest quality: what VLC writes in its file is not.
 */
export async function playWithVlc(uri: string, { width, height }: { readonly width: number; readonly height: number }): Promise<Omit<GStreamerResult, 'sound' | 'soundRate'>> {
  const folder = await mkdtemp(join(tmpdir(), 'isomer-vlc-'));
  try {
    await chmod(folder, 0o777);
    const file = join(folder, 'v.avi');
    const vlc = ['cvlc', '-I', 'dummy', '--no-dbus', '--quiet', '--play-and-exit', '--adaptive-logic=lowest', uri, '--sout', `#transcode{vcodec=I420}:std{access=file,mux=avi,dst=${file}}`, 'vlc://quit'];
    // VLC refuses to run as root.
    const [command, ...args] = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups', ...vlc] : vlc;
    await run(command, args, { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL', env: { ...process.env, HOME: folder } });
    const raw = join(folder, 'v.yuv');
    await run(FFMPEG, ['-v', 'fatal', '-i', file, '-map', '0:v:0', '-c', 'copy', '-f', 'rawvideo', raw], { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS });
    const scaled = ['-vf', `scale=${PICTURE.width}:${PICTURE.height}`, '-pix_fmt', 'gray', '-f', 'rawvideo', '-'];
    const { stdout } = await run(FFMPEG, ['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-video_size', `${width}x${height}`, '-i', raw, ...scaled], { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS, encoding: 'buffer' });
    return readMarks(stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether this machine has VLC. */
export async function hasVlc(): Promise<boolean> {
  return run('cvlc', ['--version'], { timeout: TIME_LIMIT_MS }).then(
    () => true,
    // As root it says that it refuses: it is there.
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
}

/** Counter -1 stands for a picture whose strip cannot be read. */
function readMarks(pictures: Buffer): { counters: readonly number[]; renditions: readonly number[] } {
  const { width, height } = PICTURE;
  const row = Math.round(height / STRIP.rowsPerHeight);
  const counters: number[] = [];
  const renditions = new Set<number>();
  for (let at = 0; at + width * height <= pictures.length; at += width * height) {
    let word = 0;
    let readable = true;
    for (let cell = 0; cell < STRIP.cells; cell++) {
      const x = Math.floor(((cell + 0.5) * width) / STRIP.cells);
      const difference = pictures[at + (row >> 1) * width + x] - pictures[at + (row + (row >> 1)) * width + x];
      readable &&= Math.abs(difference) >= STRIP.threshold;
      word = (word << 1) | (difference > 0 ? 1 : 0);
    }
    counters.push(readable ? word & ((1 << STRIP.counterBits) - 1) : -1);
    if (readable) renditions.add(word >> STRIP.counterBits);
  }
  return { counters, renditions: [...renditions] };
}

/** Mean absolute difference of two sounds over their common length, from `skip` samples on. */
export function soundDifference(a: Int16Array, b: Int16Array, skip: number): number {
  const length = Math.min(a.length, b.length);
  let sum = 0;
  for (let i = skip; i < length; i++) sum += Math.abs(a[i] - b[i]);
  return length > skip ? sum / (length - skip) : Number.POSITIVE_INFINITY;
}

/** Strength of one tone in a sound, as the amplitude of a sine. */
export function toneAmplitude(sound: Int16Array, rate: number, hertz: number): number {
  let re = 0;
  let im = 0;
  for (let i = 0; i < sound.length; i++) {
    const angle = (2 * Math.PI * hertz * i) / rate;
    re += sound[i] * Math.cos(angle);
    im += sound[i] * Math.sin(angle);
  }
  return (2 * Math.hypot(re, im)) / Math.max(1, sound.length);
}
