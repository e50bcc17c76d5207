/** Reads the PNG files that browsers make of what they show: 8 bits a channel, RGB or RGBA, not interlaced (W3C PNG 11.2, 7.2, 9). */
import { inflateSync } from 'node:zlib';

export type Picture = { readonly width: number; readonly height: number; readonly channels: number; readonly pixels: Uint8Array };

/** Far more than a screen: a picture is a few megabytes. */
const MOST_PIXELS = 1 << 25;

export function readPng(file: Uint8Array): Picture {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.toString('latin1', 1, 4) !== 'PNG') throw new Error('this is no PNG file');
  const [width, height, depth, colour, interlace] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[24], bytes[25], bytes[28]];
  const channels = colour === 2 ? 3 : colour === 6 ? 4 : 0;
  if (depth !== 8 || channels === 0 || interlace !== 0 || width * height > MOST_PIXELS) throw new Error(`PNG of ${width} × ${height}, depth ${depth}, colour type ${colour}: not read here`);
  const parts: Buffer[] = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
  const stride = width * channels;
  const raw = inflateSync(Buffer.concat(parts), { maxOutputLength: (stride + 1) * height });
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) unfilter(raw.subarray(y * (stride + 1), (y + 1) * (stride + 1)), pixels, y * stride, stride, channels);
  return { width, height, channels, pixels };
}

/** 9.2: each byte is told by the one to the left, the one above, their mean or Paeth's choice. */
function unfilter(row: Uint8Array, pixels: Uint8Array, at: number, stride: number, channels: number): void {
  const [filter] = row;
  for (let i = 0; i < stride; i++) {
    const left = i >= channels ? pixels[at + i - channels] : 0;
    const above = at >= stride ? pixels[at + i - stride] : 0;
    const corner = i >= channels && at >= stride ? pixels[at + i - stride - channels] : 0;
    const predicted = filter === 0 ? 0 : filter === 1 ? left : filter === 2 ? above : filter === 3 ? (left + above) >> 1 : paeth(left, above, corner);
    pixels[at + i] = row[i + 1] + predicted;
  }
}

function paeth(left: number, above: number, corner: number): number {
  const estimate = left + above - corner;
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - above), Math.abs(estimate - corner)];
  return a <= b && a <= c ? left : b <= c ? above : corner;
}
