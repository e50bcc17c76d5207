/**
 * Observes a page that the suite did not write: whatever plays in its video element is read from the picture. What the
 * page says of itself is asked too, and has to agree.
 */
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import type { BrowserDriver, BrowserPage } from './drivers/driver.ts';
import { judge, limitsOf } from './judge.ts';
import { recording as recordingSchema, type Observation, type Recording, type ReplayTruth, type Verdict } from './model.ts';
import { observerScript } from './script.ts';

/** What a demo page tells tests about itself (`window.isomerPage.state()`). */
const pageState = z.looseObject({
  asset: z.string().nullable(),
  output: z.string().nullable(),
  player: z.string().nullable(),
  state: z.string(),
  time: z.number(),
  width: z.number(),
  height: z.number(),
  audio: z.string().nullable(),
  languages: z.array(z.string()),
  errors: z.array(z.string()),
});
export type PageState = z.infer<typeof pageState>;

export type Visit = {
  readonly observation: Observation;
  readonly verdict: Verdict;
  readonly recording: Recording;
  readonly state: PageState | null;
  readonly messages: readonly string[];
};

export type VisitRequest = { readonly url: string; readonly truth: ReplayTruth; readonly seconds?: number; /** Milliseconds until the first picture. */ readonly patience?: number; readonly attempts?: number };

/** Only what a busy machine can cause is tried again; the last answer stands. */
const ATTEMPTS = 3;
const LOOK_EVERY_MS = 150;
const PATIENCE_MS = 20_000;
const STUCK_MS = 5000;

export async function visit(driver: BrowserDriver, request: VisitRequest): Promise<Visit> {
  for (let attempt = 1; ; attempt++) {
    const page = await driver.open();
    try {
      const result = await watchPage(page, driver, request);
      if (!result.verdict.maybeSlow || attempt >= (request.attempts ?? ATTEMPTS)) return result;
    } finally {
      await page.close();
    }
  }
}

async function watchPage(page: BrowserPage, driver: BrowserDriver, { url, truth, seconds = 2.5, patience = PATIENCE_MS }: VisitRequest): Promise<Visit> {
  await page.goto(url);
  await attachObserver(page, truth);
  const rate = truth.frameRate === null ? 0 : truth.frameRate.num / truth.frameRate.den;
  let seen = 0;
  for (let since = 0; seen < seconds * rate && since < (seen === 0 ? patience : STUCK_MS); since += LOOK_EVERY_MS) {
    await pause(LOOK_EVERY_MS);
    const now = z.int().parse(await page.evaluate('isomerObserver.seen'));
    if (now > seen) since = 0;
    seen = now;
    if (seen === 0 && (await stateOf(page))?.errors.length) break;
  }
  const recording = recordingSchema.parse(await page.evaluate('isomerObserver.recording()'));
  const state = await stateOf(page);
  return { ...judge(recording, [], truth, limitsOf(driver.name, seconds)), recording, state, messages: [...page.messages()] };
}

/** Hangs the observers on the first video element of the page. */
export async function attachObserver(page: BrowserPage, truth: ReplayTruth): Promise<void> {
  const { first, step, count } = truth.secondTones;
  const options = {
    pilots: truth.pilots.map(({ hertz }) => hertz),
    tones: Array.from({ length: count }, (_, second) => first + step * second),
    listen: truth.pilots.length > 0,
  };
  const attach = `globalThis.isomerObserver = isomerObservers.observeVideo(document.querySelector('video'), ${JSON.stringify(options)}); undefined`;
  await page.evaluate(`${await observerScript()}\n${attach}`);
}

export async function stateOf(page: BrowserPage): Promise<PageState | null> {
  const state = await page.evaluate('globalThis.isomerPage?.state() ?? null');
  return state === null ? null : pageState.parse(state);
}
