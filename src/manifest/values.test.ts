/** Languages, channels and rates. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { audioChannels, hlsChannels, objectAudio } from './channels.ts';
import { dolbyFacts } from './dolby.ts';
import { languageTag } from '../model/languages.ts';
import { bitRates, minimumBuffer } from './rates.ts';
import { aacCodec, bytesOf, eac3Codec } from './testing.ts';

describe('languageTag', () => {
  test.each([
    ['eng', 'en'],
    ['ENG', 'en'],
    ['en', 'en'],
    ['fre', 'fr'],
    ['fra', 'fr'],
    ['ger', 'de'],
    ['deu', 'de'],
    ['chi', 'zh'],
    ['zho-Hans', 'zh-Hans'],
    ['en-US', 'en-US'],
    ['gsw', 'gsw'],
    ['und', 'und'],
    ['mul', 'mul'],
    ['', undefined],
    ['english_US', 'und'],
    ['"', 'und'],
    ['x', 'und'],
  ])('%j is %j', (stored, expected) => expect(languageTag(stored)).toBe(expected));

  test('agrees with the canonical form of the locale data for every three-letter code that it knows', () => {
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    const twoLetter = new Set<string>();
    let known = 0;
    for (const a of letters) {
      for (const b of letters) {
        for (const c of letters) {
          const tag = languageTag(a + b + c) ?? '';
          if (tag.length !== 2) continue;
          known++;
          twoLetter.add(tag);
          // The locale data replaces deprecated languages and joins some; what it leaves alone must be ours too.
          const canonical = Intl.getCanonicalLocales(a + b + c)[0];
          if (canonical.length === 2 && canonical !== tag) expect(LOCALE_DATA_DIFFERS).toContain(`${a + b + c} ${canonical}`);
        }
      }
    }
    expect([twoLetter.size, known]).toEqual([184, 204]);
  });
});

/** Joined into a macrolanguage there. */
const LOCALE_DATA_DIFFERS = ['twi ak'];

describe('channels', () => {
  test.each([
    ['mono', aacCodec('1188', { channels: 1 }), '1'],
    ['stereo', aacCodec(), '2'],
    ['5.1', aacCodec('11b0', { channels: 6 }), '6'],
    ['6.1', aacCodec('11d8', { channels: 7 }), '11'],
    ['7.1 with wide front', aacCodec('11b8', { channels: 8 }), '7'],
    ['7.1 with back channels', aacCodec('11e0', { channels: 8 }), '12'],
    ['7.1 with back channels, rate written out', aacCodec('1780000060', { channels: 8 }), '12'],
  ])('AAC %s', (_, codec, value) => expect(audioChannels(codec)).toEqual({ schemeIdUri: 'urn:mpeg:mpegB:cicp:ChannelConfiguration', value }));

  test.each([
    ['stereo', '06002004 00', 'A000'],
    ['mono', '06002002 00', '4000'],
    ['5.1', '0c00200f 00', 'F801'],
    ['5.0', '0c00200e 00', 'F800'],
    ['7.1: 5.1 and a dependent substream with the rear pair', '0c00200f 0202', 'FA01'],
    ['too short to read', '0c', 'F801'],
  ])('E-AC-3 %s', (_, config, value) => {
    const codec = { ...eac3Codec(), config: bytesOf(config.replace(' ', '')) };
    expect(audioChannels(codec)).toEqual({ schemeIdUri: 'tag:dolby.com,2014:dash:audio_channel_configuration:2011', value });
    expect(objectAudio(codec)).toEqual([]);
    expect(hlsChannels(codec)).toBe('6');
  });

  test('E-AC-3 with objects', () => {
    expect(dolbyFacts(eac3Codec(true))).toEqual({ channelMask: 0xf801, objects: 16 });
    expect(objectAudio(eac3Codec(true)).map(({ value }) => value)).toEqual(['JOC', '16']);
    expect(hlsChannels(eac3Codec(true))).toBe('16/JOC');
  });

  test('DTS prints its channel count', () =>
    expect(audioChannels(aacCodec('', { family: 'dts', channels: 6 }))).toEqual({ schemeIdUri: 'tag:dts.com,2014:dash:audio_channel_configuration:2012', value: '6' }));
});

describe('rates', () => {
  const edges = BigInt64Array.of(0n, 60_000_000n, 120_000_000n, 121_000_000n);
  const bytes = [6_000_000, 750_000, 100_000];

  test('the peak is over runs of half to one and a half target durations: a short last segment counts with its neighbour', () => {
    expect(bitRates(edges, (i) => bytes[i], 6)).toEqual({ peak: 8_000_000, average: Math.ceil((8 * 6_850_000) / 12.1) });
  });

  test('a playlist shorter than any run counts whole', () => {
    expect(bitRates(BigInt64Array.of(0n, 10_000_000n), () => 1000, 6)).toEqual({ peak: 8000, average: 8000 });
  });

  test('minBufferTime: a segment at the bandwidth needs its own duration, an overfull one more', () => {
    const even = BigInt64Array.of(0n, 60_000_000n, 120_000_000n);
    expect(minimumBuffer(even, () => 750_000, 1_000_000)).toBe(60_000_000n);
    expect(minimumBuffer(even, (i) => [750_000, 1_500_000][i], 1_000_000)).toBe(120_000_000n);
    expect(minimumBuffer(even, (i) => [1_500_000, 750_000][i], 1_000_000)).toBe(120_000_000n);
  });

  test('minBufferTime is enough from every segment, and 100 ns less is not', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 200_000_000 }), fc.integer({ min: 1, max: 5_000_000 })), { minLength: 1, maxLength: 12 }), fc.integer({ min: 1000, max: 20_000_000 }), (segments, bandwidth) => {
        const times = BigInt64Array.from([0, ...segments.map(([duration]) => duration)], BigInt);
        for (let i = 1; i < times.length; i++) times[i] += times[i - 1];
        const buffer = minimumBuffer(times, (i) => segments[i][1], bandwidth);
        const enough = (time: bigint): boolean =>
          segments.every((_, from) => {
            let bits = 0n;
            return segments.slice(from).every(([, size], i) => {
              bits += BigInt(size) * 80_000_000n;
              return bits <= (time + times[from + i] - times[from]) * BigInt(bandwidth);
            });
          });
        expect([enough(buffer), enough(buffer - 1n)]).toEqual([true, false]);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test('at the peak bandwidth no more than the longest segment is needed, however unevenly the bits lie', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5_000_000 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        const times = BigInt64Array.from({ length: sizes.length + 1 }, (_, i) => BigInt(i * 60_000_000));
        const { peak } = bitRates(times, (i) => sizes[i], 6);
        expect(minimumBuffer(times, (i) => sizes[i], peak)).toBeLessThanOrEqual(60_000_000n);
      }),
      { seed: 4 },
    );
  });
});
