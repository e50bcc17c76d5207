/** What a text track is to the rest of the house, whatever it was written in: cues on a timeline, and two ways to write a part of them. */
import { IsomerError } from '../errors.ts';

/** Milliseconds on the presentation's timeline: the precision of WebVTT, and of the clock times written here. */
export type Milliseconds = number;

export type Interval = { readonly start: Milliseconds; readonly end: Milliseconds };

/** One part of a track: cues that overlap [start, end) come with their whole times, so a cue that crosses a cut is in both parts. */
export type TextDocument = {
  /** Number of cues, and their intervals in order of start. */
  readonly cues: readonly Interval[];
  /** As the document itself says; null when it does not. */
  readonly language: string | null;
  /** What reading left out. */
  readonly notes: readonly string[];
  /** A complete IMSC1 document with the cues of those indexes. With a window, times count from its start and stay inside it. */
  writeTtml(cues: readonly number[], language: string, window?: Interval): string;
  /** A complete WebVTT file with the cues of those indexes; nothing follows the signature in its line, and no header line. */
  writeWebVtt(cues: readonly number[]): string;
};

export const MAX_TEXT_BYTES = 16 * 1024 * 1024;
export const MAX_CUES = 50_000;

export function textLimit(what: string, where: string, most: number, found: string | number): IsomerError {
  return new IsomerError('ISOMER_TEXT_LIMIT', { what, where, expected: `at most ${most}`, found: String(found) });
}

/** UTF-8, or UTF-16 behind a byte order mark; line ends as they are. */
export function decodeText(bytes: Uint8Array, where: string): string {
  if (bytes.length > MAX_TEXT_BYTES) throw textLimit('bytes', where, MAX_TEXT_BYTES, bytes.length);
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new IsomerError('ISOMER_TEXT_MALFORMED', { what: 'encoding', where, expected: `text in ${encoding.toUpperCase()}`, found: 'bytes that are none' });
  }
}

/** `hh:mm:ss.mmm`, a time of both WebVTT and TTML; hours take more digits when they must. */
export function clockText(time: Milliseconds): string {
  const seconds = Math.floor(time / 1000);
  return `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}.${pad(time % 1000, 3)}`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

/** What is left of an interval inside the window, and counted from the window's start. */
export function within({ start, end }: Interval, window: Interval | undefined): Interval {
  return window === undefined ? { start, end } : { start: Math.max(start, window.start) - window.start, end: Math.min(end, window.end) - window.start };
}

/** A time of TTML alone: windows begin at ticks of 10 MHz, so seven digits tell every time exactly. */
export function fineClockText(time: Milliseconds): string {
  const ticks = Math.round(time * 10_000);
  const fine = ticks % 10_000;
  return clockText((ticks - fine) / 10_000) + (fine === 0 ? '' : pad(fine, 4));
}
