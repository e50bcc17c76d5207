/** Protection of tracks and samples: ISO/IEC 14496-12 8.12, ISO/IEC 23001-7, and their PIFF 1.1 forms. */
import type { Definition } from './box.ts';

type Empty = Record<never, never>;

const PROTECTED_ENTRIES = ['encv', 'enca'];

function holder(type: string, name: string, clause: string, parents: readonly string[]): Definition<Empty> {
  return { type, name, clause, parents, versions: null, container: true, fields: () => ({}) };
}

export const SINF = holder('sinf', 'Protection Scheme Information Box', 'ISO/IEC 14496-12:2022 8.12.1', PROTECTED_ENTRIES);
export const SCHI = holder('schi', 'Scheme Information Box', 'ISO/IEC 14496-12:2022 8.12.6', ['sinf']);

export type Frma = { readonly data_format: string };

export const FRMA: Definition<Frma> = {
  type: 'frma', name: 'Original Format Box', clause: 'ISO/IEC 14496-12:2022 8.12.2', parents: ['sinf'], versions: null, container: false,
  fields: (io, value) => ({ data_format: io.fourcc(value.data_format) }),
};

export type Schm = { readonly scheme_type: string; readonly scheme_version: number };

export const SCHM: Definition<Schm> = {
  type: 'schm', name: 'Scheme Type Box', clause: 'ISO/IEC 14496-12:2022 8.12.5', parents: ['sinf'], versions: [0], container: false,
  fields: (io, value) => ({ scheme_type: io.fourcc(value.scheme_type), scheme_version: io.u32(value.scheme_version) }),
};

export type Tenc = {
  /** Pattern of version 1; 0 in version 0. */
  readonly default_crypt_byte_block: number;
  readonly default_skip_byte_block: number;
  readonly default_isProtected: number;
  readonly default_Per_Sample_IV_Size: number;
  readonly default_KID: Uint8Array;
  /** Empty when each sample brings its own vector. */
  readonly default_constant_IV: Uint8Array;
};

export const TENC: Definition<Tenc> = {
  type: 'tenc', name: 'Track Encryption Box', clause: 'ISO/IEC 23001-7:2023 8.2', parents: ['schi'], versions: [0, 1], container: false,
  fields(io, value) {
    io.u8(0);
    const [default_crypt_byte_block, default_skip_byte_block] = io.bits([4, 4], [value.default_crypt_byte_block, value.default_skip_byte_block]);
    const default_isProtected = io.u8(value.default_isProtected);
    const default_Per_Sample_IV_Size = io.u8(value.default_Per_Sample_IV_Size);
    const default_KID = io.bytes(16, value.default_KID);
    const isConstant = default_isProtected === 1 && default_Per_Sample_IV_Size === 0;
    const default_constant_IV = isConstant ? io.bytes(io.count8(value.default_constant_IV), value.default_constant_IV) : NO_BYTES;
    return { default_crypt_byte_block, default_skip_byte_block, default_isProtected, default_Per_Sample_IV_Size, default_KID, default_constant_IV };
  },
};

const NO_BYTES = new Uint8Array(0);

export type Pssh = {
  readonly SystemID: Uint8Array;
  /** Version 1. */
  readonly KIDs: readonly Uint8Array[];
  readonly data: Uint8Array;
};

function systemHeader(type: string, name: string, clause: string, versions: readonly number[]): Definition<Pssh> {
  return {
    type, name, clause, parents: ['moov', 'moof'], versions, container: false,
    fields(io, value, version) {
      const SystemID = io.bytes(16, value.SystemID);
      const KIDs = version === 0 ? [] : io.list(io.count32(value.KIDs), 16, value.KIDs, (kid) => io.bytes(16, kid));
      return { SystemID, KIDs, data: io.bytes(io.count32(value.data), value.data) };
    },
  };
}

export const PSSH = systemHeader('pssh', 'Protection System Specific Header Box', 'ISO/IEC 23001-7:2023 8.1', [0, 1]);

/** A sample has subsamples. */
export const SENC_SUBSAMPLES = 2;

export type Senc = {
  readonly sample_count: number;
  /** Vectors and subsamples; how long the vectors are, only the track's own box knows. */
  readonly data: Uint8Array;
};

function sampleEncryption(type: string, clause: string): Definition<Senc> {
  return {
    type, name: 'Sample Encryption Box', clause, parents: ['traf'], versions: [0], container: false,
    fields: (io, value) => ({ sample_count: io.u32(value.sample_count), data: io.rest(value.data) }),
  };
}

export const SENC = sampleEncryption('senc', 'ISO/IEC 23001-7:2023 7.2.1');
export const PIFF_SENC = sampleEncryption('a2394f525a9b4f14a2446c427c648df4', 'PIFF 1.1 5.3.2');

type PiffTenc = { readonly default_AlgorithmID: number; readonly default_IV_size: number; readonly default_KID: Uint8Array };

const PIFF_TENC: Definition<PiffTenc> = {
  type: '8974dbce7be74c5184f97148f9882554', name: 'PIFF Track Encryption Box', clause: 'PIFF 1.1 5.3.3', parents: ['schi'], versions: [0], container: false,
  fields: (io, value) => ({ default_AlgorithmID: io.u24(value.default_AlgorithmID), default_IV_size: io.u8(value.default_IV_size), default_KID: io.bytes(16, value.default_KID) }),
};

export type Saiz = {
  /** 0 when each sample has its own. */
  readonly default_sample_info_size: number;
  readonly sample_count: number;
  readonly sample_info_size: Uint8Array;
};

export const SAIZ: Definition<Saiz> = {
  type: 'saiz', name: 'Sample Auxiliary Information Sizes Box', clause: 'ISO/IEC 14496-12:2022 8.7.8', parents: ['traf', 'stbl'], versions: [0], container: false,
  fields(io, value, _version, flags) {
    if ((flags & TYPED) !== 0) io.u64(0n);
    const default_sample_info_size = io.u8(value.default_sample_info_size);
    const sample_count = io.u32(value.sample_count);
    const sample_info_size = default_sample_info_size === 0 ? io.bytes(sample_count, value.sample_info_size) : NO_BYTES;
    return { default_sample_info_size, sample_count, sample_info_size };
  },
};

/** aux_info_type and its parameter follow. Without them they are the scheme's (8.7.8.3): what is written here. */
const TYPED = 1;

export type Saio = { readonly offsets: readonly bigint[] };

export const SAIO: Definition<Saio> = {
  type: 'saio', name: 'Sample Auxiliary Information Offsets Box', clause: 'ISO/IEC 14496-12:2022 8.7.9', parents: ['traf', 'stbl'], versions: [0, 1], container: false,
  fields(io, value, version, flags) {
    if ((flags & TYPED) !== 0) io.u64(0n);
    const size = version === 0 ? 4 : 8;
    return { offsets: io.list(io.count32(value.offsets), size, value.offsets, (offset) => (version === 0 ? BigInt(io.u32(Number(offset))) : io.u64(offset))) };
  },
};

export const PROTECTION_BOXES: readonly Definition<object>[] = [
  SINF, SCHI, FRMA, SCHM, TENC, PSSH, SENC, SAIZ, SAIO, PIFF_SENC, PIFF_TENC,
  systemHeader('d08a4f1810f34a82b6c832d8aba183d3', 'PIFF Protection System Specific Header Box', 'PIFF 1.1 5.3.1', [0]),
];
