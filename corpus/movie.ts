/** Writes MP4 files of one track, box by box: for content that ffmpeg's muxer would change or does not know. */

export function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}

export function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => bytes.writeUInt16BE(value, 2 * i));
  return bytes;
}

export function box(type: string, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(8 + body.length), Buffer.from(type, 'latin1'), body]);
}

export function fullBox(type: string, version: number, flags: number, ...parts: readonly Uint8Array[]): Buffer {
  return box(type, u32(version * 0x1000000 + flags), ...parts);
}

export const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

export type Track = {
  /** Width and height of pictures; null: sound. */
  readonly size: readonly [number, number] | null;
  readonly timescale: number;
  /** Ticks of each sample. */
  readonly delta: number;
  readonly samples: readonly Uint8Array[];
  readonly entry: Uint8Array;
  readonly language: string;
  /** Indexes of the sync samples; null: all. */
  readonly sync: readonly number[] | null;
  /** media_time of an edit list with one edit; 0: no edit list. */
  readonly mediaTime: number;
};

const MOVIE_TIMESCALE = 1000;

/** ftyp, moov, mdat with one chunk; ISO/IEC 14496-12:2022 box order. */
export function movie(track: Track): Buffer {
  const { size, timescale, delta, samples, entry, language, sync, mediaTime } = track;
  const count = samples.length;
  const duration = count * delta;
  const shown = Math.floor(((duration - mediaTime) * MOVIE_TIMESCALE) / timescale);
  const packed = [...language].reduce((bits, letter) => (bits << 5) | (letter.charCodeAt(0) - 0x60), 0);
  const [width, height] = size ?? [0, 0];
  const sizes = samples.map(({ length }) => length);
  const alike = sizes.every((bytes) => bytes === sizes[0]);
  const ftyp = box('ftyp', Buffer.from('isom', 'latin1'), u32(0x200), Buffer.from('isomiso2avc1mp41', 'latin1'));
  const moov = (chunk: number): Buffer =>
    box(
      'moov',
      box('mvhd', u32(0, 0, 0, MOVIE_TIMESCALE, shown, 0x10000), u16(0x100, 0), u32(0, 0), MATRIX, u32(0, 0, 0, 0, 0, 0, 2)),
      box(
        'trak',
        box('tkhd', u32(7, 0, 0, 1, 0, shown, 0, 0), u16(0, 0, size === null ? 0x100 : 0, 0), MATRIX, u32(width * 65536, height * 65536)),
        ...(mediaTime === 0 ? [] : [box('edts', box('elst', u32(0, 1, shown, mediaTime, 0x10000)))]),
        box(
          'mdia',
          box('mdhd', u32(0, 0, 0, timescale, duration), u16(packed, 0)),
          box('hdlr', u32(0, 0), Buffer.from(size === null ? 'soun' : 'vide', 'latin1'), u32(0, 0, 0), Buffer.from(size === null ? 'SoundHandler\0' : 'VideoHandler\0', 'latin1')),
          box(
            'minf',
            size === null ? box('smhd', u32(0), u16(0, 0)) : box('vmhd', u32(1), u16(0, 0, 0, 0)),
            box('dinf', box('dref', u32(0, 1), box('url ', u32(1)))),
            box(
              'stbl',
              box('stsd', u32(0, 1), entry),
              box('stts', u32(0, 1, count, delta)),
              ...(sync === null ? [] : [box('stss', u32(0, sync.length, ...sync.map((i) => i + 1)))]),
              box('stsc', u32(0, 1, 1, count, 1)),
              box('stsz', u32(0, alike ? sizes[0] : 0, count), alike ? u32() : u32(...sizes)),
              box('stco', u32(0, 1, chunk)),
            ),
          ),
        ),
      ),
    );
  const start = ftyp.length + moov(0).length + 8;
  return Buffer.concat([ftyp, moov(start), box('mdat', ...samples)]);
}

/** ISO/IEC 14496-12:2022 12.2.3, with the boxes of its codec. */
export function audioEntry(type: string, channels: number, sampleRate: number, ...boxes: readonly Uint8Array[]): Buffer {
  return box(type, Buffer.alloc(6), u16(1), u32(0, 0), u16(channels, 16, 0, 0), u32(sampleRate * 65536), ...boxes);
}

/** ISO/IEC 14496-1:2010 7.2.6, 14496-14:2020 5.6: `specific` is left out where it is empty. */
export function esds(objectType: number, bitrate: number, specific: Uint8Array): Buffer {
  const info = specific.length === 0 ? [] : [Uint8Array.of(5, specific.length), specific];
  const decoder = Buffer.concat([Uint8Array.of(objectType, 0x15, 0, 0, 0), u32(bitrate, bitrate), ...info]);
  const descriptor = Buffer.concat([Uint8Array.of(0, 1, 0, 4, decoder.length), decoder, Uint8Array.of(6, 1, 2)]);
  return box('esds', u32(0), Uint8Array.of(3, descriptor.length), descriptor);
}
