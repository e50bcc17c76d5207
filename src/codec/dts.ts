/** DTS: the body of ddts (ETSI TS 102 114 V1.6.1 E.2.2.3). */
import { Bits } from '../bits.ts';
import { Reader, Sizer, Writer, type Io } from '../bytes.ts';

export type DtsConfiguration = {
  readonly DTSSamplingFrequency: number;
  readonly maxBitrate: number;
  readonly avgBitrate: number;
  readonly pcmSampleDepth: number;
  /** PCM samples per frame: 512, 1024, 2048 or 4096. */
  readonly frameDuration: number;
  readonly StreamConstruction: number;
  readonly CoreLFEPresent: number;
  /** The core's AMODE; 31: there is no core. */
  readonly CoreLayout: number;
  /** Bytes of a core frame; some writers store one less. */
  readonly CoreSize: number;
  readonly StereoDownmix: number;
  readonly RepresentationType: number;
  readonly channelLayout: number;
  readonly MultiAssetFlag: number;
  readonly LBRDurationMod: number;
};

/** Channels that each bit of ChannelLayout stands for, from bit 0: C, L/R, Ls/Rs, LFE, Cs, Lh/Rh, … */
const LAYOUT_CHANNELS: readonly number[] = [1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 2, 1, 2, 1, 2];
const SHORTEST_FRAME = 512;

export function dtsChannels({ channelLayout }: Pick<DtsConfiguration, 'channelLayout'>): number {
  return LAYOUT_CHANNELS.reduce((sum, count, bit) => sum + ((channelLayout >>> bit) & 1 ? count : 0), 0);
}

export function readDtsConfiguration(bytes: Uint8Array, where = 'ddts'): DtsConfiguration {
  const place = { code: 'ISOMER_CODEC_MALFORMED', where } as const;
  const configuration = ddts(new Reader(bytes, place), null);
  if (configuration.DTSSamplingFrequency === 0) throw new Bits(bytes, place).fail('DTSSamplingFrequency', 'more than 0', '0');
  return configuration;
}

export function writeDtsConfiguration(configuration: DtsConfiguration): Uint8Array {
  const sizer = new Sizer();
  ddts(sizer, configuration);
  const bytes = new Uint8Array(sizer.size);
  ddts(new Writer(bytes), configuration);
  return bytes;
}

/** What follows (a reserved box) is left unread. */
function ddts(io: Io, value: DtsConfiguration | null): DtsConfiguration {
  const DTSSamplingFrequency = io.u32(value?.DTSSamplingFrequency ?? 0);
  const maxBitrate = io.u32(value?.maxBitrate ?? 0);
  const avgBitrate = io.u32(value?.avgBitrate ?? 0);
  const pcmSampleDepth = io.u8(value?.pcmSampleDepth ?? 0);
  const code = value === null ? 0 : Math.round(Math.log2(value.frameDuration / SHORTEST_FRAME));
  // 2 + 5 + 1 + 6 + 14 + 1 + 3 bits, then 16 + 1 + 1 + 1 + 5.
  const [duration, StreamConstruction, CoreLFEPresent, CoreLayout, CoreSize, StereoDownmix, RepresentationType] = io.bits(
    [2, 5, 1, 6, 14, 1, 3],
    [code, value?.StreamConstruction ?? 0, value?.CoreLFEPresent ?? 0, value?.CoreLayout ?? 0, value?.CoreSize ?? 0, value?.StereoDownmix ?? 0, value?.RepresentationType ?? 0],
  );
  const channelLayout = io.u16(value?.channelLayout ?? 0);
  const [MultiAssetFlag, LBRDurationMod] = io.bits([1, 1, 1, 5], [value?.MultiAssetFlag ?? 0, value?.LBRDurationMod ?? 0, 0, 0]);
  return {
    DTSSamplingFrequency, maxBitrate, avgBitrate, pcmSampleDepth, frameDuration: SHORTEST_FRAME << duration, StreamConstruction, CoreLFEPresent, CoreLayout, CoreSize,
    StereoDownmix, RepresentationType, channelLayout, MultiAssetFlag, LBRDurationMod,
  };
}
