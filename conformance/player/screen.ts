/**
 * Replay of protected content. With a key system attached a browser gives black to every script that looks, so the picture is read from
 * outside, from what the browser itself puts on the screen. How exactly it stands on the timeline is told by seeking.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { BrowserPage } from './drivers/driver.ts';
import { readPng, type Picture } from './drivers/png.ts';
import { COUNTER_MODULUS, readMark, STRIP_HEIGHT, STRIP_SHARE, STRIP_WIDTH, type Mark } from './marks.ts';
import { recording as recordingSchema, type FrameReading, type SeekReading, type Task, type TaskResult } from './model.ts';
import * as z from 'zod';
import { evidenceSchema } from '../../spec/replay.ts';

const SIZE = { width: 320, height: 180 };
const LOOK_EVERY_MS = 100;
const FIRST_MS = 20_000;
/** Beyond what is to be watched: for what the browser shows late. */
const LATE_MS = 8000;

/** A task of `watch` and `seek`, done from outside. Thumbnails would be black. */
export async function playOnScreen(page: BrowserPage, task: Task): Promise<TaskResult> {
  const [watch, seeking] = [task.steps.find((step) => step.do === 'watch'), task.steps.find((step) => step.do === 'seek')];
  const { url, format, player, from, pilots, tones, protection } = task;
  await page.resize(SIZE.width, SIZE.height);
  await until(page, 'Boolean(globalThis.suite)', FIRST_MS);
  await page.evaluate(`{ const video = document.querySelector('video'); Object.assign(video.style, { position: 'fixed', inset: 0, width: '${SIZE.width}px', height: '${SIZE.height}px' }); }`);
  await page.evaluate(`suite.start(${JSON.stringify({ url, format, player, from, audio: null, pilots, tones, protection: protection ?? undefined, blind: true })})`);
  const moved = (seconds: number): string => `suite.summary().failed || document.querySelector('video').currentTime > ${from + seconds}`;
  await until(page, moved(0), FIRST_MS).catch(() => undefined);
  const stop = await page.film();
  const seconds = watch?.seconds ?? 0;
  await until(page, moved(seconds), seconds * 1000 + LATE_MS).catch(() => undefined);
  const shots = await stop();
  const evidence = evidenceSchema.parse(await page.evaluate('suite.evidence()'));
  const told = recordingSchema.parse(await page.evaluate('suite.finish()'));
  const version = z.string().nullable().parse(await page.evaluate('suite.summary().version'));
  // They may overtake one another on their way.
  const frames = readings(shots.toSorted((a, b) => a.at - b.at).map(({ png, at }) => ({ mark: markOf(readPng(png)), at })));
  const seeks = frames.length === 0 || seeking === undefined ? [] : await seek(page, task, seeking.frames);
  await page.evaluate('suite.destroy()').catch(() => undefined);
  // Readings from outside come without presentation times.
  const recording = { ...told, frames, reads: shots.length, presented: 0, dropped: 0, startup: frames[0]?.at ?? null };
  return { recording, seeks, acts: [], version: version ?? '', ended: false, evidence: { ...evidence, strip: [] } };
}

/** Aims at the middle of each picture, and looks again while the one before is still there. */
async function seek(page: BrowserPage, { frameRate, videoStart }: Task, frames: readonly number[]): Promise<SeekReading[]> {
  const read: SeekReading[] = [];
  for (const frame of frames) {
    await page.evaluate(`suite.show(${videoStart + (frame + 0.5) / frameRate})`);
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
