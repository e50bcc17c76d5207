/** Table of damaged assets, corpus/malformed/*.json: what is done to a good one, and what must come of it. */
import { z } from 'zod';

const At = { file: z.string(), box: z.string() };

/** One change. Boxes are named by their path, `moov/trak[1]/mdia`; offsets count from the first byte of their content. */
const MalformedStep = z.discriminatedUnion('do', [
  /** A big-endian number in a box. */
  z.strictObject({ do: z.literal('number'), ...At, at: z.number().int().nonnegative(), bytes: z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)]), value: z.number().int().nonnegative() }),
  z.strictObject({ do: z.literal('rename'), ...At, to: z.string().length(4) }),
  /** The size in the box's own header; nothing else moves. */
  z.strictObject({ do: z.literal('size'), ...At, value: z.number().int().nonnegative() }),
  /** Only the first bytes stay; negative: all but the last ones. */
  z.strictObject({ do: z.literal('cut'), file: z.string(), keep: z.number().int() }),
  /** A number inside a stored sample. */
  z.strictObject({ do: z.literal('sample'), file: z.string(), track: z.number().int(), sample: z.number().int().nonnegative(), at: z.number().int().nonnegative(), value: z.number().int().nonnegative() }),
  z.strictObject({ do: z.literal('text'), file: z.string(), from: z.string(), to: z.string() }),
  z.strictObject({ do: z.literal('write'), file: z.string(), text: z.string() }),
  z.strictObject({ do: z.literal('delete'), file: z.string() }),
  z.strictObject({ do: z.literal('copy'), file: z.string(), from: z.string() }),
]);
export type MalformedStep = z.infer<typeof MalformedStep>;

/** One request below the server manifest and its answer. */
const Expectation = z.strictObject({
  get: z.string().default('manifest(format=mpd-time-csf)'),
  status: z.number().int(),
  /** Code of the error table; of refusals only. */
  cause: z.string().optional(),
  /** What the message, or the body, must hold: file, track, box. */
  says: z.array(z.string()).default([]),
  lacks: z.array(z.string()).default([]),
});

export const MalformedCase = z.strictObject({
  /** Named by the defect. */
  id: z.string().regex(/^[a-z0-9-]+$/),
  title: z.string(),
  /** The good asset that is damaged (corpus/malformed/bases.ts). */
  base: z.enum(['film', 'fragmented', 'delayed', 'slow', 'unaligned', 'hevc']),
  steps: z.array(MalformedStep).min(1),
  expect: z.array(Expectation).min(1),
});
export type MalformedCase = z.infer<typeof MalformedCase>;

export const MalformedTable = z.array(MalformedCase);
