/**
 * Inner loops over bytes: WebAssembly where the bytes lie in its memory, JavaScript everywhere else. Both give the same; the
 * JavaScript is the oracle in tests, and the way where there is no SIMD. Buffers that are worth it come from `allocate`.
 */
import { WASM } from './wasm.ts';

/** As much of WebAssembly as is used: Node's types have none of it. */
type Api = {
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};
type Words = (...words: readonly number[]) => void;
type Machine = { readonly buffer: ArrayBuffer; readonly packets: Words; readonly xor: Words; readonly blocks: Words; readonly counters: Words; readonly zeros: (at: number, end: number) => number };

const PAGE_BYTES = 64 * 1024;
/** The memory never grows, for growing would take all views away. Pages that nobody has touched cost nothing. */
const MEMORY_BYTES = 128 * 1024 * 1024;
/** Starts of buffers are multiples of this. */
const ALIGNMENT = 64;
const BLOCK = 16;
const HALF_BLOCK = 8;
export const PACKET_BYTES = 188;
const PAYLOAD_BYTES = 184;

const machine = startMachine();
let used = 0;

function startMachine(): Machine | null {
  const api = (globalThis as unknown as { readonly WebAssembly?: Api }).WebAssembly;
  if (api === undefined) return null;
  const pages = MEMORY_BYTES / PAGE_BYTES;
  try {
    const memory = new api.Memory({ initial: pages, maximum: pages });
    const { exports } = new api.Instance(new api.Module(Buffer.from(WASM, 'base64')), { isomer: { memory } });
    return { buffer: memory.buffer, ...(exports as Omit<Machine, 'buffer'>) };
  } catch {
    // No SIMD, or no room: the JavaScript below is as right.
    return null;
  }
}

/** Fresh bytes, not zeroed, in the kernels' memory; null when that is used up or not there. They are never given back: keep them. */
export function allocate(bytes: number): Uint8Array | null {
  if (machine === null || used + bytes > MEMORY_BYTES) return null;
  const at = used;
  used += bytes + (-bytes & (ALIGNMENT - 1));
  return Buffer.from(machine.buffer, at, bytes);
}

/** The machine, when the bytes of both are in its memory. */
function machineOf(one: Uint8Array, other: Uint8Array): Machine | null {
  return machine !== null && one.buffer === machine.buffer && other.buffer === machine.buffer ? machine : null;
}

/**
 * `count` transport packets of 188 bytes at `to` in `out`, without adaptation fields, with payloads from `at` in `bytes` on; the
 * continuity counter starts at `counter`. `out` may lie before `bytes` in the same memory, when each packet ends at least 16
 * bytes before the end of the payload that it takes.
 */
export function copyPackets(out: Uint8Array, to: number, bytes: Uint8Array, at: number, count: number, pid: number, counter: number): void {
  if (to + PACKET_BYTES * count > out.length || at + PAYLOAD_BYTES * count > bytes.length) throw new RangeError('packets beyond their buffer');
  const found = machineOf(out, bytes);
  if (found !== null) found.packets(out.byteOffset + to, bytes.byteOffset + at, count, 0x47 | ((pid >>> 8) << 8) | ((pid & 0xff) << 16) | (0x10 << 24), counter);
  else copyPacketsHere(out, to, bytes, at, count, pid, counter);
}

export function copyPacketsHere(out: Uint8Array, to: number, bytes: Uint8Array, at: number, count: number, pid: number, counter: number): void {
  for (let i = 0; i < count; i++, to += PACKET_BYTES, at += PAYLOAD_BYTES) {
    out[to] = 0x47;
    out[to + 1] = pid >>> 8;
    out[to + 2] = pid & 0xff;
    out[to + 3] = 0x10 | ((counter + i) & 15);
    out.set(bytes.subarray(at, at + PAYLOAD_BYTES), to + 4);
  }
}

/** Bytes [at, at + count) of `bytes` become their exclusive or with the first `count` bytes of `stream` behind `from`. */
export function xorBytes(bytes: Uint8Array, at: number, stream: Uint8Array, from: number, count: number): void {
  if (at + count > bytes.length || from + count > stream.length) throw new RangeError('bytes beyond their buffer');
  const found = machineOf(bytes, stream);
  if (found !== null) found.xor(bytes.byteOffset + at, stream.byteOffset + from, count);
  else xorBytesHere(bytes, at, stream, from, count);
}

export function xorBytesHere(bytes: Uint8Array, at: number, stream: Uint8Array, from: number, count: number): void {
  for (let i = 0; i < count; i++) bytes[at + i] ^= stream[from + i];
}

/** Blocks of 16 bytes, `count` of them, that lie `fromStride` apart from `at` on, to places `toStride` apart from `to` on. */
export function copyBlocks(out: Uint8Array, to: number, toStride: number, bytes: Uint8Array, at: number, fromStride: number, count: number): void {
  if (count === 0) return;
  if (to + toStride * (count - 1) + BLOCK > out.length || at + fromStride * (count - 1) + BLOCK > bytes.length) throw new RangeError('blocks beyond their buffer');
  const found = machineOf(out, bytes);
  if (found !== null) found.blocks(out.byteOffset + to, toStride, bytes.byteOffset + at, fromStride, count);
  else copyBlocksHere(out, to, toStride, bytes, at, fromStride, count);
}

export function copyBlocksHere(out: Uint8Array, to: number, toStride: number, bytes: Uint8Array, at: number, fromStride: number, count: number): void {
  for (let i = 0; i < count; i++, to += toStride, at += fromStride) for (let k = 0; k < BLOCK; k++) out[to + k] = bytes[at + k];
}

/** `count` counter blocks at `to`: 8 bytes from `at` in `ivs`, then the block's number from `first` on in 8 bytes, big-endian. No number reaches 2^32. */
export function counterBlocks(out: Uint8Array, to: number, ivs: Uint8Array, at: number, first: number, count: number): void {
  if (to + BLOCK * count > out.length || at + HALF_BLOCK > ivs.length) throw new RangeError('counters beyond their buffer');
  const found = machineOf(out, out);
  if (found !== null) found.counters(out.byteOffset + to, littleEndian(ivs, at), littleEndian(ivs, at + 4), first, count);
  else counterBlocksHere(out, to, ivs, at, first, count);
}

function littleEndian(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

export function counterBlocksHere(out: Uint8Array, to: number, ivs: Uint8Array, at: number, first: number, count: number): void {
  const iv = ivs.subarray(at, at + HALF_BLOCK);
  for (let i = 0, number = first; i < count; i++, number++, to += BLOCK) {
    out.set(iv, to);
    out.fill(0, to + 8, to + 12);
    out[to + 12] = number >>> 24;
    out[to + 13] = number >>> 16;
    out[to + 14] = number >>> 8;
    out[to + 15] = number;
  }
}

/** The place in [at, end) where two bytes of 0 begin that both lie in it; `end` where there are none. */
export function findZeros(bytes: Uint8Array, at: number, end: number): number {
  if (at > end || end > bytes.length) throw new RangeError('bytes beyond their buffer');
  const found = machineOf(bytes, bytes);
  return found === null ? findZerosHere(bytes, at, end) : found.zeros(bytes.byteOffset + at, bytes.byteOffset + end) - bytes.byteOffset;
}

export function findZerosHere(bytes: Uint8Array, at: number, end: number): number {
  for (let i = at; i + 1 < end; i++) if (bytes[i] === 0 && bytes[i + 1] === 0) return i;
  return end;
}
