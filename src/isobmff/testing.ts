/** Progressive MP4 files for tests, made from plain lists: every table, offset form and defect can be chosen. */
import { concatBytes } from '../bytes.ts';
import { box, fourcc, fullBox, u16, u32 } from './write.ts';

export type TrackFixture = {
  readonly kind: 'video' | 'audio';
  readonly timescale: number;
  readonly durations: readonly number[];
  readonly compositions?: readonly number[];
  readonly compositionVersion?: 0 | 1;
  /** Indexes from 0; absent: every sample. */
  readonly sync?: readonly number[];
  /** Payload of each sample. */
  readonly samples: readonly Uint8Array[];
  /** elst entries: [segment_duration, media_time, rate]. */
  readonly edits?: readonly (readonly [number, number, number?])[];
  readonly entry?: Uint8Array;
  readonly language?: string;
};

export type FileFixture = { readonly tracks: readonly TrackFixture[]; readonly moovLast?: boolean; readonly wide?: boolean; readonly samplesPerChunk?: number };

/** SPS and PPS of the seed document's 320x180 quality. */
const SPS = Uint8Array.from(Buffer.from('6764000DACD941419F9F011000003E90000EA600F14299 60'.replaceAll(' ', ''), 'hex'));
const PPS = Uint8Array.from(Buffer.from('68EBECB22C', 'hex'));

export function avcEntry(type = 'avc1'): Uint8Array {
  const record = concatBytes([Uint8Array.of(1, SPS[1], SPS[2], SPS[3], 0xff, 0xe1), u16(SPS.length), SPS, Uint8Array.of(1), u16(PPS.length), PPS, Uint8Array.of(0xfd, 0xf8, 0xf8, 0)]);
  return box(type, new Uint8Array(6), u16(1), new Uint8Array(16), u16(320, 180), u32(0x480000, 0x480000, 0), u16(1), new Uint8Array(32), u16(0x18, 0xffff), box('avcC', record));
}

export function aacEntry(config: Uint8Array = Uint8Array.of(0x11, 0x90)): Uint8Array {
  const decoder = concatBytes([Uint8Array.of(0x40, 0x15, 0, 0, 0), u32(128000, 128000), Uint8Array.of(5, config.length), config]);
  const descriptor = concatBytes([Uint8Array.of(0, 1, 0, 4, decoder.length), decoder, Uint8Array.of(6, 1, 2)]);
  return box('mp4a', new Uint8Array(6), u16(1), u32(0, 0), u16(2, 16, 0, 0), u32(48000 * 65536), fullBox('esds', 0, 0, Uint8Array.of(3, descriptor.length), descriptor));
}

/** One NAL unit with a 4-byte length, its bytes telling the sample. */
export function nalSample(type: number, bytes: number, mark: number): Uint8Array {
  const sample = new Uint8Array(4 + bytes).fill(mark & 0xff);
  sample.set(u32(bytes));
  sample[4] = type;
  return sample;
}

/** A video of `count` pictures with a key frame every `gop`. */
export function videoTrack(count: number, gop: number, more: Partial<TrackFixture> = {}): TrackFixture {
  const sync = Array.from({ length: Math.ceil(count / gop) }, (_, i) => i * gop);
  const samples = Array.from({ length: count }, (_, i) => nalSample(i % gop === 0 ? 0x65 : 0x41, 20 + (i % 7), i));
  return { kind: 'video', timescale: 30000, durations: samples.map(() => 1001), sync, samples, ...more };
}

export function audioTrack(count: number, more: Partial<TrackFixture> = {}): TrackFixture {
  const samples = Array.from({ length: count }, (_, i) => new Uint8Array(9 + (i % 5)).fill(i & 0xff));
  return { kind: 'audio', timescale: 48000, durations: samples.map(() => 1024), samples, language: 'eng', ...more };
}

export function mp4File({ tracks, moovLast = false, wide = false, samplesPerChunk = 5 }: FileFixture): Uint8Array {
  const ftyp = box('ftyp', fourcc('isom'), u32(0x200), fourcc('isom', 'iso2', 'mp41'));
  const payload = concatBytes(tracks.flatMap(({ samples }) => samples));
  const mdat = wide ? concatBytes([u32(1), fourcc('mdat'), u32(0, payload.length + 16), payload]) : box('mdat', payload);
  const mdatHeader = wide ? 16 : 8;
  const moov = (start: number): Uint8Array => {
    let at = start;
    const traks = tracks.map((track, i) => {
      const trak = trakBox(track, i + 1, at, wide, samplesPerChunk);
      at += track.samples.reduce((sum, sample) => sum + sample.length, 0);
      return trak;
    });
    return box('moov', fullBox('mvhd', 0, 0, u32(0, 0, 1000, 0, 0x10000), u16(0x100, 0), new Uint8Array(68), u32(tracks.length + 1)), ...traks);
  };
  const size = moov(0).length;
  return moovLast ? concatBytes([ftyp, mdat, moov(ftyp.length + mdatHeader)]) : concatBytes([ftyp, moov(ftyp.length + size + mdatHeader), mdat]);
}

function runs(values: readonly number[]): Uint8Array {
  const entries: number[][] = [];
  for (const value of values) {
    const last = entries.at(-1);
    if (last?.[1] === value) last[0]++;
    else entries.push([1, value]);
  }
  return u32(entries.length, ...entries.flat().map((value) => value >>> 0));
}

function trakBox(track: TrackFixture, id: number, start: number, wide: boolean, samplesPerChunk: number): Uint8Array {
  const { kind, timescale, samples, durations, compositions, sync, edits, language = 'und' } = track;
  const packed = [...language].reduce((sum, letter) => (sum << 5) | (letter.charCodeAt(0) - 0x60), 0);
  const chunks: number[] = [];
  let at = start;
  samples.forEach((sample, i) => {
    if (i % samplesPerChunk === 0) chunks.push(at);
    at += sample.length;
  });
  const rest = samples.length % samplesPerChunk;
  const full = chunks.length - (rest > 0 ? 1 : 0);
  const stsc = [...(full > 0 ? [1, samplesPerChunk, 1] : []), ...(rest > 0 ? [full + 1, rest, 1] : [])];
  const stbl = box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), track.entry ?? (kind === 'video' ? avcEntry() : aacEntry())),
    fullBox('stts', 0, 0, runs(durations)),
    ...(compositions === undefined ? [] : [fullBox('ctts', track.compositionVersion ?? 0, 0, runs(compositions))]),
    ...(sync === undefined ? [] : [fullBox('stss', 0, 0, u32(sync.length, ...sync.map((i) => i + 1)))]),
    fullBox('stsc', 0, 0, u32(stsc.length / 3, ...stsc)),
    fullBox('stsz', 0, 0, u32(0, samples.length, ...samples.map((sample) => sample.length))),
    wide ? fullBox('co64', 0, 0, u32(chunks.length, ...chunks.flatMap((offset) => [0, offset]))) : fullBox('stco', 0, 0, u32(chunks.length, ...chunks)),
  );
  const elst = edits === undefined ? [] : [box('edts', fullBox('elst', 0, 0, u32(edits.length, ...edits.flatMap(([duration, time, rate = 1]) => [duration, time >>> 0, rate * 65536]))))];
  return box(
    'trak',
    fullBox('tkhd', 0, 7, u32(0, 0, id, 0, 0, 0, 0), new Uint8Array(8 + 36 + 8)),
    ...elst,
    box(
      'mdia',
      fullBox('mdhd', 0, 0, u32(0, 0, timescale, 0), u16(packed, 0)),
      fullBox('hdlr', 0, 0, u32(0), fourcc(kind === 'video' ? 'vide' : 'soun'), u32(0, 0, 0), Uint8Array.of(0)),
      box('minf', kind === 'video' ? fullBox('vmhd', 0, 1, u16(0, 0, 0, 0)) : fullBox('smhd', 0, 0, u16(0, 0)), box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1))), stbl),
    ),
  );
}
