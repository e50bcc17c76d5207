/** The origin's demo page in headless Chromium: every asset × output plays, by the pictures and tones that come out. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startOrigin, type RunningOrigin } from '../subject/self.ts';
import type { BrowserDriver, BrowserPage } from './drivers/driver.ts';
import { launchBrowser } from './drivers/launch.ts';
import { createGate } from './gate.ts';
import { CORPUS, ORIGIN_ENTRY, readCorpusAsset } from './testing.ts';
import { attachObserver, stateOf, visit, type Visit } from './visit.ts';

const ASSETS = ['h264-aac-mbr3', 'h264-multiaudio', 'muxed-mbr', 'fps25'];
const OUTPUTS = ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf', 'smooth'];
const CELLS = ASSETS.flatMap((asset) => OUTPUTS.map((output) => [asset, output] as const));
/** The page's own choice is covered by every cell; these are the others it offers. */
const OTHER_PLAYERS = [
  ['hls-v3', 'shaka'],
  ['hls-v4', 'shaka'],
  ['hls-cmaf', 'shaka'],
  ['dash-csf', 'shaka'],
  ['dash-cmaf', 'shaka'],
  ['hls-cmaf', 'native'],
] as const;
/** Pilot tone of the track that each asset lists first. */
const FIRST_PILOT: Readonly<Record<string, number>> = { 'h264-aac-mbr3': 5000, 'h264-multiaudio': 5000, 'muxed-mbr': 5000, fps25: 6000 };

let origin: RunningOrigin;
let driver: BrowserDriver;
// Software decoding of three pictures at once is more than two cores can do in time.
const gate = createGate(2);

beforeAll(async () => {
  origin = await startOrigin(CORPUS, ORIGIN_ENTRY);
  driver = await launchBrowser('chromium', process.env);
});
afterAll(async () => {
  await driver?.close();
  await origin?.stop();
});

function link(selection: Readonly<Record<string, string>>): string {
  return `${origin.url}/#${new URLSearchParams(selection).toString()}`;
}

/** Two at a time; what may only have been crowded out is looked at again alone. */
async function watch(asset: string, selection: Readonly<Record<string, string>>): Promise<Visit> {
  const { truth } = await readCorpusAsset(asset);
  const request = { url: link({ asset, ...selection, autoplay: '1' }), truth };
  const seen = await gate.take(1, () => visit(driver, { ...request, attempts: 1 }));
  return seen.verdict.maybeSlow ? gate.take(2, () => visit(driver, request)) : seen;
}

async function waitFor(page: BrowserPage, expression: string): Promise<void> {
  await expect.poll(() => page.evaluate(expression), { timeout: 15_000, interval: 100 }).toBe(true);
}

describe('the demo page plays', { concurrent: true }, () => {
  test.for(CELLS)('%s as %s', async ([asset, output]) => {
    const seen = await watch(asset, { output });
    expect(seen.verdict).toMatchObject({ outcome: 'pass', reasons: [] });
    expect(seen.observation.pilots).toEqual([FIRST_PILOT[asset]]);
    expect(seen.state).toMatchObject({ asset, output, state: 'playing', errors: [] });
    expect(seen.state?.width).toBeGreaterThan(0);
    expect(seen.messages).toEqual([]);
  });

  test.for(OTHER_PLAYERS)('%s with %s', async ([output, player]) => {
    const asset = 'h264-aac-mbr3';
    const seen = await watch(asset, { output, player });
    expect(seen.verdict).toMatchObject({ outcome: 'pass', reasons: [] });
    expect(seen.state).toMatchObject({ asset, output, player, state: 'playing', errors: [] });
  });
});

describe('the demo page', () => {
  test('changes the language while it plays', async () => {
    const { truth } = await readCorpusAsset('h264-multiaudio');
    const page = await driver.open();
    try {
      await page.goto(link({ asset: 'h264-multiaudio', output: 'hls-cmaf', autoplay: '1' }));
      await attachObserver(page, truth);
      await waitFor(page, 'isomerObserver.seen > 20');
      await page.evaluate(`{ const s = document.querySelector('#audio'); s.value = [...s.options].find((o) => o.text.startsWith('French')).value; s.dispatchEvent(new Event('change')); }`);
      await waitFor(page, 'isomerObserver.recording().sounds.slice(-5).every((sound) => sound.pilot === 6000)');
      expect((await stateOf(page))?.audio).toMatch(/^fra?$/);
    } finally {
      await page.close();
    }
  });

  test('changes the language of a multiplexed output through its URL', async () => {
    const { truth } = await readCorpusAsset('h264-multiaudio');
    const page = await driver.open();
    try {
      await page.goto(link({ asset: 'h264-multiaudio', output: 'hls-v3', autoplay: '1' }));
      await attachObserver(page, truth);
      await waitFor(page, 'isomerObserver.seen > 20');
      await page.evaluate(`{ const s = document.querySelector('#audio'); s.value = [...s.options].find((o) => o.text.startsWith('Français')).value; s.dispatchEvent(new Event('change')); }`);
      await waitFor(page, 'isomerObserver.recording().sounds.slice(-5).every((sound) => sound.pilot === 6000)');
      expect(await page.evaluate('document.querySelector("#url").value')).toContain('audioTrack=');
    } finally {
      await page.close();
    }
  });

  test('is used with the keyboard alone', async () => {
    const page = await driver.open();
    try {
      await page.goto(`${origin.url}/`);
      await waitFor(page, 'globalThis.isomerPage?.state().ready === true');
      await page.press('Tab');
      await page.press('Enter');
      expect(await page.evaluate('document.activeElement.id')).toBe('assets-title');
      for (let i = 0; i < 200; i++) {
        await page.press('Tab');
        if ((await page.evaluate(`document.activeElement.getAttribute('aria-label') ?? ''`)) === 'Play h264-aac-mbr3 as HLS CMAF') break;
      }
      await page.press('Enter');
      await waitFor(page, `isomerPage.state().state === 'playing' && isomerPage.state().time > 0.5`);
      expect(await stateOf(page)).toMatchObject({ asset: 'h264-aac-mbr3', output: 'hls-cmaf', errors: [] });
    } finally {
      await page.close();
    }
  });

  test('says in words what the origin refuses', async () => {
    const page = await driver.open();
    try {
      await page.goto(`${origin.url}/`);
      await waitFor(page, 'globalThis.isomerPage?.state().ready === true');
      // The list says that the asset is there; its audio track of this name is not.
      await page.evaluate(`location.hash = 'asset=h264-multiaudio&output=hls-v3&audio=nobody&autoplay=1'`);
      await waitFor(page, 'isomerPage.state().errors.length > 0');
      const state = await stateOf(page);
      expect(state?.state).toBe('failed');
      expect(state?.errors[0]).toMatch(/^The origin answered 4\d\d MPE_\w+: .*track/);
      const failed = await page.evaluate(`[...document.querySelectorAll('#log-lines .failed')].map((row) => [...row.cells].slice(1, 3).map((cell) => cell.textContent))`);
      expect(failed).toContainEqual(['404', expect.stringContaining('audioTrack=nobody')]);
      expect(failed).toContainEqual(['player', state?.errors[0]]);
    } finally {
      await page.close();
    }
  });

  test('fits a phone without scrolling sideways', async () => {
    const page = await driver.open();
    try {
      for (const [width, height] of [[360, 740], [820, 1180], [1440, 900]] as const) {
        await page.resize(width, height);
        await page.goto(link({ asset: 'h264-multiaudio', output: 'dash-csf' }));
        await waitFor(page, 'globalThis.isomerPage?.state().ready === true');
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `${width} wide`).toBe(true);
      }
    } finally {
      await page.close();
    }
  });
});
