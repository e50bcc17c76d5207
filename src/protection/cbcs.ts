/**
 * Common Encryption scheme `cbcs` (ISO/IEC 23001-7:2023 10.4): AES-CBC over a pattern of blocks, with one constant
 * initialization vector that every protected range starts from again.
 */
import { allocate, copyBlocks } from '../kernels/kernels.ts';
import { partsWithin, type PayloadCipher, type ProtectedRanges } from './protected.ts';
import { restartedCbc } from './restartedcbc.ts';
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
/** Used from the beginning to the end of one call, so all ciphers share it. */
const gathered = allocate(CHUNK_BYTES) ?? new Uint8Array(CHUNK_BYTES);

/**
 * Samples lie one after the other. Blocks that are not whole stay clear
 * (9.5.1). The chain of a range goes on from window to window.
 */
export function cbcsCipher(ranges: ProtectedRanges, key: Uint8Array, iv: Uint8Array, { crypt, skip }: Pattern): PayloadCipher {
  const cipher = restartedCbc(key, iv);
  const run = skip === 0 ? CHUNK_BLOCKS : crypt;
  const stride = BLOCK_BYTES * (run + skip);
  return (bytes, from) =>
    partsWithin(ranges, from, bytes.length, (at, length, offset) => {
      // Whole turns at a time; the last one may be short.
      const turns = Math.floor(CHUNK_BLOCKS / run);
      for (let done = 0; done < length; done += turns * stride) {
        const blocks = gather(bytes, at + done, Math.min(length - done, turns * stride), run, stride);
        if (blocks === 0) continue;
        cipher(gathered.subarray(0, blocks * BLOCK_BYTES), offset + done === 0);
        scatter(bytes, at + done, blocks, run, stride);
      }
    });
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
