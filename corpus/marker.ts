/** Draws the marks of spec/marks.ts into raw pictures and sound. */
import { PILOT_AMPLITUDE, secondTone, STRIP, TONE_AMPLITUDE } from '../spec/marks.ts';
import type { AudioRecipe, VideoRecipe } from '../spec/asset.ts';

/** A painter of yuv420p pictures; the buffer it returns is reused for the next picture. */
export function createPainter({ width, height, rendition }: Pick<VideoRecipe, 'width' | 'height' | 'rendition'>): (frame: number) => Uint8Array {
  const luma = width * height;
  const chromaWidth = width >> 1;
  const chromaHeight = height >> 1;
  const picture = new Uint8Array(luma + 2 * chromaWidth * chromaHeight);
  // One period of a soft texture, twice as wide as needed: each line is a copy from a moving offset.
  const texture = Uint8Array.from({ length: 4 * width }, (_, x) => 80 + Math.round(60 * Math.sin((x * 4 * Math.PI) / width) + 20 * Math.sin((x * 46 * Math.PI) / width)));
  for (let y = 0; y < chromaHeight; y++) {
    picture.fill(100 + Math.round((56 * y) / chromaHeight), luma + y * chromaWidth, luma + (y + 1) * chromaWidth);
    picture.fill(156 - Math.round((56 * y) / chromaHeight), luma + (chromaHeight + y) * chromaWidth, luma + (chromaHeight + y + 1) * chromaWidth);
  }
  const row = stripRow(height);
  picture.fill(128, luma, luma + chromaWidth * row);
  picture.fill(128, luma + chromaWidth * chromaHeight, luma + chromaWidth * (chromaHeight + row));
  const line = new Uint8Array(width);
  const complement = new Uint8Array(width);

  return (frame) => {
    const word = (rendition << STRIP.counterBits) | (frame % (1 << STRIP.counterBits));
    for (let x = 0; x < width; x++) {
      const bit = (word >> (STRIP.cells - 1 - Math.floor((x * STRIP.cells) / width))) & 1;
      line[x] = bit === 1 ? STRIP.one : STRIP.zero;
      complement[x] = bit === 1 ? STRIP.zero : STRIP.one;
    }
    for (let y = 0; y < row; y++) {
      picture.set(line, y * width);
      picture.set(complement, (row + y) * width);
    }
    for (let y = 2 * row; y < height; y++) {
      const offset = (frame * 3 + (y >> 1)) % width;
      picture.set(texture.subarray(offset, offset + width), y * width);
    }
    return picture;
  };
}

/** Lines of one strip row. */
export function stripRow(height: number): number {
  return Math.round(height / STRIP.rowsPerHeight);
}

/** Reads a strip back from the luma plane; null when a cell and its complement do not differ enough. */
export function readStrip(luma: Uint8Array, width: number, height: number): { rendition: number; counter: number } | null {
  const row = stripRow(height);
  let word = 0;
  for (let cell = 0; cell < STRIP.cells; cell++) {
    const x = Math.floor(((cell + 0.5) * width) / STRIP.cells);
    const difference = luma[(row >> 1) * width + x] - luma[(row + (row >> 1)) * width + x];
    if (Math.abs(difference) < STRIP.threshold) return null;
    word = (word << 1) | (difference > 0 ? 1 : 0);
  }
  return { rendition: word >> STRIP.counterBits, counter: word & ((1 << STRIP.counterBits) - 1) };
}

/** A 16-bit WAV file: the pilot tone all along, and the tone of each second; phases run on, so nothing clicks within a second. */
export function makeWav({ pilot, sampleRate, channels, samples }: AudioRecipe): Uint8Array {
  const header = 44;
  const data = samples * channels * 2;
  const file = Buffer.alloc(header + data);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(36 + data, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(channels, 22);
  file.writeUInt32LE(sampleRate, 24);
  file.writeUInt32LE(sampleRate * channels * 2, 28);
  file.writeUInt16LE(channels * 2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(data, 40);
  const turn = 2 * Math.PI;
  for (let i = 0, at = header; i < samples; i++) {
    const tone = secondTone(Math.floor(i / sampleRate));
    const value = PILOT_AMPLITUDE * Math.sin((turn * pilot * i) / sampleRate) + TONE_AMPLITUDE * Math.sin((turn * tone * i) / sampleRate);
    const level = Math.round(value * 32767);
    for (let channel = 0; channel < channels; channel++, at += 2) file.writeInt16LE(level, at);
  }
  return file;
}
