/**
 * Common Encryption scheme `cbcs` (ISO/IEC 23001-7:2023 10.4): AES-CBC over a pattern of blocks, with one constant
 * initialization vector that every protected range starts from again.
 */
import { restartedCbc } from './restartedcbc.ts';
import { BLOCK_BYTES, type SubsampleMap } from './subsamples.ts';

/** Blocks that are enciphered and blocks that are skipped, in turn (9.6.1). */
export type Pattern = { readonly crypt: number; readonly skip: number };

/** What 10.4.2 recommends for video, and what FairPlay asks for. */
export const VIDEO_PATTERN: Pattern = { crypt: 1, skip: 9 };
/** 10.4.3: whole samples are enciphered without a pattern. */
export const WHOLE_PATTERN: Pattern = { crypt: 0, skip: 0 };

/**
 * Enciphers samples in place. They lie one after the other in `payload`. Without a map each sample is one protected range.
 * Blocks that are not whole stay clear (9.5.1).
 */
export function encryptCbcs(payload: Uint8Array, sizes: Uint32Array, map: SubsampleMap | null, key: Uint8Array, iv: Uint8Array, pattern: Pattern): void {
  const chain = new Chain(payload, key, iv, pattern);
  let start = 0;
  let entry = 0;
  for (let i = 0; i < sizes.length; i++) {
    if (map === null) chain.encrypt(start, sizes[i]);
    else {
      let at = start;
      for (const end = entry + map.counts[i]; entry < end; entry++) {
        at += map.clear[entry];
        chain.encrypt(at, map.protectedBytes[entry]);
        at += map.protectedBytes[entry];
      }
    }
    start += sizes[i];
  }
}

/** Gathers the blocks of a range, enciphers them together and puts them back. */
class Chain {
  readonly #payload: Uint8Array;
  readonly #cipher: (blocks: Uint8Array) => Uint8Array;
  /** Distance of the enciphered runs and their length; equal when there is no pattern. */
  readonly #stride: number;
  readonly #run: number;
  #gathered = Buffer.alloc(1 << 14);

  constructor(payload: Uint8Array, key: Uint8Array, iv: Uint8Array, { crypt, skip }: Pattern) {
    this.#payload = payload;
    this.#cipher = restartedCbc(key, iv);
    this.#run = BLOCK_BYTES * Math.max(1, crypt);
    this.#stride = skip === 0 ? this.#run : this.#run + BLOCK_BYTES * skip;
  }

  encrypt(at: number, bytes: number): void {
    const total = this.#covered(bytes);
    if (total === 0) return;
    if (total > this.#gathered.length) this.#gathered = Buffer.alloc(2 * total);
    const gathered = this.#gathered.subarray(0, total);
    if (this.#stride === this.#run) gathered.set(this.#payload.subarray(at, at + total));
    else this.#move(at, total, (packed, place) => copyRun(this.#payload, place, gathered, packed, Math.min(this.#run, total - packed)));
    const encrypted = this.#cipher(gathered);
    if (this.#stride === this.#run) this.#payload.set(encrypted, at);
    else this.#move(at, total, (packed, place) => copyRun(encrypted, packed, this.#payload, place, Math.min(this.#run, total - packed)));
  }

  /** Enciphered bytes of a range: whole blocks of whole and partial runs. */
  #covered(bytes: number): number {
    const whole = Math.floor(bytes / this.#stride);
    const rest = Math.min(this.#run, bytes - whole * this.#stride);
    return whole * this.#run + rest - (rest % BLOCK_BYTES);
  }

  #move(at: number, total: number, copy: (packed: number, place: number) => void): void {
    for (let packed = 0, place = at; packed < total; packed += this.#run, place += this.#stride) copy(packed, place);
  }
}

/** Runs are a block or a few: a loop is cheaper than two views. */
function copyRun(from: Uint8Array, at: number, to: Uint8Array, place: number, bytes: number): void {
  for (let i = 0; i < bytes; i++) to[place + i] = from[at + i];
}
