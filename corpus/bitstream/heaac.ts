/**
 * HE-AAC without an encoder of its own (ISO/IEC 14496-3:2019 4.4.2.8, 8.6.4): every access unit of an AAC-LC stream gets a fill element
 * with spectral band replication that replicates next to nothing, and, for version 2, parametric stereo that leaves both sides alike.
 * The core rate is 24 kHz, so that decoders give 48 kHz.
 */
import { BitReader, BitWriter } from './bits.ts';

const ID_FIL = 6;
const ID_END = 7;
const EXT_SBR_DATA = 13;
const EXTENSION_ID_PS = 2;

/** From 11.6 kHz up over 7 QMF bands in 6 scale factor bands (4.6.18.3.2): three of low resolution, one noise band. */
const START_FREQ = 15;
const STOP_FREQ = 7;
const LOW_BANDS = 3;
/** Least noise that can be stated. */
const NOISE_FLOOR = 30;

export type Enhancement = { readonly channels: 1 | 2; readonly ps: boolean };

/** sbr_extension_data (table 4.62) of one access unit, complete with its header, so that decoding can begin anywhere. */
function sbrData({ channels, ps }: Enhancement): BitWriter {
  const writer = new BitWriter().fields(
    [1, 1], [1, 0], [4, START_FREQ], [4, STOP_FREQ], [3, 0], [2, 0], // bs_header_flag, amp_res, band limits, reserved
    [1, 1], [1, 0], [2, 0], [1, 0], [2, 0], // bs_header_extra_1: linear bands, one noise band
    [1, 0], // bs_data_extra
  );
  const each = (write: () => void): void => {
    for (let channel = 0; channel < channels; channel++) write();
  };
  if (channels === 2) writer.u(1, 0); // bs_coupling
  each(() => writer.fields([2, 0], [2, 0], [1, 0])); // FIXFIX, one envelope of low resolution
  each(() => writer.fields([1, 0], [1, 0])); // both over frequency
  each(() => writer.u(2, 0)); // bs_invf_mode
  each(() => {
    writer.u(7, 0); // lowest energy
    for (let band = 1; band < LOW_BANDS; band++) writer.u(2, 0); // the code of no difference
  });
  each(() => writer.u(5, NOISE_FLOOR));
  each(() => writer.u(1, 0)); // bs_add_harmonic_flag
  if (!ps) return writer.u(1, 0);
  // Two bytes: ps_data (table 8.9) with a header that enables nothing, no envelope, and fill bits.
  return writer.fields([1, 1], [4, 2], [2, EXTENSION_ID_PS], [1, 1], [1, 0], [1, 0], [1, 0], [1, 0], [2, 0], [7, 0]);
}

/** The last element of a raw data block is ID_END, and zeros align it: its place is found from behind. */
function endOf(block: Uint8Array): number {
  const last = block.findLastIndex((byte) => byte !== 0);
  if (last < 0) throw new Error('an empty raw data block');
  const end = 8 * last + 8 - (31 - Math.clz32(block[last] & -block[last]));
  const reader = new BitReader(block);
  reader.position = end - 3;
  if (reader.u(3) !== ID_END) throw new Error('a raw data block that does not end with ID_END');
  return end - 3;
}

/** A raw data block with the enhancement behind its last element. */
export function enhanced(block: Uint8Array, enhancement: Enhancement): Buffer {
  const data = sbrData(enhancement);
  const payload = new BitWriter().u(4, EXT_SBR_DATA);
  new BitReader(data.toBytes()).copyTo(payload, data.position);
  payload.align();
  const writer = new BitWriter();
  new BitReader(block).copyTo(writer, endOf(block));
  writer.u(3, ID_FIL);
  const { length } = payload;
  if (length < 15) writer.u(4, length);
  else writer.fields([4, 15], [8, length - 14]);
  return writer.bytes(payload.toBytes()).u(3, ID_END).align().toBytes();
}

/** How an AudioSpecificConfig tells of SBR and PS (1.6.5): first and all, behind what older decoders read, or not at all. */
export const SIGNALLINGS = ['hierarchical', 'compatible', 'implicit'] as const;
export type Signalling = (typeof SIGNALLINGS)[number];

const RATE_24K = 6;
const RATE_48K = 3;

export function heAacConfig({ channels, ps }: Enhancement, signalling: Signalling): Buffer {
  const writer = new BitWriter();
  if (signalling === 'hierarchical') return writer.fields([5, ps ? 29 : 5], [4, RATE_24K], [4, channels], [4, RATE_48K], [5, 2], [3, 0]).align().toBytes();
  writer.fields([5, 2], [4, RATE_24K], [4, channels], [3, 0]);
  if (signalling === 'compatible') writer.fields([11, 0x2b7], [5, 5], [1, 1], [4, RATE_48K]);
  if (signalling === 'compatible' && ps) writer.fields([11, 0x548], [1, 1]);
  return writer.align().toBytes();
}

/** Raw data blocks of an ADTS stream without checksums (1.A.2.2). */
export function adtsBlocks(stream: Uint8Array): readonly Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at + 7 <= stream.length; ) {
    if (stream[at] !== 0xff || (stream[at + 1] & 0xf7) !== 0xf1) throw new Error(`no ADTS header at byte ${at}`);
    const length = ((stream[at + 3] & 3) << 11) | (stream[at + 4] << 3) | (stream[at + 5] >> 5);
    blocks.push(Buffer.from(stream.subarray(at + 7, at + length)));
    at += length;
  }
  return blocks;
}
