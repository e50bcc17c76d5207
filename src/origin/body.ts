/**
 * Segment plans to bytes on the wire, in windows. A response holds at most `HELD_BYTES` of our buffers however large
 * its segment is and however slow its client: the next window is read while the last one is written where both fit into
 * that, and no further. Large windows fill it alone: half as many reads and writes save more than reading ahead does.
 */
import { IsomerError } from '../errors.ts';
import type { ByteRange, SegmentPlan, SegmentWindow } from '../formats.ts';
import { pooledSize, type BufferPool, type PooledBuffer } from './pool.ts';

/** What this room needs of a stored file. */
export type ReadableSource = { read(offset: number, target: Uint8Array): Promise<void> };
export type ReadableSources = ReadonlyMap<string, ReadableSource>;

/** A body that is made while it is sent. Whoever gets it calls `sendBody` or `release`. */
export type BodyPlan = {
  /** Bytes that are sent. */
  readonly length: number;
  /** Bytes of the windows before the first one that is sent. */
  readonly skip: number;
  /** Bytes that the windows make together. */
  readonly total: number;
  readonly sources: ReadableSources;
  windows(): Iterable<SegmentWindow>;
  /** Gives back what the body holds; further calls do nothing. */
  release(): void;
};

/** Where a body goes. `write` resolves when the bytes are no longer needed and rejects when the client is gone. */
export type Sink = {
  write(chunk: Uint8Array): Promise<void>;
  /** Drops the client; writes under way settle soon after. */
  abort(): void;
};

/** Our own bytes per response (architecture 6.9). */
export const HELD_BYTES = 256 * 1024;
/** Of the buffer that stored bytes are looked at through. */
const LOOK_BYTES = 128 * 1024;
/** Reads of one window that are under way together. */
const PARALLEL_READS = 8;

export type PlanContext = { readonly sources: ReadableSources; readonly pool: BufferPool; readonly release: () => void };

/** A plan with its length; looks are taken here, so that their errors come before the headers. When it rejects, `release` has not been called. */
export async function planBody(plan: SegmentPlan, { sources, pool, release }: PlanContext): Promise<BodyPlan> {
  const common = { skip: 0, sources, release: once(release) };
  if (plan.kind === 'windows') return { ...common, length: plan.length, total: plan.length, windows: () => plan.windows() };
  if (plan.kind === 'copy') {
    const total = plan.head.length + bytesOf(plan.ranges);
    return { ...common, length: total, total, windows: () => copyWindows(plan.head, plan.ranges, 0, total) };
  }
  const buffer = pool.take(LOOK_BYTES);
  let known: SegmentPlan;
  try {
    known = await plan.look({ buffer: buffer.bytes, read: (reads) => readAll(reads, buffer.bytes, sources) });
  } finally {
    buffer.give();
  }
  return planBody(known, { sources, pool, release });
}

/** The same body, bytes [start, start + length) of it. */
export function sliceBody(body: BodyPlan, plan: SegmentPlan, start: number, length: number): BodyPlan {
  if (plan.kind !== 'copy') return { ...body, skip: start, length };
  return { ...body, length, total: length, windows: () => copyWindows(plan.head, plan.ranges, start, start + length) };
}

function bytesOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

type Read = SegmentWindow['reads'][number];

/** Bytes [start, end) of head and ranges, in windows of at most HELD_BYTES. */
function* copyWindows(head: Uint8Array, ranges: readonly ByteRange[], start: number, end: number): Generator<SegmentWindow> {
  let index = 0;
  let rangeStart = head.length;
  for (let from = start; from < end; from += HELD_BYTES) {
    const capacity = Math.min(HELD_BYTES, end - from);
    const to = from + capacity;
    const ownHead = head.subarray(Math.min(from, head.length), Math.min(to, head.length));
    const reads: Read[] = [];
    for (; index < ranges.length; index++) {
      const { source, offset, length } = ranges[index];
      const first = Math.max(from, rangeStart);
      const last = Math.min(to, rangeStart + length);
      if (first < last) reads.push({ source, offset: offset + first - rangeStart, length: last - first, at: first - from });
      if (rangeStart + length > to) break;
      rangeStart += length;
    }
    yield {
      capacity,
      reads,
      make(buffer) {
        buffer.set(ownHead);
        return buffer;
      },
    };
  }
}

/**
 * Sends a body and releases it. Rejects, with the sink aborted, when a read fails or the client is gone. All buffers
 * are back in the pool when it settles.
 */
export async function sendBody(body: BodyPlan, sink: Sink, pool: BufferPool): Promise<void> {
  let writing: Writing | null = null;
  let reading: PooledBuffer | null = null;
  let skip = body.skip;
  let left = body.length;
  let made = 0;
  try {
    for (const window of body.windows()) {
      if (writing !== null && pooledSize(writing.buffer.bytes.length) + pooledSize(window.capacity) > HELD_BYTES) writing = await finish(writing);
      reading = pool.take(window.capacity);
      await readAll(window.reads, reading.bytes, body.sources);
      const whole = window.make(reading.bytes);
      made += whole.length;
      const chunk = whole.subarray(Math.min(skip, whole.length), skip + left);
      skip -= Math.min(skip, whole.length);
      left -= chunk.length;
      if (writing !== null) writing = await finish(writing);
      writing = { buffer: reading, done: sink.write(chunk) };
      reading = null;
      writing.done.catch(() => undefined);
      if (left === 0 && body.length < body.total) break;
    }
    if (writing !== null) writing = await finish(writing);
    if (left !== 0 || (made !== body.total && body.length === body.total)) throw new Error(`a segment of ${body.total} bytes was made with ${made}`);
  } catch (error) {
    sink.abort();
    await writing?.done.catch(() => undefined);
    throw error;
  } finally {
    writing?.buffer.give();
    reading?.give();
    body.release();
  }
}

type Writing = { readonly buffer: PooledBuffer; readonly done: Promise<void> };

async function finish({ buffer, done }: Writing): Promise<null> {
  await done;
  buffer.give();
  return null;
}

/** Rejects only when no read is under way any more: the buffer may then be used again. */
async function readAll(reads: readonly Read[], buffer: Uint8Array, sources: ReadableSources): Promise<void> {
  const joined = joinReads(reads);
  for (let i = 0; i < joined.length; i += PARALLEL_READS) {
    const results = await Promise.allSettled(joined.slice(i, i + PARALLEL_READS).map((read) => readOne(read, buffer, sources)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}

async function readOne({ source, offset, length, at }: Read, buffer: Uint8Array, sources: ReadableSources): Promise<void> {
  const file = sources.get(source);
  if (file === undefined) throw new IsomerError('MPE_STORAGE_RESOURCE_NOT_FOUND', { where: source });
  await file.read(offset, buffer.subarray(at, at + length));
}

/** Neighbours in the file that are neighbours in the buffer become one read. */
export function joinReads(reads: readonly Read[]): readonly Read[] {
  const joined: Read[] = [];
  for (const read of reads) {
    const last = joined[joined.length - 1];
    if (last !== undefined && last.source === read.source && last.offset + last.length === read.offset && last.at + last.length === read.at) {
      joined[joined.length - 1] = { ...last, length: last.length + read.length };
    } else if (read.length > 0) joined.push(read);
  }
  return joined;
}

export function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
