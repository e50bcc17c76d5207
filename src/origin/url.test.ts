import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { decodePath, MAX_PATH_BYTES, parseUrl, printUrl, type Resource, type StreamRequest } from './url.ts';

const SEED = 20190503;

type Example = { readonly url: string; readonly says: readonly string[] };

/** The executable blocks of the grammar's document. */
function readExamples(): readonly Example[] {
  const text = readFileSync(new URL('../../spec/url.md', import.meta.url), 'utf8');
  const examples: { url: string; says: string[] }[] = [];
  for (const [, block] of text.matchAll(/```url\n([^]*?)```/g)) {
    for (const line of block.split('\n')) {
      if (line.startsWith('/')) examples.push({ url: line, says: [] });
      else if (line.trim() !== '') examples[examples.length - 1].says.push(line.trim());
    }
  }
  return examples;
}

function resourceText(resource: Resource): string {
  if (resource.kind === 'manifest') return 'manifest';
  const words = [resource.kind, resource.bitrate, resource.track];
  if (resource.kind === 'playlist' && resource.keyFrames) words.push('keyframes');
  if (resource.kind === 'segment' || resource.kind === 'keyFrame') words.push(String(resource.time));
  return words.join(' ');
}

function requestText({ resource, format, encryption, filters, audioTrack, audioOnly }: StreamRequest): string {
  const words = [resourceText(resource)];
  if (format !== '') words.push(`format=${format}`);
  if (encryption !== null) words.push(`encryption=${encryption}`);
  if (audioTrack !== null) words.push(`audiotrack=${audioTrack}`);
  if (audioOnly !== null) words.push(`audio-only=${audioOnly}`);
  if (filters.length > 0) words.push(`filter=${filters.join(';')}`);
  return words.join(' ');
}

function refusal(url: string): IsomerError {
  try {
    parseUrl(url);
  } catch (error) {
    if (error instanceof IsomerError) return error;
    throw error;
  }
  throw new Error(`${url} was accepted`);
}

/** The line as it holds for the URL: equal to the example's when that is right. */
function outcome(url: string, line: string): string {
  const [sign, code, ...words] = line.split(' ');
  if (sign === '=>') return `=> ${printUrl(parseUrl(url))}`;
  if (sign === 'is') return `is ${requestText(parseUrl(url))}`;
  const error = refusal(url);
  const missing = words.join(' ').split(', ').filter((text) => !error.message.includes(text));
  return missing.length === 0 && error.code === code ? line : `!! ${error.code} without ${missing.join(', ')}: ${error.message}`;
}

describe('the examples of spec/url.md', () => {
  const examples = readExamples();

  test('are there', () => {
    expect(examples.length).toBeGreaterThan(90);
    expect(examples.filter(({ says }) => says.length === 0)).toEqual([]);
  });

  test.each(examples.map(({ url, says }) => [url, says] as const))('%s', (url, says) => {
    expect(says.map((line) => outcome(url, line))).toEqual(says);
  });
});

describe('limits', () => {
  test('a path of 2048 bytes is read, one of 2049 refused', () => {
    const ends = ['/', '/x.ism/manifest'];
    const room = MAX_PATH_BYTES - ends.join('').length;
    expect(parseUrl(ends.join('a'.repeat(room))).name).toBe('x');
    expect(refusal(ends.join('a'.repeat(room + 1))).message).toContain('2049');
    expect(refusal(ends.join('é'.repeat(room - 1))).message).toContain('at most 2048 bytes');
  });

  test('the query does not count', () => {
    expect(parseUrl(`/l/x.ism/manifest?token=${'a'.repeat(4000)}`).name).toBe('x');
  });

  test('sixteen folders', () => {
    expect(parseUrl(`${'/a'.repeat(16)}/x.ism/manifest`).locator).toHaveLength(16);
    expect(refusal(`${'/a'.repeat(17)}/x.ism/manifest`).message).toContain('at most 16');
  });

  test('what is found is cut short in messages', () => {
    expect(refusal(`/l/x.ism/manifest(${'b'.repeat(1000)})`).detail.found).toHaveLength(62);
  });

  test('decodePath refuses what streams refuse', () => {
    expect(decodePath('/-/page/a%20b.js?x')).toBe('/-/page/a b.js');
    expect(decodePath('/')).toBe('/');
    expect(() => decodePath('/-/page/%2e%2e/secret')).toThrow(IsomerError);
  });
});

const nameCharacters = fc.constantFrom(...Array.from('abzAZ059_-.~!*;:@&$+%é日😀" \'<>[]{}|^`'));
const name = fc.string({ unit: nameCharacters, minLength: 1, maxLength: 12 }).filter((text) => text.trim() === text && text !== '.' && text !== '..');
const filterName = name.map((text) => text.replaceAll(';', 'x'));
const lower = fc.string({ unit: fc.constantFrom('a', 'b', 'm', '3', '8', '-', '_'), minLength: 1, maxLength: 14 });
const bitrate = fc.oneof(fc.nat(), fc.maxSafeNat());
const time = fc.oneof(fc.constant(2n ** 64n - 1n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));

const resource: fc.Arbitrary<Resource> = fc.oneof(
  fc.record({ kind: fc.constant('manifest' as const) }),
  fc.record({ kind: fc.constant('playlist' as const), bitrate, track: name, keyFrames: fc.boolean() }),
  fc.record({ kind: fc.constant('init' as const), bitrate, track: name }),
  fc.record({ kind: fc.constant('segment' as const), bitrate, track: name, time }),
  fc.record({ kind: fc.constant('keyFrame' as const), bitrate, track: name, time }),
);

const request: fc.Arbitrary<StreamRequest> = fc.record({
  locator: fc.array(name, { minLength: 1, maxLength: 4 }),
  name,
  extension: fc.constantFrom('ism' as const, 'isml' as const),
  resource,
  format: fc.oneof(fc.constant(''), lower),
  encryption: fc.option(lower),
  filters: fc.array(filterName, { maxLength: 3 }),
  audioTrack: fc.option(name),
  audioOnly: fc.option(fc.boolean()),
});

test('printUrl and parseUrl are inverse of each other', () => {
  fc.assert(
    fc.property(request, (value) => {
      const url = printUrl(value);
      expect(url).toMatch(/^[!-~]+$/);
      expect(parseUrl(url)).toEqual(value);
      expect(printUrl(parseUrl(url))).toBe(url);
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

function escapeAll(text: string): string {
  return [...Buffer.from(text)].map((byte) => (byte === 0x2f ? '/' : `%${byte.toString(16)}`)).join('');
}

test('escaping any part of a URL changes nothing', () => {
  fc.assert(
    fc.property(request, (value) => {
      expect(parseUrl(escapeAll(decodeURIComponent(printUrl(value))))).toEqual(value);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

const piece = fc.constantFrom(
  '', '/', 'l', 'x.ism', '.isml', 'manifest', 'Manifest', 'QualityLevels', 'Fragments', 'KeyFrames', '(', ')', '=', ',', ';', ' ', 'video', '0', '1',
  'i', 'format=', 'm3u8-aapl', 'filter=', 'audioTrack=', 'type=keyframes', '.m3u8', '.ts', '?', '#', '%28', '%29', '%2C', '%', '%00', '%ff', '..', '.', '\\',
  '%2e', '-1', '18446744073709551616', '\u0000', '\ud800', 'é', '/l/x.ism/', 'QualityLevels(1)/', 'manifest(',
);
const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), drop: fc.nat(3), insert: piece });

/** URLs of the grammar with up to three edits. */
const nearUrl = fc.tuple(request, fc.array(edit, { maxLength: 3 })).map(([value, edits]) =>
  edits.reduce((url, { at, drop, insert }) => {
    const place = 1 + Math.floor(at * url.length);
    return url.slice(0, place) + insert + url.slice(place + drop);
  }, printUrl(value)),
);

test('10 000 near-URLs are read or refused with a code of the contract', () => {
  const counts = new Map<string, number>();
  fc.assert(
    fc.property(nearUrl, (url) => {
      let outcome = 'read';
      try {
        const value = parseUrl(url);
        expect(parseUrl(printUrl(value))).toEqual(value);
      } catch (error) {
        if (!(error instanceof IsomerError)) throw error;
        outcome = error.code;
      }
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }),
    { seed: SEED, numRuns: 10_000 },
  );
  expect([...counts.keys()].toSorted()).toEqual(['MPE_BAD_URL_SYNTAX', 'MPE_RESOURCE_NOT_FOUND', 'read']);
  for (const count of counts.values()) expect(count).toBeGreaterThan(50);
});
