/**
 * What a run judges where folders alone do not say it: outputs under a policy, with keys or with filters. `subjects.json` lies at the root of a
 * layout; a vendor writes one for an origin of his own.
 */
import { z } from 'zod';
import { formatIdSchema } from './requirement.ts';

export const SUBJECTS_FILE = 'subjects.json';

export const subjectsSchema = z.strictObject({
  schema: z.literal('isomer-subjects/1'),
  /** File with content keys, beside this one. */
  keys: z.string().min(1).optional(),
  subjects: z
    .array(
      z.strictObject({
        /** Names the subject in reports. */
        id: z.string().regex(/^[\w.-]+$/),
        /** Of the server manifest, below the origin. */
        path: z.string().min(1),
        /** Folder with the truth file of the content, beside this file. */
        truth: z.string().min(1),
        /** What filters leave of the content: tracks by name, all qualities or some, and times in 100 ns. All of it when absent. */
        left: z.record(z.string(), z.strictObject({ bitrates: z.array(z.int().positive()).optional(), from: z.int().nonnegative().optional(), to: z.int().positive().optional() })).optional(),
        /** What is asked for, behind `path`. Outputs that are not named are not judged. */
        outputs: z.partialRecord(formatIdSchema, z.string().min(1)),
      }),
    )
    .min(1),
});
export type Subjects = z.infer<typeof subjectsSchema>;

/** Key identifier to key, 16 bytes in base64. */
export const keysSchema = z.record(z.guid(), z.base64());
