/** Custom presets in the shape of the AMS v3 REST API's StandardEncoderPreset. Unknown wishes are refused, not dropped. */
import { z } from 'zod';
import { IsomerError } from '../errors.ts';
import { DEFAULT_PATTERN, type AudioTarget, type EncodePreset, type Layer } from './presets.ts';

const odata = (name: string): z.ZodLiteral<string> => z.literal(`#Microsoft.Media.${name}`);
const pixels = z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]).pipe(z.number().int().min(2).max(8192));
/** PT2S, PT0.5S, PT1M: the ISO 8601 durations that presets use. */
const duration = z
  .string()
  .regex(/^PT(?:\d+M)?(?:\d+(?:\.\d+)?S)?$/, 'an ISO 8601 duration such as PT2S')
  .transform((text) => Number(/(\d+)M/.exec(text)?.[1] ?? 0) * 60 + Number(/([\d.]+)S/.exec(text)?.[1] ?? 0));

const H264Layer = z.strictObject({
  '@odata.type': odata('H264Layer').optional(),
  bitrate: z.number().int().min(10_000).max(200_000_000),
  maxBitrate: z.number().int().optional(),
  width: pixels.optional(),
  height: pixels.optional(),
  label: z.string().optional(),
  profile: z.enum(['Auto', 'Baseline', 'Main', 'High']).default('Auto'),
  level: z.literal('auto').or(z.literal('Auto')).optional(),
  bFrames: z.number().int().min(0).max(8).default(3),
  bufferWindow: duration.optional(),
  referenceFrames: z.number().int().min(1).max(16).optional(),
  adaptiveBFrame: z.boolean().optional(),
  entropyMode: z.enum(['Cabac']).optional(),
});

const H264Video = z.strictObject({
  '@odata.type': odata('H264Video'),
  keyFrameInterval: duration.default(2),
  complexity: z.enum(['Speed', 'Balanced', 'Quality']).optional(),
  stretchMode: z.enum(['AutoSize', 'AutoFit']).optional(),
  syncMode: z.enum(['Auto', 'Passthrough', 'Vfr']).optional(),
  sceneChangeDetection: z.literal(false).optional(),
  rateControlMode: z.enum(['ABR', 'CBR']).optional(),
  label: z.string().optional(),
  layers: z.array(H264Layer).min(1).max(16),
});

const AacAudio = z.strictObject({
  '@odata.type': odata('AacAudio'),
  channels: z.number().int().min(1).max(8).default(2),
  samplingRate: z.number().int().min(11_025).max(96_000).default(48_000),
  bitrate: z.number().int().min(16_000).max(1_024_000).default(128_000),
  profile: z.enum(['AacLc']).optional(),
  label: z.string().optional(),
});

const Mp4Format = z.strictObject({
  '@odata.type': odata('Mp4Format'),
  filenamePattern: z.string().regex(/^[^/\\]+$/, 'a file name without folders'),
});

export const StandardEncoderPreset = z.strictObject({
  '@odata.type': odata('StandardEncoderPreset').optional(),
  codecs: z.array(z.discriminatedUnion('@odata.type', [H264Video, AacAudio])).min(1),
  formats: z.array(Mp4Format).max(1).optional(),
});

export function customPreset(text: string, file: string): EncodePreset {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new IsomerError('ISOMER_ENCODE_PRESET', { where: file, expected: 'JSON', found: (error as Error).message });
  }
  const parsed = StandardEncoderPreset.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new IsomerError('ISOMER_ENCODE_PRESET', { what: issue.message, where: `${file}: ${issue.path.join('.') || 'document'}`, expected: 'a StandardEncoderPreset' });
  }
  const { codecs, formats } = parsed.data;
  const videos = codecs.filter((codec) => codec['@odata.type'] === '#Microsoft.Media.H264Video') as z.output<typeof H264Video>[];
  const audios = codecs.filter((codec) => codec['@odata.type'] === '#Microsoft.Media.AacAudio') as z.output<typeof AacAudio>[];
  if (videos.length > 1 || audios.length > 1) {
    throw new IsomerError('ISOMER_ENCODE_PRESET', { where: `${file}: codecs`, expected: 'at most one H264Video and one AacAudio', found: `${videos.length} and ${audios.length}` });
  }
  return {
    name: file,
    layers: videos.flatMap((video) => video.layers.map(toLayer)),
    audio: audios.map(({ bitrate, samplingRate, channels }): AudioTarget => ({ bitrate, sampleRate: samplingRate, channels }))[0] ?? null,
    gopSeconds: videos[0]?.keyFrameInterval ?? 2,
    exactBitrates: true,
    filenamePattern: formats?.[0]?.filenamePattern ?? DEFAULT_PATTERN,
  };
}

function toLayer(layer: z.output<typeof H264Layer>, index: number): Layer {
  if (layer.width === undefined && layer.height === undefined) {
    throw new IsomerError('ISOMER_ENCODE_PRESET', { where: `layers.${index}`, expected: 'height or width', found: 'neither' });
  }
  const profile = layer.profile === 'Baseline' ? 'baseline' : layer.profile === 'Main' ? 'main' : 'high';
  // A width alone is turned into a height of 16:9; the source's own ratio decides the other side when it is encoded.
  const height = layer.height ?? Math.round(((layer.width ?? 0) * 9) / 16 / 2) * 2;
  return { height, width: layer.width ?? null, bitrate: layer.bitrate, profile, bFrames: profile === 'baseline' ? 0 : layer.bFrames, label: layer.label ?? `${height}p` };
}
