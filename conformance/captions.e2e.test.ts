/**
 * CEA-708 as a decoder reads it that is not ours (mux.js): what the corpus writes and what each output delivers shows the same words at
 * the same times. ffmpeg and hls.js read CEA-608 alone; src/cli/captions.e2e.test.ts asks Shaka, whose decoder is another one again.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AssetRecipe } from '../spec/asset.ts';
import { readSegment } from './oracle/fragments.ts';
import { unescaped } from './oracle/sps.ts';
import { startServer, type ServerProcess } from './performance/process.ts';

const ROOT = join(import.meta.dirname, '..');
const ASSETS = join(ROOT, 'corpus/.assets');

type Caption = { readonly startTime: number; readonly endTime: number; readonly startPts: number; readonly endPts: number; readonly text: string; readonly stream: string };
type Emitter<T> = { on(event: 'data', take: (data: T) => void): void; flush(): void };
type MuxJs = {
  readonly mp4: {
    readonly CaptionParser: new () => { init(): void; parse(segment: Uint8Array, ids: readonly number[], timescales: Readonly<Record<number, number>>): { readonly captions: readonly Caption[] } | null };
    readonly Transmuxer: new (options: object) => Emitter<{ readonly captions?: readonly Caption[] }> & { push(bytes: Uint8Array): void };
  };
  readonly mp2t: { readonly CaptionStream: new () => Emitter<Caption> & { push(event: object): void } };
};
const muxjs = createRequire(import.meta.url)('mux.js') as MuxJs;

type Shown = readonly [start: number, end: number, words: string];
/** Service 1 is what is asked for; the channels of CEA-608 are decoded beside it. */
const SERVICE = 'cc708_1';

function shown(captions: readonly Caption[], seconds: (caption: Caption) => readonly [number, number]): readonly Shown[] {
  return captions
    .filter(({ stream }) => stream === SERVICE)
    .map((caption) => [...seconds(caption), caption.text.trim()] as const)
    .map(([start, end, words]) => [Math.round(start * 1000), Math.round(end * 1000), words] as const);
}

/** What the recipe says: captions begin and end with a picture. */
function wanted(id: string): readonly Shown[] {
  const { files } = AssetRecipe.parse(JSON.parse(readFileSync(join(ROOT, 'corpus/assets', id, 'asset.json'), 'utf8')));
  const { video } = files[0];
  const [numerator, denominator] = video?.rate ?? [1, 1];
  const at = (time: number): number => Math.round((Math.round((time * numerator) / denominator) * denominator * 1000) / numerator);
  return (video?.captions?.find(({ channel }) => channel === 'SERVICE1')?.cues ?? []).map(({ start, end, text }) => [at(start), at(end), text]);
}

let server: ServerProcess;
beforeAll(async () => {
  server = await startServer(process.execPath, [join(ROOT, 'src/cli.ts'), 'serve', '--root', ASSETS, '--port', '0'], ROOT);
});
afterAll(() => server?.stop());

const get = async (path: string): Promise<Buffer> => {
  const response = await fetch(`${server.origin}${path}`);
  expect([path, response.status]).toEqual([path, 200]);
  return Buffer.from(await response.arrayBuffer());
};

/** All segments of the first video quality: one URL names the same time in every output. */
async function segmentsOf(id: string, suffix: string, times: string): Promise<readonly Buffer[]> {
  const base = `/${id}/${id}.ism`;
  const master = (await get(`${base}/manifest(format=${times})`)).toString();
  const list = /^QualityLevels\(\d+\)\/Manifest\(video.*$/m.exec(master)?.[0] ?? '';
  const folder = list.slice(0, list.indexOf('/'));
  const starts = [...(await get(`${base}/${list}`)).toString().matchAll(/^Fragments\(video=(\d+)/gm)].map(([, time]) => time);
  expect(starts.length).toBeGreaterThan(1);
  return Promise.all(starts.map((time) => get(`${base}/${folder}/Fragments(video=${time}${suffix})`)));
}

describe('captions-608', () => {
  test.each(['m3u8-aapl', 'm3u8-aapl-v3'])('transport streams of %s', async (format) => {
    const transmuxer = new muxjs.mp4.Transmuxer({ keepOriginalTimestamps: true });
    const captions: Caption[] = [];
    transmuxer.on('data', (segment) => captions.push(...(segment.captions ?? [])));
    for (const segment of await segmentsOf('captions-608', `,format=${format}`, format)) transmuxer.push(segment);
    transmuxer.flush();
    // Times of transport streams begin at ten seconds.
    expect(shown(captions, ({ startPts, endPts }) => [startPts / 90_000 - 10, endPts / 90_000 - 10])).toEqual(wanted('captions-608'));
  });

  test.each([
    ['m3u8-cmaf', ',format=m3u8-cmaf', 30_000],
    ['mpd-time-cmaf', ',format=mpd-time-cmaf', 30_000],
    ['mpd-time-csf', ',format=mpd-time-csf', 10_000_000],
  ] as const)('fragments of %s', async (_, suffix, timescale) => {
    const parser = new muxjs.mp4.CaptionParser();
    parser.init();
    const captions: Caption[] = [];
    for (const segment of await segmentsOf('captions-608', suffix, 'm3u8-cmaf')) {
      // The list grows from call to call.
      const found = parser.parse(segment, [readSegment(segment).fragments[0].trackId], { [readSegment(segment).fragments[0].trackId]: timescale });
      captions.splice(0, captions.length, ...(found?.captions ?? captions));
    }
    expect(shown(captions, ({ startTime, endTime }) => [startTime, endTime])).toEqual(wanted('captions-608'));
  });
});

/** mux.js takes samples of H.264 apart, those of HEVC not: their messages are handed to it. */
function captionsOf(segments: readonly Buffer[], family: 'avc' | 'hevc', startOf: (segment: Buffer) => bigint): readonly Caption[] {
  const stream = new muxjs.mp2t.CaptionStream();
  const captions: Caption[] = [];
  stream.on('data', (caption) => captions.push(caption));
  for (const segment of segments) {
    for (const { samples } of readSegment(segment).fragments) {
      let dts = Number(startOf(segment));
      for (const sample of samples) {
        for (const message of messagesOf(segment.subarray(sample.offset, sample.offset + sample.size), family)) stream.push({ nalUnitType: 'sei_rbsp', escapedRBSP: message, pts: dts + sample.composition, dts });
        dts += sample.duration;
      }
    }
  }
  stream.flush();
  return captions;
}

/** Bodies of SEI units, without the unit's header and emulation prevention. */
function messagesOf(sample: Buffer, family: 'avc' | 'hevc'): readonly Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 4 < sample.length; ) {
    const end = at + 4 + sample.readUInt32BE(at);
    const isSei = family === 'avc' ? (sample[at + 4] & 31) === 6 : ((sample[at + 4] >> 1) & 63) === 39;
    if (isSei) messages.push(unescaped(sample.subarray(at + (family === 'avc' ? 5 : 6), end)));
    at = end;
  }
  return messages;
}

const TICKS = 10_000_000;

describe('messages', () => {
  test.each([
    ['captions-hevc', 'hevc', 'mpd-time-csf', ',format=mpd-time-csf'],
    ['captions-hevc', 'hevc', 'Smooth', ''],
    ['captions-608', 'avc', 'Smooth', ''],
  ] as const)('of %s (%s) in %s', async (id, family, _, suffix) => {
    const captions = captionsOf(await segmentsOf(id, suffix, 'm3u8-cmaf'), family, (segment) => {
      const [{ decodeTime, tfxd }] = readSegment(segment).fragments;
      return decodeTime ?? tfxd?.time ?? 0n;
    });
    expect(shown(captions, ({ startPts, endPts }) => [startPts / TICKS, endPts / TICKS])).toEqual(wanted(id));
  });

  test.each([
    ['a window that is not visible', 'fe9838', 'fe9818'],
    ['a window that is never deleted', 'fe8c01', 'fe0000'],
    ['a block of service 2', 'ff0c35', 'ff0c55'],
    ['another letter', 'fe1149', 'fe114f'],
  ])('would tell %s', async (_, from, to) => {
    const segments = await segmentsOf('captions-hevc', ',format=mpd-time-csf', 'm3u8-cmaf');
    const [before, after] = [from, to].map((bytes) => Buffer.from(bytes, 'hex').toString('latin1'));
    const damaged = segments.map((segment) => Buffer.from(segment.toString('latin1').replaceAll(before, after), 'latin1'));
    expect(damaged.some((segment, i) => !segment.equals(segments[i]))).toBe(true);
    const captions = captionsOf(damaged, 'hevc', (segment) => readSegment(segment).fragments[0].decodeTime ?? 0n);
    expect(shown(captions, ({ startPts, endPts }) => [startPts / TICKS, endPts / TICKS])).not.toEqual(wanted('captions-hevc'));
  });
});
