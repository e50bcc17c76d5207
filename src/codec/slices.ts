/** Where the slices of length-prefixed samples lie and where their headers end: what encryption may touch. */
import { IsomerError } from '../errors.ts';
import { AvcSlices } from './avcslice.ts';
import { HevcSlices } from './hevcslice.ts';
import { isParameterSet, nalEnd, nalType, type NalFamily } from './nal.ts';

/** The NAL units of a run of samples, in their order; one entry per NAL unit in `sizes` and `leads`. */
export type NalSpans = {
  /** NAL units of each sample. */
  readonly counts: Uint32Array;
  /** Bytes of each NAL unit with its length field. */
  readonly sizes: Uint32Array;
  /** Bytes of length field, NAL unit header and slice header; the whole size where there is no slice. */
  readonly leads: Uint32Array;
};

export type SliceSource = { readonly family: NalFamily; readonly parameterSets: readonly Uint8Array[]; readonly nalLengthSize: number };

/** A slice that holds no whole block behind its first byte stays clear: its header need not be known. */
const CIPHER_BLOCK_BYTES = 16;

type Kind = 'slice' | 'other' | 'refused';

/** ISO/IEC 14496-10:2022 table 7-1: data partitions, auxiliary pictures and the slices of extensions have no form in ISO/IEC 23001-7. */
const AVC_KINDS: readonly Kind[] = Array.from({ length: 32 }, (_, type) => (type === 1 || type === 5 ? 'slice' : [2, 3, 4, 19, 20, 21].includes(type) ? 'refused' : 'other'));
/** ISO/IEC 23008-2:2020 table 7-1: types 0 to 31 are VCL, some of them reserved. */
const HEVC_KINDS: readonly Kind[] = Array.from({ length: 64 }, (_, type) => (type <= 9 || (type >= 16 && type <= 21) ? 'slice' : type < 32 ? 'refused' : 'other'));
const KINDS: Readonly<Record<NalFamily, readonly Kind[]>> = { avc: AVC_KINDS, hevc: HEVC_KINDS };

/** Walks samples that lie one after the other in `payload`. Parameter sets in the samples replace those of the source. */
export function nalSpans(payload: Uint8Array, sampleSizes: Uint32Array, { family, parameterSets, nalLengthSize }: SliceSource): NalSpans {
  const slices = family === 'avc' ? new AvcSlices() : new HevcSlices();
  for (const set of parameterSets) slices.add(set);
  const counts = new Uint32Array(sampleSizes.length);
  const sizes: number[] = [];
  const leads: number[] = [];
  let end = 0;
  for (let i = 0; i < sampleSizes.length; i++) {
    let at = end;
    end += sampleSizes[i];
    if (end > payload.length) throw new IsomerError('MPE_INVALID_NALU_SIZE', { where: `sample ${i + 1} of the segment`, expected: `${sampleSizes[i]} bytes`, found: String(payload.length - at) });
    for (let next = 0; at < end; at = next) {
      next = nalEnd(payload, at, end, nalLengthSize);
      const nal = payload.subarray(at + nalLengthSize, next);
      const type = nalType(family, nal[0]);
      const kind = KINDS[family][type];
      if (kind === 'refused') throw new IsomerError('MPE_INVALID_VIDEO_NAL_UNIT', { where: `sample ${i + 1} of the segment`, expected: 'slices of the base layer', found: `NAL unit type ${type}` });
      if (isParameterSet(family, type)) slices.add(nal);
      sizes.push(next - at);
      leads.push(kind === 'slice' && nal.length > CIPHER_BLOCK_BYTES ? nalLengthSize + slices.headerBytes(nal) : next - at);
      counts[i]++;
    }
  }
  return { counts, sizes: Uint32Array.from(sizes), leads: Uint32Array.from(leads) };
}
