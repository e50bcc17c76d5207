import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLine21, type LineChannel, type LinePair } from './cea608.ts';

/** Odd parity. */
const odd = (code: number): number => ([...code.toString(2)].filter((bit) => bit === '1').length % 2 === 1 ? code : code | 0x80);
type Codes = readonly (readonly [number, number])[];
const twice = (first: number, second: number): Codes => [[first, second], [first, second]];
const words = (text: string): Codes => Array.from({ length: Math.ceil(text.length / 2) }, (_, i) => [text.charCodeAt(2 * i), i * 2 + 1 < text.length ? text.charCodeAt(2 * i + 1) : 0] as const);
/** A pair in each picture from `time` on, 30 pictures a second in milliseconds. */
const at = (time: number, ...parts: readonly Codes[]): LinePair[] => parts.flat().map(([a, b], i) => ({ time: time + 33 * i, bytes: [odd(a), odd(b)] }));
const decode = (pairs: readonly LinePair[], channel: LineChannel = 'CC1'): string[] => decodeLine21(pairs, channel, 20_000, 'a.mp4').map(({ start, end, payload, settings }) => `${start}-${end} ${payload} [${settings.split(' ').slice(0, 2).join(' ')}]`);

const [RESUME, ERASE, FLIP, PAINT, NEW_LINE, ROLL_2, TEXT] = [0x20, 0x2c, 0x2f, 0x29, 0x2d, 0x25, 0x2a].map((second) => twice(0x14, second));
const LAST_ROW = twice(0x14, 0x70);
const LOW = 'line:84.67% position:10%';

describe('pop-on', () => {
  it('shows what was loaded from its end code to the next erasure or end code', () => {
    const pairs = [...at(0, RESUME, LAST_ROW, words('One')), ...at(1000, FLIP), ...at(2000, RESUME, twice(0x14, 0x2e), LAST_ROW, words('Two')), ...at(3000, FLIP), ...at(4000, ERASE)];
    expect(decode(pairs)).toEqual([`1000-3000 One [${LOW}]`, `3000-4000 Two [${LOW}]`]);
    expect(decode(pairs, 'CC2')).toEqual([]);
  });

  it('places rows, indents and tab offsets; rows apart are cues apart', () => {
    // Row 1 with indent 8 and 2 columns more; rows 14 and 15.
    const pairs = at(0, RESUME, twice(0x11, 0x54), twice(0x17, 0x22), words('Top'), twice(0x14, 0x50), words('Low'), LAST_ROW, words('Next'), FLIP);
    expect(decode([...pairs, ...at(5000, ERASE)]).map((line) => line.replace(/^\d+-/, ''))).toEqual(['5000 Top [line:10% position:35%]', '5000 Low\nNext [line:79.33% position:10%]']);
  });

  it('keeps colours, italics and underlines, and escapes what WebVTT means otherwise', () => {
    // Preamble: green, underlined; mid-row: italics; mid-row: white.
    const pairs = at(0, RESUME, twice(0x14, 0x63), words('a<b'), twice(0x11, 0x2e), words('c'), twice(0x11, 0x20), words('d'), FLIP);
    expect(decode([...pairs, ...at(5000, ERASE)])[0]).toContain('<c.lime><u>a&lt;b </u></c><c.lime><i>c </i></c>d');
  });

  it('knows special and extended characters, which take the place of the one before', () => {
    const pairs = at(0, RESUME, LAST_ROW, twice(0x11, 0x37), words('A'), twice(0x12, 0x20), words('U'), twice(0x13, 0x33), FLIP);
    expect(decode([...pairs, ...at(5000, ERASE)])[0]).toContain(' ♪Áö [');
  });
});

describe('roll-up', () => {
  it('is a cue for each line, with the line above it', () => {
    const pairs = [...at(1000, ROLL_2, NEW_LINE, LAST_ROW, words('One')), ...at(3000, ROLL_2, NEW_LINE, LAST_ROW, words('Two')), ...at(5000, ROLL_2, NEW_LINE, LAST_ROW, words('Three')), ...at(7000, ERASE)];
    expect(decode(pairs)).toEqual([`1198-3066 One [${LOW}]`, '3066-5066 One\nTwo [line:79.33% position:10%]', '5066-7000 Two\nThree [line:79.33% position:10%]']);
  });

  it('a blank line and a longer silence are seen', () => {
    expect(decode([...at(1000, ROLL_2, NEW_LINE, LAST_ROW, words('One')), ...at(4000, words(' two'))])).toEqual([`1198-4000 One [${LOW}]`, `4000-20000 One two [${LOW}]`]);
  });
});

describe('paint-on', () => {
  it('is a cue from the first letter on', () => {
    expect(decode([...at(1000, PAINT, LAST_ROW, words('Letters')), ...at(4000, ERASE)])).toEqual([`1132-4000 Letters [${LOW}]`]);
  });

  it('takes back letters and rows', () => {
    expect(decode([...at(1000, PAINT, LAST_ROW, words('abc'), twice(0x14, 0x21)), ...at(4000, ERASE)])).toEqual([`1132-4000 ab [${LOW}]`]);
    expect(decode([...at(1000, PAINT, LAST_ROW, words('abcd'), LAST_ROW, twice(0x17, 0x22), twice(0x14, 0x24)), ...at(4000, ERASE)])).toEqual([`1132-4000 ab [${LOW}]`]);
  });
});

describe('what is no caption of the channel', () => {
  it('is left out: the other channel, text mode, extended data', () => {
    const other = twice(0x1c, 0x29);
    expect(decode([...at(0, PAINT, LAST_ROW, words('ours'), other, words('theirs')), ...at(2000, ERASE)])).toEqual([`132-2000 ours [${LOW}]`]);
    expect(decode(at(0, TEXT, words('a page')))).toEqual([]);
    const field2 = at(0, [[0x01, 0x03]], words('Programme'), [[0x0f, 0x1d]], twice(0x15, 0x29), LAST_ROW, words('cap'), [[0x02, 0x03], [0x4e, 0x65], [0x0f, 0x2a]], twice(0x15, 0x29), words('tion'));
    expect(decode(field2, 'CC3')).toEqual([`363-20000 caption [${LOW}]`]);
  });

  it('damaged bytes are blocks, damaged codes nothing', () => {
    const pairs: LinePair[] = [...at(0, PAINT, LAST_ROW), { time: 200, bytes: [odd(0x41), odd(0x42) ^ 0x80] }, { time: 233, bytes: [odd(0x14), odd(0x2c) ^ 0x80] }];
    expect(decode(pairs)).toEqual([`200-20000 A█ [${LOW}]`]);
  });
});

it('ends with every input, in order', () => {
  const byte = fc.oneof(fc.integer({ min: 0x10, max: 0x1f }), fc.integer({ min: 0x20, max: 0x7f }), fc.nat(255)).map((code) => (code < 128 ? odd(code) : code));
  fc.assert(
    fc.property(fc.array(fc.tuple(byte, byte), { maxLength: 200 }), fc.constantFrom('CC1', 'CC2', 'CC3', 'CC4'), (bytes, channel) => {
      const cues = decodeLine21(bytes.map((pair, i) => ({ time: 100 * i, bytes: pair })), channel, 100 * bytes.length + 100, 'a');
      cues.forEach(({ start, end, payload, settings }, i) => {
        expect(start).toBeLessThan(end);
        expect(start).toBeGreaterThanOrEqual(cues[i - 1]?.start ?? 0);
        expect(payload).not.toMatch(/\n\n|^\n|\n$|-->/);
        expect(settings).toMatch(/^line:[\d.]+% position:[\d.]+% size:[\d.]+% align:start$/);
      });
    }),
    { numRuns: 500 },
  );
});
