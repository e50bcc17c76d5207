import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { swapWords, viewOf, type Io } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { box, createRegistry, definitionOf, readBox, readTree, sizeOf, verbatim, writeBoxes, type Box, type Definition } from './box.ts';
import { FREE, FTYP, MDHD, MVHD, REGISTRY } from './boxes.ts';
import { childBoxes } from './walk.ts';

/** Too large a random count for a test. */
class TooMany extends Error {}

/** Makes up the values of a definition's fields: one more use of the same definition. */
function inventor(seed: number): Io {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return Math.floor((((state ^ (state >>> 13)) >>> 0) / 2 ** 32) * below);
  };
  const limited = (count: number): number => {
    if (count > 200) throw new TooMany();
    return count;
  };
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length: limited(length) }, () => random(256));
  const times = <T>(count: number, make: () => T): T[] => Array.from({ length: limited(count) }, make);
  const u32 = (): number => (random(2) === 0 ? random(8) : random(2 ** 32));
  const list = <T>(count: number, _least: number, _items: readonly T[], item: (value: T) => T): readonly T[] => times(count, () => item({} as T));
  return {
    u8: () => random(256),
    u16: () => random(65536),
    u24: () => random(2 ** 24),
    u32,
    u64: () => BigInt(random(2 ** 32)) * 2n ** 32n + BigInt(random(2 ** 32)),
    i16: () => random(65536) - 32768,
    i32: () => random(2 ** 32) - 2 ** 31,
    i64: () => BigInt.asIntN(64, BigInt(random(2 ** 32)) * 2n ** 32n + BigInt(random(2 ** 32))),
    fourcc: () => (random(2) === 0 ? 'nclx' : String.fromCharCode(...bytes(4))),
    text: () => String.fromCodePoint(...times(random(6), () => 1 + random(0x7fff))),
    bytes,
    rest: () => Uint8Array.from({ length: random(20) }, () => 0x20 + random(0x5f)),
    bits: (widths) => widths.map((width) => random(2 ** width)),
    count8: () => random(5),
    count16: () => random(5),
    count32: () => random(5),
    list,
    listToEnd: (least, items, item) => list(random(5), least, items, item),
    ahead: (_value, lengthOf) => bytes(lengthOf(new Uint8Array(0))),
    rows: (count, width) => times(width, () => Uint32Array.from(times(count, u32))),
    column64: (count) => Float64Array.from(times(count, () => random(2 ** 32) * 2 ** 20 + random(2 ** 20))),
    more: () => random(2) === 1,
  };
}

/** A box of this kind with made-up fields; seeds that ask for too much are passed over. */
function invent<T>(definition: Definition<T>, seed: number): Box<T> {
  for (let attempt = seed; ; attempt++) {
    const versions = definition.versions ?? [0];
    const version = versions[attempt % versions.length];
    const flags = definition.versions === null ? 0 : Math.imul(attempt, 0x9e3779b9) & 0xffffff;
    try {
      return box(definition, definition.fields(inventor(attempt), {} as T, version, flags), { version, flags });
    } catch (error) {
      if (!(error instanceof TooMany) && !(error instanceof IsomerError)) throw error;
    }
  }
}

const parentOf = ({ parents }: Definition<object>): string => (parents[0] === '*' ? 'moov' : parents[0]);
const seeds = fc.integer({ min: 1, max: 1 << 30 });

describe.each([...REGISTRY.values()].map((definition) => [definition.type, definition] as const))('%s', (_, definition) => {
  it('is read as it was written, and measured right', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const written = invent(definition, seed);
        const bytes = writeBoxes([written]);
        expect(bytes).toHaveLength(sizeOf([written]));
        const [read] = readTree(REGISTRY, childBoxes(bytes, '', 0), parentOf(definition));
        expect(read.fields).toEqual(written.fields);
        expect([read.type, read.version, read.flags]).toEqual([written.type, written.version, written.flags]);
        expect(Buffer.compare(writeBoxes([read]), bytes)).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it('cut short gives a typed error or a shorter value, never another error', () => {
    fc.assert(
      fc.property(seeds, fc.nat(), (seed, cut) => {
        const bytes = writeBoxes([invent(definition, seed)]);
        const short = bytes.slice(0, 8 + (cut % Math.max(1, bytes.length - 8)));
        new DataView(short.buffer).setUint32(0, short.length);
        try {
          readTree(REGISTRY, childBoxes(short, '', 0), parentOf(definition));
        } catch (error) {
          expect(error).toBeInstanceOf(IsomerError);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('cites its clause', () => {
    expect(definition.clause).toMatch(/ISO\/IEC \d+-\d+:\d{4} .+|ETSI TS \d+ \d+ V|\[MS-SSTR\] \d|PIFF 1\.1 \d|QuickTime/);
  });
});

describe('the registry', () => {
  it('refuses a type that is defined twice, and one that is no type', () => {
    expect(() => createRegistry([FTYP, MVHD, FTYP])).toThrow('box ftyp is defined twice');
    expect(() => createRegistry([{ ...FTYP, type: 'ftypes' }])).toThrow('neither');
  });

  it('knows a box in its own place only', () => {
    expect(definitionOf(REGISTRY, 'mvhd', 'moov')).toBe(MVHD);
    expect(definitionOf(REGISTRY, 'mvhd', 'trak')).toBeUndefined();
    expect(definitionOf(REGISTRY, 'free', 'trak')).toBe(FREE);
  });
});

describe('boxes', () => {
  const mdhd = writeBoxes([box(MDHD, { creation_time: 0n, modification_time: 0n, timescale: 48000, duration: 1n, language: 0x55c4 })]);

  it('of an unknown version are unsupported, not malformed', () => {
    const bytes = mdhd.slice();
    bytes[8] = 7;
    expect(() => readBox(MDHD, childBoxes(bytes, 'moov/trak/mdia', 100)[0])).toThrow(/not supported.*version.*moov\/trak\/mdia\/mdhd, byte 108.*0 or 1; found 7/);
  });

  it('that end too early say where', () => {
    const bytes = mdhd.slice(0, 20);
    new DataView(bytes.buffer).setUint32(0, 20);
    expect(() => readBox(MDHD, childBoxes(bytes, 'mdia', 0)[0])).toThrow(/damaged: data ends too early at mdia\/mdhd, byte 20; expected 4 bytes; found 0/);
  });

  it('may carry bytes behind the known fields', () => {
    const bytes = new Uint8Array(40);
    bytes.set(mdhd);
    new DataView(bytes.buffer).setUint32(0, 40);
    expect(readBox(MDHD, childBoxes(bytes, '', 0)[0]).fields.timescale).toBe(48000);
  });

  it('that are not known are kept byte for byte', () => {
    const stored = Uint8Array.of(0, 0, 0, 12, 0x78, 0x79, 0x7a, 0xff, 1, 2, 3, 4);
    expect([...writeBoxes(readTree(REGISTRY, childBoxes(stored, '', 0)))]).toEqual([...stored]);
    expect([...writeBoxes([verbatim(stored)])]).toEqual([...stored]);
    expect(() => verbatim(stored.slice(0, 10))).toThrow('size of box');
  });
});

it('swapped words are what a view of the bytes reads', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(10), (noise, first) => {
      const words = new Uint32Array(noise.length >> 2);
      const bytes = new Uint8Array(words.buffer);
      bytes.set(noise.subarray(0, bytes.length));
      const from = Math.min(first, words.length);
      const wanted = Array.from(words, (word, i) => (i < from ? word : viewOf(bytes).getUint32(4 * i)));
      swapWords(words.subarray(from));
      expect([...words]).toEqual(wanted);
    }),
  );
});
