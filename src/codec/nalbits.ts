/** Bits of a NAL unit read through its emulation prevention, without a copy: slice headers are short, slices are long. */
import { IsomerError } from '../errors.ts';

export class NalBits {
  readonly #nal: Uint8Array;
  readonly #where: string;
  #at = 0;
  #zeros = 0;
  #byte = 0;
  #left = 0;

  constructor(nal: Uint8Array, where: string) {
    this.#nal = nal;
    this.#where = where;
  }

  /** Stored bytes up to and with the one that holds the last bit read. */
  get bytes(): number {
    return this.#at;
  }

  fail(what: string, expected: string, found: string): IsomerError {
    return new IsomerError('ISOMER_CODEC_MALFORMED', { what, where: `${this.#where}, byte ${this.#at}`, expected, found });
  }

  bit(): number {
    if (this.#left === 0) this.#next();
    return (this.#byte >>> --this.#left) & 1;
  }

  /** An unsigned field of 0 to 32 bits. */
  u(width: number): number {
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 2 + this.bit();
    return value;
  }

  flag(): boolean {
    return this.bit() === 1;
  }

  skip(width: number): void {
    for (let i = 0; i < width; i++) this.bit();
  }

  /** ISO/IEC 14496-10:2022 9.1. */
  ue(): number {
    let zeros = 0;
    while (this.bit() === 0) if (++zeros > 32) throw this.fail('Exp-Golomb code', 'at most 32 leading zeros', 'more');
    return 2 ** zeros - 1 + this.u(zeros);
  }

  se(): number {
    const code = this.ue();
    return code % 2 === 0 ? 0 - code / 2 : (code + 1) / 2;
  }

  /** An Exp-Golomb code that a table or a loop depends on. */
  ueUpTo(limit: number, what: string): number {
    const value = this.ue();
    if (value > limit) throw this.fail(what, `at most ${limit}`, String(value));
    return value;
  }

  #next(): void {
    let byte = this.#take();
    // emulation_prevention_three_byte, 7.4.1.1.
    if (this.#zeros >= 2 && byte === 3) {
      this.#zeros = 0;
      byte = this.#take();
    }
    this.#zeros = byte === 0 ? this.#zeros + 1 : 0;
    this.#byte = byte;
    this.#left = 8;
  }

  #take(): number {
    if (this.#at >= this.#nal.length) throw this.fail('data ends too early', 'a slice header', `${this.#nal.length} bytes`);
    return this.#nal[this.#at++];
  }
}

/** Bits of a field that tells `values` values apart: Ceil(Log2(values)). */
export function widthFor(values: number): number {
  return values <= 1 ? 0 : Math.ceil(Math.log2(values));
}
