/** PES packet headers and the elementary stream headers that a transport stream wants. */
import { readAacLayout } from '../codec/aaclayout.ts';
import { IsomerError } from '../errors.ts';

export const VIDEO_STREAM_ID = 0xe0;
export const AUDIO_STREAM_ID = 0xc0;
/** private_stream_1 (ISO/IEC 13818-1:2019 table 2-22). */
export const PRIVATE_STREAM_ID = 0xbd;
/** Access unit delimiter for any slice types (ISO/IEC 14496-10:2022 7.3.2.4), with its start code. */
export const AVC_ACCESS_UNIT_DELIMITER = Uint8Array.of(0, 0, 0, 1, 9, 0xf0);
export const ADTS_BYTES = 7;
/** PTS and DTS are 33 bits wide. */
export const CLOCK_WRAP = 2 ** 33;

/** Bytes of a PES header: 9, and 5 for each time stamp. */
export function pesHeaderBytes(pts: number, dts: number): number {
  return pts === dts ? 14 : 19;
}

/** ISO/IEC 13818-1:2019 2.4.3.6. `payload` is 0 for video, whose packets have no stated length. */
export function writePesHeader(out: Uint8Array, at: number, streamId: number, payload: number, pts: number, dts: number): number {
  const stamps = pts === dts ? 5 : 10;
  const length = payload === 0 ? 0 : payload + 3 + stamps;
  out[at] = 0;
  out[at + 1] = 0;
  out[at + 2] = 1;
  out[at + 3] = streamId;
  out[at + 4] = length >> 8;
  out[at + 5] = length;
  out[at + 6] = 0x84;
  out[at + 7] = stamps === 5 ? 0x80 : 0xc0;
  out[at + 8] = stamps;
  writeStamp(out, at + 9, stamps === 5 ? 2 : 3, pts);
  if (stamps === 10) writeStamp(out, at + 14, 1, dts);
  return at + 9 + stamps;
}

function writeStamp(out: Uint8Array, at: number, prefix: number, time: number): void {
  const high = Math.floor(time / 2 ** 30);
  const low = time % 2 ** 30;
  out[at] = (prefix << 4) | (high << 1) | 1;
  out[at + 1] = low >>> 22;
  out[at + 2] = ((low >>> 14) & 0xfe) | 1;
  out[at + 3] = low >>> 7;
  out[at + 4] = ((low << 1) & 0xfe) | 1;
}

/** What an ADTS header repeats of the AudioSpecificConfig: the core's object type, rate index and channels. */
export type AdtsConfig = {
  readonly objectType: number;
  readonly rateIndex: number;
  readonly channelConfiguration: number;
  /** With channel configuration 0: the program_config_element, as an element that stands first in a raw data block (14496-3 4.5.1.2). */
  readonly layout: Uint8Array;
};

/** The first bits of an AudioSpecificConfig (ISO/IEC 14496-3:2019 1.6.2.1); SBR and PS stay implicit in ADTS. */
export function adtsConfig(config: Uint8Array): AdtsConfig {
  let objectType = config[0] >> 3;
  let rateIndex = ((config[0] & 7) << 1) | (config[1] >> 7);
  const channelConfiguration = (config[1] >> 3) & 15;
  // Hierarchical SBR (5) or PS (29): an extension rate index in bits 13 to 16, then the core's object type.
  if (objectType === 5 || objectType === 29) {
    const explicitRate = (((config[1] & 7) << 1) | (config[2] >> 7)) === 15;
    objectType = explicitRate ? 0 : (config[2] >> 2) & 31;
  }
  if (rateIndex > 12) rateIndex = -1;
  if (objectType < 1 || objectType > 4 || rateIndex < 0 || channelConfiguration > 7) {
    throw new IsomerError('MPE_AUDIO_ENCODING_NOT_SUPPORTED', {
      what: 'AudioSpecificConfig in a transport stream',
      expected: 'object types 1 to 4, a listed sampling rate and channel configurations 0 to 7',
      found: `object type ${objectType}, rate index ${rateIndex}, channel configuration ${channelConfiguration}`,
    });
  }
  return { objectType, rateIndex, channelConfiguration, layout: channelConfiguration === 0 ? readAacLayout(config) : NO_LAYOUT };
}

const NO_LAYOUT = new Uint8Array(0);

/** adts_fixed_header and adts_variable_header without CRC (ISO/IEC 14496-3:2019 1.A.2.2). */
export function writeAdtsHeader(out: Uint8Array, at: number, { objectType, rateIndex, channelConfiguration }: AdtsConfig, payload: number): number {
  const length = payload + ADTS_BYTES;
  out[at] = 0xff;
  out[at + 1] = 0xf1;
  out[at + 2] = ((objectType - 1) << 6) | (rateIndex << 2) | (channelConfiguration >> 2);
  out[at + 3] = ((channelConfiguration & 3) << 6) | (length >> 11);
  out[at + 4] = length >> 3;
  out[at + 5] = ((length & 7) << 5) | 0x1f;
  out[at + 6] = 0xfc;
  return at + ADTS_BYTES;
}
