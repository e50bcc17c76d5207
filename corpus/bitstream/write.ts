/** Files of sound that no encoder at hand makes: what one does make is encoded, rewritten, and stored with a sample entry of our own. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { AudioRecipe } from '../../spec/asset.ts';
import { makeWav } from '../marker.ts';
import { audioEntry, box, esds, movie, type Track } from '../movie.ts';
import { coreFrames, ddtsBody, losslessFrame, masterExtension, nullHighResolutionExtension, silentExpressFrame, type Ddts } from './dts.ts';
import { dec3Body, eac3Frames, surroundFrame, withObjectSignalling } from './eac3.ts';
import { adtsBlocks, enhanced, heAacConfig, type Signalling } from './heaac.ts';

const run = promisify(execFile);

/** Runs ffmpeg on a WAV file at its standard input and returns its output. */
export type Encode = (wav: Uint8Array, args: readonly string[]) => Promise<Buffer>;

type Stored = Pick<Track, 'timescale' | 'delta' | 'samples' | 'entry' | 'mediaTime'>;
type Write = (recipe: AudioRecipe, encode: Encode) => Promise<Stored>;

/** Complexity index of the signalling of objects. */
export const OBJECTS = 16;

const WRITERS: { readonly [codec in AudioRecipe['codec']]?: Write } = {
  'he-aac': (recipe, encode) => heAac(recipe, encode, false),
  'he-aac-v2': (recipe, encode) => heAac(recipe, encode, true),
  'eac3-71': async (recipe, encode) => {
    const core = await eac3(recipe, encode, 6, recipe.kbps, []);
    // Coupled channels cannot be rewritten.
    const sides = await eac3(recipe, encode, 4, Math.floor((recipe.kbps * 3) / 4), ['-af', 'channelmap=map=0|1|2|3:channel_layout=quad', '-channel_coupling', '0']);
    return dolby(core.map((frame, i) => Buffer.concat([frame, surroundFrame(sides[i])])), { rear: true, complexity: null });
  },
  'eac3-joc': async (recipe, encode) => {
    const frames = await eac3(recipe, encode, 6, recipe.kbps, []);
    return dolby(frames.map((frame) => withObjectSignalling(frame, OBJECTS)), { rear: false, complexity: OBJECTS });
  },
  'dts-lossless': (recipe) => {
    const [left, right] = channelsOf(recipe);
    const samples = blocks(left, 1024).map((block, i) => losslessFrame([block, blocks(right, 1024)[i]], 16));
    return Promise.resolve(dts(recipe, 'dtsl', samples, { depth: 16, samples: 1024, construction: 17, core: null, speakers: 'stereo' }));
  },
  'dts-ma': async (recipe, encode) => {
    const cores = await dtsCores(recipe, encode);
    const [left, right, centre, lfe, leftSide, rightSide] = channelsOf(recipe).map((channel) => blocks(channel, 512));
    const order = [centre, left, right, leftSide, rightSide, lfe];
    const samples = left.map((_, i) => Buffer.concat([cores[i], masterExtension(order.map((channel) => channel[i]), 16)]));
    return dts(recipe, 'dtsh', samples, { depth: 16, samples: 512, construction: 14, core: { amode: 9, lfe: true, bytes: cores[0].length }, speakers: 'surround' });
  },
  'dts-hra': async (recipe, encode) => {
    const cores = await dtsCores(recipe, encode);
    const samples = cores.map((core) => Buffer.concat([core, nullHighResolutionExtension()]));
    return dts(recipe, 'dtsh', samples, { depth: 24, samples: 512, construction: 6, core: { amode: 9, lfe: true, bytes: cores[0].length }, speakers: 'surround' });
  },
  'dts-express': (recipe) => {
    const samples = Array.from({ length: Math.ceil(recipe.samples / 4096) }, silentExpressFrame);
    return Promise.resolve(dts(recipe, 'dtse', samples, { depth: 24, samples: 4096, construction: 18, core: null, speakers: 'stereo', modified: true }));
  },
};

export function isWritten(recipe: AudioRecipe): boolean {
  return WRITERS[recipe.codec] !== undefined;
}

export async function writeSound(recipe: AudioRecipe, path: string, encode: Encode): Promise<void> {
  const write = WRITERS[recipe.codec];
  if (write === undefined) throw new Error(`${recipe.codec} is encoded, not written`);
  await writeFile(path, movie({ ...(await write(recipe, encode)), size: null, language: recipe.language, sync: null }));
}

/** Samples of each channel, from the same 16-bit sound that encoders get. */
function channelsOf(recipe: AudioRecipe): readonly Int32Array[] {
  const wav = Buffer.from(makeWav(recipe)).subarray(44);
  return Array.from({ length: recipe.channels }, (_, channel) => Int32Array.from({ length: recipe.samples }, (_, i) => wav.readInt16LE(2 * (i * recipe.channels + channel))));
}

/** Whole frames; what is left over is not coded. */
function blocks(samples: Int32Array, length: number): readonly Int32Array[] {
  return Array.from({ length: Math.floor(samples.length / length) }, (_, i) => samples.subarray(i * length, (i + 1) * length));
}

function bitsPerSecond(samples: readonly Uint8Array[], delta: number, rate: number): number {
  return Math.round((8 * samples.reduce((sum, { length }) => sum + length, 0) * rate) / (delta * samples.length));
}

/** The core is at half the rate, and its first access unit is what the encoder starts up with. */
async function heAac(recipe: AudioRecipe, encode: Encode, ps: boolean): Promise<Stored> {
  const signalling: Signalling = recipe.signalling ?? 'hierarchical';
  const channels = ps ? 1 : 2;
  const core = { ...recipe, sampleRate: recipe.sampleRate / 2, samples: Math.floor(recipe.samples / 2), channels };
  const stream = await encode(makeWav(core), ['-c:a', 'aac', '-b:a', `${recipe.kbps}k`, '-f', 'adts']);
  const samples = adtsBlocks(stream).map((block) => enhanced(block, { channels, ps }));
  const all = signalling === 'hierarchical';
  const [timescale, delta] = all ? [recipe.sampleRate, 2048] : [core.sampleRate, 1024];
  const specific = heAacConfig({ channels, ps }, signalling);
  return { timescale, delta, samples, mediaTime: delta, entry: audioEntry('mp4a', all ? 2 : channels, timescale, esds(0x40, bitsPerSecond(samples, delta, timescale), specific)) };
}

/** What ffmpeg's encoder starts up with. */
const EAC3_PRIMING = 256;

async function eac3(recipe: AudioRecipe, encode: Encode, channels: 4 | 6, kbps: number, more: readonly string[]): Promise<readonly Buffer[]> {
  const stream = await encode(makeWav({ ...recipe, channels }), ['-c:a', 'eac3', '-b:a', `${kbps}k`, ...more, '-f', 'eac3']);
  return eac3Frames(stream);
}

function dolby(samples: readonly Buffer[], { rear, complexity }: { rear: boolean; complexity: number | null }): Stored {
  const kbps = Math.round(bitsPerSecond(samples, 1536, 48_000) / 1000);
  return { timescale: 48_000, delta: 1536, samples, mediaTime: EAC3_PRIMING, entry: audioEntry('ec-3', 2, 48_000, box('dec3', dec3Body({ kbps, acmod: 7, lfe: true, rear, complexity }))) };
}

async function dtsCores(recipe: AudioRecipe, encode: Encode): Promise<readonly Buffer[]> {
  return coreFrames(await encode(makeWav(recipe), ['-c:a', 'dca', '-strict', '-2', '-b:a', `${recipe.kbps}k`, '-f', 'dts']));
}

function dts({ unnamed, channels }: AudioRecipe, type: string, samples: readonly Buffer[], facts: Omit<Ddts, 'maxBitrate' | 'avgBitrate'>): Stored {
  const delta = facts.samples;
  const average = bitsPerSecond(samples, delta, 48_000);
  const largest = Math.max(...samples.map((sample) => bitsPerSecond([sample], delta, 48_000)));
  const entry = unnamed
    ? audioEntry('mp4a', channels, 48_000, esds(0xa9, average, new Uint8Array(0)))
    : audioEntry(type, channels, 48_000, box('ddts', ddtsBody({ ...facts, maxBitrate: largest, avgBitrate: average })));
  return { timescale: 48_000, delta, samples, mediaTime: 0, entry };
}

/** ffmpeg for `Encode`: the same bytes every time. */
export function encoder(ffmpeg: string, exact: readonly string[]): Encode {
  return async (wav, args) => {
    const layout = LAYOUTS[Buffer.from(wav).readUInt16LE(22)];
    const promise = run(ffmpeg, ['-v', 'error', ...(layout === undefined ? [] : ['-channel_layout', layout]), '-f', 'wav', '-i', 'pipe:0', ...exact, ...args, 'pipe:1'], { encoding: 'buffer', maxBuffer: 256 * 1024 * 1024 });
    promise.child.stdin?.end(wav);
    return (await promise).stdout;
  };
}

/** A WAV file of more than two channels does not say where they are. */
export const LAYOUTS: Readonly<Record<number, string | undefined>> = { 6: '5.1(side)', 8: '7.1' };
