/** Repeatable draws. `Math.random` has no seed; a survivor has to be found again by its number. */
export type Random = {
  /** An integer from 0 to `count` - 1. */
  below(count: number): number;
  pick<T>(items: readonly T[]): T;
};

/** Marsaglia's xorshift with the shifts 13, 17, 5 (Journal of Statistical Software 8/14, 2003); 0 is its only fixed point. */
export function randomOf(seed: number): Random {
  let state = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x5bd1e995) | 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  // Small seeds differ in few bits: these rounds spread them.
  for (let i = 0; i < 16; i++) next();
  const below = (count: number): number => Math.floor((next() / 2 ** 32) * count);
  return { below, pick: (items) => items[below(items.length)] };
}
