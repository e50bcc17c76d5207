import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Secret } from '../model/protection.ts';
import { parseGuid } from './guid.ts';
import { authorize, KEY_ID_CLAIM, MAX_USES_CLAIM, readSwt, tokenOf, type TokenRestriction } from './token.ts';

const NOW = 1_800_000_000;
const GUID = '01234567-89ab-cdef-0123-456789abcdef';
const secret = (text: string): Secret => ({ reveal: () => Buffer.from(text) });
const RESTRICTION: TokenRestriction = {
  type: 'swt',
  issuer: 'https://issuer.example/',
  audience: 'urn:test',
  keys: [{ kind: 'symmetric', value: secret('primary') }, { kind: 'symmetric', value: secret('alternate') }],
  requiredClaims: [],
};

type Pairs = Readonly<Record<string, string>>;
const PAIRS: Pairs = { Issuer: 'https://issuer.example/', Audience: 'urn:test', ExpiresOn: String(NOW + 600) };

function sign(pairs: Pairs, key = 'primary'): string {
  const body = Object.entries(pairs).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  return `${body}&HMACSHA256=${encodeURIComponent(createHmac('sha256', key).update(body).digest('base64'))}`;
}

const grant = (token: string, more: Partial<TokenRestriction> = {}): ReturnType<typeof authorize> => authorize(token, { ...RESTRICTION, ...more }, parseGuid(GUID), NOW, readSwt);

describe('SWT', () => {
  it.each(['primary', 'alternate'])('signed with the %s key is granted', async (key) => {
    expect(await grant(sign(PAIRS, key))).toEqual({ limited: null });
  });

  it.each<[string, string]>([
    ['another key', sign(PAIRS, 'other')],
    ['a changed claim', sign(PAIRS).replace('urn%3Atest', 'urn%3Atest2')],
    ['a claim behind the signature', `${sign(PAIRS)}&x=y`],
    ['no signature', 'Issuer=a&Audience=b'],
    ['an empty signature', 'Issuer=a&HMACSHA256='],
    ['broken escapes', sign(PAIRS).replace('HMACSHA256=', 'HMACSHA256=%')],
    ['too much', `${'a'.repeat(20_000)}${sign(PAIRS)}`],
  ])('is refused: %s', async (_, token) => {
    await expect(grant(token)).rejects.toThrow(/does not give access/);
  });

  it('is not signed by keys of other kinds', async () => {
    await expect(grant(sign(PAIRS), { keys: [{ kind: 'rsa', modulus: Buffer.from('primary'), exponent: Buffer.from('primary') }] })).rejects.toThrow(/signature/);
  });
});

describe('authorize', () => {
  it.each<[string, Pairs, Partial<TokenRestriction>]>([
    ['another issuer', { ...PAIRS, Issuer: 'https://issuer.example' }, {}],
    ['another audience', { ...PAIRS, Audience: 'URN:test' }, {}],
    ['an expired token', { ...PAIRS, ExpiresOn: String(NOW - 301) }, {}],
    ['a token without an end', { Issuer: PAIRS['Issuer'], Audience: PAIRS['Audience'] }, {}],
    ['an end that is no time', { ...PAIRS, ExpiresOn: '1e20' }, {}],
    ['a missing claim', PAIRS, { requiredClaims: [{ type: 'role', value: null }] }],
    ['a claim with another value', { ...PAIRS, role: 'Admin' }, { requiredClaims: [{ type: 'role', value: 'admin' }] }],
    ['the identifier of another key', { ...PAIRS, [KEY_ID_CLAIM]: '11234567-89ab-cdef-0123-456789abcdef' }, {}],
    ['a count that is none', { ...PAIRS, [MAX_USES_CLAIM]: '0' }, {}],
    ['a count on a long-lived token', { ...PAIRS, ExpiresOn: String(NOW + 7200), [MAX_USES_CLAIM]: '2' }, {}],
  ])('refuses %s', async (_, pairs, more) => {
    await expect(grant(sign(pairs), more)).rejects.toMatchObject({ code: 'ISOMER_TOKEN_REFUSED' });
  });

  it('grants exact claims, the named key, a clock that is a little behind, and counts', async () => {
    const pairs = { ...PAIRS, ExpiresOn: String(NOW - 299), role: 'admin,user', [KEY_ID_CLAIM]: GUID.toUpperCase(), [MAX_USES_CLAIM]: '3' };
    const token = sign(pairs);
    const { limited } = await grant(token, { requiredClaims: [{ type: 'role', value: 'user' }, { type: KEY_ID_CLAIM, value: null }] });
    expect(limited).toEqual({ uses: 3, signature: decodeURIComponent(token.split('HMACSHA256=')[1]), expires: NOW - 299 });
  });

  it('takes any reader: not yet valid is not valid', async () => {
    const read = (): ReturnType<typeof readSwt> => ({ issuer: RESTRICTION.issuer, audiences: ['x', 'urn:test'], expires: NOW + 1, notBefore: NOW + 400, claims: new Map<string, string[]>(), signature: 's' });
    await expect(authorize('jwt', RESTRICTION, parseGuid(GUID), NOW, read)).rejects.toThrow(/start of validity/);
    expect(await authorize('jwt', RESTRICTION, parseGuid(GUID), NOW + 200, read)).toEqual({ limited: null });
  });
});

describe('tokenOf', () => {
  it.each([
    ['Bearer abc.def', '', 'abc.def'],
    ['bearer   abc', 'token=x', 'abc'],
    ['Bearer=a%3Db%26c', '', 'a=b&c'],
    [undefined, 'kid=1&token=a%3Db', 'a=b'],
    ['Basic abc', '', null],
    [undefined, '', null],
  ])('%s, ?%s', (header, query, expected) => {
    expect(tokenOf(header, new URLSearchParams(query))).toBe(expected);
  });
});
