/**
 * Looks at the picture and listens to the sound of a video element. Knows no player. Runs in the suite's own page and
 * is injected into others (see script.ts, which joins this file with marks.ts and tones.ts).
 */
import { readMark, STRIP_HEIGHT, STRIP_SHARE, STRIP_WIDTH } from '../marks.ts';
import { loudestTone } from '../tones.ts';
import { recordEvidence } from './evidence.js';

/** @typedef {import('../model.ts').Recording} Recording */
/** @typedef {import('../model.ts').FrameReading} FrameReading */
/** @typedef {import('../model.ts').SoundReading} SoundReading */
/** @typedef {import('../model.ts').CueReadings} CueReadings */
/** @typedef {import('../model.ts').PlayerEvent} PlayerEvent */
/** @typedef {{ kind?: string, text?: string, contents?: TextNode[] }} TextNode */
/** @typedef {{ pilots: number[], tones: number[], listen: boolean, blind?: boolean, frameRate?: number }} ObserverOptions blind: scripts cannot see the pictures, so sound does not wait for one */
/** @typedef {{ seen: number, last: number | null, recording(): Recording, evidence(): import('../../../spec/replay.ts').ReplayEvidence, look(): { counter: number, rendition: number } | null, stop(): void }} Observer */

const LOOK_EVERY_MS = 5;
/** Reading a picture is the dearest thing that the page does. Screens show a new one every 16 ms at most, and not before half of the last one's time is over. */
const LEAST_MS = 8;
const HELD_SHARE = 0.5;
const LISTEN_EVERY_MS = 40;
const LIST_EVERY_MS = 200;
/** As many as a recording may hold (model.ts). */
const MOST = { known: 500, active: 1000, atOnce: 50, letters: 1000 };
const WATCHED = ['loadedmetadata', 'playing', 'waiting', 'stalled', 'pause', 'seeking', 'seeked', 'ended', 'error', 'ratechange'];

/**
 * @param {HTMLVideoElement} video
 * @param {ObserverOptions} options
 * @returns {Observer}
 */
export function observeVideo(video, options) {
  const began = performance.now();
  const clockStart = video.currentTime;
  /** @type {FrameReading[]} */ const frames = [];
  /** @type {SoundReading[]} */ const sounds = [];
  /** @type {PlayerEvent[]} */ const events = [];
  const counters = new Set();
  let reads = 0;
  let unreadable = 0;
  let stopped = false;
  let firstPresented = 0;
  let lastPresented = 0;
  const droppedBefore = video.getVideoPlaybackQuality().droppedVideoFrames;
  /** @type {number | null} */ let startup = null;
  const frameMs = options.frameRate === undefined ? 0 : 1000 / options.frameRate;
  let lookedAt = -Infinity;
  let changedAt = -Infinity;

  const canvas = document.createElement('canvas');
  canvas.width = STRIP_WIDTH;
  canvas.height = STRIP_HEIGHT;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('this browser gives no 2d canvas');
  context.imageSmoothingEnabled = false;

  const since = () => Math.round((performance.now() - began) * 10) / 10;
  const kept = recordEvidence(video, began);
  const written = readText(video);

  function look() {
    if (context === null || video.videoWidth === 0) return null;
    context.drawImage(video, 0, 0, video.videoWidth, video.videoHeight * STRIP_SHARE, 0, 0, STRIP_WIDTH, STRIP_HEIGHT);
    return readMark(context.getImageData(0, 0, STRIP_WIDTH, STRIP_HEIGHT).data);
  }

  /** @param {number | null} mediaTime */
  function note(mediaTime) {
    if (stopped) return;
    reads++;
    lookedAt = performance.now();
    const mark = look();
    if (mark === null) {
      if (frames.length > 0) unreadable++;
      return;
    }
    startup ??= Math.round(since());
    const previous = frames.at(-1);
    const same = previous !== undefined && previous.counter === mark.counter && previous.rendition === mark.rendition;
    counters.add(mark.counter);
    kept.shown(previous ?? null, mark);
    if (!same) changedAt = lookedAt;
    if (same && mediaTime === null) return;
    frames.push({ at: since(), counter: mark.counter, rendition: mark.rendition, clock: video.currentTime, mediaTime });
  }

  /** @param {number} _now @param {VideoFrameCallbackMetadata} metadata */
  function onFrame(_now, metadata) {
    if (stopped) return;
    video.requestVideoFrameCallback(onFrame);
    if (firstPresented === 0) firstPresented = metadata.presentedFrames;
    lastPresented = metadata.presentedFrames;
    note(metadata.mediaTime);
  }
  video.requestVideoFrameCallback(onFrame);

  function isDue() {
    const now = performance.now();
    return now - lookedAt >= LEAST_MS && now - changedAt >= (HELD_SHARE * frameMs) / video.playbackRate;
  }

  const looking = setInterval(() => {
    kept.ticked(LOOK_EVERY_MS);
    if (isDue()) note(null);
    written.read(since(), frames.at(-1)?.counter ?? null);
  }, LOOK_EVERY_MS);

  /** @param {Event} event */
  function onEvent(event) {
    const text = event.type === 'error' ? `the video element: code ${video.error?.code ?? 0} ${video.error?.message ?? ''}` : '';
    events.push({ at: since(), name: event.type, text, fatal: event.type === 'error' });
  }
  for (const name of WATCHED) video.addEventListener(name, onEvent);

  const stopListening = options.listen ? listen(video, options, (tone, pilot) => {
    if (stopped || video.paused || video.seeking || frames.length === 0 && video.videoWidth > 0 && options.blind !== true) return;
    sounds.push({ at: since(), clock: video.currentTime, counter: frames.at(-1)?.counter ?? null, tone, pilot });
  }) : () => {};

  return {
    get seen() {
      return counters.size;
    },
    get last() {
      return frames.at(-1)?.counter ?? null;
    },
    look,
    recording: () => ({
      frames: [...frames],
      unreadable,
      reads,
      sounds: [...sounds],
      cues: written.readings(),
      events: [...events],
      clockStart,
      clockEnd: video.currentTime,
      startup,
      size: { width: video.videoWidth, height: video.videoHeight },
      presented: firstPresented === 0 ? 0 : lastPresented - firstPresented + 1,
      dropped: Math.max(0, video.getVideoPlaybackQuality().droppedVideoFrames - droppedBefore),
      duration: Number.isFinite(video.duration) ? video.duration : null,
    }),
    evidence: kept.evidence,
    stop() {
      stopped = true;
      kept.stop();
      clearInterval(looking);
      stopListening();
      for (const name of WATCHED) video.removeEventListener(name, onEvent);
    },
  };
}

/**
 * The browser's own lists: whatever a player draws its text with, it keeps the cues there.
 * @param {HTMLVideoElement} video
 */
function readText(video) {
  /** @type {CueReadings['known']} */ const known = [];
  /** @type {CueReadings['active']} */ const active = [];
  /** @type {Map<string, number>} */ const indexes = new Map();
  let listed = -Infinity;
  let last = '';

  /** @param {TextTrackCue} cue */
  function indexesOf(cue) {
    return wordsOfCue(cue).flatMap((words) => {
      const told = { start: cue.startTime, end: Number.isFinite(cue.endTime) ? cue.endTime : null, text: words.slice(0, MOST.letters), copies: 1, drawn: 'isd' in cue };
      const key = JSON.stringify(told);
      const index = indexes.get(key) ?? (known.length < MOST.known ? known.push(told) - 1 : -1);
      if (index >= 0) indexes.set(key, index);
      return index < 0 ? [] : [index];
    });
  }

  /** What is on show; players that draw by themselves hide the track that they draw. @param {'cues' | 'activeCues'} list */
  function all(list) {
    const tracks = Array.from(video.textTracks);
    const shown = tracks.filter(({ mode }) => mode === 'showing');
    return (shown.length > 0 ? shown : tracks.filter(({ mode }) => mode === 'hidden')).flatMap((track) => Array.from(track[list] ?? []).flatMap(indexesOf));
  }

  return {
    /** @param {number} at @param {number | null} counter */
    read(at, counter) {
      if (video.textTracks.length === 0) return;
      if (at - listed >= LIST_EVERY_MS) {
        listed = at;
        for (const [index, { length }] of Map.groupBy(all('cues'), (each) => each)) known[index].copies = Math.max(known[index].copies, length);
      }
      const cues = all('activeCues').slice(0, MOST.atOnce);
      const now = cues.join();
      if (now === last || active.length === MOST.active) return;
      last = now;
      active.push({ at, counter, cues });
    },
    /** @returns {CueReadings} */
    readings: () => ({ known: known.map((cue) => ({ ...cue })), active: [...active] }),
  };
}

/**
 * As it is read, without marks of style. dash.js keeps what its TTML reader makes beside an empty cue: all paragraphs that are on show for a while.
 * @param {TextTrackCue} cue
 * @returns {string[]}
 */
function wordsOfCue(cue) {
  const { text = '', isd, getCueAsHTML } = /** @type {TextTrackCue & { text?: string, isd?: TextNode, getCueAsHTML?: () => DocumentFragment }} */ (cue);
  if (isd !== undefined) return paragraphs(isd).map(wordsOf);
  return [(getCueAsHTML === undefined ? text : getCueAsHTML.call(cue).textContent) ?? ''];
}

/** @param {TextNode} node @returns {TextNode[]} */
function paragraphs(node) {
  return node.kind === 'p' ? [node] : (node.contents ?? []).flatMap(paragraphs);
}

/** @param {TextNode} node @returns {string} */
function wordsOf({ text, contents }) {
  return (text ?? '') + (contents ?? []).map(wordsOf).join('');
}

/**
 * @param {HTMLVideoElement} video
 * @param {ObserverOptions} options
 * @param {(tone: number | null, pilot: number | null) => void} heard
 * @returns {() => void}
 */
function listen(video, options, heard) {
  const audio = new AudioContext();
  const source = audio.createMediaElementSource(video);
  const analyser = audio.createAnalyser();
  analyser.fftSize = 2048;
  analyser.smoothingTimeConstant = 0;
  source.connect(analyser);
  analyser.connect(audio.destination);
  void audio.resume();
  const samples = new Float32Array(analyser.fftSize);
  const listening = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const tone = loudestTone(samples, audio.sampleRate, options.tones);
    const pilot = loudestTone(samples, audio.sampleRate, options.pilots);
    heard(tone?.hertz ?? null, pilot?.hertz ?? null);
  }, LISTEN_EVERY_MS);
  return () => clearInterval(listening);
}
