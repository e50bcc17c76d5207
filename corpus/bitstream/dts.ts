/**
 * The DTS family beyond the core, written bit by bit (ETSI TS 102 114 V1.6.1): an extension substream with a lossless (XLL), a null
 * high-resolution (XBR) or a silent low-bit-rate (LBR) asset. XLL samples are stored linearly, without prediction and entropy coding:
 * larger than what an encoder makes, and decoded to the very same samples. 48 kHz throughout.
 */
import { BitReader, BitWriter, crc16 } from './bits.ts';

const EXSS_SYNC = 0x64582025;
const XLL_SYNC = 0x41a29547;
const XBR_SYNC = 0x655e315e;
const LBR_SYNC = 0x0a801921;

/** Bits of nuSpkrActivityMask (table 7-10). */
export const SPEAKERS = { stereo: 0x2, surround: 0xf } as const;
type Speakers = keyof typeof SPEAKERS;
const CHANNELS: Readonly<Record<Speakers, number>> = { stereo: 2, surround: 6 };
/** Bits of the channel mask of XLL (table 8-3): C, L, R, Ls, Rs, LFE. */
const XLL_MASK: Readonly<Record<Speakers, number>> = { stereo: 0x06, surround: 0x3f };

function maskBits(speakers: Speakers): number {
  return Math.max(4, CHANNELS[speakers]);
}

type Asset = { readonly coding: 'XLL' | 'LBR' | 'core XLL' | 'core XBR'; readonly samples: number; readonly depth: number; readonly speakers: Speakers; readonly data: Uint8Array };

/** With the checksum of Annex B behind it, which is over all but the first `from` bytes. */
function withChecksum(writer: BitWriter, from: number): Buffer {
  const bytes = writer.align().toBytes();
  const crc = crc16(bytes.subarray(from), 0x1021, 0xffff);
  return Buffer.concat([bytes, Uint8Array.of(crc >> 8, crc & 255)]);
}

/** 7.4: the header of an extension substream with one asset in one presentation, and the asset. */
function extensionSubstream(asset: Asset): Buffer {
  const descriptor = assetDescriptor(asset);
  const header = (bytes: number): BitWriter => {
    const writer = new BitWriter().fields(
      [32, EXSS_SYNC], [8, 0], [2, 0], [1, 0], [8, bytes - 1], [16, bytes + asset.data.length - 1],
      [1, 1], [2, 2], [3, asset.samples / 512 - 1], [1, 0], // bStaticFieldsPresent, nuRefClockCode, duration, bTimeCodeFlag
      [3, 0], [3, 0], [1, 1], [8, 1], [1, 0], // one presentation, one asset, both active; bMixMetadataEnbl
      [16, asset.data.length - 1],
    );
    new BitReader(descriptor.toBytes()).copyTo(writer, descriptor.position);
    writer.u(1, 0).align(); // bBcCorePresent
    while ((writer.length + 2) % 4 !== 0) writer.u(8, 0);
    return writer;
  };
  return Buffer.concat([withChecksum(header(header(1).length + 2), 5), asset.data]);
}

/** nuCoreExtensionMask (table 7-15). */
const EXTENSION_MASK = { 'core XBR': 0x020, 'core XLL': 0x200 } as const;

/** 7.5: it counts its own size, in whole bytes. */
function assetDescriptor({ coding, depth, speakers, data }: Asset): BitWriter {
  const channels = CHANNELS[speakers];
  const write = (size: number): BitWriter => {
    const writer = new BitWriter().fields([9, size - 1], [3, 0], [3, 0], [5, depth - 1], [4, 12], [8, channels - 1], [1, 1]);
    if (channels > 2) writer.u(1, 0); // bEmbeddedStereoFlag
    writer.fields([1, 1], [2, 0], [4, SPEAKERS[speakers]], [3, 0], [1, 0], [1, 0]); // no remapping, no DRC, no dialogue level
    // nuCodingMode and what it says of its component.
    if (coding === 'XLL') writer.fields([2, 1], [16, data.length - 1], [1, 1], [4, 0], [5, 0], [1, 0], [16, 0], [3, 0]);
    else if (coding === 'LBR') writer.fields([2, 2], [14, data.length - 1], [1, 0]);
    else {
      writer.fields([2, 0], [12, EXTENSION_MASK[coding]]);
      if (coding === 'core XBR') writer.u(14, data.length - 1);
      else writer.fields([16, data.length - 1], [1, 0], [3, 0]);
    }
    return writer.align();
  };
  return write(write(1).length);
}

/** Rounded up to whole words. */
function words(bytes: number): number {
  return 4 * Math.ceil(bytes / 4);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(words(bytes.length) - bytes.length)]);
}

type Xll = { readonly depth: 16 | 24; readonly segments: number; readonly speakers: Speakers };

/** Clause 8: one channel set in one band. `channels` are in the order of the mask, all of one power of two of samples. */
function xllFrame(channels: readonly Int32Array[], { depth, segments, speakers }: Xll): Buffer {
  const perSegment = channels[0].length / segments;
  const parts = Array.from({ length: segments }, (_, i) => xllSegment(channels.map((samples) => samples.subarray(i * perSegment, (i + 1) * perSegment)), depth, i === 0));
  const set = channelSetHeader(depth, speakers);
  const largest = Math.max(...parts.map(({ length }) => length));
  const sizeBits = Math.max(4, Math.ceil(Math.log2(largest)));
  const navi = new BitWriter();
  for (const { length } of parts) navi.u(sizeBits, length - 1);
  const body = Buffer.concat([set, withChecksum(navi, 0), ...parts]);
  const common = (header: number): Buffer =>
    withChecksum(
      new BitWriter().fields(
        [32, XLL_SYNC], [4, 0], [8, header - 1], [5, 23], [24, words(header + body.length) - 1], [4, 0], // version, sizes, one channel set
        [4, Math.log2(segments)], [4, Math.log2(perSegment)], [5, sizeBits - 1], [2, 0], [1, 0], [5, maskBits(speakers) - 1],
      ),
      4,
    );
  return padded(Buffer.concat([common(common(1).length), body]));
}

/** 8.3.2: no decorrelation, no prediction, primary and complete by itself. */
function channelSetHeader(depth: number, speakers: Speakers): Buffer {
  const channels = CHANNELS[speakers];
  const write = (size: number): Buffer => {
    const writer = new BitWriter().fields([10, size - 1], [4, channels - 1]);
    for (let i = 0; i < channels; i++) writer.u(1, 1);
    writer.fields([5, depth - 1], [5, depth - 1], [4, 12], [2, 0], [2, 0], [1, 1], [1, 0], [1, 0], [1, 1], [maskBits(speakers), XLL_MASK[speakers]]);
    if (channels > 1) writer.u(1, 0);
    for (let i = 0; i < channels; i++) writer.u(4, 0);
    for (let i = 0; i < channels; i++) writer.u(2, 0);
    return withChecksum(writer, 0);
  };
  return write(write(1).length);
}

/** 8.4: every value with the bits that the largest one needs. Negative numbers interleave with positive ones. */
function xllSegment(channels: readonly Int32Array[], depth: number, isFirst: boolean): Buffer {
  const codeBits = depth > 16 ? 5 : 4;
  const folded = channels.map((samples) => samples.map((value) => (value >= 0 ? 2 * value : -2 * value - 1)));
  const widths = folded.map((values) => {
    const bits = 32 - Math.clz32(values.reduce((all, value) => all | value, 0));
    return bits === 1 ? 2 : bits;
  });
  const writer = new BitWriter();
  if (!isFirst) writer.u(1, 0);
  writer.u(1, 0);
  for (const _ of channels) writer.u(1, 0); // linear, not Rice codes
  for (const width of widths) {
    if (isFirst) writer.u(codeBits, 0); // part A is empty
    writer.u(codeBits, Math.max(0, width - 1));
  }
  folded.forEach((values, i) => {
    if (widths[i] > 0) for (const value of values) writer.u(widths[i], value);
  });
  return writer.align().toBytes();
}

/** A dtsl frame of two channels: L and R, 1024 samples. */
export function losslessFrame(channels: readonly [Int32Array, Int32Array], depth: 16 | 24): Buffer {
  const data = xllFrame(channels, { depth, segments: 4, speakers: 'stereo' });
  return extensionSubstream({ coding: 'XLL', samples: channels[0].length, depth, speakers: 'stereo', data });
}

/** The extension of a core of 5.1 in Master Audio: C, L, R, Ls, Rs, LFE, 512 samples. */
export function masterExtension(channels: readonly Int32Array[], depth: 16 | 24): Buffer {
  const data = xllFrame(channels, { depth, segments: 2, speakers: 'surround' });
  return extensionSubstream({ coding: 'core XLL', samples: channels[0].length, depth, speakers: 'surround', data });
}

/** The extension of a core of 5.1 in High Resolution (6.4) whose allocations are 0: it adds nothing to the five full channels. */
export function nullHighResolutionExtension(): Buffer {
  const channels = Array.from({ length: 5 });
  const body = new BitWriter();
  for (const _ of channels) body.u(2, 0); // width of the allocation indexes
  for (const _ of channels) body.u(2, 0); // the index of the only sub-band
  for (const _ of channels) body.u(3, 1); // width of the scale factor indexes: 0 is not allowed
  body.u(16, 0xffff).align(4);
  const header = (size: number): Buffer => {
    const writer = new BitWriter().fields([32, XBR_SYNC], [6, size - 1], [2, 0], [14, body.length - 1], [1, 0], [3, channels.length - 1], [2, 0]);
    for (const _ of channels) writer.u(5, 0); // highest sub-band less one
    return withChecksum(writer, 4);
  };
  const data = padded(Buffer.concat([header(header(1).length), body.toBytes()]));
  return extensionSubstream({ coding: 'core XBR', samples: 512, depth: 24, speakers: 'surround', data });
}

/** A dtse frame (clause 9): a decoder's set-up and an empty chunk, 4096 samples of silence in two channels. */
export function silentExpressFrame(): Buffer {
  const rate = 64_000;
  // Format 2 (with set-up), rate code of 48 kHz, speakers, version, flags, high bits of the rates, and the rates, least byte first.
  const setUp = Uint8Array.of(2, 12, SPEAKERS.stereo, 0, 0x00, 0x08, 0x15, 0, rate & 255, rate >> 8, rate & 255, rate >> 8);
  const emptyChunk = Uint8Array.of(4, 0);
  const data = padded(Buffer.concat([new BitWriter().u(32, LBR_SYNC).toBytes(), setUp, emptyChunk]));
  return extensionSubstream({ coding: 'LBR', samples: 4096, depth: 24, speakers: 'stereo', data });
}

/** Body of a ddts box (E.2.2.3). */
export type Ddts = { readonly maxBitrate: number; readonly avgBitrate: number; readonly depth: number; readonly samples: number; readonly construction: number; readonly core: { readonly amode: number; readonly lfe: boolean; readonly bytes: number } | null; readonly speakers: Speakers; readonly modified?: boolean };

export function ddtsBody({ maxBitrate, avgBitrate, depth, samples, construction, core, speakers, modified = false }: Ddts): Buffer {
  return new BitWriter()
    .fields(
      [32, 48_000], [32, maxBitrate], [32, avgBitrate], [8, depth],
      [2, Math.log2(samples / 512)], [5, construction], [1, core?.lfe === true ? 1 : 0], [6, core?.amode ?? 31], [14, core?.bytes ?? 0],
      [1, 0], [3, 0], [16, SPEAKERS[speakers]], [1, 0], [1, modified ? 1 : 0], [1, 0], [5, 0],
    )
    .toBytes();
}

/** Core frames of a raw stream (5.3.1), each padded to whole words as an extension behind it wants. */
export function coreFrames(stream: Uint8Array): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 12 <= stream.length; ) {
    const bits = new BitReader(stream.subarray(at));
    if (bits.u(32) !== 0x7ffe8001) throw new Error(`no core at byte ${at}`);
    bits.position += 1 + 5 + 1 + 7;
    const size = bits.u(14) + 1;
    frames.push(padded(Buffer.from(stream.subarray(at, at + size))));
    at += size;
  }
  return frames;
}
