/**
 * What a replay leaves for people to look at: thumbnails, the buffer, the requests, and how late the page itself was. Bounded
 * whatever is played, and cheap enough not to disturb what is observed.
 */
import { EVIDENCE_LIMITS } from '../../../spec/evidence.ts';

/** @typedef {import('../../../spec/replay.ts').ReplayEvidence} ReplayEvidence */
/** @typedef {{ counter: number, rendition: number }} SeenMark */
/** @typedef {{ shown(previous: SeenMark | null, mark: SeenMark): void, ticked(due: number): void, evidence(): ReplayEvidence, stop(): void }} EvidenceRecorder */

const THUMB_WIDTH = 112;
const THUMB_EVERY_MS = 400;
const BUFFER_EVERY_MS = 200;
/** A timer that comes later than this means that the machine had other things to do. */
const LATE_MS = 50;
/** Pictures; a smaller step forward is one that the observer may have missed. */
const JUMP = 3;

/**
 * Keeps at most so many, evenly spread: when it is full, every other goes and from then on only every other comes.
 * @template T
 * @param {number} most
 * @param {number} everyMs
 */
function thinned(most, everyMs) {
  /** @type {T[]} */ let list = [];
  let every = everyMs;
  let last = -Infinity;
  return {
    /** @param {number} now */
    wants: (now) => now - last >= every,
    /** @param {number} now @param {T} entry */
    keep(now, entry) {
      if (list.length === most) {
        list = list.filter((_, i) => i % 2 === 0);
        every *= 2;
      }
      last = now;
      list.push(entry);
    },
    all: () => [...list],
  };
}

/** Zero is what is not told; older browsers do not have the field. @param {unknown} value */
function told(value) {
  return typeof value === 'number' && value > 0 ? value : null;
}

/**
 * @param {HTMLVideoElement} video
 * @param {number} began
 * @returns {EvidenceRecorder}
 */
export function recordEvidence(video, began) {
  const round = (/** @type {number} */ value) => Math.max(0, Math.round(value * 10) / 10);
  /** @type {{ all(): ReplayEvidence['strip'], wants(now: number): boolean, keep(now: number, entry: ReplayEvidence['strip'][number]): void }} */ const pictures = thinned(EVIDENCE_LIMITS.pictures, THUMB_EVERY_MS);
  /** @type {{ all(): ReplayEvidence['buffer'], wants(now: number): boolean, keep(now: number, entry: ReplayEvidence['buffer'][number]): void }} */ const buffer = thinned(EVIDENCE_LIMITS.buffer, BUFFER_EVERY_MS);
  /** @type {ReplayEvidence['strip']} */ const jumps = [];
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  performance.setResourceTimingBufferSize(2000);
  let lastTick = performance.now();
  let worst = 0;
  let late = 0;
  let whole = 0;

  /** @param {number | null} counter @param {ReplayEvidence['strip'][number]['why']} why */
  function thumbnail(counter, why) {
    if (context === null || video.videoWidth === 0) return null;
    canvas.width = THUMB_WIDTH;
    canvas.height = Math.round((THUMB_WIDTH * video.videoHeight) / video.videoWidth);
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const image = canvas.toDataURL('image/jpeg', 0.5);
    return image.length > EVIDENCE_LIMITS.imageBytes ? null : { at: round(performance.now() - began), counter, why, image };
  }

  /** @param {SeenMark} before @param {SeenMark} mark @returns {ReplayEvidence['strip'][number]['why'] | null} */
  function jumpOf(before, mark) {
    if (mark.rendition !== before.rendition) return 'rendition';
    // Pixels may trail by one picture.
    if (mark.counter < before.counter - 1) return 'back';
    return mark.counter - before.counter > JUMP ? 'gap' : null;
  }

  function sampleBuffer() {
    const clock = video.currentTime;
    let ahead = 0;
    for (let i = 0; i < video.buffered.length; i++) if (video.buffered.start(i) <= clock + 0.1 && video.buffered.end(i) > clock) ahead = video.buffered.end(i) - clock;
    const now = performance.now();
    buffer.keep(now, { at: round(now - began), clock: round(clock * 100) / 100, ahead: round(ahead * 100) / 100 });
  }

  return {
    shown(previous, mark) {
      const why = previous === null ? null : jumpOf(previous, mark);
      const now = performance.now();
      if (why !== null && jumps.length < EVIDENCE_LIMITS.jumps) {
        const made = thumbnail(mark.counter, why);
        if (made !== null) jumps.push(made);
      } else if (pictures.wants(now)) {
        const made = thumbnail(mark.counter, 'time');
        if (made !== null) pictures.keep(now, made);
      }
    },
    ticked(due) {
      const now = performance.now();
      const over = now - lastTick - due;
      whole += now - lastTick;
      lastTick = now;
      worst = Math.max(worst, over);
      if (over > LATE_MS) late += over;
      if (buffer.wants(now)) sampleBuffer();
    },
    evidence() {
      const made = performance.getEntriesByType('resource').filter((entry) => entry.startTime >= began - 1 && !entry.name.startsWith(`${location.origin}/`) && /^https?:/.test(entry.name));
      const requests = made.slice(0, EVIDENCE_LIMITS.requests).map((entry) => {
        const { name, startTime, duration, responseStatus, encodedBodySize } = /** @type {PerformanceResourceTiming} */ (entry);
        const path = new URL(name).pathname.slice(0, EVIDENCE_LIMITS.pathLength);
        return { at: round(startTime - began), milliseconds: round(duration), path, status: told(responseStatus), bytes: told(encodedBodySize) };
      });
      const strip = [...pictures.all(), ...jumps].toSorted((a, b) => a.at - b.at);
      return { strip, buffer: buffer.all(), requests, requestsLeftOut: made.length - requests.length, lag: { worst: round(worst), share: whole === 0 ? 0 : Math.min(1, Math.round((1000 * late) / whole) / 1000) } };
    },
    stop() {
      // The timer that ticks is the observer's; what was kept stays.
      canvas.width = 0;
    },
  };
}
