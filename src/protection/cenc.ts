/**
 * Common Encryption scheme `cenc` (ISO/IEC 23001-7:2023 10.1): AES-CTR over the protected ranges of each sample, with
 * 8-byte initialization vectors. Many samples are enciphered with one AES-ECB cipher over their counter blocks: a cipher
 * per sample costs more than the encryption of a small sample.
 */
import { allocate, counterBlocks, xorBytes } from '../kernels/kernels.ts';
import type { KeyCiphers } from './keyciphers.ts';
import { partsWithin, type PayloadCipher, type ProtectedRanges } from './protected.ts';
import { BLOCK_BYTES } from './subsamples.ts';

export const CENC_IV_BYTES = 8;

/** Counter blocks made together. */
const CHUNK_BLOCKS = 4096;
const CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES;

/** The vectors of samples [first, first + count): the track's prefix and the sample's index (media-rules 7.1). */
export function sampleIvs(prefix: number, first: number, count: number): Uint8Array {
  const ivs = new Uint8Array(CENC_IV_BYTES * count);
  const view = new DataView(ivs.buffer);
  for (let i = 0; i < count; i++) {
    view.setUint32(CENC_IV_BYTES * i, prefix);
    view.setUint32(CENC_IV_BYTES * i + 4, first + i);
  }
  return ivs;
}

/** Counter blocks and their keystream: used from the beginning to the end of one call, so all ciphers share them. */
const scratch = (): Uint8Array => allocate(CHUNK_BYTES) ?? new Uint8Array(CHUNK_BYTES);
const counters = scratch();
const keystream = scratch();

/**
 * Samples lie one after the other; `ivs` holds 8 bytes for each. Protected ranges are whole blocks, but for the last one of a sample (9.5.2.2).
 */
export function cencCipher(ranges: ProtectedRanges, ciphers: KeyCiphers, ivs: Uint8Array): PayloadCipher {
  const { before } = ranges;
  for (let i = 0; i < before.length; i++) if (before[i] % BLOCK_BYTES !== 0) throw new Error('a protected range follows one that ends inside a block');
  return (bytes, from) => {
    /** Ranges that wait for their keystream: place in the window, length and first block of each. */
    const waiting: number[] = [];
    let blocks = 0;
    const flush = (): void => {
      if (blocks === 0) return;
      ciphers.ecb(counters.subarray(0, blocks * BLOCK_BYTES), keystream);
      for (let i = 0; i < waiting.length; i += 3) xorBytes(bytes, waiting[i], keystream, waiting[i + 2] * BLOCK_BYTES, waiting[i + 1]);
      waiting.length = 0;
      blocks = 0;
    };
    partsWithin(ranges, from, bytes.length, (at, length, offset, index) => {
      const sample = ranges.samples[index];
      for (let done = 0; done < length; ) {
        if (blocks === CHUNK_BLOCKS) flush();
        const count = Math.min(CHUNK_BLOCKS - blocks, Math.ceil((length - done) / BLOCK_BYTES));
        const taken = Math.min(length - done, count * BLOCK_BYTES);
        // No sample has 2^32 blocks.
        counterBlocks(counters, blocks * BLOCK_BYTES, ivs, CENC_IV_BYTES * sample, (before[index] + offset + done) / BLOCK_BYTES, count);
        waiting.push(at + done, taken, blocks);
        blocks += count;
        done += taken;
      }
    });
    flush();
  };
}
