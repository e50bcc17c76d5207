import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { SegmentPlan, SegmentWindow } from '../formats.ts';
import { HELD_BYTES, joinReads, planBody, sendBody, sliceBody, type BodyPlan, type ReadableSource, type Sink } from './body.ts';
import { createPool, type BufferPool } from './pool.ts';
import { patternByte, patternSource } from './testing.ts';

const SEED = 6006;

function patternBytes(offset: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => patternByte(offset + i)));
}

type Client = Sink & { readonly received: () => Buffer; readonly aborted: () => boolean };

/** Copies what it gets, `pace` later: a buffer that is used again too early shows. */
function clientOf(pace: (write: number) => Promise<void> = () => Promise.resolve()): Client {
  const chunks: Buffer[] = [];
  let aborted = false;
  return {
    async write(chunk) {
      const place = chunks.push(Buffer.alloc(0)) - 1;
      await pace(place);
      if (aborted) throw new Error('client is gone');
      chunks[place] = Buffer.from(chunk);
    },
    abort() {
      aborted = true;
    },
    received: () => Buffer.concat(chunks),
    aborted: () => aborted,
  };
}

type Sent = { readonly body: BodyPlan; readonly pool: BufferPool; readonly released: () => number };

async function bodyOf(plan: SegmentPlan, source: ReadableSource = patternSource(), pool = createPool()): Promise<Sent> {
  const release = vi.fn<() => void>();
  const body = await planBody(plan, { sources: new Map([['a', source]]), pool, release });
  return { body, pool, released: () => release.mock.calls.length };
}

function expectAllBack({ pool, released }: Sent): void {
  const { held, heldBytes } = pool.stats();
  expect({ held, heldBytes, released: released() }).toEqual({ held: 0, heldBytes: 0, released: 1 });
}

const copy = (head: number, ...ranges: readonly (readonly [offset: number, length: number])[]): SegmentPlan => ({
  kind: 'copy',
  head: patternBytes(7, head),
  ranges: ranges.map(([offset, length]) => ({ source: 'a', offset, length })),
});

function windowsPlan(sizes: readonly number[], declared = sizes.reduce((sum, size) => sum + size, 0)): SegmentPlan {
  return {
    kind: 'windows',
    length: declared,
    *windows() {
      let offset = 0;
      for (const length of sizes) {
        const window: SegmentWindow = { capacity: length + 100, reads: [{ source: 'a', offset, length, at: 100 }], make: (buffer) => buffer.subarray(100) };
        yield window;
        offset += length;
      }
    },
  };
}

describe('copy plans', () => {
  test('head and ranges arrive in order, whatever their sizes', async () => {
    const length = fc.oneof(fc.nat(5), fc.nat(300_000));
    await fc.assert(
      fc.asyncProperty(fc.nat(200_000), fc.array(fc.tuple(fc.nat(1_000_000), length), { maxLength: 5 }), async (head, ranges) => {
        const sent = await bodyOf(copy(head, ...ranges));
        const client = clientOf();
        await sendBody(sent.body, client, sent.pool);
        const expected = Buffer.concat([patternBytes(7, head), ...ranges.map(([offset, size]) => patternBytes(offset, size))]);
        expect(sent.body.length).toBe(expected.length);
        expect(client.received().equals(expected)).toBe(true);
        expectAllBack(sent);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  test('a slice reads only what it sends', async () => {
    const source = patternSource();
    const plan = copy(1000, [0, 500_000], [700_000, 500_000]);
    const sent = await bodyOf(plan, source);
    const slice = sliceBody(sent.body, plan, 600_000, 250_000);
    const client = clientOf();
    await sendBody(slice, client, sent.pool);
    expect(client.received().equals(patternBytes(700_000 + 99_000, 250_000))).toBe(true);
    expect(source.reads.reduce((sum, { length }) => sum + length, 0)).toBe(250_000);
    expectAllBack(sent);
  });

  test('neighbouring ranges are one read', async () => {
    const source = patternSource();
    const sent = await bodyOf(copy(10, [0, 100], [100, 100], [200, 300], [900, 5]), source);
    await sendBody(sent.body, clientOf(), sent.pool);
    expect(source.reads).toEqual([
      { offset: 0, length: 500 },
      { offset: 900, length: 5 },
    ]);
  });

  test('an empty body settles', async () => {
    const sent = await bodyOf(copy(0));
    const client = clientOf();
    await sendBody(sent.body, client, sent.pool);
    expect(client.received()).toHaveLength(0);
    expectAllBack(sent);
  });
});

describe('window plans', () => {
  test('slices skip what comes before and stop when done', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(300_000), fc.nat(300_000), async (a, b) => {
        const source = patternSource();
        const plan = windowsPlan([100_000, 1, 99_999, 100_000]);
        const sent = await bodyOf(plan, source);
        const [start, end] = [Math.min(a, b), Math.max(a, b) + 1];
        const client = clientOf();
        await sendBody(sliceBody(sent.body, plan, Math.min(start, 299_999), Math.min(end, 300_000) - Math.min(start, 299_999)), client, sent.pool);
        expect(client.received().equals(patternBytes(Math.min(start, 299_999), Math.min(end, 300_000) - Math.min(start, 299_999)))).toBe(true);
        expectAllBack(sent);
      }),
      { seed: SEED, numRuns: 30 },
    );
  });

  test.each([
    ['too few', [100, 100], 300],
    ['too many', [100, 100], 150],
  ])('%s bytes abort the client', async (_, sizes, declared) => {
    const sent = await bodyOf(windowsPlan(sizes, declared));
    const client = clientOf();
    await expect(sendBody(sent.body, client, sent.pool)).rejects.toThrow(/made with/);
    expect(client.aborted()).toBe(true);
    expectAllBack(sent);
  });
});

describe('plans that must look first', () => {
  const looking = (seen: number[][]): SegmentPlan => ({
    kind: 'look',
    async look({ buffer, read }) {
      await read([{ source: 'a', offset: 5, length: 3, at: 1 }]);
      seen.push([...buffer.subarray(1, 4)]);
      return windowsPlan([20, 30]);
    },
  });

  test('see stored bytes, then are sent like others; nothing is held in between', async () => {
    const seen: number[][] = [];
    const sent = await bodyOf(looking(seen));
    expect(seen).toEqual([[...patternBytes(5, 3)]]);
    expect([sent.body.length, sent.pool.stats().held]).toEqual([50, 0]);
    const client = clientOf();
    await sendBody(sliceBody(sent.body, looking([]), 10, 25), client, sent.pool);
    expect(client.received().equals(patternBytes(10, 25))).toBe(true);
    expectAllBack(sent);
  });

  test('that fail keep no memory and release nothing', async () => {
    const pool = createPool();
    await expect(bodyOf(looking([]), patternSource(() => Promise.reject(new Error('disk'))), pool)).rejects.toThrow('disk');
    const failing: SegmentPlan = { kind: 'look', look: () => Promise.reject(new Error('shape')) };
    const release = vi.fn<() => void>();
    await expect(planBody(failing, { sources: new Map(), pool, release })).rejects.toThrow('shape');
    expect([pool.stats().held, release.mock.calls.length]).toEqual([0, 0]);
  });
});

describe('back-pressure', () => {
  test.each([
    ['a copied segment', copy(1000, [0, 20_000_000])],
    ['windows of 96 KiB', windowsPlan(Array.from({ length: 100 }, () => 96 * 1024))],
    ['windows of 200 KiB', windowsPlan(Array.from({ length: 100 }, () => 200 * 1024))],
  ])('a client that reads nothing holds at most 256 KiB of %s; when it goes, all is back', async (_, plan) => {
    const source = patternSource();
    const sent = await bodyOf(plan, source);
    let drop: (error: Error) => void = () => undefined;
    const stalled = new Promise<void>((_resolve, reject) => {
      drop = reject;
    });
    const sending = sendBody(sent.body, clientOf(() => stalled), sent.pool);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sent.pool.stats().heldBytes).toBeGreaterThan(0);
    expect(sent.pool.stats().peakBytes).toBeLessThanOrEqual(HELD_BYTES);
    expect(source.reads.length).toBeLessThanOrEqual(2);
    drop(new Error('client is gone'));
    await expect(sending).rejects.toThrow('client is gone');
    expectAllBack(sent);
  });

  test.each([
    ['small windows: reads run one ahead', windowsPlan(Array.from({ length: 20 }, () => 50_000)), 1],
    ['windows that fill what a client may hold: one after the other', copy(0, [0, 1_000_000]), 0],
  ])('a slow client gets every byte; %s', async (_, plan, most) => {
    const source = patternSource();
    const sent = await bodyOf(plan, source);
    let ahead = 0;
    const client = clientOf(async (write) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      ahead = Math.max(ahead, source.reads.length - write - 1);
    });
    await sendBody(sent.body, client, sent.pool);
    expect(client.received().equals(patternBytes(0, 1_000_000))).toBe(true);
    expect(ahead).toBe(most);
    expect(sent.pool.stats().peakBytes).toBeLessThanOrEqual(HELD_BYTES);
    expectAllBack(sent);
  });

  test('a failing read aborts the client and waits for the write under way', async () => {
    const source = patternSource((read) => (read === 3 ? Promise.reject(new Error('disk')) : Promise.resolve()));
    const sent = await bodyOf(copy(0, [0, 1_000_000]), source);
    let writesOut = 0;
    const client = clientOf(async () => {
      writesOut++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      writesOut--;
    });
    await expect(sendBody(sent.body, client, sent.pool)).rejects.toThrow('disk');
    expect(writesOut).toBe(0);
    expect(client.aborted()).toBe(true);
    expectAllBack(sent);
  });

  test('a failing read waits for its neighbours before the buffer is used again', async () => {
    const source = patternSource((read) => (read === 1 ? Promise.reject(new Error('disk')) : new Promise((resolve) => setTimeout(resolve, 5))));
    const sent = await bodyOf(copy(0, [0, 10], [100, 10], [200, 10]), source);
    await expect(sendBody(sent.body, clientOf(), sent.pool)).rejects.toThrow('disk');
    expect(source.reads).toHaveLength(3);
    expect(source.reading).toBe(0);
    expectAllBack(sent);
  });

  test('a source that is not there is an error, not a crash', async () => {
    const sent = await bodyOf({ kind: 'copy', head: new Uint8Array(), ranges: [{ source: 'b', offset: 0, length: 1 }] });
    await expect(sendBody(sent.body, clientOf(), sent.pool)).rejects.toMatchObject({ code: 'MPE_STORAGE_RESOURCE_NOT_FOUND' });
    expectAllBack(sent);
  });
});

test('joinReads joins only what is contiguous in file and buffer', () => {
  const read = (offset: number, length: number, at: number, source = 'a') => ({ source, offset, length, at });
  expect(joinReads([read(0, 10, 0), read(10, 5, 10), read(15, 5, 20), read(20, 5, 25, 'b'), read(0, 0, 30)])).toEqual([read(0, 15, 0), read(15, 5, 20), read(20, 5, 25, 'b')]);
});

describe('pool', () => {
  test('keeps a bounded number of buffers and hands them out again', () => {
    const pool = createPool(2);
    const taken = [1, 2, 3].map(() => pool.take(100_000));
    expect(pool.stats()).toMatchObject({ held: 3, heldBytes: 3 * 128 * 1024, idle: 0 });
    for (const buffer of taken) buffer.give();
    expect(pool.stats()).toMatchObject({ held: 0, heldBytes: 0, idle: 2, peakBytes: 3 * 128 * 1024 });
    expect(pool.take(128 * 1024).bytes).toHaveLength(128 * 1024);
    expect(pool.stats().idle).toBe(1);
  });

  test('larger buffers are made for one use', () => {
    const pool = createPool();
    const large = pool.take(1_000_000);
    expect(large.bytes).toHaveLength(1_000_000);
    large.give();
    expect(pool.stats()).toMatchObject({ heldBytes: 0, idle: 0 });
  });

  test('giving back twice is a fault', () => {
    const pool = createPool();
    const buffer = pool.take(1);
    buffer.give();
    expect(() => buffer.give()).toThrow('once');
  });
});
