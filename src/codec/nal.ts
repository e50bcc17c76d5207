/**
 * NAL units of AVC and HEVC: walking length-prefixed samples without allocation, telling parameter sets apart, and
 * the CMAF form of a sample (media-rules 4.2).
 *
 * Walk: `for (let at = start; at < end; at = next) { next = nalEnd(bytes, at, end, n); … bytes[at + n] … }`
 */
import { equalBytes } from '../bytes.ts';
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

/** End of the NAL unit whose length field stands at `at`; the unit itself starts `lengthSize` bytes later. */
export function nalEnd(bytes: Uint8Array, at: number, end: number, lengthSize: number): number {
  if (end - at < lengthSize) throw badSize(at, `a length field of ${lengthSize} bytes`, `${end - at} bytes`);
  let length = 0;
  for (let i = 0; i < lengthSize; i++) length = length * 256 + bytes[at + i];
  const next = at + lengthSize + length;
  if (length === 0 || next > end) throw badSize(at, `1 to ${end - at - lengthSize} bytes`, String(length));
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
 * Samples without parameter sets and access unit delimiters. `payload` holds the samples one after the other.
 * Returns the same payload when there is nothing to remove. With `known`, a parameter set that is not one of them is
 * refused: the sample entry could not describe it.
 */
export function withoutSets(
  payload: Uint8Array,
  sizes: Uint32Array,
  lengthSize: number,
  family: NalFamily,
  known: readonly Uint8Array[] | null = null,
): { readonly payload: Uint8Array; readonly sizes: Uint32Array } {
  const kept = new Uint32Array(sizes.length);
  let total = 0;
  let start = 0;
  for (let i = 0; i < sizes.length; i++) {
    const end = start + sizes[i];
    if (end > payload.length) throw badSize(start, `${sizes[i]} bytes of sample ${i + 1}`, String(payload.length - start));
    for (let at = start, next = 0; at < end; at = next) {
      next = nalEnd(payload, at, end, lengthSize);
      const type = nalType(family, payload[at + lengthSize]);
      if (!isRemoved(family, type)) kept[i] += next - at;
      else if (known !== null && isParameterSet(family, type)) checkKnown(payload.subarray(at + lengthSize, next), known, i);
    }
    total += kept[i];
    start = end;
  }
  if (total === payload.length) return { payload, sizes };

  const filtered = new Uint8Array(total);
  let to = 0;
  start = 0;
  for (let i = 0; i < sizes.length; i++) {
    const end = start + sizes[i];
    // Neighbouring NAL units that stay are copied together.
    let run = start;
    for (let at = start, next = 0; at < end; at = next) {
      next = nalEnd(payload, at, end, lengthSize);
      if (!isRemoved(family, nalType(family, payload[at + lengthSize]))) continue;
      filtered.set(payload.subarray(run, at), to);
      to += at - run;
      run = next;
    }
    filtered.set(payload.subarray(run, end), to);
    to += end - run;
    start = end;
  }
  return { payload: filtered, sizes: kept };
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

/** The reverse of `unescapeNal`; the same array when nothing is to be put in. Looks from zero to zero, which are rare. */
export function escapeNal(raw: Uint8Array): Uint8Array {
  const places: number[] = [];
  for (let at = raw.indexOf(0); at >= 0 && at + 2 < raw.length; ) {
    if (raw[at + 1] !== 0) at = raw.indexOf(0, at + 2);
    else if (raw[at + 2] > 3) at = raw.indexOf(0, at + 3);
    else {
      places.push(at + 2);
      at = raw.indexOf(0, at + 2);
    }
  }
  if (places.length === 0) return raw;
  const nal = new Uint8Array(raw.length + places.length);
  let from = 0;
  places.forEach((place, i) => {
    nal.set(raw.subarray(from, place), from + i);
    nal[place + i] = 3;
    from = place;
  });
  nal.set(raw.subarray(from), from + places.length);
  return nal;
}

function isRemoved(family: NalFamily, type: number): boolean {
  return isAccessUnitDelimiter(family, type) || isParameterSet(family, type);
}

function checkKnown(set: Uint8Array, known: readonly Uint8Array[], sample: number): void {
  if (known.some((candidate) => equalBytes(candidate, set))) return;
  throw new IsomerError('ISOMER_PARAMETER_SETS_CHANGE', { where: `sample ${sample + 1} of the segment`, expected: 'the parameter sets of the first sample', found: `another one of ${set.length} bytes` });
}

function badSize(at: number, expected: string, found: string): IsomerError {
  return new IsomerError('MPE_INVALID_NALU_SIZE', { where: `byte ${at} of the payload`, expected, found });
}
