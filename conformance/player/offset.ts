/**
 * By how many frames a player shifts the whole timeline, from readings of (shown time − due time). Also runs inside the
 * page (see script.ts): it imports nothing.
 */

/** `lag`: frames by which the pixels of a reading may trail its time in this browser. */
export function offsetOf(offsets: readonly number[], lag: number): number | null {
  return lag > 0 ? leastRepeated(offsets) : median(offsets);
}

export function hundredths(value: number): number {
  return Math.round(value * 100) / 100 + 0;
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return hundredths(sorted[sorted.length >> 1]);
}

/** Where pixels lag, late readings are the browser's and the earliest ones true; one alone may be a race. */
function leastRepeated(values: readonly number[]): number | null {
  const sorted = values.map(hundredths).toSorted((a, b) => a - b);
  return sorted.find((value, i) => i + 1 < sorted.length && sorted[i + 1] - value < 0.1) ?? median(values);
}
