/** Recipe of a corpus asset: corpus/assets/ID/asset.json. */
import { z } from 'zod';
import { HonestyClass, TextPlace } from './truth.ts';

const Rate = z.tuple([z.number().int().positive(), z.number().int().positive()]);

/** Captions inside the pictures; times in seconds. */
export const CaptionRecipe = z.strictObject({
  channel: z.enum(['CC1', 'CC2', 'CC3', 'CC4', 'SERVICE1']),
  /** Of CEA-608. `pop`: a cue is loaded before its start and appears then. `roll`, `paint`: its letters come from its start on; `roll` of two rows, erased at the end of the last. */
  mode: z.enum(['pop', 'roll', 'paint']).default('pop'),
  cues: z.array(z.strictObject({ start: z.number(), end: z.number(), text: z.string().max(22) })),
});
export type CaptionRecipe = z.infer<typeof CaptionRecipe>;

export const VideoRecipe = z.strictObject({
  width: z.number().int(),
  height: z.number().int(),
  /** Pictures per second as [numerator, denominator]. */
  rate: Rate,
  frames: z.number().int().positive(),
  /** Pictures from key frame to key frame. */
  gop: z.number().int().positive(),
  /** Pictures in front of a key frame may refer to pictures before it. */
  openGop: z.boolean().default(false),
  bFrames: z.number().int().min(0).max(4),
  kbps: z.number().int().positive(),
  /** baseline and high are of H.264, main10 is of HEVC. */
  profile: z.enum(['baseline', 'main', 'high', 'main10']),
  /** avc1 and hvc1: parameter sets in the sample entry alone; avc3 and hev1: before each key frame as well. */
  entry: z.enum(['avc1', 'avc3', 'hvc1', 'hev1']).default('avc1'),
  /** Of H.264: coded as fields or frames by choice (MBAFF), top field first; the pictures themselves do not move between fields. */
  interlaced: z.boolean().default(false),
  /** Of H.264: slices of a picture. */
  slices: z.number().int().min(1).max(8).default(1),
  /** Of H.264: a constant bit rate by filler data, with access unit delimiters and buffering periods. */
  filled: z.boolean().default(false),
  /** Shape of a pixel, as width to height. */
  pixel: Rate.optional(),
  /** Durations of the pictures in ticks of 90 kHz, repeated to the end; then `rate` only says how fast they are made. */
  durations: z.array(z.number().int().positive()).optional(),
  /** What the stream says of its transfer characteristics (the pictures are the same). */
  range: z.enum(['SDR', 'PQ', 'HLG']).default('SDR'),
  /** In a file of one track. */
  captions: z.array(CaptionRecipe).default([]),
  /** With captions: the programme's name as extended data (XDS) in field 2, once a second where there is room. */
  extendedData: z.string().max(20).optional(),
  /** Id in the picture marks, 0 to 15. */
  rendition: z.number().int().min(0).max(15),
});
export type VideoRecipe = z.infer<typeof VideoRecipe>;

export const AudioRecipe = z.strictObject({
  pilot: z.number().int(),
  language: z.string().length(3),
  sampleRate: z.number().int(),
  channels: z.number().int().min(1).max(8),
  /** The first four are encoded; the others are written by corpus/bitstream, each alone in its file. */
  codec: z.enum(['aac', 'eac3', 'dts', 'ac3', 'he-aac', 'he-aac-v2', 'eac3-71', 'eac3-joc', 'dts-lossless', 'dts-ma', 'dts-hra', 'dts-express']).default('aac'),
  /** Of HE-AAC: how its AudioSpecificConfig tells of it (ISO/IEC 14496-3 1.6.5). */
  signalling: z.enum(['hierarchical', 'compatible', 'implicit']).optional(),
  /** Of DTS: the sample entry is mp4a with object type 0xA9, as ffmpeg writes it, and says nothing of the stream. */
  unnamed: z.boolean().optional(),
  kbps: z.number().int(),
  /** Length in samples of the raw sound. */
  samples: z.number().int().positive(),
});
export type AudioRecipe = z.infer<typeof AudioRecipe>;

/** One media file: tracks in order, then what is done to the container. */
export const FileRecipe = z.strictObject({
  file: z.string(),
  video: VideoRecipe.optional(),
  audio: z.array(AudioRecipe).default([]),
  /** ffmpeg arguments for the output file. */
  output: z.array(z.string()).default(['-movflags', '+faststart']),
  /** A second pass that copies the streams, as ffmpeg arguments: [before the input, after it]. */
  remux: z.tuple([z.array(z.string()), z.array(z.string())]).optional(),
});
export type FileRecipe = z.infer<typeof FileRecipe>;

/** One element of the server manifest. */
export const ElementRecipe = z.strictObject({
  kind: z.enum(['video', 'audio']),
  src: z.string(),
  trackId: z.number().int(),
  bitrate: z.number().int().optional(),
  trackName: z.string().optional(),
  title: z.string().optional(),
  language: z.string().optional(),
  roles: z.array(z.string()).default([]),
  accessibility: z.array(z.string()).default([]),
});
export type ElementRecipe = z.infer<typeof ElementRecipe>;

/** A cue as it is meant, whatever it is written in. Times in milliseconds. */
export const CueRecipe = z.strictObject({
  id: z.string().default(''),
  start: z.number().int().nonnegative(),
  end: z.number().int().positive(),
  /** WebVTT cue text with i, b, u and the classes of colours; lines apart by \n. */
  text: z.string().min(1),
  place: TextPlace.optional(),
});
export type CueRecipe = z.infer<typeof CueRecipe>;

/** One text track: a file, and its element of the server manifest. */
export const TextRecipe = z.strictObject({
  file: z.string(),
  /** cea608: `channel` of the captions in the pictures of `file`; `cues` are what they are to be read as. */
  form: z.enum(['webvtt', 'ttml', 'stpp', 'wvtt', 'cea608']),
  channel: z.enum(['CC1', 'CC2', 'CC3', 'CC4']).optional(),
  /** TTML: how times are written. `nested`: relative to containers, and pretty-printed. */
  times: z.enum(['clock', 'frames', 'ticks', 'offset', 'nested']).default('clock'),
  /** TTML: in the namespaces of the 2006 draft. */
  draft: z.boolean().default(false),
  /** stpp and wvtt: samples per movie fragment, or one movie. */
  perFragment: z.number().int().positive().optional(),
  /** stpp: milliseconds from sample to sample. */
  step: z.number().int().positive().default(4000),
  /** stpp and wvtt: milliseconds to the end of the last sample. */
  duration: z.number().int().positive().optional(),
  language: z.string(),
  /** Where the language is told. */
  tells: z.enum(['manifest', 'file']).default('manifest'),
  bitrate: z.number().int().positive(),
  trackName: z.string().optional(),
  displayName: z.string().optional(),
  isDefault: z.boolean().default(false),
  characteristics: z.string().optional(),
  roles: z.array(z.string()).default([]),
  cues: z.array(CueRecipe),
});
export type TextRecipe = z.infer<typeof TextRecipe>;

export const AssetRecipe = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  title: z.string(),
  class: HonestyClass,
  purpose: z.array(z.string()),
  /** `ffmpeg` encodes `files`; `seed` writes the seed document's asset byte by byte. */
  maker: z.enum(['ffmpeg', 'seed']),
  files: z.array(FileRecipe).default([]),
  /** Name of the server manifest, without .ism. */
  name: z.string(),
  /** Form of the stored server manifest: as the encoder writes it, bare sources, classic with client manifest and byte order mark, or none. */
  ism: z.enum(['encoder', 'bare', 'classic', 'none']),
  /** Each file becomes a folder of its base name: a header and one file per fragment, as live archives are stored. */
  archive: z.boolean().default(false),
  elements: z.array(ElementRecipe).default([]),
  texts: z.array(TextRecipe).default([]),
});
export type AssetRecipe = z.infer<typeof AssetRecipe>;
