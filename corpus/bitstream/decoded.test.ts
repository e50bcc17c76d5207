/** What ffmpeg makes of streams that were written here. */
import { execFile, execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { FFMPEG } from '../encode.ts';
import { coreFrames, losslessFrame, masterExtension, nullHighResolutionExtension, silentExpressFrame } from './dts.ts';
import { eac3Frames, surroundFrame, withObjectSignalling } from './eac3.ts';
import { adtsBlocks, enhanced } from './heaac.ts';

const QUIET = ['-v', 'error', '-nostdin', '-fflags', '+bitexact'];
const SPEAKERS: Readonly<Record<string, number>> = { mono: 1, stereo: 2, quad: 4, '5.1(side)': 6 };

/** A tone of its own in every channel, encoded. */
function encode(layout: string, rate: number, first: number, ...args: readonly string[]): Buffer {
  const tones = Array.from({ length: SPEAKERS[layout] }, (_, i) => `0.2*sin(${2 * Math.PI * (first + 110 * i)}*t)`).join('|');
  return execFileSync(FFMPEG, [...QUIET, '-f', 'lavfi', '-i', `aevalsrc='${tones}':c=${layout}:s=${rate}:d=1`, ...args, '-flags:a', '+bitexact', 'pipe:1'], { maxBuffer: 1e9 });
}

/** PCM, and what the decoder complained of. */
async function decode(format: string, stream: Uint8Array, pcm: 's16le' | 's32le' = 's16le'): Promise<{ readonly pcm: Buffer; readonly complaints: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(FFMPEG, ['-v', 'error', '-f', format, '-i', 'pipe:0', '-f', pcm, 'pipe:1'], { encoding: 'buffer', maxBuffer: 1e9 }, (error, stdout, stderr) => (error === null ? resolve({ pcm: stdout, complaints: stderr.toString() }) : reject(new Error(stderr.toString()))));
    child.stdin?.end(stream);
  });
}

/** The strongest of some tones in each channel. */
function tonesOf(pcm: Buffer, channels: number, rate: number, tones: readonly number[]): readonly (number | undefined)[] {
  const from = Math.floor(rate / 4);
  return Array.from({ length: channels }, (_, channel) => {
    const powers = tones.map((hertz) => {
      let [re, im] = [0, 0];
      for (let i = 0; i < rate / 4; i++) {
        const value = pcm.readInt16LE(2 * ((from + i) * channels + channel));
        re += value * Math.cos((2 * Math.PI * hertz * i) / rate);
        im += value * Math.sin((2 * Math.PI * hertz * i) / rate);
      }
      return Math.hypot(re, im);
    });
    const most = Math.max(...powers);
    return most < 1e6 ? undefined : tones[powers.indexOf(most)];
  });
}

const noise = (length: number, depth: number, seed: number): Int32Array => Int32Array.from({ length }, (_, i) => Math.floor(((((i + 1) * (seed + 7) * 2654435761) >>> 0) / 2 ** 32 - 0.5) * 2 ** depth));
const ramp = (length: number, slope: number): Int32Array => Int32Array.from({ length }, (_, i) => slope * ((i % 64) - 32));

describe('DTS', () => {
  it.each([16, 24] as const)('lossless frames of %i bits give back every sample', async (depth) => {
    const frames = Array.from({ length: 6 }, (_, i): [Int32Array, Int32Array] => [i < 2 ? ramp(1024, i) : noise(1024, depth, i), noise(1024, depth, i + 20)]);
    const { pcm, complaints } = await decode('dts', Buffer.concat(frames.map((frame) => losslessFrame(frame, depth))), depth === 16 ? 's16le' : 's32le');
    const wanted = frames.flatMap(([left, right]) => Array.from(left, (value, i) => [value, right[i]])).flat();
    const bytes = depth / 8 === 2 ? 2 : 4;
    const heard = Array.from({ length: pcm.length / bytes }, (_, i) => (bytes === 2 ? pcm.readInt16LE(2 * i) : pcm.readInt32LE(4 * i) >> 8));
    expect(complaints).toBe('');
    expect(heard).toEqual(wanted);
  });

  it('Master Audio gives back every sample of every speaker, whatever the core holds', async () => {
    const cores = coreFrames(encode('5.1(side)', 48_000, 220, '-c:a', 'dca', '-strict', '-2', '-b:a', '768k', '-f', 'dts')).slice(0, 6);
    const frames = cores.map((_, i) => Array.from({ length: 6 }, (__, channel) => noise(512, 16, 10 * i + channel)));
    const { pcm, complaints } = await decode('dts', Buffer.concat(cores.map((core, i) => Buffer.concat([core, masterExtension(frames[i], 16)]))));
    // Stored C L R Ls Rs LFE; ffmpeg puts out L R C LFE Ls Rs.
    const wanted = frames.flatMap(([c, l, r, ls, rs, lfe]) => Array.from(c, (_, i) => [l[i], r[i], c[i], lfe[i], ls[i], rs[i]])).flat();
    expect(complaints).toBe('');
    expect(Array.from({ length: pcm.length / 2 }, (_, i) => pcm.readInt16LE(2 * i))).toEqual(wanted);
  });

  it('a null extension leaves the core as it is; Express is silence of its length', async () => {
    const cores = coreFrames(encode('5.1(side)', 48_000, 220, '-c:a', 'dca', '-strict', '-2', '-b:a', '768k', '-f', 'dts'));
    const plain = await decode('dts', Buffer.concat(cores));
    const extended = await decode('dts', Buffer.concat(cores.map((core) => Buffer.concat([core, nullHighResolutionExtension()]))));
    expect(extended.complaints).toBe('');
    expect(extended.pcm.equals(plain.pcm)).toBe(true);
    const express = await decode('dts', Buffer.concat(Array.from({ length: 12 }, silentExpressFrame)));
    expect([express.complaints, express.pcm.length, express.pcm.every((byte) => byte === 0)]).toEqual(['', 12 * 4096 * 4, true]);
  });
});

describe('E-AC-3', () => {
  it('signals objects without another sound', async () => {
    const frames = eac3Frames(encode('5.1(side)', 48_000, 220, '-c:a', 'eac3', '-b:a', '256k', '-f', 'eac3'));
    const [plain, signalled] = await Promise.all([decode('eac3', Buffer.concat(frames)), decode('eac3', Buffer.concat(frames.map((frame) => withObjectSignalling(frame, 16))))]);
    expect(signalled.complaints).toBe('');
    expect(signalled.pcm.equals(plain.pcm)).toBe(true);
  });

  it('gets its side and rear speakers from a dependent substream', async () => {
    const core = eac3Frames(encode('5.1(side)', 48_000, 220, '-c:a', 'eac3', '-b:a', '384k', '-f', 'eac3'));
    const sides = eac3Frames(encode('quad', 48_000, 2000, '-c:a', 'eac3', '-b:a', '256k', '-channel_coupling', '0', '-f', 'eac3'));
    const { pcm, complaints } = await decode('eac3', Buffer.concat(core.map((frame, i) => Buffer.concat([frame, surroundFrame(sides[i])]))));
    const tones = [220, 330, 440, 550, 660, 770, 2000, 2110, 2220, 2330];
    expect(complaints).toBe('');
    // L R C LFE, rear, side; the sides of the independent substream (660 and 770 Hz) are replaced. The bandwidth of the LFE ends below 550 Hz or not.
    expect(tonesOf(pcm, 8, 48_000, tones)).toEqual([220, 330, 440, 550, 2220, 2330, 2000, 2110]);
  });

  it('refuses frames that it cannot rewrite', () => {
    const [stereo] = eac3Frames(encode('stereo', 48_000, 220, '-c:a', 'eac3', '-b:a', '128k', '-f', 'eac3'));
    expect(() => surroundFrame(stereo)).toThrow('not of four channels');
    const [coupled] = eac3Frames(encode('quad', 48_000, 220, '-c:a', 'eac3', '-b:a', '96k', '-f', 'eac3'));
    expect(() => surroundFrame(coupled)).toThrow('coupled');
    expect(() => withObjectSignalling(withObjectSignalling(stereo, 4), 4)).toThrow('addbsie is 1');
  });
});

describe('HE-AAC', () => {
  const headed = (blocks: readonly Buffer[], channels: number): Buffer =>
    Buffer.concat(blocks.flatMap((block) => {
      const length = block.length + 7;
      return [Uint8Array.of(0xff, 0xf1, 0x58, (channels << 6) | (length >> 11), (length >> 3) & 255, ((length & 7) << 5) | 0x1f, 0xfc), block];
    }));

  it.each([[2, false], [1, true]] as const)('of %i channels, PS %s: twice the rate, two channels, the core’s sound', async (channels, ps) => {
    const blocks = adtsBlocks(encode(channels === 2 ? 'stereo' : 'mono', 24_000, 500, '-c:a', 'aac', '-b:a', '64k', '-f', 'adts'));
    const { pcm, complaints } = await decode('aac', headed(blocks.map((block) => enhanced(block, { channels, ps })), channels));
    expect(complaints).toBe('');
    expect(pcm.length).toBe(blocks.length * 2048 * 2 * 2);
    expect(tonesOf(pcm, 2, 48_000, [500, 610, 1000])).toEqual(channels === 2 ? [500, 610] : [500, 500]);
  });

  it('refuses what is not whole', () => {
    expect(() => enhanced(Uint8Array.of(0, 0), { channels: 1, ps: false })).toThrow('empty');
    expect(() => enhanced(Uint8Array.of(0x20), { channels: 1, ps: false })).toThrow('ID_END');
    expect(() => adtsBlocks(Uint8Array.of(1, 2, 3, 4, 5, 6, 7))).toThrow('no ADTS header');
  });
});
