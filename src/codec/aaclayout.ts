/** Speaker layouts that an AudioSpecificConfig spells out in a program_config_element (ISO/IEC 14496-3:2019 4.4.1.1). */
import { BitWriter, Bits } from '../bits.ts';

/** id_syn_ele of a program_config_element (table 4.85). */
const ID_PCE = 5;
/** Bits of an element of each list, in the order of the counts: front, side, back, LFE, associated data, coupling. */
const ELEMENT_BITS = [5, 5, 5, 4, 4, 5] as const;
const COUNT_BITS = [4, 4, 4, 2, 3, 4] as const;
/** element_instance_tag, object_type, sampling_frequency_index. */
const HEAD_BITS = 10;

/** The element as it stands first in a raw data block: behind its name, and aligned to bytes from there. The comment is left out. */
export function readAacLayout(config: Uint8Array): Uint8Array {
  const bits = new Bits(config, { code: 'ISOMER_CODEC_MALFORMED', where: 'program_config_element' });
  skipToLayout(bits);
  const writer = new BitWriter();
  const copy = (width: number): number => {
    const value = bits.u(width);
    writer.u(width, value);
    return value;
  };
  writer.u(3, ID_PCE);
  copy(HEAD_BITS);
  const counts = COUNT_BITS.map(copy);
  for (const width of [4, 4, 3]) if (copy(1) === 1) copy(width); // mono, stereo and matrix mixdown
  counts.forEach((count, list) => {
    for (let i = 0; i < count; i++) copy(ELEMENT_BITS[list]);
  });
  writer.u((8 - (writer.position & 7)) & 7, 0);
  writer.u(8, 0); // comment_field_bytes
  return writer.toBytes();
}

/** Past the object types, rates and GASpecificConfig that stand before it (1.6.2.1). */
function skipToLayout(bits: Bits): void {
  const rate = (): void => {
    if (bits.u(4) === 15) bits.skip(24);
  };
  const type = bits.u(5);
  rate();
  bits.skip(4); // channelConfiguration
  if (type === 5 || type === 29) {
    rate();
    bits.skip(5);
  }
  bits.skip(1); // frameLengthFlag
  if (bits.flag()) bits.skip(14); // coreCoderDelay
  bits.skip(1); // extensionFlag
}
