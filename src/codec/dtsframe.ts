/**
 * A DTS frame: core substream, extension substream, or both (ETSI TS 102 114 V1.6.1 clauses 5 and 7). What a sample entry has to say
 * of the stream, where the stored one says nothing.
 */
import { Bits } from '../bits.ts';
import type { Place } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import type { DtsConfiguration } from './dts.ts';

/** Everything but the bit rates, which one frame does not tell. */
export type DtsFrame = Omit<DtsConfiguration, 'maxBitrate' | 'avgBitrate'> & {
  /** Sample entry type (E.2.2.1): dtsc, dtsh, dtsl or dtse. */
  readonly sampleEntry: string;
};

const CORE_SYNC = 0x7ffe8001;
const EXTENSION_SYNC = 0x64582025;
const LBR_SYNC = 0x0a801921;

type Core = { readonly bytes: number; readonly samples: number; readonly AMODE: number; readonly rate: number; readonly depth: number; readonly lfe: boolean; readonly extension: 'XCH' | 'X96' | 'XXCH' | null };
type Components = ReadonlySet<'core' | 'XBR' | 'XXCH' | 'X96' | 'LBR' | 'XLL'>;
type Extension = { readonly samples: number; readonly rate: number; readonly depth: number; readonly mask: number; readonly representation: number; readonly assets: number; readonly components: Components; readonly durationModified: boolean };

export function readDtsFrame(bytes: Uint8Array, where = 'DTS frame'): DtsFrame {
  const place: Place = { code: 'ISOMER_CODEC_MALFORMED', where };
  const core = wordAt(bytes, 0) === CORE_SYNC ? readCore(bytes, place) : null;
  // The core is padded to whole words.
  const start = core === null ? 0 : core.bytes + ((4 - (core.bytes % 4)) % 4);
  const extension = wordAt(bytes, start) === EXTENSION_SYNC ? readExtension(bytes.subarray(start), place) : null;
  if (core === null && extension === null) throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'DTS frame', where, expected: 'the syncword of a core or of an extension substream', found: `0x${wordAt(bytes, 0).toString(16)}` });
  const StreamConstruction = constructionOf(core, extension?.components ?? null);
  const ownLayout = core === null ? 0 : coreLayout(core, place);
  return {
    sampleEntry: entryOf(StreamConstruction),
    DTSSamplingFrequency: extension?.rate ?? core?.rate ?? 0,
    pcmSampleDepth: extension?.depth ?? core?.depth ?? 0,
    frameDuration: frameLength(core === null ? (extension?.samples ?? 0) : (core.samples * (extension?.rate ?? core.rate)) / core.rate),
    StreamConstruction,
    CoreLFEPresent: core?.lfe === true ? 1 : 0,
    CoreLayout: core?.AMODE ?? NO_CORE,
    CoreSize: core?.bytes ?? 0,
    StereoDownmix: 0,
    RepresentationType: extension?.representation ?? 0,
    channelLayout: extension === null || extension.mask === 0 ? ownLayout : extension.mask,
    MultiAssetFlag: (extension?.assets ?? 1) > 1 ? 1 : 0,
    LBRDurationMod: extension?.durationModified === true ? 1 : 0,
  };
}

/** The lengths that ddts can name. */
function frameLength(samples: number): number {
  return Math.min(4096, 512 * 2 ** Math.max(0, Math.round(Math.log2(Math.max(1, samples) / 512))));
}

function wordAt(bytes: Uint8Array, at: number): number {
  return at + 4 > bytes.length ? 0 : ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

const NO_CORE = 31;
/** Table 5-5 by SFREQ; 0 is invalid. */
const CORE_RATES: readonly number[] = [0, 8000, 16000, 32000, 0, 0, 11025, 22050, 44100, 0, 0, 12000, 24000, 48000, 0, 0];
/** Table 5-17 by PCMR. */
const DEPTHS: readonly number[] = [16, 16, 20, 20, 0, 24, 24, 0];
/** Table 5-4 by AMODE, as bits of ChannelLayout: C 1, L/R 2, Ls/Rs 4, LFE 8, Cs 16. */
const CORE_LAYOUTS: readonly number[] = [0x1, 0x2, 0x2, 0x2, 0x2, 0x3, 0x12, 0x13, 0x6, 0x7];
const LFE = 0x8;
/** Table 5-14 by EXT_AUDIO_ID. */
const CORE_EXTENSIONS: Readonly<Record<number, Core['extension']>> = { 0: 'XCH', 2: 'X96', 6: 'XXCH' };

/** 5.3.1. */
function readCore(bytes: Uint8Array, place: Place): Core {
  const bits = new Bits(bytes, place);
  bits.skip(32 + 1 + 5); // SYNC, FTYPE, SHORT
  const crc = bits.flag();
  const samples = 32 * (bits.u(7) + 1);
  const size = bits.u(14) + 1;
  const AMODE = bits.u(6);
  const rate = CORE_RATES[bits.u(4)];
  bits.skip(5 + 1 + 1 + 1 + 1 + 1); // RATE, FixedBit, DYNF, TIMEF, AUXF, HDCD
  const id = bits.u(3);
  const extended = bits.flag();
  bits.skip(1); // ASPF
  const lfe = bits.u(2) !== 0;
  bits.skip(1 + (crc ? 16 : 0) + 1 + 4 + 2); // HFLAG, HCRC, FILTS, VERNUM, CHIST
  const depth = DEPTHS[bits.u(3)];
  if (samples < 192 || size < 96 || size > bytes.length) throw bits.fail('core frame', `6 blocks and 96 bytes at least, ${bytes.length} bytes at most`, `${samples / 32} blocks, ${size} bytes`);
  if (rate === 0 || depth === 0) throw bits.fail('SFREQ and PCMR', 'a rate and a resolution', `${rate} Hz, ${depth} bits`);
  return { bytes: size, samples, AMODE, rate, depth, lfe, extension: extended ? (CORE_EXTENSIONS[id] ?? null) : null };
}

function coreLayout({ AMODE, lfe }: Core, { where }: Place): number {
  const layout = CORE_LAYOUTS[AMODE] as number | undefined;
  if (layout === undefined) throw new IsomerError('MPE_AUDIO_ENCODING_NOT_SUPPORTED', { what: 'AMODE of a DTS core', where, expected: '0 to 9', found: String(AMODE) });
  return layout | (lfe ? LFE : 0);
}

/** Table 7-9, by nuMaxSampleRate. */
const EXTENSION_RATES: readonly number[] = [8000, 16000, 32000, 64000, 128000, 22050, 44100, 88200, 176400, 352800, 12000, 24000, 48000, 96000, 192000, 384000];
/** Table 7-3, by nuRefClockCode. */
const CLOCKS: readonly number[] = [32000, 44100, 48000, 0];

/** 7.4.1: the header of the first audio asset is enough. */
function readExtension(bytes: Uint8Array, place: Place): Extension {
  const bits = new Bits(bytes, place);
  bits.skip(32 + 8); // SYNCEXTSSH, UserDefinedBits
  const index = bits.u(2);
  const [headerBits, sizeBits] = bits.flag() ? [12, 20] : [8, 16];
  bits.skip(headerBits + sizeBits);
  const isStatic = bits.flag();
  let [samples, clock, assets, mixing] = [0, 0, 1, false];
  if (isStatic) {
    clock = CLOCKS[bits.u(2)];
    samples = 512 * (bits.u(3) + 1);
    if (bits.flag()) bits.skip(36); // nuTimeStamp
    const presentations = bits.u(3) + 1;
    assets = bits.u(3) + 1;
    const masks = Array.from({ length: presentations }, () => bits.u(index + 1));
    for (const mask of masks) for (let i = 0; i <= index; i++) if (((mask >>> i) & 1) === 1) bits.skip(8); // nuActiveAssetMask
    mixing = bits.flag();
    if (mixing) {
      bits.skip(2); // nuMixMetadataAdjLevel
      const maskBits = 4 * (bits.u(2) + 1);
      bits.skip(maskBits * (bits.u(2) + 1)); // nuMixOutChMask
    }
  }
  bits.skip(sizeBits * assets); // nuAssetFsize
  const asset = readAsset(bits, isStatic, mixing);
  const frame = clock === 0 ? 0 : (samples * asset.rate) / clock;
  return { ...asset, samples: frame, assets, durationModified: asset.components.has('LBR') && isBandLimited(bytes) };
}

/** 7.5. */
function readAsset(bits: Bits, isStatic: boolean, mixing: boolean): Pick<Extension, 'rate' | 'depth' | 'mask' | 'representation' | 'components'> {
  bits.skip(9 + 3); // nuAssetDescriptFsize, nuAssetIndex
  let [rate, depth, mask, representation] = [0, 0, 0, 0];
  let embeddedStereo = false;
  if (isStatic) {
    if (bits.flag()) bits.skip(4); // nuAssetTypeDescriptor
    if (bits.flag()) bits.skip(24); // LanguageDescriptor
    if (bits.flag()) bits.skip(8 * (bits.u(10) + 1)); // InfoTextString
    depth = bits.u(5) + 1;
    rate = EXTENSION_RATES[bits.u(4)];
    const channels = bits.u(8) + 1;
    if (bits.flag()) {
      embeddedStereo = channels > 2 && bits.flag();
      if (channels > 6) bits.skip(1); // bEmbeddedSixChFlag
      mask = readSpeakers(bits);
    } else representation = bits.u(3);
  }
  if (bits.flag()) bits.skip(8 + (embeddedStereo ? 8 : 0)); // DRC, and that of the embedded stereo
  if (bits.flag()) bits.skip(5); // nuDialNormCode
  if (mixing && bits.flag()) throw bits.fail('bMixMetadataPresent', '0', '1'); // what follows cannot be passed over without the mixing configurations
  const mode = bits.u(2);
  const components = readComponents(bits, mode);
  if (rate === 0 || depth === 0) throw bits.fail('bStaticFieldsPresent', '1', '0');
  return { rate, depth, mask, representation, components };
}

/** Speaker mask and remapping sets. */
function readSpeakers(bits: Bits): number {
  let mask = 0;
  const hasMask = bits.flag();
  const maskBits = hasMask ? 4 * (bits.u(2) + 1) : 16;
  if (hasMask) mask = bits.u(maskBits);
  const sets = bits.u(3);
  if (sets > 0) throw bits.fail('nuNumSpkrRemapSets', '0', String(sets));
  return mask;
}

/** nuCodingMode, and the mask of nuCoreExtensionMask (table 7-15). */
function readComponents(bits: Bits, mode: number): Components {
  if (mode === 1) return new Set(['XLL']);
  if (mode === 2) return new Set(['LBR']);
  if (mode === 3) throw bits.fail('nuCodingMode', '0 to 2', '3');
  const mask = bits.u(12);
  const names = [[0x010, 'core'], [0x020, 'XBR'], [0x040, 'XXCH'], [0x080, 'X96'], [0x100, 'LBR'], [0x200, 'XLL']] as const;
  return new Set(names.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name));
}

/** The flags of an LBR header (9.2): band limits of 2/3 and 1/3 make frames half as long again (E.2.2.3.2). */
function isBandLimited(bytes: Uint8Array): boolean {
  for (let at = 0; at + 10 < bytes.length; at++) {
    if (wordAt(bytes, at) !== LBR_SYNC) continue;
    // Behind the syncword: format (2: with decoder set-up), rate, speakers 2, version 2.
    const limit = bytes[at + 4] === 2 ? bytes[at + 10] & 0x1c : 0;
    return limit === 0x04 || limit === 0x0c;
  }
  return false;
}

/** Table E-1. */
function constructionOf(core: Core | null, extension: Components | null): number {
  if (core === null) {
    if (extension === null) return 0;
    if (extension.has('core')) return extension.has('XLL') ? 21 : extension.has('XXCH') ? 20 : 19;
    return extension.has('LBR') ? 18 : extension.has('XLL') ? 17 : 0;
  }
  const inCore = core.extension;
  if (extension === null) return inCore === null ? 1 : { XCH: 2, XXCH: 3, X96: 4 }[inCore];
  if (extension.has('XLL')) return inCore === 'XCH' ? 15 : inCore === 'X96' ? 16 : 14;
  if (extension.has('X96')) return extension.has('XXCH') ? 13 : inCore === 'XCH' ? 11 : inCore === 'XXCH' ? 12 : 10;
  if (extension.has('XBR')) return extension.has('XXCH') ? 9 : inCore === 'XCH' ? 7 : inCore === 'XXCH' ? 8 : 6;
  return extension.has('XXCH') ? 5 : 0;
}

function entryOf(construction: number): string {
  if (construction >= 1 && construction <= 4) return 'dtsc';
  if (construction === 17) return 'dtsl';
  return construction === 18 ? 'dtse' : 'dtsh';
}
