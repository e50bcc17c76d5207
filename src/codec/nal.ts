/**
 * NAL units of AVC and HEVC: walking length-prefixed samples without allocation, telling parameter sets apart, and
 * the CMAF form of a sample (media-rules 4.2).
 *
 * Walk: `for (let at = start; at < end; at = next) { next = nalEnd(bytes, at, end, n); … bytes[at + n] … }`
 */
import { IsomerError } from '../errors.ts';

export type NalFamily = 'avc' | 'hevc';

/** ISO/IEC 14496-10:2022 table 7-1 and ISO/IEC 23008-2:2020 table 7-1, as far as packaging looks. */
export const AVC_NAL = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, aud: 9, spsExtension: 13, subsetSps: 15 } as const;
export const HEVC_NAL = { blaWRadl: 17, idrWRadl: 19, idrNLp: 20, cra: 21, vps: 32, sps: 33, pps: 34, aud: 35 } as const;

const SETS: Readonly<Record<NalFamily, ReadonlySet<number>>> = {
  avc: new Set([AVC_NAL.sps, AVC_NAL.pps, AVC_NAL.spsExtension, AVC_NAL.subsetSps]),
  hevc: new Set([HEVC_NAL.vps, HEVC_NAL.sps, HEVC_NAL.pps]),
};
/** Key frames after which decoding needs nothing older: IDR pictures, and BLA pictures without skipped leading ones. */
const DECODABLE_LEADING: Readonly<Record<NalFamily, ReadonlySet<number>>> = { avc: new Set([AVC_NAL.idr]), hevc: new Set([HEVC_NAL.blaWRadl, HEVC_NAL.idrWRadl, HEVC_NAL.idrNLp]) };
const DELIMITER: Readonly<Record<NalFamily, number>> = { avc: AVC_NAL.aud, hevc: HEVC_NAL.aud };

/** nal_unit_type from the first byte of a NAL unit. */
export function nalType(family: NalFamily, firstByte: number): number {
  return family === 'avc' ? firstByte & 0x1f : (firstByte >>> 1) & 0x3f;
}

export function isParameterSet(family: NalFamily, type: number): boolean {
  return SETS[family].has(type);
}

export function isAccessUnitDelimiter(family: NalFamily, type: number): boolean {
  return DELIMITER[family] === type;
}

/** End of the NAL unit whose length field stands at `at`; the unit itself starts `lengthSize` bytes later. `base`: place of the bytes in the payload. */
export function nalEnd(bytes: Uint8Array, at: number, end: number, lengthSize: number, base = 0): number {
  if (end - at < lengthSize) throw badSize(base + at, `a length field of ${lengthSize} bytes`, `${end - at} bytes`);
  let length = 0;
  for (let i = 0; i < lengthSize; i++) length = length * 256 + bytes[at + i];
  const next = at + lengthSize + length;
  if (length === 0 || next > end) throw badSize(base + at, `1 to ${end - at - lengthSize} bytes`, String(length));
  return next;
}

/** Parameter sets of one sample in their order, as views. */
export function parameterSetsIn(sample: Uint8Array, lengthSize: number, family: NalFamily): readonly Uint8Array[] {
  const sets: Uint8Array[] = [];
  for (let at = 0, next = 0; at < sample.length; at = next) {
    next = nalEnd(sample, at, sample.length, lengthSize);
    if (isParameterSet(family, nalType(family, sample[at + lengthSize]))) sets.push(sample.subarray(at + lengthSize, next));
  }
  return sets;
}

/** True when a sample holds a parameter set or an access unit delimiter, so its CMAF form differs from the stored one. */
export function holdsSets(sample: Uint8Array, lengthSize: number, family: NalFamily): boolean {
  for (let at = 0, next = 0; at < sample.length; at = next) {
    next = nalEnd(sample, at, sample.length, lengthSize);
    if (isRemoved(family, nalType(family, sample[at + lengthSize]))) return true;
  }
  return false;
}

/**
 * Type of the stream access point that a key frame with leading pictures is: 2 when they can be decoded without what came
 * before, 3 when they may need it. Broken off samples count as far as they go.
 */
export function accessPointOf(keyFrame: Uint8Array, lengthSize: number, family: NalFamily): 2 | 3 {
  for (let at = 0; at + lengthSize < keyFrame.length; ) {
    const type = nalType(family, keyFrame[at + lengthSize]);
    if (DECODABLE_LEADING[family].has(type)) return 2;
    let length = 0;
    for (let i = 0; i < lengthSize; i++) length = length * 256 + keyFrame[at + i];
    at += lengthSize + length;
  }
  return 3;
}

/** The raw byte sequence payload: emulation_prevention_three_byte removed (ISO/IEC 14496-10:2022 7.4.1.1). */
export function unescapeNal(nal: Uint8Array): Uint8Array {
  const raw = new Uint8Array(nal.length);
  let to = 0;
  let zeros = 0;
  for (const byte of nal) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    raw[to++] = byte;
  }
  return raw.subarray(0, to);
}

function isRemoved(family: NalFamily, type: number): boolean {
  return isAccessUnitDelimiter(family, type) || isParameterSet(family, type);
}

function badSize(at: number, expected: string, found: string): IsomerError {
  return new IsomerError('MPE_INVALID_NALU_SIZE', { where: `byte ${at} of the payload`, expected, found });
}
