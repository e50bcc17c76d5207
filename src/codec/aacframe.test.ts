import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { SAMPLING_FREQUENCIES } from './aac.ts';
import { LONG_BANDS, SCALE_FACTOR_BOOK, SHORT_BANDS, SPECTRAL_BOOKS } from './aacbooks.ts';
import { holdsSbr } from './aacframe.ts';

/** Access units of ffmpeg's encoder: speech-like bursts, so that long and short windows, noise and tones all occur. */
function encode(rate: number, channels: number, kbps: number): readonly Buffer[] {
  const tones = Array.from({ length: channels }, (_, i) => `0.3*sin(${900 + 300 * i}*t)*gt(mod(t*${3 + i},1),0.6)+0.2*(random(${i})-0.5)*lt(mod(t*7,1),0.2)`).join('|');
  const layout = { 1: 'mono', 2: 'stereo', 6: '5.1', 8: '7.1' }[channels];
  const adts = execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', `aevalsrc='${tones}':c=${layout}:s=${rate}:d=2`, '-c:a', 'aac', '-b:a', `${kbps}k`, '-f', 'adts', 'pipe:1'], { maxBuffer: 1e8 });
  const units: Buffer[] = [];
  for (let at = 0; at < adts.length; ) {
    const length = ((adts[at + 3] & 3) << 11) | (adts[at + 4] << 3) | (adts[at + 5] >> 5);
    units.push(adts.subarray(at + 7, at + length));
    at += length;
  }
  return units;
}

/** ID_END, the last three bits that are 1, becomes a fill element of one byte with some extension type, then ID_END. */
function withFill(unit: Buffer, type: number): Buffer {
  const bits = [...unit].map((byte) => byte.toString(2).padStart(8, '0')).join('').replace(/0*$/, '');
  const text = `${bits.slice(0, -3)}1100001${type.toString(2).padStart(4, '0')}0000111`;
  return Buffer.from((text.padEnd(8 * Math.ceil(text.length / 8), '0').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

describe('codebooks', () => {
  it('are complete prefix codes', () => {
    for (const book of [...SPECTRAL_BOOKS, SCALE_FACTOR_BOOK]) {
      if (book === null) continue;
      expect(book.counts.reduce((sum, count, i) => sum + count / 2 ** (i + 1), 0)).toBe(1);
      if (book.signs !== '') expect(book.signs.length).toBe(book.counts.reduce((sum, count) => sum + count, 0));
    }
    for (const bands of LONG_BANDS) expect(bands.reduce((sum, width) => sum + width, 0)).toBe(1024);
    for (const bands of SHORT_BANDS) expect(bands.reduce((sum, width) => sum + width, 0)).toBe(128);
  });
});

describe('access units', () => {
  it.each([[48_000, 2, 192], [44_100, 2, 64], [32_000, 1, 48], [24_000, 2, 96], [22_050, 1, 32], [16_000, 2, 40], [12_000, 1, 24], [8_000, 1, 16], [48_000, 6, 320], [48_000, 8, 384], [96_000, 2, 256], [64_000, 1, 96]])('%i Hz, %i channels, %i kbit/s: are followed to their end', (rate, channels, kbps) => {
    const index = SAMPLING_FREQUENCIES.indexOf(rate);
    const units = encode(rate, channels, kbps);
    expect(units.length).toBeGreaterThan(14);
    for (const unit of units) expect([holdsSbr(unit, index), holdsSbr(withFill(unit, 0), index), holdsSbr(withFill(unit, 13), index), holdsSbr(withFill(unit, 14), index)]).toEqual([false, false, true, true]);
  });

  it('that are damaged give an answer or a typed error', () => {
    const units = encode(24_000, 2, 64);
    fc.assert(
      fc.property(fc.nat(units.length - 1), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 5 }), fc.nat(300), (which, changes, length) => {
        const unit = Buffer.from(units[which].subarray(0, length));
        for (const [at, value] of changes) if (at < unit.length) unit[at] = value;
        try {
          expect(typeof holdsSbr(unit, 6)).toBe('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(IsomerError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
