/**
 * Synthetic assets (honesty class: synthetic): true movie boxes over sparse files, whose media are zeros. For what depends
 * on the index alone: opening, manifests, memory. Sample entries are those of encoded files.
 */
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export type Shape = { readonly name: string; readonly seconds: number; readonly videos: number; readonly audios: number };

/** Whole `stsd` boxes of an H.264 and of an AAC file. */
export type Templates = { readonly video: Uint8Array; readonly audio: Uint8Array };

const FPS = 30;
const VIDEO_TICKS = 1000;
const GOP = 60;
const AUDIO_RATE = 48_000;
const AAC_FRAME = 1024;
const AUDIO_KBPS = 128;
const MOVIE_TIMESCALE = 1000;
/** nal_ref_idc 3, nal_unit_type 5. */
const IDR = 0x65;

export const videoBitrate = (index: number): number => 6_000_000 - index * 90_000;

/** Makes FOLDER/NAME/NAME.ism; nothing when it is there. */
export async function makeSynthetic(folder: string, { name, seconds, videos, audios }: Shape, templates: Templates): Promise<void> {
  const target = join(folder, name);
  const work = `${target}.part`;
  if (await open(join(target, `${name}.ism`)).then((file) => file.close().then(() => true), () => false)) return;
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const elements: string[] = [];
  for (let i = 0; i < videos; i++) {
    const bitrate = videoBitrate(i);
    await writeMovie(join(work, `video_${i}.mp4`), videoTrack(seconds, bitrate, templates.video, i));
    elements.push(`<video src="video_${i}.mp4" systemBitrate="${bitrate}"><param name="systemBitrate" value="${bitrate}" valuetype="data"/></video>`);
  }
  for (let i = 0; i < audios; i++) {
    await writeMovie(join(work, `audio_${i}.mp4`), audioTrack(seconds, templates.audio, i));
    elements.push(`<audio src="audio_${i}.mp4" systemBitrate="${AUDIO_KBPS * 1000}"><param name="systemBitrate" value="${AUDIO_KBPS * 1000}" valuetype="data"/><param name="trackName" value="audio_${i}" valuetype="data"/></audio>`);
  }
  await writeFile(join(work, `${name}.ism`), smil(elements));
  await rename(work, target);
}

export function smil(elements: readonly string[]): string {
  return `<?xml version="1.0" encoding="utf-8"?><smil xmlns="http://www.w3.org/2001/SMIL20/Language"><head><meta name="formats" content="mp4"/></head><body><switch>${elements.join('')}</switch></body></smil>\n`;
}

type Track = {
  readonly handler: 'vide' | 'soun';
  readonly timescale: number;
  readonly delta: number;
  readonly sizes: Uint32Array;
  /** Per sample, in ticks. */
  readonly compositions: Uint32Array | null;
  readonly sync: Uint32Array | null;
  readonly perChunk: number;
  readonly stsd: Uint8Array;
};

/** Sizes that vary as an encoder's do, the same in each run. */
function sizesOf(count: number, average: number, seed: number, weight: (i: number) => number): Uint32Array {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Uint32Array.from({ length: count }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.max(16, Math.round(average * weight(i) * (0.75 + state / 2 ** 33)));
  });
}

function videoTrack(seconds: number, bitrate: number, stsd: Uint8Array, seed: number): Track {
  const count = seconds * FPS;
  return {
    handler: 'vide',
    timescale: FPS * VIDEO_TICKS,
    delta: VIDEO_TICKS,
    sizes: sizesOf(count, bitrate / 8 / FPS, seed, (i) => (i % GOP === 0 ? 4 : 0.95)),
    // I, then P B B, and two P at the end of each group of pictures.
    compositions: Uint32Array.from({ length: count }, (_, i) => {
      const place = i % GOP;
      return VIDEO_TICKS * (place === 0 || place >= GOP - 2 ? 1 : place % 3 === 1 ? 3 : 0);
    }),
    sync: Uint32Array.from({ length: Math.ceil(count / GOP) }, (_, i) => i * GOP + 1),
    perChunk: FPS,
    stsd,
  };
}

function audioTrack(seconds: number, stsd: Uint8Array, seed: number): Track {
  const count = Math.ceil((seconds * AUDIO_RATE) / AAC_FRAME);
  return { handler: 'soun', timescale: AUDIO_RATE, delta: AAC_FRAME, sizes: sizesOf(count, (AUDIO_KBPS * 1000 * AAC_FRAME) / AUDIO_RATE / 8, 1000 + seed, () => 1), compositions: null, sync: null, perChunk: 47, stsd };
}

async function writeMovie(path: string, track: Track): Promise<void> {
  const payload = track.sizes.reduce((sum, size) => sum + size, 0);
  const ftyp = box('ftyp', text('isom'), u32(512), text('isomavc1'));
  const first = ftyp.length + moovOf(track, 0).length + 16;
  const moov = moovOf(track, first);
  const file = await open(path, 'w');
  try {
    await file.write(Buffer.concat([ftyp, moov, u32(1), text('mdat'), u64(payload + 16)]));
    await file.truncate(first + payload);
    if (track.sync === null) return;
    // What opens an asset looks at key frames: each is one NAL unit of an IDR picture.
    let at = first;
    let next = 0;
    for (let i = 0; i < track.sizes.length; at += track.sizes[i++]) {
      if (track.sync[next] !== i + 1) continue;
      next++;
      await file.write(Buffer.concat([u32(track.sizes[i] - 4), Buffer.of(IDR)]), 0, 5, at);
    }
  } finally {
    await file.close();
  }
}

/** Boxes of ISO/IEC 14496-12; `first` is the position of the first sample. */
function moovOf(track: Track, first: number): Buffer {
  const { handler, timescale, delta, sizes, compositions, sync, perChunk, stsd } = track;
  const ticks = sizes.length * delta;
  const duration = Math.ceil((ticks / timescale) * MOVIE_TIMESCALE);
  const matrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
  const isVideo = handler === 'vide';
  const chunks = Math.ceil(sizes.length / perChunk);
  const offsets = Buffer.alloc(8 * chunks);
  for (let i = 0, at = first; i < sizes.length; at += sizes[i++]) if (i % perChunk === 0) offsets.writeBigUInt64BE(BigInt(at), (8 * i) / perChunk);
  const whole = Math.floor(sizes.length / perChunk);
  const rest = sizes.length % perChunk;
  const runs = [...(whole > 0 ? [[1, perChunk, 1]] : []), ...(rest > 0 ? [[whole + 1, rest, 1]] : [])];
  const stbl = box(
    'stbl',
    stsd,
    full('stts', 0, u32(1, sizes.length, delta)),
    ...(compositions === null ? [] : [full('ctts', 0, u32(compositions.length), bigEndian([...pairs(compositions)]))]),
    ...(sync === null ? [] : [full('stss', 0, u32(sync.length), bigEndian(sync))]),
    full('stsz', 0, u32(0, sizes.length), bigEndian(sizes)),
    full('stsc', 0, u32(runs.length, ...runs.flat())),
    full('co64', 0, u32(chunks), offsets),
  );
  const minf = box('minf', isVideo ? full('vmhd', 1, u32(0, 0)) : full('smhd', 0, u32(0)), box('dinf', full('dref', 0, u32(1), full('url ', 1))), stbl);
  const mdia = box('mdia', full('mdhd', 0, u32(0, 0, timescale, ticks, 0x55c40000)), full('hdlr', 0, u32(0), text(handler), u32(0, 0, 0), Buffer.of(0)), minf);
  const tkhd = full('tkhd', 3, u32(0, 0, 1, 0, duration, 0, 0, 0, isVideo ? 0 : 0x01000000), matrix, u32(isVideo ? 1920 << 16 : 0, isVideo ? 1080 << 16 : 0));
  return box('moov', full('mvhd', 0, u32(0, 0, MOVIE_TIMESCALE, duration, 0x10000, 0x01000000, 0, 0), matrix, u32(0, 0, 0, 0, 0, 0, 2)), box('trak', tkhd, mdia));
}

function* pairs(values: Uint32Array): Generator<number> {
  for (const value of values) {
    yield 1;
    yield value;
  }
}

function box(type: string, ...parts: readonly Uint8Array[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 8);
  return Buffer.concat([u32(size), text(type), ...parts]);
}

function full(type: string, flags: number, ...parts: readonly Uint8Array[]): Buffer {
  return box(type, u32(flags), ...parts);
}

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}

function u32(...values: readonly number[]): Buffer {
  return bigEndian(values);
}

function bigEndian(values: ArrayLike<number>): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (let i = 0; i < values.length; i++) bytes.writeUInt32BE(values[i], 4 * i);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** The first `stsd` box in the bytes of a movie. */
export function sampleDescription(movie: Buffer): Uint8Array {
  const at = movie.indexOf('stsd', 0, 'latin1') - 4;
  if (at < 0) throw new Error('the file has no sample description');
  return movie.subarray(at, at + movie.readUInt32BE(at));
}
