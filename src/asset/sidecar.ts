/**
 * Index cache: what was read of a movie, under --cache-dir and never in the asset. A file is believed only when its
 * checksum and every bound hold; anything else is ignored and written anew.
 *
 * Layout: magic, u32 version, u32 bytes of JSON, the JSON (tables as [offset, length] in the tail), padding to 8, the
 * typed arrays in this machine's byte order, CRC-32 of all before: it is damage that must be seen, and whoever may write
 * here may write to the assets. The arrays that a reader gets are views of the file as it was read.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { Movie, MovieTrack } from '../isobmff/movie.ts';
import { openDescriptor, readDescriptor } from '../storage/descriptors.ts';
import type { Source } from '../storage/storage.ts';

const MAGIC = Buffer.from('ISOMERIX');
const VERSION = 2;
const CHECKSUM_BYTES = 4;
/** Of the media file's start, hashed into the key where its storage knows no identity: another file with the same name, size and time is told apart. */
const IDENTITY_BYTES = 4096;

const Span = z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]);
/** 64 bits, signed or not. */
const Integer = z.string().regex(/^-?\d{1,20}$/);
const Track = z.strictObject({
  id: z.number().int(),
  handler: z.string(),
  language: z.string(),
  timescale: z.uint32().positive(),
  movieTimescale: z.uint32(),
  edits: z.array(z.strictObject({ segmentDuration: Integer, mediaTime: Integer, rate: z.number() })),
  sampleEntries: z.array(Span),
  count: z.number().int().nonnegative(),
  base: Integer,
  shift: z.number().min(0).max(0),
  sizes: Span,
  chunkFirst: Span,
  chunkOffset: Span,
  composition: Span.nullable(),
  /** Of each composition offset. */
  compositionBytes: z.literal([2, 4]),
  sync: Span.nullable(),
  first: Span,
  time: Span,
  delta: Span,
});
const Header = z.strictObject({ endianness: z.string(), size: z.number(), brands: z.array(z.string()), timescale: z.number(), fragmented: z.boolean(), tracks: z.array(Track) });

export type SidecarCache = {
  /** The stored index, or null; never rejects. */
  load(path: string, source: Source): Promise<Movie | null>;
  /** Stores an index; a folder that cannot be written is reported once and then left alone. */
  store(path: string, source: Source, movie: Movie): Promise<void>;
};

/** `scope` tells storages apart that share the folder, e.g. the root's path. */
export function createSidecarCache(folder: string, scope: string, warn: (message: string) => void): SidecarCache {
  let warned = false;
  let serial = 0;
  return {
    async load(path, source) {
      try {
        return decodeMovie(await readWhole(join(folder, await fileName(scope, path, source))), source.size);
      } catch {
        return null;
      }
    },
    async store(path, source, movie) {
      try {
        await mkdir(folder, { recursive: true });
        const target = join(folder, await fileName(scope, path, source));
        const temporary = `${target}.${process.pid}.${serial++}.tmp`;
        await writeFile(temporary, encodeMovie(movie, source.size), { flag: 'wx' });
        await rename(temporary, target);
      } catch (error) {
        if (!warned) warn(`the index cache cannot be written (${(error as NodeJS.ErrnoException).code ?? 'error'}); assets are indexed at every start`);
        warned = true;
      }
    },
  };
}

/** Two turns of the thread pool (storage/descriptors.ts); readFile takes one for each half a megabyte. */
async function readWhole(path: string): Promise<Buffer<ArrayBuffer>> {
  const descriptor = await openDescriptor(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.allocUnsafeSlow(size);
    const { bytesRead } = await readDescriptor(descriptor, bytes, 0, size, 0);
    check(bytesRead === size, 'length');
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

async function fileName(scope: string, path: string, source: Source): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([scope, path, source.size, source.version, source.identity]));
  if (source.identity === undefined) {
    const start = new Uint8Array(Math.min(IDENTITY_BYTES, source.size));
    await source.read(0, start);
    hash.update(start);
  }
  return `${hash.digest('hex').slice(0, 40)}.idx`;
}

/** Pieces of the file, in order. */
export function encodeMovie(movie: Movie, size: number): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  const span = (values: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }): [number, number] => {
    const start = at;
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    const padding = -values.byteLength & 7;
    if (padding > 0) parts.push(new Uint8Array(padding));
    at += values.byteLength + padding;
    return [start, values.byteLength];
  };
  const tracks = movie.tracks.map((track): z.input<typeof Track> => {
    const { samples } = track;
    return {
      id: track.id,
      handler: track.handler,
      language: track.language,
      timescale: track.timescale,
      movieTimescale: track.movieTimescale,
      edits: track.edits.map(({ segmentDuration, mediaTime, rate }) => ({ segmentDuration: String(segmentDuration), mediaTime: String(mediaTime), rate })),
      sampleEntries: track.sampleEntries.map(span),
      count: samples.count,
      base: String(samples.base),
      shift: samples.shift,
      sizes: span(samples.sizes),
      chunkFirst: span(samples.chunks.first),
      chunkOffset: span(samples.chunks.offset),
      composition: samples.composition === null ? null : span(samples.composition),
      compositionBytes: samples.composition instanceof Int32Array ? 4 : 2,
      sync: samples.sync === null ? null : span(samples.sync),
      first: span(samples.decode.first),
      time: span(samples.decode.time),
      delta: span(samples.decode.delta),
    };
  });
  const json = Buffer.from(JSON.stringify({ endianness: endianness(), size, brands: [...movie.brands], timescale: movie.timescale, fragmented: movie.fragmented, tracks } satisfies z.input<typeof Header>));
  const head = Buffer.alloc(MAGIC.length + 8);
  MAGIC.copy(head);
  head.writeUInt32LE(VERSION, MAGIC.length);
  head.writeUInt32LE(json.length, MAGIC.length + 4);
  const body = [head, json, new Uint8Array(-(head.length + json.length) & 7), ...parts];
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32LE(body.reduce((sum, part) => crc32(part, sum), 0));
  return [...body, checksum];
}

/** Rejects (throws) whatever is not exactly what `encodeMovie` writes for a media file of `size` bytes. The file must begin where its buffer does. */
export function decodeMovie(file: Buffer<ArrayBuffer>, size: number): Movie {
  const bodyBytes = file.length - CHECKSUM_BYTES;
  check(bodyBytes >= 16 && file.subarray(0, 8).equals(MAGIC) && file.readUInt32LE(8) === VERSION, 'magic');
  check(crc32(file.subarray(0, bodyBytes)) === file.readUInt32LE(bodyBytes), 'checksum');
  const jsonBytes = file.readUInt32LE(12);
  check(16 + jsonBytes <= bodyBytes, 'header length');
  const header = Header.parse(JSON.parse(file.toString('utf8', 16, 16 + jsonBytes)));
  check(header.endianness === endianness() && header.size === size, 'header');
  const start = 16 + jsonBytes + (-(16 + jsonBytes) & 7);
  check(file.byteOffset % 8 === 0, 'alignment');
  const bytesOf = ([offset, length]: readonly [number, number], unit: number): [ArrayBuffer, number, number] => {
    check(offset % 8 === 0 && length % unit === 0 && start + offset + length <= bodyBytes, 'table bounds');
    return [file.buffer, file.byteOffset + start + offset, length / unit];
  };
  const tracks = header.tracks.map((track): MovieTrack => {
    const sizes = new Uint32Array(...bytesOf(track.sizes, 4));
    const chunks = { first: new Uint32Array(...bytesOf(track.chunkFirst, 4)), offset: new Float64Array(...bytesOf(track.chunkOffset, 8)) };
    const composition = track.composition === null ? null : track.compositionBytes === 2 ? new Int16Array(...bytesOf(track.composition, 2)) : new Int32Array(...bytesOf(track.composition, 4));
    const sync = track.sync === null ? null : new Uint32Array(...bytesOf(track.sync, 4));
    const decode = { first: new Uint32Array(...bytesOf(track.first, 4)), time: new Float64Array(...bytesOf(track.time, 8)), delta: new Uint32Array(...bytesOf(track.delta, 4)) };
    const { count } = track;
    check(sizes.length === count && (composition === null || composition.length === count), 'sample counts');
    check(decode.first.length === decode.time.length && decode.first.length === decode.delta.length, 'time runs');
    check(chunks.first.length === chunks.offset.length, 'chunks');
    for (const first of [chunks.first, decode.first]) check((count === 0) === (first.length === 0) && (count === 0 || first[0] === 0) && ascend(first, count), 'runs');
    check(lieWithin(chunks.offset, size), 'chunk positions');
    checkTimes(decode, count);
    check(sync === null || ascend(sync, count), 'sync samples');
    return {
      id: track.id,
      handler: track.handler,
      language: track.language,
      timescale: track.timescale,
      movieTimescale: track.movieTimescale,
      edits: track.edits.map(({ segmentDuration, mediaTime, rate }) => ({ segmentDuration: BigInt(segmentDuration), mediaTime: BigInt(mediaTime), rate })),
      sampleEntries: track.sampleEntries.map((entry) => new Uint8Array(...bytesOf(entry, 1))),
      samples: { count, base: BigInt(track.base), sizes, chunks, decode, composition, sync, shift: track.shift },
    };
  });
  return { brands: header.brands, timescale: header.timescale, fragmented: header.fragmented, tracks };
}

/** Ascending numbers below `end`. */
function ascend(numbers: Uint32Array, end: number): boolean {
  let last = -1;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i];
    if (number <= last) return false;
    last = number;
  }
  return last < end;
}

/** Whole numbers from 0 to `end`. */
function lieWithin(numbers: Float64Array, end: number): boolean {
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i];
    if (!(number >= 0 && number <= end && Math.floor(number) === number)) return false;
  }
  return true;
}

/** Safe integers that never go back. */
function checkTimes({ first, time, delta }: MovieTrack['samples']['decode'], count: number): void {
  for (let i = 0; i < first.length; i++) {
    const end = time[i] + ((i + 1 < first.length ? first[i + 1] : count) - first[i]) * delta[i];
    check(Number.isSafeInteger(time[i]) && Number.isSafeInteger(end) && (i === 0 || time[i] >= time[i - 1]), 'times');
  }
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`index file: ${what}`);
}
