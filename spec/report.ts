/**
 * The two files that a conformance run writes. `report.json` is deterministic: no clock, host, port or measured value, so it
 * can be committed and compared. `run.json` holds everything that differs between two runs or two machines.
 */
import { z } from 'zod';
import { replayDetailSchema, replaySectionSchema } from './replay.ts';
import { formatIdSchema } from './requirement.ts';

export const REPORT_SCHEMA = 'isomer-conformance-report/1';
export const RUN_SCHEMA = 'isomer-conformance-run/1';

/** Five outcomes of EARL 1.0 (W3C, 2017, 2.6) and `warn`: a SHOULD that does not hold, or a registered deviation. */
export const OUTCOMES = ['pass', 'fail', 'warn', 'inapplicable', 'cantTell', 'untested'] as const;
export const outcomeSchema = z.enum(OUTCOMES);
export type Outcome = z.infer<typeof outcomeSchema>;

/** What an asset can prove: real encodes, streams that we wrote bit by bit, extensions without content, flags alone, faults. */
export const honestySchema = z.enum(['encoded', 'bitstream-written', 'null-extension', 'signalling-only', 'malformed', 'unknown']);

export const subjectSchema = z.strictObject({
  asset: z.string(),
  /** `all` for checks that compare the outputs of one asset. */
  format: z.union([formatIdSchema, z.literal('all')]),
  mode: z.enum(['vod', 'live']),
  protection: z.enum(['clear', 'aes128', 'sample-aes', 'cenc', 'cbcs', 'piff']),
});

export const resultSchema = z.strictObject({
  /** `check asset/format`: stable over hosts, ports and dates. */
  id: z.string(),
  check: z.string(),
  requirements: z.array(z.string()).min(1),
  subject: subjectSchema,
  honesty: honestySchema,
  level: z.enum(['must', 'should']),
  outcome: outcomeSchema,
  /** Whether expectations list this result as a known failure. */
  expected: z.boolean(),
  /** What they say about it. */
  known: z.strictObject({ reason: z.string(), bug: z.string() }).optional(),
  /** Distinct problems in the suite's own words, without values. Empty when the outcome is `pass`. */
  messages: z.array(z.string()),
});
export type Result = z.infer<typeof resultSchema>;

const countsSchema = z.record(outcomeSchema, z.number().int().nonnegative());

export const reportSchema = z.strictObject({
  schema: z.literal(REPORT_SCHEMA),
  suite: z.strictObject({ version: z.string(), registryHash: z.string() }),
  target: z.strictObject({ kind: z.enum(['self', 'origin', 'trace']), profile: z.enum(['ams', 'generic']) }),
  /** Judges that were present: an absent one turns its checks into `cantTell`. */
  judges: z.record(z.string(), z.boolean()),
  totals: z.strictObject({ must: countsSchema, should: countsSchema }),
  /** Worst outcome per requirement over all its checks and subjects. */
  requirements: z.record(z.string(), outcomeSchema),
  results: z.array(resultSchema),
  /** Expectation entries that matched nothing, or whose result passes. */
  staleExpectations: z.array(z.string()),
  /** Real players in real browsers; absent where none was asked. */
  replay: replaySectionSchema.optional(),
  footer: z.strictObject({ results: z.number().int().nonnegative() }),
});
export type Report = z.infer<typeof reportSchema>;

export const evidenceSchema = z.strictObject({
  kind: z.enum(['manifest', 'playlist', 'init', 'segment', 'http', 'log', 'frames']),
  sha256: z.string().nullable(),
  /** Path and query of the request, without the host. */
  ref: z.string(),
  /** Line, box path with offset, sample number: as exact as the check can be. */
  pointer: z.string(),
});
export type Evidence = z.infer<typeof evidenceSchema>;

export const detailSchema = z.strictObject({
  result: z.string(),
  outcome: outcomeSchema,
  path: z.string(),
  message: z.string(),
  wanted: z.string().optional(),
  actual: z.string().optional(),
  evidence: z.array(evidenceSchema),
});
export type Detail = z.infer<typeof detailSchema>;

export const runSchema = z.strictObject({
  schema: z.literal(RUN_SCHEMA),
  startedAt: z.string(),
  milliseconds: z.number(),
  command: z.array(z.string()),
  targets: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  requests: z.number().int(),
  /** Things examined per result, passes included. */
  examined: z.record(z.string(), z.number().int()),
  details: z.array(detailSchema),
  /** Details left out because a result had too many. */
  omitted: z.number().int(),
  /** Where trace and truth files lay, so that reports with evidence can be written again; relative to this file where possible. */
  trace: z.string().optional(),
  truth: z.string().optional(),
  replays: z.array(replayDetailSchema).optional(),
  /** Expectation entries that were past their date; the report itself knows no clock. */
  expired: z.array(z.string()).optional(),
});
export type Run = z.infer<typeof runSchema>;
