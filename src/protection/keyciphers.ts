/**
 * The ciphers of one content key, made once: a new one costs as much as 30 KB of enciphering. Calls of different responses may take
 * turns, since each says by itself where its chain begins.
 */
import { createCipheriv } from 'node:crypto';
import { encipherInto } from './encipher.ts';
import { BLOCK_BYTES } from './subsamples.ts';

export type KeyCiphers = {
  /** AES-ECB over whole blocks, to the start of `target`, which may be the same memory. */
  ecb(blocks: Uint8Array, target: Uint8Array): void;
  /** AES-CBC over whole blocks where they are, as if the block `before` were in front of them: an initialization vector or ciphertext. */
  cbc(blocks: Uint8Array, before: Uint8Array): void;
};

export function keyCiphers(key: Uint8Array): KeyCiphers {
  const ecb = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
  const last = new Uint8Array(BLOCK_BYTES);
  const cbc = createCipheriv('aes-128-cbc', key, last).setAutoPadding(false);
  return {
    ecb: (blocks, target) => void encipherInto(ecb, blocks, target),
    cbc(blocks, before) {
      if (blocks.length === 0) return;
      // The cipher would go on from L, the last block of the call before. E(P ^ B ^ L ^ L) = E(P ^ B) is the chain that goes on from B.
      for (let i = 0; i < BLOCK_BYTES; i++) blocks[i] ^= before[i] ^ last[i];
      encipherInto(cbc, blocks, blocks);
      last.set(blocks.subarray(blocks.length - BLOCK_BYTES));
    },
  };
}
