import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { isTrusted, type Fetch } from './fetching.ts';
import { accountFile, DISCOVERY, forged, CLAIMS, jwkOf, jwt, makeWorld, NOW, OTHER_RSA, outcome, RSA, SYMMETRIC, tokens, type World } from './testing.ts';

const JWKS = 'https://login.example/keys';
const keys = (...list: readonly object[]): object => ({ keys: list });
const rsa = (kid: string, pair = RSA): object => ({ kty: 'RSA', use: 'sig', kid, ...jwkOf(pair.publicKey) });

type Site = { readonly pages: Record<string, unknown>; readonly asked: string[]; readonly fetch: Fetch };

function site(pages: Record<string, unknown> = { [DISCOVERY]: { issuer: 'https://issuer.example/', jwks_uri: JWKS }, [JWKS]: keys(rsa('one')) }): Site {
  const asked: string[] = [];
  const fetch: Fetch = (url) => {
    asked.push(url);
    const page = pages[url];
    if (page === undefined) return Promise.reject(new Error('no such host'));
    return Promise.resolve(page instanceof Response ? page.clone() : new Response(typeof page === 'string' ? page : JSON.stringify(page)));
  };
  return { pages, asked, fetch };
}

const ask = async (world: World, kid: string, pair = RSA): Promise<string> => outcome(await world.get('openid', await jwt({}, pair.privateKey, { kid })), 'openid');

describe('keys by OpenID discovery', () => {
  test('verify tokens, and are asked for once', async () => {
    const { fetch, asked } = site();
    const world = await makeWorld({ fetch });
    expect(await Promise.all([ask(world, 'one'), ask(world, 'one'), ask(world, 'one')])).toEqual(['200', '200', '200']);
    expect(asked).toEqual([DISCOVERY, JWKS]);
  });

  test('another key, an unknown one, a secret among them: refused', async () => {
    const secret = { kty: 'oct', kid: 'secret', k: SYMMETRIC.toString('base64url') };
    const { fetch } = site({ [DISCOVERY]: { jwks_uri: JWKS }, [JWKS]: keys(rsa('one'), secret) });
    const world = await makeWorld({ fetch });
    expect(await ask(world, 'one', OTHER_RSA)).toBe('401 TOKEN_REFUSED signature');
    expect(await ask(world, 'two')).toBe('401 TOKEN_REFUSED signature');
    expect(outcome(await world.get('openid', await jwt({}, SYMMETRIC, { kid: 'secret' })), 'openid')).toBe('401 TOKEN_REFUSED signature');
    expect(outcome(await world.get('openid', forged({ alg: 'none', kid: 'one' }, CLAIMS, () => new Uint8Array(0))), 'openid')).toBe('401 TOKEN_REFUSED algorithm');
  });

  test('unknown identifiers do not make a request each', async () => {
    const { fetch, asked } = site();
    const world = await makeWorld({ fetch });
    for (let i = 0; i < 20; i++) await ask(world, `unknown-${i}`);
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  test.each<readonly [string, Record<string, unknown>]>([
    ['no connection', {}],
    ['a status that is none', { [DISCOVERY]: new Response('no', { status: 404 }) }],
    ['no JSON', { [DISCOVERY]: 'html' }],
    ['no jwks_uri', { [DISCOVERY]: { issuer: 'x' } }],
    ['more than a document', { [DISCOVERY]: 'x'.repeat(300_000) }],
    ['keys at another host', { [DISCOVERY]: { jwks_uri: 'https://evil.example/keys' }, 'https://evil.example/keys': keys(rsa('one')) }],
    ['keys without encryption', { [DISCOVERY]: { jwks_uri: 'http://login.example/keys' }, 'http://login.example/keys': keys(rsa('one')) }],
    ['keys in a file', { [DISCOVERY]: { jwks_uri: 'file:///etc/keys' } }],
    ['no set of keys', { [DISCOVERY]: { jwks_uri: JWKS }, [JWKS]: { keys: 'none' } }],
  ])('%s: 503, and not asked again at once', async (_, pages) => {
    let now = NOW;
    const { fetch, asked, pages: current } = site(pages);
    const world = await makeWorld({ fetch, now: () => now });
    expect(await ask(world, 'one')).toBe('503 TOKEN_ISSUER');
    const { length } = asked;
    expect(asked.some((url) => !url.startsWith('https://login.example/'))).toBe(false);
    expect(await ask(world, 'one')).toBe('503 TOKEN_ISSUER');
    expect(asked).toHaveLength(length);
    Object.assign(current, site().pages);
    now += 31;
    expect(await ask(world, 'one')).toBe('200');
  });

  test('a host that is not trusted is never asked, and the operator hears of it', async () => {
    const { fetch, asked } = site();
    const world = await makeWorld({ fetch, trustedHosts: ['login.example:8443'] });
    expect(await ask(world, 'one')).toBe('403 KEY_NOT_OFFERED');
    expect([asked, world.notes.join('\n')]).toEqual([[], expect.stringMatching(/openIdConnectDiscoveryDocument is not one of the trusted/) as string]);
  });

  test('a verification key beside it holds while the issuer is away', async () => {
    const { fetch } = site({});
    const world = await makeWorld({ fetch, account: accountFile({ restrictions: { openid: tokens({ openIdConnectDiscoveryDocument: DISCOVERY }) } }) });
    expect(outcome(await world.get('openid', await jwt()), 'openid')).toBe('200');
    expect(await ask(world, 'one')).toBe('503 TOKEN_ISSUER');
  });
});

test.each<readonly [string, boolean]>([
  ['https://login.example/x', true],
  ['https://LOGIN.example:443/x', true],
  ['https://login.example:8443/x', false],
  ['http://login.example/x', false],
  ['https://login.example.evil.example/', false],
  ['https://login.example@evil.example/', false],
  ['https://user@login.example/', false],
  ['https://sub.login.example/', false],
  ['http://localhost:5000/x', true],
  ['http://127.0.0.1:5000/x', false],
  ['login.example', false],
])('%s is trusted: %s', (url, expected) => {
  expect(isTrusted(url, new Set(['login.example', 'localhost:5000']))).toBe(expected);
});

describe('over the network', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function listen(answer: (url: string, host: string) => { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: string } | null): Promise<string> {
    const server = createServer((request, response) => {
      const made = answer(request.url ?? '', String(request.headers.host));
      if (made !== null) response.writeHead(made.status ?? 200, made.headers).end(made.body);
    });
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const worldAt = (host: string): Promise<World> =>
    makeWorld({ fetch, trustedHosts: [host], account: accountFile({ restrictions: { openid: tokens({ primaryVerificationKey: null, openIdConnectDiscoveryDocument: `http://${host}/d` }) } }) });

  test('an issuer answers', async () => {
    const host = await listen((url, at) => ({ body: JSON.stringify(url === '/d' ? { jwks_uri: `http://${at}/k` } : keys(rsa('one'))) }));
    expect(await ask(await worldAt(host), 'one')).toBe('200');
  });

  test('redirects are not followed', async () => {
    const asked: string[] = [];
    const host = await listen((url) => {
      asked.push(url);
      return url === '/d' ? { status: 302, headers: { Location: '/other' } } : { body: '{}' };
    });
    expect(await ask(await worldAt(host), 'one')).toBe('503 TOKEN_ISSUER');
    expect(asked).toEqual(['/d']);
  });

  test('an issuer that says nothing is waited for five seconds', async () => {
    const host = await listen(() => null);
    const started = performance.now();
    expect(await ask(await worldAt(host), 'one')).toBe('503 TOKEN_ISSUER');
    expect(performance.now() - started).toBeLessThan(8000);
  });
});
