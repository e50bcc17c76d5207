/** What ffprobe says of a mezzanine file. */
import { z } from 'zod';
import { IsomerError } from '../errors.ts';

const Stream = z.looseObject({
  index: z.number(),
  codec_type: z.string().optional(),
  codec_name: z.string().optional(),
  width: z.number().optional(),
  height: z.number().optional(),
  sample_aspect_ratio: z.string().optional(),
  r_frame_rate: z.string().optional(),
  avg_frame_rate: z.string().optional(),
  field_order: z.string().optional(),
  channels: z.number().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  disposition: z.record(z.string(), z.number()).optional(),
  side_data_list: z.array(z.looseObject({ rotation: z.number().optional() })).optional(),
});

const Probe = z.looseObject({ format: z.looseObject({ duration: z.string().optional() }), streams: z.array(Stream) });

export type SourceVideo = {
  readonly index: number;
  /** Displayed size in square pixels, after rotation. */
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
  /** The frame rate varies: time stamps are kept as they are. */
  readonly variable: boolean;
  readonly interlaced: boolean;
};

export type SourceAudio = { readonly index: number; readonly channels: number; readonly language: string; readonly title: string | null; readonly description: boolean };

export type SourceFacts = { readonly duration: number; readonly video: SourceVideo | null; readonly audio: readonly SourceAudio[] };

export const PROBE_ARGUMENTS: readonly string[] = ['-v', 'error', '-of', 'json', '-show_format', '-show_streams'];

export function readProbe(json: string, input: string): SourceFacts {
  const parsed = Probe.safeParse(JSON.parse(json === '' ? '{}' : json));
  if (!parsed.success) throw new IsomerError('ISOMER_ENCODE_INPUT', { where: input, expected: 'a media file that ffprobe can read' });
  const { streams, format } = parsed.data;
  const video = streams.find((stream) => stream.codec_type === 'video' && stream.disposition?.['attached_pic'] !== 1);
  const audio = streams.filter((stream) => stream.codec_type === 'audio' && stream.codec_name !== undefined);
  const duration = Number(format.duration ?? 0);
  if (video === undefined && audio.length === 0) throw new IsomerError('ISOMER_ENCODE_INPUT', { where: input, expected: 'video or audio', found: `${streams.length} streams of other kinds` });
  return { duration, video: video === undefined ? null : videoFacts(video, input), audio: audio.map(audioFacts) };
}

function videoFacts(stream: z.output<typeof Stream>, input: string): SourceVideo {
  const { index, width = 0, height = 0, field_order: order } = stream;
  if (width === 0 || height === 0) throw new IsomerError('ISOMER_ENCODE_INPUT', { where: input, expected: 'a video with a size', found: `${width}x${height}` });
  const ratio = fraction(stream.sample_aspect_ratio?.replace(':', '/')) || 1;
  const rotation = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation ?? Number(stream.tags?.['rotate'] ?? 0);
  const square = ratio >= 1 ? { width: Math.round(width * ratio), height } : { width, height: Math.round(height / ratio) };
  const turned = Math.abs(rotation) % 180 === 90;
  const [nominal, average] = [fraction(stream.r_frame_rate), fraction(stream.avg_frame_rate)];
  const variable = nominal > 0 && average > 0 && Math.abs(nominal - average) / nominal > 0.005;
  return {
    index,
    width: turned ? square.height : square.width,
    height: turned ? square.width : square.height,
    frameRate: average || nominal || 25,
    variable,
    interlaced: order !== undefined && !['progressive', 'unknown'].includes(order),
  };
}

function audioFacts(stream: z.output<typeof Stream>): SourceAudio {
  const language = stream.tags?.['language'] ?? 'und';
  return {
    index: stream.index,
    channels: stream.channels ?? 2,
    language: /^[a-z]{3}$/.test(language) ? language : 'und',
    title: stream.tags?.['title'] ?? null,
    description: stream.disposition?.['visual_impaired'] === 1 || stream.disposition?.['descriptions'] === 1,
  };
}

function fraction(text: string | undefined): number {
  const [numerator, denominator] = (text ?? '').split('/').map(Number);
  return numerator > 0 && denominator > 0 ? numerator / denominator : 0;
}
