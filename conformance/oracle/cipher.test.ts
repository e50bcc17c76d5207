import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAudioFrame, openCbcs, openCenc, openEnvelope, openNal, withoutEmulationPrevention } from './cipher.ts';

const KEY = Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex');
const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');

function cbc(blocks: Uint8Array, iv: Uint8Array): Buffer {
  return createCipheriv('aes-128-cbc', KEY, iv).setAutoPadding(false).update(blocks);
}

describe('the envelope', () => {
  const IV = Buffer.alloc(16, 7);

  it('opens, and tells a wrong key by its padding', () => {
    const cipher = createCipheriv('aes-128-cbc', KEY, IV);
    const sealed = Buffer.concat([cipher.update(Buffer.from('moof and more')), cipher.final()]);
    expect(openEnvelope(sealed, KEY, IV)?.toString()).toBe('moof and more');
    expect(openEnvelope(sealed.subarray(1), KEY, IV)).toBeNull();
    expect(openEnvelope(Buffer.alloc(0), KEY, IV)).toBeNull();
    expect(openEnvelope(sealed, Buffer.alloc(16, 1), IV)).toBeNull();
  });
});

describe('cenc', () => {
  it('is the counter mode of NIST SP 800-38A F.5.1 with a whole first counter', () => {
    // The upper half alone is what 8-byte vectors give, so the published vector is used with 16.
    const iv = Buffer.from('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', 'hex');
    expect(hex(openCenc(Buffer.from('874d6191b620e3261bef6864990db6ce', 'hex'), null, KEY, iv))).toBe('6bc1bee22e409f96e93d7e117393172a');
  });

  it('runs one keystream through the protected ranges, however they are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.integer({ min: 0, max: 16 }), (sample, clear) => {
        const iv = Buffer.from('0102030405060708', 'hex');
        const whole = openCenc(sample.subarray(clear, clear + 48), null, KEY, iv);
        const parts = openCenc(sample, [{ clear, protected: 16 }, { clear: 0, protected: 32 }, { clear: 16 - clear, protected: 0 }], KEY, iv);
        expect(hex(parts)).toBe(hex(Buffer.concat([sample.subarray(0, clear), whole, sample.subarray(clear + 48)])));
      }),
    );
  });
});

describe('cbcs', () => {
  const IV = Buffer.alloc(16, 3);
  const clear = Buffer.from(Array.from({ length: 16 * 12 + 5 }, (_, i) => i));

  it('takes one block of ten, and begins anew with each range', () => {
    const sealed = Buffer.from(clear);
    const blocks = cbc(Buffer.concat([clear.subarray(0, 16), clear.subarray(160, 176)]), IV);
    blocks.copy(sealed, 0, 0, 16);
    blocks.copy(sealed, 160, 16, 32);
    expect(hex(openCbcs(sealed, null, KEY, IV, { crypt: 1, skip: 9 }))).toBe(hex(clear));
    const twice = Buffer.concat([Buffer.from([9]), sealed, Buffer.from([9, 9]), sealed]);
    expect(hex(openCbcs(twice, [{ clear: 1, protected: sealed.length }, { clear: 2, protected: sealed.length }], KEY, IV, { crypt: 1, skip: 9 }))).toBe(hex(Buffer.concat([Buffer.from([9]), clear, Buffer.from([9, 9]), clear])));
  });

  it('takes all whole blocks without a pattern', () => {
    const sealed = Buffer.concat([cbc(clear.subarray(0, 192), IV), clear.subarray(192)]);
    expect(hex(openCbcs(sealed, null, KEY, IV, { crypt: 0, skip: 0 }))).toBe(hex(clear));
  });
});

describe('SAMPLE-AES', () => {
  const IV = Buffer.alloc(16, 5);

  it('takes emulation prevention out of slices alone', () => {
    expect(hex(withoutEmulationPrevention(Buffer.from('6500000301000003', 'hex')))).toBe('6500000100' + '00');
    const parameters = Buffer.from('6700000301', 'hex');
    expect(openNal(parameters, KEY, IV)).toBe(parameters);
    const short = Buffer.concat([Buffer.from('65000003', 'hex'), Buffer.alloc(44, 1)]);
    expect(openNal(short, KEY, IV)).toBe(short);
  });

  it('leaves 32 bytes, and a block that nothing follows', () => {
    const clear = Buffer.from(Array.from({ length: 32 + 160 + 16 }, (_, i) => (i === 0 ? 0x65 : (i % 250) + 1)));
    const sealed = Buffer.from(clear);
    cbc(clear.subarray(32, 48), IV).copy(sealed, 32);
    const escaped = hex(sealed).includes('0000') ? null : sealed;
    if (escaped === null) throw new Error('choose bytes without a start code');
    expect(hex(openNal(escaped, KEY, IV))).toBe(hex(clear));
  });

  it('leaves 16 bytes of a frame, and what fills no block', () => {
    const clear = Buffer.from(Array.from({ length: 16 + 32 + 3 }, (_, i) => i));
    const sealed = Buffer.concat([clear.subarray(0, 16), cbc(clear.subarray(16, 48), IV), clear.subarray(48)]);
    expect(hex(openAudioFrame(sealed, [{ at: 0, bytes: clear.length }], KEY, IV))).toBe(hex(clear));
  });
});
