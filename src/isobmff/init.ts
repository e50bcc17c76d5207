/**
 * Initialization segments: a movie box without samples. CSF as the old service wrote it (ftyp ccff version 1, iso6, wide
 * times); CMAF headers after ISO/IEC 23000-19:2020 7.3.1.
 */
import { fourccAt } from '../bytes.ts';
import { box, container, verbatim, writeBoxes, type Box } from './box.ts';
import {
  DINF, DREF, ELNG, FTYP, HDLR, MDHD, MDIA, MEHD, MINF, MOOV, MVEX, MVHD, NMHD, SELF_CONTAINED, SMHD, STBL, STHD, TKHD, TKHD_FLAGS, TRAK, TREX, UNITY_MATRIX,
  URL_, VMHD, type Ftyp,
} from './boxes.ts';
import { protectSampleEntry, type TrackEncryption } from './protection.ts';
import { STCO, STSC, STSD, STSZ, STTS } from './tableboxes.ts';

export type InitBrand = 'ccff' | 'cmfc';

export type Init = {
  readonly brand: InitBrand;
  readonly kind: 'video' | 'audio' | 'text';
  readonly timescale: number;
  /** ISO 639-2/T. */
  readonly language: string;
  /** Tag of RFC 5646 that says more. */
  readonly extendedLanguage?: string;
  /** Whole sample entry box. */
  readonly sampleEntry: Uint8Array;
  /** Pixels; 0 for audio. */
  readonly width: number;
  readonly height: number;
  readonly trackId?: number;
  /** Of the whole presentation, in `timescale`; leaves a movie extends header. */
  readonly duration?: bigint;
  /** The track is encrypted. */
  readonly encryption?: TrackEncryption;
  /** Some of its fragments are not: the stored sample entry is there as the second one. */
  readonly clearLead?: boolean;
  /** Whole pssh boxes, one per protection system. */
  readonly systems?: readonly Uint8Array[];
};

/** `wide`: times of 64 bits, as the old service wrote them. */
const BRANDS: Readonly<Record<InitBrand, { readonly fileType: Ftyp; readonly wide: boolean }>> = {
  ccff: { fileType: { major_brand: 'ccff', minor_version: 1, compatible_brands: ['iso6'] }, wide: true },
  cmfc: { fileType: { major_brand: 'cmfc', minor_version: 0, compatible_brands: ['iso6', 'cmfc'] }, wide: false },
};

/** 23000-19:2020 11.3.3: TTML of the IMSC1 text profile. */
const IMSC_TEXT = 'im1t';

type Media = { readonly handler_type: string; readonly name: string; readonly header: Box; readonly volume: number };

const SUBTITLE: Media = { handler_type: 'subt', name: 'SubtitleHandler', header: box(STHD, {}), volume: 0 };
/** Handler, its name, and the media header of the kind (14496-12:2022 8.4.3, 12.1.2, 12.2.2, 12.6.2). */
const MEDIA: Readonly<Record<Init['kind'], Media>> = {
  video: { handler_type: 'vide', name: 'VideoHandler', header: box(VMHD, { graphicsmode: 0, opcolor: [0, 0, 0] }, { flags: 1 }), volume: 0 },
  audio: { handler_type: 'soun', name: 'SoundHandler', header: box(SMHD, { balance: 0 }), volume: 0x100 },
  text: SUBTITLE,
};
/** Text that is no subtitle document: WebVTT is timed text with a null header (14496-30:2018 7.2). */
const MEDIA_OF_ENTRY: Readonly<Record<string, Media>> = {
  wvtt: { handler_type: 'text', name: 'TextHandler', header: box(NMHD, {}), volume: 0 },
};

const NONE = new Uint32Array(0);
const ISO_639_2 = /^[a-z]{3}$/;
/** Dates would make two answers differ. */
const NO_DATES = { creation_time: 0n, modification_time: 0n };

export function writeInit(init: Init): Uint8Array {
  const { brand, kind, timescale, language, extendedLanguage, width, height, trackId = 1, encryption, clearLead = false, systems = [] } = init;
  const sampleEntry = encryption === undefined || kind === 'text' ? init.sampleEntry : protectSampleEntry(init.sampleEntry, kind, encryption);
  const entries = clearLead && sampleEntry !== init.sampleEntry ? [sampleEntry, init.sampleEntry] : [sampleEntry];
  const { fileType, wide } = BRANDS[brand];
  const version = wide ? 1 : 0;
  const { handler_type, name, header, volume } = MEDIA_OF_ENTRY[fourccAt(init.sampleEntry, 4)] ?? MEDIA[kind];
  // Durations are 0: only the fragments know (23000-19:2020 7.5.1).
  const duration = 0n;
  const sampleTable = container(STBL, [
    box(STSD, { entry_count: entries.length }, { children: entries.map(verbatim) }),
    box(STTS, { sample_count: NONE, sample_delta: NONE }),
    box(STSC, { first_chunk: NONE, samples_per_chunk: NONE, sample_description_index: NONE }),
    box(STSZ, { sample_size: 0, sample_count: 0, entry_size: NONE }),
    box(STCO, { chunk_offset: NONE }),
  ]);
  const dataReference = box(DREF, { entry_count: 1 }, { children: [box(URL_, { location: null }, { flags: SELF_CONTAINED })] });
  const media = container(MDIA, [
    box(MDHD, { ...NO_DATES, timescale, duration, language: packLanguage(language) }, { version }),
    box(HDLR, { pre_defined: 0, handler_type, name }),
    ...(extendedLanguage === undefined ? [] : [box(ELNG, { extended_language: extendedLanguage })]),
    container(MINF, [header, container(DINF, [dataReference]), sampleTable]),
  ]);
  const track = container(TRAK, [
    box(TKHD, { ...NO_DATES, track_ID: trackId, duration, layer: 0, alternate_group: 0, volume, matrix: UNITY_MATRIX, width: width * 65536, height: height * 65536 }, { version, flags: TKHD_FLAGS }),
    media,
  ]);
  const extend = container(MVEX, [
    ...(init.duration === undefined ? [] : [box(MEHD, { fragment_duration: init.duration }, { version: 1 })]),
    box(TREX, { track_ID: trackId, default_sample_description_index: 1, default_sample_duration: 0, default_sample_size: 0, default_sample_flags: 0 }),
  ]);
  const movie = container(MOOV, [
    box(MVHD, { ...NO_DATES, timescale, duration, rate: 0x10000, volume: 0x100, matrix: UNITY_MATRIX, next_track_ID: trackId + 1 }, { version }),
    track,
    extend,
    ...systems.map((system) => verbatim(system)),
  ]);
  const extraBrands = brand === 'cmfc' && fourccAt(init.sampleEntry, 4) === 'stpp' ? [IMSC_TEXT] : [];
  return writeBoxes([box(FTYP, { ...fileType, compatible_brands: [...fileType.compatible_brands, ...extraBrands] }), movie]);
}

/** Three letters of 5 bits (14496-12:2022 8.4.2.3). */
function packLanguage(language: string): number {
  const code = ISO_639_2.test(language) ? language : 'und';
  return [...code].reduce((packed, letter) => (packed << 5) | (letter.charCodeAt(0) - 0x60), 0);
}
