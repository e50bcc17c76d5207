/** AAC: AudioSpecificConfig in all its signalling forms (ISO/IEC 14496-3:2019 1.6). */
import { Bits } from '../bits.ts';
import type { Place } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import type { AudioCodec } from '../model/codec.ts';

export type AacConfiguration = {
  /** Of the core coder: 2 is AAC LC. */
  readonly audioObjectType: number;
  /** The type that RFC 6381 names: 5 with SBR, 29 with PS, else the core's. */
  readonly signalledObjectType: number;
  readonly sbr: boolean;
  readonly ps: boolean;
  /** The configuration does not say whether there is SBR: only the payload can tell (1.6.5.2, implicit signalling). */
  readonly open: boolean;
  /** Of the core coder, in Hz. */
  readonly coreSampleRate: number;
  /** After SBR. */
  readonly sampleRate: number;
  /** Of the core coder; 0 when a program_config_element gives the layout. */
  readonly channelConfiguration: number;
  readonly coreChannels: number;
  /** After PS. */
  readonly channels: number;
  /** PCM samples per channel and access unit of the core coder: 1024 or 960. */
  readonly frameLength: number;
};

/** 14496-3:2019 table 1.18. */
export const SAMPLING_FREQUENCIES: readonly number[] = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
const EXPLICIT_FREQUENCY = 15;
/** 14496-3:2019 table 1.19, by channelConfiguration; undefined is reserved. */
const CHANNELS: readonly (number | undefined)[] = [0, 1, 2, 3, 4, 5, 6, 8, undefined, undefined, undefined, 7, 8, 24, 8];
const SBR = 5;
const PS = 29;
/** Object types whose configuration is a GASpecificConfig (1.6.2.1). */
const GENERAL_AUDIO: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23]);
/** Of the core below SBR in the levels that are in use (table 1.13): the output has twice the rate. */
const MAX_CORE_RATE = 24000;
const SYNC_EXTENSION_SBR = 0x2b7;
const SYNC_EXTENSION_PS = 0x548;

export function readAacConfiguration(bytes: Uint8Array, where = 'AudioSpecificConfig'): AacConfiguration {
  const place: Place = { code: 'ISOMER_CODEC_MALFORMED', where };
  const bits = new Bits(bytes, place);
  let audioObjectType = readObjectType(bits);
  const coreSampleRate = readFrequency(bits);
  let channelConfiguration = bits.u(4);
  let sbr = false;
  let ps = false;
  let sampleRate = coreSampleRate;
  if (audioObjectType === SBR || audioObjectType === PS) {
    sbr = true;
    ps = audioObjectType === PS;
    sampleRate = readFrequency(bits);
    audioObjectType = readObjectType(bits);
    if (audioObjectType === 22) channelConfiguration = bits.u(4);
  }
  if (!GENERAL_AUDIO.has(audioObjectType)) {
    throw new IsomerError('MPE_AUDIO_ENCODING_NOT_SUPPORTED', { where, expected: 'AAC', found: `MPEG-4 audio object type ${audioObjectType}` });
  }
  const { frameLength, channels } = readGeneralAudio(bits, audioObjectType, channelConfiguration);
  let told = sbr;
  // The sync extension, which decoders that know no SBR pass over (1.6.6).
  if (!sbr && bits.left >= 16 && bits.u(11) === SYNC_EXTENSION_SBR) {
    if (readObjectType(bits) === SBR) {
      told = true;
      sbr = bits.flag();
      if (sbr) {
        sampleRate = readFrequency(bits);
        if (bits.left >= 12 && bits.u(11) === SYNC_EXTENSION_PS) ps = bits.flag();
      }
    }
  }
  return {
    audioObjectType,
    signalledObjectType: signalled(audioObjectType, sbr, ps),
    sbr,
    ps,
    open: !told && audioObjectType === 2 && frameLength === 1024 && coreSampleRate <= MAX_CORE_RATE,
    coreSampleRate,
    sampleRate,
    channelConfiguration,
    coreChannels: channels,
    channels: ps && channels === 1 ? 2 : channels,
    frameLength,
  };
}

/** What manifests tell of a configuration. */
export function aacFacts({ signalledObjectType, sbr, sampleRate, channels, coreSampleRate, coreChannels }: AacConfiguration): Pick<AudioCodec, 'rfc6381' | 'sampleRate' | 'channels' | 'core'> {
  // RFC 6381 3.3: object type indication 0x40, then the audio object type.
  return { rfc6381: `mp4a.40.${signalledObjectType}`, sampleRate, channels, ...(sbr ? { core: { sampleRate: coreSampleRate, channels: coreChannels } } : {}) };
}

/**
 * The configuration of a stream whose payload has SBR, though nothing says so. A core of one channel may have parametric stereo as well,
 * now or later, so decoders put out two channels.
 */
export function withImplicitSbr(configuration: AacConfiguration): AacConfiguration {
  const { audioObjectType, coreSampleRate, channels } = configuration;
  const ps = channels === 1;
  return { ...configuration, sbr: true, ps, open: false, signalledObjectType: signalled(audioObjectType, true, ps), sampleRate: 2 * coreSampleRate, channels: ps ? 2 : channels };
}

function signalled(audioObjectType: number, sbr: boolean, ps: boolean): number {
  if (ps) return PS;
  return sbr ? SBR : audioObjectType;
}

function readObjectType(bits: Bits): number {
  const type = bits.u(5);
  return type === 31 ? 32 + bits.u(6) : type;
}

function readFrequency(bits: Bits): number {
  const index = bits.u(4);
  const frequency = index === EXPLICIT_FREQUENCY ? bits.u(24) : SAMPLING_FREQUENCIES[index];
  if (frequency === undefined || frequency === 0) throw bits.fail('sampling frequency', 'an index of 0 to 12, or 15 and a frequency', index === EXPLICIT_FREQUENCY ? '0 Hz' : `index ${index}`);
  return frequency;
}

/** GASpecificConfig, 14496-3:2019 4.4.1. */
function readGeneralAudio(bits: Bits, audioObjectType: number, channelConfiguration: number): { readonly frameLength: number; readonly channels: number } {
  const frameLength = bits.flag() ? 960 : 1024;
  if (bits.flag()) bits.skip(14); // coreCoderDelay
  const extensionFlag = bits.flag();
  const channels = channelConfiguration === 0 ? readProgramConfig(bits) : CHANNELS[channelConfiguration];
  if (channels === undefined || channels === 0) throw bits.fail('channelConfiguration', '1 to 7, 11 to 14, or 0 and a program_config_element with channels', String(channelConfiguration));
  if (audioObjectType === 6 || audioObjectType === 20) bits.skip(3); // layerNr
  if (extensionFlag) {
    if (audioObjectType === 22) bits.skip(16); // numOfSubFrame, layer_length
    if ([17, 19, 20, 23].includes(audioObjectType)) bits.skip(3); // resilience flags
    bits.skip(1); // extensionFlag3
  }
  return { frameLength, channels };
}

/** program_config_element, 14496-3:2019 4.4.1.1: the channels that it places. */
function readProgramConfig(bits: Bits): number {
  bits.skip(4 + 2 + 4); // element_instance_tag, object_type, sampling_frequency_index
  const front = bits.u(4);
  const side = bits.u(4);
  const back = bits.u(4);
  const lfe = bits.u(2);
  const associated = bits.u(3);
  const coupling = bits.u(4);
  if (bits.flag()) bits.skip(4); // mono_mixdown
  if (bits.flag()) bits.skip(4); // stereo_mixdown
  if (bits.flag()) bits.skip(3); // matrix_mixdown
  let channels = lfe;
  for (let element = 0; element < front + side + back; element++) {
    channels += bits.flag() ? 2 : 1; // is_cpe
    bits.skip(4);
  }
  bits.skip(4 * lfe + 4 * associated + 5 * coupling);
  bits.skip((8 - (bits.position & 7)) & 7); // byte_alignment, relative to the start of the configuration
  bits.skip(8 * bits.u(8)); // comment_field_data
  return channels;
}
