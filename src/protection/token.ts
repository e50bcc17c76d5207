/**
 * Token restrictions of content key policies: who may have a key. Reading a token (its form and its signature) is apart
 * from what a policy asks of its claims, which is the same for every form.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { IsomerError } from '../errors.ts';
import type { Secret } from '../model/protection.ts';
import { formatGuid } from './guid.ts';

export type VerificationKey =
  | { readonly kind: 'symmetric'; readonly value: Secret }
  | { readonly kind: 'rsa'; readonly modulus: Uint8Array; readonly exponent: Uint8Array }
  | { readonly kind: 'x509'; readonly certificate: Uint8Array };

export type TokenRestriction = {
  readonly type: 'swt' | 'jwt';
  readonly issuer: string;
  readonly audience: string;
  /** The primary key and its alternates: any of them may have signed. */
  readonly keys: readonly VerificationKey[];
  /** A claim whose value is null must only be there; the key identifier's own claim must name the key that is asked for. */
  readonly requiredClaims: readonly { readonly type: string; readonly value: string | null }[];
};

/** A token whose signature holds. Times in seconds since 1970; null where the token states none. */
export type SignedClaims = {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly expires: number | null;
  readonly notBefore: number | null;
  readonly claims: ReadonlyMap<string, readonly string[]>;
  /** What tells this token from others, for counting its uses. */
  readonly signature: string;
};

/** Checks form and signature with the first key that fits; refuses otherwise. */
export type TokenReader = (token: string, keys: readonly VerificationKey[]) => Promise<SignedClaims> | SignedClaims;

export const KEY_ID_CLAIM = 'urn:microsoft:azure:mediaservices:contentkeyidentifier';
export const MAX_USES_CLAIM = 'urn:microsoft:azure:mediaservices:maxuses';

export const MAX_TOKEN_BYTES = 16 * 1024;
/** Clocks of issuer and service may differ by this much. */
export const CLOCK_SKEW = 300;
/** A token that counts its uses must not live longer than its count is kept. */
const MAX_COUNTED_SECONDS = 3600;

export type Grant = {
  /** How often this token may be used, and what to count it by; null without a limit. */
  readonly limited: { readonly uses: number; readonly signature: string; readonly expires: number } | null;
};

/** Grants or throws ISOMER_TOKEN_REFUSED. `now` is in seconds since 1970; the reader is the one for the restriction's type. */
export async function authorize(token: string, restriction: TokenRestriction, keyId: Uint8Array, now: number, read: TokenReader): Promise<Grant> {
  if (token.length > MAX_TOKEN_BYTES) throw refused('length of the token', `at most ${MAX_TOKEN_BYTES}`, String(token.length));
  const signed = await read(token, restriction.keys);
  // Issuer, audience and claims are compared exactly, as the old service did.
  if (signed.issuer !== restriction.issuer) throw refused('issuer', restriction.issuer, signed.issuer);
  if (!signed.audiences.includes(restriction.audience)) throw refused('audience', restriction.audience, signed.audiences.join(', '));
  if (signed.expires === null) throw refused('expiry', 'a time', 'none');
  if (now > signed.expires + CLOCK_SKEW) throw refused('expiry', `after ${now}`, String(signed.expires));
  if (signed.notBefore !== null && now < signed.notBefore - CLOCK_SKEW) throw refused('start of validity', `before ${now}`, String(signed.notBefore));
  for (const { type, value } of restriction.requiredClaims) {
    const found = signed.claims.get(type);
    if (found === undefined) throw refused('claim', type, 'none');
    if (value !== null && !found.includes(value)) throw refused('claim', `${type} ${value}`, found.join(', '));
  }
  const named = signed.claims.get(KEY_ID_CLAIM);
  if (named !== undefined && !named.some((id) => id.toLowerCase() === formatGuid(keyId))) throw refused('claim', `${KEY_ID_CLAIM} ${formatGuid(keyId)}`, named.join(', '));
  return { limited: limitOf(signed, signed.expires, now) };
}

function limitOf({ claims, signature }: SignedClaims, expires: number, now: number): Grant['limited'] {
  const limit = claims.get(MAX_USES_CLAIM)?.[0];
  if (limit === undefined) return null;
  if (!/^[1-9]\d{0,8}$/.test(limit)) throw refused('claim', `${MAX_USES_CLAIM} with a count`, limit);
  if (expires > now + MAX_COUNTED_SECONDS) throw refused('expiry of a token with a count', `at most ${now + MAX_COUNTED_SECONDS}`, String(expires));
  return { uses: Number(limit), signature, expires };
}

/**
 * Simple Web Token 0.9.5.1: form-encoded pairs, and HMAC-SHA256 over all that stands before its own pair. Signed with
 * symmetric keys only.
 */
export const readSwt: TokenReader = (token, keys) => {
  const match = /^(.*)&HMACSHA256=([^&]*)$/s.exec(token);
  if (match === null) throw refused('token', 'pairs that end with HMACSHA256', 'something else');
  const [, body, encoded] = match;
  const signature = Buffer.from(decode(encoded), 'base64');
  const isSigned = keys.some((key) => {
    if (key.kind !== 'symmetric') return false;
    const expected = createHmac('sha256', key.value.reveal()).update(body).digest();
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  });
  if (!isSigned) throw refused('signature', 'that of a verification key', 'another one');
  const claims = new Map<string, string[]>();
  for (const pair of body.split('&')) {
    const [name, value = ''] = pair.split(/=(.*)/s).map(decode);
    claims.set(name, [...(claims.get(name) ?? []), ...value.split(',')]);
  }
  const single = (name: string): string | null => claims.get(name)?.join(',') ?? null;
  const expires = single('ExpiresOn');
  if (expires !== null && !/^\d{1,12}$/.test(expires)) throw refused('ExpiresOn', 'seconds since 1970', expires);
  return { issuer: single('Issuer') ?? '', audiences: [single('Audience') ?? ''], expires: expires === null ? null : Number(expires), notBefore: null, claims, signature: signature.toString('base64') };
};

/** The token of a request: `Authorization: Bearer TOKEN`, `Bearer=TOKEN` (SWT), or the query's `token`; null without one. */
export function tokenOf(authorization: string | undefined, query: URLSearchParams): string | null {
  const match = /^Bearer(?: +|=)(\S.*)$/is.exec(authorization ?? '');
  if (match === null) return query.get('token');
  return /^Bearer=/i.test(authorization ?? '') ? decode(match[1]) : match[1];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' ')).replaceAll('\0', '');
  } catch {
    throw refused('token', 'percent-encoded text', 'something else');
  }
}

/**
 * `what` is one of few words and may be told; `expected` and `found` hold values of the policy and of the token, which only
 * their owners may see. Nothing of the keys is said.
 */
export function refused(what: string, expected: string, found: string): IsomerError {
  return new IsomerError('ISOMER_TOKEN_REFUSED', { what, expected: expected.slice(0, 200), found: found.slice(0, 200) });
}
