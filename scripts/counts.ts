/** What a test run came to, and the line that says it. */
export type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

/** The environment variable that names the file into which counts go instead of being printed. */
export const COUNTS_FILE = 'ISOMER_TEST_COUNTS';

export function countLine(counts: Counts): string {
  const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`;
}

export function addCounts(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** Counts written by another process; null for anything that is not exactly that. */
export function readCounts(text: string): Counts | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { passed, failed, skipped } = value as Partial<Record<keyof Counts, unknown>>;
  return isCount(passed) && isCount(failed) && isCount(skipped) ? { passed, failed, skipped } : null;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
