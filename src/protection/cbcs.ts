/**
 * Common Encryption scheme `cbcs` (ISO/IEC 23001-7:2023 10.4): AES-CBC over a pattern of blocks, with one constant
 * initialization vector that every protected range starts from again.
 */
import { allocate, copyBlocks, xorBytes } from '../kernels/kernels.ts';
import type { KeyCiphers } from './keyciphers.ts';
import { partsWithin, type PayloadCipher, type ProtectedRanges } from './protected.ts';
import { BLOCK_BYTES } from './subsamples.ts';

/** Blocks that are enciphered and blocks that are skipped, in turn (9.6.1). */
export type Pattern = { readonly crypt: number; readonly skip: number };

/** What 10.4.2 recommends for video, and what FairPlay asks for. */
export const VIDEO_PATTERN: Pattern = { crypt: 1, skip: 9 };
/** 10.4.3: whole samples are enciphered without a pattern. */
export const WHOLE_PATTERN: Pattern = { crypt: 0, skip: 0 };

/** Blocks gathered together: a whole number of turns of any pattern of ten blocks. */
const CHUNK_BLOCKS = 2560;
const CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES;
/** Used from the beginning to the end of one call, so all ciphers share them. */
const scratch = (bytes: number): Uint8Array => allocate(bytes) ?? new Uint8Array(bytes);
const gathered = scratch(CHUNK_BYTES);
const ROWS_BYTES = 256 * 1024;
const rows = scratch(ROWS_BYTES);
const start = scratch(BLOCK_BYTES);

/** Parts of ranges in one window, in order: place, bytes and place in the range. */
type Parts = { readonly at: number[]; readonly length: number[]; readonly offset: number[] };

/** Of the longest ranges of a window so many go on alone when the others have ended: of 2, 4, 8 and 12 the cheapest. */
const LONGEST = 4;

/**
 * Samples lie one after the other. Blocks that are not whole stay clear
 * (9.5.1). The chain of a range goes on from window to window.
 */
export function cbcsCipher(ranges: ProtectedRanges, ciphers: KeyCiphers, iv: Uint8Array, { crypt, skip }: Pattern): PayloadCipher {
  const run = skip === 0 ? CHUNK_BLOCKS : crypt;
  const stride = BLOCK_BYTES * (run + skip);
  /** Whole turns at a time; the last one may be short. */
  const chunk = Math.floor(CHUNK_BLOCKS / run) * stride;
  /** The last block of a range that the window before has cut, then of the part at hand. */
  const last = new Uint8Array(BLOCK_BYTES);
  /** `before`: what the first block is chained to. */
  const alone = (bytes: Uint8Array, at: number, length: number, before: Uint8Array): void => {
    let chained = before;
    for (let done = 0; done < length; done += chunk) {
      const blocks = gather(bytes, at + done, Math.min(length - done, chunk), run, stride);
      if (blocks === 0) continue;
      const packed = gathered.subarray(0, blocks * BLOCK_BYTES);
      ciphers.cbc(packed, chained);
      scatter(bytes, at + done, blocks, run, stride);
      last.set(packed.subarray(packed.length - BLOCK_BYTES));
      chained = last;
    }
  };
  return (bytes, from) => {
    const parts: Parts = { at: [], length: [], offset: [] };
    partsWithin(ranges, from, bytes.length, (at, length, offset) => {
      parts.at.push(at);
      parts.length.push(length);
      parts.offset.push(offset);
    });
    const { at, length, offset } = parts;
    const depth = run === 1 ? together(bytes, parts, stride, ciphers, iv, last) : 0;
    for (let i = 0; i < at.length; i++) {
      const done = Math.min(depth, blocksIn(length[i], stride));
      const isLonger = depth < blocksIn(length[i], stride);
      // The last part of the window as well: the next one may go on from there.
      if (done > 0 && (isLonger || i === at.length - 1)) last.set(bytes.subarray(at[i] + (done - 1) * stride, at[i] + (done - 1) * stride + BLOCK_BYTES));
      if (isLonger || depth === 0) alone(bytes, at[i] + done * stride, length[i] - done * stride, done === 0 && offset[i] === 0 ? iv : last);
    }
  };
}

/** Blocks of a part under a pattern of one block in each turn. */
function blocksIn(length: number, stride: number): number {
  return Math.floor((length + stride - BLOCK_BYTES) / stride);
}

/**
 * Enciphers the first blocks of all parts side by side; the count of them, 0 where that saves no calls. Each chain is serial, but they do
 * not depend on one another: row k holds block k of every part, longest part first, and is one call of AES-ECB, after the exclusive or
 * with row k - 1 that CBC is.
 */
function together(bytes: Uint8Array, { at, length, offset }: Parts, stride: number, ciphers: KeyCiphers, iv: Uint8Array, last: Uint8Array): number {
  const count = at.length;
  if (count <= 2 * LONGEST) return 0;
  const blocks = Uint32Array.from(length, (part) => blocksIn(part, stride));
  const order = Uint32Array.from(at, (_, i) => i).sort((a, b) => blocks[b] - blocks[a]);
  const rowBytes = BLOCK_BYTES * count;
  const depth = Math.min(blocks[order[LONGEST]], Math.floor(ROWS_BYTES / rowBytes) - 1);
  if (depth < 1 || depth + LONGEST >= count) return 0;
  // In front of the first row is what the chains begin with.
  start.set(iv);
  copyBlocks(rows, 0, BLOCK_BYTES, start, 0, 0, count);
  if (offset[0] > 0) rows.set(last, BLOCK_BYTES * order.indexOf(0));
  const own = (column: number): number => Math.min(depth, blocks[order[column]]);
  for (let i = 0; i < count; i++) copyBlocks(rows, rowBytes + BLOCK_BYTES * i, rowBytes, bytes, at[order[i]], stride, own(i));
  for (let k = 1, active = count; k <= depth; k++) {
    while (blocks[order[active - 1]] < k) active--;
    const row = rows.subarray(k * rowBytes, k * rowBytes + BLOCK_BYTES * active);
    xorBytes(rows, k * rowBytes, rows, (k - 1) * rowBytes, row.length);
    ciphers.ecb(row, row);
  }
  for (let i = 0; i < count; i++) copyBlocks(bytes, at[order[i]], stride, rows, rowBytes + BLOCK_BYTES * i, rowBytes, own(i));
  return depth;
}

/** Blocks of the part, packed; the count of them. */
function gather(bytes: Uint8Array, at: number, length: number, run: number, stride: number): number {
  const whole = Math.floor(length / stride);
  const rest = Math.min(run, Math.floor((length - whole * stride) / BLOCK_BYTES));
  if (run === 1) {
    copyBlocks(gathered, 0, BLOCK_BYTES, bytes, at, stride, whole + rest);
    return whole + rest;
  }
  for (let turn = 0; turn <= whole; turn++) copyBlocks(gathered, turn * run * BLOCK_BYTES, BLOCK_BYTES, bytes, at + turn * stride, BLOCK_BYTES, turn < whole ? run : rest);
  return whole * run + rest;
}

/** The reverse. */
function scatter(bytes: Uint8Array, at: number, blocks: number, run: number, stride: number): void {
  if (run === 1) copyBlocks(bytes, at, stride, gathered, 0, BLOCK_BYTES, blocks);
  else for (let done = 0; done < blocks; done += run) copyBlocks(bytes, at + (done / run) * stride, BLOCK_BYTES, gathered, done * BLOCK_BYTES, BLOCK_BYTES, Math.min(run, blocks - done));
}
