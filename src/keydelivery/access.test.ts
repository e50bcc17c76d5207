import { expect, test } from 'vitest';
import type { SignedClaims, TokenRestriction } from '../protection/token.ts';
import { readOnce } from './access.ts';

const restriction = (issuer: string): TokenRestriction => ({ type: 'jwt', issuer, audience: 'films', keys: [], requiredClaims: [] });
const claims: SignedClaims = { issuer: 'one', audiences: ['films'], expires: null, notBefore: null, claims: new Map(), signature: 's' };

test('a request has its token verified once for each restriction, whatever comes out of it', async () => {
  let verified = 0;
  const read = (): Promise<SignedClaims> => {
    verified++;
    return verified === 1 ? Promise.resolve(claims) : Promise.reject(new Error('not signed'));
  };
  const reading = readOnce();
  const [one, other] = [{ restriction: restriction('one'), read }, { restriction: restriction('other'), read }];
  for (let key = 0; key < 64; key++) {
    expect(await reading(one)('token', [])).toBe(claims);
    await expect(Promise.resolve(reading(other)('token', []))).rejects.toThrow('not signed');
  }
  expect(verified).toBe(2);
  // The next request begins anew.
  await expect(Promise.resolve(readOnce()(one)('token', []))).rejects.toThrow();
  expect(verified).toBe(3);
});
