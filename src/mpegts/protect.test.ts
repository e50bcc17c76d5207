import { createCipheriv, createDecipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unescapeNal } from '../codec/nal.ts';
import { escapeNal, withFourByteLengths, withoutSets } from '../codec/testing.ts';
import { keyCiphers } from '../protection/keyciphers.ts';
import { restartedCbc } from '../protection/restartedcbc.ts';
import { openNalForm } from './nalform.ts';
import { encryptAudioFrames, ENCRYPTED_VIDEO, encryptedAudio, type BlockCipher } from './protect.ts';
import { programTables } from './psi.ts';
import { encryptAvcSamples } from './testing.ts';

const KEY = Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex');
const IV = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const cipher: BlockCipher = (blocks) => createCipheriv('aes-128-cbc', KEY, IV).setAutoPadding(false).update(blocks);

/** A reader by Apple's listing 2-1, which shares nothing with the writer. */
function decryptNal(nal: Uint8Array): Buffer {
  if (((nal[0] & 31) !== 1 && (nal[0] & 31) !== 5) || nal.length <= 48) return Buffer.from(nal);
  const out = Buffer.from(unescapeNal(nal));
  const decipher = createDecipheriv('aes-128-cbc', KEY, IV).setAutoPadding(false);
  let remaining = out.length - 32;
  for (let at = 32; remaining > 0; ) {
    if (remaining > 16) {
      out.set(decipher.update(out.subarray(at, at + 16)), at);
      at += 16;
      remaining -= 16;
    }
    const clear = Math.min(144, remaining);
    at += clear;
    remaining -= clear;
  }
  return out;
}

function nalsOf(payload: Uint8Array): Uint8Array[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const nals: Uint8Array[] = [];
  for (let at = 0; at < payload.length; ) {
    const length = view.getUint32(at);
    nals.push(payload.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return nals;
}

const withLengths = (nals: readonly Uint8Array[]): Buffer => Buffer.concat(nals.flatMap((nal) => [Buffer.from([nal.length >>> 24, nal.length >>> 16, nal.length >>> 8, nal.length]), nal]));

describe('SAMPLE-AES video', () => {
  // Many zeros: emulation prevention in the clear parts, in the encrypted ones and over their borders.
  const body = fc.oneof(fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 255), { maxLength: 700 }), fc.array(fc.nat(255), { maxLength: 700 }));
  const nal = fc.tuple(fc.constantFrom(0x65, 0x41, 0x01, 0x06, 0x67), body).map(([type, bytes]) => escapeNal(Uint8Array.of(type, ...bytes, 0x80)));

  it('is deciphered to the same NAL units, and holds no start code', () => {
    fc.assert(
      fc.property(fc.array(fc.array(nal, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }), (samples) => {
        const parts = samples.map(withLengths);
        const encrypted = encryptAvcSamples(Buffer.concat(parts), Uint32Array.from(parts, ({ length }) => length), cipher);
        let at = 0;
        samples.forEach((nals, i) => {
          const sent = nalsOf(encrypted.payload.subarray(at, at + encrypted.sizes[i]));
          at += encrypted.sizes[i];
          expect(sent.map((unit) => decryptNal(unit).toString('hex'))).toEqual(nals.map((unit) => Buffer.from(unit).toString('hex')));
          sent.forEach((unit, k) => {
            for (let b = 0; b + 2 < unit.length; b++) expect(unit[b] === 0 && unit[b + 1] === 0 && unit[b + 2] < 3).toBe(false);
            if (nals[k].length > 64 && (nals[k][0] & 31) < 6) expect(Buffer.from(unit).equals(nals[k])).toBe(false);
          });
        });
        expect(at).toBe(encrypted.payload.length);
      }),
      { numRuns: 200 },
    );
  });

  it.each([1, 2, 4])('in pieces that end anywhere, with length fields of %i bytes, equals the whole by the letter', (lengthSize) => {
    const units = fc.array(fc.array(fc.tuple(fc.constantFrom(0x65, 0x41, 0x09, 0x67, 0x06), fc.oneof(fc.array(fc.constantFrom(0, 0, 0, 1, 3, 255), { maxLength: 240 }), fc.array(fc.nat(255), { maxLength: 240 }))), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
    const pieces = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(units, pieces, fc.boolean(), (samples, lengths, isEncrypted) => {
        const stored = samples.map((list) => Buffer.concat(list.flatMap(([type, bytes]) => [Buffer.alloc(lengthSize).fill(bytes.length + 1, lengthSize - 1), Buffer.from([type, ...bytes])])));
        const sizes = Uint32Array.from(stored, ({ length }) => length);
        const formed = withFourByteLengths(withoutSets(Buffer.concat(stored), sizes, lengthSize, 'avc'), lengthSize);
        const whole = isEncrypted ? encryptAvcSamples(Uint8Array.from(formed.payload), formed.sizes, cipher) : formed;
        const expected = nalsOf(whole.payload).flatMap((unit) => [0, 0, 0, 1, ...unit]);
        let dropped = 0;
        const form = openNalForm(lengthSize, isEncrypted ? restartedCbc(keyCiphers(KEY), IV) : null, (bytes) => void (dropped += bytes));
        const sent: number[] = [];
        let turn = 0;
        for (const sample of stored) {
          for (let from = 0; from < sample.length; turn++) {
            const to = Math.min(sample.length, from + lengths[turn % lengths.length]);
            form(sample, from, to, sample.length - to, (bytes, a, b) => void sent.push(...bytes.subarray(a, b)));
            from = to;
          }
        }
        expect(Buffer.from(sent).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
        const left = samples.flat().filter(([type]) => type === 0x09 || type === 0x67);
        expect(dropped).toBe(left.reduce((sum, [, bytes]) => sum + lengthSize + 1 + bytes.length, 0));
      }),
      { numRuns: 150 },
    );
  });

  it.each([48, 49, 64, 208, 209, 368, 369])('a slice of %i bytes: one block in ten, and the last one only when a byte follows', (bytes) => {
    const unit = Uint8Array.from({ length: bytes }, (_, i) => (i === 0 ? 0x65 : 0xff));
    const sent = nalsOf(encryptAvcSamples(withLengths([unit]), Uint32Array.of(bytes + 4), cipher).payload)[0];
    const changed = [...unescapeNal(sent)].flatMap((byte, i) => (byte === unit[i] ? [] : [Math.floor((i - 32) / 16)]));
    const expected = [0, 10, 20].filter((block) => 32 + 16 * block + 16 < bytes);
    expect([...new Set(changed)]).toEqual(expected);
  });
});

describe('SAMPLE-AES audio', () => {
  const cbc = (bytes: Uint8Array): string => Buffer.from(cipher(bytes)).toString('hex');
  const counted = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => i & 0xff));

  it('AAC: 16 bytes clear, whole blocks, the rest clear; each frame anew', () => {
    const frames = [counted(70), counted(31), counted(32), counted(3)];
    const payload = Buffer.concat(frames);
    encryptAudioFrames(payload, Uint32Array.from(frames, ({ length }) => length), 'aac', cipher);
    const [a, b, c, d] = frames;
    expect(payload.toString('hex')).toBe(
      [a.subarray(0, 16).toString('hex'), cbc(a.subarray(16, 64)), a.subarray(64).toString('hex'), b.toString('hex'), c.subarray(0, 16).toString('hex'), cbc(c.subarray(16, 32)), d.toString('hex')].join(''),
    );
  });

  it('E-AC-3: a leader for each syncframe, one chain for the frame', () => {
    const syncframe = (bytes: number): Buffer => {
      const frame = counted(bytes);
      frame.writeUInt16BE(0x0b77, 0);
      frame.writeUInt16BE(bytes / 2 - 1, 2);
      return frame;
    };
    const [independent, dependent] = [syncframe(52), syncframe(80)];
    const payload = Buffer.concat([independent, dependent, independent]);
    encryptAudioFrames(payload, Uint32Array.of(132, 52), 'eac3', cipher);
    const chain = cbc(Buffer.concat([independent.subarray(16, 48), dependent.subarray(16)]));
    expect(payload.subarray(16, 48).toString('hex')).toBe(chain.slice(0, 64));
    expect(payload.subarray(48, 68).toString('hex')).toBe(Buffer.concat([independent.subarray(48), dependent.subarray(0, 16)]).toString('hex'));
    expect(payload.subarray(68, 132).toString('hex')).toBe(chain.slice(64));
    expect(payload.subarray(132 + 16, 132 + 48).toString('hex')).toBe(chain.slice(0, 64));
    expect(() => encryptAudioFrames(counted(60), Uint32Array.of(60), 'eac3', cipher)).toThrow(/syncframe/);
  });
});

describe('the program map table', () => {
  it('names encrypted streams by type, private data indicator and registration', () => {
    const tables = programTables(
      [
        { pid: 0x100, language: '', ...ENCRYPTED_VIDEO },
        { pid: 0x101, language: 'eng', ...encryptedAudio({ audioType: 'zaac', setup: Uint8Array.of(0x11, 0x90) }) },
        { pid: 0x102, language: '', ...encryptedAudio({ audioType: 'zec3', setup: Uint8Array.of(1, 2, 3, 4, 5) }) },
      ],
      0x100,
      0,
    );
    const text = Buffer.from(tables.subarray(188 + 17, 188 + 17 + 90)).toString('latin1');
    expect(text.startsWith('\xdb\xe1\x00\xf0\x06\x0f\x04zavc\xcf\xe1\x01\xf0\x1c\x0a\x04eng\x00\x0f\x04aacd\x05\x0eapadzaac\x00\x00\x01\x02\x11\x90\xc2\xe1\x02\xf0\x19\x0f\x04ec3d\x05\x11apadzec3\x00\x00\x01\x05\x01\x02\x03\x04\x05')).toBe(true);
  });

  it('that does not fit one packet is refused', () => {
    expect(() => programTables([{ pid: 0x101, language: '', ...encryptedAudio({ audioType: 'zec3', setup: new Uint8Array(180) }) }], 0x101, 0)).toThrow(/program map table/);
  });
});
