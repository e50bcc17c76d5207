/**
 * Initialization segments: a movie box without samples. CSF as the old service wrote it (ftyp ccff version 1, iso6);
 * CMAF headers after ISO/IEC 23000-19:2020 7.3.1.
 */
import { box, fourcc, fullBox, text, u16, u32 } from './write.ts';

export type InitBrand = 'ccff' | 'cmfc';

export type Init = {
  readonly brand: InitBrand;
  readonly kind: 'video' | 'audio' | 'text';
  readonly timescale: number;
  /** ISO 639-2/T. */
  readonly language: string;
  /** Whole sample entry box. */
  readonly sampleEntry: Uint8Array;
  /** Pixels; 0 for audio. */
  readonly width: number;
  readonly height: number;
  readonly trackId?: number;
};

const FILE_TYPES: Readonly<Record<InitBrand, Uint8Array>> = {
  ccff: box('ftyp', fourcc('ccff'), u32(1), fourcc('iso6')),
  cmfc: box('ftyp', fourcc('cmfc'), u32(0), fourcc('iso6', 'cmfc')),
};
const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
/** track_enabled, track_in_movie, track_in_preview (14496-12:2022 8.3.2.3). */
const TRACK_FLAGS = 7;

/** Handler type, its name, and the media header of the kind (14496-12:2022 8.4.3, 12.1.2, 12.2.2, 12.6.2). */
const MEDIA = {
  video: { handler: 'vide', name: 'VideoHandler', header: fullBox('vmhd', 0, 1, u16(0, 0, 0, 0)), volume: 0 },
  audio: { handler: 'soun', name: 'SoundHandler', header: fullBox('smhd', 0, 0, u16(0, 0)), volume: 0x100 },
  text: { handler: 'subt', name: 'SubtitleHandler', header: fullBox('sthd', 0, 0), volume: 0 },
} as const;

export function writeInit({ brand, kind, timescale, language, sampleEntry, width, height, trackId = 1 }: Init): Uint8Array {
  const { handler, name, header, volume } = MEDIA[kind];
  const empty = u32(0);
  const tables = [fullBox('stsd', 0, 0, u32(1), sampleEntry), fullBox('stts', 0, 0, empty), fullBox('stsc', 0, 0, empty), fullBox('stsz', 0, 0, u32(0, 0)), fullBox('stco', 0, 0, empty)];
  const information = box('minf', header, box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1))), box('stbl', ...tables));
  // Durations are 0: only the fragments know (23000-19:2020 7.5.1).
  const media = box('mdia', fullBox('mdhd', 0, 0, u32(0, 0, timescale, 0), u16(packLanguage(language), 0)), fullBox('hdlr', 0, 0, u32(0), fourcc(handler), u32(0, 0, 0), text(name)), information);
  const trackHeader = fullBox('tkhd', 0, TRACK_FLAGS, u32(0, 0, trackId, 0, 0, 0, 0), u16(0, 0, volume, 0), MATRIX, u32(width * 65536, height * 65536));
  const movieHeader = fullBox('mvhd', 0, 0, u32(0, 0, timescale, 0, 0x10000), u16(0x100, 0), u32(0, 0), MATRIX, u32(0, 0, 0, 0, 0, 0), u32(trackId + 1));
  const extend = box('mvex', fullBox('trex', 0, 0, u32(trackId, 1, 0, 0, 0)));
  const movie = box('moov', movieHeader, box('trak', trackHeader, media), extend);
  const bytes = new Uint8Array(FILE_TYPES[brand].length + movie.length);
  bytes.set(FILE_TYPES[brand]);
  bytes.set(movie, FILE_TYPES[brand].length);
  return bytes;
}

/** Three letters of 5 bits (14496-12:2022 8.4.2.3). */
function packLanguage(language: string): number {
  const code = /^[a-z]{3}$/.test(language) ? language : 'und';
  return [...code].reduce((packed, letter) => (packed << 5) | (letter.charCodeAt(0) - 0x60), 0);
}
