/** The head of a movie fragment: [styp] moof and the mdat's header, in one buffer of the exact size. */
import { viewOf } from '../bytes.ts';
import { box, container, sizeOf, writeBoxes, type Box } from './box.ts';
import { STYP } from './boxes.ts';
import { MFHD, MOOF, TFDT, TFHD, TFHD_FLAGS, TFXD, TRAF, TRUN, TRUN_FLAGS, type Tfhd, type Tfxd, type Trun } from './fragmentboxes.ts';
import { sampleEncryptionBoxes, type SampleEncryption } from './protection.ts';

export type FragmentHead = {
  /** sequence_number of mfhd. */
  readonly sequence: number;
  readonly trackId: number;
  readonly baseMediaDecodeTime: bigint;
  /** Per sample, in decoding order. */
  readonly durations: Uint32Array;
  readonly sizes: Uint32Array;
  /** Null when all are 0. */
  readonly compositions: Int32Array | null;
  /** Null when every sample is a sync sample. */
  readonly sync: ((sample: number) => boolean) | null;
  /** Brand of a styp box before the moof; null for none. */
  readonly styp: string | null;
  /** Index of the sample entry, where it is not that of the track extends box. */
  readonly sampleDescription?: number | null;
  /** Smooth Streaming's own time box, instead of tfdt: [MS-SSTR] knows no tfdt, and clients that find one leave it as it is where they move a presentation to 0. */
  readonly tfxd?: Tfxd;
  readonly encryption?: SampleEncryption;
};

/** sample_depends_on 2 (I picture) and 1 with sample_is_non_sync_sample (14496-12:2022 8.8.3.1). */
const SYNC_FLAGS = 0x02000000;
const NON_SYNC_FLAGS = 0x01010000;

/** Bytes of the head that `writeFragmentHead` would write. */
export function fragmentHeadSize(head: FragmentHead): number {
  return sizeOf([...segmentType(head), movieFragment(head, columnsOf(head), 0)]) + mdatHeaderSize(payloadOf(head));
}

export function writeFragmentHead(head: FragmentHead): Uint8Array {
  const columns = columnsOf(head);
  const payload = payloadOf(head);
  const mdatHeader = mdatHeaderSize(payload);
  // The data offset counts from the moof's start to behind the mdat's header; the moof's size does not depend on it.
  const dataOffset = sizeOf([movieFragment(head, columns, 0)]) + mdatHeader;
  const bytes = writeBoxes([...segmentType(head), movieFragment(head, columns, dataOffset)], mdatHeader);
  const view = viewOf(bytes);
  const at = bytes.length - mdatHeader;
  view.setUint32(at, mdatHeader === 8 ? payload + 8 : 1);
  view.setUint32(at + 4, MDAT_TYPE);
  if (mdatHeader === 16) view.setBigUint64(at + 8, BigInt(payload + 16));
  return bytes;
}

/** The brand, and that of a general DASH media segment (ISO/IEC 23009-1:2022 6.3.4.2). */
function segmentType({ styp }: FragmentHead): readonly Box[] {
  return styp === null ? [] : [box(STYP, { major_brand: styp, minor_version: 0, compatible_brands: [styp, 'msdh'] })];
}

/** What is the same for all samples stands once in tfhd; a column is null then. */
type Columns = {
  readonly duration: Uint32Array | null;
  readonly size: Uint32Array | null;
  readonly flags: Uint32Array | null;
  readonly defaultFlags: number;
  /** Of the first sample, where it alone differs. */
  readonly firstFlags: number | null;
};

function columnsOf({ durations, sizes, sync }: FragmentHead): Columns {
  return { duration: isConstant(durations) ? null : durations, size: isConstant(sizes) ? null : sizes, ...syncColumn(sizes.length, sync) };
}

function syncColumn(count: number, sync: FragmentHead['sync']): Pick<Columns, 'flags' | 'defaultFlags' | 'firstFlags'> {
  if (sync === null) return { flags: null, defaultFlags: SYNC_FLAGS, firstFlags: null };
  const flags = new Uint32Array(count);
  let syncs = 0;
  for (let i = 0; i < count; i++) {
    const isSync = sync(i);
    if (isSync) syncs++;
    flags[i] = isSync ? SYNC_FLAGS : NON_SYNC_FLAGS;
  }
  if (syncs === count) return { flags: null, defaultFlags: SYNC_FLAGS, firstFlags: null };
  if (syncs === 1 && flags[0] === SYNC_FLAGS) return { flags: null, defaultFlags: NON_SYNC_FLAGS, firstFlags: SYNC_FLAGS };
  return { flags, defaultFlags: 0, firstFlags: null };
}

function movieFragment(head: FragmentHead, columns: Columns, dataOffset: number): Box {
  const { duration, size, flags, defaultFlags, firstFlags } = columns;
  const header: Tfhd = {
    track_ID: head.trackId,
    base_data_offset: null,
    sample_description_index: head.sampleDescription ?? null,
    default_sample_duration: duration === null ? head.durations[0] : null,
    default_sample_size: size === null ? head.sizes[0] : null,
    default_sample_flags: flags === null ? defaultFlags : null,
  };
  const headerFlags =
    TFHD_FLAGS.defaultBaseIsMoof |
    (header.sample_description_index === null ? 0 : TFHD_FLAGS.sampleDescriptionIndex) |
    (duration === null ? TFHD_FLAGS.defaultSampleDuration : 0) |
    (size === null ? TFHD_FLAGS.defaultSampleSize : 0) |
    (flags === null ? TFHD_FLAGS.defaultSampleFlags : 0);
  const run: Trun = {
    sample_count: head.sizes.length,
    data_offset: dataOffset,
    first_sample_flags: firstFlags,
    sample_duration: duration,
    sample_size: size,
    sample_flags: flags,
    sample_composition_time_offset: head.compositions,
  };
  const runFlags =
    TRUN_FLAGS.dataOffset |
    (firstFlags === null ? 0 : TRUN_FLAGS.firstSampleFlags) |
    (duration === null ? 0 : TRUN_FLAGS.sampleDuration) |
    (size === null ? 0 : TRUN_FLAGS.sampleSize) |
    (flags === null ? 0 : TRUN_FLAGS.sampleFlags) |
    (head.compositions === null ? 0 : TRUN_FLAGS.sampleCompositionTimeOffsets);
  const sequence = box(MFHD, { sequence_number: head.sequence });
  const start = head.tfxd === undefined ? [box(TFDT, { baseMediaDecodeTime: head.baseMediaDecodeTime }, { version: 1 })] : [];
  const timing = [box(TFHD, header, { flags: headerFlags }), ...start, box(TRUN, run, { version: 1, flags: runFlags })];
  const encryption = head.encryption === undefined ? [] : sampleEncryptionBoxes(head.encryption, head.sizes.length, 2 * BOX_HEADER_BYTES + sizeOf([sequence, ...timing]));
  return container(MOOF, [sequence, container(TRAF, [...timing, ...encryption, ...(head.tfxd === undefined ? [] : [box(TFXD, head.tfxd)])])]);
}

/** Of moof and traf. */
const BOX_HEADER_BYTES = 8;
/** `mdat` */
const MDAT_TYPE = 0x6d646174;

/** Above 4 GiB the size takes 64 bits (14496-12:2022 4.2.2). */
function mdatHeaderSize(payload: number): number {
  return payload + 8 > 0xffffffff ? 16 : 8;
}

function payloadOf({ sizes }: FragmentHead): number {
  let payload = 0;
  for (let i = 0; i < sizes.length; i++) payload += sizes[i];
  return payload;
}

function isConstant(values: Uint32Array): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}
