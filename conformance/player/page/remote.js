/**
 * A player that lives in a page of its vendor's: the same contract, spoken by messages (example/README.md). The observers are put
 * into that page beside it, and look at its video element.
 */
import { within } from './adapters/load.js';
import { playTask, takingTasks } from './task.js';

/** @typedef {import('./adapters/load.js').Adapter} Adapter */
/** @typedef {import('./adapters/load.js').Report} Report */

const ANSWER_MS = 20_000;
const ASK_AGAIN_MS = 250;
let asked = 0;
/** @type {Map<number, { resolve(value: any): void, reject(error: Error): void }>} */
const open = new Map();
/** @type {Report | null} */ let hear = null;

addEventListener('message', ({ source, data }) => {
  if (source !== window || typeof data !== 'object' || data === null) return;
  if (data.isomer === 'event') hear?.(String(data.name), String(data.text).slice(0, 500), data.fatal === true);
  const waiting = data.isomer === 'answer' ? open.get(data.id) : undefined;
  if (waiting === undefined) return;
  open.delete(data.id);
  if (data.error === undefined) waiting.resolve(data.value);
  else waiting.reject(new Error(String(data.error).slice(0, 500)));
});

/** @param {string} method @param {readonly unknown[]} args @returns {Promise<any>} */
function call(method, ...args) {
  const id = ++asked;
  const answer = new Promise((resolve, reject) => open.set(id, { resolve, reject }));
  window.postMessage({ isomer: 'call', id, method, args }, location.origin === 'null' ? '*' : location.origin);
  return within(answer, ANSWER_MS, `the answer of the page to ${method}`);
}

/** A page may need a while before it listens: the question is asked until it is answered. */
async function describe() {
  const until = performance.now() + ANSWER_MS;
  for (;;) {
    const answer = await Promise.race([call('describe').catch(() => null), new Promise((resolve) => setTimeout(() => resolve(null), ASK_AGAIN_MS))]);
    if (answer !== null) return answer;
    if (performance.now() > until) throw new Error('the page does not answer: it has to listen to messages with isomer: "call"');
  }
}

/** @param {HTMLVideoElement} _video @param {Report} report @returns {Promise<Adapter>} */
async function createRemote(_video, report) {
  hear = report;
  await describe();
  return {
    load: (url, format, switching) => call('load', url, format, switching === true),
    play: () => call('play'),
    pause: () => void call('pause'),
    seek: (seconds) => void call('seek', seconds),
    setAudio: (language) => call('setAudio', language),
    setQuality: (bitrate) => call('setQuality', bitrate),
    state: () => call('state'),
    version: () => call('version').then((version) => String(version).slice(0, 200)),
    destroy: () => call('destroy'),
  };
}

async function videoOfPage() {
  for (let waited = 0; waited < ANSWER_MS; waited += ASK_AGAIN_MS) {
    const video = document.querySelector('video');
    if (video !== null) return video;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
  throw new Error('the page has no video element');
}

Reflect.set(globalThis, 'suite', { describe, ...takingTasks(async (task) => playTask(task, await videoOfPage(), createRemote)) });
