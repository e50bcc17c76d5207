import { describe, expect, test } from 'vitest';
import { PRESENTATION } from './testing.ts';
import { createTextCache } from './texts.ts';

const other = { ...PRESENTATION };
const bytes = (length: number, fill = 0): (() => Promise<Uint8Array>) => () => Promise.resolve(new Uint8Array(length).fill(fill));
const fails = (): Promise<Uint8Array> => Promise.reject(new Error('made again'));

describe('kept texts', () => {
  test('a text is made once for each tag and asset', async () => {
    const cache = createTextCache(2 ** 25);
    await expect(cache.take(PRESENTATION, '"a"', bytes(3, 1))).resolves.toEqual(Uint8Array.of(1, 1, 1));
    await expect(cache.take(PRESENTATION, '"a"', fails)).resolves.toEqual(Uint8Array.of(1, 1, 1));
    await expect(cache.take(PRESENTATION, '"b"', bytes(1, 2))).resolves.toEqual(Uint8Array.of(2));
    await expect(cache.take(other, '"a"', bytes(1, 3))).resolves.toEqual(Uint8Array.of(3));
    expect(cache.bytes).toBe(5);
  });

  test('what cannot be made is not kept', async () => {
    const cache = createTextCache(2 ** 25);
    await expect(cache.take(PRESENTATION, '"a"', fails)).rejects.toThrow('made again');
    await expect(cache.take(PRESENTATION, '"a"', bytes(1))).resolves.toHaveLength(1);
  });

  test('the bytes are bounded: what was not used for longest goes, and a large text is not kept at all', async () => {
    const cache = createTextCache(80);
    for (let i = 0; i < 8; i++) await cache.take(PRESENTATION, `"${i}"`, bytes(10));
    await cache.take(PRESENTATION, '"0"', fails);
    await cache.take(PRESENTATION, '"8"', bytes(10));
    expect(cache.bytes).toBe(80);
    await cache.take(PRESENTATION, '"0"', fails);
    await expect(cache.take(PRESENTATION, '"1"', fails)).rejects.toThrow('made again');
    await cache.take(PRESENTATION, '"large"', bytes(11));
    expect(cache.bytes).toBe(80);
    await expect(cache.take(PRESENTATION, '"large"', fails)).rejects.toThrow('made again');
  });

  test('without memory each is made', async () => {
    const cache = createTextCache(0);
    await cache.take(PRESENTATION, '"a"', bytes(1));
    await expect(cache.take(PRESENTATION, '"a"', fails)).rejects.toThrow('made again');
    expect(cache.bytes).toBe(0);
  });

  test('two that miss together count once', async () => {
    const cache = createTextCache(2 ** 25);
    await Promise.all([cache.take(PRESENTATION, '"a"', bytes(10)), cache.take(PRESENTATION, '"a"', bytes(10))]);
    expect(cache.bytes).toBe(10);
  });
});
