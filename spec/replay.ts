/** The part of the reports that is about real players: rows in report.json, what was measured in run.json. */
import { z } from 'zod';
import { EVIDENCE_LIMITS } from './evidence.ts';

export const REPLAY_OUTCOMES = ['pass', 'fail', 'warn', 'inapplicable', 'cantTell', 'untested'] as const;

export const replayRowSchema = z.strictObject({
  /** `template asset/format player browser`: stable over hosts, ports, dates and versions. */
  id: z.string(),
  template: z.string(),
  asset: z.string(),
  format: z.string(),
  player: z.string(),
  browser: z.string(),
  /** Sample entries of what was played. */
  codecs: z.array(z.string()).optional(),
  /** Those of the asset that the browser does not decode: only the rest was asked for. */
  leftOut: z.array(z.string()).optional(),
  /** `warn`: fails, and the client is known for it. */
  outcome: z.enum(REPLAY_OUTCOMES),
  /** Why not, in kinds and words without measured values; empty when the outcome is `pass`. */
  messages: z.array(z.string()),
  /** Expectations list this replay as a known failure of the product. */
  expected: z.literal(true).optional(),
  /** What they say about it, or what is known of the client. */
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
const milliseconds = z.number().min(0).max(10_000_000);

/** What a replay leaves for people to look at; no verdict rests on it but for `lag`. May come from a device, so nothing in it is trusted. */
export const evidenceSchema = z.strictObject({
  /** Thumbnails, evenly spread, and one wherever the picture jumped. */
  strip: z
    .array(
      z.strictObject({
        at: milliseconds,
        counter: z.int().nullable(),
        why: z.enum(['time', 'gap', 'back', 'rendition']),
        image: z.string().max(EVIDENCE_LIMITS.imageBytes).regex(/^data:image\/(?:jpeg|png|webp);base64,[A-Za-z0-9+/]+={0,2}$/),
      }),
    )
    .max(EVIDENCE_LIMITS.pictures + EVIDENCE_LIMITS.jumps),
  /** The element's clock and the seconds buffered ahead of it. */
  buffer: z.array(z.strictObject({ at: milliseconds, clock: z.number(), ahead: z.number() })).max(EVIDENCE_LIMITS.buffer),
  /** Path without host and query; `status` and `bytes` where the browser tells them. */
  requests: z.array(z.strictObject({ at: milliseconds, milliseconds, path: z.string().max(EVIDENCE_LIMITS.pathLength), status: z.int().min(0).max(999).nullable(), bytes: z.int().nonnegative().nullable() })).max(EVIDENCE_LIMITS.requests),
  requestsLeftOut: z.int().nonnegative(),
  /** How late the page's own 5 ms timer came: milliseconds at worst, and the share of the time that it was more than 50 ms late. */
  lag: z.strictObject({ worst: milliseconds, share: z.number().min(0).max(1) }),
});
export type ReplayEvidence = z.infer<typeof evidenceSchema>;

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
  evidence: evidenceSchema.nullable(),
});
export type ReplayDetail = z.infer<typeof replayDetailSchema>;
