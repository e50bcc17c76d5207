/** DTS: the body of ddts (ETSI TS 102 114 V1.6.1 E.2.2.3). */
import { Bits } from '../bytes.ts';

export type DtsConfiguration = {
  readonly DTSSamplingFrequency: number;
  readonly maxBitrate: number;
  readonly avgBitrate: number;
  readonly pcmSampleDepth: number;
  /** PCM samples per frame: 512, 1024, 2048 or 4096. */
  readonly frameDuration: number;
  readonly StreamConstruction: number;
  readonly channelLayout: number;
  readonly channels: number;
};

/** Channels that each bit of ChannelLayout stands for, from bit 0: C, L/R, Ls/Rs, LFE, Cs, Lh/Rh, … */
const LAYOUT_CHANNELS: readonly number[] = [1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 2, 1, 2, 1, 2];

export function readDtsConfiguration(bytes: Uint8Array, where = 'ddts'): DtsConfiguration {
  const bits = new Bits(bytes, { code: 'ISOMER_CODEC_MALFORMED', where });
  const DTSSamplingFrequency = bits.u(32);
  const maxBitrate = bits.u(32);
  const avgBitrate = bits.u(32);
  const pcmSampleDepth = bits.u(8);
  const frameDuration = 512 << bits.u(2);
  const StreamConstruction = bits.u(5);
  bits.skip(1 + 6 + 14 + 1 + 3); // CoreLFEPresent, CoreLayout, CoreSize, StereoDownmix, RepresentationType
  const channelLayout = bits.u(16);
  const channels = LAYOUT_CHANNELS.reduce((sum, count, bit) => sum + ((channelLayout >>> bit) & 1 ? count : 0), 0);
  if (DTSSamplingFrequency === 0) throw bits.fail('DTSSamplingFrequency', 'more than 0', '0');
  return { DTSSamplingFrequency, maxBitrate, avgBitrate, pcmSampleDepth, frameDuration, StreamConstruction, channelLayout, channels };
}
