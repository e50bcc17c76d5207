/**
 * Encoding ladders of the AMS built-in presets: a preset is a row. Targets are kbit/s at 29.97 pictures a second;
 * the measured values of AMS for other rates fit (rate / 29.97) ^ 0.8 within 1 % (2940 for 3520 at 23.976).
 */
import { IsomerError } from '../errors.ts';

/** One video quality. Width follows from the source's aspect ratio when it is null. */
export type Layer = {
  readonly height: number;
  readonly width: number | null;
  /** Target in bit/s. */
  readonly bitrate: number;
  readonly profile: 'baseline' | 'main' | 'high';
  readonly bFrames: number;
  readonly label: string;
};

export type AudioTarget = { readonly bitrate: number; readonly sampleRate: number; readonly channels: number };

export type EncodePreset = {
  readonly name: string;
  readonly layers: readonly Layer[];
  /** Null: no audio is written. */
  readonly audio: AudioTarget | null;
  /** Time between key frames, seconds. */
  readonly gopSeconds: number;
  /** Layers keep their bitrate whatever the frame rate; false: scaled as above. */
  readonly exactBitrates: boolean;
  readonly filenamePattern: string;
};

const REFERENCE_RATE = 30000 / 1001;
const AAC_128K: AudioTarget = { bitrate: 128_000, sampleRate: 48_000, channels: 2 };
export const DEFAULT_PATTERN = '{Basename}_{Width}x{Height}_{Bitrate}{Extension}';

const ladder = (...rungs: readonly (readonly [height: number, kbps: number])[]): readonly Layer[] =>
  rungs.map(([height, kbps]) => ({ height, width: null, bitrate: kbps * 1000, profile: 'high', bFrames: 3, label: `${height}p` }));

const PRESETS: Readonly<Record<string, { readonly layers: readonly Layer[]; readonly exactBitrates: boolean; readonly audio: AudioTarget | null }>> = {
  AdaptiveStreaming: { layers: ladder([1080, 6780], [720, 3520], [540, 2210], [360, 1150], [270, 720], [180, 380]), exactBitrates: false, audio: AAC_128K },
  H264MultipleBitrate1080p: { layers: ladder([1080, 6000], [1080, 4700], [720, 3400], [540, 2250], [540, 1500], [360, 1000], [360, 650], [180, 400]), exactBitrates: true, audio: AAC_128K },
  H264MultipleBitrate720p: { layers: ladder([720, 3400], [540, 2250], [540, 1500], [360, 1000], [360, 650], [180, 400]), exactBitrates: true, audio: AAC_128K },
  H264MultipleBitrateSD: { layers: ladder([480, 1600], [480, 1300], [360, 1000], [360, 650], [240, 400]), exactBitrates: true, audio: AAC_128K },
  H264SingleBitrate1080p: { layers: ladder([1080, 6750]), exactBitrates: true, audio: AAC_128K },
  H264SingleBitrate720p: { layers: ladder([720, 4500]), exactBitrates: true, audio: AAC_128K },
  H264SingleBitrateSD: { layers: ladder([480, 2200]), exactBitrates: true, audio: AAC_128K },
  AACGoodQualityAudio: { layers: [], exactBitrates: true, audio: { ...AAC_128K, bitrate: 192_000 } },
};

export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

export function builtInPreset(name: string): EncodePreset {
  const found = Object.entries(PRESETS).find(([other]) => other.toLowerCase() === name.toLowerCase());
  if (found === undefined) {
    throw new IsomerError('ISOMER_ENCODE_PRESET', { what: 'preset', expected: `a file name ending in .json or one of ${PRESET_NAMES.join(', ')}`, found: name });
  }
  return { name: found[0], gopSeconds: 2, filenamePattern: DEFAULT_PATTERN, ...found[1] };
}

/** The rungs that a source can fill: none above its height (the nearest one stands in), bitrates for its frame rate. */
export function fitLadder(preset: EncodePreset, source: { readonly height: number; readonly frameRate: number }): readonly Layer[] {
  const factor = preset.exactBitrates ? 1 : (source.frameRate / REFERENCE_RATE) ** 0.8;
  const scaled = preset.layers.map((layer) => ({ ...layer, bitrate: Math.round((layer.bitrate * factor) / 1000) * 1000 }));
  const fitting = scaled.filter((layer) => layer.height <= source.height);
  const nearest = scaled.filter((layer) => layer.height > source.height).at(-1);
  const between = nearest !== undefined && (fitting.length === 0 || source.height > fitting[0].height * 1.2);
  return between && nearest !== undefined ? [{ ...nearest, height: evenFloor(source.height), width: null, label: `${evenFloor(source.height)}p` }, ...fitting] : fitting;
}

export function evenFloor(pixels: number): number {
  return Math.max(2, Math.floor(pixels / 2) * 2);
}
