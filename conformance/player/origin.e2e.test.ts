/** The suite's own replay of the origin, from another origin than its page, in each browser: one asset, every output. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startOrigin, type RunningOrigin } from '../subject/self.ts';
import { FORMATS } from '../outputs.ts';
import { defectOf } from './defects.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import { BROWSERS, launchBrowser } from './drivers/launch.ts';
import type { ManifestFormat, PlayerName } from './model.ts';
import { probeBrowser, type Probe } from './probe.ts';
import { replay } from './replay.ts';
import { openStage, type Stage } from './serve.ts';
import { CORPUS, ORIGIN_ENTRY, readCorpusAsset } from './testing.ts';

const ASSET = 'h264-aac-mbr3';
/** Around the two fragment boundaries of the asset, and in its last fragment. */
const SEEKS = [0, 1, 179, 180, 181, 359, 360, 361, 368];

const PLAYERS: Readonly<Record<ManifestFormat, readonly PlayerName[]>> = { hls: ['hls.js', 'shaka', 'video.js', 'native'], dash: ['dash.js', 'shaka', 'rx-player', 'video.js'], smooth: ['dash.js', 'shaka-4', 'rx-player'] };
const CELLS = FORMATS.flatMap(({ id, kind, resource }) => PLAYERS[kind].map((player) => [id, player, kind, resource] as const));

let origin: RunningOrigin;
let stage: Stage;

beforeAll(async () => {
  origin = await startOrigin(CORPUS, ORIGIN_ENTRY);
  stage = await openStage();
});
afterAll(async () => {
  await stage?.close();
  await origin?.stop();
});

describe.each(BROWSERS)('in %s', (name) => {
  let driver: BrowserDriver;
  let probed: Promise<Probe>;
  beforeAll(async () => {
    driver = await launchBrowser(name, process.env);
    probed = probeBrowser(driver, stage);
  });
  afterAll(() => driver?.close());

  test.for(CELLS)('%s plays in %s', async ([format, player, kind, resource], context) => {
    const defect = defectOf({ player: { name: player }, browser: name, target: { format, content: { asset: ASSET } }, template: { id: 'sequential' } });
    if (defect !== null && defect.intermittent !== true) context.skip(`${defect.statement} (${defect.reference})`);
    if (player === 'native' && (await probed).native['application/vnd.apple.mpegurl'] === '') context.skip('this browser says that it does not play HLS by itself');
    const { manifest, truth } = await readCorpusAsset(ASSET);
    const manifestUrl = `${origin.url}/${ASSET}/${manifest}/${resource}`;
    const { verdict, observation, refused } = await replay(driver, stage, { manifestUrl, format: kind, player, truth, seekTo: SEEKS });
    expect(verdict).toMatchObject({ outcome: 'pass', reasons: [] });
    expect(refused).toEqual([]);
    expect(observation).toMatchObject({ pilots: [5000], seeks: { asked: SEEKS.length, right: SEEKS.length } });
  });
});
