import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readPng } from './png.ts';

/** A file with one filter for each row, as the standard defines them forwards. */
function write(width: number, height: number, channels: 3 | 4, pixels: Uint8Array): Buffer {
  const stride = width * channels;
  const at = (y: number, i: number): number => (y < 0 || i < 0 ? 0 : pixels[y * stride + i]);
  const rows = Array.from({ length: height }, (_, y) => {
    const filter = y % 5;
    const body = Array.from({ length: stride }, (__, i) => {
      const [left, above, corner] = [at(y, i - channels), at(y - 1, i), at(y - 1, i - channels)];
      const nearest = [left, above, corner].toSorted((a, b) => Math.abs(left + above - corner - a) - Math.abs(left + above - corner - b))[0];
      return at(y, i) - [0, left, above, (left + above) >> 1, nearest][filter];
    });
    return Buffer.from([filter, ...body]);
  });
  const chunk = (type: string, body: Uint8Array): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(body.length);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, body, Buffer.alloc(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, channels === 3 ? 2 : 6, 0, 0, 0], 8);
  const packed = deflateSync(Buffer.concat(rows));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', packed.subarray(0, 9)), chunk('IDAT', packed.subarray(9)), chunk('IEND', Buffer.alloc(0))]);
}

test.each([3, 4] as const)('reads %i channels under every filter', (channels) => {
  const pixels = Uint8Array.from({ length: 7 * 11 * channels }, (_, i) => (i * 37 + (i >> 3) * 91) & 0xff);
  expect(readPng(write(7, 11, channels, pixels))).toEqual({ width: 7, height: 11, channels, pixels });
});

test('refuses what it does not read', () => {
  expect(() => readPng(Buffer.from('GIF89a'.padEnd(40)))).toThrow('no PNG');
  const deep = write(7, 11, 3, new Uint8Array(7 * 11 * 3));
  deep[24] = 16;
  expect(() => readPng(deep)).toThrow('not read here');
});
