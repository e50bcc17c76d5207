/** AVC: decoder configuration record and sequence parameter set. */
import { Bits } from '../bits.ts';
import { Reader, Sizer, Writer, type Io } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { AVC_NAL, nalType, unescapeNal } from './nal.ts';
import { NO_VUI, readVuiStart, type Vui } from './vui.ts';

/** ISO/IEC 14496-15:2022 5.3.3.1.2. */
export type AvcConfiguration = {
  readonly AVCProfileIndication: number;
  readonly profile_compatibility: number;
  readonly AVCLevelIndication: number;
  /** lengthSizeMinusOne + 1. */
  readonly nalLengthSize: number;
  readonly sequenceParameterSets: readonly Uint8Array[];
  readonly pictureParameterSets: readonly Uint8Array[];
  /** The fields that high profiles add; null when the record ends before them, as many writers have it. */
  readonly high: {
    readonly chroma_format: number;
    readonly bit_depth_luma_minus8: number;
    readonly bit_depth_chroma_minus8: number;
    readonly sequenceParameterSetExtensions: readonly Uint8Array[];
  } | null;
};

export type AvcSps = {
  readonly profile_idc: number;
  readonly constraint_flags: number;
  readonly level_idc: number;
  readonly chroma_format_idc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** After cropping, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Frames may be coded as fields. */
  readonly interlaced: boolean;
  readonly vui: Vui;
  readonly slice: AvcSliceSps;
};

/** What the syntax of slice headers takes from the SPS. */
export type AvcSliceSps = {
  readonly id: number;
  readonly separate_colour_plane: boolean;
  /** chroma_format_idc, or 0 when the planes are coded apart. */
  readonly chromaArrayType: number;
  readonly log2MaxFrameNum: number;
  readonly pic_order_cnt_type: number;
  readonly log2MaxPicOrderCntLsb: number;
  readonly delta_pic_order_always_zero: boolean;
  readonly frame_mbs_only: boolean;
  readonly picSizeInMapUnits: number;
};

/** Profiles whose record carries the high fields (14496-15:2022 5.3.3.1.2). */
const HIGH_RECORD_PROFILES: ReadonlySet<number> = new Set([100, 110, 122, 144, 244]);
/** Profiles whose SPS carries chroma_format_idc (14496-10:2022 7.3.2.1.1). */
const HIGH_SPS_PROFILES: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
/** Beyond the largest level of the standard (139 264 macroblocks), with room. */
const MAX_DIMENSION = 1 << 15;

export function readAvcConfiguration(bytes: Uint8Array, where = 'avcC'): AvcConfiguration {
  const reader = new Reader(bytes, { code: 'ISOMER_CODEC_MALFORMED', where });
  const record = avcConfiguration(reader, EMPTY);
  if (record.nalLengthSize === 3) throw new IsomerError('MPE_INVALID_NALU_LENGTH_FIELD', { where, expected: '1, 2 or 4 bytes', found: '3' });
  for (const set of record.sequenceParameterSets) checkType(set, [AVC_NAL.sps, AVC_NAL.subsetSps], where);
  for (const set of record.pictureParameterSets) checkType(set, [AVC_NAL.pps], where);
  return record;
}

export function writeAvcConfiguration(record: AvcConfiguration): Uint8Array {
  const sizer = new Sizer();
  avcConfiguration(sizer, record);
  const bytes = new Uint8Array(sizer.size);
  avcConfiguration(new Writer(bytes), record);
  return bytes;
}

/** The record for parameter sets that travel in the samples (avc3): profile and level come from the first SPS. */
export function avcConfigurationOf(sets: readonly Uint8Array[], nalLengthSize: number): AvcConfiguration {
  const ofType = (type: number): readonly Uint8Array[] => sets.filter((set) => nalType('avc', set[0]) === type);
  const sequenceParameterSets = ofType(AVC_NAL.sps);
  if (sequenceParameterSets.length === 0) throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'AVC parameter sets', expected: 'an SPS', found: 'none' });
  const sps = readAvcSps(sequenceParameterSets[0]);
  return {
    AVCProfileIndication: sps.profile_idc,
    profile_compatibility: sps.constraint_flags,
    AVCLevelIndication: sps.level_idc,
    nalLengthSize,
    sequenceParameterSets,
    pictureParameterSets: ofType(AVC_NAL.pps),
    high: HIGH_RECORD_PROFILES.has(sps.profile_idc)
      ? {
          chroma_format: sps.chroma_format_idc,
          bit_depth_luma_minus8: sps.bitDepthLuma - 8,
          bit_depth_chroma_minus8: sps.bitDepthChroma - 8,
          sequenceParameterSetExtensions: ofType(AVC_NAL.spsExtension),
        }
      : null,
  };
}

/** RFC 6381 3.3 and ISO/IEC 14496-15:2022 E.2: profile, constraint flags and level in hexadecimal. */
export function avcCodecString(sampleEntry: string, record: AvcConfiguration): string {
  const { AVCProfileIndication, profile_compatibility, AVCLevelIndication } = record;
  return `${sampleEntry}.${[AVCProfileIndication, profile_compatibility, AVCLevelIndication].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** ISO/IEC 14496-10:2022 7.3.2.1.1. */
export function readAvcSps(nal: Uint8Array, where = 'AVC SPS'): AvcSps {
  checkType(nal, [AVC_NAL.sps, AVC_NAL.subsetSps], where);
  const bits = new Bits(unescapeNal(nal), { code: 'ISOMER_CODEC_MALFORMED', where });
  bits.skip(8);
  const profile_idc = bits.u(8);
  const constraint_flags = bits.u(8);
  const level_idc = bits.u(8);
  const id = bits.ue();
  if (id > 31) throw bits.fail('seq_parameter_set_id', 'at most 31', String(id));
  let chroma_format_idc = 1;
  let bitDepthLuma = 8;
  let bitDepthChroma = 8;
  let separate_colour_plane = false;
  if (HIGH_SPS_PROFILES.has(profile_idc)) {
    chroma_format_idc = bits.ue();
    if (chroma_format_idc > 3) throw bits.fail('chroma_format_idc', '0 to 3', String(chroma_format_idc));
    if (chroma_format_idc === 3) separate_colour_plane = bits.flag();
    bitDepthLuma = 8 + bits.ue();
    bitDepthChroma = 8 + bits.ue();
    if (bitDepthLuma > 14 || bitDepthChroma > 14) throw bits.fail('bit depth', '8 to 14', `${bitDepthLuma}, ${bitDepthChroma}`);
    bits.skip(1); // qpprime_y_zero_transform_bypass_flag
    if (bits.flag()) {
      for (let list = 0; list < (chroma_format_idc === 3 ? 12 : 8); list++) if (bits.flag()) skipScalingList(bits, list < 6 ? 16 : 64);
    }
  }
  const log2MaxFrameNum = bits.ue() + 4;
  const order = readPictureOrderCount(bits);
  if (log2MaxFrameNum > 16 || order.log2MaxPicOrderCntLsb > 16) throw bits.fail('log2_max_frame_num and log2_max_pic_order_cnt_lsb', 'at most 16', `${log2MaxFrameNum}, ${order.log2MaxPicOrderCntLsb}`);
  bits.ue(); // max_num_ref_frames
  bits.skip(1); // gaps_in_frame_num_value_allowed_flag
  const widthInMbs = bits.ue() + 1;
  const heightInMapUnits = bits.ue() + 1;
  const frame_mbs_only = bits.flag();
  if (!frame_mbs_only) bits.skip(1); // mb_adaptive_frame_field_flag
  bits.skip(1); // direct_8x8_inference_flag
  const frameHeight = (frame_mbs_only ? 1 : 2) * heightInMapUnits * 16;
  const crop = bits.flag() ? [bits.ue(), bits.ue(), bits.ue(), bits.ue()] : [0, 0, 0, 0];
  // CropUnitX and CropUnitY, 7.4.2.1.1.
  const chroma = separate_colour_plane ? 0 : chroma_format_idc;
  const cropX = chroma === 1 || chroma === 2 ? 2 : 1;
  const cropY = (chroma === 1 ? 2 : 1) * (frame_mbs_only ? 1 : 2);
  const width = widthInMbs * 16 - cropX * (crop[0] + crop[1]);
  const height = frameHeight - cropY * (crop[2] + crop[3]);
  if (width < 1 || height < 1 || width > MAX_DIMENSION || height > MAX_DIMENSION) throw bits.fail('picture size', `1 to ${MAX_DIMENSION}`, `${width} x ${height}`);
  const vui = bits.flag() ? readVui(bits) : NO_VUI;
  const slice: AvcSliceSps = { id, separate_colour_plane, chromaArrayType: chroma, log2MaxFrameNum, ...order, frame_mbs_only, picSizeInMapUnits: widthInMbs * heightInMapUnits };
  return { profile_idc, constraint_flags, level_idc, chroma_format_idc, bitDepthLuma, bitDepthChroma, width, height, interlaced: !frame_mbs_only, vui, slice };
}

/** E.1.1 up to the timing; two field ticks make a frame (E.2.1). */
function readVui(bits: Bits): Vui {
  const start = readVuiStart(bits);
  let frameRate: Vui['frameRate'] = null;
  if (bits.left >= 1 && bits.flag()) {
    const num_units_in_tick = bits.u(32);
    const time_scale = bits.u(32);
    if (num_units_in_tick > 0 && time_scale > 0) frameRate = { numerator: time_scale, denominator: 2 * num_units_in_tick };
  }
  return { ...start, frameRate };
}

function readPictureOrderCount(bits: Bits): Pick<AvcSliceSps, 'pic_order_cnt_type' | 'log2MaxPicOrderCntLsb' | 'delta_pic_order_always_zero'> {
  const pic_order_cnt_type = bits.ue();
  let log2MaxPicOrderCntLsb = 0;
  let delta_pic_order_always_zero = false;
  if (pic_order_cnt_type === 0) log2MaxPicOrderCntLsb = bits.ue() + 4;
  else if (pic_order_cnt_type === 1) {
    delta_pic_order_always_zero = bits.flag();
    bits.se(); // offset_for_non_ref_pic
    bits.se(); // offset_for_top_to_bottom_field
    const cycle = bits.ue();
    if (cycle > 255) throw bits.fail('num_ref_frames_in_pic_order_cnt_cycle', '0 to 255', String(cycle));
    for (let i = 0; i < cycle; i++) bits.se();
  } else if (pic_order_cnt_type !== 2) throw bits.fail('pic_order_cnt_type', '0 to 2', String(pic_order_cnt_type));
  return { pic_order_cnt_type, log2MaxPicOrderCntLsb, delta_pic_order_always_zero };
}

/** 7.3.2.1.1.1. */
function skipScalingList(bits: Bits, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size; i++) {
    if (next !== 0) next = (last + bits.se() + 256) % 256;
    if (next !== 0) last = next;
  }
}

const EMPTY: AvcConfiguration = {
  AVCProfileIndication: 0,
  profile_compatibility: 0,
  AVCLevelIndication: 0,
  nalLengthSize: 4,
  sequenceParameterSets: [],
  pictureParameterSets: [],
  high: null,
};

function avcConfiguration(io: Io, record: AvcConfiguration): AvcConfiguration {
  version(io);
  const AVCProfileIndication = io.u8(record.AVCProfileIndication);
  const profile_compatibility = io.u8(record.profile_compatibility);
  const AVCLevelIndication = io.u8(record.AVCLevelIndication);
  const [, lengthSizeMinusOne] = io.bits([6, 2], [0x3f, record.nalLengthSize - 1]);
  const [, spsCount] = io.bits([3, 5], [7, record.sequenceParameterSets.length]);
  const sequenceParameterSets = io.list(spsCount, 2, record.sequenceParameterSets, (set) => parameterSet(io, set));
  const pictureParameterSets = io.list(io.count8(record.pictureParameterSets), 2, record.pictureParameterSets, (set) => parameterSet(io, set));
  const high = HIGH_RECORD_PROFILES.has(AVCProfileIndication) && io.more(record.high !== null, 4) ? highFields(io, record.high ?? EMPTY_HIGH) : null;
  return { AVCProfileIndication, profile_compatibility, AVCLevelIndication, nalLengthSize: lengthSizeMinusOne + 1, sequenceParameterSets, pictureParameterSets, high };
}

type High = NonNullable<AvcConfiguration['high']>;
const EMPTY_HIGH: High = { chroma_format: 1, bit_depth_luma_minus8: 0, bit_depth_chroma_minus8: 0, sequenceParameterSetExtensions: [] };

function highFields(io: Io, high: High): High {
  const [, chroma_format] = io.bits([6, 2], [0x3f, high.chroma_format]);
  const [, bit_depth_luma_minus8] = io.bits([5, 3], [0x1f, high.bit_depth_luma_minus8]);
  const [, bit_depth_chroma_minus8] = io.bits([5, 3], [0x1f, high.bit_depth_chroma_minus8]);
  const sets = high.sequenceParameterSetExtensions;
  const sequenceParameterSetExtensions = io.list(io.count8(sets), 2, sets, (set) => parameterSet(io, set));
  return { chroma_format, bit_depth_luma_minus8, bit_depth_chroma_minus8, sequenceParameterSetExtensions };
}

function parameterSet(io: Io, set: Uint8Array): Uint8Array {
  return io.bytes(io.count16(set), set);
}

function version(io: Io): void {
  const configurationVersion = io.u8(1);
  if (configurationVersion !== 1) throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'configurationVersion', where: 'avcC', expected: '1', found: String(configurationVersion) });
}

function checkType(nal: Uint8Array, types: readonly number[], where: string): void {
  const found = nal.length === 0 ? 'an empty NAL unit' : `type ${nalType('avc', nal[0])}`;
  if (nal.length === 0 || !types.includes(nalType('avc', nal[0]))) {
    throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'NAL unit in the configuration', where, expected: `type ${types.join(' or ')}`, found });
  }
}
