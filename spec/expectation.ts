/**
 * Known failures of a product under test: files that lie beside the product, not beside the suite. An entry never skips a
 * check; it says that a result fails, and is itself wrong as soon as the result does not.
 */
import { z } from 'zod';

/** What `baseline update` leaves for a person to fill in; no other command takes a file that still has it. */
export const UNFILLED = '?';

export const expectationEntrySchema = z
  .strictObject({
    /** A check's id or, for a replay, `replay/` and its template; or `requirement` instead. */
    check: z.string().min(1).optional(),
    requirement: z.string().min(1).optional(),
    /** `asset/format`, for a replay `asset/format player browser`, with * for any run of characters. */
    subject: z.string().min(1),
    reason: z.string(),
    /** Where the fault is tracked. */
    bug: z.string(),
    owner: z.string().min(1),
    since: z.iso.date(),
    /** From this day on the entry is an error. */
    expires: z.iso.date().optional(),
  })
  .refine(({ check, requirement }) => (check === undefined) !== (requirement === undefined), 'name either a check or a requirement');
export type ExpectationEntry = z.infer<typeof expectationEntrySchema>;

export const expectationsFileSchema = z.array(expectationEntrySchema);
