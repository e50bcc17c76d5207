/**
 * Code lengths and scale factor bands of AAC (ISO/IEC 14496-3:2019 4.A.1, 4.5.4): as much as it takes to walk through an access unit
 * without decoding it. Codes of each length follow each other, so a code is known by how many there are of each length.
 */
import type { Bits } from '../bits.ts';

export type Book = {
  /** Codes of 1 bit, 2 bits, and so on. */
  readonly counts: readonly number[];
  /** Values per code: 4 or 2; the scale factors' book has 1. */
  readonly dimension: 1 | 2 | 4;
  /**
   * Of unsigned books, per code in order: how many sign bits follow (0 to 4), and of the last book which of them belong to escapes: 3, 4 and 5
   * are one of one, one of two and two of two. Empty where signs are in the codes.
   */
  readonly signs: string;
  readonly escapes: boolean;
};

const book = (dimension: Book['dimension'], counts: string, signs = '', escapes = false): Book => ({ dimension, counts: counts.split(' ').map(Number), signs, escapes });

/** Tables 4.A.2 to 4.A.12, by number; 0 is no data. */
export const SPECTRAL_BOOKS: readonly (Book | null)[] = [
  null,
  book(4, '1 0 0 0 8 0 24 0 24 8 16'),
  book(4, '0 0 1 1 7 24 15 19 14'),
  book(4, '1 0 0 4 2 6 3 5 15 15 8 9 3 3 5 2', '011112222232343311223232331221224334323244332333223243344233333344442233434443233'),
  book(4, '0 0 0 10 6 0 9 21 8 14 11 2', '433331202222121144443333333333332222222222221111444444333333333433344422222243333'),
  book(2, '1 0 0 4 4 0 4 12 12 12 18 10 4'),
  book(2, '0 0 0 9 0 16 13 8 23 8 4'),
  book(2, '1 0 2 1 0 4 5 10 14 15 8 4', '0112221122211222222221122212122222222211222222222222112222222222'),
  book(2, '0 0 1 5 7 10 14 15 8 4', '2212120112222222221122222222221212222222121222222222221212222112'),
  book(2, '1 0 2 1 0 4 3 8 11 20 31 38 32 14 4', '0112221122211222222221122222221212222222212222222212221222212222112222222222222122212222222222222222222212212222222122222222222222212212222122222222222222222222222222222'),
  book(2, '0 0 0 3 8 14 17 25 31 41 22 8', '2222112222211222202211222222222222121222222222222121222222222222222222122222122222222222222222121222222212222221222222222222222221212122222222222222212122212221222222122'),
  book(2, '0 0 0 2 6 7 16 59 55 95 43 6', '0251122222212122222221122222222222222244444241214244442222244224442242444242244222144222212442242422222224221222222122222222222222122222222222322222232122222222222222222222222222222212222222222222222221222222222222222222222222222112222222222222222222222222212212122212222211222212212112112', true),
];

/** Table 4.A.1. */
export const SCALE_FACTOR_BOOK: Book = book(1, '1 0 1 3 2 4 3 5 4 6 6 6 5 8 4 7 3 7 46');

/** The place of the next code in the order of its book. */
export function readCode(bits: Bits, { counts }: Book): number {
  let [code, first, index] = [0, 0, 0];
  for (const count of counts) {
    code = 2 * code + bits.u(1);
    first *= 2;
    if (code - first < count) return index + code - first;
    index += count;
    first += count;
  }
  throw bits.fail('Huffman code', 'one of the book', 'another');
}

/** Widths of scale factor bands, as repetitions and widths. */
const bands = (text: string): readonly number[] => text.split(' ').flatMap((part) => {
  const [times, width] = part.split('x').map(Number);
  return Array.from({ length: times }, () => width);
});

/** Tables 4.129 to 4.147, by sampling frequency index: windows of 1024 lines, then of 128. */
const LONG = {
  96: bands('14x4 5x8 5x12 2x16 1x24 1x28 1x36 1x44 11x64'),
  64: bands('14x4 4x8 3x12 3x16 1x20 2x24 1x28 1x36 18x40'),
  48: bands('10x4 7x8 4x12 2x16 2x20 2x24 2x28 19x32 1x96'),
  32: bands('10x4 7x8 4x12 2x16 2x20 2x24 2x28 22x32'),
  24: bands('11x4 10x8 4x12 3x16 2x20 2x24 2x28 1x32 2x36 1x40 1x44 1x48 2x52 5x64'),
  16: bands('11x8 9x12 4x16 3x20 2x24 2x28 1x32 1x36 2x40 1x44 1x48 1x52 1x56 1x60 3x64'),
  8: bands('13x12 7x16 4x20 3x24 2x28 1x32 2x36 1x40 1x44 1x48 1x52 1x56 1x60 1x64 1x80'),
} as const;
const SHORT = {
  96: bands('6x4 3x8 1x16 1x28 1x36'),
  48: bands('5x4 3x8 3x12 3x16'),
  24: bands('7x4 3x8 2x12 2x16 1x20'),
  16: bands('8x4 2x8 2x12 1x16 2x20'),
  8: bands('7x4 4x8 1x12 1x16 2x20'),
} as const;

export const LONG_BANDS: readonly (readonly number[])[] = [LONG[96], LONG[96], LONG[64], LONG[48], LONG[48], LONG[32], LONG[24], LONG[24], LONG[16], LONG[16], LONG[16], LONG[8], LONG[8]];
export const SHORT_BANDS: readonly (readonly number[])[] = [SHORT[96], SHORT[96], SHORT[96], SHORT[48], SHORT[48], SHORT[48], SHORT[24], SHORT[24], SHORT[16], SHORT[16], SHORT[16], SHORT[8], SHORT[8]];
