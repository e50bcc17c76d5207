/** Audio in transport streams: how the program map names a codec, and how its frames stand in PES packets. */
import { concatBytes } from '../bytes.ts';
import { readDtsConfiguration, type DtsConfiguration } from '../codec/dts.ts';
import { readEac3Configuration } from '../codec/dolby.ts';
import type { AudioCodec } from '../model/codec.ts';
import { adtsConfig, AUDIO_STREAM_ID, PRIVATE_STREAM_ID, type AdtsConfig } from './pes.ts';
import { STREAM_TYPES } from './psi.ts';

export type AudioStream = {
  readonly streamType: number;
  readonly streamId: number;
  readonly descriptors: Uint8Array;
  /** AAC only: each frame has a header. Frames of other codecs have a syncword of their own. */
  readonly adts: AdtsConfig | null;
};

export function audioStream(codec: AudioCodec): AudioStream {
  return STREAMS[codec.family](codec);
}

const STREAMS: Readonly<Record<AudioCodec['family'], (codec: AudioCodec) => AudioStream>> = {
  aac: ({ config }) => ({ streamType: STREAM_TYPES.aac, streamId: AUDIO_STREAM_ID, descriptors: new Uint8Array(0), adts: adtsConfig(config) }),
  /** ATSC A/52:2018 annex G: stream_type 0x87 in private_stream_1; DVB readers go by ETSI EN 300 468 D.5. */
  eac3: (codec) => ({
    streamType: STREAM_TYPES.eac3,
    streamId: PRIVATE_STREAM_ID,
    descriptors: concatBytes([registration('EAC3'), descriptor(ENHANCED_AC3, [0x80, eac3Component(codec)])]),
    adts: null,
  }),
  /** ETSI TS 101 154 6.3 and EN 300 468 G.2: PES private data, named by the registration of its frame length. */
  dts: ({ config }) => {
    const facts = readDtsConfiguration(config);
    const core = facts.CoreLayout === NO_CORE ? [] : [descriptor(DTS, coreInfo(facts))];
    return { streamType: STREAM_TYPES.privateData, streamId: PRIVATE_STREAM_ID, descriptors: concatBytes([registration(dtsIdentifier(facts)), ...core]), adts: null };
  },
};

/** descriptor_tag values: ISO/IEC 13818-1:2019 table 2-45, EN 300 468 table 12. */
const REGISTRATION = 0x05;
const ENHANCED_AC3 = 0x7a;
const DTS = 0x7b;

function descriptor(tag: number, data: readonly number[]): Uint8Array {
  return Uint8Array.of(tag, data.length, ...data);
}

function registration(identifier: string): Uint8Array {
  return descriptor(REGISTRATION, Array.from(identifier, (char) => char.charCodeAt(0)));
}

/** component_type (EN 300 468 table D.1): enhanced AC-3, a full service for everybody, and the number of channels. */
function eac3Component({ config }: AudioCodec): number {
  const { channels } = readEac3Configuration(config);
  const layout = channels === 1 ? 0 : channels === 2 ? 2 : channels <= 6 ? 4 : 5;
  return 0xc0 | layout;
}

const NO_CORE = 31;

/** Registered by SMPTE for 512, 1024 and 2048 samples in a frame; longer frames (DTS Express) have no identifier of their own. */
function dtsIdentifier({ frameDuration }: DtsConfiguration): string {
  return frameDuration <= 512 ? 'DTS1' : frameDuration <= 1024 ? 'DTS2' : 'DTS3';
}

/** sample_rate_code (EN 300 468 table G.1). */
const CORE_RATES: readonly number[] = [0, 8000, 16000, 32000, 64000, 128000, 11025, 22050, 44100, 88200, 176400, 12000, 24000, 48000, 96000, 192000];
/** bit_rate_code "open" (table G.2): not stated. */
const OPEN_RATE = 29;
const BLOCK = 32;

/** DTS_descriptor (EN 300 468 G.2.1): rate code 4, bit rate code 6, NBLKS 7, FSIZE 14, surround mode 6, LFE 1, extended surround 2. */
function coreInfo({ DTSSamplingFrequency, frameDuration, CoreSize, CoreLayout, CoreLFEPresent }: DtsConfiguration): readonly number[] {
  const fields: readonly (readonly [bits: number, value: number])[] = [
    [4, Math.max(0, CORE_RATES.indexOf(DTSSamplingFrequency))], [6, OPEN_RATE], [7, frameDuration / BLOCK - 1], [14, Math.max(0, CoreSize - 1)], [6, CoreLayout], [1, CoreLFEPresent], [2, 0],
  ];
  let value = 0n;
  for (const [bits, field] of fields) value = (value << BigInt(bits)) | BigInt(field);
  return Array.from({ length: 5 }, (_, i) => Number((value >> BigInt(8 * (4 - i))) & 0xffn));
}
