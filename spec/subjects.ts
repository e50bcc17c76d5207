/**
 * What a run judges where folders alone do not say it: outputs under a policy, with keys or with filters. `subjects.json` lies at the root of a
 * layout; a vendor writes one for an origin of his own.
 */
import { z } from 'zod';
import { formatIdSchema } from './requirement.ts';

export const SUBJECTS_FILE = 'subjects.json';

/** `aes-128`: whole segments (RFC 8216 4.3.2.4). `sample-aes`: in transport streams. `cenc`, `cbcs`: ISO/IEC 23001-7. `piff`: Smooth Streaming's. */
const SCHEMES = ['aes-128', 'sample-aes', 'cenc', 'cbcs', 'piff'] as const;
export type Scheme = (typeof SCHEMES)[number];

export const subjectsSchema = z.strictObject({
  schema: z.literal('isomer-subjects/1'),
  /** File with content keys, beside this one. */
  keys: z.string().min(1).optional(),
  /** File, beside this one, that says how players get keys. Whatever is in it stays out of reports. */
  access: z.string().min(1).optional(),
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
        /** How outputs are encrypted, and who opens them: `clear-key` gives the key itself to whoever may have it, `licensed` is a system that no test can enter. Absent: clear. */
        protection: z.strictObject({ system: z.enum(['clear-key', 'licensed']), schemes: z.partialRecord(formatIdSchema, z.enum(SCHEMES)), /** Seconds: segments that begin before are in the clear. Absent: none. */ clearLead: z.number().positive().optional() }).optional(),
        /** What is asked for, behind `path`. Outputs that are not named are not judged. */
        outputs: z.partialRecord(formatIdSchema, z.string().min(1)),
      }),
    )
    .min(1),
});
export type Subjects = z.infer<typeof subjectsSchema>;

/** Key identifier to key, 16 bytes in base64. */
export const keysSchema = z.record(z.guid(), z.base64());

/** How players get keys. */
export const accessSchema = z.strictObject({
  /** Where W3C Clear Key licences are; absent: at the key delivery of the packager that is started. */
  licence: z.url().optional(),
  /** Sent along to whoever has keys. */
  headers: z.record(z.string(), z.string()),
});
