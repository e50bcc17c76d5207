/**
 * A walk through an AAC access unit (raw_data_block, ISO/IEC 14496-3:2019 4.4.2.1) up to its fill elements, which alone tell of spectral
 * band replication where the configuration is silent (1.6.5.2, implicit signalling). Nothing is decoded.
 */
import { Bits } from '../bits.ts';
import type { Place } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { LONG_BANDS, readCode, SCALE_FACTOR_BOOK, SHORT_BANDS, SPECTRAL_BOOKS } from './aacbooks.ts';

/** id_syn_ele (table 4.85). */
const SCE = 0;
const CPE = 1;
const LFE = 3;
const DSE = 4;
const PCE = 5;
const FIL = 6;
const END = 7;
/** extension_type (table 4.121): with and without a checksum. */
const SBR_DATA: ReadonlySet<number> = new Set([13, 14]);
const EIGHT_SHORT = 2;
/** The codebook of noise; it and those of intensity, 14 and 15, have no spectral data. */
const NOISE = 13;
/** More than the standard's 48 channels could need; a limit for damaged data. */
const MAX_ELEMENTS = 128;

/** Whether an access unit of AAC LC holds SBR data. Throws where the unit is damaged, or holds what only other object types may. */
export function holdsSbr(unit: Uint8Array, rateIndex: number, where = 'AAC access unit'): boolean {
  const place: Place = { code: 'ISOMER_CODEC_MALFORMED', where };
  const bits = new Bits(unit, place);
  for (let i = 0; i < MAX_ELEMENTS; i++) {
    const element = bits.u(3);
    if (element === END) return false;
    if (element === FIL) {
      if (readFill(bits)) return true;
    } else if (element === SCE || element === LFE) {
      bits.skip(4);
      channel(bits, rateIndex, null);
    } else if (element === CPE) pair(bits, rateIndex);
    else if (element === DSE) dataStream(bits);
    else if (element === PCE) programConfig(bits);
    else throw unsupported(where, 'coupling channel');
  }
  throw bits.fail('elements', `ID_END within ${MAX_ELEMENTS}`, 'more');
}

function unsupported(where: string, found: string): IsomerError {
  return new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'AAC LC', where, expected: 'elements of AAC LC', found });
}

function readFill(bits: Bits): boolean {
  let count = bits.u(4);
  if (count === 15) count += bits.u(8) - 1;
  if (count === 0) return false;
  if (SBR_DATA.has(bits.u(4))) return true;
  bits.skip(8 * count - 4);
  return false;
}

function dataStream(bits: Bits): void {
  bits.skip(4);
  const aligned = bits.flag();
  let count = bits.u(8);
  if (count === 255) count += bits.u(8);
  if (aligned) align(bits);
  bits.skip(8 * count);
}

function align(bits: Bits): void {
  bits.skip((8 - (bits.position & 7)) & 7);
}

/** 4.4.1.1. */
function programConfig(bits: Bits): void {
  bits.skip(4 + 2 + 4);
  const counts = [4, 4, 4, 2, 3, 4].map((width) => bits.u(width));
  for (const width of [4, 4, 3]) if (bits.flag()) bits.skip(width);
  counts.forEach((count, list) => bits.skip(count * [5, 5, 5, 4, 4, 5][list]));
  align(bits);
  bits.skip(8 * bits.u(8));
}

/** ics_info (table 4.6): the widths of the bands in use, and how many windows each group has. */
type Window = { readonly short: boolean; readonly bands: readonly number[]; readonly groups: readonly number[] };

function window(bits: Bits, rateIndex: number): Window {
  bits.skip(1);
  const short = bits.u(2) === EIGHT_SHORT;
  bits.skip(1); // window_shape
  const used = bits.u(short ? 4 : 6);
  const all = (short ? SHORT_BANDS : LONG_BANDS)[rateIndex];
  if (used > all.length) throw bits.fail('max_sfb', `at most ${all.length}`, String(used));
  const bands = all.slice(0, used);
  if (!short) {
    if (bits.flag()) throw bits.fail('predictor_data_present', '0 in AAC LC', '1');
    return { short, bands, groups: [1] };
  }
  // scale_factor_grouping: 1 joins a window to the group of the one before.
  const groups = [1];
  for (let i = 0; i < 7; i++) {
    if (bits.flag()) groups[groups.length - 1]++;
    else groups.push(1);
  }
  return { short, bands, groups };
}

function pair(bits: Bits, rateIndex: number): void {
  bits.skip(4);
  const common = bits.flag() ? window(bits, rateIndex) : null;
  // ms_mask_present: 1 has a bit per band, 2 is all of them.
  if (common !== null && bits.u(2) === 1) bits.skip(common.groups.length * common.bands.length);
  channel(bits, rateIndex, common);
  channel(bits, rateIndex, common);
}

/** individual_channel_stream (table 4.50). */
function channel(bits: Bits, rateIndex: number, common: Window | null): void {
  bits.skip(8); // global_gain
  const own = common ?? window(bits, rateIndex);
  const books = sections(bits, own);
  scaleFactors(bits, books);
  if (bits.flag()) {
    const pulses = bits.u(2) + 1;
    bits.skip(6 + 9 * pulses);
  }
  if (bits.flag()) temporalNoiseShaping(bits, own);
  if (bits.flag()) throw bits.fail('gain_control_data_present', '0 in AAC LC', '1');
  spectrum(bits, own, books);
}

/** section_data (table 4.52): the codebook of each band of each group. */
function sections(bits: Bits, { short, bands, groups }: Window): readonly (readonly number[])[] {
  const width = short ? 3 : 5;
  const escape = 2 ** width - 1;
  return groups.map(() => {
    const books: number[] = [];
    while (books.length < bands.length) {
      const book = bits.u(4);
      let length = 0;
      let part: number;
      do length += part = bits.u(width);
      while (part === escape);
      if (book === 12 || length === 0 || books.length + length > bands.length) throw bits.fail('section', `a known codebook and 1 to ${bands.length - books.length} bands`, `codebook ${book}, ${length} bands`);
      for (let i = 0; i < length; i++) books.push(book);
    }
    return books;
  });
}

/** scale_factor_data (table 4.53): the first noise energy of a channel is a number of 9 bits. */
function scaleFactors(bits: Bits, books: readonly (readonly number[])[]): void {
  let noise = false;
  for (const book of books.flat()) {
    if (book === NOISE && !noise) {
      noise = true;
      bits.skip(9);
    } else if (book !== 0) readCode(bits, SCALE_FACTOR_BOOK);
  }
}

/** tns_data (table 4.54). */
function temporalNoiseShaping(bits: Bits, { short }: Window): void {
  for (let i = 0; i < (short ? 8 : 1); i++) {
    const filters = bits.u(short ? 1 : 2);
    const resolution = filters > 0 ? 3 + bits.u(1) : 0;
    for (let filter = 0; filter < filters; filter++) {
      bits.skip(short ? 4 : 6); // length
      const order = bits.u(short ? 3 : 5);
      if (order === 0) continue;
      bits.skip(1); // direction
      const compress = bits.u(1);
      bits.skip(order * (resolution - compress));
    }
  }
}

/** spectral_data (table 4.56): bands of one group and codebook, all windows of the group, one after the other. */
function spectrum(bits: Bits, { bands, groups }: Window, books: readonly (readonly number[])[]): void {
  books.forEach((group, g) => {
    group.forEach((number, band) => {
      const book = number < NOISE ? SPECTRAL_BOOKS[number] : null;
      if (book === null) return;
      const codes = (bands[band] * groups[g]) / book.dimension;
      for (let i = 0; i < codes; i++) {
        const index = readCode(bits, book);
        if (book.signs !== '') values(bits, Number(book.signs[index]), book.escapes);
      }
    });
  });
}

/** Sign bits and escape sequences of the numbers that an unsigned code stands for. */
function values(bits: Bits, signs: number, escapes: boolean): void {
  const [nonZero, escaped] = escapes && signs > 2 ? [signs === 3 ? 1 : 2, signs === 5 ? 2 : 1] : [signs, 0];
  bits.skip(nonZero);
  for (let i = 0; i < escaped; i++) {
    let prefix = 4;
    while (bits.flag()) prefix++;
    bits.skip(prefix);
  }
}
