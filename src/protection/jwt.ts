/** JSON Web Tokens (RFC 7519) signed as RFC 7515 says: HS256 with symmetric keys, RS256 with RSA keys and certificates. */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { compactVerify, type CompactVerifyResult } from 'jose';
import { readSwt, refused, type SignedClaims, type TokenReader, type TokenRestriction, type VerificationKey } from './token.ts';

type Verifier = { readonly algorithm: 'HS256' | 'RS256'; readonly key: Parameters<typeof compactVerify>[1] };

/** The key says the algorithm, never the token: a public key must not pass for a shared secret (RFC 8725 3.1). */
function verifierOf(key: VerificationKey): Verifier {
  if (key.kind === 'symmetric') return { algorithm: 'HS256', key: key.value.reveal() };
  if (key.kind === 'x509') return { algorithm: 'RS256', key: new X509Certificate(key.certificate).publicKey };
  const jwk = { kty: 'RSA', n: Buffer.from(key.modulus).toString('base64url'), e: Buffer.from(key.exponent).toString('base64url') };
  return { algorithm: 'RS256', key: createPublicKey({ key: jwk, format: 'jwk' }) };
}

/** Times are judged by whoever asked, with the clock that was passed in. */
export const readJwt: TokenReader = async (token, keys) => {
  for (const key of keys) {
    const verified = await verify(token, key);
    // Written anew: the last character of base64url has spare bits, and one token must not count as several.
    if (verified !== null) return claimsOf(verified.payload, Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url').toString('base64url'));
  }
  throw refused('signature', 'that of a verification key', 'another one');
};

/** Null also for a key that cannot be read: another one may fit. */
async function verify(token: string, key: VerificationKey): Promise<CompactVerifyResult | null> {
  try {
    const { algorithm, key: imported } = verifierOf(key);
    return await compactVerify(token, imported, { algorithms: [algorithm] });
  } catch {
    return null;
  }
}

function claimsOf(payload: Uint8Array, signature: string): SignedClaims {
  const claims = new Map<string, readonly string[]>();
  const times = new Map<string, number>();
  for (const [name, value] of Object.entries(parseObject(payload))) {
    const values = (Array.isArray(value) ? (value as unknown[]) : [value]).filter((item) => typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean');
    claims.set(name, values.map(String));
    if (typeof value === 'number') times.set(name, value);
  }
  const time = (name: string): number | null => {
    if (claims.has(name) && !times.has(name)) throw refused(name, 'seconds since 1970', claims.get(name)?.join(', ') ?? '');
    return times.get(name) ?? null;
  };
  return { issuer: claims.get('iss')?.join(',') ?? '', audiences: claims.get('aud') ?? [], expires: time('exp'), notBefore: time('nbf'), claims, signature };
}

function parseObject(payload: Uint8Array): object {
  let value: unknown = null;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    // Refused below.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw refused('token', 'a JSON object of claims', 'something else');
}

export const TOKEN_READERS: Readonly<Record<TokenRestriction['type'], TokenReader>> = { jwt: readJwt, swt: readSwt };
