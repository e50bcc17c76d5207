/** Boxes of files, movies and tracks, and the registry of all boxes. Field names are the standard's. */
import type { Io } from '../bytes.ts';
import { ANYWHERE, createRegistry, wide, type Definition } from './box.ts';
import { ENTRY_BOXES } from './entryboxes.ts';
import { FRAGMENT_BOXES } from './fragmentboxes.ts';
import { PROTECTION_BOXES } from './protectionboxes.ts';
import { TABLE_BOXES } from './tableboxes.ts';

/** 1/65536 steps, kept as the stored integer. */
export type Fixed16 = number;

export type Ftyp = { readonly major_brand: string; readonly minor_version: number; readonly compatible_brands: readonly string[] };

function brands(io: Io, value: Ftyp): Ftyp {
  const major_brand = io.fourcc(value.major_brand);
  const minor_version = io.u32(value.minor_version);
  return { major_brand, minor_version, compatible_brands: io.listToEnd(4, value.compatible_brands, (brand) => io.fourcc(brand)) };
}

export const FTYP: Definition<Ftyp> = {
  type: 'ftyp', name: 'File Type Box', clause: 'ISO/IEC 14496-12:2022 4.3', parents: [''], versions: null, container: false,
  fields: brands,
};

export const STYP: Definition<Ftyp> = {
  type: 'styp', name: 'Segment Type Box', clause: 'ISO/IEC 14496-12:2022 8.16.2', parents: [''], versions: null, container: false,
  fields: brands,
};

export type Empty = Record<never, never>;

function plainContainer(type: string, name: string, clause: string, parents: readonly string[]): Definition<Empty> {
  return { type, name, clause: `ISO/IEC 14496-12:2022 ${clause}`, parents, versions: null, container: true, fields: () => ({}) };
}

export const MOOV = plainContainer('moov', 'Movie Box', '8.2.1', ['']);
export const TRAK = plainContainer('trak', 'Track Box', '8.3.1', ['moov']);
export const EDTS = plainContainer('edts', 'Edit Box', '8.6.5', ['trak']);
export const MDIA = plainContainer('mdia', 'Media Box', '8.4.1', ['trak']);
export const MINF = plainContainer('minf', 'Media Information Box', '8.4.4', ['mdia']);
export const DINF = plainContainer('dinf', 'Data Information Box', '8.7.1', ['minf']);
export const STBL = plainContainer('stbl', 'Sample Table Box', '8.5.1', ['minf']);
export const MVEX = plainContainer('mvex', 'Movie Extends Box', '8.8.1', ['moov']);

/** The unity matrix of 8.2.2.2 and 8.3.2.2. */
export const UNITY_MATRIX: readonly number[] = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];

function matrix(io: Io, values: readonly number[]): readonly number[] {
  return io.list(9, 4, values, (value) => io.i32(value));
}

export type Mvhd = {
  readonly creation_time: bigint;
  readonly modification_time: bigint;
  readonly timescale: number;
  readonly duration: bigint;
  readonly rate: Fixed16;
  /** 8.8 fixed point. */
  readonly volume: number;
  readonly matrix: readonly number[];
  readonly next_track_ID: number;
};

export const MVHD: Definition<Mvhd> = {
  type: 'mvhd', name: 'Movie Header Box', clause: 'ISO/IEC 14496-12:2022 8.2.2', parents: ['moov'], versions: [0, 1], container: false,
  fields(io, value, version) {
    const creation_time = wide(io, version, value.creation_time);
    const modification_time = wide(io, version, value.modification_time);
    const timescale = io.u32(value.timescale);
    const duration = wide(io, version, value.duration);
    const rate = io.i32(value.rate);
    const volume = io.i16(value.volume);
    io.bytes(10, new Uint8Array(10));
    const unity = matrix(io, value.matrix);
    io.bytes(24, new Uint8Array(24));
    return { creation_time, modification_time, timescale, duration, rate, volume, matrix: unity, next_track_ID: io.u32(value.next_track_ID) };
  },
};

export type Tkhd = {
  readonly creation_time: bigint;
  readonly modification_time: bigint;
  readonly track_ID: number;
  readonly duration: bigint;
  readonly layer: number;
  readonly alternate_group: number;
  readonly volume: number;
  readonly matrix: readonly number[];
  readonly width: Fixed16;
  readonly height: Fixed16;
};

/** track_enabled, track_in_movie, track_in_preview. */
export const TKHD_FLAGS = 7;

export const TKHD: Definition<Tkhd> = {
  type: 'tkhd', name: 'Track Header Box', clause: 'ISO/IEC 14496-12:2022 8.3.2', parents: ['trak'], versions: [0, 1], container: false,
  fields(io, value, version) {
    const creation_time = wide(io, version, value.creation_time);
    const modification_time = wide(io, version, value.modification_time);
    const track_ID = io.u32(value.track_ID);
    io.u32(0);
    const duration = wide(io, version, value.duration);
    io.u64(0n);
    const layer = io.i16(value.layer);
    const alternate_group = io.i16(value.alternate_group);
    const volume = io.i16(value.volume);
    io.u16(0);
    const unity = matrix(io, value.matrix);
    return { creation_time, modification_time, track_ID, duration, layer, alternate_group, volume, matrix: unity, width: io.u32(value.width), height: io.u32(value.height) };
  },
};

export type Elst = { readonly entries: readonly ElstEntry[] };
export type ElstEntry = { readonly segment_duration: bigint; readonly media_time: bigint; readonly media_rate_integer: number; readonly media_rate_fraction: number };

export const ELST: Definition<Elst> = {
  type: 'elst', name: 'Edit List Box', clause: 'ISO/IEC 14496-12:2022 8.6.6', parents: ['edts'], versions: [0, 1], container: false,
  fields(io, value, version) {
    const entries = io.list(io.count32(value.entries), version === 1 ? 20 : 12, value.entries, (entry) => ({
      segment_duration: wide(io, version, entry.segment_duration),
      media_time: version === 1 ? io.i64(entry.media_time) : BigInt(io.i32(Number(entry.media_time))),
      media_rate_integer: io.i16(entry.media_rate_integer),
      media_rate_fraction: io.i16(entry.media_rate_fraction),
    }));
    return { entries };
  },
};

export type Mdhd = {
  readonly creation_time: bigint;
  readonly modification_time: bigint;
  readonly timescale: number;
  readonly duration: bigint;
  /** ISO 639-2/T, three letters of five bits each; kept as the stored integer. */
  readonly language: number;
};

export const MDHD: Definition<Mdhd> = {
  type: 'mdhd', name: 'Media Header Box', clause: 'ISO/IEC 14496-12:2022 8.4.2', parents: ['mdia'], versions: [0, 1], container: false,
  fields(io, value, version) {
    const creation_time = wide(io, version, value.creation_time);
    const modification_time = wide(io, version, value.modification_time);
    const timescale = io.u32(value.timescale);
    const duration = wide(io, version, value.duration);
    const language = io.u16(value.language);
    io.u16(0);
    return { creation_time, modification_time, timescale, duration, language };
  },
};

export type Hdlr = { readonly pre_defined: number; readonly handler_type: string; readonly name: string };

export const HDLR: Definition<Hdlr> = {
  type: 'hdlr', name: 'Handler Reference Box', clause: 'ISO/IEC 14496-12:2022 8.4.3', parents: ['mdia', 'meta'], versions: [0], container: false,
  fields(io, value) {
    const pre_defined = io.u32(value.pre_defined);
    const handler_type = io.fourcc(value.handler_type);
    io.bytes(12, new Uint8Array(12));
    return { pre_defined, handler_type, name: io.text(value.name) };
  },
};

export type Elng = { readonly extended_language: string };

export const ELNG: Definition<Elng> = {
  type: 'elng', name: 'Extended Language Box', clause: 'ISO/IEC 14496-12:2022 8.4.6', parents: ['mdia'], versions: [0], container: false,
  fields: (io, value) => ({ extended_language: io.text(value.extended_language) }),
};

export type Vmhd = { readonly graphicsmode: number; readonly opcolor: readonly number[] };

export const VMHD: Definition<Vmhd> = {
  type: 'vmhd', name: 'Video Media Header Box', clause: 'ISO/IEC 14496-12:2022 12.1.2', parents: ['minf'], versions: [0], container: false,
  fields: (io, value) => ({ graphicsmode: io.u16(value.graphicsmode), opcolor: io.list(3, 2, value.opcolor, (colour) => io.u16(colour)) }),
};

export type Smhd = { readonly balance: number };

export const SMHD: Definition<Smhd> = {
  type: 'smhd', name: 'Sound Media Header Box', clause: 'ISO/IEC 14496-12:2022 12.2.2', parents: ['minf'], versions: [0], container: false,
  fields(io, value) {
    const balance = io.i16(value.balance);
    io.u16(0);
    return { balance };
  },
};

export const NMHD: Definition<Empty> = {
  type: 'nmhd', name: 'Null Media Header Box', clause: 'ISO/IEC 14496-12:2022 8.4.5.2', parents: ['minf'], versions: [0], container: false,
  fields: () => ({}),
};

export const STHD: Definition<Empty> = {
  type: 'sthd', name: 'Subtitle Media Header Box', clause: 'ISO/IEC 14496-12:2022 12.6.2', parents: ['minf'], versions: [0], container: false,
  fields: () => ({}),
};

export type Dref = { readonly entry_count: number };

export const DREF: Definition<Dref> = {
  type: 'dref', name: 'Data Reference Box', clause: 'ISO/IEC 14496-12:2022 8.7.2', parents: ['dinf'], versions: [0], container: true,
  fields: (io, value) => ({ entry_count: io.u32(value.entry_count) }),
};

export type Url = { readonly location: string | null };

/** Flag 1: the media is in this file, and no location follows. */
export const SELF_CONTAINED = 1;

export const URL_: Definition<Url> = {
  type: 'url ', name: 'Data Entry URL Box', clause: 'ISO/IEC 14496-12:2022 8.7.2', parents: ['dref'], versions: [0], container: false,
  fields: (io, value, _version, flags) => ({ location: (flags & SELF_CONTAINED) === 0 && io.more(value.location !== null) ? io.text(value.location ?? '') : null }),
};

export type Mehd = { readonly fragment_duration: bigint };

export const MEHD: Definition<Mehd> = {
  type: 'mehd', name: 'Movie Extends Header Box', clause: 'ISO/IEC 14496-12:2022 8.8.2', parents: ['mvex'], versions: [0, 1], container: false,
  fields: (io, value, version) => ({ fragment_duration: wide(io, version, value.fragment_duration) }),
};

export type Trex = {
  readonly track_ID: number;
  readonly default_sample_description_index: number;
  readonly default_sample_duration: number;
  readonly default_sample_size: number;
  readonly default_sample_flags: number;
};

export const TREX: Definition<Trex> = {
  type: 'trex', name: 'Track Extends Box', clause: 'ISO/IEC 14496-12:2022 8.8.3', parents: ['mvex'], versions: [0], container: false,
  fields: (io, value) => ({
    track_ID: io.u32(value.track_ID),
    default_sample_description_index: io.u32(value.default_sample_description_index),
    default_sample_duration: io.u32(value.default_sample_duration),
    default_sample_size: io.u32(value.default_sample_size),
    default_sample_flags: io.u32(value.default_sample_flags),
  }),
};

export type Free = { readonly data: Uint8Array };

function space(type: 'free' | 'skip'): Definition<Free> {
  return { type, name: 'Free Space Box', clause: 'ISO/IEC 14496-12:2022 8.1.2', parents: [ANYWHERE], versions: null, container: false, fields: (io, value) => ({ data: io.rest(value.data) }) };
}

export const FREE = space('free');
export const SKIP = space('skip');

export type Mdat = { readonly data: Uint8Array };

export const MDAT: Definition<Mdat> = {
  type: 'mdat', name: 'Media Data Box', clause: 'ISO/IEC 14496-12:2022 8.1.1', parents: [''], versions: null, container: false,
  fields: (io, value) => ({ data: io.rest(value.data) }),
};

export const REGISTRY: ReadonlyMap<string, Definition<object>> = createRegistry([
  FTYP, STYP, MOOV, MVHD, TRAK, TKHD, EDTS, ELST, MDIA, MDHD, HDLR, ELNG, MINF, VMHD, SMHD, NMHD, STHD, DINF, DREF, URL_, STBL,
  MVEX, MEHD, TREX, FREE, SKIP, MDAT,
  ...TABLE_BOXES, ...FRAGMENT_BOXES, ...ENTRY_BOXES, ...PROTECTION_BOXES,
]);
