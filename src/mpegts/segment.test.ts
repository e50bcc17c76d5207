import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AudioCodec } from '../model/codec.ts';
import { audioStream } from './audio.ts';
import { adtsConfig } from './pes.ts';
import { crc32 } from './psi.ts';
import { planTsSegment, type TsAudio, type TsInput, type TsPlan, type TsVideo } from './segment.ts';

const AAC: AudioCodec = { kind: 'audio', family: 'aac', sampleEntry: 'mp4a', rfc6381: 'mp4a.40.2', sampleRate: 48000, channels: 2, config: Uint8Array.of(0x11, 0x90) };
const SETS = [Uint8Array.of(0x67, 1, 2, 3), Uint8Array.of(0x68, 9)];

/** A file of samples, each of one or more NAL units whose bytes name the sample. */
function videoOf(nalSizes: readonly (readonly number[])[], gop: number): { input: TsVideo; file: Uint8Array; annexB: Uint8Array[] } {
  const samples = nalSizes.map((sizes, i) =>
    Buffer.concat(sizes.map((size, n) => Buffer.concat([Buffer.from([size >>> 24, size >>> 16, size >>> 8, size]), Buffer.alloc(size, (i * 7 + n) & 0xff)]))),
  );
  const annexB = nalSizes.map((sizes, i) => Buffer.concat(sizes.map((size, n) => Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.alloc(size, (i * 7 + n) & 0xff)]))));
  return { ...layout(samples), annexB };
  function layout(parts: readonly Buffer[]): { input: TsVideo; file: Uint8Array } {
    const offsets = Float64Array.from(parts.map((_, i) => parts.slice(0, i).reduce((sum, part) => sum + part.length, 0)));
    const dts = Float64Array.from(parts, (_, i) => 900000 + i * 3003);
    const pts = dts.map((time, i) => time + [2, 4, 1, 1][i % 4] * 3003);
    return {
      input: { source: 'v', sizes: Uint32Array.from(parts, (part) => part.length), offsets, pts, dts, sync: (i) => i % gop === 0, parameterSets: SETS },
      file: Buffer.concat(parts),
    };
  }
}

function audioOf(sizes: readonly number[]): { input: TsAudio; file: Uint8Array } {
  const file = Buffer.concat(sizes.map((size, i) => Buffer.alloc(size, i & 0xff)));
  const offsets = Float64Array.from(sizes, (_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
  const pts = Float64Array.from(sizes, (_, i) => 900000 + i * 1920);
  return { input: { source: 'a', sizes: Uint32Array.from(sizes), offsets, pts, dts: pts, stream: audioStream(AAC), language: 'eng' }, file };
}

function run(plan: TsPlan, files: Record<string, Uint8Array>): Buffer {
  const parts: Buffer[] = [];
  // One buffer for all windows, as a pool would give it: nothing may be looked for in an earlier window's bytes.
  const pooled = Buffer.alloc(256 * 1024);
  for (const window of plan.windows()) {
    const buffer = pooled.subarray(0, window.capacity).fill(0xee);
    for (const { source, offset, length, at } of window.reads) buffer.set(files[source].subarray(offset, offset + length), at);
    parts.push(Buffer.from(window.make(buffer)));
    expect(window.capacity).toBeLessThanOrEqual(256 * 1024);
  }
  return Buffer.concat(parts);
}

type Pes = { pid: number; pts: number; dts: number; payload: Buffer; randomAccess: boolean };

/** A demultiplexer that shares nothing with the writer. */
function demux(bytes: Buffer): { pes: Pes[]; counters: Map<number, number[]>; pcrs: number[]; pids: number[] } {
  expect(bytes.length % 188).toBe(0);
  const pes: Pes[] = [];
  const raw = new Map<number, { chunks: Buffer[]; randomAccess: boolean }>();
  const counters = new Map<number, number[]>();
  const pcrs: number[] = [];
  const pids: number[] = [];
  const finish = (pid: number): void => {
    const open = raw.get(pid);
    if (open === undefined) return;
    raw.delete(pid);
    const data = Buffer.concat(open.chunks);
    expect(data.readUIntBE(0, 3)).toBe(1);
    const stamp = (at: number): number => ((data[at] >> 1) & 7) * 2 ** 30 + (data[at + 1] << 22) + ((data[at + 2] >> 1) << 15) + (data[at + 3] << 7) + (data[at + 4] >> 1);
    const both = data[7] >> 6 === 3;
    const length = data.readUInt16BE(4);
    if (length !== 0) expect(length).toBe(data.length - 6);
    const pts = stamp(9);
    pes.push({ pid, pts, dts: both ? stamp(14) : pts, payload: data.subarray(9 + data[8]), randomAccess: open.randomAccess });
  };
  for (let at = 0; at < bytes.length; at += 188) {
    expect(bytes[at]).toBe(0x47);
    const pid = bytes.readUInt16BE(at + 1) & 0x1fff;
    const start = (bytes[at + 1] & 0x40) !== 0;
    const control = (bytes[at + 3] >> 4) & 3;
    let from = at + 4;
    let randomAccess = false;
    if (control & 2) {
      const length = bytes[from];
      if (length > 0) {
        randomAccess = (bytes[from + 1] & 0x40) !== 0;
        expect(bytes[from + 1] & 0x80).toBe(0);
        if (bytes[from + 1] & 0x10) pcrs.push(bytes.readUInt32BE(from + 2) * 2 + (bytes[from + 6] >> 7));
      }
      from += 1 + length;
    }
    pids.push(pid);
    if (control & 1) counters.set(pid, [...(counters.get(pid) ?? []), bytes[at + 3] & 15]);
    expect(from <= at + 188).toBe(true);
    if (pid < 0x100 || pid === 0x1000) continue;
    if (start) {
      finish(pid);
      raw.set(pid, { chunks: [], randomAccess });
    }
    raw.get(pid)?.chunks.push(bytes.subarray(from, at + 188));
  }
  for (const pid of [...raw.keys()]) finish(pid);
  return { pes, counters, pcrs, pids };
}

const files = (video: { file: Uint8Array } | null, audio: { file: Uint8Array } | null): Record<string, Uint8Array> => ({ v: video?.file ?? Buffer.alloc(0), a: audio?.file ?? Buffer.alloc(0) });
const input = (video: { input: TsVideo } | null, audio: { input: TsAudio } | null, segment = 3): TsInput => ({ video: video?.input ?? null, audio: audio?.input ?? null, segment });

describe('planTsSegment', () => {
  const nalSizes = fc.array(fc.array(fc.oneof(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 1, max: 40_000 })), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 24 });
  const audioSizes = fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 40 });

  it('carries every sample once, in order, with its times; counters run from 0 to 15', () => {
    fc.assert(
      fc.property(fc.option(nalSizes), fc.option(audioSizes), (sizes, frames) => {
        fc.pre(sizes !== null || frames !== null);
        const video = sizes === null ? null : videoOf(sizes, 4);
        const audio = frames === null ? null : audioOf(frames);
        const plan = planTsSegment(input(video, audio));
        const bytes = run(plan, files(video, audio));
        expect(bytes.length).toBe(plan.length);
        const { pes, counters, pcrs } = demux(bytes);

        const videoPes = pes.filter(({ pid }) => pid === 0x100);
        expect(videoPes.length).toBe(sizes?.length ?? 0);
        videoPes.forEach((unit, i) => {
          const key = i % 4 === 0;
          const literal = Buffer.concat([Buffer.from([0, 0, 0, 1, 9, 0xf0]), ...(key ? SETS.flatMap((set) => [Buffer.from([0, 0, 0, 1]), set]) : [])]);
          expect(unit.payload.equals(Buffer.concat([literal, video?.annexB[i] ?? Buffer.alloc(0)]))).toBe(true);
          expect([unit.pts, unit.dts, unit.randomAccess]).toEqual([video?.input.pts[i], video?.input.dts[i], key]);
        });

        const adts = Buffer.concat(pes.filter(({ pid }) => pid === 0x101).map(({ payload }) => payload));
        let at = 0;
        (frames ?? []).forEach((size, i) => {
          expect(adts.readUInt16BE(at)).toBe(0xfff1);
          expect(((adts[at + 3] & 3) << 11) | (adts[at + 4] << 3) | (adts[at + 5] >> 5)).toBe(size + 7);
          expect(adts.subarray(at + 7, at + 7 + size).equals(Buffer.alloc(size, i & 0xff))).toBe(true);
          at += size + 7;
        });
        expect(at).toBe(adts.length);

        for (const [pid, list] of counters) {
          if (pid === 0 || pid === 0x1000) expect(list).toEqual([3]);
          else {
            expect(list.every((counter, i) => counter === i % 16)).toBe(true);
            expect(list[list.length - 1]).toBe(15);
          }
        }
        pcrs.forEach((pcr, i) => i > 0 && expect(pcr > pcrs[i - 1] && pcr - pcrs[i - 1] <= 9000).toBe(true));
        pes.filter(({ pid }) => pid === (video === null ? 0x101 : 0x100)).forEach(({ dts }) => expect(dts - pcrs[0]).toBeGreaterThan(0));
      }),
      { numRuns: 300 },
    );
  });

  it('starts with PAT and PMT whose checksums hold', () => {
    const video = videoOf([[100]], 1);
    const audio = audioOf([20]);
    const bytes = run(planTsSegment(input(video, audio, 17)), files(video, audio));
    expect(demux(bytes).pids.slice(0, 2)).toEqual([0, 0x1000]);
    for (const at of [0, 188]) {
      expect(bytes[at + 3] & 15).toBe(1);
      const length = 3 + (bytes.readUInt16BE(at + 6) & 0xfff);
      expect(crc32(bytes.subarray(at + 5, at + 5 + length))).toBe(0);
    }
    expect(bytes.subarray(188 + 5, 188 + 5 + 12).toString('hex')).toBe('02b01d0001c10000e100f000');
  });

  it('keeps every clock where windows end: minutes of sound behind the last picture', () => {
    const video = videoOf(Array.from({ length: 30 }, () => [20]), 30);
    const { input: sound, file } = audioOf(Array.from({ length: 400 }, () => 9));
    const pts = sound.pts.map((_, i) => 900000 + i * 122_880);
    const plan = planTsSegment({ video: video.input, audio: { ...sound, pts, dts: pts }, segment: 0, last: true });
    const bytes = run(plan, { v: video.file, a: file });
    expect(bytes.length).toBe(plan.length);
    expect(bytes.length).toBeGreaterThan(3 * 256 * 1024);
    const { pcrs } = demux(bytes);
    expect(Math.max(...pcrs.slice(1).map((pcr, i) => pcr - pcrs[i]))).toBeLessThanOrEqual(9000);
  });

  it('keeps the clock alive below 10 pictures a second', () => {
    const video = videoOf([[10], [10], [10]], 4);
    const slow = { ...video.input, dts: Float64Array.of(0, 45000, 90000), pts: Float64Array.of(0, 45000, 90000) };
    const { pcrs, pes } = demux(run(planTsSegment({ video: { ...slow, dts: slow.dts.map((t) => t + 900000), pts: slow.pts.map((t) => t + 900000) }, audio: null, segment: 0 }), files(video, null)));
    expect(pes).toHaveLength(3);
    expect(pcrs.length).toBeGreaterThan(9);
    pcrs.forEach((pcr, i) => i > 0 && expect(pcr - pcrs[i - 1]).toBeLessThanOrEqual(9000));
  });

  it('wraps time stamps at 33 bits', () => {
    const video = videoOf([[10]], 1);
    const late = { ...video.input, dts: Float64Array.of(2 ** 33 + 5), pts: Float64Array.of(2 ** 33 + 6) };
    const { pes, pcrs } = demux(run(planTsSegment({ video: late, audio: null, segment: 0 }), files(video, null)));
    expect([pes[0].pts, pes[0].dts]).toEqual([6, 5]);
    expect(pcrs[0]).toBe(2 ** 33 + 5 - 9000);
  });

  it.each([
    ['longer than its sample', 9, 200],
    ['shorter than its sample', 9, 3],
  ])('refuses a NAL unit %s', (_, size, stated) => {
    const video = videoOf([[size]], 1);
    video.file[3] = stated;
    expect(() => run(planTsSegment(input(video, null)), files(video, null))).toThrow(/NAL unit/);
  });
});

describe('audioStream', () => {
  const codecOf = (family: AudioCodec['family'], config: string): AudioCodec => ({ ...AAC, family, config: Buffer.from(config, 'hex') });

  it.each([
    ['E-AC-3 2.0', codecOf('eac3', '0400200400'), 0x87, '0504454143337a0280c2'],
    ['E-AC-3 5.1', codecOf('eac3', '0800200f00'), 0x87, '0504454143337a0280c4'],
    ['E-AC-3 7.1', codecOf('eac3', '0800200f0202'), 0x87, '0504454143337a0280c5'],
    ['DTS core', codecOf('dts', '0000bb80000bb800000bb8001803244000000f00'), 0x06, '0504445453317b05d74787fe4c'],
    ['DTS lossless', codecOf('dts', '0000bb80000000000000000018627c0000000200'), 0x06, '050444545332'],
    ['DTS Express', codecOf('dts', '0000bb80000000000000000018e47c0000000200'), 0x06, '050444545333'],
  ])('%s', (_, codec, streamType, descriptors) => {
    const stream = audioStream(codec);
    expect([stream.streamType, stream.streamId, stream.adts]).toEqual([streamType, 0xbd, null]);
    expect(Buffer.from(stream.descriptors).toString('hex')).toBe(descriptors);
  });

  it('frames with a syncword of their own are sent as they are', () => {
    const frames = [700, 700, 5000];
    const { input: aac, file } = audioOf(frames);
    const bytes = run(planTsSegment(input(null, { input: { ...aac, stream: audioStream(codecOf('eac3', '0800200f00')) } })), { a: file });
    const { pes, counters } = demux(bytes);
    expect(Buffer.concat(pes.map(({ payload }) => payload)).equals(file)).toBe(true);
    expect(counters.get(0x101)?.at(-1)).toBe(15);
  });
});

describe('adtsConfig', () => {
  it.each([
    ['1190', { objectType: 2, rateIndex: 3, channelConfiguration: 2 }],
    ['2b920800', { objectType: 2, rateIndex: 7, channelConfiguration: 2 }],
    ['eb8a0800', { objectType: 2, rateIndex: 7, channelConfiguration: 1 }],
  ])('reads %s', (hex, expected) => {
    expect(adtsConfig(Buffer.from(hex, 'hex'))).toEqual({ ...expected, layout: new Uint8Array(0) });
  });

  it('refuses what ADTS cannot say', () => {
    expect(() => adtsConfig(Uint8Array.of(0x17, 0x80, 0x00))).toThrow(/AudioSpecificConfig/);
  });
});
