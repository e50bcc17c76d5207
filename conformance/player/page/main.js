/** The suite's player page: puts one player behind the contract, and observers beside it. Driven through `window.suite`. */
import { createAdapter as createDash } from './adapters/dash.js';
import { createAdapter as createHls } from './adapters/hls.js';
import { within } from './adapters/load.js';
import { createAdapter as createNative } from './adapters/native.js';
import { createAdapter as createPretender } from './adapters/pretender.js';
import { createAdapter as createRx } from './adapters/rx.js';
import { createAdapter as createShaka, createAdapter4 as createShaka4 } from './adapters/shaka.js';
import { createAdapter as createVideojs } from './adapters/videojs.js';
import { playTask, takingTasks, wordsOf } from './task.js';

/** @typedef {import('../model.ts').PlayerEvent} PlayerEvent */
/** @typedef {import('./adapters/load.js').Adapter} Adapter */
/** @typedef {{ url: string, format: import('../model.ts').ManifestFormat, player: string, from: number, audio: string | null, pilots: number[], tones: number[], blind?: boolean, protection?: import('./adapters/load.js').Protection }} Start */

const SEEK_MS = 3000;

/** @type {Readonly<Record<string, import('./adapters/load.js').CreateAdapter>>} */
const PLAYERS = { 'hls.js': createHls, 'dash.js': createDash, shaka: createShaka, 'shaka-4': createShaka4, 'rx-player': createRx, 'video.js': createVideojs, native: createNative, pretender: createPretender };

const video = document.querySelector('video') ?? document.createElement('video');
/** @type {PlayerEvent[]} */ const events = [];
/** @type {Adapter | null} */ let adapter = null;
/** @type {import('./observer.js').Observer | null} */ let observer = null;
let began = performance.now();

/** @param {string} name @param {string} text @param {boolean} fatal */
function report(name, text, fatal) {
  events.push({ at: Math.round(performance.now() - began), name, text, fatal });
}

/** @param {Start} start */
async function begin(start) {
  began = performance.now();
  adapter = await PLAYERS[start.player](video, report);
  observer = globalThis.isomerObservers.observeVideo(video, { pilots: start.pilots, tones: start.tones, listen: start.pilots.length > 0, blind: start.blind === true });
  await adapter.load(start.url, start.format, false, start.protection);
  if (start.audio !== null && !adapter.setAudio(start.audio)) report('error', `the player offers no audio track in ${start.audio}`, true);
  if (start.from > 0) adapter.seek(start.from);
  await adapter.play();
}

/** @param {Promise<unknown>} started */
function guard(started) {
  started.catch((/** @type {unknown} */ error) => report('error', wordsOf(error), true));
}

function summary() {
  return {
    seen: observer?.seen ?? 0,
    last: observer?.last ?? null,
    clock: video.currentTime,
    ended: video.ended,
    elapsed: Math.round(performance.now() - began),
    failed: events.some((event) => event.fatal) || video.error !== null,
    version: adapter?.version() ?? null,
    state: adapter?.state() ?? null,
  };
}

/** @param {number} seconds */
async function show(seconds) {
  const seeked = new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }));
  const drawn = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  adapter?.seek(seconds);
  await within(Promise.all([seeked, drawn]), SEEK_MS, 'seeking').catch(() => undefined);
}

/**
 * Seeks while paused and reads the picture. A picture that is not the due one is looked at again: what is drawn may
 * trail the event that announces it.
 * @param {{ frame: number, counter: number, seconds: number }[]} points
 */
async function seekThrough(points) {
  adapter?.pause();
  const readings = [];
  for (const point of points) {
    await show(point.seconds);
    let mark = observer?.look() ?? null;
    for (let look = 0; look < 10 && mark?.counter !== point.counter; look++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      mark = observer?.look() ?? null;
    }
    readings.push({ frame: point.frame, counter: mark?.counter ?? null, rendition: mark?.rendition ?? null });
  }
  return readings;
}

/** Ends the window: what follows (seeks) is no longer written down. */
function finish() {
  const recording = observer?.recording() ?? null;
  observer?.stop();
  return recording === null ? null : { ...recording, events: [...recording.events, ...events] };
}

/** @param {import('../model.ts').Task} task */
async function play(task) {
  const create = task.module === null ? PLAYERS[task.player] : /** @type {{ createAdapter: import('./adapters/load.js').CreateAdapter }} */ (await import(task.module)).createAdapter;
  return playTask(task, video, create);
}

Reflect.set(globalThis, 'suite', {
  ...takingTasks(play),
  start: (/** @type {Start} */ start) => guard(begin(start)),
  summary,
  finish,
  seekThrough,
  /** Seeks while paused, for a picture that is read from outside. */
  show: (/** @type {number} */ seconds) => (adapter?.pause(), show(seconds)),
  evidence: () => observer?.evidence() ?? null,
  destroy: () => adapter?.destroy(),
});
