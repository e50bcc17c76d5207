/** One playback at a time: a fresh video element state, an engine on it, and what is known about it. */
import { kindOf } from './engines.js';
import { mediaErrorWords, refusalWords } from './words.js';

/** @typedef {import('./engines.js').Engine} Engine */
/** @typedef {import('./engines.js').EngineEntry} EngineEntry */
/** @typedef {import('./engines.js').PlayerFiles} PlayerFiles */
/** @typedef {{ engine: string | null, url: string | null, loading: boolean, errors: readonly string[], notes: readonly string[] }} Status */

/** Recoverable trouble that is remembered; a flaky network must not grow the page. */
const MOST_NOTES = 3;

/** @param {HTMLVideoElement} video */
export function createPlayback(video) {
  /** @type {Engine | null} */ let engine = null;
  /** @type {string[]} */ let errors = [];
  /** @type {string[]} */ let notes = [];
  /** @type {string | null} */ let url = null;
  let loading = false;
  let turn = 0;

  video.addEventListener('error', () => {
    if (engine !== null && video.error !== null) complainAs(turn)(mediaErrorWords(video.error), true);
  });

  /** Complaints of a playback that is over are nobody's. @param {number} mine */
  function complainAs(mine) {
    return (/** @type {string} */ words, /** @type {boolean} */ fatal) => {
      if (mine !== turn) return;
      if (!fatal) notes = [...notes.filter((note) => note !== words), words].slice(-MOST_NOTES);
      else if (!isKnown(words)) errors.push(words);
    };
  }

  /** Players repeat what the video element has said. @param {string} words */
  function isKnown(words) {
    const said = video.error?.message ?? '';
    return errors.some((known) => known === words || (said !== '' && known.includes(said) && words.includes(said)));
  }

  async function stop() {
    turn++;
    const ending = engine;
    engine = null;
    errors = [];
    notes = [];
    url = null;
    await ending?.destroy();
  }

  /**
   * @param {EngineEntry} entry
   * @param {PlayerFiles | null} files
   * @param {string} outputId
   * @param {string} address
   * @param {boolean} autoplay
   */
  async function start(entry, files, outputId, address, autoplay) {
    await stop();
    const mine = turn;
    const complain = complainAs(mine);
    url = address;
    loading = true;
    try {
      const made = await entry.create(video, kindOf(outputId), files, complain);
      if (mine !== turn) {
        await made.destroy();
        return;
      }
      engine = made;
      await made.load(address);
      if (mine === turn && autoplay && errors.length === 0) await play();
    } catch (error) {
      complain(error instanceof Error ? error.message : String(error), true);
    } finally {
      if (mine === turn) loading = false;
    }
    if (mine === turn && errors.length > 0) {
      const refusal = await refusalWords(address);
      if (refusal !== null && mine === turn) errors = [refusal, ...errors];
    }
  }

  async function play() {
    try {
      await video.play();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      if (error.name === 'AbortError') return;
      if (error.name !== 'NotAllowedError') throw error;
      video.muted = true;
      notes.push('Muted: this browser wants a click before it plays sound.');
      await video.play();
    }
  }

  return {
    start,
    stop,
    engine: () => engine,
    /** @returns {Status} */
    status: () => ({ engine: engine?.version ?? null, url, loading, errors, notes }),
  };
}
