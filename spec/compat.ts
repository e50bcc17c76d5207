/** Which player plays what, in the spirit of browser-compat-data: feature → player@browser → statements about a version. */
import { z } from 'zod';
import { REPLAY_OUTCOMES } from './replay.ts';

export const COMPAT_SCHEMA = 'isomer-compat/2';

const supportSchema = z.strictObject({
  /** Of the player; empty where it is the browser's own. */
  version: z.string(),
  browserVersion: z.string(),
  /** `unknown`: no replay came to a verdict. */
  support: z.enum(['supported', 'partial', 'no', 'unknown']),
  notes: z.array(z.string()),
  /** Replays that this rests on. */
  results: z.array(z.string()),
});
export type Support = z.infer<typeof supportSchema>;

const featureSchema = z.strictObject({ description: z.string(), support: z.record(z.string(), supportSchema) });

export const compatSchema = z.strictObject({
  schema: z.literal(COMPAT_SCHEMA),
  /** player@browser → outcome → replays. */
  counts: z.record(z.string(), z.record(z.enum(REPLAY_OUTCOMES), z.int().nonnegative())),
  /** Output → template, or `codec-` and a sample entry (RFC 6381) → feature. */
  features: z.record(z.string(), z.record(z.string(), featureSchema)),
});
export type Compat = z.infer<typeof compatSchema>;
