import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapSubsamples } from './subsamples.ts';

const spansOf = (samples: readonly (readonly (readonly [size: number, lead: number])[])[]): Parameters<typeof mapSubsamples>[0] => ({
  counts: Uint32Array.from(samples, (units) => units.length),
  sizes: Uint32Array.from(samples.flat(), ([size]) => size),
  leads: Uint32Array.from(samples.flat(), ([, lead]) => lead),
});
const listOf = ({ clear, protectedBytes }: ReturnType<typeof mapSubsamples>): number[][] => Array.from(clear, (bytes, i) => [bytes, protectedBytes[i]]);

describe('mapSubsamples', () => {
  it('cenc: whole blocks that end with the NAL unit; what is left over is clear in front', () => {
    expect(listOf(mapSubsamples(spansOf([[[30, 30], [100, 11]]]), true))).toEqual([[30 + 11 + 9, 80]]);
  });

  it('cbcs: from behind the slice header to the end', () => {
    expect(listOf(mapSubsamples(spansOf([[[30, 30], [100, 11], [50, 8], [9, 9]]]), false))).toEqual([[41, 89], [8, 42], [9, 0]]);
  });

  it('a clear run beyond 16 bits takes several entries', () => {
    expect(listOf(mapSubsamples(spansOf([[[140_000, 140_000], [100, 12]]]), true))).toEqual([[65535, 0], [65535, 0], [140_000 - 2 * 65535 + 20, 80]]);
  });

  it('covers each sample exactly, touches no lead, and is aligned for cenc', () => {
    const unit = fc.tuple(fc.integer({ min: 1, max: 70_000 }), fc.integer({ min: 1, max: 80 })).map(([size, lead]) => [size, Math.min(size, lead)] as const);
    fc.assert(
      fc.property(fc.array(fc.array(unit, { minLength: 1, maxLength: 5 }), { maxLength: 6 }), fc.boolean(), (samples, aligned) => {
        const map = mapSubsamples(spansOf(samples), aligned);
        let entry = 0;
        samples.forEach((units, i) => {
          const flags: number[] = [];
          for (const end = entry + map.counts[i]; entry < end; entry++) {
            for (const [bytes, flag] of [[map.clear[entry], 0], [map.protectedBytes[entry], 1]]) for (let k = 0; k < bytes; k++) flags.push(flag);
            if (aligned) expect(map.protectedBytes[entry] % 16).toBe(0);
          }
          let at = 0;
          for (const [size, lead] of units) {
            expect(flags.slice(at, at + lead).includes(1)).toBe(false);
            const covered = flags.slice(at, at + size).filter((flag) => flag === 1).length;
            const rest = size - lead;
            expect(covered).toBe(rest < 16 ? 0 : aligned ? rest - (rest % 16) : rest);
            at += size;
          }
          expect(flags.length).toBe(at);
        });
        expect(entry).toBe(map.clear.length);
      }),
      { numRuns: 30 },
    );
  });
});
