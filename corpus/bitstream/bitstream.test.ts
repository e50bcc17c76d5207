import { describe, expect, it } from 'vitest';
import { BitReader, BitWriter, crc16 } from './bits.ts';
import { ddtsBody, losslessFrame, nullHighResolutionExtension, silentExpressFrame } from './dts.ts';
import { createHash } from 'node:crypto';

describe('bits', () => {
  it('come back as they were written, at any width and place', () => {
    const widths = [1, 3, 7, 8, 13, 16, 24, 31, 32];
    const writer = new BitWriter();
    for (const width of widths) writer.u(width, 2 ** width - 1).u(width, 0).u(width, 1);
    const reader = new BitReader(writer.toBytes());
    for (const width of widths) expect([reader.u(width), reader.u(width), reader.u(width)]).toEqual([2 ** width - 1, 0, 1]);
    expect(() => new BitWriter().u(3, 8)).toThrow('does not fit');
  });

  it('are summed as CRC-16/CCITT', () => {
    expect(crc16(Buffer.from('123456789'), 0x1021, 0xffff)).toBe(0x29b1);
  });
});

describe('DTS', () => {
  const values = (...first: readonly number[]): Int32Array => Int32Array.from({ length: 1024 }, (_, i) => first[i] ?? 0);

  it('lossless frames of known samples have known bytes', () => {
    expect(losslessFrame([values(), values()], 24).toString('hex')).toBe('64582025000360087880808009c1605f0070808013c0000000000af141a2954700eb8000138140c0c086ac0207bdf0258000bfcb21112ac8000000000000000000000000');
    const frame = losslessFrame([values(1, -1, 2, -2), values(5, -6, 7, -8)], 24);
    expect(frame.length).toBe(292);
    expect(createHash('sha256').update(frame).digest('hex')).toBe('84f40fb75b41bc33cbfaa4787d8260508dda820034abbebc4e0a3c6295e2130a');
  });

  it('null extensions and silence have known bytes', () => {
    expect(nullHighResolutionExtension().toString('hex')).toBe('64582025000360067800808005c1205f0169e00080017000000046b7655e315e30001d000000008d63000002493fffe000000000');
    expect(silentExpressFrame().toString('hex')).toBe('645820250002e0057b80808004c0e05f007081002600d69c0a801921020c02000008150000fa00fa04000000');
  });

  it('ddts has known bytes', () => {
    const none = { maxBitrate: 0, avgBitrate: 0, depth: 24, core: null, speakers: 'stereo' } as const;
    expect(ddtsBody({ ...none, maxBitrate: 768_000, avgBitrate: 768_000, samples: 512, construction: 1, core: { amode: 9, lfe: true, bytes: 1024 }, speakers: 'surround' }).toString('hex')).toBe('0000bb80000bb800000bb8001803244000000f00');
    expect(ddtsBody({ ...none, samples: 1024, construction: 17 }).toString('hex')).toBe('0000bb80000000000000000018627c0000000200');
    expect(ddtsBody({ ...none, samples: 4096, construction: 18, modified: true }).toString('hex')).toBe('0000bb80000000000000000018e47c0000000240');
  });
});
