/**
 * A Smooth presentation whose start a filter cut off, in every client there is: dash.js and Shaka Player 4 in Chromium, GStreamer and VLC.
 * Each shows the pictures that are left. The pictures say by their strip which they are.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { STRIP } from '../../spec/marks.ts';
import { nativeVersion, playWithGStreamer, playWithVlc } from '../native.ts';
import { startOrigin, type RunningOrigin } from '../subject/self.ts';
import { CORPUS, ORIGIN_ENTRY } from './testing.ts';

const ASSET = 'fps25';
const CHROMIUM = process.env['ISOMER_CHROMIUM'] ?? '/usr/bin/chromium';
/** 320 pictures, 25 in a second, segments of 6 s: the filter leaves those from 6 s on. */
const [FIRST, LAST] = [150, 319];
const LEFT = Array.from({ length: LAST - FIRST + 1 }, (_, i) => FIRST + i);
const ACCOUNT = {
  streamingLocators: [{ name: 'clip', properties: { assetName: ASSET, streamingPolicyName: 'Predefined_ClearStreamingOnly', filters: ['clip'] } }],
  accountFilters: [{ name: 'clip', properties: { presentationTimeRange: { startTimestamp: 60_000_000 } } }],
};

const FILES = new Map([
  ['/dash.js', 'dashjs/dist/modern/umd/dash.all.min.js'],
  ['/mss.js', 'dashjs/dist/modern/umd/dash.mss.min.js'],
  ['/boxes.js', 'codem-isoboxer/dist/iso_boxer.min.js'],
  ['/shaka.js', 'shaka-player-4/dist/shaka-player.compiled.js'],
]);
const PAGES = new Map([
  ['/page/dash.js', ['/dash.js', '/mss.js']],
  ['/page/shaka-4', ['/boxes.js', '/shaka.js']],
]);

let root: string;
let origin: RunningOrigin;
let manifest: string;
let pages: Server;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-smoothclip-'));
  await cp(join(CORPUS, ASSET), join(root, ASSET), { recursive: true });
  await writeFile(join(root, 'isomer.json'), JSON.stringify(ACCOUNT));
  pages = createServer((request, response) => {
    const path = request.url ?? '';
    const file = FILES.get(path);
    const scripts = PAGES.get(path) ?? [];
    if (file !== undefined) void readFile(new URL(`../../node_modules/${file}`, import.meta.url)).then((bytes) => response.setHeader('Content-Type', 'text/javascript').end(bytes));
    else response.setHeader('Content-Type', 'text/html').end(`<!doctype html><video muted></video>${scripts.map((script) => `<script src="${script}"></script>`).join('')}`);
  });
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
  origin = await startOrigin(root, ORIGIN_ENTRY);
  manifest = `${origin.url}/clip/${ASSET}.ism/manifest`;
});
afterAll(async () => {
  await origin?.stop();
  pages?.close();
  await rm(root, { recursive: true, force: true });
});

type Video = { currentTime: number; readonly duration: number; readonly ended: boolean; readonly videoWidth: number; readonly videoHeight: number; play(): Promise<void>; readonly error: { readonly message: string } | null };
type Context = { imageSmoothingEnabled: boolean; drawImage(image: unknown, ...numbers: number[]): void; getImageData(...numbers: number[]): { readonly data: Uint8ClampedArray } };
type Page = {
  readonly document: { querySelector(selector: string): Video; createElement(name: string): { width: number; height: number; getContext(kind: string, options: object): Context } };
  readonly dashjs?: { MediaPlayer(): { create(): { initialize(video: Video, url: string, autoplay: boolean): void } } };
  readonly shaka?: { readonly Player: new () => { attach(video: Video): Promise<void>; load(url: string, start: null, mime: string): Promise<void> } };
};

type Watched = { readonly counters: readonly number[]; readonly ended: boolean };

/** Plays to the end in Chromium; the numbers of the pictures that were seen, one after the other. */
async function watch(player: string): Promise<Watched> {
  const { launch } = await import('puppeteer');
  const browser = await launch({ browser: 'chrome', executablePath: CHROMIUM, headless: true, args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--autoplay-policy=no-user-gesture-required'] });
  try {
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/page/${player}`);
    return await tab.evaluate(
      async (url, strip) => {
        const { document, dashjs, shaka } = globalThis as unknown as Page;
        const video = document.querySelector('video');
        if (dashjs !== undefined) dashjs.MediaPlayer().create().initialize(video, url, true);
        else if (shaka !== undefined) {
          const loading = new shaka.Player();
          await loading.attach(video);
          await loading.load(url, null, 'application/vnd.ms-sstr+xml');
          await video.play();
        }
        const canvas = Object.assign(document.createElement('canvas'), { width: 4 * strip.cells, height: 8 });
        const context = canvas.getContext('2d', { willReadFrequently: true });
        context.imageSmoothingEnabled = false;
        const counters: number[] = [];
        for (let waited = 0; waited < 3000 && !video.ended && video.error === null; waited++) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          if (video.videoWidth === 0 || video.currentTime === 0) continue;
          context.drawImage(video, 0, 0, video.videoWidth, (2 * video.videoHeight) / strip.rowsPerHeight, 0, 0, 4 * strip.cells, 8);
          const { data } = context.getImageData(0, 0, 4 * strip.cells, 8);
          const luma = (cell: number, line: number): number => data[4 * (4 * strip.cells * line + 4 * cell + 2)] ?? 0;
          let word = 0;
          let readable = true;
          for (let cell = 0; cell < strip.cells; cell++) {
            const difference = luma(cell, 2) - luma(cell, 6);
            readable &&= Math.abs(difference) >= strip.threshold;
            word = (word << 1) | (difference > 0 ? 1 : 0);
          }
          const counter = word & ((1 << strip.counterBits) - 1);
          if (readable && counters.at(-1) !== counter) counters.push(counter);
        }
        return { counters, ended: video.ended };
      },
      manifest,
      STRIP,
    );
  } finally {
    await browser.close();
  }
}

/** Numbers that are none of those that are left, or come too late. */
const strays = (counters: readonly number[]): readonly number[] => counters.filter((counter, i) => !LEFT.includes(counter) || counter <= (counters[i - 1] ?? -1));

test('dash.js: from the first picture that is left to the last, then it is over', async () => {
  const { counters, ended } = await watch('dash.js');
  expect({ ended, first: counters[0] < FIRST + 12, last: (counters.at(-1) ?? 0) > LAST - 4, all: counters.length > 100 }).toEqual({ ended: true, first: true, last: true, all: true });
  expect(strays(counters)).toEqual([]);
});

/** Its end is the timeline's end less its start: https://github.com/shaka-project/shaka-player/blob/v4.16.50/lib/mss/mss_parser.js#L548 */
test('Shaka Player 4: from the first picture on; it takes a timeline’s length for its end, and stops there', async () => {
  const { counters, ended } = await watch('shaka-4');
  expect([ended, counters.length > 5, counters[0] < FIRST + 12, strays(counters)]).toEqual([true, true, true, []]);
});

test('GStreamer: the pictures that are left, each once', async () => {
  expect((await playWithGStreamer(manifest)).counters).toEqual(LEFT);
});

test('VLC: the same, but for its own losses at the edges', async (context) => {
  if ((await nativeVersion('vlc')) === null) context.skip('VLC is not installed');
  const { counters } = await playWithVlc(manifest, { width: 320, height: 180 });
  expect(counters.length).toBeGreaterThanOrEqual(LEFT.length - 2);
  expect(counters.filter((counter) => !LEFT.includes(counter))).toEqual([]);
});
