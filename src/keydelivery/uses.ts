/** Tokens that may be used a number of times: how often each was. One process counts; a restart forgets, which is why such tokens live an hour at most. */
import { IsomerError } from '../errors.ts';
import { CLOCK_SKEW, refused, type Grant } from '../protection/token.ts';

export type Uses = {
  /** Counts a use; throws ISOMER_TOKEN_REFUSED when none is left. `now` is in seconds since 1970. */
  take(limited: NonNullable<Grant['limited']>, now: number): void;
};

export function createUses(maxTokens: number): Uses {
  const counts = new Map<string, { used: number; readonly until: number }>();
  return {
    take({ uses, signature, expires }, now) {
      const known = counts.get(signature);
      if (known !== undefined) {
        if (known.used >= uses) throw refused('number of uses', `at most ${uses}`, 'one more');
        known.used++;
        return;
      }
      if (counts.size >= maxTokens) for (const [other, { until }] of counts) if (until < now) counts.delete(other);
      if (counts.size >= maxTokens) throw new IsomerError('ISOMER_KEYS_BUSY');
      // As long as the token is taken.
      counts.set(signature, { used: 1, until: expires + CLOCK_SKEW });
    },
  };
}
