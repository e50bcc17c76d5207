/** What AVC and HEVC share in their video usability information. */
import type { Bits } from '../bits.ts';
import type { Fraction, VideoCodec } from '../model/codec.ts';

/** Code points of ISO/IEC 23091-2 (H.273); 2 = unspecified. */
export type Colour = {
  readonly colour_primaries: number;
  readonly transfer_characteristics: number;
  readonly matrix_coefficients: number;
  readonly full_range: boolean;
};

export type Vui = {
  readonly sampleAspectRatio: Fraction;
  /** Null when the stream does not say. */
  readonly colour: Colour | null;
  /** Pictures per second that the stream declares; null when it does not. */
  readonly frameRate: Fraction | null;
};

export const SQUARE: Fraction = { numerator: 1, denominator: 1 };
export const NO_VUI: Vui = { sampleAspectRatio: SQUARE, colour: null, frameRate: null };

/** ISO/IEC 23091-2:2021 table 10 (SampleAspectRatio), indexes 1 to 16. */
const ASPECT_RATIOS: readonly (readonly [number, number])[] = [
  [1, 1], [12, 11], [10, 11], [16, 11], [40, 33], [24, 11], [20, 11], [32, 11],
  [80, 33], [18, 11], [15, 11], [64, 33], [160, 99], [4, 3], [3, 2], [2, 1],
];
const EXTENDED_SAR = 255;

/** The fields from aspect_ratio_info_present_flag to chroma_loc_info, which both standards write alike. */
export function readVuiStart(bits: Bits): { readonly sampleAspectRatio: Fraction; readonly colour: Colour | null } {
  let sampleAspectRatio = SQUARE;
  if (bits.flag()) {
    const index = bits.u(8);
    if (index === EXTENDED_SAR) {
      const numerator = bits.u(16);
      const denominator = bits.u(16);
      if (numerator > 0 && denominator > 0) sampleAspectRatio = { numerator, denominator };
    } else if (index >= 1 && index <= ASPECT_RATIOS.length) {
      const [numerator, denominator] = ASPECT_RATIOS[index - 1];
      sampleAspectRatio = { numerator, denominator };
    }
  }
  if (bits.flag()) bits.skip(1); // overscan_info
  let colour: Colour | null = null;
  if (bits.flag()) {
    bits.skip(3); // video_format
    const full_range = bits.flag();
    const described = bits.flag();
    colour = {
      colour_primaries: described ? bits.u(8) : 2,
      transfer_characteristics: described ? bits.u(8) : 2,
      matrix_coefficients: described ? bits.u(8) : 2,
      full_range,
    };
  }
  if (bits.flag()) {
    bits.ue(); // chroma_sample_loc_type_top_field
    bits.ue(); // chroma_sample_loc_type_bottom_field
  }
  return { sampleAspectRatio, colour };
}

/** HLS VIDEO-RANGE from transfer_characteristics: 16 is SMPTE ST 2084, 18 is ARIB STD-B67. */
export function videoRangeOf(transfer: number | undefined): VideoCodec['videoRange'] {
  if (transfer === 16) return 'PQ';
  return transfer === 18 ? 'HLG' : 'SDR';
}
