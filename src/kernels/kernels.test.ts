import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocate, copyBlocks, copyBlocksHere, copyPackets, copyPacketsHere, counterBlocks, counterBlocksHere, findZeros, findZerosHere, xorBytes, xorBytesHere } from './kernels.ts';

const BYTES = 64 * 1024;
const inside = allocate(BYTES) as Uint8Array;
const other = allocate(BYTES) as Uint8Array;
const noise = Uint8Array.from({ length: BYTES }, (_, i) => (i * 167 + (i >>> 7) * 13 + (i >>> 3)) & 0xff);
const more = noise.toReversed();

/** Runs the kernel in its memory and the oracle outside, over the same bytes: whether all of both is the same afterwards. */
function agrees(kernel: (out: Uint8Array, bytes: Uint8Array) => void, oracle: (out: Uint8Array, bytes: Uint8Array) => void): boolean {
  inside.set(noise);
  other.set(more);
  const [out, bytes] = [noise.slice(), more.slice()];
  kernel(inside, other);
  oracle(out, bytes);
  return Buffer.compare(inside, out) === 0 && Buffer.compare(other, bytes) === 0;
}

test('this machine runs the kernels: tests compare two ways, not one with itself', () => {
  expect(inside).not.toBeNull();
  expect(inside.buffer).toBe(other.buffer);
  expect(inside.buffer).not.toBe(noise.buffer);
});

describe('the kernels do what the JavaScript does', () => {
  const place = fc.nat(500);
  test('packets', () => {
    fc.assert(fc.property(place, place, fc.nat(300), fc.nat(0x1fff), fc.nat(15), (to, at, count, pid, counter) => {
      expect(agrees((out, bytes) => copyPackets(out, to, bytes, at, count, pid, counter), (out, bytes) => copyPacketsHere(out, to, bytes, at, count, pid, counter))).toBe(true);
    }));
  });
  test('packets in front of their payloads in one buffer', () => {
    fc.assert(fc.property(place, fc.nat(300), fc.nat(15), (to, count, counter) => {
      const at = to + 4 * count + 20;
      const oracle = noise.slice();
      copyPacketsHere(oracle, to, noise, at, count, 0x100, counter);
      inside.set(noise);
      copyPackets(inside, to, inside, at, count, 0x100, counter);
      expect(Buffer.compare(inside.subarray(0, to + 188 * count), oracle.subarray(0, to + 188 * count))).toBe(0);
    }));
  });
  test('exclusive or', () => {
    fc.assert(fc.property(place, place, fc.nat(3000), (at, from, count) => {
      expect(agrees((out, bytes) => xorBytes(out, at, bytes, from, count), (out, bytes) => xorBytesHere(out, at, bytes, from, count))).toBe(true);
    }));
  });
  test('blocks', () => {
    fc.assert(fc.property(place, place, fc.nat(200), fc.integer({ min: 16, max: 200 }), fc.integer({ min: 16, max: 200 }), (to, at, count, a, b) => {
      expect(agrees((out, bytes) => copyBlocks(out, to, a, bytes, at, b, count), (out, bytes) => copyBlocksHere(out, to, a, bytes, at, b, count))).toBe(true);
    }));
  });
  test('counters', () => {
    fc.assert(fc.property(place, fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(8), fc.nat(0xffff_ff00), fc.nat(255), (to, ivs, at, first, count) => {
      expect(agrees((out) => counterBlocks(out, to, ivs, at, first, count), (out) => counterBlocksHere(out, to, ivs, at, first, count))).toBe(true);
    }));
  });
});

test('two zeros in a row, at all places and ends', () => {
  const sparse = fc.array(fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 10, arbitrary: fc.integer({ min: 1, max: 255 }) }), { maxLength: 90 });
  fc.assert(
    fc.property(fc.nat(40), sparse, fc.nat(20), (offset, list, start) => {
      inside.fill(0);
      inside.set(list, offset);
      const bytes = inside.subarray(offset, offset + list.length);
      const at = Math.min(start, list.length);
      expect(findZeros(bytes, at, list.length)).toBe(findZerosHere(Uint8Array.from(list), at, list.length));
    }),
  );
});

test('nothing is touched outside the buffers', () => {
  const end = BYTES - 100;
  expect(() => copyPackets(inside, end, other, 0, 1, 0, 0)).toThrow(RangeError);
  expect(() => copyPackets(inside, 0, other, end, 1, 0, 0)).toThrow(RangeError);
  expect(() => xorBytes(inside, end, other, 0, 101)).toThrow(RangeError);
  expect(() => xorBytes(inside, 0, other, end, 101)).toThrow(RangeError);
  expect(() => copyBlocks(inside, end, 16, other, 0, 16, 7)).toThrow(RangeError);
  expect(() => copyBlocks(inside, 0, 16, other, end, 160, 2)).toThrow(RangeError);
  expect(() => counterBlocks(inside, end, new Uint8Array(8), 0, 0, 7)).toThrow(RangeError);
  expect(() => counterBlocks(inside, 0, new Uint8Array(8), 1, 0, 1)).toThrow(RangeError);
  expect(() => findZeros(inside, 0, BYTES + 1)).toThrow(RangeError);
});

test('the memory has an end', () => {
  expect(allocate(1 << 30)).toBeNull();
});
