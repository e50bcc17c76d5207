import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocate } from '../kernels/kernels.ts';
import { cbcsCipher, VIDEO_PATTERN, WHOLE_PATTERN } from './cbcs.ts';
import { cencCipher, sampleIvs } from './cenc.ts';
import { keyCiphers } from './keyciphers.ts';
import { cutBefore, protectedRanges, type PayloadCipher } from './protected.ts';
import { mapSubsamples, type SubsampleMap } from './subsamples.ts';
import { naiveCbcs, naiveCenc } from './testing.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const KEY = hex('2b7e151628aed2a6abf7158809cf4f3c');
const CIPHERS = keyCiphers(KEY);
/** A Buffer: its slices share memory, which must not matter. */
const IV = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

/** Samples of NAL units whose leads stay clear, at any alignment of the payload. */
const samples = fc.record({
  units: fc.array(fc.array(fc.tuple(fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 90_000 })), fc.integer({ min: 1, max: 60 })), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
  offset: fc.integer({ min: 0, max: 7 }),
  seed: fc.integer(),
});

/** The payload in windows of about these sizes, cut where they may be. */
function inWindows(payload: Uint8Array, sizes: Uint32Array, map: SubsampleMap | null, windows: readonly number[], cipher: PayloadCipher): void {
  const ranges = protectedRanges(sizes, map);
  for (let from = 0, i = 0; from < payload.length; i++) {
    const wanted = Math.min(payload.length, from + windows[i % windows.length]);
    const to = wanted === payload.length ? wanted : cutBefore(ranges, wanted);
    cipher(payload.subarray(from, to), from);
    from = to;
  }
}

const windows = fc.array(fc.integer({ min: 400, max: 40_000 }), { minLength: 1, maxLength: 4 });
const encryptCenc = (payload: Uint8Array, sizes: Uint32Array, map: SubsampleMap | null, ivs: Uint8Array): void => cencCipher(protectedRanges(sizes, map), CIPHERS, ivs)(payload, 0);

type Run = { payload: Uint8Array; sizes: Uint32Array; mapOf: (aligned: boolean) => SubsampleMap };

function runOf({ units, offset, seed }: typeof samples extends fc.Arbitrary<infer T> ? T : never): Run {
  const sizes = Uint32Array.from(units, (list) => list.reduce((sum, [size]) => sum + size, 0));
  const payload = new Uint8Array(sizes.reduce((sum, size) => sum + size, offset)).subarray(offset);
  for (let i = 0, value = seed | 1; i < payload.length; i++) payload[i] = (value = Math.imul(value, 1664525) + 1013904223) >>> 24;
  const spans = {
    counts: Uint32Array.from(units, (list) => list.length),
    sizes: Uint32Array.from(units.flat(), ([size]) => size),
    leads: Uint32Array.from(units.flat(), ([size, lead]) => Math.min(size, lead)),
  };
  return { payload, sizes, mapOf: (aligned) => mapSubsamples(spans, aligned) };
}

describe('cenc', () => {
  it.each([true, false])('the batch equals AES-CTR sample by sample (subsamples: %s) and is its own reverse', (isVideo) => {
    fc.assert(
      fc.property(samples, windows, fc.nat(0xffffffff), fc.nat(0xffff), (given, lengths, prefix, first) => {
        const { payload, sizes, mapOf } = runOf(given);
        const map = isVideo ? mapOf(true) : null;
        const ivs = sampleIvs(prefix, first, sizes.length);
        const expected = naiveCenc(payload, sizes, map, KEY, ivs);
        const clear = payload.slice();
        encryptCenc(payload, sizes, map, ivs);
        expect(Buffer.compare(payload, expected)).toBe(0);
        inWindows(payload, sizes, map, lengths, cencCipher(protectedRanges(sizes, map), CIPHERS, ivs));
        expect(Buffer.compare(payload, clear)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  // NIST SP 800-38A F.5.1 has a 16-byte counter; its first block, E(F0..FF), is checked by way of XOR with zeros.
  it('starts each sample with the encrypted counter block IV || 0', () => {
    const payload = new Uint8Array(40);
    encryptCenc(payload, Uint32Array.of(17, 23), null, hex('f0f1f2f3f4f5f6f7' + '0011223344556677'));
    const block = (counter: string): string => createCipheriv('aes-128-ecb', KEY, null).setAutoPadding(false).update(hex(counter)).toString('hex');
    expect(Buffer.from(payload).toString('hex')).toBe(
      block('f0f1f2f3f4f5f6f70000000000000000') + block('f0f1f2f3f4f5f6f70000000000000001').slice(0, 2) + block('00112233445566770000000000000000') + block('00112233445566770000000000000001').slice(0, 14),
    );
  });

  it('refuses ranges that the counter cannot follow', () => {
    const map = { counts: Uint32Array.of(2), clear: Uint16Array.of(0, 0), protectedBytes: Uint32Array.of(5, 5) };
    expect(() => encryptCenc(new Uint8Array(10), Uint32Array.of(10), map, new Uint8Array(8))).toThrow(/inside a block/);
  });
});

describe('cbcs', () => {
  // Many short NAL units in one window, of all lengths around one another, with a few long ones: their chains go side by side.
  const many = fc.record({
    units: fc.array(fc.array(fc.tuple(fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 1, max: 1500 }) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 30_000 }) }), fc.integer({ min: 1, max: 60 })), { minLength: 1, maxLength: 2 }), { minLength: 9, maxLength: 80 }),
    offset: fc.integer({ min: 0, max: 7 }),
    seed: fc.integer(),
  });
  it.each([true, false])('many ranges side by side equal AES-CBC range by range, in windows as well (in the kernels’ memory: %s)', (inKernels) => {
    const memory = (inKernels ? allocate(1_500_000) : null) ?? new Uint8Array(1_500_000);
    fc.assert(
      fc.property(many, fc.array(fc.integer({ min: 400, max: 60_000 }), { minLength: 1, maxLength: 4 }), (given, lengths) => {
        const { payload, sizes, mapOf } = runOf(given);
        const map = mapOf(false);
        const expected = naiveCbcs('encrypt', payload, sizes, map, KEY, IV, VIDEO_PATTERN);
        for (const cuts of [[payload.length], lengths]) {
          const bytes = memory.subarray(given.offset, given.offset + payload.length);
          bytes.set(payload);
          inWindows(bytes, sizes, map, cuts, cbcsCipher(protectedRanges(sizes, map), CIPHERS, IV, VIDEO_PATTERN));
          expect(Buffer.compare(bytes, expected)).toBe(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('two responses under one key take turns', () => {
    const { payload, sizes, mapOf } = runOf({ units: Array.from({ length: 40 }, (_, i) => [[400 + 90 * i, 9]]), offset: 0, seed: 5 });
    const map = mapOf(false);
    const ranges = protectedRanges(sizes, map);
    const expected = naiveCbcs('encrypt', payload, sizes, map, KEY, IV, VIDEO_PATTERN);
    const [one, two] = [payload.slice(), payload.slice()];
    const [first, second] = [one, two].map((bytes) => ({ bytes, cipher: cbcsCipher(ranges, CIPHERS, IV, VIDEO_PATTERN) }));
    const middle = cutBefore(ranges, 20_000);
    for (const [from, to] of [[0, middle], [middle, payload.length]]) for (const { bytes, cipher } of [first, second]) cipher(bytes.subarray(from, to), from);
    expect([Buffer.compare(one, expected), Buffer.compare(two, expected)]).toEqual([0, 0]);
  });

  it.each([
    ['video', true, VIDEO_PATTERN],
    ['audio', false, WHOLE_PATTERN],
    ['video, 5:5', true, { crypt: 5, skip: 5 }],
  ] as const)('%s: the batch equals AES-CBC range by range, and decrypts', (_, isVideo, pattern) => {
    fc.assert(
      fc.property(samples, windows, (given, lengths) => {
        const { payload, sizes, mapOf } = runOf(given);
        const map = isVideo ? mapOf(false) : null;
        const expected = naiveCbcs('encrypt', payload, sizes, map, KEY, IV, pattern);
        const clear = payload.slice();
        const whole = payload.slice();
        cbcsCipher(protectedRanges(sizes, map), CIPHERS, IV, pattern)(whole, 0);
        expect(Buffer.compare(whole, expected)).toBe(0);
        inWindows(payload, sizes, map, lengths, cbcsCipher(protectedRanges(sizes, map), CIPHERS, IV, pattern));
        expect(Buffer.compare(payload, expected)).toBe(0);
        expect(Buffer.compare(naiveCbcs('decrypt', payload, sizes, map, KEY, IV, pattern), clear)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  // NIST SP 800-38A F.2.1, CBC-AES128.Encrypt.
  it('audio equals the published vector and leaves the last part block clear', () => {
    const clear = '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51';
    const payload = hex(`${clear}aabbcc${clear}`);
    cbcsCipher(protectedRanges(Uint32Array.of(35, 32), null), CIPHERS, IV, WHOLE_PATTERN)(payload, 0);
    const encrypted = '7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2';
    expect(Buffer.from(payload).toString('hex')).toBe(`${encrypted}aabbcc${encrypted}`);
  });
});

describe('sampleIvs', () => {
  it('are the prefix and the index, big-endian', () => {
    expect(Buffer.from(sampleIvs(0x01020304, 0x10, 2)).toString('hex')).toBe('01020304000000100102030400000011');
  });
});
