/** Choices of the corruption tests: one seed and one index give one case, on every machine. */

export type Random = {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
  chance(probability: number): boolean;
  pick<T>(values: readonly T[]): T;
};

/** A gate fails for what changed, not for what was drawn: without ISOMER_SEED every run draws the same. */
const USUAL_SEED = 20_261_130;

/** The seed of this run: ISOMER_SEED, `new` for one that was never drawn. */
export function runSeed(): number {
  const given = process.env['ISOMER_SEED'] ?? String(USUAL_SEED);
  const seed = given === 'new' ? Math.floor(Math.random() * 2 ** 32) : Number(given);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) throw new Error(`ISOMER_SEED must be "new" or a whole number below 2^32, not ${given}`);
  return seed;
}

/** Marsaglia's xorshift over a state that is mixed from seed and index. */
export function randomOf(seed: number, index: number): Random {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < 8; i++) next();
  const below = (limit: number): number => Math.floor(next() * limit);
  return { below, chance: (probability) => next() < probability, pick: (values) => values[below(values.length)] };
}
