/** HEVC short-term reference picture sets (ISO/IEC 23008-2:2020 7.3.7 and 7.4.8). */
import type { IsomerError } from '../errors.ts';

/** One picture of a set: its distance in picture order count and used_by_curr_pic. */
type Reference = { readonly delta: number; readonly used: boolean };

/** `before` runs away from the current picture into the past, `after` into the future. */
export type ReferenceSet = { readonly before: readonly Reference[]; readonly after: readonly Reference[] };

type BitSource = { u(width: number): number; flag(): boolean; ue(): number; fail(what: string, expected: string, found: string): IsomerError };

/** A decoded picture buffer holds 16 pictures (A.4.2). */
const MAX_REFERENCES = 16;

/** The set behind those of `known`. In a slice header all sets of the SPS are known: `known.length === count`. */
export function readReferenceSet(bits: BitSource, known: readonly ReferenceSet[], count: number): ReferenceSet {
  const index = known.length;
  const set = index > 0 && bits.flag() ? readPredicted(bits, known, index === count) : readExplicit(bits);
  if (set.before.length + set.after.length > MAX_REFERENCES) throw bits.fail('reference pictures', `at most ${MAX_REFERENCES}`, String(set.before.length + set.after.length));
  return set;
}

function readExplicit(bits: BitSource): ReferenceSet {
  const negative = bits.ue();
  const positive = bits.ue();
  if (negative > MAX_REFERENCES || positive > MAX_REFERENCES) throw bits.fail('reference pictures', `at most ${MAX_REFERENCES}`, `${negative}, ${positive}`);
  const run = (length: number, sign: number): readonly Reference[] => {
    let delta = 0;
    return Array.from({ length }, () => {
      delta += sign * (bits.ue() + 1);
      return { delta, used: bits.flag() };
    });
  };
  const before = run(negative, -1);
  return { before, after: run(positive, 1) };
}

/** Equations 7-59 to 7-62: the pictures of another set, seen from this picture, and that set's own picture. */
function readPredicted(bits: BitSource, known: readonly ReferenceSet[], inSlice: boolean): ReferenceSet {
  const back = inSlice ? bits.ue() + 1 : 1;
  if (back > known.length) throw bits.fail('delta_idx', `at most ${known.length}`, String(back));
  const { before, after } = known[known.length - back];
  const negative = bits.flag();
  const shift = (bits.ue() + 1) * (negative ? -1 : 1);
  const flags = Array.from({ length: before.length + after.length + 1 }, () => {
    const used = bits.flag();
    return { used, kept: used || bits.flag() };
  });
  const candidate = ({ delta }: Reference, i: number): Reference & { readonly kept: boolean } => ({ delta: delta + shift, ...flags[i] });
  const past = before.map((reference, i) => candidate(reference, i));
  const future = after.map((reference, i) => candidate(reference, before.length + i));
  const own = candidate({ delta: 0, used: false }, before.length + after.length);
  const take = (candidates: readonly (Reference & { readonly kept: boolean })[], sign: number): readonly Reference[] =>
    candidates.filter(({ delta, kept }) => kept && Math.sign(delta) === sign).map(({ delta, used }) => ({ delta, used }));
  return { before: take([...future.toReversed(), own, ...past], -1), after: take([...past.toReversed(), own, ...future], 1) };
}

/** Pictures of the set that the current picture may refer to. */
export function usedReferences({ before, after }: ReferenceSet): number {
  return [...before, ...after].filter(({ used }) => used).length;
}
