import { spawnSync } from 'node:child_process';
import { createHmac, createSign, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Secret } from '../model/protection.ts';
import { parseGuid } from '../protection/guid.ts';
import { authorize, KEY_ID_CLAIM, MAX_USES_CLAIM, readSwt, type TokenRestriction, type VerificationKey } from '../protection/token.ts';
import { jwtReader } from './jwt.ts';

const readJwt = jwtReader(null);
const TOKEN_READERS = { jwt: readJwt, swt: readSwt };
const NOW = 1_800_000_000;
const GUID = '01234567-89ab-cdef-0123-456789abcdef';
const SECRET = Buffer.alloc(64, 'secret');
const secret = (bytes: Uint8Array): Secret => ({ reveal: () => bytes });
const symmetric: VerificationKey = { kind: 'symmetric', value: secret(SECRET) };
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const { n = '', e = '' } = pair.publicKey.export({ format: 'jwk' });
const rsa: VerificationKey = { kind: 'rsa', modulus: Buffer.from(n, 'base64url'), exponent: Buffer.from(e, 'base64url') };

const CLAIMS = { iss: 'https://issuer.example/', aud: 'urn:test', exp: NOW + 600, nbf: NOW - 5 };
const encode = (value: object | string): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** RFC 7515 by hand, so that the library does not judge itself. */
function sign(claims: object | string, key: Uint8Array | KeyObject = SECRET, header: object = { typ: 'JWT', alg: key instanceof Uint8Array ? 'HS256' : 'RS256' }): string {
  const input = `${encode(header)}.${encode(claims)}`;
  const signature = key instanceof Uint8Array ? createHmac('sha256', key).update(input).digest() : createSign('sha256').update(input).sign(key);
  return `${input}.${signature.toString('base64url')}`;
}

const grant = (token: string, keys: readonly VerificationKey[] = [symmetric], more: Partial<TokenRestriction> = {}): ReturnType<typeof authorize> =>
  authorize(token, { type: 'jwt', issuer: CLAIMS.iss, audience: CLAIMS.aud, keys, requiredClaims: [], ...more }, parseGuid(GUID), NOW, readJwt);

describe('JWT', () => {
  it('HS256: the example of RFC 7515 A.1', async () => {
    const key = Buffer.from('AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow', 'base64url');
    const token = 'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    const signed = await readJwt(token, [{ kind: 'symmetric', value: secret(key) }]);
    expect({ ...signed, claims: signed.claims.get('http://example.com/is_root') }).toEqual({ issuer: 'joe', audiences: [], expires: 1300819380, notBefore: null, claims: ['true'], signature: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk' });
  });

  it('RS256: an RSA key and a certificate, among others that do not fit', async () => {
    expect(await grant(sign(CLAIMS, pair.privateKey), [symmetric, rsa])).toEqual({ limited: null });
    const folder = mkdtempSync(join(tmpdir(), 'isomer-jwt-'));
    writeFileSync(join(folder, 'key.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const { stdout } = spawnSync('openssl', ['req', '-x509', '-new', '-key', join(folder, 'key.pem'), '-subj', '/CN=isomer', '-days', '1']);
    rmSync(folder, { recursive: true });
    const certificate: VerificationKey = { kind: 'x509', certificate: new X509Certificate(stdout).raw };
    expect(await grant(sign(CLAIMS, pair.privateKey), [symmetric, certificate])).toEqual({ limited: null });
    await expect(grant(sign(CLAIMS, pair.privateKey), [{ kind: 'x509', certificate: Uint8Array.of(1, 2, 3) }])).rejects.toMatchObject({ code: 'ISOMER_KEY_INVALID' });
  });

  it.each<[string, string, readonly VerificationKey[]]>([
    ['another secret', sign(CLAIMS, Buffer.alloc(64, 1)), [symmetric]],
    ['no signature at all', `${encode({ alg: 'none' })}.${encode(CLAIMS)}.`, [symmetric, rsa]],
    ['a public key taken for a secret', sign(CLAIMS, Buffer.from(n, 'base64url')), [rsa]],
    ['a public key in PEM taken for a secret', sign(CLAIMS, Buffer.from(pair.publicKey.export({ type: 'spki', format: 'pem' }))), [rsa]],
    ['an algorithm of the same family', sign(CLAIMS, SECRET, { alg: 'HS512' }), [symmetric]],
    ['a critical header that nobody knows', sign(CLAIMS, SECRET, { alg: 'HS256', crit: ['x'], x: 1 }), [symmetric]],
    ['changed claims', sign(CLAIMS).replace(encode(CLAIMS), encode({ ...CLAIMS, exp: NOW + 9999 })), [symmetric]],
    ['claims that are no object', sign('[1]'), [symmetric]],
    ['claims that are no JSON', sign('{'), [symmetric]],
    ['a time in text', sign({ ...CLAIMS, exp: String(NOW + 600) }), [symmetric]],
    ['no token', '', [symmetric]],
    ['no keys', sign(CLAIMS), []],
  ])('refuses %s', async (_, token, keys) => {
    await expect(grant(token, keys)).rejects.toMatchObject({ code: 'ISOMER_TOKEN_REFUSED' });
  });

  it('brings claims of every kind to the same rules as other tokens', async () => {
    const claims = { ...CLAIMS, aud: ['x', 'urn:test'], level: 3, groups: ['a', 'b'], deep: { a: 1 }, [KEY_ID_CLAIM]: GUID, [MAX_USES_CLAIM]: 2 };
    const requiredClaims = [{ type: 'level', value: '3' }, { type: 'groups', value: 'b' }, { type: KEY_ID_CLAIM, value: null }];
    expect((await grant(sign(claims), [symmetric], { requiredClaims })).limited).toMatchObject({ uses: 2, expires: NOW + 600 });
    await expect(grant(sign(claims), [symmetric], { requiredClaims: [{ type: 'deep', value: '1' }] })).rejects.toThrow(/deep 1/);
    await expect(grant(sign({ ...CLAIMS, nbf: NOW + 1000 }))).rejects.toThrow(/start of validity/);
  });

  it('counts as the same token however its signature is spelled', async () => {
    const token = sign({ ...CLAIMS, [MAX_USES_CLAIM]: 1 });
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const respelled = token.slice(0, -1) + last[last.indexOf(token.slice(-1)) + 1];
    const [one, other] = await Promise.all([grant(token), grant(respelled).catch(() => null)]);
    if (other !== null) expect(other.limited?.signature).toBe(one.limited?.signature);
    expect(one.limited?.signature).toBe(token.split('.')[2]);
  });

  it('has a reader for each type of a restriction', () => {
    expect(TOKEN_READERS).toEqual({ jwt: readJwt, swt: readSwt });
  });
});
