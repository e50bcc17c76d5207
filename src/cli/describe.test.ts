import { describe, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { describeBytes, MAX_BYTES, outline } from './describe.ts';

async function linesOf(bytes: Uint8Array, size = bytes.length): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of describeBytes((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), size)) lines.push(line);
  return lines;
}

function packet(...head: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(188).fill(0xff);
  bytes.set([0x47, ...head]);
  return bytes;
}

describe('transport streams', () => {
  const pat = packet(0x40, 0, 0x11, 0, 0);
  // Adaptation field with random access and a clock of 2^33 - 1, then a PES header with PTS 2^32 and DTS 90000.
  const start = packet(0x41, 0, 0x35, 7, 0x50, 0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10, 0x39, 0, 1, 0, 1, 0x11, 0, 5, 0xbf, 0x21);
  const more = packet(0x01, 0, 0x16);

  test('units with their stamps, other packets as counts', async () => {
    expect(await linesOf(Buffer.concat([pat, start, more, more, pat, more]))).toEqual([
      '@0 pid=0 continuity=1 table_id=0',
      '@188 pid=256 continuity=5 random_access PCR=8589934591 PES stream_id=0xe0 PTS=4294967296 DTS=90000',
      '  pid=256 2 more',
      '@752 pid=0 continuity=1 table_id=0',
      '  pid=256 1 more',
    ]);
  });

  test('what does not fit is named', async () => {
    expect((await linesOf(Buffer.concat([pat, new Uint8Array(3).fill(0x47)]))).at(-1)).toBe('3 bytes after the last packet');
    const broken = Buffer.concat([...Array.from({ length: 30 }, () => pat), packet().fill(0)]);
    await expect(linesOf(broken)).rejects.toThrow(/byte 5640; expected 0x47; found 0x0/);
  });
});

describe('text', () => {
  test('XML becomes an outline', () => {
    expect(outline('<?xml version="1.0"?><a xmlns="urn:x" b="1 &lt; 2"><c t="0"/><!-- no --><d>\n x </d></a>')).toEqual(['a xmlns="urn:x" b="1 < 2"', '  c t="0"', '  d', '    "x"']);
  });

  test('damaged XML is an error with its place', () => {
    expect(() => outline('<a>\n<b></a>')).toThrow(IsomerError);
    expect(() => outline('<a>\n<b></a>')).toThrow(/2:/);
  });

  test('a playlist stays as it is', async () => {
    expect(await linesOf(Buffer.from('#EXTM3U\r\n#EXT-X-VERSION:4\n'))).toEqual(['#EXTM3U', '#EXT-X-VERSION:4']);
  });

  test('text that is too long is not read', async () => {
    await expect(linesOf(Buffer.from('#EXTM3U\n'), MAX_BYTES + 1)).rejects.toMatchObject({ code: 'ISOMER_MP4_LIMIT' });
  });
});

test('boxes', async () => {
  expect(await linesOf(Uint8Array.of(0, 0, 0, 8, 0x66, 0x72, 0x65, 0x65))).toEqual([expect.stringContaining('free @0 8') as string]);
});
