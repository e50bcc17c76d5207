import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitWriter } from '../bits.ts';
import { concatBytes } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { readReferenceSet } from './hevcrps.ts';
import { escapeNal } from './testing.ts';
import { NalBits } from './nalbits.ts';
import { NalWalk, nalSpans } from './slices.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const AVC_SETS = [hex('6764000cacd941419f9f011000000300100000030320f1429960'), hex('68ebe3cb22c0')];
const HEVC_SETS = [
  hex('42010101600000030090000003000003001ea014207965959a4932bc05a02000000300200000030321'),
  hex('4401c172b46240'),
];

describe('nalSpans', () => {
  it.each([
    ['avc', AVC_SETS, [0x65, 0x41, 0x01, 0x06, 0x67, 0x68, 0x61]],
    ['hevc', HEVC_SETS, [19 << 1, 1 << 1, 0, 21 << 1, 33 << 1, 34 << 1, 39 << 1]],
  ] as const)('answers any %s bytes with spans inside the samples or with a typed error', (family, parameterSets, firsts) => {
    let measured = 0;
    const nal = fc.tuple(fc.constantFrom(...firsts), fc.uint8Array({ minLength: 1, maxLength: 90 })).map(([first, rest]) => Uint8Array.of(first, family === 'hevc' ? 1 : 0x80, ...rest));
    fc.assert(
      fc.property(fc.array(nal, { minLength: 1, maxLength: 3 }), (nals) => {
        const payload = concatBytes(nals.flatMap((bytes) => [Uint8Array.of(0, bytes.length), bytes]));
        try {
          const { counts, sizes, leads } = nalSpans(payload, Uint32Array.of(payload.length), { family, parameterSets, nalLengthSize: 2 });
          expect([...counts]).toEqual([nals.length]);
          expect([...sizes]).toEqual(nals.map((bytes) => bytes.length + 2));
          leads.forEach((lead, i) => expect(lead > 2 && lead <= sizes[i]).toBe(true));
          measured++;
        } catch (error) {
          expect(error).toBeInstanceOf(IsomerError);
        }
      }),
      { numRuns: 2000 },
    );
    expect(measured).toBeGreaterThan(50);
  });

  it.each([
    ['a data partition', 'avc', [0x62, 0x80]],
    ['a slice of another view', 'avc', [0x74, 0x80]],
    ['a reserved picture', 'hevc', [22 << 1, 1, 0x80]],
    ['another layer', 'hevc', [0, 9, ...Array<number>(20).fill(0x80)]],
    ['a slice without parameter sets', 'avc', [0x65, 0x88, ...Array<number>(20).fill(0x80)]],
  ] as const)('refuses %s', (_, family, bytes) => {
    const payload = Uint8Array.of(0, 0, 0, bytes.length, ...bytes);
    expect(() => nalSpans(payload, Uint32Array.of(payload.length), { family, parameterSets: [], nalLengthSize: 4 })).toThrow(IsomerError);
  });

  it('leaves a slice without a whole block clear, whatever its header is', () => {
    const payload = Uint8Array.of(0, 0, 0, 3, 0x65, 0x88, 0x84);
    expect([...nalSpans(payload, Uint32Array.of(7), { family: 'avc', parameterSets: [], nalLengthSize: 4 }).leads]).toEqual([7]);
  });

  it('finds the same through windows: large units are stepped over, small ones come together', () => {
    const unit = (bytes: number, type: number): Buffer => {
      const whole = Buffer.alloc(bytes + 4, 0x88);
      whole.writeUInt32BE(bytes);
      whole[4] = type;
      return whole;
    };
    const samples = [[unit(300_000, 6), unit(20, 9)], [unit(70_000, 6), unit(5, 6)], Array.from({ length: 50 }, (_, i) => unit(1000 + i, 6))].map((units) => Buffer.concat(units));
    const payload = Buffer.concat(samples);
    const sizes = Uint32Array.from(samples, ({ length }) => length);
    const walk = new NalWalk(sizes, { family: 'avc', parameterSets: [], nalLengthSize: 4 }, { slices: false, cmaf: true });
    let seen = 0;
    while (walk.position < walk.total) {
      const window = payload.subarray(walk.position, walk.position + 70 * 1024);
      seen += window.length;
      walk.look(window);
    }
    const { counts, sizes: units, starts } = walk.layout();
    expect([...counts]).toEqual([1, 2, 50]);
    expect([...units].map((size, i) => payload.readUInt32BE(starts[i] - 4) === size - 4)).not.toContain(false);
    expect(seen).toBeLessThan(payload.length);
  });

  it('refuses more NAL units than any real segment has', () => {
    const payload = Buffer.alloc(5 * 200_001, Uint8Array.of(0, 0, 0, 1, 6));
    expect(() => nalSpans(payload, Uint32Array.of(payload.length), { family: 'avc', parameterSets: [], nalLengthSize: 4 })).toThrow(/at most 200000/);
  });

  it('refuses sizes beyond the payload', () => {
    expect(() => nalSpans(new Uint8Array(8), Uint32Array.of(9), { family: 'avc', parameterSets: [], nalLengthSize: 4 })).toThrow(/longer than its sample/);
  });
});

describe('NalBits', () => {
  it('reads through emulation prevention and counts stored bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 3, 255), { minLength: 1, maxLength: 40 }), (values) => {
        const bits = new NalBits(escapeNal(Uint8Array.from(values)), 'test');
        expect(values.map(() => bits.u(8))).toEqual(values);
        expect(bits.bytes).toBe(escapeNal(Uint8Array.from(values)).length);
        expect(() => bits.bit()).toThrow(/data ends too early/);
      }),
    );
  });
});

describe('reference picture sets', () => {
  // 23008-2:2020 7-61 and 7-62: the set {-1, -2 | +2} seen from a picture one later, its own picture added.
  it('are predicted from each other', () => {
    const writer = new BitWriter();
    writer.u(1, 1); // inter_ref_pic_set_prediction_flag
    writer.u(1, 1); // delta_rps_sign
    writer.ue(0); // abs_delta_rps_minus1
    for (const bit of [1, 0, 1, 1, 1]) writer.u(1, bit); // used, not used but kept, used, used
    const known = [{ before: [{ delta: -1, used: true }, { delta: -2, used: true }], after: [{ delta: 2, used: true }] }];
    expect(readReferenceSet(new NalBits(Uint8Array.of(...writer.toBytes(), 0x80), 'test'), known, 2)).toEqual({
      before: [{ delta: -1, used: true }, { delta: -2, used: true }, { delta: -3, used: false }],
      after: [{ delta: 1, used: true }],
    });
  });
});
