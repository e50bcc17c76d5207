/** Known failures per subject. An entry never skips a check; one that passes, or matches nothing, is an error. */
import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';
import { messageOf, SuiteFault } from './fault.ts';

const expectationSchema = z.strictObject({
  check: z.string(),
  /** `asset/format`, with * for any run of characters. */
  subject: z.string(),
  reason: z.string().min(10),
  /** Where the fault is tracked. */
  bug: z.string().min(1),
  owner: z.string().min(1),
  since: z.iso.date(),
});
export type Expectation = z.infer<typeof expectationSchema>;

const fileSchema = z.array(expectationSchema);

export function loadExpectations(file: string): readonly Expectation[] {
  if (!existsSync(file)) throw new SuiteFault('usage', `${file}: no such file`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SuiteFault('usage', `${file}: ${messageOf(error)}`);
  }
  const result = fileSchema.safeParse(parsed);
  if (!result.success) throw new SuiteFault('usage', `${file}: ${z.prettifyError(result.error)}`);
  return result.data;
}

/** The last entry that matches a result id (`check asset/format`). */
export function expectationOf(id: string, expectations: readonly Expectation[]): Expectation | null {
  const space = id.indexOf(' ');
  return expectations.findLast(({ check, subject }) => check === id.slice(0, space) && globMatches(subject, id.slice(space + 1))) ?? null;
}

function globMatches(glob: string, text: string): boolean {
  const pattern = glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${pattern}$`).test(text);
}
