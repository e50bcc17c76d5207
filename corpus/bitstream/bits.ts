/** Writing of bit fields, most significant bit first, and the checksums of audio formats. */

export class BitWriter {
  #bytes = new Uint8Array(64);
  position = 0;

  /** `width` is 0 to 32 bits; a wider value would be a slip of the caller. */
  u(width: number, value: number): this {
    if (value < 0 || value >= 2 ** width) throw new Error(`${value} does not fit ${width} bits`);
    if (this.position + width > 8 * this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    for (let left = width; left > 0; ) {
      const room = 8 - (this.position & 7);
      const take = Math.min(room, left);
      const part = Math.floor(value / 2 ** (left - take)) % 2 ** take;
      this.#bytes[this.position >> 3] |= part << (room - take);
      this.position += take;
      left -= take;
    }
    return this;
  }

  /** Pairs of width and value. */
  fields(...fields: readonly (readonly [width: number, value: number])[]): this {
    for (const [width, value] of fields) this.u(width, value);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.u(8, byte);
    return this;
  }

  /** Zero bits up to a multiple of `bytes` bytes. */
  align(bytes = 1): this {
    while (this.position % (8 * bytes) !== 0) this.u(1, 0);
    return this;
  }

  get length(): number {
    return Math.ceil(this.position / 8);
  }

  toBytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.length));
  }
}

export class BitReader {
  readonly bytes: Uint8Array;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  u(width: number): number {
    let value = 0;
    for (let i = 0; i < width; i++, this.position++) value = value * 2 + ((this.bytes[this.position >> 3] >> (7 - (this.position & 7))) & 1);
    return value;
  }

  /** Copies bits, as they are, up to a position. */
  copyTo(writer: BitWriter, end: number): void {
    while (this.position < end) {
      const width = Math.min(24, end - this.position);
      writer.u(width, this.u(width));
    }
  }
}

/** A checksum of 16 bits, most significant bit first. Over data with its checksum behind, it is 0. */
export function crc16(bytes: Uint8Array, polynomial: number, initial: number): number {
  let crc = initial;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : ((crc << 1) ^ polynomial) & 0xffff;
  }
  return crc & 0xffff;
}
