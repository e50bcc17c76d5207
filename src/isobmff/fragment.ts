/** The head of a movie fragment: [styp] moof and the mdat's header, in one buffer of the exact size. */
import { fourcc } from './write.ts';

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
};

/** sample_depends_on 2 (I picture) and 1 with sample_is_non_sync_sample (14496-12:2022 8.8.3.1). */
const SYNC_FLAGS = 0x02000000;
const NON_SYNC_FLAGS = 0x01010000;

const TFHD = { defaultDuration: 0x8, defaultSize: 0x10, defaultFlags: 0x20, defaultBaseIsMoof: 0x020000 } as const;
const TRUN = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 } as const;

/** What is the same for all samples stands once in tfhd, the rest per sample in trun. */
type Layout = {
  readonly tfhdFlags: number;
  readonly trunFlags: number;
  readonly constantDuration: boolean;
  readonly constantSize: boolean;
  readonly moof: number;
  readonly styp: number;
  readonly mdatHeader: number;
  readonly payload: number;
};

const STYP_BYTES = 24;

function layoutOf({ durations, sizes, compositions, sync, styp }: FragmentHead): Layout {
  const count = sizes.length;
  const constantDuration = isConstant(durations);
  const constantSize = isConstant(sizes);
  let onlyFirstSync = sync !== null && sync(0);
  let allSync = sync === null;
  if (sync !== null) {
    let syncs = 0;
    for (let i = 0; i < count; i++) if (sync(i)) syncs++;
    allSync = syncs === count;
    onlyFirstSync = onlyFirstSync && syncs === 1;
  }
  const constantFlags = allSync || onlyFirstSync;
  const tfhdFlags = TFHD.defaultBaseIsMoof | (constantDuration ? TFHD.defaultDuration : 0) | (constantSize ? TFHD.defaultSize : 0) | (constantFlags ? TFHD.defaultFlags : 0);
  const trunFlags =
    TRUN.dataOffset |
    (onlyFirstSync && !allSync ? TRUN.firstFlags : 0) |
    (constantDuration ? 0 : TRUN.duration) |
    (constantSize ? 0 : TRUN.size) |
    (constantFlags ? 0 : TRUN.flags) |
    (compositions === null ? 0 : TRUN.composition);
  const tfhd = 16 + 4 * bitCount(tfhdFlags & 0x38);
  const trun = 20 + ((trunFlags & TRUN.firstFlags) === 0 ? 0 : 4) + 4 * count * bitCount(trunFlags & 0xf00);
  let payload = 0;
  for (let i = 0; i < count; i++) payload += sizes[i];
  return { tfhdFlags, trunFlags, constantDuration, constantSize, moof: 8 + 16 + 8 + tfhd + 20 + trun, styp: styp === null ? 0 : STYP_BYTES, mdatHeader: payload + 8 > 0xffffffff ? 16 : 8, payload };
}

/** Bytes of the head that `writeFragmentHead` would write. */
export function fragmentHeadSize(head: FragmentHead): number {
  const { styp, moof, mdatHeader } = layoutOf(head);
  return styp + moof + mdatHeader;
}

export function writeFragmentHead(head: FragmentHead): Uint8Array {
  const layout = layoutOf(head);
  const { tfhdFlags, trunFlags } = layout;
  const { sizes, durations, compositions, sync } = head;
  const count = sizes.length;
  const bytes = Buffer.allocUnsafe(layout.styp + layout.moof + layout.mdatHeader);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const u32 = (value: number): void => {
    view.setUint32(at, value);
    at += 4;
  };
  const type = (name: string): void => {
    bytes.set(fourcc(name), at);
    at += name.length;
  };
  if (head.styp !== null) {
    // The segment brand, and the general DASH media segment (23009-1 6.3.4.2).
    u32(STYP_BYTES);
    type(`styp${head.styp}`);
    u32(0);
    type(`${head.styp}msdh`);
  }
  u32(layout.moof);
  type('moof');
  u32(16); // 8.8.5
  type('mfhd');
  u32(0);
  u32(head.sequence);
  u32(layout.moof - 24);
  type('traf');
  u32(16 + 4 * bitCount(tfhdFlags & 0x38)); // 8.8.7
  type('tfhd');
  u32(tfhdFlags);
  u32(head.trackId);
  if (layout.constantDuration) u32(durations[0]);
  if (layout.constantSize) u32(sizes[0]);
  if ((tfhdFlags & TFHD.defaultFlags) !== 0) u32((trunFlags & TRUN.firstFlags) !== 0 ? NON_SYNC_FLAGS : SYNC_FLAGS);
  u32(20); // 8.8.12
  type('tfdt');
  u32(0x01000000);
  view.setBigUint64(at, head.baseMediaDecodeTime);
  at += 8;
  u32(layout.styp + layout.moof - at); // 8.8.8: trun is the last box of the moof
  type('trun');
  u32((0x01000000 | trunFlags) >>> 0);
  u32(count);
  u32(layout.moof + layout.mdatHeader);
  if ((trunFlags & TRUN.firstFlags) !== 0) u32(SYNC_FLAGS);
  const perSampleFlags = (trunFlags & TRUN.flags) !== 0;
  for (let i = 0; i < count; i++) {
    if (!layout.constantDuration) u32(durations[i]);
    if (!layout.constantSize) u32(sizes[i]);
    if (perSampleFlags) u32(sync === null || sync(i) ? SYNC_FLAGS : NON_SYNC_FLAGS);
    if (compositions !== null) {
      view.setInt32(at, compositions[i]);
      at += 4;
    }
  }
  u32(layout.mdatHeader === 8 ? layout.payload + 8 : 1);
  type('mdat');
  if (layout.mdatHeader === 16) view.setBigUint64(at, BigInt(layout.payload + 16));
  return bytes;
}

function isConstant(values: Uint32Array): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
