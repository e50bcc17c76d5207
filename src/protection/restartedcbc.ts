/** AES-CBC that begins each message with the same initialization vector, with one cipher for all of them. */
import { createCipheriv } from 'node:crypto';
import { BLOCK_BYTES } from './subsamples.ts';

/**
 * The cipher would go on from the last block L of the message before. The first block of the next message is therefore
 * mixed with IV and L: E(P ^ IV ^ L ^ L) = E(P ^ IV) is the chain that starts anew. A new cipher costs as much as 30 KB.
 */
export function restartedCbc(key: Uint8Array, iv: Uint8Array): (blocks: Uint8Array) => Uint8Array {
  const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  const last = Uint8Array.from(iv);
  /** `blocks` are whole ones; the first of them is overwritten. */
  return (blocks) => {
    if (blocks.length === 0) return blocks;
    for (let i = 0; i < BLOCK_BYTES; i++) blocks[i] ^= iv[i] ^ last[i];
    const encrypted = cipher.update(blocks);
    last.set(encrypted.subarray(encrypted.length - BLOCK_BYTES));
    return encrypted;
  };
}
