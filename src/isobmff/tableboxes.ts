/** The sample table. Per-sample data are columns, never objects. */
import { IsomerError } from '../errors.ts';
import type { Definition } from './box.ts';

export type Stsd = { readonly entry_count: number };

export const STSD: Definition<Stsd> = {
  type: 'stsd', name: 'Sample Description Box', clause: 'ISO/IEC 14496-12:2022 8.5.2', parents: ['stbl'], versions: [0, 1], container: true,
  fields: (io, value) => ({ entry_count: io.u32(value.entry_count) }),
};

export type Stts = { readonly sample_count: Uint32Array; readonly sample_delta: Uint32Array };

export const STTS: Definition<Stts> = {
  type: 'stts', name: 'Decoding Time to Sample Box', clause: 'ISO/IEC 14496-12:2022 8.6.1.2', parents: ['stbl'], versions: [0], container: false,
  fields(io, value) {
    const [sample_count, sample_delta] = io.rows(io.count32(value.sample_count), 2, [value.sample_count, value.sample_delta]);
    return { sample_count, sample_delta };
  },
};

export type Ctts = { readonly sample_count: Uint32Array; readonly sample_offset: Int32Array };

/**
 * Version 0 declares unsigned offsets, but real files hold negative ones there (spec/media "composition offsets"); no
 * real offset reaches 2^31, so both versions are read as signed.
 */
export const CTTS: Definition<Ctts> = {
  type: 'ctts', name: 'Composition Time to Sample Box', clause: 'ISO/IEC 14496-12:2022 8.6.1.3', parents: ['stbl'], versions: [0, 1], container: false,
  fields(io, value) {
    const [sample_count, offsets] = io.rows(io.count32(value.sample_count), 2, [value.sample_count, unsigned(value.sample_offset)]);
    return { sample_count, sample_offset: signed(offsets) };
  },
};

export type Stsc = { readonly first_chunk: Uint32Array; readonly samples_per_chunk: Uint32Array; readonly sample_description_index: Uint32Array };

export const STSC: Definition<Stsc> = {
  type: 'stsc', name: 'Sample to Chunk Box', clause: 'ISO/IEC 14496-12:2022 8.7.4', parents: ['stbl'], versions: [0], container: false,
  fields(io, value) {
    const columns = [value.first_chunk, value.samples_per_chunk, value.sample_description_index];
    const [first_chunk, samples_per_chunk, sample_description_index] = io.rows(io.count32(value.first_chunk), 3, columns);
    return { first_chunk, samples_per_chunk, sample_description_index };
  },
};

export type Stsz = { readonly sample_size: number; readonly sample_count: number; /** Empty when sample_size is not 0. */ readonly entry_size: Uint32Array };

export const STSZ: Definition<Stsz> = {
  type: 'stsz', name: 'Sample Size Box', clause: 'ISO/IEC 14496-12:2022 8.7.3.2', parents: ['stbl'], versions: [0], container: false,
  fields(io, value) {
    const sample_size = io.u32(value.sample_size);
    const sample_count = io.u32(value.sample_count);
    const [entry_size] = io.rows(sample_size === 0 ? sample_count : 0, 1, [value.entry_size]);
    return { sample_size, sample_count, entry_size };
  },
};

export type Stz2 = { readonly field_size: number; readonly sample_count: number; /** Packed as stored. */ readonly entries: Uint8Array };

export const STZ2: Definition<Stz2> = {
  type: 'stz2', name: 'Compact Sample Size Box', clause: 'ISO/IEC 14496-12:2022 8.7.3.3', parents: ['stbl'], versions: [0], container: false,
  fields(io, value) {
    io.u24(0);
    const field_size = io.u8(value.field_size);
    if (![4, 8, 16].includes(field_size)) throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'stz2 field_size', expected: '4, 8 or 16', found: String(field_size) });
    const sample_count = io.u32(value.sample_count);
    return { field_size, sample_count, entries: io.bytes(Math.ceil((sample_count * field_size) / 8), value.entries) };
  },
};

export type Stco = { readonly chunk_offset: Uint32Array };

export const STCO: Definition<Stco> = {
  type: 'stco', name: 'Chunk Offset Box', clause: 'ISO/IEC 14496-12:2022 8.7.5', parents: ['stbl'], versions: [0], container: false,
  fields(io, value) {
    const [chunk_offset] = io.rows(io.count32(value.chunk_offset), 1, [value.chunk_offset]);
    return { chunk_offset };
  },
};

export type Co64 = { readonly chunk_offset: Float64Array };

export const CO64: Definition<Co64> = {
  type: 'co64', name: 'Chunk Large Offset Box', clause: 'ISO/IEC 14496-12:2022 8.7.5', parents: ['stbl'], versions: [0], container: false,
  fields: (io, value) => ({ chunk_offset: io.column64(io.count32(value.chunk_offset), value.chunk_offset) }),
};

export type Stss = { /** From 1. */ readonly sample_number: Uint32Array };

export const STSS: Definition<Stss> = {
  type: 'stss', name: 'Sync Sample Box', clause: 'ISO/IEC 14496-12:2022 8.6.2', parents: ['stbl'], versions: [0], container: false,
  fields(io, value) {
    const [sample_number] = io.rows(io.count32(value.sample_number), 1, [value.sample_number]);
    return { sample_number };
  },
};

/** The same bits as signed numbers, and back. */
export function signed(column: Uint32Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length);
}

export function unsigned(column: Int32Array): Uint32Array {
  return column === undefined ? EMPTY : new Uint32Array(column.buffer, column.byteOffset, column.length);
}

const EMPTY = new Uint32Array(0);

export const TABLE_BOXES: readonly Definition<object>[] = [STSD, STTS, CTTS, STSC, STSZ, STZ2, STCO, CO64, STSS];

