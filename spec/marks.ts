/**
 * The marks in corpus media: what is drawn into each picture and played on each audio track, so that an observer can
 * tell what was really shown and heard. Imports nothing: generator and observers share the definition and no code.
 */

/** Picture strip: cells across the full width, bits in row 0, their complement in row 1. */
export const STRIP = {
  cells: 16,
  renditionBits: 4,
  counterBits: 12,
  /** Each of the two rows is this fraction of the height (rounded up to even lines by the generator). */
  rowsPerHeight: 9,
  /** Luma of 1 and 0, limited range. */
  one: 235,
  zero: 16,
  /** Least difference between a cell and its complement, of 255, for a reading to count. */
  threshold: 64,
} as const;

/** Constant tone in Hz that names the audio track. */
export const PILOTS = { eng: 5000, fra: 6000, deu: 7000, description: 8000 } as const;

/** Tone of a second, in Hz: it names the second modulo 24. */
export function secondTone(second: number): number {
  return 500 + 100 * (second % 24);
}

export const PILOT_AMPLITUDE = 0.15;
export const TONE_AMPLITUDE = 0.35;
