/**
 * Reads the marks that are burnt into every corpus picture: a strip of 16 cells across the top two ninths. Row 0 holds
 * 4 bits of rendition id and 12 bits of frame number, most significant first; row 1 holds their complement, so a blur,
 * a black picture or a half-decoded one reads as nothing instead of as a wrong number.
 *
 * This file also runs inside the page (see script.ts): it imports values from spec only.
 */
const CELLS = 16;
const COUNTER_BITS = 12;
/** Least difference between a cell and its complement, of 255. Intact video at 300 kbit/s keeps 253. */
const LEAST_MARGIN = 64;

export const COUNTER_MODULUS = 1 << COUNTER_BITS;
/** The strip is scaled to this size before it is read: 4 × 4 pixels a cell. */
export const STRIP_WIDTH = 64;
export const STRIP_HEIGHT = 8;
/** Share of the picture's height that the two rows take. */
export const STRIP_SHARE = 2 / 9;

export type Mark = { readonly rendition: number; readonly counter: number; readonly margin: number };

/** `rgba`: STRIP_WIDTH × STRIP_HEIGHT pixels. Null when any cell does not differ enough from its complement. */
export function readMark(rgba: ArrayLike<number>): Mark | null {
  let bits = 0;
  let margin = 255;
  for (let cell = 0; cell < CELLS; cell++) {
    const difference = luma(rgba, cell, 1) - luma(rgba, cell, 5);
    margin = Math.min(margin, Math.abs(difference));
    if (margin < LEAST_MARGIN) return null;
    bits = (bits << 1) | (difference > 0 ? 1 : 0);
  }
  return { rendition: bits >>> COUNTER_BITS, counter: bits & (COUNTER_MODULUS - 1), margin: Math.round(margin) };
}

/** Mean green of a cell's inner 2 × 2 pixels; the outer ones carry the scaler's blur. */
function luma(rgba: ArrayLike<number>, cell: number, row: number): number {
  let sum = 0;
  for (let y = row; y < row + 2; y++) {
    for (let x = cell * 4 + 1; x < cell * 4 + 3; x++) sum += rgba[(y * STRIP_WIDTH + x) * 4 + 1];
  }
  return sum / 4;
}
