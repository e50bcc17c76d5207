/**
 * The contract that every player is put behind. What `state` and `events` say is recorded; it never makes a verdict better.
 *
 * @typedef {import('../../model.ts').PlayerEvent} PlayerEvent
 * @typedef {import('../../model.ts').ManifestFormat} ManifestFormat
 * @typedef {{ readonly id: string, readonly language: string }} AudioTrack
 * @typedef {{ time: number, duration: number | null, bitrate: number | null, bitrates: number[], audio: string | null, audioTracks: AudioTrack[] }} PlayerState
 * @typedef {{ readonly licence: string, readonly headers: Readonly<Record<string, string>> }} Protection where keys are (W3C Clear Key), and what is sent along to whoever has them
 * @typedef {object} Adapter
 * @property {(url: string, format: ManifestFormat, switching?: boolean, protection?: Protection, text?: readonly string[]) => Promise<void>} load switching: qualities will be chosen; text: to be shown, in the first of these languages that there is
 * @property {() => Promise<void>} play
 * @property {() => void} pause
 * @property {(seconds: number) => void} seek
 * @property {(language: string) => boolean | Promise<boolean>} setAudio
 * @property {(bitrate: number | null) => boolean | Promise<boolean>} setQuality null: the player chooses
 * @property {() => string | Promise<string>} version
 * @property {() => PlayerState | Promise<PlayerState>} state
 * @property {() => Promise<void>} destroy
 * @typedef {(name: string, text: string, fatal: boolean) => void} Report
 * @typedef {(video: HTMLVideoElement, report: Report) => Promise<Adapter>} CreateAdapter
 */

/**
 * Loads a player's file as a classic script: that is how the players publish their browser builds.
 * @param {string} name
 */
export function loadScript(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = `/players/${name}`;
    script.addEventListener('load', () => resolve(undefined));
    script.addEventListener('error', () => reject(new Error(`the player's file ${name} did not load`)));
    document.head.append(script);
  });
}

/** A promise and the function that fulfils it. */
export function signal() {
  const { promise, resolve } = Promise.withResolvers();
  return { promise, fulfil: () => resolve(undefined) };
}

/**
 * @param {PromiseLike<unknown>} promise
 * @param {number} milliseconds
 * @param {string} what
 */
export function within(promise, milliseconds, what) {
  return Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} took more than ${milliseconds} ms`)), milliseconds)),
  ]);
}

/** @param {HTMLVideoElement} video */
export function elementDuration(video) {
  return Number.isFinite(video.duration) ? video.duration : null;
}

/**
 * The first that has one of these languages, the earlier ones before the later.
 * @template T
 * @param {readonly T[]} tracks
 * @param {readonly string[]} languages
 * @param {(track: T) => string | undefined} languageOf
 */
export function inLanguage(tracks, languages, languageOf) {
  for (const language of languages) {
    const found = tracks.find((track) => languageOf(track)?.toLowerCase() === language.toLowerCase());
    if (found !== undefined) return found;
  }
  return undefined;
}
