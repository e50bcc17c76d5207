/** JSON Web Tokens (RFC 7519): form and signature. What their claims must say is the restriction's affair (protection/token.ts). */
import { createPublicKey, createSecretKey, X509Certificate, type KeyObject } from 'node:crypto';
import { compactVerify, decodeProtectedHeader, errors, type CompactVerifyGetKey } from 'jose';
import { IsomerError } from '../errors.ts';
import { refused, type SignedClaims, type TokenReader, type VerificationKey } from '../protection/token.ts';

/** The one algorithm of each kind of key: what the token's header says never chooses how a key is used (RFC 8725 3.1). */
const ALGORITHMS: Readonly<Record<VerificationKey['kind'], string>> = { symmetric: 'HS256', rsa: 'RS256', x509: 'RS256' };
const ISSUER_ALGORITHM = 'RS256';
/** RFC 7518 3.2 and 3.3. */
const LEAST_SYMMETRIC_BYTES = 32;
const LEAST_MODULUS_BITS = 2048;

/** Reads tokens that one of the keys signed, or, where `issuerKeys` is given, one of the issuer's published keys. */
export function jwtReader(issuerKeys: CompactVerifyGetKey | null): TokenReader {
  return async (token, keys) => {
    const algorithm = algorithmOf(token);
    const candidates: (KeyObject | CompactVerifyGetKey)[] = keys.filter(({ kind }) => ALGORITHMS[kind] === algorithm).map(keyObject);
    if (issuerKeys !== null && algorithm === ISSUER_ALGORITHM) candidates.push(issuerKeys);
    for (const candidate of candidates) {
      const payload = await verified(token, candidate, algorithm);
      if (payload !== null) return claimsOf(payload, token);
    }
    throw refused('signature', 'that of a verification key', 'another one');
  };
}

function algorithmOf(token: string): string {
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw refused('token', 'a JSON Web Token', 'something else');
  }
  if (token.split('.').length !== 3) throw refused('token', 'a signed JSON Web Token', 'another form');
  // No extension is understood here (RFC 7515 4.1.11).
  if (header.crit !== undefined) throw refused('token', 'no critical extension', 'crit');
  const { alg } = header;
  if (alg === undefined || !Object.values(ALGORITHMS).includes(alg)) throw refused('algorithm', 'HS256 or RS256', String(alg));
  return alg;
}

async function verified(token: string, key: KeyObject | CompactVerifyGetKey, algorithm: string): Promise<Uint8Array | null> {
  try {
    const options = { algorithms: [algorithm] };
    const { payload } = typeof key === 'function' ? await compactVerify(token, key, options) : await compactVerify(token, key, options);
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

const made = new WeakMap<VerificationKey, KeyObject>();

/** Throws ISOMER_KEY_INVALID for keys that are too weak or are none. */
export function keyObject(key: VerificationKey): KeyObject {
  const known = made.get(key);
  if (known !== undefined) return known;
  const object = makeKey(key);
  made.set(key, object);
  return object;
}

function makeKey(key: VerificationKey): KeyObject {
  const invalid = (expected: string, found: string): IsomerError => new IsomerError('ISOMER_KEY_INVALID', { what: 'verification key', expected, found });
  if (key.kind === 'symmetric') {
    const value = key.value.reveal();
    if (value.length < LEAST_SYMMETRIC_BYTES) throw invalid(`at least ${LEAST_SYMMETRIC_BYTES} bytes`, String(value.length));
    return createSecretKey(value);
  }
  let object: KeyObject;
  try {
    object = key.kind === 'x509' ? new X509Certificate(key.certificate).publicKey : createPublicKey({ key: { kty: 'RSA', n: base64url(key.modulus), e: base64url(key.exponent) }, format: 'jwk' });
  } catch {
    throw invalid(key.kind === 'x509' ? 'an X.509 certificate' : 'an RSA modulus and exponent', 'something else');
  }
  const bits = object.asymmetricKeyDetails?.modulusLength ?? 0;
  if (object.asymmetricKeyType !== 'rsa' || bits < LEAST_MODULUS_BITS) throw invalid(`an RSA key of at least ${LEAST_MODULUS_BITS} bits`, `${object.asymmetricKeyType ?? 'none'} ${bits}`);
  return object;
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function claimsOf(payload: Uint8Array, token: string): SignedClaims {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    throw refused('token', 'claims in JSON', 'something else');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw refused('token', 'a set of claims', 'something else');
  const claims = new Map(Object.entries(parsed).map(([name, value]) => [name, texts(value)]));
  const time = (name: string): number | null => {
    const value: unknown = (parsed as Record<string, unknown>)[name];
    if (value === undefined) return null;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw refused(name, 'seconds since 1970', 'something else');
    return value;
  };
  const issuers = claims.get('iss') ?? [];
  if (issuers.length !== 1) throw refused('issuer', 'one', String(issuers.length));
  return {
    issuer: issuers[0],
    audiences: claims.get('aud') ?? [],
    expires: time('exp'),
    notBefore: time('nbf'),
    claims,
    // Decoded: base64url has several texts for the same bytes, and each would be counted as another token.
    signature: Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url').toString('base64url'),
  };
}

/** A claim's values as texts, as policies write them. Objects are there, and equal no text. */
function texts(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.filter((item) => !Array.isArray(item)).flatMap(texts);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [String(value)] : [];
}
