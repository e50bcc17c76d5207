import { describe, expect, test } from 'vitest';
import { ContentKey, printSealed } from '../protection/contentkey.ts';
import { littleEndianGuid, parseGuid } from '../protection/guid.ts';
import { keyDeliveryTemplates } from '../protection/urls.ts';
import type { Fetch } from './fetching.ts';
import { checkServer } from './licence.ts';
import { createUses } from './uses.ts';
import { accountFile, jwt, KEYS, makeWorld, NOW, outcome, swt, valueOf, type AccountOptions, type KeyName, type WorldOptions } from './testing.ts';

const kidText = (name: KeyName): string => Buffer.from(parseGuid(KEYS[name])).toString('base64url');
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const bearer = async (): Promise<Record<string, string>> => ({ authorization: `Bearer ${await jwt()}` });

describe('the AES-128 key', () => {
  test('is 16 bytes that nobody may keep and every page may ask for', async () => {
    const world = await makeWorld();
    const { status, headers, body } = await world.get('open');
    expect([status, Buffer.from(body as Uint8Array).equals(valueOf('open'))]).toEqual([200, true]);
    expect(headers).toMatchObject({ 'Cache-Control': 'no-store', 'Content-Type': 'application/octet-stream', 'Content-Length': '16', 'Access-Control-Allow-Origin': '*', 'X-Content-Type-Options': 'nosniff', 'x-ms-request-id': 'id-1' });
    expect(headers).not.toHaveProperty('Access-Control-Allow-Credentials');
  });

  test('is found where manifests say it is', async () => {
    const world = await makeWorld();
    const { envelope, clearKey } = keyDeliveryTemplates('http://keys.example/');
    for (const template of [envelope, clearKey]) expect(outcome(await world.ask(template.replace('http://keys.example', '').replace('{ContentKeyId}', KEYS.open)), 'open')).toBe('200');
  });

  test.each<readonly [string, string, string]>([
    ['GET', '/', '400 KEY_REQUEST parameter kid'],
    ['GET', '/?kid=', '400 KEY_REQUEST parameter kid'],
    ['GET', '/?kid=1', '400 KEY_REQUEST parameter kid'],
    ['GET', `/?kid=${KEYS.open}&KID=${KEYS.open}`, '400 KEY_REQUEST query'],
    ['GET', `/?kid=${KEYS.open}&token=a&token=b`, '400 KEY_REQUEST query'],
    ['GET', `/keys?kid=${KEYS.open}`, '400 KEY_REQUEST path'],
    ['GET', `//?kid=${KEYS.open}`, '400 KEY_REQUEST path'],
    ['GET', `/../?kid=${KEYS.open}`, '400 KEY_REQUEST path'],
    ['GET', `/ClearKey/x?kid=${KEYS.open}`, '400 KEY_REQUEST path'],
    ['HEAD', `/?kid=${KEYS.open}`, '405 METHOD_NOT_ALLOWED method'],
    ['PUT', `/?kid=${KEYS.open}`, '405 METHOD_NOT_ALLOWED method'],
    ['GET', `/Widevine/?kid=${KEYS.drm}`, '405 METHOD_NOT_ALLOWED method'],
    ['GET', '/?kid=11111111-1111-4111-8111-111111111111', '404 KEY_UNKNOWN'],
    ['GET', `/?kid=${KEYS.none}`, '403 KEY_NOT_OFFERED'],
  ])('%s %s', async (method, path, expected) => {
    const world = await makeWorld();
    const reply = await world.ask(path, { method });
    if (method === 'HEAD') expect([reply.status, reply.body, reply.headers['Allow']]).toEqual([405, null, 'GET, POST, OPTIONS']);
    else expect(outcome(reply, 'open')).toBe(expected);
    expect(reply.headers).toMatchObject({ 'Cache-Control': 'no-store', 'Access-Control-Allow-Origin': '*' });
  });

  test('braces and a body change nothing', async () => {
    const world = await makeWorld();
    expect(outcome(await world.ask(`/?kid=%7B${KEYS.open}%7D`, { method: 'POST', body: Buffer.from('anything') }), 'open')).toBe('200');
  });

  test('preflight allows what pages ask for, Authorization too', async () => {
    const world = await makeWorld();
    const preflight = await world.ask(`/?kid=${KEYS.jwt}`, { method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization,x-app' } });
    expect([preflight.status, preflight.body]).toEqual([204, null]);
    expect(preflight.headers).toMatchObject({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Methods': 'GET, POST, OPTIONS', 'Access-Control-Allow-Headers': 'authorization,x-app', 'Access-Control-Max-Age': '86400' });
    expect((await world.ask('/', { method: 'OPTIONS', headers: { 'access-control-request-headers': 'a\r\nSet-Cookie: b' } })).headers['Access-Control-Allow-Headers']).toBe('Authorization, Content-Type');
  });

  test('is there between the start and the end of its locator', async () => {
    const at = async (times: AccountOptions): Promise<number> => (await (await makeWorld({ account: accountFile(times) })).get('open')).status;
    const text = (seconds: number): string => new Date(seconds * 1000).toISOString();
    expect(await Promise.all([at({ startTime: text(NOW) }), at({ startTime: text(NOW + 1) }), at({ endTime: text(NOW) }), at({ endTime: text(NOW + 1) })])).toEqual([200, 404, 404, 200]);
  });
});

describe('Clear Key licences', () => {
  test('hold the keys as a JSON Web Key Set', async () => {
    const world = await makeWorld();
    const { status, headers, body } = await world.ask(`/ClearKey/?kid=${KEYS.jwt}`, { method: 'POST', headers: await bearer(), body: json({ kids: [kidText('jwt'), kidText('open'), kidText('jwt')], type: 'temporary' }) });
    expect([status, headers['Content-Type']]).toEqual([200, 'application/json']);
    const key = (name: KeyName): object => ({ kty: 'oct', kid: kidText(name), k: valueOf(name).toString('base64url') });
    expect(JSON.parse(String(body))).toEqual({ keys: [key('jwt'), key('open')], type: 'temporary' });
  });

  test('leave out what the bearer may not have; all of it is a refusal', async () => {
    const world = await makeWorld();
    const ask = (...names: readonly KeyName[]): ReturnType<typeof world.ask> => world.ask('/clearkey', { method: 'POST', body: json({ kids: names.map(kidText) }) });
    expect(JSON.parse(String((await ask('jwt', 'open')).body))).toMatchObject({ keys: [{ kid: kidText('open') }] });
    expect(outcome(await ask('jwt', 'swt'), 'jwt')).toBe('401 TOKEN_MISSING');
  });

  test.each<readonly [string, Uint8Array]>([
    ['nothing', Buffer.alloc(0)],
    ['no JSON', Buffer.from('{')],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['no kids', json({ type: 'temporary' })],
    ['an empty list', json({ kids: [] })],
    ['a GUID', json({ kids: [KEYS.open] })],
    ['padding', json({ kids: [`${kidText('open')}==`] })],
    ['a short identifier', json({ kids: ['AAAA'] })],
    ['too many', json({ kids: Array.from({ length: 65 }, () => kidText('open')) })],
    ['another type', json({ kids: [kidText('open')], type: 'forever' })],
  ])('are refused for a request with %s', async (_, body) => {
    const world = await makeWorld();
    expect(outcome(await world.ask('/ClearKey/', { method: 'POST', body }), 'open')).toBe('400 KEY_REQUEST body');
  });
});

describe('keys at rest', () => {
  const master = Buffer.alloc(32, 7);
  const sealed = (name: KeyName, as: KeyName = name): string => printSealed(new ContentKey(parseGuid(KEYS[as]), valueOf(name)), master, Buffer.alloc(12, name.length));

  test('sealed ones are given out, plain ones are warned of', async () => {
    const account = accountFile({ values: Object.fromEntries(Object.keys(KEYS).map((name) => [name, sealed(name as KeyName)])) });
    const world = await makeWorld({ account, masterKey: master });
    expect([outcome(await world.get('open'), 'open'), world.notes]).toEqual(['200', []]);
    expect((await makeWorld()).notes).toEqual(['isomer.json: 9 content keys are stored as they are; "isomer keys encrypt" seals them with a master key']);
  });

  test.each<readonly [string, WorldOptions]>([
    ['no master key', { account: accountFile({ values: { open: sealed('open') } }) }],
    ['another master key', { account: accountFile({ values: { open: sealed('open') } }), masterKey: Buffer.alloc(32, 8) }],
    ['the record of another key', { account: accountFile({ values: { open: sealed('open', 'jwt') } }), masterKey: master }],
  ])('%s: 500 for this key, and the others stay', async (_, options) => {
    const world = await makeWorld(options);
    expect(outcome(await world.get('open'), 'open')).toBe('500 KEY_STORE');
    expect(outcome(await world.get('jwt', await jwt()), 'jwt')).toBe('200');
    expect(world.notes.join('\n')).toContain(KEYS.open);
  });

  test('two values for one identifier are neither', async () => {
    const account = JSON.parse(accountFile().toString()) as { streamingLocators: { name: string; properties: { contentKeys: { id: string; value: string }[] } }[] };
    const [film] = account.streamingLocators;
    const again = (value: string): Buffer => Buffer.from(JSON.stringify({ ...account, streamingLocators: [film, { name: 'again', properties: { ...film.properties, contentKeys: [{ id: KEYS.open, value }] } }] }));
    expect((await (await makeWorld({ account: again(Buffer.alloc(16, 1).toString('base64')) })).get('open')).status).toBe(500);
    expect((await (await makeWorld({ account: again(valueOf('open').toString('base64')) })).get('open')).status).toBe(200);
  });
});

describe('licences of others', () => {
  type Sent = { readonly url: string; readonly init: RequestInit };
  const stub = (sent: Sent[], answer: () => Response = () => new Response('licence', { headers: { 'Content-Type': 'application/x-licence' } })): Fetch => (url, init) => {
    sent.push({ url, init });
    return Promise.resolve(answer());
  };
  const servers = { playReady: 'https://drm.example/pr?kid={ContentKeyId}', widevine: 'https://drm.example/wv/{ContentKeyId}', fairPlay: 'https://drm.example/fp' };
  const kid = Buffer.from(littleEndianGuid(parseGuid(KEYS.drm))).toString('base64');
  const challenge = (more = ''): Uint8Array => Buffer.from(`<soap:Envelope><WRMHEADER version="4.0.0.0"><DATA><KID>${kid}</KID></DATA></WRMHEADER>${more}</soap:Envelope>`);

  test.each<readonly [string, string, Uint8Array, string]>([
    ['PlayReady', '/PlayReady/', challenge(), `https://drm.example/pr?kid=${KEYS.drm}`],
    ['Widevine', `/Widevine/?kid=${KEYS.drm}`, Uint8Array.of(8, 1, 255), `https://drm.example/wv/${KEYS.drm}`],
    ['FairPlay', `/FairPlay/?kid=${KEYS.drm}`, Buffer.from('spc=AAAA&assetId=x'), 'https://drm.example/fp'],
  ])('%s: the challenge goes on without the token, the answer comes back as it is', async (_, path, body, url) => {
    const sent: Sent[] = [];
    const world = await makeWorld({ fetch: stub(sent), deps: { servers } });
    const headers = { ...(await bearer()), 'content-type': 'application/x-challenge', cookie: 'a=b', soapaction: '"AcquireLicense"' };
    const reply = await world.ask(path, { method: 'POST', headers, body });
    expect([reply.status, Buffer.from(reply.body as Uint8Array).toString(), reply.headers['Content-Type'], reply.headers['Via'], reply.headers['Cache-Control']]).toEqual([200, 'licence', 'application/x-licence', '1.1 isomer', 'no-store']);
    expect(sent.map((one) => [one.url, one.init.method, Buffer.from(one.init.body as Buffer).equals(body), one.init.redirect])).toEqual([[url, 'POST', true, 'error']]);
    expect(Object.keys(sent[0].init.headers as object)).toEqual(['content-type', 'soapaction']);
  });

  test('without a good token nothing goes on', async () => {
    const sent: Sent[] = [];
    const world = await makeWorld({ fetch: stub(sent), deps: { servers } });
    const ask = (authorization?: string): ReturnType<typeof world.ask> => world.ask(`/Widevine/?kid=${KEYS.drm}`, { method: 'POST', headers: { authorization }, body: Uint8Array.of(1) });
    expect([outcome(await ask(), 'drm'), outcome(await ask(`Bearer ${swt()}`), 'drm')]).toEqual(['401 TOKEN_MISSING', '401 TOKEN_REFUSED token']);
    expect(outcome(await world.ask(`/Widevine/?kid=${KEYS.jwt}`, { method: 'POST', headers: await bearer() }), 'jwt')).toBe('403 KEY_NOT_OFFERED');
    expect(sent).toEqual([]);
  });

  test('without a server they are not issued, and that is said', async () => {
    const world = await makeWorld();
    expect(outcome(await world.ask(`/Widevine/?kid=${KEYS.drm}`, { method: 'POST', headers: await bearer() }), 'drm')).toBe('501 LICENCE_NOT_ISSUED');
    expect(outcome(await world.ask(`/Widevine/?kid=${KEYS.drm}`, { method: 'POST' }), 'drm')).toBe('401 TOKEN_MISSING');
  });

  test.each<readonly [string, () => Response, string]>([
    ['500', () => new Response('stack of the server', { status: 500 }), '502 LICENCE_SERVER'],
    ['too much', () => new Response(new Uint8Array(2 * 1024 * 1024)), '502 LICENCE_SERVER'],
    ['no connection', () => { throw new Error('connect ECONNREFUSED 10.0.0.1'); }, '502 LICENCE_SERVER'],
  ])('the server’s %s is ours to hide', async (_, answer, expected) => {
    const world = await makeWorld({ fetch: (...args) => Promise.resolve().then(() => stub([], answer)(...args)), deps: { servers } });
    const reply = await world.ask(`/FairPlay/?kid=${KEYS.drm}`, { method: 'POST', headers: await bearer() });
    expect(outcome(reply, 'drm')).toBe(expected);
    expect(String(reply.body) + world.logged()).not.toMatch(/stack of|10\.0\.0\.1|drm\.example/);
  });

  test('the server’s own refusal passes', async () => {
    const world = await makeWorld({ fetch: stub([], () => new Response('no', { status: 403 })), deps: { servers } });
    const { status, body } = await world.ask(`/FairPlay/?kid=${KEYS.drm}`, { method: 'POST', headers: await bearer() });
    expect([status, Buffer.from(body as Uint8Array).toString()]).toEqual([403, 'no']);
  });

  test('PlayReady: the key is the challenge’s, the token may be in its custom data', async () => {
    const sent: Sent[] = [];
    const world = await makeWorld({ fetch: stub(sent), deps: { servers } });
    const ask = (body: Uint8Array): ReturnType<typeof world.ask> => world.ask('/PlayReady/', { method: 'POST', body });
    const custom = `<CustomData xmlns="http://schemas.microsoft.com/Azure/MediaServices/KeyDelivery/PlayReadyCustomData/v1"><Token>${await jwt()}</Token></CustomData>`;
    const escaped = custom.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    expect((await ask(challenge(`<CustomData>${escaped}</CustomData>`))).status).toBe(200);
    expect(outcome(await ask(challenge('<CustomData>x</CustomData>')), 'drm')).toBe('401 TOKEN_MISSING');
    expect(outcome(await ask(Buffer.from(`<KID ALGID="AESCTR" CHECKSUM="x" VALUE="${kid}"></KID>`)), 'drm')).toBe('401 TOKEN_MISSING');
    const other = Buffer.from(littleEndianGuid(parseGuid(KEYS.open))).toString('base64');
    expect(outcome(await ask(challenge(`<KID>${other}</KID>`)), 'drm')).toBe('400 KEY_REQUEST body');
    expect(outcome(await ask(Buffer.from('<soap/>')), 'drm')).toBe('400 KEY_REQUEST body');
    expect(sent).toHaveLength(1);
  });

  test.each(['drm.example/x', 'ftp://drm.example/', 'https://drm.example/{KeyId}', ''])('a server’s address that is none stops the start: %s', (template) => {
    expect(() => checkServer(template, 'widevineServer')).toThrow(/widevineServer; expected an http or https URL/);
  });
});

describe('uses', () => {
  test('memory for them is bounded: the dead make room, the living are not forgotten', () => {
    const uses = createUses(2);
    const token = (signature: string, expires: number): Parameters<typeof uses.take>[0] => ({ uses: 1, signature, expires });
    uses.take(token('a', NOW), NOW);
    uses.take(token('b', NOW + 1000), NOW);
    expect(() => uses.take(token('c', NOW + 1000), NOW)).toThrow(/too many/);
    uses.take(token('c', NOW + 2000), NOW + 301);
    expect(() => uses.take(token('b', NOW + 1000), NOW + 301)).toThrow(/does not give access/);
  });
});
