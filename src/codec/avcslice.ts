/** AVC slice headers (ISO/IEC 14496-10:2022 7.3.3): how long they are. */
import { Bits } from '../bits.ts';
import { AVC_NAL, nalType, unescapeNal } from './nal.ts';
import { NalBits, widthFor } from './nalbits.ts';
import { readAvcSps, type AvcSliceSps } from './avc.ts';

/** What a slice header's syntax takes from the picture parameter set. */
type AvcSlicePps = {
  readonly spsId: number;
  readonly entropy_coding_mode: boolean;
  readonly bottom_field_pic_order_in_frame_present: boolean;
  /** 0 without slice groups that change. */
  readonly sliceGroupChangeRate: number;
  readonly num_ref_idx_active: readonly [number, number];
  readonly weighted_pred: boolean;
  readonly weighted_bipred_idc: number;
  readonly deblocking_filter_control_present: boolean;
  readonly redundant_pic_cnt_present: boolean;
};

/** slice_type modulo 5, table 7-6. */
const SLICE = { P: 0, B: 1, I: 2, SP: 3, SI: 4 } as const;
const MAX_SPS_ID = 31;
const MAX_PPS_ID = 255;
/** 7.4.3: 32 reference fields. */
const MAX_REF_IDX = 31;

/** Parameter sets as they come, and the slice headers that refer to them. */
export class AvcSlices {
  readonly #sps = new Map<number, AvcSliceSps>();
  readonly #pps = new Map<number, AvcSlicePps>();

  /** Takes a parameter set; other NAL units are left alone. */
  add(nal: Uint8Array): void {
    const type = nalType('avc', nal[0]);
    if (type === AVC_NAL.sps) {
      const { slice } = readAvcSps(nal);
      this.#sps.set(slice.id, slice);
    } else if (type === AVC_NAL.pps) {
      const { id, pps } = readPps(nal);
      this.#pps.set(id, pps);
    }
  }

  /** Bytes of the NAL unit header and the slice header, up to the last byte that holds a bit of it. */
  headerBytes(nal: Uint8Array): number {
    const bits = new NalBits(nal, 'AVC slice header');
    const nal_ref_idc = bits.u(3);
    const isIdr = bits.u(5) === AVC_NAL.idr;
    bits.ue(); // first_mb_in_slice
    const type = bits.ueUpTo(9, 'slice_type') % 5;
    const ppsId = bits.ueUpTo(MAX_PPS_ID, 'pic_parameter_set_id');
    const pps = this.#pps.get(ppsId);
    const sps = pps === undefined ? undefined : this.#sps.get(pps.spsId);
    if (pps === undefined || sps === undefined) throw bits.fail('pic_parameter_set_id', 'that of a parameter set', String(ppsId));
    if (sps.separate_colour_plane) bits.skip(2);
    bits.skip(sps.log2MaxFrameNum);
    const isField = !sps.frame_mbs_only && bits.flag();
    if (isField) bits.skip(1); // bottom_field_flag
    if (isIdr) bits.ue(); // idr_pic_id
    skipOrderCount(bits, sps, pps, isField);
    if (pps.redundant_pic_cnt_present) bits.ue();
    if (type === SLICE.B) bits.skip(1); // direct_spatial_mv_pred_flag
    const references = readReferences(bits, pps, type);
    if (type !== SLICE.I && type !== SLICE.SI) skipListModification(bits);
    if (type === SLICE.B) skipListModification(bits);
    const isInter = type === SLICE.P || type === SLICE.SP;
    if ((pps.weighted_pred && isInter) || (pps.weighted_bipred_idc === 1 && type === SLICE.B)) skipWeights(bits, sps, references);
    if (nal_ref_idc !== 0) skipMarking(bits, isIdr);
    if (pps.entropy_coding_mode && type !== SLICE.I && type !== SLICE.SI) bits.ue(); // cabac_init_idc
    bits.se(); // slice_qp_delta
    if (type === SLICE.SP) bits.skip(1); // sp_for_switch_flag
    if (type === SLICE.SP || type === SLICE.SI) bits.se(); // slice_qs_delta
    if (pps.deblocking_filter_control_present && bits.ue() !== 1) {
      bits.se(); // slice_alpha_c0_offset_div2
      bits.se(); // slice_beta_offset_div2
    }
    if (pps.sliceGroupChangeRate > 0) bits.skip(widthFor(sps.picSizeInMapUnits / pps.sliceGroupChangeRate + 1));
    return bits.bytes;
  }
}

function skipOrderCount(bits: NalBits, sps: AvcSliceSps, pps: AvcSlicePps, isField: boolean): void {
  const hasBottom = pps.bottom_field_pic_order_in_frame_present && !isField;
  if (sps.pic_order_cnt_type === 0) {
    bits.skip(sps.log2MaxPicOrderCntLsb);
    if (hasBottom) bits.se();
  } else if (sps.pic_order_cnt_type === 1 && !sps.delta_pic_order_always_zero) {
    bits.se();
    if (hasBottom) bits.se();
  }
}

/** Active references of list 0 and list 1; 0 where the slice has no such list. */
function readReferences(bits: NalBits, { num_ref_idx_active }: AvcSlicePps, type: number): readonly [number, number] {
  if (type === SLICE.I || type === SLICE.SI) return [0, 0];
  let [first, second] = num_ref_idx_active;
  if (bits.flag()) {
    first = bits.ueUpTo(MAX_REF_IDX, 'num_ref_idx_l0_active_minus1') + 1;
    if (type === SLICE.B) second = bits.ueUpTo(MAX_REF_IDX, 'num_ref_idx_l1_active_minus1') + 1;
  }
  return [first, type === SLICE.B ? second : 0];
}

/** One list of 7.3.3.1; each round takes bits, so the data bounds it. */
function skipListModification(bits: NalBits): void {
  if (!bits.flag()) return;
  while (bits.ueUpTo(3, 'modification_of_pic_nums_idc') !== 3) bits.ue();
}

/** 7.3.3.2. */
function skipWeights(bits: NalBits, sps: AvcSliceSps, references: readonly [number, number]): void {
  const hasChroma = sps.chromaArrayType !== 0;
  bits.ue(); // luma_log2_weight_denom
  if (hasChroma) bits.ue();
  for (let i = 0; i < references[0] + references[1]; i++) {
    if (bits.flag()) for (let k = 0; k < 2; k++) bits.se();
    if (hasChroma && bits.flag()) for (let k = 0; k < 4; k++) bits.se();
  }
}

/** Numbers behind each memory_management_control_operation, 7.3.3.3. */
const MARKING_OPERANDS = [0, 1, 1, 2, 1, 0, 1] as const;

function skipMarking(bits: NalBits, isIdr: boolean): void {
  if (isIdr) return bits.skip(2);
  if (!bits.flag()) return;
  for (let operation = -1; operation !== 0; ) {
    operation = bits.ueUpTo(6, 'memory_management_control_operation');
    for (let i = 0; i < MARKING_OPERANDS[operation]; i++) bits.ue();
  }
}

/** 7.3.2.2, up to what slice headers need. */
function readPps(nal: Uint8Array): { readonly id: number; readonly pps: AvcSlicePps } {
  const bits = new Bits(unescapeNal(nal), { code: 'ISOMER_CODEC_MALFORMED', where: 'AVC PPS' });
  bits.skip(8);
  const id = bits.ue();
  const spsId = bits.ue();
  if (id > MAX_PPS_ID || spsId > MAX_SPS_ID) throw bits.fail('parameter set id', `at most ${MAX_PPS_ID} and ${MAX_SPS_ID}`, `${id} and ${spsId}`);
  const entropy_coding_mode = bits.flag();
  const bottom_field_pic_order_in_frame_present = bits.flag();
  const sliceGroupChangeRate = readSliceGroups(bits);
  const first = bits.ue() + 1;
  const second = bits.ue() + 1;
  if (first > MAX_REF_IDX + 1 || second > MAX_REF_IDX + 1) throw bits.fail('num_ref_idx_default_active', `at most ${MAX_REF_IDX + 1}`, `${first}, ${second}`);
  const weighted_pred = bits.flag();
  const weighted_bipred_idc = bits.u(2);
  for (let i = 0; i < 3; i++) bits.se(); // pic_init_qp, pic_init_qs, chroma_qp_index_offset
  const deblocking_filter_control_present = bits.flag();
  bits.skip(1); // constrained_intra_pred_flag
  const redundant_pic_cnt_present = bits.flag();
  return {
    id,
    pps: {
      spsId, entropy_coding_mode, bottom_field_pic_order_in_frame_present, sliceGroupChangeRate, num_ref_idx_active: [first, second],
      weighted_pred, weighted_bipred_idc, deblocking_filter_control_present, redundant_pic_cnt_present,
    },
  };
}

/** SliceGroupChangeRate, or 0. */
function readSliceGroups(bits: Bits): number {
  const groups = bits.ue();
  if (groups === 0) return 0;
  if (groups > 7) throw bits.fail('num_slice_groups_minus1', 'at most 7', String(groups));
  const type = bits.ue();
  if (type === 0) for (let i = 0; i <= groups; i++) bits.ue();
  else if (type === 2) for (let i = 0; i < 2 * groups; i++) bits.ue();
  else if (type >= 3 && type <= 5) {
    bits.skip(1); // slice_group_change_direction_flag
    return bits.ue() + 1;
  } else if (type === 6) {
    const units = bits.ue() + 1;
    bits.skip(units * widthFor(groups + 1));
  } else if (type > 6) throw bits.fail('slice_group_map_type', 'at most 6', String(type));
  return 0;
}
