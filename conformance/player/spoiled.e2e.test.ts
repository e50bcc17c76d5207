/** What is made wrong on purpose between an origin and a player is caught, and the reason names what was seen. The same player on the same origin without the fault passes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FormatId } from '../../spec/requirement.ts';
import { startProxy, type Asked, type Fault, type Wire } from '../faults/proxy.ts';
import { masterUrls } from '../outputs.ts';
import { startOrigin, type RunningOrigin } from '../subject/self.ts';
import { playCell } from './campaign.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import { launchBrowser } from './drivers/launch.ts';
import { disguise } from './fixture.ts';
import { planReplays } from './plan.ts';
import { PLAYERS } from './players.ts';
import { probeBrowser, type Probe } from './probe.ts';
import { openStage, type Stage } from './serve.ts';
import { CORPUS, ORIGIN_ENTRY, readContent } from './testing.ts';

const ASSET = 'h264-multiaudio';
/** Timescale of its pictures, and what one lasts. */
const PICTURE = 1001;
const SECOND_SEGMENT = '60060000';

type Spoil = (body: Buffer, asked: Asked) => Buffer | null | Promise<Buffer | null>;

/** Changes the bodies of segments whose path matches; null: it is not there. */
function segments(path: RegExp, change: Spoil): Fault['spoil'] {
  return async (asked: Asked, wire: Wire) => {
    if (asked.method !== 'GET' || wire.status >= 300 || !path.test(asked.path)) return false;
    const body = await change(Buffer.from(wire.body), asked);
    if (body === null) wire.status = 404;
    wire.body = body ?? Buffer.alloc(0);
    return true;
  };
}

const video = (time: string): RegExp => new RegExp(`Fragments\\(video=${time},`);
/** Whichever language a player begins with. */
const AUDIO = /Fragments\((?!video=)[^=,]+=\d/;
const ENGLISH = /Fragments\(English=\d/;

/** ISO/IEC 14496-12 8.8.12, version 1. */
function moved(ticks: number): Spoil {
  return (body) => {
    const at = body.indexOf('tfdt') + 8;
    body.writeBigUInt64BE(body.readBigUInt64BE(at) + BigInt(ticks), at);
    return body;
  };
}

/** Adds to the composition offsets of samples in the middle of the run (8.8.8). */
function lateFrames(body: Buffer): Buffer {
  const at = body.indexOf('trun') + 4;
  const flags = body.readUIntBE(at + 1, 3);
  if ((flags & 0x800) === 0) throw new Error('the run has no composition offsets to change');
  const fields = [0x100, 0x200, 0x400, 0x800].filter((flag) => (flags & flag) !== 0).length;
  const samples = at + 8 + ((flags & 1) === 0 ? 0 : 4) + ((flags & 4) === 0 ? 0 : 4);
  for (let sample = 20; sample < 50; sample++) {
    const offset = samples + (sample * fields + fields - 1) * 4;
    body.writeInt32BE(body.readInt32BE(offset) + 3 * PICTURE, offset);
  }
  return body;
}

function damaged(body: Buffer): Buffer {
  return body.fill(0xa5, body.length >> 1);
}

type Row = readonly [name: string, template: string, player: string, format: FormatId, asset: string, spoil: Fault['spoil'] | null, seen: RegExp | null];

const ROWS: readonly Row[] = [
  ['nothing', 'sequential', 'dash.js', 'dash-cmaf', ASSET, null, null],
  ['a segment that shows what belongs to another', 'sequential', 'dash.js', 'dash-cmaf', ASSET, segments(video('0'), async (body, asked) => disguise(await asked.fetch(asked.path.replace('video=0,', `video=${SECOND_SEGMENT},`)), body)), /off their presentation times/],
  ['a decode time that is five pictures late', 'sequential', 'dash.js', 'dash-cmaf', ASSET, segments(video('0'), moved(5 * PICTURE)), /shown 5(?:\.\d+)? frames off/],
  ['pictures that come three late in the middle of a segment', 'sequential', 'dash.js', 'dash-cmaf', ASSET, segments(video('0'), lateFrames), /timeline bends|pictures were seen; missing/],
  ['sound that is 200 ms late', 'sequential', 'dash.js', 'dash-cmaf', ASSET, segments(AUDIO, moved(9600)), /ahead of the sound/],
  ['sound of another language', 'audio', 'dash.js', 'dash-cmaf', ASSET, segments(ENGLISH, (_body, asked) => asked.fetch(asked.path.replace('English=', 'Deutsch='))), /pilot 5000 Hz was not heard|pilots .* were heard last/],
  ['a segment that is left out', 'sequential', 'dash.js', 'dash-cmaf', ASSET, segments(video(SECOND_SEGMENT), () => null), /the player reported|seeks showed another picture/],
  ['a damaged tail of media data', 'sequential', 'dash.js', 'dash-cmaf', ASSET, segments(video('0'), damaged), /the player reported|pictures were seen; missing|no picture could be read|timeline bends/],
  ['a cue that comes half a second late', 'text', 'hls.js', 'hls-v4', 'text-webvtt', segments(/Fragments\(captions=\d/, (body) => Buffer.from(body.toString().replaceAll('00:04.000 -->', '00:04.500 -->'))), /the cue of 4 s begins at 4\.5/],
];

let origin: RunningOrigin;
let stage: Stage;
let driver: BrowserDriver;
let probe: Probe;
beforeAll(async () => {
  origin = await startOrigin(CORPUS, ORIGIN_ENTRY);
  stage = await openStage();
  driver = await launchBrowser('chromium', process.env);
  probe = await probeBrowser(driver, stage);
});
afterAll(async () => {
  await driver?.close();
  await stage?.close();
  await origin?.stop();
});

test.each(ROWS)('%s: %s in %s, %s', async (name, template, player, format, asset, spoil, seen) => {
  const { manifest, content } = await readContent(asset);
  const proxy = await startProxy(origin.url);
  try {
    if (spoil !== null) proxy.spoilWith({ name, requirements: [], spoil });
    const url = masterUrls(`${proxy.url}/${asset}/${manifest}`).find((each) => each.format === format)?.url ?? '';
    const [cell] = planReplays({ targets: [{ content, format, url }], players: PLAYERS.filter((each) => each.name === player), probes: new Map([['chromium', probe]]), templates: [template], tier: 'full' });
    const { judged: { verdict } } = await playCell(cell, stage, driver);
    expect(verdict.reasons.join('\n')).toMatch(seen ?? /^$/);
    expect(verdict.outcome).toBe(seen === null ? 'pass' : 'fail');
    if (spoil !== null) expect(proxy.spoiled()).toBeGreaterThan(0);
  } finally {
    await proxy.stop();
  }
});
