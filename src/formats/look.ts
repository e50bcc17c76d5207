/**
 * A look at stored samples before they are sent: where their NAL units lie, and how large they become. What was found is
 * kept, for the next client asks for the same segment.
 */
import { NalWalk, type NalLayout, type WalkOptions } from '../codec/slices.ts';
import type { ByteRange, StoredBytes } from '../formats.ts';
import type { VideoCodec } from '../model/codec.ts';
import type { Track } from '../model/presentation.ts';
import { storedRuns } from '../model/samples.ts';
import { createMemory } from './memory.ts';

/** Bytes of what is kept, about: the oldest go first. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

const memory = createMemory(MAX_KEPT_BYTES);
const ENTRY_BYTES = 200;

/** The NAL units of samples [first, end). */
export function layoutOf(track: Track, codec: VideoCodec, first: number, end: number, options: WalkOptions, stored: StoredBytes): Promise<NalLayout> {
  const sizes = track.samples.sizes.subarray(first, end);
  const make = async (): Promise<NalLayout> => {
    const walk = new NalWalk(sizes, codec, options);
    const payload = payloadReads(track, first, end);
    while (walk.position < walk.total) {
      const length = Math.min(stored.buffer.length, walk.total - walk.position);
      await stored.read(payload(walk.position, length, 0));
      walk.look(stored.buffer.subarray(0, length));
    }
    return walk.layout();
  };
  return memory.get(track.samples, `${first} ${end} ${options.slices} ${options.cmaf}`, make, ({ counts, sizes: all }) => ENTRY_BYTES + 4 * counts.length + 16 * all.length);
}

/** The same for anything else that is found by going through all samples once. */
export function remember(owner: object, key: string, make: () => Promise<Sizes>): Promise<Sizes> {
  return memory.get(owner, key, make, ({ sizes }) => ENTRY_BYTES + 8 * sizes.length);
}

/** Bytes of each sample as it is sent, and how many more it may be, at the most, than was used up of it. */
export type Sizes = { readonly sizes: Uint32Array; readonly growth: Uint32Array };

type Read = ByteRange & { readonly at: number };

/** Reads of bytes [from, from + length) of the samples that lie one after the other, to place `at`. */
export function payloadReads({ samples, source }: Track, first: number, end: number): (from: number, length: number, at: number) => Read[] {
  let total = 0;
  const ranges = storedRuns(samples, first, end).map(({ offset, length }) => {
    const start = total;
    total += length;
    return { start, offset, length };
  });
  return (from, length, at) => {
    const reads: Read[] = [];
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle].start + ranges[middle].length > from) high = middle;
      else low = middle + 1;
    }
    for (; low < ranges.length && ranges[low].start < from + length; low++) {
      const range = ranges[low];
      const a = Math.max(from, range.start);
      const b = Math.min(from + length, range.start + range.length);
      if (a < b) reads.push({ source, offset: range.offset + a - range.start, length: b - a, at: at + a - from });
    }
    return reads;
  };
}
