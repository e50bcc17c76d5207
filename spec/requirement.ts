/**
 * One record per thing that must hold. Ids are ours, stable and append-only; document, edition and clause are attributes,
 * because standards renumber their clauses. The records live in `spec/requirements/*.json`.
 */
import { z } from 'zod';

export const FORMAT_IDS = ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf', 'smooth'] as const;
export const formatIdSchema = z.enum(FORMAT_IDS);
export type FormatId = z.infer<typeof formatIdSchema>;

/** Where the wording comes from: read in the document, known by heart and to be verified, inferred, or our own rule. */
export const provenanceSchema = z.enum(['read', 'memory', 'inferred', 'own']);

/** A format that knowingly does something else, with the reason. A failing check then warns. */
export const deviationSchema = z.strictObject({
  formats: z.array(formatIdSchema).min(1),
  reason: z.string().min(20),
});

/** Why nothing is checked yet: the part that will bring it, or that no program can. */
export const openSchema = z.strictObject({
  until: z.enum(['live', 'protection', 'codecs', 'text', 'filters', 'players', 'manual']),
  why: z.string().min(15),
});

export const requirementSchema = z.strictObject({
  id: z.string().regex(/^[A-Z]+-[0-9]{3}$/),
  document: z.string().min(1),
  edition: z.string().min(1),
  /** Empty where the document has no clauses. */
  clause: z.string(),
  level: z.enum(['must', 'should']),
  statement: z.string().min(20),
  formats: z.array(formatIdSchema).min(1),
  modes: z.array(z.enum(['vod', 'live'])).min(1),
  provenance: provenanceSchema,
  deviations: z.array(deviationSchema).optional(),
  open: openSchema.optional(),
});
export type Requirement = z.infer<typeof requirementSchema>;

export const requirementsFileSchema = z.array(requirementSchema);
