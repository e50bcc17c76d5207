import { describe, expect, it } from 'vitest';
import { accessUnits, dolbyHead, dtsHead, dtsEntryOf, framedCodecOf } from './audioframes.ts';

/** An E-AC-3 syncframe of this many bytes: strmtyp, substreamid, frmsiz. */
function dolby(bytes: number, type: number, id: number): Buffer {
  const frame = Buffer.alloc(bytes, 0xaa);
  frame.writeUInt16BE(0x0b77, 0);
  frame.writeUInt16BE((type << 14) | (id << 11) | (bytes / 2 - 1), 2);
  return frame;
}

const core = Buffer.concat([Buffer.from('7ffe8001fc3c0bf2', 'hex'), Buffer.alloc(184, 1)]);
const extension = Buffer.from('645820250002e0057b80808004c0e05f007081002600d69c0a801921020c02000008150000fa00fa04000000', 'hex');

describe('access units', () => {
  it('a dependent substream belongs to the unit that it follows', () => {
    const frames = [dolby(100, 0, 0), dolby(60, 1, 0), dolby(100, 0, 0), dolby(60, 1, 0)];
    expect(accessUnits(Buffer.concat(frames), 'ec-3')).toEqual([Buffer.concat(frames.slice(0, 2)), Buffer.concat(frames.slice(2))]);
  });

  it('an extension belongs to the core before it, and stands alone without one', () => {
    expect(accessUnits(Buffer.concat([core, core]), 'dts')).toEqual([core, core]);
    expect(accessUnits(Buffer.concat([core, extension, core, extension]), 'dts')).toHaveLength(2);
    expect(accessUnits(Buffer.concat([extension, extension, extension]), 'dts')).toEqual([extension, extension, extension]);
    expect([core, Buffer.concat([core, extension]), extension].map(dtsEntryOf)).toEqual(['dtsc', 'dtsh', 'dtse']);
  });

  it('what is cut or no frame is said', () => {
    expect(accessUnits(dolby(100, 0, 0).subarray(0, 90), 'ec-3')).toMatch(/100 bytes at byte 0 leaves/);
    expect(accessUnits(Buffer.concat([core, Buffer.from([0])]), 'dts')).toMatch(/no syncword at byte 192/);
  });
});

describe('the codec of a stream', () => {
  it.each([
    ['ec-3', 0x87, ''],
    ['dts', 0x06, 'DTS2'],
    [null, 0x06, 'Opus'],
    [null, 0x06, ''],
    [null, 0x0f, ''],
  ])('%s', (codec, streamType, identifier) => {
    const descriptors = identifier === '' ? [] : [{ tag: 5, data: Buffer.from(identifier) }];
    expect(framedCodecOf({ pid: 257, streamType, descriptors })).toBe(codec);
  });
});

describe('heads', () => {
  const dependent = Buffer.from('0b7740023f80', 'hex');
  const independent = Buffer.from('0b7700023f86', 'hex');

  it('tell what dec3 repeats, and count substreams', () => {
    const unit = Buffer.concat([independent, dependent]);
    expect(dolbyHead(independent)).toEqual({ fscod: 0, bsid: 16, acmod: 7, lfeon: 1, independent: 1, dependent: 0, bytes: 6 });
    expect(dolbyHead(unit)).toMatchObject({ independent: 1, dependent: 1, bytes: 12 });
    expect(dolbyHead(Buffer.from('ffff', 'hex'))).toBeNull();
  });

  it('tell rate and length of DTS frames with and without a core', () => {
    expect(dtsHead(Buffer.from('645820250002e0057b80808004c0e05f007081002600d69c', 'hex'))).toEqual({ samples: 4096, rate: 48_000 });
    expect(dtsHead(Buffer.from('64582025000360087880808009c1605f0070808013c00000', 'hex'))).toEqual({ samples: 1024, rate: 48_000 });
    expect(dtsHead(Buffer.from('7ffe8001fc3c3ff0b6e0', 'hex'))).toEqual({ samples: 512, rate: 48_000 });
    expect(dtsHead(Buffer.from('00', 'hex'))).toBeNull();
  });
});
