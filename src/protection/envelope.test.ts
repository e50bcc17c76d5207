import { spawnSync } from 'node:child_process';
import { createDecipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envelopeBytes, ivOfSequence, openEnvelope, sealWhole } from './envelope.ts';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => 17 * i);
const IV = Uint8Array.from({ length: 16 }, (_, i) => 255 - i);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('envelope', () => {
  it('gives the same bytes however the pieces fall, and decrypts', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 8 }), (pieces) => {
        const whole = Buffer.concat(pieces);
        const envelope = openEnvelope(KEY, IV);
        // Each piece in a buffer that holds it somewhere, as windows do, and some bytes more or fewer than come out.
        const parts = pieces.map((piece, i) => {
          const window = new Uint8Array(piece.length + (i % 3) * 9);
          const at = window.length - piece.length;
          window.set(piece, at);
          return Buffer.from(envelope.update(window.subarray(at), window));
        });
        const sealed = Buffer.concat([...parts, envelope.final()]);
        expect(sealed.length).toBe(envelopeBytes(whole.length));
        expect(hex(sealed)).toBe(hex(sealWhole(whole, KEY, IV)));
        const decipher = createDecipheriv('aes-128-cbc', KEY, IV);
        expect(hex(Buffer.concat([decipher.update(sealed), decipher.final()]))).toBe(hex(whole));
      }),
    );
  });

  it('enciphers large pieces where they are', () => {
    const whole = Buffer.from(Uint8Array.from({ length: 600_003 }, (_, i) => (i * 7 + (i >> 9)) & 255));
    const envelope = openEnvelope(KEY, IV);
    const parts: Buffer[] = [];
    for (let at = 0; at < whole.length; at += 256_001) {
      const window = Uint8Array.from(whole.subarray(at, at + 256_001));
      const sealed = envelope.update(window, window);
      if (sealed.length <= window.length) expect(sealed.buffer).toBe(window.buffer);
      parts.push(Buffer.from(sealed));
    }
    expect(Buffer.concat([...parts, envelope.final()]).equals(sealWhole(whole, KEY, IV))).toBe(true);
  });

  it('is what openssl decrypts', () => {
    const whole = Buffer.alloc(1103, 'isomer');
    const { stdout } = spawnSync('openssl', ['enc', '-d', '-aes-128-cbc', '-K', hex(KEY), '-iv', hex(IV)], { input: sealWhole(whole, KEY, IV) });
    expect(stdout.equals(whole)).toBe(true);
    // The old service's published initialization segment: 1103 bytes became 1104.
    expect(envelopeBytes(1103)).toBe(1104);
  });

  it('counts segments in the low half of the default vector', () => {
    expect(hex(ivOfSequence(258))).toBe('00000000000000000000000000000102');
  });
});
