/** Movie fragments, segment indexes and the Smooth Streaming extensions of fragments. */
import { wide, type Definition } from './box.ts';
import { signed, unsigned } from './tableboxes.ts';

type Empty = Record<never, never>;

export const MOOF: Definition<Empty> = {
  type: 'moof', name: 'Movie Fragment Box', clause: 'ISO/IEC 14496-12:2022 8.8.4', parents: [''], versions: null, container: true,
  fields: () => ({}),
};

export type Mfhd = { readonly sequence_number: number };

export const MFHD: Definition<Mfhd> = {
  type: 'mfhd', name: 'Movie Fragment Header Box', clause: 'ISO/IEC 14496-12:2022 8.8.5', parents: ['moof'], versions: [0], container: false,
  fields: (io, value) => ({ sequence_number: io.u32(value.sequence_number) }),
};

export const TRAF: Definition<Empty> = {
  type: 'traf', name: 'Track Fragment Box', clause: 'ISO/IEC 14496-12:2022 8.8.6', parents: ['moof'], versions: null, container: true,
  fields: () => ({}),
};

export const TFHD_FLAGS = {
  baseDataOffset: 0x000001,
  sampleDescriptionIndex: 0x000002,
  defaultSampleDuration: 0x000008,
  defaultSampleSize: 0x000010,
  defaultSampleFlags: 0x000020,
  durationIsEmpty: 0x010000,
  defaultBaseIsMoof: 0x020000,
} as const;

/** A field is null when its flag is not set. */
export type Tfhd = {
  readonly track_ID: number;
  readonly base_data_offset: bigint | null;
  readonly sample_description_index: number | null;
  readonly default_sample_duration: number | null;
  readonly default_sample_size: number | null;
  readonly default_sample_flags: number | null;
};

export const TFHD: Definition<Tfhd> = {
  type: 'tfhd', name: 'Track Fragment Header Box', clause: 'ISO/IEC 14496-12:2022 8.8.7', parents: ['traf'], versions: [0], container: false,
  fields(io, value, _version, flags) {
    const has = (flag: number): boolean => (flags & flag) !== 0;
    return {
      track_ID: io.u32(value.track_ID),
      base_data_offset: has(TFHD_FLAGS.baseDataOffset) ? io.u64(value.base_data_offset ?? 0n) : null,
      sample_description_index: has(TFHD_FLAGS.sampleDescriptionIndex) ? io.u32(value.sample_description_index ?? 0) : null,
      default_sample_duration: has(TFHD_FLAGS.defaultSampleDuration) ? io.u32(value.default_sample_duration ?? 0) : null,
      default_sample_size: has(TFHD_FLAGS.defaultSampleSize) ? io.u32(value.default_sample_size ?? 0) : null,
      default_sample_flags: has(TFHD_FLAGS.defaultSampleFlags) ? io.u32(value.default_sample_flags ?? 0) : null,
    };
  },
};

export type Tfdt = { readonly baseMediaDecodeTime: bigint };

export const TFDT: Definition<Tfdt> = {
  type: 'tfdt', name: 'Track Fragment Decode Time Box', clause: 'ISO/IEC 14496-12:2022 8.8.12', parents: ['traf'], versions: [0, 1], container: false,
  fields: (io, value, version) => ({ baseMediaDecodeTime: wide(io, version, value.baseMediaDecodeTime) }),
};

export const TRUN_FLAGS = {
  dataOffset: 0x000001,
  firstSampleFlags: 0x000004,
  sampleDuration: 0x000100,
  sampleSize: 0x000200,
  sampleFlags: 0x000400,
  sampleCompositionTimeOffsets: 0x000800,
} as const;

/** A field or column is null when its flag is not set. */
export type Trun = {
  readonly sample_count: number;
  readonly data_offset: number | null;
  readonly first_sample_flags: number | null;
  readonly sample_duration: Uint32Array | null;
  readonly sample_size: Uint32Array | null;
  readonly sample_flags: Uint32Array | null;
  readonly sample_composition_time_offset: Int32Array | null;
};

const COLUMN_FLAGS = [TRUN_FLAGS.sampleDuration, TRUN_FLAGS.sampleSize, TRUN_FLAGS.sampleFlags, TRUN_FLAGS.sampleCompositionTimeOffsets] as const;

/** Composition offsets of version 0 are read as signed too: genuine Smooth files hold negative ones there. */
export const TRUN: Definition<Trun> = {
  type: 'trun', name: 'Track Fragment Run Box', clause: 'ISO/IEC 14496-12:2022 8.8.8', parents: ['traf'], versions: [0, 1], container: false,
  fields(io, value, _version, flags) {
    const sample_count = io.u32(value.sample_count);
    const data_offset = (flags & TRUN_FLAGS.dataOffset) === 0 ? null : io.i32(value.data_offset ?? 0);
    const first_sample_flags = (flags & TRUN_FLAGS.firstSampleFlags) === 0 ? null : io.u32(value.first_sample_flags ?? 0);
    const offsets = value.sample_composition_time_offset;
    const given = [value.sample_duration, value.sample_size, value.sample_flags, offsets === null || offsets === undefined ? null : unsigned(offsets)];
    const columns = COLUMN_FLAGS.flatMap((flag, i) => ((flags & flag) === 0 ? [] : [given[i] ?? NO_COLUMN]));
    // A run without columns costs no bytes per sample: its count is bounded by whoever expands it.
    const rows = columns.length === 0 ? [] : io.rows(sample_count, columns.length, columns);
    let next = 0;
    const [sample_duration, sample_size, sample_flags, compositions] = COLUMN_FLAGS.map((flag) => ((flags & flag) === 0 ? null : rows[next++]));
    return {
      sample_count,
      data_offset,
      first_sample_flags,
      sample_duration,
      sample_size,
      sample_flags,
      sample_composition_time_offset: compositions === null ? null : signed(compositions),
    };
  },
};

const NO_COLUMN = new Uint32Array(0);

export type SidxReference = {
  readonly reference_type: number;
  readonly referenced_size: number;
  readonly subsegment_duration: number;
  readonly starts_with_SAP: number;
  readonly SAP_type: number;
  readonly SAP_delta_time: number;
};

export type Sidx = {
  readonly reference_ID: number;
  readonly timescale: number;
  readonly earliest_presentation_time: bigint;
  readonly first_offset: bigint;
  readonly references: readonly SidxReference[];
};

export const SIDX: Definition<Sidx> = {
  type: 'sidx', name: 'Segment Index Box', clause: 'ISO/IEC 14496-12:2022 8.16.3', parents: [''], versions: [0, 1], container: false,
  fields(io, value, version) {
    const reference_ID = io.u32(value.reference_ID);
    const timescale = io.u32(value.timescale);
    const earliest_presentation_time = wide(io, version, value.earliest_presentation_time);
    const first_offset = wide(io, version, value.first_offset);
    io.u16(0);
    const references = io.list(io.count16(value.references), 12, value.references, (reference) => {
      const [reference_type, referenced_size] = io.bits([1, 31], [reference.reference_type, reference.referenced_size]);
      const subsegment_duration = io.u32(reference.subsegment_duration);
      const [starts_with_SAP, SAP_type, SAP_delta_time] = io.bits([1, 3, 28], [reference.starts_with_SAP, reference.SAP_type, reference.SAP_delta_time]);
      return { reference_type, referenced_size, subsegment_duration, starts_with_SAP, SAP_type, SAP_delta_time };
    });
    return { reference_ID, timescale, earliest_presentation_time, first_offset, references };
  },
};

export const MFRA: Definition<Empty> = {
  type: 'mfra', name: 'Movie Fragment Random Access Box', clause: 'ISO/IEC 14496-12:2022 8.8.9', parents: [''], versions: null, container: true,
  fields: () => ({}),
};

export type TfraEntry = { readonly time: bigint; readonly moof_offset: bigint; readonly traf_number: number; readonly trun_number: number; readonly sample_delta: number };

export type Tfra = {
  readonly track_ID: number;
  /** Bytes of the three numbers of an entry, less one. */
  readonly lengths: readonly number[];
  readonly entries: readonly TfraEntry[];
};

export const TFRA: Definition<Tfra> = {
  type: 'tfra', name: 'Track Fragment Random Access Box', clause: 'ISO/IEC 14496-12:2022 8.8.10', parents: ['mfra'], versions: [0, 1], container: false,
  fields(io, value, version) {
    const track_ID = io.u32(value.track_ID);
    const [, ...lengths] = io.bits([26, 2, 2, 2], [0, ...(value.lengths ?? [])]);
    const [traf, trun, sample] = lengths.map((length) => 8 * (length + 1));
    const entries = io.list(io.count32(value.entries), 11, value.entries, (entry) => {
      const time = wide(io, version, entry.time);
      const moof_offset = wide(io, version, entry.moof_offset);
      const [traf_number] = io.bits([traf], [entry.traf_number]);
      const [trun_number] = io.bits([trun], [entry.trun_number]);
      const [sample_delta] = io.bits([sample], [entry.sample_delta]);
      return { time, moof_offset, traf_number, trun_number, sample_delta };
    });
    return { track_ID, lengths, entries };
  },
};

export type Mfro = { readonly parent_size: number };

export const MFRO: Definition<Mfro> = {
  type: 'mfro', name: 'Movie Fragment Random Access Offset Box', clause: 'ISO/IEC 14496-12:2022 8.8.11', parents: ['mfra'], versions: [0], container: false,
  fields: (io, value) => ({ parent_size: io.u32(value.parent_size) }),
};

export type Tfxd = { readonly fragment_absolute_time: bigint; readonly fragment_duration: bigint };

export const TFXD: Definition<Tfxd> = {
  type: '6d1d9b0542d544e680e2141daff757b2', name: 'tfxd: time and duration of this fragment', clause: '[MS-SSTR] 2.2.4.4', parents: ['traf'], versions: [1, 0], container: false,
  fields(io, value, version) {
    return { fragment_absolute_time: wide(io, version, value.fragment_absolute_time), fragment_duration: wide(io, version, value.fragment_duration) };
  },
};

export type Tfrf = { readonly fragments: readonly Tfxd[] };

export const TFRF: Definition<Tfrf> = {
  type: 'd4807ef2ca3946958e5426cb9e46a79f', name: 'tfrf: times and durations of the fragments that follow', clause: '[MS-SSTR] 2.2.4.5', parents: ['traf'], versions: [1, 0], container: false,
  fields(io, value, version) {
    const fragments = io.list(io.count8(value.fragments), version === 1 ? 16 : 8, value.fragments, (next) => ({
      fragment_absolute_time: wide(io, version, next.fragment_absolute_time),
      fragment_duration: wide(io, version, next.fragment_duration),
    }));
    return { fragments };
  },
};

export const FRAGMENT_BOXES: readonly Definition<object>[] = [MOOF, MFHD, TRAF, TFHD, TFDT, TRUN, SIDX, MFRA, TFRA, MFRO, TFXD, TFRF];
