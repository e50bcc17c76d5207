/** What manifests say of an E-AC-3 stream beyond its channel count, from its `dec3` (ETSI TS 102 366 F.6). */
import type { AudioCodec } from '../model/codec.ts';

export type DolbyFacts = {
  /** Speaker bits of ETSI TS 102 366 E.1.3.1.8, as the DASH channel configuration scheme prints them. */
  readonly channelMask: number;
  /** Complexity index of joint object coding (Atmos), or null without it. */
  readonly objects: number | null;
};

const L = 0x8000;
const C = 0x4000;
const R = 0x2000;
const LS_RS = 0x1800;
const LC_RC = 0x0400;
const CS = 0x0100;
const LFE2 = 0x0002;
const LFE = 0x0001;

/** By acmod, TS 102 366 table 4.3. */
const MASK_OF_ACMOD = [L | R, C, L | R, L | C | R, L | R | CS, L | C | R | CS, L | R | LS_RS, L | C | R | LS_RS];

/** Usual layouts, for a configuration that is too short to be read. */
const MASK_OF_COUNT: Readonly<Record<number, number>> = { 1: C, 2: L | R, 3: L | C | R, 4: L | R | LS_RS, 5: L | C | R | LS_RS, 6: 0xf801, 7: 0xf901, 8: 0xfa01 };

export function dolbyFacts({ config, channels }: AudioCodec): DolbyFacts {
  if (config.length < 5) return { channelMask: MASK_OF_COUNT[channels] ?? 0, objects: null };
  const substreams = (config[1] & 7) + 1;
  let channelMask = 0;
  let at = 2;
  for (let i = 0; i < substreams && at + 3 <= config.length; i++) {
    const dependent = (config[at + 2] >> 1) & 0xf;
    if (i === 0) channelMask = maskOf((config[at + 1] >> 1) & 7, (config[at + 1] & 1) === 1, dependent > 0 ? ((config[at + 2] & 1) << 8) | (config[at + 3] ?? 0) : 0);
    at += dependent > 0 ? 4 : 3;
  }
  // flag_ec3_extension_type_a, then complexity_index_type_a (ETSI TS 103 420 C.3.2).
  const objects = at + 1 < config.length && (config[at] & 1) === 1 ? config[at + 1] : null;
  return { channelMask, objects };
}

function maskOf(acmod: number, lfe: boolean, locations: number): number {
  let mask = MASK_OF_ACMOD[acmod] | (lfe ? LFE : 0);
  // chan_loc bit 0 is the pair Lc/Rc, and the bits rise while those of the mask fall; bit 8 is the second LFE.
  for (let bit = 0; bit < 8; bit++) if (((locations >> bit) & 1) === 1) mask |= LC_RC >> bit;
  return locations >> 8 === 1 ? mask | LFE2 : mask;
}
