/** Fields of bits, read and written: configurations, slice headers, frame headers. */
import type { Place } from './bytes.ts';
import { IsomerError } from './errors.ts';

/** Bit by bit, most significant first, with the Exp-Golomb codes of ISO/IEC 14496-10:2022 9.1. */
export class Bits {
  readonly #bytes: Uint8Array;
  readonly #place: Place;
  /** In bits. */
  position = 0;

  constructor(bytes: Uint8Array, place: Place) {
    this.#bytes = bytes;
    this.#place = place;
  }

  get left(): number {
    return 8 * this.#bytes.length - this.position;
  }

  fail(what: string, expected: string, found: string): IsomerError {
    const { code, where, base = 0 } = this.#place;
    return new IsomerError(code, { what, where: `${where}, byte ${base + (this.position >>> 3)}, bit ${this.position & 7}`, expected, found });
  }

  /** An unsigned field of 0 to 32 bits. */
  u(width: number): number {
    if (width > this.left) throw this.fail('data ends too early', `${width} bits`, `${this.left}`);
    let value = 0;
    for (let wanted = width; wanted > 0; ) {
      const offset = this.position & 7;
      const taken = Math.min(wanted, 8 - offset);
      const chunk = (this.#bytes[this.position >>> 3] >>> (8 - offset - taken)) & ((1 << taken) - 1);
      value = value * 2 ** taken + chunk;
      this.position += taken;
      wanted -= taken;
    }
    return value;
  }

  flag(): boolean {
    return this.u(1) === 1;
  }

  skip(width: number): void {
    if (width > this.left) throw this.fail('data ends too early', `${width} bits`, `${this.left}`);
    this.position += width;
  }

  ue(): number {
    let zeros = 0;
    while (this.u(1) === 0) {
      zeros++;
      if (zeros > 32) throw this.fail('Exp-Golomb code', 'at most 32 leading zeros', 'more');
    }
    return 2 ** zeros - 1 + this.u(zeros);
  }

  se(): number {
    const code = this.ue();
    return code % 2 === 0 ? 0 - code / 2 : (code + 1) / 2;
  }
}

/** The same fields, written. */
export class BitWriter {
  readonly #bytes: number[] = [];
  position = 0;

  u(width: number, value: number): void {
    for (let bit = width - 1; bit >= 0; bit--) {
      if ((this.position & 7) === 0) this.#bytes.push(0);
      if (Math.floor(value / 2 ** bit) % 2 === 1) this.#bytes[this.position >>> 3] |= 0x80 >>> (this.position & 7);
      this.position++;
    }
  }

  ue(value: number): void {
    const width = Math.floor(Math.log2(value + 1));
    this.u(width, 0);
    this.u(width + 1, value + 1);
  }

  se(value: number): void {
    this.ue(value > 0 ? 2 * value - 1 : -2 * value);
  }

  /** Padded with zero bits to a whole byte. */
  toBytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
