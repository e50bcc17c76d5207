/** The campaign proves itself: a vendor's adapter plays, and each thing made wrong on purpose is caught by the template that is there for it. */
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { playCell } from './campaign.ts';
import type { Content } from './content.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import { launchBrowser } from './drivers/launch.ts';
import { FIXTURE_TRUTH, openFixture, type Fault, type Fixture } from './fixture.ts';
import { planReplays } from './plan.ts';
import { PLAYERS, type PlayerRow } from './players.ts';
import { probeBrowser, type Probe } from './probe.ts';
import { openStage, type Stage } from './serve.ts';
import { describeModule } from './vendor.ts';

const ADAPTER = fileURLToPath(new URL('./example/adapter.mjs', import.meta.url));
const CONTENT: Content = {
  asset: 'fixture',
  truth: FIXTURE_TRUTH,
  frameRate: 25,
  seconds: 12,
  qualities: [1],
  languages: [{ language: 'eng', pilot: 5000 }],
  syncFrames: [0, 50, 100, 150, 200, 250],
  sampleEntries: ['avc1', 'mp4a'],
  mostPixels: 320 * 180,
};

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
afterEach(() => fixture.setFault(null));

async function play(template: string, player: string | PlayerRow, format: 'hls-v3' | 'dash-csf') {
  const url = `${fixture.url}/${format === 'hls-v3' ? 'ts/index.m3u8' : 'dash/manifest.mpd'}`;
  const players = typeof player === 'string' ? PLAYERS.filter(({ name }) => name === player) : [player];
  const cells = planReplays({ targets: [{ content: CONTENT, format, url }], players, probes: new Map([['chromium', probe]]), templates: [template], tier: 'full' });
  expect(cells).toHaveLength(1);
  expect(cells[0].cannot).toBeNull();
  for (let tries = 1; ; tries++) {
    const { judged } = await playCell(cells[0], stage, driver);
    if (!judged.verdict.maybeSlow || tries === 3) return judged;
  }
}

/** Moves the decode times (ISO/IEC 14496-12 8.8.12) of the segments whose path matches. */
function late(path: RegExp, ticks: number): Fault {
  return async (asked, body) => {
    const at = body.indexOf('tfdt') + 4;
    if (!path.test(asked) || at < 4) return body;
    const copy = Buffer.from(body);
    if (copy[at] === 1) copy.writeBigUInt64BE(copy.readBigUInt64BE(at + 4) + BigInt(ticks), at + 4);
    else copy.writeUInt32BE(copy.readUInt32BE(at + 4) + ticks, at + 4);
    return copy;
  };
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

describe('what is wrong on purpose is caught', () => {
  // The fixture's video counts in 12800ths of a second, its sound in 48000ths.
  test.each([
    ['a video segment that is five pictures late', late(/stream0-0000[23]/, 5 * 512), /missing|timeline bends|stalled/],
    ['sound that is 200 ms late', late(/stream1-/, 9600), /ahead of the sound|another second/],
    ['a damaged tail of every video segment', async (path: string, body: Buffer) => (/stream0-0000[2-4]/.test(path) ? Buffer.concat([body.subarray(0, body.length >> 1), Buffer.alloc(body.length - (body.length >> 1), 0xa5)]) : body), /./],
    ['a segment that is left out', async (path: string, body: Buffer) => (path.includes('stream0-00002') ? null : body), /./],
  ] satisfies readonly [string, Fault, RegExp][])('%s', async (_name, fault, reason) => {
    fixture.setFault(fault);
    const { verdict } = await play('sequential', 'dash.js', 'dash-csf');
    expect(verdict.outcome).toBe('fail');
    expect(verdict.reasons.join('\n')).toMatch(reason);
  });

  test('a player that lies', async () => {
    const { verdict } = await play('to-end', { name: 'pretender', kinds: ['dash'], choosesQuality: true, choosesAudio: true, module: null }, 'dash-csf');
    expect(verdict.outcome).toBe('fail');
    expect(verdict.reasons[0]).toMatch(/^no picture could be read/);
  });
});
