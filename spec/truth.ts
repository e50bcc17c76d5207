/**
 * The truth file of a corpus asset, `truth.json`: what is stored, sample by sample, and what a packager must make of it.
 * Written by the corpus generator with its own reader; read by the conformance suite.
 */
import { z } from 'zod';

/** How far the bytes can be trusted to be what their labels say. */
export const HonestyClass = z.enum(['encoded', 'bitstream-written', 'null-extension', 'signalling-only', 'malformed']);
export type HonestyClass = z.infer<typeof HonestyClass>;

/** Columns of one track; all have one entry per stored sample, in decoding order. Times in ticks of the track's timescale. */
export const TruthSamples = z.strictObject({
  size: z.array(z.number().int().nonnegative()),
  /** First 16 hexadecimal digits of SHA-256 over the stored sample. */
  raw: z.array(z.string().regex(/^[0-9a-f]{16}$/)),
  /**
   * The same over the payloads of the sample's NAL units, one after the other, without length fields and without access
   * unit delimiters and parameter sets (AVC types 7, 8, 9, 13, 15; HEVC 32 to 35). Null for anything but video.
   */
  normalised: z.array(z.string().regex(/^[0-9a-f]{16}$/)).nullable(),
  dts: z.array(z.number().int()),
  duration: z.array(z.number().int().nonnegative()),
  composition: z.array(z.number().int()),
  /** Presentation time on the presentation's timeline: edit lists applied, start moved back to a key frame where an edit starts inside a GOP. */
  pt: z.array(z.number().int()),
});
export type TruthSamples = z.infer<typeof TruthSamples>;

export const TruthTrack = z.strictObject({
  file: z.string(),
  trackId: z.number().int(),
  kind: z.enum(['video', 'audio']),
  /** Name that URLs must carry. */
  name: z.string(),
  /** Number that URLs must carry; null: the packager measures it. */
  bitrate: z.number().int().nullable(),
  /** As stored, ISO 639-2; empty when nothing says. */
  language: z.string(),
  label: z.string().nullable(),
  roles: z.array(z.string()),
  accessibility: z.array(z.string()),
  codec: z.strictObject({
    sampleEntry: z.string(),
    /** RFC 6381, hexadecimal digits in lower case. */
    rfc6381: z.string(),
    width: z.number().int().nullable(),
    height: z.number().int().nullable(),
    /** [numerator, denominator] when constant. */
    frameRate: z.tuple([z.number().int(), z.number().int()]).nullable(),
    sampleRate: z.number().int().nullable(),
    channels: z.number().int().nullable(),
    /** Complexity index of joint object coding (Dolby Atmos), where it is signalled. */
    objects: z.number().int().optional(),
    /** Hexadecimal: AudioSpecificConfig for AAC, else empty. */
    config: z.string(),
    /** Of the transfer characteristics that the stream states; absent: SDR, or sound. */
    range: z.enum(['SDR', 'PQ', 'HLG']).optional(),
    /** Hexadecimal: NAL units of the decoder configuration record in stored order. */
    parameterSets: z.array(z.string()),
  }),
  timescale: z.number().int().positive(),
  samples: TruthSamples,
  /** Indexes of the sync samples; null when every sample is one. */
  sync: z.array(z.number().int()).nullable(),
  /** Samples at the start that the timeline leaves out. */
  editedOut: z.number().int().nonnegative(),
  /** Marks in the picture: rendition id, and the counter of the first picture in presentation order that is kept. Null without marks. */
  pictures: z.strictObject({ rendition: z.number().int(), first: z.number().int(), count: z.number().int() }).nullable(),
  /** Pilot tone in Hz; null without marks. */
  pilot: z.number().nullable(),
});
export type TruthTrack = z.infer<typeof TruthTrack>;

/** Where a cue stands, in percent of the picture. */
export const TextPlace = z.strictObject({
  /** Of the edge, or the middle, that `anchor` names: lines grow away from it. */
  line: z.number().min(0).max(100),
  anchor: z.enum(['start', 'center', 'end']),
  /** Left edge and width of the lines' room. */
  x: z.number().min(0).max(100),
  width: z.number().positive().max(100),
  /** Of the lines in their room; start and end follow the direction of the text. */
  align: z.enum(['start', 'center', 'end']),
});
export type TextPlace = z.infer<typeof TextPlace>;

/** What both WebVTT and TTML can say of words: three styles, and the eight colours that WebVTT has names for. */
export const TextStyle = z.enum(['italic', 'bold', 'underline', 'white', 'lime', 'cyan', 'red', 'yellow', 'magenta', 'blue', 'black', 'ruby']);
export type TextStyle = z.infer<typeof TextStyle>;

export const TruthCue = z.strictObject({
  /** Empty without one. */
  id: z.string(),
  /** Milliseconds on the presentation's timeline. */
  start: z.number().int().nonnegative(),
  end: z.number().int().positive(),
  /** What is read, lines apart by \n. */
  text: z.string().min(1),
  styled: z.array(z.strictObject({ style: TextStyle, words: z.string().min(1) })),
  rightToLeft: z.boolean(),
  /** Null: nothing is said, so the lines stand at the lower edge, in the middle. */
  place: TextPlace.nullable(),
});
export type TruthCue = z.infer<typeof TruthCue>;

export const TruthText = z.strictObject({
  file: z.string(),
  form: z.enum(['webvtt', 'ttml', 'stpp', 'wvtt', 'cea608']),
  /** Name and number that URLs must carry. */
  name: z.string(),
  bitrate: z.number().int(),
  /** As stored; empty when nothing says. */
  language: z.string(),
  label: z.string().nullable(),
  roles: z.array(z.string()),
  isDefault: z.boolean(),
  characteristics: z.string().nullable(),
  /** In order of start, each once. */
  cues: z.array(TruthCue),
});
export type TruthText = z.infer<typeof TruthText>;

export const Truth = z.strictObject({
  schema: z.literal('isomer-truth/1'),
  asset: z.string(),
  title: z.string(),
  class: HonestyClass,
  /** File name of the server manifest to ask for, also where none is stored. */
  manifest: z.string(),
  /** In the order of the server manifest. */
  tracks: z.array(TruthTrack).min(1),
  /** Absent: none. */
  texts: z.array(TruthText).optional(),
});
export type Truth = z.infer<typeof Truth>;
