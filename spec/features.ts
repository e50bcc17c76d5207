/** What Isomer delivers: one row per group of combinations, in `features.json`. The tables that people read are made from it. */
import { z } from 'zod';

export const FORMAT_IDS = ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf', 'smooth'] as const;

const Status = z.discriminatedUnion('status', [
  /** `signalling`: frames arrive as stored and headers and manifests say what they are; no encoder at hand makes the real payload, so no decoder has shown it. */
  z.strictObject({ status: z.literal('supported'), proof: z.literal('signalling').optional() }),
  z.strictObject({ status: z.literal('planned') }),
  z.strictObject({ status: z.literal('not-applicable') }),
  /** The error that the request gets. */
  z.strictObject({ status: z.literal('refused'), code: z.string().regex(/^(?:MPE|ISOMER)_[A-Z_]+$/) }),
]);
export type Status = z.infer<typeof Status>;

export const Feature = z.strictObject({
  /** A codec, or a kind of track or playlist. */
  feature: z.string(),
  kind: z.enum(['video', 'audio', 'text', 'trick-play', 'input', 'mode', 'protection']),
  formats: z.partialRecord(z.enum(FORMAT_IDS), Status),
  /** Where the expectation comes from. */
  source: z.string(),
});
export type Feature = z.infer<typeof Feature>;

export const Features = z.array(Feature);
