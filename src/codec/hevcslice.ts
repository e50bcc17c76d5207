/** HEVC slice segment headers (ISO/IEC 23008-2:2020 7.3.6.1): how long they are. */
import { Bits } from '../bits.ts';
import { IsomerError } from '../errors.ts';
import { readHevcSps, skipScalingListData, type HevcSliceSps } from './hevc.ts';
import { readReferenceSet, usedReferences } from './hevcrps.ts';
import { HEVC_NAL, nalType, unescapeNal } from './nal.ts';
import { NalBits, widthFor } from './nalbits.ts';

/** What a slice segment header's syntax takes from the picture parameter set. */
type HevcSlicePps = {
  readonly spsId: number;
  readonly dependent_slice_segments_enabled: boolean;
  readonly output_flag_present: boolean;
  readonly num_extra_slice_header_bits: number;
  readonly cabac_init_present: boolean;
  readonly num_ref_idx_active: readonly [number, number];
  readonly slice_chroma_qp_offsets_present: boolean;
  readonly weighted_pred: boolean;
  readonly weighted_bipred: boolean;
  /** Tiles or wavefronts: entry points follow. */
  readonly hasEntryPoints: boolean;
  readonly loop_filter_across_slices_enabled: boolean;
  readonly deblocking_filter_override_enabled: boolean;
  readonly deblocking_filter_disabled: boolean;
  readonly lists_modification_present: boolean;
  readonly slice_segment_header_extension_present: boolean;
  readonly chroma_qp_offset_list_enabled: boolean;
};

/** Table 7-7. */
const SLICE = { B: 0, P: 1, I: 2 } as const;
const MAX_PPS_ID = 63;
const MAX_REF_IDX = 14;
/** Screen content coding adds fields that are not known here (A.3.7). */
const SCREEN_PROFILES: ReadonlySet<number> = new Set([9, 11]);

/** Parameter sets as they come, and the slice segment headers that refer to them. */
export class HevcSlices {
  readonly #sps = new Map<number, HevcSliceSps>();
  readonly #pps = new Map<number, HevcSlicePps>();

  /** Takes a parameter set of the base layer; other NAL units are left alone. */
  add(nal: Uint8Array): void {
    const type = nalType('hevc', nal[0]);
    if (nal.length < 2 || layerOf(nal) !== 0) return;
    if (type === HEVC_NAL.sps) {
      const { slice } = readHevcSps(nal);
      if (SCREEN_PROFILES.has(slice.general_profile_idc)) throw unsupported('screen content coding');
      this.#sps.set(slice.id, slice);
    } else if (type === HEVC_NAL.pps) {
      const { id, pps } = readPps(nal);
      this.#pps.set(id, pps);
    }
  }

  /** Bytes of the NAL unit header and the slice segment header, whose last part is byte_alignment(). */
  headerBytes(nal: Uint8Array): number {
    if (nal.length < 2 || layerOf(nal) !== 0) throw unsupported('several layers');
    const bits = new NalBits(nal, 'HEVC slice segment header');
    bits.skip(1);
    const type = bits.u(6);
    bits.skip(9);
    const isFirst = bits.flag();
    if (type >= FIRST_IRAP && type <= LAST_IRAP) bits.skip(1); // no_output_of_prior_pics_flag
    const ppsId = bits.ueUpTo(MAX_PPS_ID, 'slice_pic_parameter_set_id');
    const pps = this.#pps.get(ppsId);
    const sps = pps === undefined ? undefined : this.#sps.get(pps.spsId);
    if (pps === undefined || sps === undefined) throw bits.fail('slice_pic_parameter_set_id', 'that of a parameter set', String(ppsId));
    let isDependent = false;
    if (!isFirst) {
      isDependent = pps.dependent_slice_segments_enabled && bits.flag();
      bits.skip(widthFor(sps.picSizeInCtbs)); // slice_segment_address
    }
    if (!isDependent) skipIndependent(bits, sps, pps, type);
    if (pps.hasEntryPoints) {
      // 22 x 440 tiles and rows at the most (A.4.2): the data bounds the loop.
      const count = bits.ueUpTo(MAX_ENTRY_POINTS, 'num_entry_point_offsets');
      if (count > 0) {
        const width = bits.ueUpTo(31, 'offset_len_minus1') + 1;
        for (let i = 0; i < count; i++) bits.skip(width);
      }
    }
    if (pps.slice_segment_header_extension_present) bits.skip(8 * bits.ueUpTo(256, 'slice_segment_header_extension_length'));
    bits.skip(1); // alignment_bit_equal_to_one
    return bits.bytes;
  }
}

const FIRST_IRAP = 16;
const LAST_IRAP = 23;
const MAX_ENTRY_POINTS = 22 * 440;

function skipIndependent(bits: NalBits, sps: HevcSliceSps, pps: HevcSlicePps, nal: number): void {
  bits.skip(pps.num_extra_slice_header_bits);
  const type = bits.ueUpTo(2, 'slice_type');
  if (pps.output_flag_present) bits.skip(1);
  if (sps.separate_colour_plane) bits.skip(2);
  const isIdr = nal === HEVC_NAL.idrWRadl || nal === HEVC_NAL.idrNLp;
  const references = isIdr ? 0 : readReferencePictures(bits, sps);
  const hasTemporalVectors = !isIdr && sps.temporal_mvp_enabled && bits.flag();
  let filtersSamples = false;
  if (sps.sample_adaptive_offset_enabled) {
    filtersSamples = bits.flag();
    if (sps.chromaArrayType !== 0 && bits.flag()) filtersSamples = true;
  }
  if (type !== SLICE.I) skipPrediction(bits, sps, pps, type, references, hasTemporalVectors);
  bits.se(); // slice_qp_delta
  if (pps.slice_chroma_qp_offsets_present) for (let i = 0; i < 2; i++) bits.se();
  if (pps.chroma_qp_offset_list_enabled) bits.skip(1);
  let noDeblocking = pps.deblocking_filter_disabled;
  if (pps.deblocking_filter_override_enabled && bits.flag()) {
    noDeblocking = bits.flag();
    if (!noDeblocking) for (let i = 0; i < 2; i++) bits.se();
  }
  if (pps.loop_filter_across_slices_enabled && (filtersSamples || !noDeblocking)) bits.skip(1);
}

/** The reference picture set; returns NumPicTotalCurr (7-55). */
function readReferencePictures(bits: NalBits, sps: HevcSliceSps): number {
  const { referenceSets, longTermUsed } = sps;
  bits.skip(sps.log2MaxPicOrderCntLsb);
  let set;
  if (!bits.flag()) set = readReferenceSet(bits, referenceSets, referenceSets.length);
  else {
    const index = bits.u(widthFor(referenceSets.length));
    set = referenceSets[index];
    if (set === undefined) throw bits.fail('short_term_ref_pic_set_idx', `less than ${referenceSets.length}`, String(index));
  }
  let references = usedReferences(set);
  if (longTermUsed === null) return references;
  const fromSps = longTermUsed.length > 0 ? bits.ueUpTo(longTermUsed.length, 'num_long_term_sps') : 0;
  const count = fromSps + bits.ueUpTo(32, 'num_long_term_pics');
  for (let i = 0; i < count; i++) {
    let used: boolean;
    if (i < fromSps) used = longTermUsed.at(bits.u(widthFor(longTermUsed.length))) ?? false;
    else {
      bits.skip(sps.log2MaxPicOrderCntLsb);
      used = bits.flag();
    }
    if (used) references++;
    if (bits.flag()) bits.ue(); // delta_poc_msb_cycle_lt
  }
  return references;
}

function skipPrediction(bits: NalBits, sps: HevcSliceSps, pps: HevcSlicePps, type: number, references: number, hasTemporalVectors: boolean): void {
  const isB = type === SLICE.B;
  let [first, second] = pps.num_ref_idx_active;
  if (bits.flag()) {
    first = bits.ueUpTo(MAX_REF_IDX, 'num_ref_idx_l0_active_minus1') + 1;
    if (isB) second = bits.ueUpTo(MAX_REF_IDX, 'num_ref_idx_l1_active_minus1') + 1;
  }
  if (pps.lists_modification_present && references > 1) {
    const width = widthFor(references);
    for (const length of isB ? [first, second] : [first]) if (bits.flag()) bits.skip(length * width);
  }
  if (isB) bits.skip(1); // mvd_l1_zero_flag
  if (pps.cabac_init_present) bits.skip(1);
  if (hasTemporalVectors) {
    const fromFirst = !isB || bits.flag();
    if ((fromFirst ? first : second) > 1) bits.ue(); // collocated_ref_idx
  }
  if (isB ? pps.weighted_bipred : pps.weighted_pred) skipWeights(bits, sps, isB ? [first, second] : [first]);
  bits.ue(); // five_minus_max_num_merge_cand
}

/** 7.3.6.3. References of one layer never have the current picture's order count, so every flag is there. */
function skipWeights(bits: NalBits, { chromaArrayType }: HevcSliceSps, lists: readonly number[]): void {
  bits.ue(); // luma_log2_weight_denom
  if (chromaArrayType !== 0) bits.se();
  for (const length of lists) {
    const luma = Array.from({ length }, () => bits.flag());
    const chroma = luma.map(() => chromaArrayType !== 0 && bits.flag());
    for (let i = 0; i < length; i++) for (let k = 0; k < (luma[i] ? 2 : 0) + (chroma[i] ? 4 : 0); k++) bits.se();
  }
}

/** 7.3.2.3. */
function readPps(nal: Uint8Array): { readonly id: number; readonly pps: HevcSlicePps } {
  const bits = new Bits(unescapeNal(nal), { code: 'ISOMER_CODEC_MALFORMED', where: 'HEVC PPS' });
  bits.skip(16);
  const id = bits.ue();
  const spsId = bits.ue();
  if (id > MAX_PPS_ID || spsId > 15) throw bits.fail('parameter set id', `at most ${MAX_PPS_ID} and 15`, `${id} and ${spsId}`);
  const dependent_slice_segments_enabled = bits.flag();
  const output_flag_present = bits.flag();
  const num_extra_slice_header_bits = bits.u(3);
  bits.skip(1); // sign_data_hiding_enabled_flag
  const cabac_init_present = bits.flag();
  const first = bits.ue() + 1;
  const second = bits.ue() + 1;
  if (first > MAX_REF_IDX + 1 || second > MAX_REF_IDX + 1) throw bits.fail('num_ref_idx_default_active', `at most ${MAX_REF_IDX + 1}`, `${first}, ${second}`);
  bits.se(); // init_qp_minus26
  bits.skip(1); // constrained_intra_pred_flag
  const transform_skip_enabled = bits.flag();
  if (bits.flag()) bits.ue(); // diff_cu_qp_delta_depth
  for (let i = 0; i < 2; i++) bits.se(); // pps_cb_qp_offset, pps_cr_qp_offset
  const slice_chroma_qp_offsets_present = bits.flag();
  const weighted_pred = bits.flag();
  const weighted_bipred = bits.flag();
  bits.skip(1); // transquant_bypass_enabled_flag
  const tiles = bits.flag();
  const wavefronts = bits.flag();
  if (tiles) skipTiles(bits);
  const loop_filter_across_slices_enabled = bits.flag();
  let deblocking_filter_override_enabled = false;
  let deblocking_filter_disabled = false;
  if (bits.flag()) {
    deblocking_filter_override_enabled = bits.flag();
    deblocking_filter_disabled = bits.flag();
    if (!deblocking_filter_disabled) for (let i = 0; i < 2; i++) bits.se();
  }
  if (bits.flag()) skipScalingListData(bits);
  const lists_modification_present = bits.flag();
  bits.ue(); // log2_parallel_merge_level_minus2
  const slice_segment_header_extension_present = bits.flag();
  const chroma_qp_offset_list_enabled = bits.flag() && readExtensions(bits, transform_skip_enabled);
  return {
    id,
    pps: {
      spsId, dependent_slice_segments_enabled, output_flag_present, num_extra_slice_header_bits, cabac_init_present, num_ref_idx_active: [first, second],
      slice_chroma_qp_offsets_present, weighted_pred, weighted_bipred, hasEntryPoints: tiles || wavefronts, loop_filter_across_slices_enabled,
      deblocking_filter_override_enabled, deblocking_filter_disabled, lists_modification_present, slice_segment_header_extension_present, chroma_qp_offset_list_enabled,
    },
  };
}

function skipTiles(bits: Bits): void {
  const columns = bits.ue();
  const rows = bits.ue();
  if (columns > 19 || rows > 21) throw bits.fail('tiles', 'at most 20 columns and 22 rows', `${columns + 1} and ${rows + 1}`);
  if (!bits.flag()) for (let i = 0; i < columns + rows; i++) bits.ue();
  bits.skip(1); // loop_filter_across_tiles_enabled_flag
}

/** Returns chroma_qp_offset_list_enabled_flag of the range extension (7.3.2.3.2). */
function readExtensions(bits: Bits, transform_skip_enabled: boolean): boolean {
  const [range, multilayer, depth, screen] = [bits.flag(), bits.flag(), bits.flag(), bits.flag()];
  bits.skip(4);
  if (multilayer || depth) throw unsupported('several layers');
  if (screen) throw unsupported('screen content coding');
  if (!range) return false;
  if (transform_skip_enabled) bits.ue(); // log2_max_transform_skip_block_size_minus2
  bits.skip(1); // cross_component_prediction_enabled_flag
  return bits.flag();
}

/** nuh_layer_id. */
function layerOf(nal: Uint8Array): number {
  return ((nal[0] & 1) << 5) | (nal[1] >> 3);
}

function unsupported(found: string): IsomerError {
  return new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: 'HEVC', expected: 'one layer without screen content tools', found });
}
