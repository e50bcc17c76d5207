/** Plays one manifest with one player in one browser and says what was seen, heard and meant. */
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import type { BrowserDriver, BrowserPage, Response } from './drivers/driver.ts';
import { judge, limitsOf } from './judge.ts';
import { COUNTER_MODULUS } from './marks.ts';
import { recording as recordingSchema, seekReading } from './model.ts';
import type { ManifestFormat, Observation, PlayerName, Recording, ReplayTruth, SeekReading, Verdict } from './model.ts';
import type { Stage } from './serve.ts';

export type ReplayRequest = {
  readonly manifestUrl: string;
  readonly format: ManifestFormat;
  /** `pretender` is the suite's own liar: it must fail. */
  readonly player: PlayerName | 'pretender';
  readonly truth: ReplayTruth;
  /** Where the window begins and how long it is, in seconds. */
  readonly from?: number;
  readonly seconds?: number;
  /** Language to choose before playing; absent: the player's choice. */
  readonly audio?: string;
  /** Picture numbers to seek to after the window. */
  readonly seekTo?: readonly number[];
};

export type Replay = {
  readonly browser: string;
  readonly player: string;
  readonly observation: Observation;
  readonly verdict: Verdict;
  readonly recording: Recording;
  readonly seeks: readonly SeekReading[];
  /** Requests that were refused, with their statuses; the origin's own answers, not the player's story. */
  readonly refused: readonly Response[];
  readonly messages: readonly string[];
};

const summarySchema = z.object({
  seen: z.int(),
  clock: z.number(),
  ended: z.boolean(),
  elapsed: z.number(),
  failed: z.boolean(),
  version: z.string().nullable(),
});
type Summary = z.infer<typeof summarySchema>;

/** Only what a busy machine can cause is tried again; the last answer stands. */
const ATTEMPTS = 3;
const LOOK_EVERY_MS = 150;
/** How long the first picture may take, and how long any other. */
const PATIENCE_MS = 20_000;
const STUCK_MS = 5000;

export async function replay(driver: BrowserDriver, stage: Stage, request: ReplayRequest): Promise<Replay> {
  for (let attempt = 1; ; attempt++) {
    const result = await replayOnce(driver, stage, request);
    if (!result.verdict.maybeSlow || attempt === ATTEMPTS) return result;
  }
}

async function replayOnce(driver: BrowserDriver, stage: Stage, request: ReplayRequest): Promise<Replay> {
  const page = await driver.open();
  try {
    return await replayIn(page, driver, stage, request);
  } finally {
    await page.close();
  }
}

async function replayIn(page: BrowserPage, driver: BrowserDriver, stage: Stage, request: ReplayRequest): Promise<Replay> {
  const { truth, seconds = 3, from = 0 } = request;
  await page.goto(stage.url);
  await until(page, 'Boolean(globalThis.suite)', PATIENCE_MS);
  const { first, step, count } = truth.secondTones;
  const start = {
    url: request.manifestUrl,
    format: request.format,
    player: request.player,
    from,
    audio: request.audio ?? null,
    pilots: [...new Set(truth.pilots.map((pilot) => pilot.hertz))],
    tones: Array.from({ length: count }, (_, second) => first + step * second),
  };
  await page.evaluate(`suite.start(${JSON.stringify(start)})`);
  const last = await watch(page, truth, from, seconds);
  const finished = await page.evaluate('suite.finish()');
  if (finished === null) throw new Error(`the player ${request.player} did not load: ${page.messages().join('; ')}`);
  const recording = recordingSchema.parse(finished);
  const { observation } = judge(recording, [], truth, limitsOf(driver.name, seconds));
  const seeks = last.failed || observation.framesSeen === 0 ? [] : await seek(page, request.seekTo ?? [], truth, observation.offset ?? 0);
  const judged = judge(recording, seeks, truth, limitsOf(driver.name, seconds));
  await page.evaluate('suite.destroy()');
  return {
    browser: driver.name,
    player: `${request.player} ${last.version ?? ''}`.trim(),
    ...judged,
    recording,
    seeks,
    refused: page.responses().filter((response) => response.status >= 400),
    messages: page.messages(),
  };
}

/** Ends as soon as the window has been played, something fatal happened or patience ran out. */
async function watch(page: BrowserPage, truth: ReplayTruth, from: number, seconds: number): Promise<Summary> {
  const rate = truth.frameRate === null ? 0 : truth.frameRate.num / truth.frameRate.den;
  const wanted = Math.min(seconds * rate, truth.frames - from * rate);
  let seen = 0;
  let changed = 0;
  for (;;) {
    const summary = summarySchema.parse(await page.evaluate('suite.summary()'));
    if (summary.seen !== seen) changed = summary.elapsed;
    seen = summary.seen;
    const shown = rate > 0 ? summary.seen >= wanted : summary.clock >= from + seconds;
    // A clock that ran far past the window without pictures will not bring them.
    const hopeless = summary.clock > from + seconds + 3;
    const stuck = summary.elapsed > (seen > 0 ? changed + STUCK_MS : PATIENCE_MS);
    if (shown || hopeless || stuck || summary.failed || summary.ended) return summary;
    await pause(LOOK_EVERY_MS);
  }
}

/** Aims at the middle of each picture, shifted by what this player does to the whole timeline. */
async function seek(page: BrowserPage, frames: readonly number[], truth: ReplayTruth, offset: number): Promise<readonly SeekReading[]> {
  if (frames.length === 0 || truth.frameRate === null) return [];
  const rate = truth.frameRate.num / truth.frameRate.den;
  const points = frames.map((frame) => ({ frame, counter: frame % COUNTER_MODULUS, seconds: truth.videoStart + (frame + 0.5 + offset) / rate }));
  return z.array(seekReading).parse(await page.evaluate(`suite.seekThrough(${JSON.stringify(points)})`));
}

async function until(page: BrowserPage, expression: string, milliseconds: number): Promise<void> {
  for (let waited = 0; waited < milliseconds; waited += LOOK_EVERY_MS) {
    if ((await page.evaluate(expression)) === true) return;
    await pause(LOOK_EVERY_MS);
  }
  throw new Error(`the page did not get ready: ${page.messages().join('; ')}`);
}
