import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { KEY_ID_CLAIM, MAX_TOKEN_BYTES } from '../protection/token.ts';
import { startKeyServer, type KeyServer, type KeyServerOptions } from './server.ts';
import { jwt, KEYS, makeWorld, RSA, swt, SYMMETRIC, valueOf, type KeyName, type World } from './testing.ts';

const OPTIONS: KeyServerOptions = { host: '127.0.0.1', port: 0, maxConnections: 100, headersTimeout: 5000, keepAliveTimeout: 5000, stallTimeout: 60_000, graceTimeout: 2000, tls: null };
const servers: KeyServer[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function start(options: Partial<KeyServerOptions> = {}, world?: World): Promise<{ readonly world: World; readonly address: string }> {
  const made = world ?? (await makeWorld());
  let ids = 0;
  const server = await startKeyServer(made.deps, { ...OPTIONS, ...options }, () => `id-${++ids}`);
  servers.push(server);
  return { world: made, address: server.address };
}

/** What comes back until the connection closes. */
function raw(address: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(address).port), '127.0.0.1');
  sockets.push(socket);
  let answer = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => void (answer += chunk));
  // A reset is one of the endings that are looked for.
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  return new Promise((resolve) => void socket.once('close', () => resolve(answer)));
}

describe('the listener', () => {
  test('gives a key by GET and by POST, with and without a body and its type', async () => {
    const { address } = await start();
    const url = `${address}/?kid=${KEYS.jwt}`;
    const headers = { Authorization: `Bearer ${await jwt()}` };
    const requests: readonly RequestInit[] = [{}, { method: 'POST' }, { method: 'POST', body: 'x' }, { method: 'POST', body: Buffer.from('x') }, { method: 'POST', body: '{', headers: { 'Content-Type': 'application/json' } }];
    for (const init of requests) {
      const response = await fetch(url, { ...init, headers: { ...headers, ...init.headers } });
      expect([response.status, Buffer.from(await response.arrayBuffer()).equals(valueOf('jwt')), response.headers.get('cache-control')]).toEqual([200, true, 'no-store']);
    }
  });

  test('answers preflights and Clear Key licences', async () => {
    const { address } = await start();
    const preflight = await fetch(`${address}/ClearKey/`, { method: 'OPTIONS', headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type' } });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers'), preflight.headers.get('access-control-allow-origin')]).toEqual([204, 'authorization,content-type', '*']);
    const kid = Buffer.from(KEYS.open.replaceAll('-', ''), 'hex').toString('base64url');
    const licence = await fetch(`${address}/ClearKey/?kid=${KEYS.open}`, { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: JSON.stringify({ kids: [kid], type: 'temporary' }) });
    expect(await licence.json()).toEqual({ keys: [{ kty: 'oct', kid, k: valueOf('open').toString('base64url') }], type: 'temporary' });
    expect(await (await fetch(`${address}/healthz`)).text()).toBe('ok\n');
  });

  test('takes the longest token, and heads that are longer are no requests', async () => {
    const { address, world } = await start();
    const long = async (length: number): Promise<string> => {
      const bare = (await jwt({ filler: '' })).length;
      return jwt({ filler: 'x'.repeat(Math.floor(((length - bare) * 3) / 4)) });
    };
    const ask = async (token: string): Promise<number> => (await fetch(`${address}/?kid=${KEYS.jwt}`, { headers: { Authorization: `Bearer ${token}` } })).status;
    const longest = await long(MAX_TOKEN_BYTES);
    expect(longest.length).toBeGreaterThan(MAX_TOKEN_BYTES - 4);
    expect([await ask(longest), await ask(await long(MAX_TOKEN_BYTES + 100)), await ask(await long(40_000))]).toEqual([200, 401, 431]);
    expect((await fetch(`${address}/?kid=${KEYS.jwt}&token=${longest}`)).status).toBe(200);
    expect(world.logged()).not.toContain(longest.slice(-40));
  });

  test('a body that is too long is refused, said beforehand or not', async () => {
    const { address } = await start();
    const path = `/ClearKey/?kid=${KEYS.open}`;
    const { status, headers } = await fetch(`${address}${path}`, { method: 'POST', body: new Uint8Array(70_000) });
    expect([status, headers.get('x-ms-error-code'), headers.get('cache-control')]).toEqual([413, 'ISOMER_KEY_REQUEST_LENGTH', 'no-store']);
    const chunked = await raw(address, `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n11170\r\n${'x'.repeat(70_000)}\r\n0\r\n\r\n`);
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
  });

  test.each<readonly [string, string, RegExp]>([
    ['bytes that are no HTTP', '\x16\x03\x01\r\n\r\n', /^(?:HTTP\/1\.1 400 [^]*)?$/],
    ['a broken escape', `GET /%zz?kid=${KEYS.open} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, /^HTTP\/1\.1 400 /],
    ['the absolute form', `GET http://keys.example/?kid=${KEYS.open} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, /^HTTP\/1\.1 200 /],
    ['a method that nobody knows', `BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, /^HTTP\/1\.1 4\d\d /],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', /^HTTP\/1\.1 400 /],
  ])('%s', async (_, text, expected) => {
    const { address } = await start();
    expect(await raw(address, text)).toMatch(expected);
    expect((await fetch(`${address}/?kid=${KEYS.open}`)).status).toBe(200);
  });

  test('a body that does not come is not waited for', async () => {
    const { address } = await start({ headersTimeout: 500 });
    expect(await raw(address, 'POST /ClearKey/ HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{')).toMatch(/^(?:HTTP\/1\.1 4\d\d [^]*)?$/);
    expect((await fetch(`${address}/?kid=${KEYS.open}`)).status).toBe(200);
  });
});

/** The forms in which a secret could show itself. */
function forms(secret: Uint8Array): readonly string[] {
  const bytes = Buffer.from(secret);
  return [bytes.toString('latin1'), bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), [...bytes].join(','), encodeURIComponent(bytes.toString('base64'))];
}

describe('nothing tells', () => {
  test('keys and tokens are in the one answer that they are for: in no log line, error, note or header', async () => {
    const failing = await makeWorld({ deps: { servers: { playReady: null, widevine: 'https://drm.example/', fairPlay: null } } });
    const { address } = await start({}, failing);
    const good = await jwt({ secretclaim: 'SECRET-CLAIM-VALUE' });
    const bad = [good.slice(0, -3), await jwt({ iss: 'SECRET-ISSUER', [KEY_ID_CLAIM]: 'SECRET-KID' }), await jwt({ aud: 'SECRET-AUDIENCE' }), await jwt({}, Buffer.alloc(32, 3)), await jwt({}, RSA.privateKey), swt({ role: 'SECRET-ROLE' }), 'SECRET-NONSENSE', `${good}.SECRET.SECRET`];
    let answers = '';
    const keep = async (url: string, init: RequestInit = {}): Promise<number> => {
      const response = await fetch(url, init);
      const text = Buffer.from(await response.arrayBuffer()).toString('latin1');
      answers += JSON.stringify([...response.headers]);
      if (response.status !== 200) answers += text;
      return response.status;
    };
    const statuses = new Set<number>();
    for (const token of [good, ...bad]) {
      for (const key of Object.values(KEYS)) {
        statuses.add(await keep(`${address}/?kid=${key}&token=${encodeURIComponent(token)}`));
        statuses.add(await keep(`${address}/ClearKey/`, { method: 'POST', headers: { Authorization: `Bearer ${token}` }, body: `{"kids":"${token}"}` }));
        statuses.add(await keep(`${address}/Widevine/?kid=${key}`, { method: 'POST', headers: { Authorization: `Bearer ${token}` }, body: token }));
      }
      statuses.add(await keep(`${address}/${encodeURIComponent(token).slice(0, 500)}?token=${token}`));
      statuses.add(await keep(`${address}/?kid=${token}`));
      statuses.add(await keep(`${address}/?token=${token}&token=${token}`, { method: 'DELETE' }));
    }
    expect([...statuses].sort((a, b) => a - b)).toEqual([200, 400, 401, 403, 405, 502, 503]);
    const told = answers + failing.logged() + failing.notes.join('\n');
    expect(failing.logged().split('\n').length).toBeGreaterThan(200);
    const secrets = [...Object.keys(KEYS).map((name) => valueOf(name as KeyName)), SYMMETRIC].flatMap(forms);
    const parts = [good, ...bad].flatMap((token) => token.split(/[.&]/)).filter((part) => part.length > 8);
    for (const secret of [...secrets, ...parts, 'SECRET']) expect(told.includes(secret), secret).toBe(false);
  });

  test('something impossible is answered without a word, and logged without its message', async () => {
    const world = await makeWorld();
    const boom = (): never => {
      throw new TypeError(`cannot use ${valueOf('open').toString('hex')}\n    at SECRET`);
    };
    const broken = { ...world, deps: { ...world.deps, keyring: { find: () => Promise.resolve().then(boom) } } };
    const { address } = await start({}, broken);
    const response = await fetch(`${address}/?kid=${KEYS.open}`);
    expect([response.status, await response.json()]).toEqual([500, { code: 'ISOMER_INTERNAL', message: 'internal error', requestId: 'id-1' }]);
    expect(world.logged()).toMatch(/"kind":"TypeError","stack":"/);
    expect(world.logged()).not.toContain(valueOf('open').toString('hex'));
  });
});
