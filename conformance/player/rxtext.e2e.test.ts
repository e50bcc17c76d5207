/**
 * Text of Smooth Streaming as rx-player reads it. It takes its track element out of the page as soon as text is chosen
 * (defects.ts, rx-native-text), so the cues are looked for in the track of the element that was there.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startOrigin, type RunningOrigin } from '../subject/self.ts';
import { judgeCues } from './cues.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import { launchBrowser } from './drivers/launch.ts';
import { openStage, type Stage } from './serve.ts';
import { CORPUS, ORIGIN_ENTRY, readContent } from './testing.ts';

let origin: RunningOrigin;
let stage: Stage;
let driver: BrowserDriver;
beforeAll(async () => {
  [origin, stage, driver] = await Promise.all([startOrigin(CORPUS, ORIGIN_ENTRY), openStage(), launchBrowser('chromium', process.env)]);
});
afterAll(async () => {
  await Promise.all([driver?.close(), stage?.close(), origin?.stop()]);
});

type Told = readonly { readonly start: number; readonly end: number; readonly text: string }[];

/** All cues of the first text track, once there are so many. */
const readCues = (url: string, cues: number): string => `(async () => {
  const script = Object.assign(document.createElement('script'), { src: '/players/rx-player.js' });
  document.head.append(script);
  await new Promise((resolve) => (script.onload = resolve));
  const video = document.querySelector('video');
  const tracks = [];
  new MutationObserver((records) => records.forEach(({ addedNodes }) => addedNodes.forEach(({ track }) => track && tracks.push(track)))).observe(video, { childList: true });
  const player = new RxPlayer({ videoElement: video });
  let failed = null;
  player.addEventListener('error', ({ message }) => (failed = message));
  player.loadVideo({ url: ${JSON.stringify(url)}, transport: 'smooth', autoPlay: false, textTrackMode: 'native' });
  const until = async (is) => {
    for (let waited = 0; waited < 300 && failed === null && !is(); waited++) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  await until(() => player.getPlayerState() === 'LOADED');
  player.setTextTrack(player.getAvailableTextTracks()[0].id);
  const told = () => tracks.flatMap(({ cues }) => Array.from(cues ?? [], (cue) => ({ start: cue.startTime, end: cue.endTime, text: cue.getCueAsHTML().textContent })));
  await until(() => told().length >= ${cues});
  await new Promise((resolve) => setTimeout(resolve, 500));
  const all = told();
  player.dispose();
  return { all, failed };
})()`;

test.each(['captions-608', 'text-ttml', 'text-webvtt'])('%s: every cue of the first text track once and at its time', async (asset) => {
  const { manifest, content } = await readContent(asset);
  const page = await driver.open();
  try {
    await page.goto(stage.url);
    const { all, failed } = (await page.evaluate(readCues(`${origin.url}/${asset}/${manifest}/manifest`, content.texts[0].cues.length))) as { all: Told; failed: string | null };
    expect(failed).toBeNull();
    const known = all.map((cue) => ({ ...cue, copies: 1, drawn: false }));
    const { wrong } = judgeCues({ known, active: [] }, content.texts[0].cues, { until: content.seconds, offset: 0, frameRate: content.frameRate, videoStart: content.truth.videoStart });
    expect(wrong).toEqual([]);
    expect(all.length).toBeGreaterThanOrEqual(content.texts[0].cues.length);
  } finally {
    await page.close();
  }
});
