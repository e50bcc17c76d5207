/** Who gets a key: every way of being right, and of being wrong, with its status. */
import { createHmac, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { KEY_ID_CLAIM, MAX_TOKEN_BYTES, MAX_USES_CLAIM } from '../protection/token.ts';
import { accountFile, AUDIENCE, certificate, CLAIMS, forged, ISSUER, jwt, KEYS, makeWorld, NOW, OTHER_RSA, OTHER_SYMMETRIC, outcome, RSA, rsaKey, rsaPair, swt, SYMMETRIC, symmetric, tokens, x509, type KeyName } from './testing.ts';

const hs256 = (text: string): Uint8Array => createHmac('sha256', SYMMETRIC).update(text).digest();
const rs256 = (text: string): Uint8Array => sign('sha256', Buffer.from(text), RSA.privateKey);
const SPKI_PEM = Buffer.from(RSA.publicKey.export({ type: 'spki', format: 'pem' }));
const SPKI_DER = RSA.publicKey.export({ type: 'spki', format: 'der' });
const HS = { alg: 'HS256', typ: 'JWT' };

type Row = readonly [what: string, key: KeyName, token: () => string | Promise<string>, expected: string];

const GRANTED: readonly Row[] = [
  ['HS256, primary key', 'jwt', () => jwt(), '200'],
  ['HS256, alternate key', 'jwt', () => jwt({}, OTHER_SYMMETRIC), '200'],
  ['RS256, modulus and exponent', 'rsa', () => jwt({}, RSA.privateKey), '200'],
  ['RS256, certificate', 'x509', () => jwt({}, RSA.privateKey), '200'],
  ['SWT', 'swt', () => swt(), '200'],
  ['one of several audiences', 'jwt', () => jwt({ aud: ['other', AUDIENCE] }), '200'],
  ['expired within the skew', 'jwt', () => jwt({ exp: NOW - 300 }), '200'],
  ['not before, within the skew', 'jwt', () => jwt({ nbf: NOW + 300 }), '200'],
  ['its key is named, in capitals', 'jwt', () => jwt({ [KEY_ID_CLAIM]: KEYS.jwt.toUpperCase() }), '200'],
  ['all required claims', 'claims', () => jwt({ [KEY_ID_CLAIM]: KEYS.claims, role: 'viewer' }), '200'],
  ['a claim of several values', 'claims', () => jwt({ [KEY_ID_CLAIM]: KEYS.claims, role: ['editor', 'viewer'] }), '200'],
  ['a header that names other things', 'jwt', () => jwt({}, SYMMETRIC, { kid: '../../etc', jku: 'https://evil.example/', typ: 'x' }), '200'],
  ['no token where none is asked for', 'open', () => 'nonsense', '200'],
];

const REFUSED: readonly Row[] = [
  ['expired', 'jwt', () => jwt({ exp: NOW - 301 }), 'expiry'],
  ['without an end', 'jwt', () => forged(HS, { iss: ISSUER, aud: AUDIENCE }, hs256), 'expiry'],
  ['an end beyond numbers', 'jwt', () => forgedText('{"iss":"https://issuer.example/","aud":"urn:films","exp":1e999}'), 'exp'],
  ['an end as text', 'jwt', () => forged(HS, { ...CLAIMS, exp: String(NOW + 600) }, hs256), 'exp'],
  ['not yet valid', 'jwt', () => jwt({ nbf: NOW + 301 }), 'start of validity'],
  ['another audience', 'jwt', () => jwt({ aud: `${AUDIENCE}2` }), 'audience'],
  ['an audience in capitals', 'jwt', () => jwt({ aud: AUDIENCE.toUpperCase() }), 'audience'],
  ['no audience', 'jwt', () => forged(HS, { iss: ISSUER, exp: NOW + 600 }, hs256), 'audience'],
  ['another issuer', 'jwt', () => jwt({ iss: ISSUER.slice(0, -1) }), 'issuer'],
  ['no issuer', 'jwt', () => forged(HS, { aud: AUDIENCE, exp: NOW + 600 }, hs256), 'issuer'],
  ['several issuers', 'jwt', () => forged(HS, { ...CLAIMS, iss: [ISSUER, ISSUER] }, hs256), 'issuer'],
  ['another symmetric key', 'jwt', () => jwt({}, Buffer.alloc(32, 1)), 'signature'],
  ['another RSA key', 'rsa', () => jwt({}, OTHER_RSA.privateKey), 'signature'],
  ['another certificate', 'x509', () => jwt({}, OTHER_RSA.privateKey), 'signature'],
  ['a required claim is not there', 'claims', () => jwt({ [KEY_ID_CLAIM]: KEYS.claims }), 'claim'],
  ['a required claim has another value', 'claims', () => jwt({ [KEY_ID_CLAIM]: KEYS.claims, role: 'Viewer' }), 'claim'],
  ['a required claim is an object', 'claims', () => jwt({ [KEY_ID_CLAIM]: KEYS.claims, role: { viewer: true } }), 'claim'],
  ['the required key identifier is not there', 'claims', () => jwt({ role: 'viewer' }), 'claim'],
  ['another key is named', 'jwt', () => jwt({ [KEY_ID_CLAIM]: KEYS.rsa }), 'claim'],
  ['alg none, no signature', 'jwt', () => forged({ alg: 'none' }, CLAIMS, () => new Uint8Array(0)), 'algorithm'],
  ['alg NONE with a signature', 'rsa', () => forged({ alg: 'NONE' }, CLAIMS, rs256), 'algorithm'],
  ['no alg', 'jwt', () => forged({ typ: 'JWT' }, CLAIMS, hs256), 'algorithm'],
  ['alg in small letters', 'jwt', () => forged({ alg: 'hs256' }, CLAIMS, hs256), 'algorithm'],
  ['HS512', 'jwt', () => forged({ alg: 'HS512' }, CLAIMS, (text) => createHmac('sha512', SYMMETRIC).update(text).digest()), 'algorithm'],
  ['HS256 with the public RSA key (PEM) as secret', 'rsa', () => forged(HS, CLAIMS, (text) => createHmac('sha256', SPKI_PEM).update(text).digest()), 'signature'],
  ['HS256 with the public RSA key (DER) as secret', 'rsa', () => forged(HS, CLAIMS, (text) => createHmac('sha256', SPKI_DER).update(text).digest()), 'signature'],
  ['HS256 with the certificate as secret', 'x509', () => forged(HS, CLAIMS, (text) => createHmac('sha256', certificate(RSA)).update(text).digest()), 'signature'],
  ['HS256 header over an RS256 signature', 'rsa', () => forged(HS, CLAIMS, rs256), 'signature'],
  ['RS256 header over an HS256 signature', 'jwt', () => forged({ alg: 'RS256' }, CLAIMS, hs256), 'signature'],
  ['a key in the header', 'rsa', () => forged({ alg: 'RS256', jwk: OTHER_RSA.publicKey.export({ format: 'jwk' }) }, CLAIMS, (text) => sign('sha256', Buffer.from(text), OTHER_RSA.privateKey)), 'signature'],
  ['an empty signature', 'jwt', () => forged(HS, CLAIMS, () => new Uint8Array(0)), 'signature'],
  ['a signature cut short', 'jwt', () => forged(HS, CLAIMS, (text) => hs256(text).subarray(0, 31)), 'signature'],
  ['changed claims', 'jwt', async () => swapClaims(await jwt(), { ...CLAIMS, exp: NOW + 9999 }), 'signature'],
  ['a critical extension', 'jwt', () => forged({ ...HS, crit: ['b64'], b64: false }, CLAIMS, hs256), 'token'],
  ['an encrypted token', 'jwt', () => `${Buffer.from('{"alg":"dir","enc":"A128GCM"}').toString('base64url')}.a.b.c.d`, 'token'],
  ['claims that are a list', 'jwt', () => forged(HS, [CLAIMS], hs256), 'token'],
  ['claims that are no JSON', 'jwt', () => forgedText('{'), 'token'],
  ['no token at all', 'jwt', () => 'nonsense', 'token'],
  ['two parts', 'jwt', async () => (await jwt()).split('.').slice(0, 2).join('.'), 'token'],
  ['oversized', 'jwt', () => jwt({ filler: 'x'.repeat(MAX_TOKEN_BYTES) }), 'length of the token'],
  ['SWT where JWT is wanted', 'jwt', () => swt(), 'token'],
  ['JWT where SWT is wanted', 'swt', () => jwt(), 'token'],
  ['SWT, expired', 'swt', () => swt({ ExpiresOn: String(NOW - 301) }), 'expiry'],
  ['SWT, another audience', 'swt', () => swt({ Audience: 'other' }), 'audience'],
  ['SWT, another issuer', 'swt', () => swt({ Issuer: 'other' }), 'issuer'],
  ['SWT, another key', 'swt', () => swt({}, OTHER_SYMMETRIC), 'signature'],
  ['SWT, another key named', 'swt', () => swt({ [KEY_ID_CLAIM]: KEYS.jwt }), 'claim'],
  ['SWT, oversized', 'swt', () => swt({ filler: 'x'.repeat(MAX_TOKEN_BYTES) }), 'length of the token'],
];

function forgedText(claims: string): string {
  const text = [JSON.stringify(HS), claims].map((part) => Buffer.from(part).toString('base64url')).join('.');
  return `${text}.${Buffer.from(hs256(text)).toString('base64url')}`;
}

function swapClaims(token: string, claims: object): string {
  const [header, , signature] = token.split('.');
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}

describe('a token', () => {
  test.each(GRANTED)('gets the key: %s', async (_, key, token) => {
    const world = await makeWorld();
    expect(outcome(await world.get(key, await token()), key)).toBe('200');
    expect(world.notes.filter((note) => !note.includes('stored as they are') && !note.includes('none that'))).toEqual([]);
  });

  test.each(REFUSED)('is refused: %s', async (_, key, token, reason) => {
    const world = await makeWorld();
    const reply = await world.get(key, await token());
    expect(outcome(reply, key)).toBe(`401 TOKEN_REFUSED ${reason}`);
    expect(reply.headers['WWW-Authenticate']).toBe(`Bearer realm="keys", error="invalid_token", error_description="${reason}"`);
  });

  test('is asked for where it is missing, and gets nothing where nothing is given', async () => {
    const world = await makeWorld();
    const missing = await world.get('jwt');
    expect([outcome(missing, 'jwt'), missing.headers['WWW-Authenticate']]).toEqual(['401 TOKEN_MISSING', 'Bearer realm="keys"']);
    expect(outcome(await world.get('none', await jwt()), 'none')).toBe('403 KEY_NOT_OFFERED');
    expect(outcome(await world.get('drm', await jwt()), 'drm')).toBe('403 KEY_NOT_OFFERED');
  });

  test('comes in the header, as Bearer= of SWT, or in the query; the header counts', async () => {
    const world = await makeWorld();
    const token = await jwt();
    const query = `/?kid=${KEYS.jwt}&token=${token}`;
    expect((await world.ask(query)).status).toBe(200);
    expect((await world.ask(`/?token=${token}&KID=${KEYS.jwt.toUpperCase()}`, { method: 'POST' })).status).toBe(200);
    expect((await world.ask(query, { headers: { authorization: 'Bearer nonsense' } })).status).toBe(401);
    expect((await world.ask(query, { headers: { authorization: 'Basic eDp5' } })).status).toBe(200);
    expect((await world.ask(`/?kid=${KEYS.swt}&token=${encodeURIComponent(swt())}`)).status).toBe(200);
    expect((await world.ask(`/?kid=${KEYS.swt}`, { headers: { authorization: `Bearer=${encodeURIComponent(swt())}` } })).status).toBe(200);
  });
});

describe('uses', () => {
  test('are counted over all keys and all forms of a signature, until none is left', async () => {
    const world = await makeWorld();
    const token = await jwt({ [MAX_USES_CLAIM]: 3 });
    // 32 bytes leave two unused bits in the last of 43 letters: other letters mean the same signature.
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = `${token.slice(0, -1)}${letters[letters.indexOf(token.slice(-1)) ^ 1]}`;
    expect(twin).not.toBe(token);
    const statuses: number[] = [];
    for (const one of [token, twin, token, twin, token]) statuses.push((await world.get('jwt', one)).status);
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(3);
    expect(outcome(await world.get('jwt', token), 'jwt')).toBe('401 TOKEN_REFUSED number of uses');
    expect((await world.get('jwt', await jwt())).status).toBe(200);
  });

  test('do not count what was refused, and race for the last one', async () => {
    const world = await makeWorld();
    const token = await jwt({ [MAX_USES_CLAIM]: '2', [KEY_ID_CLAIM]: KEYS.jwt });
    for (let i = 0; i < 5; i++) expect((await world.get('rsa', token)).status).toBe(401);
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await world.get('jwt', token)).status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(2);
  });

  test('need a short life, and a number', async () => {
    const world = await makeWorld();
    expect(outcome(await world.get('jwt', await jwt({ [MAX_USES_CLAIM]: 3, exp: NOW + 3601 })), 'jwt')).toBe('401 TOKEN_REFUSED expiry of a token with a count');
    expect(outcome(await world.get('jwt', await jwt({ [MAX_USES_CLAIM]: -1 })), 'jwt')).toBe('401 TOKEN_REFUSED claim');
  });

  test('outlive the skew: no second round before the token is dead', async () => {
    let now = NOW;
    const world = await makeWorld({ now: () => now });
    const token = await jwt({ [MAX_USES_CLAIM]: 1, exp: NOW + 10 });
    expect((await world.get('jwt', token)).status).toBe(200);
    for (now = NOW; now <= NOW + 400; now += 50) expect((await world.get('jwt', token)).status).toBe(401);
  });
});

describe('verification keys that are none', () => {
  test.each<readonly [string, object, RegExp]>([
    ['a short secret', symmetric(Buffer.alloc(31)), /at least 32 bytes; found 31/],
    ['an RSA key of 1024 bits', rsaKey(rsaPair(1024).publicKey), /2048 bits; found rsa 1024/],
    ['no certificate', x509(Buffer.from('no certificate')), /an X\.509 certificate/],
    ['a certificate’s PEM text', x509(Buffer.from('-----BEGIN CERTIFICATE-----')), /an X\.509 certificate/],
  ])('are noted and let nobody in: %s', async (_, key, note) => {
    const world = await makeWorld({ account: accountFile({ restrictions: { jwt: tokens({ primaryVerificationKey: key }) } }) });
    expect(world.notes.join('\n')).toMatch(note);
    expect(world.notes.join('\n')).toMatch(/policy jwt, option 0: no key can verify its tokens/);
    expect((await world.get('jwt', await jwt())).status).toBe(403);
    expect((await world.get('rsa', await jwt({}, RSA.privateKey))).status).toBe(200);
  });

  test('leave the others in force', async () => {
    const world = await makeWorld({ account: accountFile({ restrictions: { jwt: tokens({ alternateVerificationKeys: [symmetric(Buffer.alloc(8))] }) } }) });
    expect((await world.get('jwt', await jwt())).status).toBe(200);
  });

  test('SWT knows symmetric keys alone', async () => {
    const world = await makeWorld({ account: accountFile({ restrictions: { jwt: tokens({ restrictionTokenType: 'Swt', primaryVerificationKey: rsaKey(RSA.publicKey) }) } }) });
    expect(world.notes.join('\n')).toMatch(/SWT; expected a symmetric one; found rsa/);
  });
});
