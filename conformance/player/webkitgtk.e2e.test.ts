/** WebKitGTK's own player: the one browser here that decodes Dolby and DTS. Where it is not installed nothing of this runs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FormatId } from '../../spec/requirement.ts';
import { formatRow } from '../outputs.ts';
import { startOrigin, type RunningOrigin } from '../subject/self.ts';
import { playCell } from './campaign.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import { launchBrowser } from './drivers/launch.ts';
import { locateBrowser } from './drivers/locate.ts';
import { launchWebKitGtk } from './drivers/webkitgtk.ts';
import { planReplays, type Cell } from './plan.ts';
import { PLAYERS } from './players.ts';
import { probeBrowser, type Probe } from './probe.ts';
import { openStage, type Stage } from './serve.ts';
import { CORPUS, ORIGIN_ENTRY, readContent } from './testing.ts';

const located = await locateBrowser('webkitgtk', process.env);
let origin: RunningOrigin;
let stage: Stage;
let driver: BrowserDriver;
let probe: Probe;

beforeAll(async (): Promise<void> => {
  if ('missing' in located) return;
  origin = await startOrigin(CORPUS, ORIGIN_ENTRY);
  stage = await openStage();
  driver = await launchBrowser('webkitgtk', process.env);
  probe = await probeBrowser(driver, stage);
});
afterAll(async () => {
  await driver?.close();
  await stage?.close();
  await origin?.stop();
});

async function cellOf(asset: string, format: FormatId): Promise<Cell> {
  const { manifest, content } = await readContent(asset);
  const url = `${origin.url}/${asset}/${manifest}/${formatRow(format).resource}`;
  const [cell] = planReplays({ targets: [{ content, format, url }], players: PLAYERS.filter(({ name }) => name === 'native'), probes: new Map([['webkitgtk', probe]]), templates: ['sequential'], tier: 'full' });
  return cell;
}

test.skipIf('missing' in located)('says what it decodes before it is asked to', () => {
  expect(probe.native).toMatchObject({ 'application/vnd.apple.mpegurl': 'maybe', 'application/dash+xml': 'maybe' });
  expect(probe.mediaSource).toMatchObject({ 'audio/mp4; codecs="ec-3"': true, 'video/mp4; codecs="hvc1.1.6.L93.B0"': true });
});

test.skipIf('missing' in located).for([
  ['E-AC-3', 'eac3-71', 'hls-cmaf', []],
  ['DTS-HD', 'dts-lossless', 'hls-cmaf', ['dtsl']],
  ['AAC beside DTS', 'dts-core', 'dash-cmaf', []],
] as const)('%s: %s is heard in %s', async ([, asset, format, leftOut]) => {
  const cell = await cellOf(asset, format);
  expect(cell).toMatchObject({ cannot: null, leftOut });
  const { judged, version } = await playCell(cell, stage, driver);
  // Pictures that two busy cores do not show in time come to no verdict; sound and seeks do.
  expect(judged.verdict.outcome, judged.verdict.reasons.join('; ')).not.toBe('fail');
  expect(judged.observation.pilots).toEqual([5000]);
  expect(judged.observation.tones.right).toBeGreaterThan(30);
  expect(judged.observation.seeks.right).toBe(judged.observation.seeks.asked);
  expect(version).toBe('');
});

test.skipIf('missing' in located)('a browser that does not come up is told of, and leaves nothing behind', async () => {
  const broken = await launchWebKitGtk('/bin/false');
  await expect(broken.open()).rejects.toThrow(/^WebKitWebDriver: POST/);
  await broken.close();
}, 60_000);
