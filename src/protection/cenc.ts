/**
 * Common Encryption scheme `cenc` (ISO/IEC 23001-7:2023 10.1): AES-CTR over the protected ranges of each sample, with
 * 8-byte initialization vectors. The whole run is enciphered with one AES-ECB cipher over its counter blocks: a cipher
 * per sample costs more than the encryption of a small sample.
 */
import { createCipheriv } from 'node:crypto';
import { BLOCK_BYTES, type SubsampleMap } from './subsamples.ts';

export const CENC_IV_BYTES = 8;

/** Counter blocks made together. */
const CHUNK_BLOCKS = 4096;
const WORDS = BLOCK_BYTES / 4;

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

/**
 * Enciphers samples in place. They lie one after the other in `payload`; `ivs` holds 8 bytes for each. Without a map the
 * whole sample is protected. Protected ranges are whole blocks, but for the last one of a sample (9.5.2.2).
 */
export function encryptCenc(payload: Uint8Array, sizes: Uint32Array, map: SubsampleMap | null, key: Uint8Array, ivs: Uint8Array): void {
  const keystream = new Keystream(payload, key);
  const view = new DataView(ivs.buffer, ivs.byteOffset, ivs.byteLength);
  let start = 0;
  let entry = 0;
  for (let i = 0; i < sizes.length; i++) {
    // In the machine's byte order, as the counter blocks are.
    keystream.startSample(view.getUint32(CENC_IV_BYTES * i, LITTLE), view.getUint32(CENC_IV_BYTES * i + 4, LITTLE));
    if (map === null) keystream.cover(start, sizes[i]);
    else {
      let at = start;
      for (const end = entry + map.counts[i]; entry < end; entry++) {
        at += map.clear[entry];
        keystream.cover(at, map.protectedBytes[entry]);
        at += map.protectedBytes[entry];
      }
    }
    start += sizes[i];
  }
  keystream.flush();
}

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** A block counter in the byte order of memory. */
function bigEndian(value: number): number {
  return LITTLE ? ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24) : value;
}

class Keystream {
  readonly #payload: Uint8Array;
  readonly #cipher: ReturnType<typeof createCipheriv>;
  readonly #counters = new Uint32Array(CHUNK_BLOCKS * WORDS);
  readonly #scratch = new Uint32Array(CHUNK_BLOCKS * WORDS);
  /** Ranges that wait for their keystream: position, bytes and first block of each. */
  readonly #waiting: number[] = [];
  #blocks = 0;
  #high = 0;
  #low = 0;
  #counter = 0;
  #isPartial = false;

  constructor(payload: Uint8Array, key: Uint8Array) {
    this.#payload = payload;
    this.#cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
  }

  startSample(high: number, low: number): void {
    this.#high = high;
    this.#low = low;
    this.#counter = 0;
    this.#isPartial = false;
  }

  cover(at: number, bytes: number): void {
    if (bytes > 0 && this.#isPartial) throw new Error('a protected range follows one that ends inside a block');
    this.#isPartial = bytes % BLOCK_BYTES !== 0;
    for (let left = bytes; left > 0; ) {
      if (this.#blocks === CHUNK_BLOCKS) this.flush();
      const blocks = Math.min(CHUNK_BLOCKS - this.#blocks, Math.ceil(left / BLOCK_BYTES));
      const taken = Math.min(left, blocks * BLOCK_BYTES);
      this.#waiting.push(at, taken, this.#blocks);
      this.#count(blocks);
      at += taken;
      left -= taken;
    }
  }

  #count(blocks: number): void {
    const counters = this.#counters;
    for (let i = 0, word = WORDS * this.#blocks; i < blocks; i++, word += WORDS) {
      counters[word] = this.#high;
      counters[word + 1] = this.#low;
      // 64 bits; no sample has 2^32 blocks.
      counters[word + 3] = bigEndian(this.#counter++);
    }
    this.#blocks += blocks;
  }

  flush(): void {
    if (this.#blocks === 0) return;
    const stream = this.#cipher.update(new Uint8Array(this.#counters.buffer, 0, this.#blocks * BLOCK_BYTES));
    const words = new Uint32Array(stream.buffer, stream.byteOffset, this.#blocks * WORDS);
    for (let i = 0; i < this.#waiting.length; i += 3) this.#apply(this.#waiting[i], this.#waiting[i + 1], words, this.#waiting[i + 2] * WORDS);
    this.#waiting.length = 0;
    this.#blocks = 0;
  }

  /** Word by word in an aligned copy: single bytes cost four times as much. */
  #apply(at: number, bytes: number, stream: Uint32Array, from: number): void {
    const scratch = this.#scratch;
    const copy = new Uint8Array(scratch.buffer, 0, bytes);
    copy.set(this.#payload.subarray(at, at + bytes));
    const words = (bytes + 3) >>> 2;
    for (let i = 0; i < words; i++) scratch[i] ^= stream[from + i];
    this.#payload.set(copy, at);
  }
}
