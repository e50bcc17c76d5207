/**
 * Does what a task asks of a player, step by step, and hands back what was seen. The same in a browser that the suite
 * drives and on a device that came by itself.
 */
import { within } from './adapters/load.js';

/** @typedef {import('../model.ts').Task} Task */
/** @typedef {import('../model.ts').Step} Step */
/** @typedef {import('../model.ts').TaskResult} TaskResult */
/** @typedef {import('../model.ts').SeekReading} SeekReading */
/** @typedef {import('../model.ts').Recording} Recording */
/** @typedef {import('./adapters/load.js').Adapter} Adapter */
/** @typedef {{ readonly video: HTMLVideoElement, readonly adapter: Adapter, readonly observer: import('./observer.js').Observer, failed(): boolean }} Scene */
/** @typedef {{ ok: boolean, text: string }} Ended */

const LOOK_EVERY_MS = 100;
const FIRST_MS = 20_000;
const STUCK_MS = 5000;
const SWITCH_MS = 12_000;
const SEEK_MS = 4000;
const SETTLE_MS = 300;
/** Browsers show the picture's time with the picture, but for Firefox and whoever is unknown. */
const LAG = /Chrom(e|ium)\//.test(navigator.userAgent) ? 0 : 1;
const COUNTERS = 4096;

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param {Scene} scene @param {() => boolean} done @param {() => boolean} hopeless */
async function until(scene, done, hopeless) {
  for (;;) {
    if (done()) return true;
    if (scene.failed() || hopeless()) return false;
    await pause(LOOK_EVERY_MS);
  }
}

/** True as soon as nothing new was shown for too long. @param {Scene} scene */
function watchdog({ observer }) {
  let seen = observer.seen;
  let changed = performance.now();
  return () => {
    if (observer.seen !== seen) changed = performance.now();
    seen = observer.seen;
    return performance.now() - changed > (seen > 0 ? STUCK_MS : FIRST_MS);
  };
}

/** @param {number} milliseconds */
function deadline(milliseconds) {
  const end = performance.now() + milliseconds;
  return () => performance.now() > end;
}

/** @type {Readonly<Record<Step['do'], (scene: Scene, step: any, task: Task, seeks: SeekReading[]) => Promise<Ended>>>} */
const STEPS = {
  async watch(scene, /** @type {Extract<Step, { do: 'watch' }>} */ { pictures, seconds }) {
    const { observer, video } = scene;
    const before = observer.seen;
    const clock = video.currentTime;
    const stuck = pictures > 0 ? watchdog(scene) : deadline(FIRST_MS + seconds * 1000);
    const done = () => (pictures > 0 ? observer.seen - before >= pictures : video.currentTime - clock >= seconds);
    // A clock that ran far past the window without pictures will not bring them.
    const ok = await until(scene, done, () => stuck() || video.ended || video.currentTime > clock + seconds + 4);
    return { ok, text: `${observer.seen - before} pictures` };
  },
  async ended(scene) {
    const stuck = watchdog(scene);
    const ok = await until(scene, () => scene.video.ended, stuck);
    return { ok, text: ok ? '' : 'the end was not announced' };
  },
  async run({ video, ...scene }, /** @type {Extract<Step, { do: 'run' }>} */ { rate, until: end }) {
    const whole = { video, ...scene };
    video.playbackRate = rate;
    const ok = await until(whole, () => video.ended || video.currentTime >= end, watchdog(whole));
    video.playbackRate = 1;
    return { ok, text: ok ? '' : `second ${end} was not reached` };
  },
  async quality(scene, /** @type {Extract<Step, { do: 'quality' }>} */ { choose, rendition }) {
    const { bitrates: known } = await scene.adapter.state();
    const bitrate = choose === 'lowest' ? Math.min(...known) : Math.max(...known);
    if (known.length === 0 || !(await scene.adapter.setQuality(bitrate))) return { ok: false, text: `the player offers no ${choose} quality` };
    const ok = await until(scene, () => scene.observer.look()?.rendition === rendition, deadline(SWITCH_MS));
    return { ok, text: ok ? '' : `rendition ${rendition} was not shown within ${SWITCH_MS / 1000} s of the choice` };
  },
  async audio(scene, /** @type {Extract<Step, { do: 'audio' }>} */ { languages, pilot }) {
    let offered = false;
    for (const language of languages) offered ||= await scene.adapter.setAudio(language);
    if (!offered) return { ok: false, text: `the player offers no audio track in ${languages[0]}` };
    const heard = () => scene.observer.recording().sounds.slice(-6);
    const ok = await until(scene, () => heard().length === 6 && heard().every((sound) => sound.pilot === pilot), deadline(SWITCH_MS));
    return { ok, text: ok ? '' : `pilot ${pilot} Hz was not heard within ${SWITCH_MS / 1000} s of the choice` };
  },
  async pause(scene, /** @type {Extract<Step, { do: 'pause' }>} */ { milliseconds }) {
    scene.adapter.pause();
    await pause(SETTLE_MS);
    const before = scene.observer.look()?.counter ?? null;
    await pause(milliseconds);
    const after = scene.observer.look()?.counter ?? null;
    await scene.adapter.play();
    return before === after ? { ok: true, text: '' } : { ok: false, text: `the picture moved from ${before} to ${after} while paused` };
  },
  async seek(scene, /** @type {Extract<Step, { do: 'seek' }>} */ { frames }, task, seeks) {
    const recording = scene.observer.recording();
    scene.observer.stop();
    if (recording.frames.length === 0) return { ok: false, text: 'there was no picture to seek from' };
    scene.adapter.pause();
    const told = globalThis.isomerObservers.offsetOf(offsets(recording, task), LAG) ?? 0;
    const offset = LAG === 0 ? told : await withoutLag(scene, told, frames[0], task);
    for (const frame of frames) seeks.push(await seekTo(scene, frame, timeOf(frame, offset, task), task));
    return { ok: true, text: '' };
  },
};

/**
 * Where every reading of a fast picture trailed its time, the lag looks like the player's own offset: a seek tells them apart.
 * @param {Scene} scene @param {number} told @param {number} frame @param {Task} task
 */
async function withoutLag(scene, told, frame, task) {
  if (told < 0.5) return told;
  const { counter, rendition } = await seekTo(scene, frame, timeOf(frame, told, task), task);
  const stride = strideOf(rendition, task);
  const ahead = counter === null ? 0 : beyond(counter * stride, frame);
  return ahead > 0 && ahead <= stride * LAG ? told - stride * LAG : told;
}

/** Pictures of the fastest rendition that one of this stands for. @param {number | null} rendition @param {Task} task */
function strideOf(rendition, { strides }) {
  return rendition === null ? 1 : (strides[rendition] ?? 1);
}

/** By how many pictures one is beyond another; counters begin anew. @param {number} shown @param {number} due */
function beyond(shown, due) {
  return shown - due - Math.round((shown - due) / COUNTERS) * COUNTERS;
}

/** The middle of a picture, for a player that shifts all of them by so many. @param {number} frame @param {number} offset @param {Task} task */
function timeOf(frame, offset, { videoStart, frameRate }) {
  return videoStart + (frame + 0.5 + offset) / frameRate;
}

/** @param {Recording} recording @param {Task} task */
function offsets({ frames }, { frameRate, videoStart, strides }) {
  return frames.flatMap(({ mediaTime, counter, rendition }) => {
    if (mediaTime === null) return [];
    return [beyond((mediaTime - videoStart) * frameRate, counter * (strides[rendition] ?? 1))];
  });
}

/** What is drawn may trail the event that announces it, so a picture that is not the due one is looked at again. @param {Scene} scene @param {number} frame @param {number} seconds @param {Task} task @returns {Promise<SeekReading>} */
async function seekTo({ video, adapter, observer }, frame, seconds, task) {
  const seeked = new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }));
  const drawn = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  adapter.seek(seconds);
  await within(Promise.all([seeked, drawn]), SEEK_MS, 'seeking').catch(() => undefined);
  let mark = observer.look();
  const isDue = () => {
    if (mark === null) return false;
    const stride = strideOf(mark.rendition, task);
    const before = beyond(frame, mark.counter * stride);
    return before >= 0 && before < stride;
  };
  for (let look = 0; look < 10 && !isDue(); look++) {
    await pause(50);
    mark = observer.look();
  }
  return { frame, counter: mark?.counter ?? null, rendition: mark?.rendition ?? null };
}

/**
 * @param {Scene} scene
 * @param {Task} task
 * @returns {Promise<Omit<TaskResult, 'recording' | 'version' | 'evidence'> & { recording: Recording }>}
 */
export async function perform(scene, task) {
  /** @type {SeekReading[]} */ const seeks = [];
  const acts = [];
  for (const step of task.steps) {
    if (scene.failed()) break;
    const before = step.do === 'seek' ? scene.observer.recording() : null;
    const ended = await STEPS[step.do](scene, step, task, seeks);
    acts.push({ step: step.do, ...ended });
    if (before !== null) return { recording: before, seeks, acts, ended: scene.video.ended };
    if (!ended.ok) break;
  }
  const recording = scene.observer.recording();
  scene.observer.stop();
  return { recording, seeks, acts, ended: scene.video.ended };
}
