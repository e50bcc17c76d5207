/** The campaign proves itself: a vendor's adapter plays, and a player that lies is caught. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { playCell } from './campaign.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import { launchBrowser } from './drivers/launch.ts';
import { FIXTURE_CONTENT, openFixture, type Fixture } from './fixture.ts';
import { closeServer, listenOnLoopback } from './listen.ts';
import { planReplays } from './plan.ts';
import { PLAYERS, type PlayerRow } from './players.ts';
import { probeBrowser, type Probe } from './probe.ts';
import { openStage, type Stage } from './serve.ts';
import { describeModule, describePage } from './vendor.ts';

const ADAPTER = fileURLToPath(new URL('./example/adapter.mjs', import.meta.url));
let fixture: Fixture;
let stage: Stage;
let driver: BrowserDriver;
let probe: Probe;

beforeAll(async () => {
  fixture = await openFixture();
  stage = await openStage({ module: ADAPTER });
  driver = await launchBrowser('chromium', process.env);
  probe = await probeBrowser(driver, stage);
});
afterAll(async () => {
  await driver?.close();
  await stage?.close();
  await fixture?.close();
});

async function play(template: string, player: string | PlayerRow, format: 'hls-v3' | 'dash-csf') {
  const url = `${fixture.url}/${format === 'hls-v3' ? 'ts/index.m3u8' : 'dash/manifest.mpd'}`;
  const players = typeof player === 'string' ? PLAYERS.filter(({ name }) => name === player) : [player];
  const cells = planReplays({ targets: [{ content: FIXTURE_CONTENT, format, url }], players, probes: new Map([['chromium', probe]]), templates: [template], tier: 'full' });
  expect(cells).toHaveLength(1);
  expect(cells[0].cannot).toBeNull();
  for (let tries = 1; ; tries++) {
    const { judged } = await playCell(cells[0], stage, driver);
    if (!judged.verdict.maybeSlow || tries === 3) return judged;
  }
}

describe('a good stream', () => {
  test.each([['sequential', 'dash.js', 'dash-csf'], ['to-end', 'hls.js', 'hls-v3'], ['pause', 'dash.js', 'dash-csf'], ['manifest-once', 'hls.js', 'hls-v3'], ['lost-segment', 'dash.js', 'dash-csf']] as const)('passes %s in %s', async (template, player, format) => {
    expect((await play(template, player, format)).verdict).toMatchObject({ outcome: 'pass', reasons: [] });
  });

  test("plays in a vendor's player", async () => {
    const row = await describeModule(stage, () => launchBrowser('chromium', process.env));
    expect(row).toEqual({ name: 'example', kinds: ['hls'], choosesQuality: false, choosesAudio: false, module: '/vendor/adapter.mjs' });
    const { verdict, observation } = await play('sequential', row, 'hls-v3');
    expect(verdict).toMatchObject({ outcome: 'pass', reasons: [] });
    expect(observation.seeks.right).toBe(observation.seeks.asked);
  });
});

describe("a vendor's own page", () => {
  let site: Server;
  let address = '';
  beforeAll(async () => {
    const folder = fileURLToPath(new URL('./example/', import.meta.url));
    const liar = `<video></video><script>addEventListener('message', ({ data }) => { if (data.isomer === 'call') postMessage({ isomer: 'answer', id: data.id, value: data.method === 'describe' ? { name: 'liar', formats: ['hls'] } : data.method === 'state' ? { bitrates: [1] } : true }) })</script>`;
    site = createServer((request, response) => {
      const name = (request.url ?? '/').slice(1);
      const send = (body: string | Buffer): void => void response.writeHead(200, { 'content-type': name.endsWith('.mjs') ? 'text/javascript' : 'text/html' }).end(body);
      if (name === 'liar.html') send(liar);
      else if (name === 'mute.html') send('<video></video>');
      else readFile(folder + name).then(send, () => response.writeHead(404).end());
    });
    address = await listenOnLoopback(site);
  });
  afterAll(() => closeServer(site));
  const open = () => launchBrowser('chromium', process.env);

  test('plays, spoken to by messages', async () => {
    const row = await describePage(`${address}/page.html`, open);
    expect(row).toEqual({ name: 'example-page', kinds: ['hls'], choosesQuality: false, choosesAudio: false, module: `${address}/page.html` });
    const { verdict, observation } = await play('sequential', row, 'hls-v3');
    expect(verdict).toMatchObject({ outcome: 'pass', reasons: [] });
    expect(observation.seeks.right).toBe(observation.seeks.asked);
  });

  test('that says yes to everything and shows nothing fails; one that does not answer is refused', async () => {
    const { verdict } = await play('to-end', await describePage(`${address}/liar.html`, open), 'hls-v3');
    expect(verdict.outcome).toBe('fail');
    expect(verdict.reasons[0]).toMatch(/^no picture could be read/);
    await expect(describePage(`${address}/mute.html`, open)).rejects.toThrow(/does not answer/);
  });
});

test('a player that lies', async () => {
  const { verdict } = await play('to-end', { name: 'pretender', kinds: ['dash'], choosesQuality: true, choosesAudio: true, module: null }, 'dash-csf');
  expect(verdict.outcome).toBe('fail');
  expect(verdict.reasons[0]).toMatch(/^no picture could be read/);
});
