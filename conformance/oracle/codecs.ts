/** What a sample entry says in the words of manifests: RFC 6381 codec strings, parameter sets, AudioSpecificConfig. */
import { hexOf, type SampleEntryFacts } from './boxes.ts';

/** `codecs` parameter (RFC 6381; ISO/IEC 14496-15:2022 Annex E), lower-case hex; null when the configuration is unreadable. AAC: sound.ts. */
export function codecString(entry: SampleEntryFacts): string | null {
  const { type } = entry;
  if (/^avc[1-4]$/.test(type)) {
    const config = entry.config('avcC');
    return config === null || config.length < 4 ? null : `${type}.${hexOf(config.subarray(1, 4))}`;
  }
  if (type === 'hvc1' || type === 'hev1') {
    const config = entry.config('hvcC');
    return config === null || config.length < 13 ? null : `${type}.${hevcString(config)}`;
  }
  return /^(ec-3|ac-3|dts[cehlx])$/.test(type) ? type : null;
}

/** ISO/IEC 14496-15:2022 E.3: profile space and idc, compatibility flags bit-reversed, tier and level, constraint bytes. */
function hevcString(config: Uint8Array): string {
  const space = ['', 'A', 'B', 'C'][config[1] >> 6];
  let compatibility = 0;
  const flags = ((config[2] << 24) | (config[3] << 16) | (config[4] << 8) | config[5]) >>> 0;
  for (let i = 0; i < 32; i++) compatibility = ((compatibility << 1) | ((flags >>> i) & 1)) >>> 0;
  const constraints = [...config.subarray(6, 12)];
  while (constraints.length > 0 && constraints.at(-1) === 0) constraints.pop();
  const tier = (config[1] & 0x20) === 0 ? 'L' : 'H';
  return [`${space}${config[1] & 31}`, compatibility.toString(16), `${tier}${config[12]}`, ...constraints.map((byte) => byte.toString(16))].join('.');
}

/** The AudioSpecificConfig inside esds (ISO/IEC 14496-1:2010 7.2.6); null when it is not there. */
export function audioSpecificConfig(entry: SampleEntryFacts): Uint8Array | null {
  const esds = entry.config('esds');
  if (esds === null) return null;
  let at = 4;
  const header = (): { tag: number; length: number } | null => {
    if (at >= esds.length) return null;
    const tag = esds[at++];
    let length = 0;
    for (let i = 0; i < 4 && at < esds.length; i++) {
      const byte = esds[at++];
      length = (length << 7) | (byte & 0x7f);
      if ((byte & 0x80) === 0) break;
    }
    return { tag, length };
  };
  if (header()?.tag !== 3 || at + 3 > esds.length) return null;
  const flags = esds[at + 2];
  at += 3 + ((flags & 0x80) !== 0 ? 2 : 0);
  if ((flags & 0x40) !== 0) at += 1 + (esds[at] ?? 0);
  if ((flags & 0x20) !== 0) at += 2;
  if (header()?.tag !== 4) return null;
  at += 13;
  const specific = header();
  return specific === null || specific.tag !== 5 || at + specific.length > esds.length ? null : esds.subarray(at, at + specific.length);
}

export type ParameterSets = { readonly lengthSize: number; readonly units: readonly Uint8Array[] };

/** Parameter sets of avcC (ISO/IEC 14496-15:2022 5.3.2.1) or hvcC (8.3.2.1) in their order. */
export function parameterSets(entry: SampleEntryFacts): ParameterSets | null {
  const avcC = entry.config('avcC');
  if (avcC !== null) return readAvcC(avcC);
  const hvcC = entry.config('hvcC');
  return hvcC === null ? null : readHvcC(hvcC);
}

function readAvcC(config: Uint8Array): ParameterSets | null {
  const units: Uint8Array[] = [];
  let at = 5;
  for (const mask of [0x1f, 0xff]) {
    if (at >= config.length) return null;
    const count = config[at++] & mask;
    for (let i = 0; i < count; i++) {
      const length = (config[at] << 8) | config[at + 1];
      at += 2;
      if (!(at + length <= config.length)) return null;
      units.push(config.subarray(at, at + length));
      at += length;
    }
  }
  return { lengthSize: (config[4] & 3) + 1, units };
}

function readHvcC(config: Uint8Array): ParameterSets | null {
  if (config.length < 23) return null;
  const units: Uint8Array[] = [];
  let at = 23;
  for (let array = 0; array < config[22]; array++) {
    const count = (config[at + 1] << 8) | config[at + 2];
    at += 3;
    for (let i = 0; i < count; i++) {
      const length = (config[at] << 8) | config[at + 1];
      at += 2;
      if (!(at + length <= config.length)) return null;
      units.push(config.subarray(at, at + length));
      at += length;
    }
  }
  return { lengthSize: (config[21] & 3) + 1, units };
}

export type NalCodec = 'avc' | 'hevc';

export function nalCodecOf(sampleEntry: string): NalCodec | null {
  return /^avc/.test(sampleEntry) ? 'avc' : /^h(vc|ev)1$/.test(sampleEntry) ? 'hevc' : null;
}

/** NAL units of a sample; null when a length prefix does not fit. */
export function nalUnits(sample: Uint8Array, lengthSize: number): readonly Uint8Array[] | null {
  const units: Uint8Array[] = [];
  let at = 0;
  while (at < sample.length) {
    if (at + lengthSize > sample.length) return null;
    let length = 0;
    for (let i = 0; i < lengthSize; i++) length = length * 256 + sample[at + i];
    at += lengthSize;
    if (length === 0 || at + length > sample.length) return null;
    units.push(sample.subarray(at, at + length));
    at += length;
  }
  return units;
}

export function nalType(unit: Uint8Array, codec: NalCodec): number {
  return codec === 'avc' ? unit[0] & 31 : (unit[0] >> 1) & 63;
}

/** Parameter sets: SPS, PPS, SPS extension, subset SPS (H.264 table 7-1); VPS, SPS, PPS (H.265 table 7-1). */
export function isParameterSet(unit: Uint8Array, codec: NalCodec): boolean {
  const type = nalType(unit, codec);
  return codec === 'avc' ? type === 7 || type === 8 || type === 13 || type === 15 : type >= 32 && type <= 34;
}

export function isAccessUnitDelimiter(unit: Uint8Array, codec: NalCodec): boolean {
  return nalType(unit, codec) === (codec === 'avc' ? 9 : 35);
}

/**
 * NAL units of a picture from which decoding can start: IDR, or with a recovery point message of 0 frames (H.264 D.1.8);
 * IRAP (H.265).
 */
export function startsDecoding(units: readonly Uint8Array[], codec: NalCodec): boolean {
  return units.some((unit) => isRandomAccess(unit, codec)) || (codec === 'avc' && units.some((unit) => nalType(unit, codec) === 6 && recoversAtOnce(unit)));
}

const RECOVERY_POINT = 6;

/** Messages of a SEI unit: payload types and sizes in bytes of 255 and a last one (7.3.2.3.1); recovery_frame_cnt 0 is a first bit of 1. */
function recoversAtOnce(unit: Uint8Array): boolean {
  let at = 1;
  const number = (): number => {
    let value = 0;
    while (unit[at] === 255) {
      value += 255;
      at++;
    }
    return value + (unit[at++] ?? 0);
  };
  while (at + 2 < unit.length) {
    const [type, size] = [number(), number()];
    if (type === RECOVERY_POINT) return (unit[at] & 0x80) !== 0;
    at += size;
  }
  return false;
}

/**
 * Type of the stream access point (ISO/IEC 14496-12:2022 Annex I) at a key frame that pictures with these units follow and precede in
 * presentation; without such pictures it is 1.
 */
export function accessPointType(key: readonly Uint8Array[], leading: readonly (readonly Uint8Array[])[], codec: NalCodec): 1 | 2 | 3 {
  if (leading.length === 0) return 1;
  if (codec === 'avc') return key.some((unit) => nalType(unit, codec) === 5) ? 2 : 3;
  const skipped = (unit: Uint8Array): boolean => [8, 9].includes(nalType(unit, codec));
  return leading.some((units) => units.some(skipped)) ? 3 : 2;
}

/** A picture that needs no other: IDR (H.264), IRAP (H.265). */
function isRandomAccess(unit: Uint8Array, codec: NalCodec): boolean {
  const type = nalType(unit, codec);
  return codec === 'avc' ? type === 5 : type >= 16 && type <= 23;
}
