/**
 * Sequence parameter sets of H.264 (ISO/IEC 14496-10:2022 7.3.2.1.1 and E.1.1), as far as headers and manifests repeat them.
 * Those of HEVC: hevcsps.ts.
 */

export type SpsFacts = {
  readonly profile: number;
  readonly compatibility: number;
  readonly level: number;
  readonly chromaFormat: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  readonly width: number;
  readonly height: number;
  /** Null where the stream does not say it. */
  readonly pixelShape: readonly [number, number] | null;
  /** Pictures per second, where the stream says that it is constant or gives a clock at all. */
  readonly frameRate: readonly [number, number] | null;
  readonly colour: ColourFacts | null;
  /** Frames may be coded as fields. */
  readonly fields: boolean;
};

/** Code points of ISO/IEC 23091-2 for primaries, transfer and matrix; null where the stream does not say. */
export type ColourFacts = { readonly points: readonly [number, number, number]; readonly fullRange: boolean };

/** Profiles whose parameter sets carry the chroma format. */
export const WITH_CHROMA = new Set([44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244]);
/** Table E-1, from aspect_ratio_idc 1. */
const SHAPES: readonly (readonly [number, number])[] = [[1, 1], [12, 11], [10, 11], [16, 11], [40, 33], [24, 11], [20, 11], [32, 11], [80, 33], [18, 11], [15, 11], [64, 33], [160, 99], [4, 3], [3, 2], [2, 1]];
const EXTENDED_SHAPE = 255;

export type Bits = { u(count: number): number; ue(): number; se(): number };

/** Null when the unit is no sequence parameter set or ends too early. */
export function readSps(unit: Uint8Array): SpsFacts | null {
  if (unit.length < 4 || (unit[0] & 31) !== 7) return null;
  try {
    return parse(bitsOf(unescaped(unit.subarray(1))));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function parse({ u, ue, se }: Bits): SpsFacts {
  const [profile, compatibility, level] = [u(8), u(8), u(8)];
  ue();
  let [chromaFormat, bitDepthLuma, bitDepthChroma] = [1, 8, 8];
  let separatePlanes = 0;
  if (WITH_CHROMA.has(profile)) {
    chromaFormat = ue();
    if (chromaFormat === 3) separatePlanes = u(1);
    bitDepthLuma = 8 + ue();
    bitDepthChroma = 8 + ue();
    u(1);
    if (u(1) === 1) for (let i = 0; i < (chromaFormat === 3 ? 12 : 8); i++) if (u(1) === 1) skipScalingList(i < 6 ? 16 : 64, se);
  }
  ue();
  const orderType = ue();
  if (orderType === 0) ue();
  else if (orderType === 1) {
    u(1);
    se();
    se();
    for (let i = Math.min(255, ue()); i > 0; i--) se();
  }
  ue();
  u(1);
  const macroblocksWide = 1 + ue();
  const mapUnitsHigh = 1 + ue();
  const framesOnly = u(1);
  if (framesOnly === 0) u(1);
  u(1);
  const crop = u(1) === 1 ? [ue(), ue(), ue(), ue()] : [0, 0, 0, 0];
  const unitX = chromaFormat === 0 || separatePlanes === 1 || chromaFormat === 3 ? 1 : 2;
  const unitY = (chromaFormat === 1 && separatePlanes === 0 ? 2 : 1) * (2 - framesOnly);
  const size = { width: 16 * macroblocksWide - unitX * (crop[0] + crop[1]), height: 16 * mapUnitsHigh * (2 - framesOnly) - unitY * (crop[2] + crop[3]) };
  const usability = u(1) === 1 ? readUsability({ u, ue, se }) : { pixelShape: null, frameRate: null, colour: null };
  return { profile, compatibility, level, chromaFormat, bitDepthLuma, bitDepthChroma, ...size, ...usability, fields: framesOnly === 0 };
}

function readUsability(bits: Bits): Pick<SpsFacts, 'pixelShape' | 'frameRate' | 'colour'> {
  const start = readPictureFacts(bits);
  const { u } = bits;
  if (u(1) === 0) return { ...start, frameRate: null };
  const [units, scale] = [u(32), u(32)];
  return { ...start, frameRate: units === 0 ? null : [scale, 2 * units] };
}

/** What both codecs write alike: pixel shape, overscan, signal type, chroma position. */
export function readPictureFacts({ u, ue }: Bits): Pick<SpsFacts, 'pixelShape' | 'colour'> {
  let pixelShape: SpsFacts['pixelShape'] = null;
  let colour: SpsFacts['colour'] = null;
  if (u(1) === 1) {
    const index = u(8);
    pixelShape = index === EXTENDED_SHAPE ? [u(16), u(16)] : (SHAPES[index - 1] ?? null);
  }
  if (u(1) === 1) u(1);
  if (u(1) === 1) {
    u(3);
    const fullRange = u(1) === 1;
    if (u(1) === 1) colour = { points: [u(8), u(8), u(8)], fullRange };
  }
  if (u(1) === 1) {
    ue();
    ue();
  }
  return { pixelShape, colour };
}

/** 7.3.2.1.1.1 */
export function skipScalingList(size: number, se: () => number): void {
  let [last, next] = [8, 8];
  for (let i = 0; i < size; i++) {
    if (next !== 0) next = (last + se() + 256) % 256;
    last = next === 0 ? last : next;
  }
}

/** 7.4.1.1: 00 00 03 stands for 00 00. */
export function unescaped(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte, i) => !(byte === 3 && i >= 2 && bytes[i - 1] === 0 && bytes[i - 2] === 0));
}

/** Throws RangeError behind the end. */
export function bitsOf(bytes: Uint8Array): Bits {
  let at = 0;
  const u = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++, at++) {
      if (at >= 8 * bytes.length) throw new RangeError('the parameter set ends too early');
      value = value * 2 + ((bytes[at >> 3] >> (7 - (at & 7))) & 1);
    }
    return value;
  };
  const ue = (): number => {
    let zeros = 0;
    while (u(1) === 0) if (++zeros > 31) throw new RangeError('an Exp-Golomb code is too long');
    return 2 ** zeros - 1 + u(zeros);
  };
  const se = (): number => {
    const code = ue();
    return code % 2 === 0 ? -code / 2 : (code + 1) / 2;
  };
  return { u, ue, se };
}
