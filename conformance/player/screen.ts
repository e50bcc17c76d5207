/**
 * Replay of protected content. With a key system attached a browser gives black to every script that looks, so the picture is read from
 * outside, from what the browser itself puts on the screen. How exactly it stands on the timeline is told by seeking.
 */
import type { BrowserDriver, BrowserPage, Response } from './drivers/driver.ts';
import { readPng, type Picture } from './drivers/png.ts';
import { judge, limitsOf, type Judged } from './judge.ts';
import { COUNTER_MODULUS, readMark, STRIP_HEIGHT, STRIP_SHARE, STRIP_WIDTH, type Mark } from './marks.ts';
import { recording as recordingSchema, type FrameReading, type ManifestFormat, type PlayerName, type ReplayTruth, type SeekReading } from './model.ts';
import type { Stage } from './serve.ts';
import { THRESHOLDS } from './thresholds.ts';

export type ScreenRequest = {
  readonly manifestUrl: string;
  readonly format: ManifestFormat;
  readonly player: PlayerName;
  readonly truth: ReplayTruth;
  readonly protection: { readonly licence: string; readonly headers: Readonly<Record<string, string>> };
  readonly seconds?: number;
  readonly seekTo?: readonly number[];
  /** Firefox attaches no key system to an element whose sound is tapped. */
  readonly listen: boolean;
};

export type ScreenReplay = Judged & { readonly refused: readonly Response[]; readonly messages: readonly string[]; readonly seeks: readonly SeekReading[] };

const SIZE = { width: 320, height: 180 };
const LOOK_EVERY_MS = 100;
const FIRST_MS = 20_000;
const ATTEMPTS = 3;

export async function replayOnScreen(driver: BrowserDriver, stage: Stage, request: ScreenRequest): Promise<ScreenReplay> {
  for (let attempt = 1; ; attempt++) {
    const page = await driver.open();
    try {
      const result = await watch(page, driver, stage, request);
      if (!result.verdict.maybeSlow || attempt === ATTEMPTS) return result;
    } finally {
      await page.close();
    }
  }
}

async function watch(page: BrowserPage, driver: BrowserDriver, stage: Stage, request: ScreenRequest): Promise<ScreenReplay> {
  const { truth, listen, protection, format, player, manifestUrl, seconds = 2.5 } = request;
  await page.resize(SIZE.width, SIZE.height);
  await page.goto(stage.url);
  await until(page, 'Boolean(globalThis.suite)', FIRST_MS);
  await page.evaluate(`{ const video = document.querySelector('video'); Object.assign(video.style, { position: 'fixed', inset: 0, width: '${SIZE.width}px', height: '${SIZE.height}px' }); }`);
  const { first, step, count } = truth.secondTones;
  const tones = Array.from({ length: count }, (_, second) => first + step * second);
  await page.evaluate(`suite.start(${JSON.stringify({ url: manifestUrl, format, player, from: 0, audio: null, pilots: listen ? truth.pilots.map(({ hertz }) => hertz) : [], tones, protection })})`);
  await until(page, `suite.summary().failed || document.querySelector('video').currentTime > 0`, FIRST_MS).catch(() => undefined);
  const stop = await page.film();
  await until(page, `suite.summary().failed || document.querySelector('video').currentTime > ${seconds}`, seconds * 1000 + 8000).catch(() => undefined);
  const shots = await stop();
  const told = recordingSchema.parse(await page.evaluate('suite.finish()'));
  // They may overtake one another on their way.
  const frames = readings(shots.toSorted((a, b) => a.at - b.at).map(({ png, at }) => ({ mark: markOf(readPng(png)), at })));
  const seeks = frames.length === 0 ? [] : await seek(page, request);
  await page.evaluate('suite.destroy()').catch(() => undefined);
  // Readings from outside come without presentation times.
  const recording = { ...told, frames, reads: shots.length, presented: 0, dropped: 0, startup: frames[0]?.at ?? null };
  const limits = { ...limitsOf(driver.name, Math.max(0.5, seconds - 1)), frameShare: driver.name === 'chromium' ? THRESHOLDS.screencast.value : THRESHOLDS.screenshots.value };
  const heard = listen ? truth : { ...truth, pilots: [] };
  return { ...judge(recording, seeks, heard, limits, ['time', 'sync', 'startup']), seeks, refused: page.responses().filter(({ status }) => status >= 400), messages: page.messages() };
}

/** Aims at the middle of each picture, and looks again while the one before is still there. */
async function seek(page: BrowserPage, { truth, seekTo = [] }: ScreenRequest): Promise<readonly SeekReading[]> {
  const rate = truth.frameRate === null ? 1 : truth.frameRate.num / truth.frameRate.den;
  const read: SeekReading[] = [];
  for (const frame of seekTo) {
    await page.evaluate(`suite.show(${truth.videoStart + (frame + 0.5) / rate})`);
    let mark: Mark | null = null;
    for (let look = 0; look < 10 && mark?.counter !== frame % COUNTER_MODULUS; look++) {
      if (look > 0) await pause(LOOK_EVERY_MS);
      mark = markOf(readPng(await page.screenshot()));
    }
    read.push({ frame, counter: mark?.counter ?? null, rendition: mark?.rendition ?? null });
  }
  return read;
}

/** Changes of the picture's number, in order. */
function readings(marks: readonly { readonly mark: Mark | null; readonly at: number }[]): FrameReading[] {
  const [{ at: began } = { at: 0 }] = marks;
  const frames: FrameReading[] = [];
  for (const { mark, at } of marks) {
    if (mark === null || (frames.at(-1)?.counter === mark.counter && frames.at(-1)?.rendition === mark.rendition)) continue;
    frames.push({ at: at - began, counter: mark.counter, rendition: mark.rendition, clock: 0, mediaTime: null });
  }
  return frames;
}

/** The strip over the picture's whole width, brought to the size that marks are read at. */
export function markOf({ width, height, channels, pixels }: Picture): Mark | null {
  const strip = new Uint8Array(STRIP_WIDTH * STRIP_HEIGHT * 4);
  for (let y = 0; y < STRIP_HEIGHT; y++) {
    const from = Math.floor(((y + 0.5) * height * STRIP_SHARE) / STRIP_HEIGHT);
    for (let x = 0; x < STRIP_WIDTH; x++) {
      const at = (from * width + Math.floor(((x + 0.5) * width) / STRIP_WIDTH)) * channels;
      strip.set(pixels.subarray(at, at + 3), (y * STRIP_WIDTH + x) * 4);
    }
  }
  return readMark(strip);
}

async function until(page: BrowserPage, expression: string, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    if ((await page.evaluate(expression)) === true) return;
    await pause(LOOK_EVERY_MS);
  }
  throw new Error(`no end within ${milliseconds} ms: ${page.messages().join('; ')}`);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
