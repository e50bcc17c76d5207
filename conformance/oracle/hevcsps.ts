/** Sequence parameter sets of HEVC (ISO/IEC 23008-2:2020 7.3.2.2 and E.2.1), as far as headers and manifests repeat them. */
import { bitsOf, readPictureFacts, unescaped, type Bits, type SpsFacts } from './sps.ts';

export type HevcSpsFacts = Pick<SpsFacts, 'width' | 'height' | 'pixelShape' | 'colour' | 'fields'> & {
  /** `1.6.L93.90`: the codec string without its sample entry (ISO/IEC 14496-15:2022 E.3). */
  readonly profile: string;
};

/** Null when the unit is no sequence parameter set or ends too early. */
export function readHevcSps(unit: Uint8Array): HevcSpsFacts | null {
  if (unit.length < 4 || ((unit[0] >> 1) & 63) !== 33) return null;
  try {
    return parse(bitsOf(unescaped(unit.subarray(2))));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function parse(bits: Bits): HevcSpsFacts {
  const { u, ue } = bits;
  u(4);
  const layers = u(3);
  u(1);
  const { profile, fields } = readLevels(bits, layers);
  ue();
  const chroma = ue();
  const separate = chroma === 3 ? u(1) : 0;
  const [codedWidth, codedHeight] = [ue(), ue()];
  const window = u(1) === 1 ? [ue(), ue(), ue(), ue()] : [0, 0, 0, 0];
  const [unitX, unitY] = separate === 1 ? [1, 1] : [chroma === 1 || chroma === 2 ? 2 : 1, chroma === 1 ? 2 : 1];
  const size = { width: codedWidth - unitX * (window[0] + window[1]), height: codedHeight - unitY * (window[2] + window[3]) };
  ue();
  ue();
  const orderBits = 4 + ue();
  for (let i = 3 * (u(1) === 1 ? 1 + layers : 1); i > 0; i--) ue();
  for (let i = 0; i < 6; i++) ue();
  if (u(1) === 1 && u(1) === 1) skipScalingLists(bits);
  u(2);
  if (u(1) === 1) {
    u(8);
    ue();
    ue();
    u(1);
  }
  skipReferenceSets(bits);
  if (u(1) === 1) for (let i = ue(); i > 0; i--) u(orderBits + 1);
  u(2);
  const facts = u(1) === 1 ? readPictureFacts(bits) : { pixelShape: null, colour: null };
  return { profile, fields, ...size, ...facts };
}

/** profile_tier_level (7.3.3). */
function readLevels({ u }: Bits, layers: number): Pick<HevcSpsFacts, 'profile' | 'fields'> {
  const [space, tier, idc] = [u(2), u(1), u(5)];
  const compatible = Array.from({ length: 32 }, () => u(1));
  const constraints = Array.from({ length: 6 }, () => u(8));
  const level = u(8);
  const present = Array.from({ length: layers }, () => [u(1), u(1)] as const);
  if (layers > 0) u(2 * (8 - layers));
  for (const [profile, own] of present) {
    if (profile === 1) for (let i = 0; i < 11; i++) u(8);
    if (own === 1) u(8);
  }
  const bytes = constraints.slice(0, constraints.findLastIndex((byte) => byte !== 0) + 1);
  const flags = compatible.reduce((sum, flag, i) => sum + flag * 2 ** i, 0);
  const text = [`${['', 'A', 'B', 'C'][space]}${idc}`, flags.toString(16), `${tier === 1 ? 'H' : 'L'}${level}`, ...bytes.map((byte) => byte.toString(16))];
  return { profile: text.join('.'), fields: constraints[0] >> 6 === 1 };
}

/** 7.3.4 */
function skipScalingLists({ u, ue, se }: Bits): void {
  for (let size = 0; size < 4; size++) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (u(1) === 0) {
        ue();
        continue;
      }
      if (size > 1) se();
      for (let i = Math.min(64, 1 << (4 + (size << 1))); i > 0; i--) se();
    }
  }
}

/** st_ref_pic_set (7.3.7): a set may be told as the difference to the one before. */
function skipReferenceSets({ u, ue }: Bits): void {
  const count = ue();
  if (count > 64) throw new RangeError('too many reference picture sets');
  let before = 0;
  for (let index = 0; index < count; index++) {
    if (index > 0 && u(1) === 1) {
      u(1);
      ue();
      let kept = 0;
      for (let i = 0; i <= before; i++) if (u(1) === 1 || u(1) === 1) kept++;
      before = kept;
    } else {
      before = ue() + ue();
      if (before > 32) throw new RangeError('too many reference pictures');
      for (let i = 0; i < before; i++) {
        ue();
        u(1);
      }
    }
  }
}
