/** A small account with keys behind every kind of restriction, its tokens, and a world to ask in. */
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { SignJWT, type JWTPayload } from 'jose';
import { createLog, type Log } from '../log.ts';
import { KEY_ID_CLAIM } from '../protection/token.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import type { Fetch } from './fetching.ts';
import { handleKeyRequest, type KeyDeps, type Reply } from './handler.ts';
import { createKeyring } from './keyring.ts';
import { createIssuers } from './openid.ts';
import type { Request } from './request.ts';
import { createUses } from './uses.ts';

export const NOW = 1_800_000_000;
export const ISSUER = 'https://issuer.example/';
export const AUDIENCE = 'urn:films';
export const DISCOVERY = 'https://login.example/.well-known/openid-configuration';
export const SYMMETRIC = Buffer.from('a verification key of 32 letters');
export const OTHER_SYMMETRIC = Buffer.from('another key that has 32 letters.');

type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
export const rsaPair = (modulusLength = 2048): Pair => generateKeyPairSync('rsa', { modulusLength });
export const RSA = rsaPair();
export const OTHER_RSA = rsaPair();

export const jwkOf = (key: KeyObject): { readonly n: string; readonly e: string } => key.export({ format: 'jwk' }) as { n: string; e: string };
const fromUrl = (text: string): string => Buffer.from(text, 'base64url').toString('base64');

/** Labels of this account's keys; each names the content key policy that guards it. */
export const KEYS = {
  open: '00000000-0000-4000-8000-000000000001',
  jwt: '00000000-0000-4000-8000-000000000002',
  rsa: '00000000-0000-4000-8000-000000000003',
  x509: '00000000-0000-4000-8000-000000000004',
  openid: '00000000-0000-4000-8000-000000000005',
  swt: '00000000-0000-4000-8000-000000000006',
  claims: '00000000-0000-4000-8000-000000000007',
  drm: '00000000-0000-4000-8000-000000000008',
  none: '00000000-0000-4000-8000-000000000009',
} as const;
export type KeyName = keyof typeof KEYS;

/** 16 bytes that are easily found again. */
export const valueOf = (name: KeyName): Buffer => Buffer.from(`KEY-${name}-KEY-KEY-KEY`.slice(0, 16));

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...head), body]);
}

/** A self-signed certificate (RFC 5280 4.1), out of its time since 2021: policies pin certificates, and their times mean nothing. */
export function certificate({ publicKey, privateKey }: Pair): Buffer {
  const RSA_SHA256 = der(0x30, der(0x06, Buffer.from('2a864886f70d01010b', 'hex')), der(0x05));
  const name = der(0x30, der(0x31, der(0x30, der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('issuer')))));
  const validity = der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('210101000000Z')));
  const one = der(0x02, Uint8Array.of(1));
  const body = der(0x30, der(0xa0, der(0x02, Uint8Array.of(2))), one, RSA_SHA256, name, validity, name, publicKey.export({ type: 'spki', format: 'der' }));
  return der(0x30, body, RSA_SHA256, der(0x03, Uint8Array.of(0), sign('sha256', body, privateKey)));
}

const model = (type: string, more: object = {}): object => ({ '@odata.type': `#Microsoft.Media.ContentKeyPolicy${type}`, ...more });
export const symmetric = (bytes: Uint8Array): object => model('SymmetricTokenKey', { keyValue: Buffer.from(bytes).toString('base64') });
export const tokens = (more: object): object => model('TokenRestriction', { issuer: ISSUER, audience: AUDIENCE, restrictionTokenType: 'Jwt', primaryVerificationKey: symmetric(SYMMETRIC), ...more });
const CLEAR_KEY = model('ClearKeyConfiguration');
const WIDEVINE = model('WidevineConfiguration', { widevineTemplate: '{}' });
const FAIR_PLAY = model('FairPlayConfiguration', { ask: 'AAAA', fairPlayPfx: 'AAAA', fairPlayPfxPassword: 'x', rentalAndLeaseKeyType: 'Undefined', rentalDuration: 0 });
const PLAY_READY = model('PlayReadyConfiguration', {
  licenses: [{ allowTestDevices: true, licenseType: 'NonPersistent', contentKeyLocation: model('PlayReadyContentEncryptionKeyFromHeader'), contentType: 'Unspecified' }],
});

export const x509 = (bytes: Uint8Array): object => model('X509CertificateTokenKey', { rawBody: Buffer.from(bytes).toString('base64') });
export const rsaKey = (key: KeyObject): object => {
  const { n, e } = jwkOf(key);
  return model('RsaTokenKey', { modulus: fromUrl(n), exponent: fromUrl(e) });
};
const RESTRICTIONS: Readonly<Record<Exclude<KeyName, 'none'>, object>> = {
  open: model('OpenRestriction'),
  jwt: tokens({ alternateVerificationKeys: [symmetric(OTHER_SYMMETRIC)] }),
  rsa: tokens({ primaryVerificationKey: rsaKey(RSA.publicKey) }),
  x509: tokens({ primaryVerificationKey: x509(certificate(RSA)) }),
  openid: tokens({ primaryVerificationKey: null, openIdConnectDiscoveryDocument: DISCOVERY }),
  swt: tokens({ restrictionTokenType: 'Swt' }),
  claims: tokens({ requiredClaims: [{ claimType: KEY_ID_CLAIM }, { claimType: 'role', claimValue: 'viewer' }] }),
  drm: tokens({}),
};

export type AccountOptions = { readonly restrictions?: Partial<Record<KeyName, object>>; readonly values?: Partial<Record<KeyName, string>>; readonly startTime?: string; readonly endTime?: string };

export function accountFile({ restrictions = {}, values = {}, ...times }: AccountOptions = {}): Buffer {
  const configurations = (name: string): readonly object[] => (name === 'drm' ? [PLAY_READY, WIDEVINE, FAIR_PLAY] : [CLEAR_KEY]);
  return Buffer.from(
    JSON.stringify({
      streamingLocators: [
        {
          name: 'film',
          properties: {
            assetName: 'film',
            streamingPolicyName: 'Predefined_ClearKey',
            ...times,
            contentKeys: Object.entries(KEYS).map(([name, id]) => ({ id, value: values[name as KeyName] ?? valueOf(name as KeyName).toString('base64'), policyName: name === 'none' ? null : name })),
          },
        },
      ],
      contentKeyPolicies: Object.entries({ ...RESTRICTIONS, ...restrictions }).map(([name, restriction]) => ({ name, properties: { options: configurations(name).map((configuration) => ({ configuration, restriction })) } })),
    }),
  );
}

export const CLAIMS: JWTPayload = { iss: ISSUER, aud: AUDIENCE, exp: NOW + 600 };

export function jwt(claims: JWTPayload = {}, key: KeyObject | Uint8Array = SYMMETRIC, header: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg: key instanceof Uint8Array ? 'HS256' : 'RS256', typ: 'JWT', ...header }).sign(key);
}

/** Any header and any signature: what no library makes. */
export function forged(header: object, claims: object, sign: (text: string) => Uint8Array): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${Buffer.from(sign(text)).toString('base64url')}`;
}

export function swt(pairs: Readonly<Record<string, string>> = {}, key: Uint8Array = SYMMETRIC): string {
  const all = { Issuer: ISSUER, Audience: AUDIENCE, ExpiresOn: String(NOW + 600), ...pairs };
  const body = Object.entries(all).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  return `${body}&HMACSHA256=${encodeURIComponent(createHmac('sha256', key).update(body).digest('base64'))}`;
}

export type WorldOptions = {
  readonly account?: Uint8Array;
  readonly masterKey?: Uint8Array | null;
  readonly trustedHosts?: readonly string[];
  readonly fetch?: Fetch;
  readonly deps?: Partial<KeyDeps>;
  /** Seconds since 1970. */
  readonly now?: () => number;
};

export type World = {
  readonly deps: KeyDeps;
  readonly notes: readonly string[];
  /** Everything that was logged. */
  readonly logged: () => string;
  readonly ask: (path: string, request?: Partial<Request>) => Promise<Reply>;
  /** For the key of this name, with this token in the header. */
  readonly get: (name: KeyName, token?: string) => Promise<Reply>;
};

export async function makeWorld({ account = accountFile(), masterKey = null, trustedHosts = ['login.example'], fetch = () => Promise.reject(new Error('offline')), now = () => NOW, deps = {} }: WorldOptions = {}): Promise<World> {
  const storage = createMemoryStorage({ 'isomer.json': account });
  const notes: string[] = [];
  const milliseconds = (): number => now() * 1000;
  const issuers = createIssuers({ trustedHosts: new Set(trustedHosts), fetch, now: milliseconds });
  const keyring = await createKeyring({ storage, masterKey, issuers, revalidateMs: 0, now: milliseconds, note: (message) => void notes.push(message) });
  let lines = '';
  const log: Log & { flush(): void } = createLog({ level: 'debug', write: (text) => void (lines += text), now: milliseconds });
  const all: KeyDeps = { keyring, uses: createUses(1000), servers: { playReady: null, widevine: null, fairPlay: null }, fetch, log, now: milliseconds, ...deps };
  let ids = 0;
  const ask: World['ask'] = (path, request = {}) => handleKeyRequest({ method: 'GET', path, headers: {}, body: new Uint8Array(0), id: `id-${++ids}`, ...request }, all);
  return {
    deps: all,
    notes,
    logged: () => {
      log.flush();
      return lines;
    },
    ask,
    get: (name, token) => ask(`/?kid=${KEYS[name]}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
  };
}

/** `status reason` of a refusal, `status` of a key that is the right one. */
export function outcome({ status, headers, body }: Reply, name: KeyName): string {
  if (status === 200) return body instanceof Uint8Array && Buffer.from(body).equals(valueOf(name)) ? '200' : '200 with something else';
  const { code, reason } = JSON.parse(String(body)) as { code: string; reason?: string };
  return [status, headers['x-ms-error-code'] === code ? code.replace('ISOMER_', '') : 'codes differ', ...(reason === undefined ? [] : [reason])].join(' ');
}
