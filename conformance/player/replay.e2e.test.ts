/** The replay proves itself: it passes a good stream in each browser, and fails streams and players made wrong on purpose. */
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, launchBrowser } from './drivers/launch.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import { disguise, FIXTURE_TRUTH, openFixture, type Fault, type Fixture } from './fixture.ts';
import { closeServer, listenOnLoopback } from './listen.ts';
import { probeBrowser } from './probe.ts';
import { replay, type ReplayRequest } from './replay.ts';
import { openStage, type Stage } from './serve.ts';
import { visit } from './visit.ts';

let fixture: Fixture;
let stage: Stage;

beforeAll(async () => {
  fixture = await openFixture();
  stage = await openStage();
});
afterAll(async () => {
  await stage.close();
  await fixture.close();
});
afterEach(() => fixture.setFault(null));

const MANIFESTS = {
  dash: ['dash/manifest.mpd', 'dash'],
  fmp4: ['hls/index.m3u8', 'hls'],
  ts: ['ts/index.m3u8', 'hls'],
} as const;

function request(stream: keyof typeof MANIFESTS, player: ReplayRequest['player'], more: Partial<ReplayRequest> = {}): ReplayRequest {
  const [path, format] = MANIFESTS[stream];
  return { manifestUrl: `${fixture.url}/${path}`, format, player, truth: FIXTURE_TRUTH, ...more };
}

/** The second segment of the video shows what belongs to the fourth. */
const SWAPPED: Fault = async (path, body, read) => (path === '/dash/chunk-stream0-00002.m4s' ? disguise(await read('/dash/chunk-stream0-00004.m4s'), body) : body);

const LYING_PAGE = `<!doctype html><title>Lies</title><video></video><script>
  const began = performance.now();
  const time = () => (performance.now() - began) / 1000;
  window.isomerPage = { state: () => ({ asset: 'a', output: 'o', player: 'p', state: 'playing', time: time(), width: 320, height: 180, audio: 'eng', languages: [], errors: [] }) };
  Object.defineProperty(document.querySelector('video'), 'currentTime', { get: time });
</script>`;

describe.each(BROWSERS)('replay in %s', (name) => {
  let driver: BrowserDriver;
  beforeAll(async () => {
    driver = await launchBrowser(name, process.env);
  });
  afterAll(() => driver?.close());

  test.each([
    ['dash', 'dash.js'],
    ['dash', 'shaka'],
    ['fmp4', 'hls.js'],
    ['fmp4', 'shaka'],
    ['ts', 'hls.js'],
  ] as const)('a good %s stream passes in %s', async (stream, player) => {
    const { verdict, observation } = await replay(driver, stage, request(stream, player, { seekTo: [0, 49, 50, 51, 149, 150, 250] }));
    expect(verdict.reasons).toEqual([]);
    expect(observation).toMatchObject({ renditions: [1], pilots: [5000], seeks: { asked: 7, right: 7 } });
  });

  test('a player that moves its clock and shows nothing fails', async () => {
    const { verdict } = await replay(driver, stage, request('dash', 'pretender'));
    expect(verdict.outcome).toBe('fail');
    expect(verdict.reasons[0]).toMatch(/^no picture could be read in \d+ looks, while the player's clock moved by \d/);
  });

  test('a page that says it plays and shows nothing fails', async () => {
    const server = createServer((_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(LYING_PAGE));
    const url = await listenOnLoopback(server);
    try {
      const { verdict, state } = await visit(driver, { url, truth: FIXTURE_TRUTH, patience: 3000 });
      expect(state).toMatchObject({ state: 'playing', errors: [] });
      expect(verdict.reasons[0]).toMatch(/^no picture could be read in \d+ looks/);
    } finally {
      await closeServer(server);
    }
  });

  test('what the browser can decode is asked', async () => {
    const probe = await probeBrowser(driver, stage);
    expect(probe.mediaSource['video/mp4; codecs="avc1.64001f"']).toBe(true);
    expect(probe.mediaSource['audio/mp4; codecs="mp4a.40.2"']).toBe(true);
    expect(probe.frameCallback).toBe(true);
  });

  test('a segment with the content of another under the right time fails', async () => {
    fixture.setFault(SWAPPED);
    const { verdict } = await replay(driver, stage, request('dash', 'dash.js'));
    expect(verdict.reasons.join('\n')).toContain('the timeline bends');
  });

  test('a swapped segment outside the window fails by seeking', async () => {
    fixture.setFault(SWAPPED);
    const { verdict } = await replay(driver, stage, request('dash', 'dash.js', { seconds: 1.5, seekTo: [25, 75, 150] }));
    expect(verdict.reasons).toEqual(['1 of 3 seeks showed another picture than the one due']);
  });

  test('a missing segment fails', async () => {
    fixture.setFault(async (path, body) => (path === '/hls/1.m4s' ? null : body));
    const { verdict, refused } = await replay(driver, stage, request('fmp4', 'hls.js'));
    expect(verdict.outcome).toBe('fail');
    expect(refused.map((response) => response.status)).toContain(404);
  });

  test('sound of another second fails', async () => {
    fixture.setFault(async (path, body, read) => {
      const segment = /^\/dash\/chunk-stream1-0000([1-3])\.m4s$/.exec(path);
      return segment === null ? body : disguise(await read(`/dash/chunk-stream1-0000${Number(segment[1]) + 2}.m4s`), body);
    });
    const { verdict } = await replay(driver, stage, request('dash', 'dash.js'));
    expect(verdict.reasons.join('\n')).toContain('belonged to another second');
  });
});
