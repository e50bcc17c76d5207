/** Characters and colours of CEA-608 (CEA-608-E 5, annex B, tables 49 to 52; ANSI/CTA-608-E keeps them). */

/** Standard characters are ASCII, but for these. */
const STANDARD: ReadonlyMap<number, string> = new Map([
  [0x2a, 'á'],
  [0x5c, 'é'],
  [0x5e, 'í'],
  [0x5f, 'ó'],
  [0x60, 'ú'],
  [0x7b, 'ç'],
  [0x7c, '÷'],
  [0x7d, 'Ñ'],
  [0x7e, 'ñ'],
  [0x7f, '█'],
]);

/** 0x11 0x30 and on; the tenth is a blank that shows what is behind. */
const SPECIAL = '®°½¿™¢£♪à\u00a0èâêîôû';
/** 0x12 0x20 and on: Spanish, miscellaneous, French. */
const SPANISH_FRENCH = 'ÁÉÓÚÜü‘¡*’—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»';
/** 0x13 0x20 and on: Portuguese, German, Danish. */
const PORTUGUESE_GERMAN = 'ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤│ÅåØø┌┐└┘';

export function standardCharacter(code: number): string {
  return STANDARD.get(code) ?? String.fromCharCode(code);
}

/** By the last two bits of the first byte; undefined for no such character. */
export function furtherCharacter(set: number, code: number): string | undefined {
  if (set === 1) return code >= 0x30 && code <= 0x3f ? SPECIAL[code - 0x30] : undefined;
  if (code < 0x20 || code > 0x3f) return undefined;
  return (set === 2 ? SPANISH_FRENCH : PORTUGUESE_GERMAN)[code - 0x20];
}

/** Classes of WebVTT (5.1) for the colours of preamble and mid-row codes; white is what there is without a class. */
export const COLOURS = ['', 'lime', 'blue', 'cyan', 'red', 'yellow', 'magenta'] as const;

/** Rows, from 0, of preamble address codes: by the first byte's last three bits, then by bit 5 of the second (table 53). */
export const PREAMBLE_ROWS: readonly (readonly [number, number])[] = [
  [10, 10],
  [0, 1],
  [2, 3],
  [11, 12],
  [13, 14],
  [4, 5],
  [6, 7],
  [8, 9],
];
