/** Content key policies made ready for requests: which system each option serves, and what reads its tokens. */
import { IsomerError } from '../errors.ts';
import type { ContentKeyPolicy } from '../policy/keys.ts';
import { readSwt, type TokenReader, type TokenRestriction, type VerificationKey } from '../protection/token.ts';
import { jwtReader, keyObject } from './jwt.ts';
import type { Issuers } from './openid.ts';

/** `clearKey` is both the AES-128 key and the licence of W3C Clear Key: the same secret in two forms. */
export type System = 'clearKey' | 'playReady' | 'widevine' | 'fairPlay';

/** `tokens` is null for everybody. */
export type Option = { readonly system: System; readonly tokens: { readonly restriction: TokenRestriction; readonly read: TokenReader } | null };

const SYSTEMS: Readonly<Record<string, System>> = {
  '#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration': 'clearKey',
  '#Microsoft.Media.ContentKeyPolicyPlayReadyConfiguration': 'playReady',
  '#Microsoft.Media.ContentKeyPolicyWidevineConfiguration': 'widevine',
  '#Microsoft.Media.ContentKeyPolicyFairPlayConfiguration': 'fairPlay',
};

type PolicyOption = ContentKeyPolicy['options'][number];
type TokenModel = Extract<PolicyOption['restriction'], { '@odata.type': '#Microsoft.Media.ContentKeyPolicyTokenRestriction' }>;
type KeyModel = NonNullable<TokenModel['primaryVerificationKey']>;

/** What cannot be used is noted and gives nobody a key: a verification key, or the whole option when none is left. */
export function readOptions(policy: ContentKeyPolicy, issuers: Issuers, note: (message: string) => void): readonly Option[] {
  return policy.options.flatMap<Option>(({ configuration, restriction }, i) => {
    const system = SYSTEMS[configuration['@odata.type']];
    if (restriction['@odata.type'] === '#Microsoft.Media.ContentKeyPolicyOpenRestriction') return [{ system, tokens: null }];
    const tokens = readTokens(restriction, issuers, (problem) => note(`content key policy ${policy.name}, option ${i}: ${problem}`));
    return tokens === null ? [] : [{ system, tokens }];
  });
}

function readTokens(model: TokenModel, issuers: Issuers, note: (problem: string) => void): Option['tokens'] {
  const type = model.restrictionTokenType === 'Jwt' ? 'jwt' : 'swt';
  const keys = [model.primaryVerificationKey, ...(model.alternateVerificationKeys ?? [])].filter((key) => key != null).map(verificationKey).filter((key) => usable(key, type, note));
  const issuerKeys = type === 'swt' || model.openIdConnectDiscoveryDocument == null ? null : issuers.keysOf(model.openIdConnectDiscoveryDocument);
  if (type === 'jwt' && model.openIdConnectDiscoveryDocument != null && issuerKeys === null) note('the host of openIdConnectDiscoveryDocument is not one of the trusted ones, or not asked under https');
  if (keys.length === 0 && issuerKeys === null) {
    note('no key can verify its tokens: nobody gets a key through it');
    return null;
  }
  const requiredClaims = (model.requiredClaims ?? []).map(({ claimType, claimValue }) => ({ type: claimType, value: claimValue ?? null }));
  return { restriction: { type, issuer: model.issuer, audience: model.audience, keys, requiredClaims }, read: type === 'jwt' ? jwtReader(issuerKeys) : readSwt };
}

function verificationKey(model: KeyModel): VerificationKey {
  const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));
  switch (model['@odata.type']) {
    case '#Microsoft.Media.ContentKeyPolicySymmetricTokenKey': {
      const value = bytes(model.keyValue);
      return { kind: 'symmetric', value: { reveal: () => value } };
    }
    case '#Microsoft.Media.ContentKeyPolicyRsaTokenKey':
      return { kind: 'rsa', modulus: bytes(model.modulus), exponent: bytes(model.exponent) };
    case '#Microsoft.Media.ContentKeyPolicyX509CertificateTokenKey':
      return { kind: 'x509', certificate: bytes(model.rawBody) };
  }
}

function usable(key: VerificationKey, type: TokenRestriction['type'], note: (problem: string) => void): boolean {
  try {
    if (type === 'swt' && key.kind !== 'symmetric') throw new IsomerError('ISOMER_KEY_INVALID', { what: 'verification key of SWT', expected: 'a symmetric one', found: key.kind });
    keyObject(key);
    return true;
  } catch (error) {
    if (!(error instanceof IsomerError)) throw error;
    note(error.message);
    return false;
  }
}
