/** HEVC: decoder configuration record, sequence parameter set and codec string. */
import { Bits } from '../bits.ts';
import { Reader, Sizer, Writer, type Io } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { HEVC_NAL, nalType, unescapeNal } from './nal.ts';
import { readReferenceSet, type ReferenceSet } from './hevcrps.ts';
import { NO_VUI, readVuiStart, type Vui } from './vui.ts';

/** profile_tier_level of ISO/IEC 23008-2:2020 7.3.3, general part. */
export type ProfileTierLevel = {
  readonly general_profile_space: number;
  readonly general_tier_flag: number;
  readonly general_profile_idc: number;
  readonly general_profile_compatibility_flags: number;
  /** 48 bits. */
  readonly general_constraint_indicator_flags: number;
  readonly general_level_idc: number;
};

/** ISO/IEC 14496-15:2022 8.3.3.1.2. */
export type HevcConfiguration = ProfileTierLevel & {
  readonly min_spatial_segmentation_idc: number;
  readonly parallelismType: number;
  readonly chroma_format_idc: number;
  readonly bit_depth_luma_minus8: number;
  readonly bit_depth_chroma_minus8: number;
  readonly avgFrameRate: number;
  readonly constantFrameRate: number;
  readonly numTemporalLayers: number;
  readonly temporalIdNested: number;
  /** lengthSizeMinusOne + 1. */
  readonly nalLengthSize: number;
  readonly arrays: readonly NalArray[];
};

export type NalArray = { readonly array_completeness: number; readonly NAL_unit_type: number; readonly nalUnits: readonly Uint8Array[] };

export type HevcSps = ProfileTierLevel & {
  readonly maxSubLayers: number;
  readonly temporalIdNested: number;
  readonly chroma_format_idc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** After the conformance window, in pixels. */
  readonly width: number;
  readonly height: number;
  /** The source is interlaced and not progressive (7.4.4: both flags may be set). */
  readonly interlaced: boolean;
  readonly vui: Vui;
  readonly slice: HevcSliceSps;
};

/** What the syntax of slice segment headers takes from the SPS. */
export type HevcSliceSps = {
  readonly id: number;
  readonly general_profile_idc: number;
  readonly separate_colour_plane: boolean;
  /** chroma_format_idc, or 0 when the planes are coded apart. */
  readonly chromaArrayType: number;
  readonly picSizeInCtbs: number;
  readonly log2MaxPicOrderCntLsb: number;
  readonly referenceSets: readonly ReferenceSet[];
  /** used_by_curr_pic_lt_sps_flag of each long-term picture; null when there are no long-term pictures. */
  readonly longTermUsed: readonly boolean[] | null;
  readonly temporal_mvp_enabled: boolean;
  readonly sample_adaptive_offset_enabled: boolean;
};

/** 23008-2:2020 A.4.2 allows 16 888 x 16 888 at level 6.2; with room. */
const MAX_DIMENSION = 1 << 15;
const SETS: readonly number[] = [HEVC_NAL.vps, HEVC_NAL.sps, HEVC_NAL.pps];

export function readHevcConfiguration(bytes: Uint8Array, where = 'hvcC'): HevcConfiguration {
  const record = hevcConfiguration(new Reader(bytes, { code: 'ISOMER_CODEC_MALFORMED', where }), EMPTY);
  if (record.nalLengthSize === 3) throw new IsomerError('MPE_INVALID_NALU_LENGTH_FIELD', { where, expected: '1, 2 or 4 bytes', found: '3' });
  for (const { NAL_unit_type, nalUnits } of record.arrays) for (const nal of nalUnits) checkType(nal, NAL_unit_type, where);
  return record;
}

export function writeHevcConfiguration(record: HevcConfiguration): Uint8Array {
  const sizer = new Sizer();
  hevcConfiguration(sizer, record);
  const bytes = new Uint8Array(sizer.size);
  hevcConfiguration(new Writer(bytes), record);
  return bytes;
}

/** VPS, SPS and PPS of the record in stored order. */
export function hevcParameterSets(record: HevcConfiguration): readonly Uint8Array[] {
  return record.arrays.filter((array) => SETS.includes(array.NAL_unit_type)).flatMap((array) => array.nalUnits);
}

/**
 * The record with exactly these parameter sets, marked complete, as hvc1 demands (14496-15:2022 8.4.1.1.1). Other
 * arrays (SEI) stay. Without a record to start from (hev1 with an empty one), the facts come from the SPS.
 */
export function withHevcSets(record: HevcConfiguration, sets: readonly Uint8Array[]): HevcConfiguration {
  const arrays = SETS.map((type) => ({ array_completeness: 1, NAL_unit_type: type, nalUnits: sets.filter((set) => nalType('hevc', set[0]) === type) }));
  for (const { NAL_unit_type, nalUnits } of arrays) {
    if (nalUnits.length === 0) throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'HEVC parameter sets', expected: 'VPS, SPS and PPS', found: `none of type ${NAL_unit_type}` });
  }
  const others = record.arrays.filter((array) => !SETS.includes(array.NAL_unit_type) && array.nalUnits.length > 0);
  const sps = readHevcSps(arrays[1].nalUnits[0]);
  const { maxSubLayers, temporalIdNested, bitDepthLuma, bitDepthChroma, chroma_format_idc, width: _width, height: _height, interlaced: _interlaced, vui: _vui, slice: _slice, ...level } = sps;
  return {
    ...record,
    ...level,
    chroma_format_idc,
    bit_depth_luma_minus8: bitDepthLuma - 8,
    bit_depth_chroma_minus8: bitDepthChroma - 8,
    numTemporalLayers: maxSubLayers,
    temporalIdNested,
    arrays: [...arrays, ...others],
  };
}

/** ISO/IEC 14496-15:2022 E.3. */
export function hevcCodecString(sampleEntry: string, level: ProfileTierLevel): string {
  const space = ['', 'A', 'B', 'C'][level.general_profile_space];
  const compatibility = reverse32(level.general_profile_compatibility_flags).toString(16);
  let constraints = level.general_constraint_indicator_flags.toString(16).padStart(12, '0');
  while (constraints.endsWith('00')) constraints = constraints.slice(0, -2);
  const bytes = constraints.match(/../g) ?? [];
  const parts = [sampleEntry, `${space}${level.general_profile_idc}`, compatibility, `${level.general_tier_flag === 1 ? 'H' : 'L'}${level.general_level_idc}`];
  return [...parts, ...bytes.map((byte) => byte.replace(/^0/, ''))].join('.');
}

/** ISO/IEC 23008-2:2020 7.3.2.2.1. */
export function readHevcSps(nal: Uint8Array, where = 'HEVC SPS'): HevcSps {
  checkType(nal, HEVC_NAL.sps, where);
  const bits = new Bits(unescapeNal(nal), { code: 'ISOMER_CODEC_MALFORMED', where });
  bits.skip(16 + 4); // NAL unit header, sps_video_parameter_set_id
  const maxSubLayers = bits.u(3) + 1;
  const temporalIdNested = bits.u(1);
  const level = readProfileTierLevel(bits, maxSubLayers);
  const id = bits.ue();
  if (id > 15) throw bits.fail('sps_seq_parameter_set_id', 'at most 15', String(id));
  const chroma_format_idc = bits.ue();
  if (chroma_format_idc > 3) throw bits.fail('chroma_format_idc', '0 to 3', String(chroma_format_idc));
  const separate_colour_plane = chroma_format_idc === 3 && bits.flag();
  const codedWidth = bits.ue();
  const codedHeight = bits.ue();
  const window = bits.flag() ? [bits.ue(), bits.ue(), bits.ue(), bits.ue()] : [0, 0, 0, 0];
  const chroma = separate_colour_plane ? 0 : chroma_format_idc;
  const width = codedWidth - (chroma === 1 || chroma === 2 ? 2 : 1) * (window[0] + window[1]);
  const height = codedHeight - (chroma === 1 ? 2 : 1) * (window[2] + window[3]);
  if (width < 1 || height < 1 || width > MAX_DIMENSION || height > MAX_DIMENSION) throw bits.fail('picture size', `1 to ${MAX_DIMENSION}`, `${width} x ${height}`);
  const bitDepthLuma = 8 + bits.ue();
  const bitDepthChroma = 8 + bits.ue();
  if (bitDepthLuma > 15 || bitDepthChroma > 15) throw bits.fail('bit depth', '8 to 15', `${bitDepthLuma}, ${bitDepthChroma}`);
  const pocBits = bits.ue() + 4;
  if (pocBits > 16) throw bits.fail('log2_max_pic_order_cnt_lsb', 'at most 16', String(pocBits));
  const ordering = bits.flag() ? maxSubLayers : 1; // sps_sub_layer_ordering_info_present_flag
  for (let i = 0; i < 3 * ordering; i++) bits.ue();
  const log2CtbSize = bits.ue() + 3 + bits.ue();
  if (log2CtbSize > 6) throw bits.fail('log2 of the coding tree block size', 'at most 6', String(log2CtbSize));
  for (let i = 0; i < 4; i++) bits.ue(); // transform block sizes and depths
  if (bits.flag() && bits.flag()) skipScalingListData(bits);
  bits.skip(1); // amp_enabled_flag
  const sample_adaptive_offset_enabled = bits.flag();
  if (bits.flag()) {
    bits.skip(4 + 4); // pcm_sample_bit_depth
    bits.ue();
    bits.ue();
    bits.skip(1); // pcm_loop_filter_disabled_flag
  }
  const referenceSets = readReferenceSets(bits);
  const longTermUsed = bits.flag() ? readLongTerm(bits, pocBits) : null;
  const temporal_mvp_enabled = bits.flag();
  bits.skip(1); // strong_intra_smoothing_enabled_flag
  const vui = bits.flag() ? readVui(bits) : NO_VUI;
  const slice: HevcSliceSps = {
    id, general_profile_idc: level.general_profile_idc, separate_colour_plane, chromaArrayType: chroma,
    picSizeInCtbs: Math.ceil(codedWidth / 2 ** log2CtbSize) * Math.ceil(codedHeight / 2 ** log2CtbSize),
    log2MaxPicOrderCntLsb: pocBits, referenceSets, longTermUsed, temporal_mvp_enabled, sample_adaptive_offset_enabled,
  };
  return { ...level, maxSubLayers, temporalIdNested, chroma_format_idc, bitDepthLuma, bitDepthChroma, width, height, interlaced: isInterlaced(level), vui, slice };
}

function readProfileTierLevel(bits: Bits, maxSubLayers: number): ProfileTierLevel {
  const general_profile_space = bits.u(2);
  const general_tier_flag = bits.u(1);
  const general_profile_idc = bits.u(5);
  const general_profile_compatibility_flags = bits.u(32);
  const general_constraint_indicator_flags = bits.u(24) * 2 ** 24 + bits.u(24);
  const general_level_idc = bits.u(8);
  const profilePresent: boolean[] = [];
  const levelPresent: boolean[] = [];
  for (let i = 0; i < maxSubLayers - 1; i++) {
    profilePresent.push(bits.flag());
    levelPresent.push(bits.flag());
  }
  if (maxSubLayers > 1) bits.skip(2 * (8 - (maxSubLayers - 1)));
  for (let i = 0; i < maxSubLayers - 1; i++) bits.skip((profilePresent[i] ? 88 : 0) + (levelPresent[i] ? 8 : 0));
  return { general_profile_space, general_tier_flag, general_profile_idc, general_profile_compatibility_flags, general_constraint_indicator_flags, general_level_idc };
}

/** 7.3.4. */
export function skipScalingListData(bits: Bits): void {
  for (let sizeId = 0; sizeId < 4; sizeId++) {
    for (let matrixId = 0; matrixId < 6; matrixId += sizeId === 3 ? 3 : 1) {
      if (!bits.flag()) {
        bits.ue(); // scaling_list_pred_matrix_id_delta
        continue;
      }
      if (sizeId > 1) bits.se(); // scaling_list_dc_coef_minus8
      for (let i = 0; i < Math.min(64, 1 << (4 + 2 * sizeId)); i++) bits.se();
    }
  }
}

function readReferenceSets(bits: Bits): readonly ReferenceSet[] {
  const count = bits.ue();
  if (count > 64) throw bits.fail('num_short_term_ref_pic_sets', '0 to 64', String(count));
  const sets: ReferenceSet[] = [];
  for (let index = 0; index < count; index++) sets.push(readReferenceSet(bits, sets, count));
  return sets;
}

function readLongTerm(bits: Bits, pocBits: number): readonly boolean[] {
  const count = bits.ue();
  if (count > 32) throw bits.fail('num_long_term_ref_pics_sps', '0 to 32', String(count));
  return Array.from({ length: count }, () => {
    bits.skip(pocBits);
    return bits.flag();
  });
}

/** general_progressive_source_flag and general_interlaced_source_flag are the first of the constraint flags. */
function isInterlaced({ general_constraint_indicator_flags }: ProfileTierLevel): boolean {
  return Math.floor(general_constraint_indicator_flags / 2 ** 46) === 1;
}

/** E.2.1 up to the timing. */
function readVui(bits: Bits): Vui {
  const start = readVuiStart(bits);
  bits.skip(3); // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
  if (bits.flag()) for (let i = 0; i < 4; i++) bits.ue(); // default display window
  let frameRate: Vui['frameRate'] = null;
  if (bits.flag()) {
    const vui_num_units_in_tick = bits.u(32);
    const vui_time_scale = bits.u(32);
    if (vui_num_units_in_tick > 0 && vui_time_scale > 0) frameRate = { numerator: vui_time_scale, denominator: vui_num_units_in_tick };
  }
  return { ...start, frameRate };
}

const EMPTY: HevcConfiguration = {
  general_profile_space: 0,
  general_tier_flag: 0,
  general_profile_idc: 0,
  general_profile_compatibility_flags: 0,
  general_constraint_indicator_flags: 0,
  general_level_idc: 0,
  min_spatial_segmentation_idc: 0,
  parallelismType: 0,
  chroma_format_idc: 1,
  bit_depth_luma_minus8: 0,
  bit_depth_chroma_minus8: 0,
  avgFrameRate: 0,
  constantFrameRate: 0,
  numTemporalLayers: 1,
  temporalIdNested: 0,
  nalLengthSize: 4,
  arrays: [],
};

function hevcConfiguration(io: Io, record: HevcConfiguration): HevcConfiguration {
  const configurationVersion = io.u8(1);
  if (configurationVersion !== 1) throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'configurationVersion', where: 'hvcC', expected: '1', found: String(configurationVersion) });
  const [general_profile_space, general_tier_flag, general_profile_idc] = io.bits([2, 1, 5], [record.general_profile_space, record.general_tier_flag, record.general_profile_idc]);
  const general_profile_compatibility_flags = io.u32(record.general_profile_compatibility_flags);
  const [general_constraint_indicator_flags] = io.bits([48], [record.general_constraint_indicator_flags]);
  const general_level_idc = io.u8(record.general_level_idc);
  const [, min_spatial_segmentation_idc] = io.bits([4, 12], [15, record.min_spatial_segmentation_idc]);
  const [, parallelismType] = io.bits([6, 2], [63, record.parallelismType]);
  const [, chroma_format_idc] = io.bits([6, 2], [63, record.chroma_format_idc]);
  const [, bit_depth_luma_minus8] = io.bits([5, 3], [31, record.bit_depth_luma_minus8]);
  const [, bit_depth_chroma_minus8] = io.bits([5, 3], [31, record.bit_depth_chroma_minus8]);
  const avgFrameRate = io.u16(record.avgFrameRate);
  const [constantFrameRate, numTemporalLayers, temporalIdNested, lengthSizeMinusOne] = io.bits(
    [2, 3, 1, 2],
    [record.constantFrameRate, record.numTemporalLayers, record.temporalIdNested, record.nalLengthSize - 1],
  );
  const arrays = io.list(io.count8(record.arrays), 3, record.arrays, (array) => nalArray(io, array));
  return {
    general_profile_space,
    general_tier_flag,
    general_profile_idc,
    general_profile_compatibility_flags,
    general_constraint_indicator_flags,
    general_level_idc,
    min_spatial_segmentation_idc,
    parallelismType,
    chroma_format_idc,
    bit_depth_luma_minus8,
    bit_depth_chroma_minus8,
    avgFrameRate,
    constantFrameRate,
    numTemporalLayers,
    temporalIdNested,
    nalLengthSize: lengthSizeMinusOne + 1,
    arrays,
  };
}

function nalArray(io: Io, array: NalArray): NalArray {
  const [array_completeness, , NAL_unit_type] = io.bits([1, 1, 6], [array.array_completeness, 0, array.NAL_unit_type]);
  const nalUnits = io.list(io.count16(array.nalUnits), 2, array.nalUnits, (nal) => io.bytes(io.count16(nal), nal));
  return { array_completeness, NAL_unit_type, nalUnits };
}

function checkType(nal: Uint8Array, type: number, where: string): void {
  if (nal.length >= 2 && nalType('hevc', nal[0]) === type) return;
  throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'NAL unit', where, expected: `type ${type}`, found: nal.length < 2 ? `${nal.length} bytes` : `type ${nalType('hevc', nal[0])}` });
}

function reverse32(value: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed = reversed * 2 + (Math.floor(value / 2 ** bit) % 2);
  return reversed;
}
