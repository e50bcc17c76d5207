/** The part of the reports that is about real players: rows in report.json, what was measured in run.json. */
import { z } from 'zod';

export const REPLAY_OUTCOMES = ['pass', 'fail', 'warn', 'inapplicable', 'cantTell', 'untested'] as const;

export const replayRowSchema = z.strictObject({
  /** `template asset/format player browser`: stable over hosts, ports, dates and versions. */
  id: z.string(),
  template: z.string(),
  asset: z.string(),
  format: z.string(),
  player: z.string(),
  browser: z.string(),
  /** `warn`: fails, and the client is known for it. */
  outcome: z.enum(REPLAY_OUTCOMES),
  /** Why not, in kinds and words without measured values; empty when the outcome is `pass`. */
  messages: z.array(z.string()),
  known: z.strictObject({ reason: z.string(), bug: z.string() }).optional(),
});
export type ReplayRow = z.infer<typeof replayRowSchema>;

export const replaySectionSchema = z.strictObject({
  templates: z.record(z.string(), z.string()),
  players: z.record(z.string(), z.string()),
  browsers: z.record(z.string(), z.strictObject({ version: z.string(), mediaSource: z.record(z.string(), z.boolean()), native: z.record(z.string(), z.string()) })),
  rows: z.array(replayRowSchema),
  /** Known defects of clients that did not show. */
  staleDefects: z.array(z.string()),
});
export type ReplaySection = z.infer<typeof replaySectionSchema>;

const range = z.tuple([z.int(), z.int()]);

export const replayDetailSchema = z.strictObject({
  id: z.string(),
  milliseconds: z.number(),
  attempts: z.int(),
  /** Of these, attempts that the machinery lost. */
  infrastructure: z.int(),
  reasons: z.array(z.string()),
  observation: z
    .strictObject({
      framesSeen: z.int(),
      framesExpected: z.int(),
      first: z.int().nullable(),
      last: z.int().nullable(),
      missing: z.array(range),
      backwards: z.array(range),
      offsets: z.record(z.string(), z.int()),
      offset: z.number().nullable(),
      renditions: z.array(z.int()),
      pilots: z.array(z.number()),
      tones: z.strictObject({ heard: z.int(), right: z.int() }),
      sync: z.strictObject({ min: z.number(), median: z.number(), max: z.number(), count: z.int() }).nullable(),
      startup: z.number().nullable(),
      stalls: z.int(),
      errors: z.array(z.string()),
      seeks: z.strictObject({ asked: z.int(), right: z.int() }),
      clockMoved: z.number(),
      unread: z.int(),
    })
    .nullable(),
});
export type ReplayDetail = z.infer<typeof replayDetailSchema>;
