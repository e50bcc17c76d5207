/** Captions inside the pictures, as players decode them by themselves: readers of their own beside the one that makes text tracks. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENTS, openStage, type Stage } from './testing/cues.ts';

const STORED = join(import.meta.dirname, '../../corpus/.assets/captions-608');
/** Tracks that are added later are listened to as well. */
const HLS_CAPTIONS = `async (v, url) => {
  const hls = new Hls({ enableWorker: false });
  const parsed = new Promise((done) => hls.on(Hls.Events.MANIFEST_PARSED, done));
  v.textTracks.addEventListener('addtrack', ({ track }) => (track.mode = 'hidden'));
  hls.loadSource(url);
  hls.attachMedia(v);
  await parsed;
  return hls.levels.map(({ attrs }) => attrs['CLOSED-CAPTIONS']);
}`;
const SHAKA_CAPTIONS = `async (v, url) => {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(v);
  await player.load(url);
  player.selectTextTrack(player.getTextTracks().find(({ originalTextId }) => originalTextId === 'CC1'));
  return player.getTextTracks().map(({ originalTextId }) => originalTextId);
}`;

let folder: string;
let stage: Stage;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-captions-'));
  const asset = join(folder, 'captions');
  await cp(STORED, asset, { recursive: true });
  // Without the text tracks that are read from the captions.
  const manifest = join(asset, 'captions-608.ism');
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace(/<textstream[^]*?<\/textstream>/g, ''));
  stage = await openStage(folder);
}, 60_000);
afterAll(async () => {
  await stage.close();
  await rm(folder, { recursive: true, force: true });
});

const url = (format: string): string => `${stage.origin}/captions/captions-608.ism/manifest(format=${format})`;
/** Transport stream clients put the first decode time at 0: everything is later by two pictures. */
const DELAY = 2 * (1001 / 30000);
const FRAME = 1001 / 30000;
const FIRST = [
  [1.5015, 3.5035, 'One second and a half'],
  [4.5045, 6.5065, 'Across the cut'],
  [8.008, 9.5095, 'The end'],
] as const;

type Cues = Awaited<ReturnType<Stage['play']>>['cues'];

function expectFirstChannel(cues: Cues, delay: number): void {
  const seen = cues.map(([start, end, text]) => [start - delay, end - delay, text.replace(/<[^>]*>/g, '').trim()] as const);
  expect(seen.map(([, , text]) => text)).toEqual(FIRST.map(([, , text]) => text));
  seen.forEach(([start, end], i) => {
    expect(Math.abs(start - FIRST[i][0]), `start of ${FIRST[i][2]}: ${start}`).toBeLessThan(FRAME);
    expect(Math.abs(end - FIRST[i][1]), `end of ${FIRST[i][2]}: ${end}`).toBeLessThan(FRAME);
  });
}

describe('hls.js', () => {
  test.each([['m3u8-aapl', DELAY], ['m3u8-cmaf', 0]] as const)('with "%s" shows all four channels', async (format, delay) => {
    const { tracks, cues } = await stage.play(CLIENTS['hls.js'].scripts, HLS_CAPTIONS, url(format), 'The end');
    expect(new Set(tracks)).toEqual(new Set(['cc']));
    // hls.js knows four channels and gives the first one the name of service 1, where there is one.
    expectFirstChannel(cues.filter(([, , , track]) => track === 'CEA608_CC' || track === 'CEA708_CC'), delay);
    const words = (name: string): string => cues.filter(([, , , track]) => track === name).map(([, , text]) => text).join(' ');
    expect(words('CEA608_CC2')).toMatch(/Rolling one[^]*Rolling two[^]*Rolling three/);
    expect(words('CEA608_CC3')).toMatch(/Dos segundos[^]*Seis segundos/);
    expect(words('CEA608_CC4')).toMatch(/Painted/);
  }, 60_000);
});

const SHAKA_SERVICE = SHAKA_CAPTIONS.replace("'CC1'", "'svc1'");

describe('Shaka', () => {
  // CEA-708, by a decoder that is not ours; from DASH and from HLS.
  test.each(['m3u8-cmaf', 'mpd-time-csf'])('with "%s" shows the window of service 1', async (format) => {
    const { cues } = await stage.play(CLIENTS.Shaka.scripts, SHAKA_SERVICE, url(format), 'In a window');
    const seen = cues.filter(([, , text]) => text !== '').map(([start, end, text]) => [start, end, text.replace(/<[^>]*>/g, '').trim()] as const);
    expect(seen.map(([, , text]) => text)).toEqual(['In a window']);
    expect(Math.abs(seen[0][0] - 30 * FRAME)).toBeLessThan(FRAME);
    expect(Math.abs(seen[0][1] - 90 * FRAME)).toBeLessThan(FRAME);
  }, 60_000);

  test.each(['m3u8-cmaf', 'mpd-time-csf'])('with "%s" shows the first channel, and knows of all', async (format) => {
    const { tracks, cues } = await stage.play(CLIENTS.Shaka.scripts, SHAKA_CAPTIONS, url(format), 'The end');
    expect(tracks.toSorted()).toEqual(['CC1', 'CC2', 'CC3', 'CC4', 'svc1']);
    expectFirstChannel(cues, 0);
  }, 60_000);
});
