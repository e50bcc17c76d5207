/**
 * Cursors over bytes. `Reader`, `Writer` and `Sizer` share the type `Io`, so one definition of a structure reads it,
 * writes it and measures it: each method takes the value to write and returns the value that now holds.
 * A Reader ignores the arguments; a Writer and a Sizer return them.
 */
import { IsomerError, type ErrorCode } from './errors.ts';

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Words that hold bytes in big-endian order become numbers. By Node's own code: a loop over a long table takes as long as all else until it is compiled. */
export function swapWords({ buffer, byteOffset, byteLength }: Uint32Array<ArrayBuffer>): void {
  if (isLittleEndian) Buffer.from(buffer, byteOffset, byteLength).swap32();
}

/** Big-endian throughout. */
export type Io = {
  u8(value: number): number;
  u16(value: number): number;
  u24(value: number): number;
  u32(value: number): number;
  u64(value: bigint): bigint;
  i16(value: number): number;
  i32(value: number): number;
  i64(value: bigint): bigint;
  /** Four characters of ISO/IEC 8859-1. */
  fourcc(value: string): string;
  /** UTF-8 up to a NUL; a Reader also takes the end of the range for it. */
  text(value: string): string;
  bytes(length: number, value: Uint8Array): Uint8Array;
  /** All bytes up to the end of the range. */
  rest(value: Uint8Array): Uint8Array;
  /** Consecutive bit fields that fill whole bytes, 48 bits at most. */
  bits(widths: readonly number[], values: readonly number[]): readonly number[];
  /** The length of a list that follows. */
  count8(list: ArrayLike<unknown>): number;
  count16(list: ArrayLike<unknown>): number;
  count32(list: ArrayLike<unknown>): number;
  /** `count` items of at least `least` bytes each. */
  list<T>(count: number, least: number, items: readonly T[], item: (value: T) => T): readonly T[];
  /** Items of at least `least` bytes each, up to the end of the range. */
  listToEnd<T>(least: number, items: readonly T[], item: (value: T) => T): readonly T[];
  /** Bytes whose length a Reader gets by looking ahead at the rest of the range. */
  ahead(value: Uint8Array, lengthOf: (rest: Uint8Array) => number): Uint8Array;
  /** `count` rows of 32-bit columns: one typed array per column, no object per row. */
  rows(count: number, width: number, columns: readonly Uint32Array[]): readonly Uint32Array[];
  /** `count` 64-bit values that stay below 2^53. */
  column64(count: number, column: Float64Array): Float64Array;
  /** Whether an optional tail of at least `least` bytes is there: a Reader looks, the others take the caller's word. */
  more(present: boolean, least?: number): boolean;
};

/** Where a Reader's bytes come from, for its errors. */
export type Place = {
  /** Raised when the bytes end too early or make no sense. */
  readonly code: ErrorCode;
  /** Box path, file or structure. */
  readonly where: string;
  /** Position of the first byte of the array inside the file or structure. */
  readonly base?: number;
};

const NOTHING = Object.freeze({});
const UTF8 = new TextDecoder();
const UTF8_ENCODER = new TextEncoder();

/** What a definition gets in place of a value when it reads. */
export function unread<T>(): T {
  return NOTHING as T;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bounds-checked reading; every error carries the offset. */
export class Reader implements Io {
  readonly place: Place;
  readonly end: number;
  position: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, place: Place, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.place = place;
    this.position = start;
    this.end = end;
  }

  get left(): number {
    return this.end - this.position;
  }

  /** An error at the current position. */
  fail(what: string, expected: string, found: string): IsomerError {
    return this.failAt(this.position, what, expected, found);
  }

  failAt(position: number, what: string, expected: string, found: string): IsomerError {
    const { code, where, base = 0 } = this.place;
    return new IsomerError(code, { what, where: `${where}, byte ${base + position}`, expected, found });
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u24(): number {
    const at = this.#take(3);
    return this.#view.getUint16(at) * 256 + this.#view.getUint8(at + 2);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  fourcc(): string {
    return fourccAt(this.#bytes, this.#take(4));
  }

  text(): string {
    const nul = this.#bytes.subarray(0, this.end).indexOf(0, this.position);
    const end = nul < 0 ? this.end : nul;
    const text = UTF8.decode(this.#bytes.subarray(this.position, end));
    this.position = Math.min(end + 1, this.end);
    return text;
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  bits(widths: readonly number[]): readonly number[] {
    let total = 0;
    for (const width of widths) total += width;
    let value = 0;
    for (let i = 0; i < total; i += 8) value = value * 256 + this.u8();
    return widths.map((width) => {
      total -= width;
      const unit = 2 ** total;
      const field = Math.floor(value / unit);
      value -= field * unit;
      return field;
    });
  }

  count8(): number {
    return this.u8();
  }

  count16(): number {
    return this.u16();
  }

  count32(): number {
    return this.u32();
  }

  list<T>(count: number, least: number, _items: readonly T[], item: (value: T) => T): readonly T[] {
    this.#room(count, least);
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(item(unread<T>()));
    return items;
  }

  listToEnd<T>(least: number, _items: readonly T[], item: (value: T) => T): readonly T[] {
    const items: T[] = [];
    while (this.left >= least) items.push(item(unread<T>()));
    return items;
  }

  ahead(_value: Uint8Array, lengthOf: (rest: Uint8Array) => number): Uint8Array {
    return this.bytes(lengthOf(this.#bytes.subarray(this.position, this.end)));
  }

  rows(count: number, width: number): readonly Uint32Array[] {
    this.#room(count, 4 * width);
    const at = this.#take(4 * width * count);
    const columns = Array.from({ length: width }, () => new Uint32Array(count));
    const stride = 4 * width;
    for (let column = 0; column < width; column++) fillColumn(columns[column], this.#view, at + 4 * column, stride);
    return columns;
  }

  column64(count: number): Float64Array {
    this.#room(count, 8);
    const at = this.#take(8 * count);
    const column = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const value = this.#view.getUint32(at + 8 * i) * 0x1_0000_0000 + this.#view.getUint32(at + 8 * i + 4);
      if (value > Number.MAX_SAFE_INTEGER) throw this.failAt(at + 8 * i, '64-bit value', 'below 2^53', String(value));
      column[i] = value;
    }
    return column;
  }

  more(_present: boolean, least = 1): boolean {
    return this.left >= least;
  }

  skip(length: number): void {
    this.#take(length);
  }

  #take(length: number): number {
    const at = this.position;
    if (length > this.end - at) throw this.fail('data ends too early', `${length} bytes`, `${this.end - at}`);
    this.position = at + length;
    return at;
  }

  /** Checks a declared count before anything is allocated for it. */
  #room(count: number, least: number): void {
    if (count * least > this.left) throw this.fail('declared count', `at most ${Math.floor(this.left / least)} entries in ${this.left} bytes`, String(count));
  }
}

/** Writes into a buffer of the exact size, which a Sizer measured with the same code. */
export class Writer implements Io {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  u8(value: number): number {
    this.#view.setUint8(this.position, value);
    this.position += 1;
    return value;
  }

  u16(value: number): number {
    this.#view.setUint16(this.position, value);
    this.position += 2;
    return value;
  }

  u24(value: number): number {
    this.#view.setUint16(this.position, value >>> 8);
    this.#view.setUint8(this.position + 2, value);
    this.position += 3;
    return value;
  }

  u32(value: number): number {
    this.#view.setUint32(this.position, value);
    this.position += 4;
    return value;
  }

  u64(value: bigint): bigint {
    this.#view.setBigUint64(this.position, value);
    this.position += 8;
    return value;
  }

  i16(value: number): number {
    return this.u16(value);
  }

  i32(value: number): number {
    return this.u32(value);
  }

  i64(value: bigint): bigint {
    return this.u64(value);
  }

  fourcc(value: string): string {
    for (let i = 0; i < 4; i++) this.u8(value.charCodeAt(i));
    return value;
  }

  text(value: string): string {
    this.#put(UTF8_ENCODER.encode(value));
    this.u8(0);
    return value;
  }

  bytes(_length: number, value: Uint8Array): Uint8Array {
    return this.#put(value);
  }

  rest(value: Uint8Array): Uint8Array {
    return this.#put(value);
  }

  bits(widths: readonly number[], values: readonly number[]): readonly number[] {
    let total = 0;
    let value = 0;
    widths.forEach((width, i) => {
      total += width;
      value = value * 2 ** width + values[i];
    });
    for (let shift = total - 8; shift >= 0; shift -= 8) this.u8(Math.floor(value / 2 ** shift) % 256);
    return values;
  }

  count8(list: ArrayLike<unknown>): number {
    return this.u8(list.length);
  }

  count16(list: ArrayLike<unknown>): number {
    return this.u16(list.length);
  }

  count32(list: ArrayLike<unknown>): number {
    return this.u32(list.length);
  }

  list<T>(_count: number, _least: number, items: readonly T[], item: (value: T) => T): readonly T[] {
    for (const value of items) item(value);
    return items;
  }

  listToEnd<T>(_least: number, items: readonly T[], item: (value: T) => T): readonly T[] {
    return this.list(items.length, 0, items, item);
  }

  ahead(value: Uint8Array): Uint8Array {
    return this.rest(value);
  }

  rows(count: number, width: number, columns: readonly Uint32Array[]): readonly Uint32Array[] {
    const stride = 4 * width;
    for (let column = 0; column < width; column++) {
      const values = columns[column];
      for (let i = 0, at = this.position + 4 * column; i < count; i++, at += stride) this.#view.setUint32(at, values[i]);
    }
    this.position += stride * count;
    return columns;
  }

  column64(count: number, column: Float64Array): Float64Array {
    for (let i = 0; i < count; i++) {
      this.u32(Math.floor(column[i] / 0x1_0000_0000));
      this.u32(column[i] % 0x1_0000_0000);
    }
    return column;
  }

  more(present: boolean): boolean {
    return present;
  }

  /** Fills in a size that was not known when its place was passed. */
  patchU32(position: number, value: number): void {
    this.#view.setUint32(position, value);
  }

  #put(value: Uint8Array): Uint8Array {
    this.#bytes.set(value, this.position);
    this.position += value.length;
    return value;
  }
}

/** Counts what a Writer would write. */
export class Sizer implements Io {
  size = 0;

  u8(value: number): number {
    return this.#add(1, value);
  }

  u16(value: number): number {
    return this.#add(2, value);
  }

  u24(value: number): number {
    return this.#add(3, value);
  }

  u32(value: number): number {
    return this.#add(4, value);
  }

  u64(value: bigint): bigint {
    return this.#add(8, value);
  }

  i16(value: number): number {
    return this.#add(2, value);
  }

  i32(value: number): number {
    return this.#add(4, value);
  }

  i64(value: bigint): bigint {
    return this.#add(8, value);
  }

  fourcc(value: string): string {
    return this.#add(4, value);
  }

  text(value: string): string {
    return this.#add(UTF8_ENCODER.encode(value).length + 1, value);
  }

  bytes(_length: number, value: Uint8Array): Uint8Array {
    return this.#add(value.length, value);
  }

  rest(value: Uint8Array): Uint8Array {
    return this.#add(value.length, value);
  }

  bits(widths: readonly number[], values: readonly number[]): readonly number[] {
    let total = 0;
    for (const width of widths) total += width;
    return this.#add(total / 8, values);
  }

  count8(list: ArrayLike<unknown>): number {
    return this.#add(1, list.length);
  }

  count16(list: ArrayLike<unknown>): number {
    return this.#add(2, list.length);
  }

  count32(list: ArrayLike<unknown>): number {
    return this.#add(4, list.length);
  }

  list<T>(_count: number, _least: number, items: readonly T[], item: (value: T) => T): readonly T[] {
    for (const value of items) item(value);
    return items;
  }

  listToEnd<T>(_least: number, items: readonly T[], item: (value: T) => T): readonly T[] {
    return this.list(items.length, 0, items, item);
  }

  ahead(value: Uint8Array): Uint8Array {
    return this.rest(value);
  }

  rows(count: number, width: number, columns: readonly Uint32Array[]): readonly Uint32Array[] {
    return this.#add(4 * width * count, columns);
  }

  column64(count: number, column: Float64Array): Float64Array {
    return this.#add(8 * count, column);
  }

  more(present: boolean): boolean {
    return present;
  }

  #add<T>(size: number, value: T): T {
    this.size += size;
    return value;
  }
}

export function fourccAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function fillColumn(column: Uint32Array, view: DataView, start: number, stride: number): void {
  for (let i = 0, at = start; i < column.length; i++, at += stride) column[i] = view.getUint32(at);
}
