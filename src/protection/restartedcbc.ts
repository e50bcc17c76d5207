/** AES-CBC that begins each message with the same initialization vector, with one cipher for all of them. */
import { createCipheriv } from 'node:crypto';
import { encipherInto } from './encipher.ts';
import { BLOCK_BYTES } from './subsamples.ts';

/** `blocks` are whole ones, enciphered where they are and given back. Not `isStart`: the message before goes on. */
export type RestartedCbc = (blocks: Uint8Array, isStart?: boolean) => Uint8Array;

/**
 * The cipher would go on from the last block L of the message before. The first block of the next message is therefore
 * mixed with IV and L: E(P ^ IV ^ L ^ L) = E(P ^ IV) is the chain that starts anew. A new cipher costs as much as 30 KB.
 */
export function restartedCbc(key: Uint8Array, iv: Uint8Array): RestartedCbc {
  const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  const last = Uint8Array.from(iv);
  return (blocks, isStart = true) => {
    if (blocks.length === 0) return blocks;
    if (isStart) for (let i = 0; i < BLOCK_BYTES; i++) blocks[i] ^= iv[i] ^ last[i];
    encipherInto(cipher, blocks, blocks);
    last.set(blocks.subarray(blocks.length - BLOCK_BYTES));
    return blocks;
  };
}
