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
        const sealed = Buffer.concat([...pieces.map((piece) => envelope.update(piece)), envelope.final()]);
        expect(sealed.length).toBe(envelopeBytes(whole.length));
        expect(hex(sealed)).toBe(hex(sealWhole(whole, KEY, IV)));
        const decipher = createDecipheriv('aes-128-cbc', KEY, IV);
        expect(hex(Buffer.concat([decipher.update(sealed), decipher.final()]))).toBe(hex(whole));
      }),
    );
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
