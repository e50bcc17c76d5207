/** Sample entries and what they hold. */
import { viewOf, type Io } from '../bytes.ts';
import type { Definition } from './box.ts';

export type VisualSampleEntry = {
  readonly data_reference_index: number;
  readonly width: number;
  readonly height: number;
  /** 16.16 fixed point. */
  readonly horizresolution: number;
  readonly vertresolution: number;
  readonly frame_count: number;
  /** 32 bytes: a length and that many characters. */
  readonly compressorname: Uint8Array;
  readonly depth: number;
  /** -1, or in QuickTime the number of a colour table. */
  readonly pre_defined: number;
};

function visual(type: string, clause: string): Definition<VisualSampleEntry> {
  return {
    type, name: 'Visual Sample Entry', clause: `ISO/IEC 14496-12:2022 12.1.3, ${clause}`, parents: ['stsd'], versions: null, container: true,
    fields(io, value) {
      io.bytes(6, new Uint8Array(6));
      const data_reference_index = io.u16(value.data_reference_index);
      io.bytes(16, new Uint8Array(16));
      const width = io.u16(value.width);
      const height = io.u16(value.height);
      const horizresolution = io.u32(value.horizresolution);
      const vertresolution = io.u32(value.vertresolution);
      io.u32(0);
      const frame_count = io.u16(value.frame_count);
      const compressorname = io.bytes(32, value.compressorname);
      const depth = io.u16(value.depth);
      return { data_reference_index, width, height, horizresolution, vertresolution, frame_count, compressorname, depth, pre_defined: io.i16(value.pre_defined) };
    },
  };
}

export type AudioSampleEntry = {
  readonly data_reference_index: number;
  /** 0 in ISO files and in QuickTime's first form, 1 and 2 in its others; 1 in an ISO stsd of version 1. */
  readonly entry_version: number;
  readonly channelcount: number;
  readonly samplesize: number;
  /** QuickTime's compression ID. */
  readonly pre_defined: number;
  /** 16.16 fixed point. */
  readonly samplerate: number;
  /** What QuickTime's versions 1 and 2 add before the boxes. */
  readonly extension: Uint8Array;
};

/** QuickTime File Format, sound sample descriptions version 1 and 2. */
const SOUND_EXTENSION = { 1: 16, 2: 36 } as const;

function audio(type: string, clause: string): Definition<AudioSampleEntry> {
  return {
    type, name: 'Audio Sample Entry', clause: `ISO/IEC 14496-12:2022 12.2.3, ${clause}`, parents: ['stsd'], versions: null, container: true,
    fields(io, value) {
      io.bytes(6, new Uint8Array(6));
      const data_reference_index = io.u16(value.data_reference_index);
      const entry_version = io.u16(value.entry_version);
      io.bytes(6, new Uint8Array(6));
      const channelcount = io.u16(value.channelcount);
      const samplesize = io.u16(value.samplesize);
      const pre_defined = io.i16(value.pre_defined);
      io.u16(0);
      const samplerate = io.u32(value.samplerate);
      return { data_reference_index, entry_version, channelcount, samplesize, pre_defined, samplerate, extension: soundExtension(io, value, entry_version) };
    },
  };
}

/** Version 1 means two things: an ISO entry is followed by boxes at once, QuickTime's by four numbers first. */
function soundExtension(io: Io, value: AudioSampleEntry, version: number): Uint8Array {
  return io.ahead(value.extension, (rest) => {
    if (version === 2) return SOUND_EXTENSION[2];
    return version === 1 && !startsWithBox(rest) ? SOUND_EXTENSION[1] : 0;
  });
}

function startsWithBox(rest: Uint8Array): boolean {
  if (rest.length < 8) return rest.length === 0;
  const size = viewOf(rest).getUint32(0);
  return size >= 8 && size <= rest.length && rest.subarray(4, 8).every((byte) => byte >= 0x20 && byte < 0x7f);
}

export type XmlSubtitleSampleEntry = { readonly data_reference_index: number; readonly namespace: string; readonly schema_location: string; readonly auxiliary_mime_types: string };

export const STPP: Definition<XmlSubtitleSampleEntry> = {
  type: 'stpp', name: 'XML Subtitle Sample Entry', clause: 'ISO/IEC 14496-12:2022 12.6.3.2', parents: ['stsd'], versions: null, container: true,
  fields(io, value) {
    io.bytes(6, new Uint8Array(6));
    return {
      data_reference_index: io.u16(value.data_reference_index),
      namespace: io.text(value.namespace),
      schema_location: io.text(value.schema_location),
      auxiliary_mime_types: io.text(value.auxiliary_mime_types),
    };
  },
};

export type PlainSampleEntry = { readonly data_reference_index: number };

export const WVTT: Definition<PlainSampleEntry> = {
  type: 'wvtt', name: 'WebVTT Sample Entry', clause: 'ISO/IEC 14496-30:2018 7.5', parents: ['stsd'], versions: null, container: true,
  fields(io, value) {
    io.bytes(6, new Uint8Array(6));
    return { data_reference_index: io.u16(value.data_reference_index) };
  },
};

export type Text = { readonly text: string };

export const VTTC: Definition<Text> = {
  type: 'vttC', name: 'WebVTT Configuration Box', clause: 'ISO/IEC 14496-30:2018 7.5', parents: ['wvtt'], versions: null, container: false,
  fields: (io, value) => ({ text: UTF8.decode(io.rest(encode(value.text))) }),
};

export const MIME: Definition<Text> = {
  type: 'mime', name: 'MIME Box', clause: 'ISO/IEC 14496-12:2022 12.3.3.2', parents: ['stpp'], versions: [0], container: false,
  fields: (io, value) => ({ text: io.text(value.text) }),
};

const UTF8 = new TextDecoder();
const ENCODER = new TextEncoder();

function encode(text: string | undefined): Uint8Array {
  return ENCODER.encode(text ?? '');
}

export type Data = { readonly data: Uint8Array };

function opaque(type: string, name: string, clause: string, parents: readonly string[], versions: readonly number[] | null = null): Definition<Data> {
  return { type, name, clause, parents, versions, container: false, fields: (io, value) => ({ data: io.rest(value.data) }) };
}

const AVC_ENTRIES = ['avc1', 'avc2', 'avc3', 'avc4', 'encv'];
const HEVC_ENTRIES = ['hvc1', 'hev1', 'encv'];
const VISUAL_ENTRIES = [...AVC_ENTRIES, ...HEVC_ENTRIES];
const AUDIO_ENTRIES = ['mp4a', 'ec-3', 'ac-3', 'dtsc', 'dtsh', 'dtse', 'dtsl', 'enca'];

export const AVC1 = visual('avc1', 'ISO/IEC 14496-15:2022 5.4.2.1');
export const HVC1 = visual('hvc1', 'ISO/IEC 14496-15:2022 8.4.1');
export const MP4A = audio('mp4a', 'ISO/IEC 14496-14:2020 6.7');
/** AVCDecoderConfigurationRecord; `codec/avc` reads it. */
export const AVCC = opaque('avcC', 'AVC Configuration Box', 'ISO/IEC 14496-15:2022 5.4.2.1.2', AVC_ENTRIES);
/** HEVCDecoderConfigurationRecord; `codec/hevc` reads it. */
export const HVCC = opaque('hvcC', 'HEVC Configuration Box', 'ISO/IEC 14496-15:2022 8.4.1.1.2', HEVC_ENTRIES);
/** ES_Descriptor; `isobmff/descriptors` reads it. */
export const ESDS = opaque('esds', 'Elementary Stream Descriptor Box', 'ISO/IEC 14496-14:2020 6.7.2', ['mp4a', 'enca', 'wave'], [0]);
export const DEC3 = opaque('dec3', 'EC3 Specific Box', 'ETSI TS 102 366 V1.4.1 F.6', AUDIO_ENTRIES);
export const DDTS = opaque('ddts', 'DTS Specific Box', 'ETSI TS 102 114 V1.6.1 E.2.2.3', AUDIO_ENTRIES);

export const WAVE: Definition<Record<never, never>> = {
  type: 'wave', name: 'Sound Information Decompression Parameters', clause: 'QuickTime File Format, siDecompressionParam', parents: AUDIO_ENTRIES, versions: null, container: true,
  fields: () => ({}),
};

export type Btrt = { readonly bufferSizeDB: number; readonly maxBitrate: number; readonly avgBitrate: number };

export const BTRT: Definition<Btrt> = {
  type: 'btrt', name: 'Bit Rate Box', clause: 'ISO/IEC 14496-12:2022 8.5.2.2', parents: [...VISUAL_ENTRIES, ...AUDIO_ENTRIES, 'stpp', 'wvtt'], versions: null, container: false,
  fields: (io, value) => ({ bufferSizeDB: io.u32(value.bufferSizeDB), maxBitrate: io.u32(value.maxBitrate), avgBitrate: io.u32(value.avgBitrate) }),
};

export type Pasp = { readonly hSpacing: number; readonly vSpacing: number };

export const PASP: Definition<Pasp> = {
  type: 'pasp', name: 'Pixel Aspect Ratio Box', clause: 'ISO/IEC 14496-12:2022 12.1.4.2', parents: VISUAL_ENTRIES, versions: null, container: false,
  fields: (io, value) => ({ hSpacing: io.u32(value.hSpacing), vSpacing: io.u32(value.vSpacing) }),
};

export type Colr = {
  /** nclx, nclc (QuickTime, without the range flag), rICC or prof. */
  readonly colour_type: string;
  readonly colour_primaries: number;
  readonly transfer_characteristics: number;
  readonly matrix_coefficients: number;
  readonly full_range_flag: number;
  /** ICC profile; empty for nclx and nclc. */
  readonly ICC_profile: Uint8Array;
};

export const COLR: Definition<Colr> = {
  type: 'colr', name: 'Colour Information Box', clause: 'ISO/IEC 14496-12:2022 12.1.5.2', parents: VISUAL_ENTRIES, versions: null, container: false,
  fields(io, value) {
    const colour_type = io.fourcc(value.colour_type);
    if (colour_type !== 'nclx' && colour_type !== 'nclc') {
      return { colour_type, colour_primaries: 2, transfer_characteristics: 2, matrix_coefficients: 2, full_range_flag: 0, ICC_profile: io.rest(value.ICC_profile) };
    }
    const colour_primaries = io.u16(value.colour_primaries);
    const transfer_characteristics = io.u16(value.transfer_characteristics);
    const matrix_coefficients = io.u16(value.matrix_coefficients);
    const [full_range_flag] = colour_type === 'nclx' ? io.bits([1, 7], [value.full_range_flag, 0]) : [0];
    return { colour_type, colour_primaries, transfer_characteristics, matrix_coefficients, full_range_flag, ICC_profile: NO_BYTES };
  },
};

const NO_BYTES = new Uint8Array(0);

export const ENTRY_BOXES: readonly Definition<object>[] = [
  AVC1, visual('avc3', 'ISO/IEC 14496-15:2022 5.4.2.1'), HVC1, visual('hev1', 'ISO/IEC 14496-15:2022 8.4.1'), visual('encv', 'ISO/IEC 14496-12:2022 8.12'),
  MP4A, audio('ec-3', 'ETSI TS 102 366 V1.4.1 F.5'), audio('ac-3', 'ETSI TS 102 366 V1.4.1 F.3'), audio('enca', 'ISO/IEC 14496-12:2022 8.12'),
  ...['dtsc', 'dtsh', 'dtse', 'dtsl'].map((type) => audio(type, 'ETSI TS 102 114 V1.6.1 E.2.2.1')),
  STPP, WVTT, VTTC, MIME, AVCC, HVCC, ESDS, DEC3, DDTS, WAVE, BTRT, PASP, COLR,
];
