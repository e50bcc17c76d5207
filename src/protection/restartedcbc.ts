/** AES-CBC that begins each message with the same initialization vector. */
import type { KeyCiphers } from './keyciphers.ts';
import { BLOCK_BYTES } from './subsamples.ts';

/** `blocks` are whole ones, enciphered where they are and given back. Not `isStart`: the message before goes on. */
export type RestartedCbc = (blocks: Uint8Array, isStart?: boolean) => Uint8Array;

export function restartedCbc({ cbc }: KeyCiphers, iv: Uint8Array): RestartedCbc {
  const last = Uint8Array.from(iv);
  return (blocks, isStart = true) => {
    if (blocks.length === 0) return blocks;
    cbc(blocks, isStart ? iv : last);
    last.set(blocks.subarray(blocks.length - BLOCK_BYTES));
    return blocks;
  };
}
