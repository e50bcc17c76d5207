/** Numbers, languages and failures as people read them. */

/** @param {number | null} bitsPerSecond */
export function bitrateWords(bitsPerSecond) {
  if (bitsPerSecond === null || !Number.isFinite(bitsPerSecond) || bitsPerSecond <= 0) return '–';
  return bitsPerSecond >= 1_000_000 ? `${(bitsPerSecond / 1_000_000).toFixed(2)} Mbit/s` : `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

/** @param {number | null} seconds */
export function timeWords(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return '–';
  const tenths = Math.floor(seconds * 10);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, '0')}`;
}

const LANGUAGES = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' });

/** @param {string} code */
export function languageWords(code) {
  if (code === '' || code === 'und') return 'language not given';
  try {
    return LANGUAGES.of(code) ?? code;
  } catch {
    return code;
  }
}

/** First part of an RFC 6381 string → the name people use. */
const CODECS = /** @type {Readonly<Record<string, string>>} */ ({
  avc1: 'H.264', avc3: 'H.264', hvc1: 'HEVC', hev1: 'HEVC', mp4a: 'AAC', 'ec-3': 'E-AC-3', 'ac-3': 'AC-3',
  dtsc: 'DTS', dtsh: 'DTS-HD', dtsl: 'DTS lossless', dtse: 'DTS Express', stpp: 'TTML', wvtt: 'WebVTT',
});

/** @param {string} codec */
export function codecWords(codec) {
  const name = codec.split('.')[0] ?? codec;
  return CODECS[name] ?? codec;
}

/** MediaError.code, HTML Living Standard "MediaError". */
const MEDIA_ERRORS = ['', 'Loading was stopped.', 'The network failed while the media was loading.', 'The media could not be decoded.', 'The browser cannot play this kind of media.'];

/** @param {MediaError} error */
export function mediaErrorWords(error) {
  const words = MEDIA_ERRORS[error.code] ?? 'The video element failed.';
  return error.message === '' ? words : `${words} (${error.message})`;
}

/** The message of an error document, else its text. @param {string} body */
function explanation(body) {
  try {
    /** @type {unknown} */
    const document = JSON.parse(body);
    if (typeof document === 'object' && document !== null && 'message' in document) return String(document.message);
  } catch {
    // Not JSON: a proxy in between may answer with anything.
  }
  return body.replace(/\s+/g, ' ').trim().slice(0, 400);
}

/** What the corpus says of its assets, by honesty class. */
const CLASSES = /** @type {Readonly<Record<string, string>>} */ ({
  encoded: 'made by an encoder: what is decoded is what the labels say',
  'bitstream-written': 'written by a bitstream writer and decoded exactly by another program',
  'null-extension': 'the syntax of the extension is valid, but it adds no sound',
  'signalling-only': 'manifests and containers are true, the media in them is not meant to be decoded',
  malformed: 'damaged on purpose, to see it refused',
});

/** @param {string} name */
export function classWords(name) {
  return CLASSES[name] ?? name;
}

/** For columns and small buttons. @param {string} title */
export function shortTitle(title) {
  return title.replace(/^MPEG-/, '').replace(/ Streaming$/, '');
}

/**
 * Asks the origin itself why it refused something; a player only knows that it did.
 * @param {string} url
 * @returns {Promise<string | null>} null: it answers
 */
export async function refusalWords(url) {
  try {
    const response = await fetch(url);
    if (response.ok) return null;
    const code = response.headers.get('x-ms-error-code');
    const words = explanation(await response.text());
    return `The origin answered ${response.status}${code === null ? '' : ` ${code}`}${words === '' ? '.' : `: ${words}`}`;
  } catch {
    return 'The origin did not answer.';
  }
}
