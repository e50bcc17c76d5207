/** What the configuration boxes of sound say: AudioSpecificConfig, dec3 and ddts, read by the suite's own rules. */
import { audioSpecificConfig } from './codecs.ts';
import type { SampleEntryFacts } from './boxes.ts';

export type Sound = {
  /** RFC 6381. */
  readonly codec: string;
  /** Of what a decoder puts out, in Hz; null when the box does not say. */
  readonly sampleRate: number | null;
  /** null when the layout is spelled out elsewhere. */
  readonly channels: number | null;
  /** Complexity index of joint object coding. */
  readonly objects: number | null;
  /** E-AC-3: speakers of ETSI TS 102 366 E.1.3.1.8, as the DASH scheme prints them. */
  readonly speakers: string | null;
  /** AAC whose configuration leaves open whether the payload has SBR and PS (ISO/IEC 14496-3:2019 1.6.5). */
  readonly open: boolean;
};

/** AAC with spectral band replication, with parametric stereo or without. */
export const WITH_SBR = /^mp4a\.40\.(?:5|29)$/;

/** null when it is no sound, or cannot be read. */
export function soundOf(entry: SampleEntryFacts): Sound | null {
  if (entry.type === 'mp4a') return aac(audioSpecificConfig(entry));
  if (entry.type === 'ec-3') return eac3(entry.config('dec3'));
  return /^dts[cehl]$/.test(entry.type) ? dts(entry.type, entry.config('ddts')) : null;
}

/** Whether a manifest's codec string can be said of a stream: what the box says, or more of it where the box leaves that open. */
export function mayBeCalled({ codec, open }: Sound, told: string): boolean {
  return told.toLowerCase() === codec || (open && WITH_SBR.test(told));
}

/** The rates that can be told of it: with SBR twice the core's. */
export function mayHaveRate({ sampleRate, open }: Sound, told: number): boolean {
  return sampleRate === null || told === sampleRate || (open && told === 2 * sampleRate);
}

/** Big-endian bit fields; zeros behind the end. */
export function fieldsOf(bytes: Uint8Array): (width: number) => number {
  let at = 0;
  return (width) => {
    let value = 0;
    for (let i = 0; i < width; i++, at++) value = value * 2 + (((bytes[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    return value;
  };
}

/** ISO/IEC 14496-3:2019 table 1.18. */
const RATES: readonly number[] = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/** Table 1.19; 0: a program_config_element. */
const CHANNELS: readonly (number | null)[] = [null, 1, 2, 3, 4, 5, 6, 8, null, null, null, 7, 8, null, 8];

/** An index of four bits, or a frequency of its own; null: reserved. */
function readRate(u: ReturnType<typeof fieldsOf>): number | null {
  const index = u(4);
  return index === 15 ? u(24) : (RATES[index] ?? null);
}

/** 1.6.2.1: SBR (5) or PS (29) first and the core behind, or the core and a sync extension behind. */
function aac(config: Uint8Array | null): Sound | null {
  if (config === null || config.length < 2) return null;
  const u = fieldsOf(config);
  const rate = (): number => readRate(u) ?? 0;
  let objectType = u(5);
  let sampleRate = rate();
  const layout = u(4);
  let [sbr, ps, open] = [objectType === 5 || objectType === 29, objectType === 29, false];
  if (sbr) {
    sampleRate = rate();
    objectType = u(5);
  }
  const channels = CHANNELS[layout] ?? null;
  // A program_config_element takes bits of its own; nothing can be found behind it without reading it.
  if (!sbr && objectType === 2 && layout !== 0) {
    u(3); // frameLengthFlag, dependsOnCoreCoder, extensionFlag
    const told = config.length * 8 - (5 + 4 + 4 + 3) >= 16 && u(11) === 0x2b7 && u(5) === 5;
    open = !told && sampleRate <= 24_000;
    if (told && u(1) === 1) {
      sbr = true;
      sampleRate = rate();
      ps = u(11) === 0x548 && u(1) === 1;
    }
  }
  return { codec: `mp4a.40.${ps ? 29 : sbr ? 5 : objectType}`, sampleRate, channels: ps && channels === 1 ? 2 : channels, objects: null, speakers: null, open };
}

/** Rate and channels of the core coder, before SBR and PS, from an AudioSpecificConfig; null where it does not say. */
export function coreOf(config: Uint8Array): { readonly sampleRate: number | null; readonly channels: number | null } {
  const u = fieldsOf(config);
  u(5);
  return { sampleRate: readRate(u), channels: CHANNELS[u(4)] ?? null };
}

/** ETSI TS 102 366 table 4.3 by acmod: speakers L C R Ls Rs Lc/Rc Lrs/Rrs Cs …, from the highest bit. */
const MODE_SPEAKERS: readonly number[] = [0xa000, 0x4000, 0xa000, 0xe000, 0xa100, 0xe100, 0xb800, 0xf800];
/** Bits of the speaker mask that stand for two: Lc/Rc, Lrs/Rrs, Lsd/Rsd, Lw/Rw, Lvh/Rvh. */
const PAIRS = 0x0400 | 0x0200 | 0x0040 | 0x0020 | 0x0010;
/** chan_loc from its lowest bit (F.6.2.13). */
const LOCATIONS: readonly number[] = [0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010, 0x0008, 0x0002];

/** F.6: the first independent substream with what depends on it, then the extension for objects. */
function eac3(dec3: Uint8Array | null): Sound | null {
  if (dec3 === null || dec3.length < 5) return null;
  const u = fieldsOf(dec3);
  u(13);
  const substreams = u(3) + 1;
  let [speakers, sampleRate, bits] = [0, 0, 16];
  for (let i = 0; i < substreams; i++) {
    const fscod = u(2);
    u(10); // bsid, reserved, asvc, bsmod
    const acmod = u(3);
    const lfe = u(1);
    u(3);
    const dependent = u(4);
    const places = dependent > 0 ? u(9) : 0;
    if (dependent === 0) u(1);
    bits += dependent > 0 ? 32 : 24;
    if (i > 0) continue;
    sampleRate = [48_000, 44_100, 32_000, 0][fscod];
    speakers = MODE_SPEAKERS[acmod] | lfe | LOCATIONS.reduce((mask, bit, at) => ((places >> at) & 1) === 1 ? mask | bit : mask, 0);
  }
  const objects = dec3.length * 8 - bits >= 16 && u(8) % 2 === 1 ? u(8) : null;
  let channels = 0;
  for (let bit = 0x8000; bit > 0; bit >>= 1) if ((speakers & bit) !== 0) channels += (PAIRS & bit) !== 0 ? 2 : 1;
  return { codec: 'ec-3', sampleRate: sampleRate === 0 ? null : sampleRate, channels, objects, speakers: speakers.toString(16).toUpperCase().padStart(4, '0'), open: false };
}

/** ETSI TS 102 114 E.2.2.3; ChannelLayout by table 7-10: bits that stand for two speakers. */
const DTS_PAIRS = 0x0002 | 0x0004 | 0x0020 | 0x0040 | 0x0200 | 0x0400 | 0x0800 | 0x2000 | 0x8000;

function dts(type: string, ddts: Uint8Array | null): Sound | null {
  if (ddts === null || ddts.length < 20) return null;
  const u = fieldsOf(ddts);
  const sampleRate = u(32);
  u(32);
  u(32);
  u(8);
  u(2 + 5 + 1 + 6 + 14 + 1 + 3);
  const layout = u(16);
  let channels = 0;
  for (let bit = 1; bit <= 0x8000; bit <<= 1) if ((layout & bit) !== 0) channels += (DTS_PAIRS & bit) !== 0 ? 2 : 1;
  return { codec: type, sampleRate, channels: channels === 0 ? null : channels, objects: null, speakers: null, open: false };
}
