/** Keys that token issuers publish: OpenID Connect Discovery 1.0, section 4, and the JSON Web Key Set that it names. */
import { createRemoteJWKSet, customFetch, errors, type CompactVerifyGetKey } from 'jose';
import { z } from 'zod';
import { IsomerError } from '../errors.ts';
import { fetchBounded, isTrusted, type Fetch } from './fetching.ts';

export type IssuersOptions = {
  /** Hosts that may be asked, e.g. `login.example` or `login.example:8443`. */
  readonly trustedHosts: ReadonlySet<string>;
  readonly fetch: Fetch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

export type Issuers = {
  /** The keys behind a discovery document; null when its host is not trusted. They reject with ISOMER_TOKEN_ISSUER when they cannot be had. */
  keysOf(document: string): CompactVerifyGetKey | null;
};

const LIMITS = { maxBytes: 256 * 1024, timeoutMs: 5000 };
const DISCOVERY_MS = 3_600_000;
const KEYS_MS = 600_000;
/** Unsigned tokens make these requests too, so they have a least distance. */
const COOLDOWN_MS = 30_000;

const Discovery = z.object({ jwks_uri: z.string() });

export function createIssuers({ trustedHosts, fetch, now }: IssuersOptions): Issuers {
  const known = new Map<string, CompactVerifyGetKey>();

  const get = async (url: string): Promise<Uint8Array> => {
    if (!isTrusted(url, trustedHosts)) throw unavailable('a host that is trusted');
    const answer = await fetchBounded(fetch, url, { headers: { Accept: 'application/json' } }, LIMITS);
    if (answer?.status !== 200) throw unavailable('an answer with status 200');
    return answer.body;
  };
  const discover = async (document: string): Promise<CompactVerifyGetKey> => {
    const parsed = Discovery.safeParse(jsonOf(await get(document)));
    if (!parsed.success || !URL.canParse(parsed.data.jwks_uri)) throw unavailable('a discovery document');
    return createRemoteJWKSet(new URL(parsed.data.jwks_uri), { cooldownDuration: COOLDOWN_MS, cacheMaxAge: KEYS_MS, [customFetch]: async (url) => new Response(Buffer.from(await get(url))) });
  };

  return {
    keysOf(document) {
      if (!isTrusted(document, trustedHosts)) return null;
      const keys = known.get(document) ?? guarded(() => discover(document), now);
      known.set(document, keys);
      return keys;
    },
  };
}

/** One discovery for all who wait; a failure is remembered for a while. */
function guarded(discover: () => Promise<CompactVerifyGetKey>, now: () => number): CompactVerifyGetKey {
  let keys: Promise<CompactVerifyGetKey> | null = null;
  let failure: IsomerError | null = null;
  let until = 0;
  return async (header, token) => {
    if (now() >= until) [keys, failure] = [null, null];
    if (failure !== null) throw failure;
    if (keys === null) [keys, until] = [discover(), now() + DISCOVERY_MS];
    try {
      return await (await keys)(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      failure = error instanceof IsomerError ? error : unavailable('a set of keys');
      until = now() + COOLDOWN_MS;
      throw failure;
    }
  };
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

function unavailable(expected: string): IsomerError {
  return new IsomerError('ISOMER_TOKEN_ISSUER', { what: 'OpenID discovery', expected });
}
