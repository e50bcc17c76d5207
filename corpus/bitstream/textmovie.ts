/** Movie files with one track of timed text (ISO/IEC 14496-30:2018), as one movie or in fragments: ffmpeg's muxer writes neither wvtt nor fragmented stpp. */
import { box, fullBox, MATRIX, u16, u32 } from '../movie.ts';

export type TextMovie = {
  readonly brands: readonly [major: string, ...compatible: string[]];
  /** Type of the handler, and the media header that belongs to it. */
  readonly handler: 'subt' | 'text';
  readonly mediaHeader: 'sthd' | 'nmhd';
  readonly entry: Buffer;
  /** Ticks per second. */
  readonly timescale: number;
  /** ISO 639-2. */
  readonly language: string;
  readonly samples: readonly TextSample[];
  /** Samples per movie fragment; null: none, all samples in one movie. */
  readonly perFragment: number | null;
};

/** `duration` in ticks. */
export type TextSample = { readonly bytes: Buffer; readonly duration: number };

export function writeTextMovie(movie: TextMovie): Buffer {
  const { brands, samples, perFragment } = movie;
  const ftyp = box('ftyp', Buffer.from(brands[0], 'latin1'), u32(0), Buffer.from(brands.join(''), 'latin1'));
  if (perFragment === null) {
    const data = box('mdat', ...samples.map(({ bytes }) => bytes));
    return Buffer.concat([ftyp, movieHeader(movie, ftyp.length + movieHeader(movie, 0).length + 8), data]);
  }
  const parts = [ftyp, movieHeader(movie, null)];
  let time = 0;
  for (let first = 0; first < samples.length; first += perFragment) {
    const run = samples.slice(first, first + perFragment);
    parts.push(fragment(1 + first / perFragment, time, run));
    time += run.reduce((sum, { duration }) => sum + duration, 0);
  }
  return Buffer.concat(parts);
}

/** `chunk`: where the samples begin; null: they are in fragments. */
function movieHeader({ handler, mediaHeader, entry, timescale, language, samples, perFragment }: TextMovie, chunk: number | null): Buffer {
  const stored = chunk === null ? [] : samples;
  const duration = stored.reduce((sum, sample) => sum + sample.duration, 0);
  const packed = [...language].reduce((code, letter) => code * 32 + letter.charCodeAt(0) - 0x60, 0);
  const tables = box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), entry),
    fullBox('stts', 0, 0, u32(stored.length), ...stored.map((sample) => u32(1, sample.duration))),
    stored.length === 0 ? fullBox('stsc', 0, 0, u32(0)) : fullBox('stsc', 0, 0, u32(1, 1, stored.length, 1)),
    fullBox('stsz', 0, 0, u32(0, stored.length), ...stored.map(({ bytes }) => u32(bytes.length))),
    chunk === null ? fullBox('stco', 0, 0, u32(0)) : fullBox('stco', 0, 0, u32(1, chunk)),
  );
  const name = Buffer.from('TextHandler\0', 'latin1');
  const media = box(
    'mdia',
    fullBox('mdhd', 0, 0, u32(0, 0, timescale, duration), u16(packed, 0)),
    fullBox('hdlr', 0, 0, u32(0), Buffer.from(handler, 'latin1'), u32(0, 0, 0), name),
    box('minf', fullBox(mediaHeader, 0, 0), box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1))), tables),
  );
  return box(
    'moov',
    fullBox('mvhd', 0, 0, u32(0, 0, timescale, duration, 0x10000), u16(0x100, 0), u32(0, 0), MATRIX, u32(0, 0, 0, 0, 0, 0, 2)),
    box('trak', fullBox('tkhd', 0, 7, u32(0, 0, 1, 0, duration, 0, 0), u16(0, 0, 0, 0), MATRIX, u32(0, 0)), media),
    ...(perFragment === null ? [] : [box('mvex', fullBox('trex', 0, 0, u32(1, 1, 0, 0, 0)))]),
  );
}

/** moof and mdat; every sample of text can be shown alone, so all are sync samples. */
function fragment(sequence: number, time: number, samples: readonly TextSample[]): Buffer {
  const moof = (offset: number): Buffer =>
    box(
      'moof',
      fullBox('mfhd', 0, 0, u32(sequence)),
      box('traf', fullBox('tfhd', 0, 0x20020, u32(1, 0x2000000)), fullBox('tfdt', 0, 0, u32(time)), fullBox('trun', 0, 0x301, u32(samples.length, offset), ...samples.map(({ bytes, duration }) => u32(duration, bytes.length)))),
    );
  return Buffer.concat([moof(moof(0).length + 8), box('mdat', ...samples.map(({ bytes }) => bytes))]);
}
