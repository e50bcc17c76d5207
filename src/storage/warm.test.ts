import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileStorage } from './file.ts';
import { createTurns, createWarmParts } from './warm.ts';

const PART = 64 * 1024;
const SIZE = 100 * PART + 17;

/** A disk that is busy. */
let blocks = 0;
const reading = (): number => ++blocks;

describe('warm parts', () => {
  test('only what was read is warm', () => {
    const warm = createWarmParts(SIZE, () => 0, reading);
    expect(warm.has(0, 1)).toBe(false);
    warm.mark(3 * PART, 2 * PART);
    expect([warm.has(3 * PART, 2 * PART), warm.has(4 * PART + 5, 10)]).toEqual([true, true]);
    expect([warm.has(3 * PART - 1, 2), warm.has(4 * PART, PART + 1)]).toEqual([false, false]);
    warm.mark(SIZE - 1, 1);
    expect(warm.has(SIZE - 17, 17)).toBe(true);
  });

  test('marks fade within a minute', () => {
    let time = 0;
    const warm = createWarmParts(SIZE, () => time, reading);
    time = 20_000;
    warm.mark(0, 1);
    time = 45_000;
    warm.mark(PART, 1);
    expect([warm.has(0, 1), warm.has(PART, 1)]).toEqual([true, true]);
    time = 76_000;
    expect([warm.has(0, 1), warm.has(PART, 1)]).toEqual([false, true]);
    time = 200_000;
    expect(warm.has(PART, 1)).toBe(false);
  });

  test('slow reads for which no block was read are those of a busy processor, up to a limit', () => {
    const warm = createWarmParts(SIZE, () => 0, () => 7);
    warm.mark(0, SIZE);
    for (let i = 0; i < 20; i++) warm.took(5);
    expect(warm.has(0, SIZE)).toBe(true);
    warm.took(25);
    warm.took(25);
    expect(warm.has(0, 1)).toBe(false);
  });

  test('two slow reads in a row, or many among others, take the marks away; a few do not', () => {
    const warm = createWarmParts(SIZE, () => 0, reading);
    warm.mark(0, SIZE);
    for (let i = 0; i < 100; i++) warm.took(i % 10 === 0 ? 5 : 0.1);
    expect(warm.has(0, SIZE)).toBe(true);
    for (let i = 0; i < 5; i++) warm.took(0.1);
    warm.took(5);
    expect(warm.has(0, SIZE)).toBe(true);
    warm.took(5);
    expect(warm.has(0, 1)).toBe(false);
    warm.mark(0, SIZE);
    for (let i = 0; i < 100 && warm.has(0, 1); i++) warm.took(i % 3 === 0 ? 5 : 0.1);
    expect(warm.has(0, 1)).toBe(false);
  });
});

test('turns are counted for each turn of the event loop', async () => {
  const turns = createTurns(2);
  expect([turns.take(), turns.take(), turns.take()]).toEqual([true, true, false]);
  await Promise.resolve();
  expect(turns.take()).toBe(false);
  await new Promise((resolve) => setImmediate(resolve));
  expect([turns.take(), turns.take(), turns.take()]).toEqual([true, true, false]);
});

describe('a stored file', () => {
  let folder: string;
  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 31 + (i >> 8)) & 255);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isomer-warm-'));
    await writeFile(join(folder, 'a'), bytes);
    await writeFile(join(folder, 'short'), bytes);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('is read alike the first time and again, by many together', async () => {
    const source = await (await openFileStorage(folder)).open('a');
    const range = fc.tuple(fc.nat(bytes.length - 1), fc.nat(300_000));
    await fc.assert(
      fc.asyncProperty(fc.array(range, { minLength: 1, maxLength: 50 }), async (ranges) => {
        await Promise.all(
          ranges.map(async ([offset, most]) => {
            const target = new Uint8Array(Math.min(most, bytes.length - offset));
            await source.read(offset, target);
            expect(Buffer.compare(target, bytes.subarray(offset, offset + target.length))).toBe(0);
          }),
        );
      }),
      { seed: 7007, numRuns: 30 },
    );
    await source.close();
  });

  test('that has become shorter is found out when it is read again', async () => {
    const source = await (await openFileStorage(folder)).open('short');
    await source.read(0, new Uint8Array(200_000));
    await writeFile(join(folder, 'short'), bytes.subarray(0, 1000));
    await expect(source.read(0, new Uint8Array(200_000))).rejects.toMatchObject({ code: 'MPE_STORAGE_PRECONDITION_FAILED' });
    await source.close();
    await expect(source.read(0, new Uint8Array(10))).rejects.toMatchObject({ code: 'MPE_STORAGE_INTERNAL_ERROR' });
  });
});
