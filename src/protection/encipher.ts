/**
 * A cipher's result put where it is wanted. Node's ciphers answer each call with memory of their own, and what a gigabyte of
 * answers leaves to the collector costs as much as the cipher: pieces are small enough for the allocator to hand out the same memory
 * again, and each is given back at once.
 */
import type { Cipheriv } from 'node:crypto';

/** Larger ones go through the kernel (mmap), page by page. */
const PIECE_BYTES = 32 * 1024;
/** Less is not worth the call that gives it back. */
const LEAST_BYTES = 2048;

/** Enciphers `input` to the start of `target`, which may be the same memory or begin in front of it; the count of bytes that came out. */
export function encipherInto(cipher: Cipheriv, input: Uint8Array, target: Uint8Array): number {
  let written = 0;
  for (let from = 0; from < input.length; from += PIECE_BYTES) {
    const piece = cipher.update(input.length <= PIECE_BYTES ? input : input.subarray(from, from + PIECE_BYTES));
    target.set(piece, written);
    written += piece.length;
    if (piece.length >= LEAST_BYTES && piece.buffer instanceof ArrayBuffer && piece.buffer.byteLength === piece.length) piece.buffer.transfer(0);
  }
  return written;
}
