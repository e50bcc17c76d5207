/** The live log: every media request of the page as the browser timed it, and what players say, newest first. */
import { element, setText } from './dom.js';

/** @typedef {{ readonly at: number, readonly failed: boolean, readonly cells: readonly string[] }} Line */

const MAX_LINES = 300;
const MEDIA = /\.isml?\//i;

/** `…/QualityLevels(381048)/Fragments(video=0,format=x)` → `Fragments(video=0,format=x) at 381048`. @param {string} url */
export function resourceWords(url) {
  const parts = decodeURIComponent(new URL(url).pathname).split('/');
  const quality = /^QualityLevels\((\d+)\)$/i.exec(parts.at(-2) ?? '')?.[1];
  return `${parts.at(-1) ?? url}${quality === undefined ? '' : ` at ${quality}`}`;
}

/** @param {number} bytes */
export function sizeWords(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(2)} MB`;
}

/**
 * Browsers without `responseStatus` say 0, as they do for requests that got no answer: then only an empty answer is called failed.
 * @param {PerformanceResourceTiming} entry
 * @returns {Line}
 */
function lineOf(entry) {
  const status = entry.responseStatus ?? 0;
  const failed = status >= 400 || (status === 0 && entry.responseStart === 0);
  const words = failed && status === 0 ? 'no answer' : status === 0 ? '–' : String(status);
  return { at: entry.startTime, failed, cells: [words, resourceWords(entry.name), sizeWords(entry.encodedBodySize), `${Math.round(entry.duration)} ms`] };
}

/**
 * @param {{ readonly body: HTMLElement, readonly count: HTMLElement, readonly onlyFailed: HTMLInputElement, readonly clear: HTMLButtonElement }} places
 */
export function createRequestLog({ body, count, onlyFailed, clear }) {
  /** @type {Set<string>} */ const said = new Set();
  let requests = 0;
  let failures = 0;

  const tell = () => setText(count, `${requests} requests, ${failures} failed`);
  /** @param {Line} line */
  const add = ({ at, failed, cells }) => {
    if (failed) failures++;
    const time = `${(at / 1000).toFixed(2)} s`;
    body.prepend(element('tr', { class: failed ? 'failed' : 'fine' }, ...[time, ...cells].map((cell) => element('td', {}, cell))));
    while (body.childElementCount > MAX_LINES) body.lastElementChild?.remove();
  };
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (!(entry instanceof PerformanceResourceTiming) || !MEDIA.test(new URL(entry.name).pathname)) continue;
      requests++;
      add(lineOf(entry));
    }
    tell();
  });
  observer.observe({ type: 'resource', buffered: true });
  onlyFailed.addEventListener('change', () => body.classList.toggle('only-failed', onlyFailed.checked));
  clear.addEventListener('click', () => {
    body.replaceChildren();
    requests = 0;
    failures = 0;
    tell();
  });
  tell();
  return {
    /** What a player complains of: each complaint once per selection. @param {readonly string[]} words @param {boolean} failed */
    say(words, failed) {
      for (const text of words) {
        if (said.has(text)) continue;
        said.add(text);
        add({ at: performance.now(), failed, cells: ['player', text, '', ''] });
        tell();
      }
    },
    /** Another selection begins. */
    forget: () => said.clear(),
    summary: () => ({ requests, failures }),
  };
}
