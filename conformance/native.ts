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
  return samplesOf(stdout);
}

/** `counters`, `renditions`: of each picture; -1: its strip cannot be read. */
export type Played = { readonly counters: readonly number[]; readonly renditions: readonly number[]; readonly sound: Int16Array; readonly soundRate: number };

/** What a client is asked to play; without sound GStreamer would wait for it for ever. `older`: with GStreamer's first generation of adaptive demuxers. */
export type PlayOptions = { readonly sound?: boolean; readonly older?: boolean };

const PICTURE = { width: 320, height: 180 } as const;
const SOUND_RATE = 48_000;
/** kbit/s. The older demuxers hand out new pads where the quality changes, which nobody takes: with this they play the best one from the start. */
const AMPLE = 'connection-speed=1000000';
const SCALED = ['-vf', `scale=${PICTURE.width}:${PICTURE.height}`, '-pix_fmt', 'gray', '-f', 'rawvideo', '-'];

/** Plays a manifest with GStreamer's adaptive demuxers as fast as it can, and reads the marks of every picture. */
export async function playWithGStreamer(uri: string, { sound = true, older = false }: PlayOptions = {}): Promise<Played> {
  const folder = await mkdtemp(join(tmpdir(), 'isomer-gst-'));
  try {
    const video = `d. ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=50 ! videoconvert ! videoscale ! video/x-raw,format=GRAY8,width=${PICTURE.width},height=${PICTURE.height} ! filesink location=${join(folder, 'v')}`;
    const audio = `d. ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,channels=1,rate=${SOUND_RATE} ! filesink location=${join(folder, 'a')}`;
    await run('gst-launch-1.0', ['-q', ...(older ? ['uridecodebin', AMPLE] : ['uridecodebin3']), `uri=${uri}`, 'name=d', ...video.split(' '), ...(sound ? audio.split(' ') : [])], { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL' });
    const marks = readMarks(await readFile(join(folder, 'v')));
    return { ...marks, sound: sound ? samplesOf(await readFile(join(folder, 'a'))) : new Int16Array(0), soundRate: SOUND_RATE };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Plays the first pictures and the first sound that ffmpeg finds behind a manifest. Read apart: it stops at the end of the shorter of two. */
export async function playWithFfmpeg(uri: string, { sound = true }: PlayOptions = {}, options: readonly string[] = []): Promise<Played> {
  const decode = async (map: string, ...form: string[]): Promise<Buffer> => {
    const { stdout } = await run(FFMPEG, ['-v', 'fatal', ...options, '-i', uri, '-map', map, ...form], { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL', encoding: 'buffer' });
    return stdout;
  };
  const pictures = await decode('0:v:0', '-fps_mode', 'passthrough', ...SCALED);
  const heard = sound ? await decode('0:a:0', '-ac', '1', '-ar', `${SOUND_RATE}`, '-f', 's16le', '-') : Buffer.alloc(0);
  return { ...readMarks(pictures), sound: samplesOf(heard), soundRate: SOUND_RATE };
}

/**
 * Plays a manifest with VLC, lowest or highest quality, into raw pictures, and reads their marks. Its own transcoder leaves out a picture
 * or two at the edges of any stream, so that is no finding. The size is that of the quality: what VLC writes in its file is not.
 */
export async function playWithVlc(uri: string, { width, height }: { readonly width: number; readonly height: number }, quality: 'lowest' | 'highest' = 'lowest'): Promise<Omit<Played, 'sound' | 'soundRate'>> {
  const folder = await mkdtemp(join(tmpdir(), 'isomer-vlc-'));
  try {
    await chmod(folder, 0o777);
    const file = join(folder, 'v.avi');
    const vlc = ['cvlc', '-I', 'dummy', '--no-dbus', '--quiet', '--play-and-exit', `--adaptive-logic=${quality}`, uri, '--sout', `#transcode{vcodec=I420}:std{access=file,mux=avi,dst=${file}}`, 'vlc://quit'];
    // VLC refuses to run as root.
    const [command, ...args] = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups', ...vlc] : vlc;
    await run(command, args, { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL', env: { ...process.env, HOME: folder } });
    const raw = join(folder, 'v.yuv');
    await run(FFMPEG, ['-v', 'fatal', '-i', file, '-map', '0:v:0', '-c', 'copy', '-f', 'rawvideo', raw], { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS });
    const { stdout } = await run(FFMPEG, ['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-video_size', `${width}x${height}`, '-i', raw, ...SCALED], { maxBuffer: MAX_OUTPUT, timeout: TIME_LIMIT_MS, encoding: 'buffer' });
    return readMarks(stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function samplesOf(bytes: Buffer): Int16Array {
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.byteLength & ~1)));
}

/** What a native client says of its version; null: this machine does not have it. */
export async function nativeVersion(client: 'ffmpeg' | 'gstreamer' | 'vlc'): Promise<string | null> {
  const [command, pattern] = { ffmpeg: [FFMPEG, /ffmpeg version (\S+)/], gstreamer: ['gst-launch-1.0', /version (\S+)/], vlc: ['cvlc', /VLC version (\S+)/] }[client] as [string, RegExp];
  const said = await run(command, [client === 'ffmpeg' ? '-version' : '--version'], { timeout: TIME_LIMIT_MS }).then(
    ({ stdout }) => stdout,
    // As root VLC says that it refuses: it is there.
    (error: NodeJS.ErrnoException & { stdout?: string }) => (error.code === 'ENOENT' ? null : (error.stdout ?? '')),
  );
  return said === null ? null : (pattern.exec(said)?.[1] ?? '');
}

function readMarks(pictures: Buffer): Pick<Played, 'counters' | 'renditions'> {
  const { width, height } = PICTURE;
  const row = Math.round(height / STRIP.rowsPerHeight);
  const counters: number[] = [];
  const renditions: number[] = [];
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
    renditions.push(readable ? word >> STRIP.counterBits : -1);
  }
  return { counters, renditions };
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
