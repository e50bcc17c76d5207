/**
 * The stream on which the replay proves itself before it judges anyone: marked pictures and sounds, packed by ffmpeg
 * (not by the packager under test) and served by a plain file server that can be told to do it wrong.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { closeServer, listenOnLoopback } from './listen.ts';
import type { Content } from './content.ts';
import type { ReplayTruth } from './model.ts';

const WIDTH = 320;
const HEIGHT = 180;
const RATE = 25;
const SECONDS = 12;
const GOP = 50;
const SOUND_RATE = 48_000;
const PILOT = 5000;

export const FIXTURE_TRUTH: ReplayTruth = {
  frameRate: { num: RATE, den: 1 },
  first: 0,
  frames: RATE * SECONDS,
  videoStart: 0,
  renditions: [1],
  strides: {},
  pilots: [{ language: 'eng', hertz: PILOT, start: 0 }],
  secondTones: { first: 500, step: 100, count: 24 },
};

/** What replays know of it. */
export const FIXTURE_CONTENT: Content = {
  asset: 'fixture',
  protection: null,
  filtered: false,
  cut: 0,
  truth: FIXTURE_TRUTH,
  frameRate: RATE,
  seconds: SECONDS,
  qualities: [1],
  languages: [{ language: 'eng', pilot: PILOT }],
  syncFrames: [0, 50, 100, 150, 200, 250],
  tracks: [
    { kind: 'video', codec: 'avc1.42c00c', language: '', rendition: 1, pilot: null },
    { kind: 'audio', codec: 'mp4a.40.2', language: 'eng', rendition: null, pilot: PILOT },
  ],
  texts: [],
  sampleEntries: ['avc1', 'mp4a'],
  mostPixels: WIDTH * HEIGHT,
};

/** Changes an answer: gets the path and the bytes, gives the bytes to send or null for a 404. */
export type Fault = (path: string, body: Buffer, read: (path: string) => Promise<Buffer>) => Promise<Buffer | null>;

export type Fixture = { readonly url: string; setFault(fault: Fault | null): void; close(): Promise<void> };

export async function openFixture(): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'isomer-replay-'));
  await build(folder);
  let fault: Fault | null = null;
  const read = (path: string) => readFile(join(folder, path));
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://fixture').pathname;
    const answer = async () => {
      const body = await read(path);
      return fault === null ? body : fault(path, body, read);
    };
    const headers = { 'access-control-allow-origin': '*', 'content-type': MIME[extname(path)] ?? 'application/octet-stream' };
    answer().then(
      (body) => response.writeHead(body === null ? 404 : 200, headers).end(body ?? ''),
      () => response.writeHead(404, headers).end(),
    );
  });
  return {
    url: await listenOnLoopback(server),
    setFault: (next) => void (fault = next),
    close: async () => {
      await closeServer(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const MIME: Readonly<Record<string, string>> = {
  '.mpd': 'application/dash+xml',
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.m4s': 'video/mp4',
  '.mp4': 'video/mp4',
  '.ts': 'video/mp2t',
};

async function build(folder: string): Promise<void> {
  await Promise.all(['dash', 'hls', 'ts'].map((name) => mkdir(join(folder, name))));
  const sound = join(folder, 'sound.s16');
  await writeFile(sound, drawSound());
  const input = ['-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${WIDTH}x${HEIGHT}`, '-r', `${RATE}`, '-i', 'pipe:0'];
  const audio = ['-f', 's16le', '-ar', `${SOUND_RATE}`, '-ac', '1', '-i', sound];
  const codecs = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-g', `${GOP}`, '-keyint_min', `${GOP}`, '-sc_threshold', '0', '-bf', '2', '-b:v', '300k', '-c:a', 'aac', '-b:a', '96k'];
  const source = join(folder, 'source.mp4');
  await ffmpeg([...input, ...audio, ...codecs, '-metadata:s:a:0', 'language=eng', source], drawPictures());
  const copy = ['-i', source, '-map', '0', '-c', 'copy'];
  await ffmpeg([...copy, '-f', 'dash', '-seg_duration', '2', '-use_template', '1', '-use_timeline', '1', '-adaptation_sets', 'id=0,streams=v id=1,streams=a', join(folder, 'dash/manifest.mpd')]);
  await ffmpeg([...copy, '-f', 'hls', '-hls_time', '2', '-hls_playlist_type', 'vod', '-hls_segment_type', 'fmp4', '-hls_segment_filename', join(folder, 'hls/%d.m4s'), join(folder, 'hls/index.m3u8')]);
  await ffmpeg([...copy, '-f', 'hls', '-hls_time', '2', '-hls_playlist_type', 'vod', '-hls_segment_filename', join(folder, 'ts/%d.ts'), join(folder, 'ts/index.m3u8')]);
}

/** Pictures one after another, luma only: the strip, and below it a bar that moves so that there is something to encode. */
function* drawPictures(): Generator<Buffer> {
  const row = HEIGHT / 9;
  const cell = WIDTH / 16;
  for (let frame = 0; frame < RATE * SECONDS; frame++) {
    const picture = Buffer.alloc(WIDTH * HEIGHT, 96);
    const bits = (FIXTURE_TRUTH.renditions[0] << 12) | frame;
    for (let bit = 0; bit < 16; bit++) {
      const on = ((bits >> (15 - bit)) & 1) === 1;
      for (let y = 0; y < row * 2; y++) picture.fill(on === y < row ? 255 : 0, y * WIDTH + bit * cell, y * WIDTH + (bit + 1) * cell);
    }
    for (let y = row * 3; y < HEIGHT; y++) picture.fill(200, y * WIDTH + ((frame * 2) % (WIDTH - 32)), y * WIDTH + ((frame * 2) % (WIDTH - 32)) + 32);
    yield picture;
  }
}

function drawSound(): Buffer {
  const { first, step, count } = FIXTURE_TRUTH.secondTones;
  const samples = new Int16Array(SOUND_RATE * SECONDS);
  for (let i = 0; i < samples.length; i++) {
    const time = i / SOUND_RATE;
    const tone = first + step * (Math.floor(time) % count);
    samples[i] = 8000 * (Math.sin(2 * Math.PI * PILOT * time) * 0.5 + Math.sin(2 * Math.PI * tone * time));
  }
  return Buffer.from(samples.buffer);
}

function ffmpeg(args: readonly string[], pictures?: Iterable<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('ffmpeg', ['-v', 'error', '-y', ...args], { stdio: [pictures === undefined ? 'ignore' : 'pipe', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`ffmpeg ended with ${code}: ${complaint}`))));
    if (pictures !== undefined && child.stdin !== null) {
      for (const picture of pictures) child.stdin.write(picture);
      child.stdin.end();
    }
  });
}

/** The body of one fMP4 segment under the decode time of another: right on the timeline, wrong on the screen. */
export function disguise(body: Buffer, as: Buffer): Buffer {
  const disguised = Buffer.from(body);
  const from = as.indexOf('tfdt') + 4;
  as.copy(disguised, disguised.indexOf('tfdt') + 4, from, from + 12);
  return disguised;
}
