/** One task from load to destroy: in the suite's own page, on a device, and in a page of a vendor's. */
import { signal, within } from './adapters/load.js';
import { perform } from './perform.js';

/** @typedef {import('../model.ts').Task} Task */
/** @typedef {import('../model.ts').TaskResult} TaskResult */
/** @typedef {import('../model.ts').PlayerEvent} PlayerEvent */

/** Beyond this nobody waits for a manifest; an adapter that never settles must not hang the task. */
const LOAD_MS = 20_000;

/**
 * @param {Task} task
 * @param {HTMLVideoElement} video
 * @param {import('./adapters/load.js').CreateAdapter} create
 * @returns {Promise<TaskResult>}
 */
export async function playTask(task, video, create) {
  const began = performance.now();
  /** @type {PlayerEvent[]} */ const events = [];
  const ruin = signal();
  const report = (/** @type {string} */ name, /** @type {string} */ text, /** @type {boolean} */ fatal) => {
    events.push({ at: Math.round(performance.now() - began), name, text, fatal });
    if (fatal) ruin.fulfil();
  };
  const failed = () => events.some((event) => event.fatal) || video.error !== null;
  const player = await create(video, report);
  const watching = globalThis.isomerObservers.observeVideo(video, { pilots: [...task.pilots], tones: [...task.tones], listen: task.pilots.length > 0, frameRate: task.frameRate });
  try {
    const loaded = player.load(task.url, task.format, task.steps.some((step) => step.do === 'quality'), task.protection ?? undefined, task.text ?? undefined);
    await within(Promise.race([loaded, ruin.promise]), LOAD_MS, 'loading');
    if (task.from > 0 && !failed()) player.seek(task.from);
    // A promise that no picture will settle must not hang the task.
    if (!failed()) void Promise.resolve(player.play()).catch((/** @type {unknown} */ error) => report('error', wordsOf(error), true));
  } catch (error) {
    report('error', wordsOf(error), true);
  }
  const performed = await perform({ video, adapter: player, observer: watching, failed }, task);
  const version = await player.version();
  const evidence = watching.evidence();
  await Promise.resolve(player.destroy()).catch(() => undefined);
  return { ...performed, evidence, recording: { ...performed.recording, events: [...performed.recording.events, ...events] }, version };
}

/** `suite.run` and `suite.result`, as whoever drives the page expects them. @param {(task: Task) => Promise<TaskResult>} play */
export function takingTasks(play) {
  /** @type {TaskResult | string | null} */ let result = null;
  return {
    run(/** @type {Task} */ task) {
      play(task).then(
        (done) => void (result = done),
        (/** @type {unknown} */ error) => void (result = wordsOf(error)),
      );
    },
    result: () => result,
  };
}

/** @param {unknown} error */
export function wordsOf(error) {
  return error instanceof Error ? error.message : String(error);
}
