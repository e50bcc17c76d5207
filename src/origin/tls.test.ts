import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { afterEach, expect, test } from 'vitest';
import { HELD_BYTES } from './body.ts';
import type { Served } from './metrics.ts';
import { startServer, type OriginServer, type ServerOptions } from './server.ts';
import { makeWorld, patternByte, patternSource, selfSigned, type World, type WorldOptions } from './testing.ts';

const BASE = '/films/ignite/ignite.ism';
const SEGMENT = `${BASE}/QualityLevels(381048)/Fragments(video=0,format=m3u8-aapl)`;
const PEM = selfSigned();
const OPTIONS: Omit<ServerOptions, 'tls' | 'meter'> = { host: '127.0.0.1', port: 0, maxConnections: 100, headersTimeout: 5000, keepAliveTimeout: 5000, stallTimeout: 60_000, graceTimeout: 5000, maxHeaderBytes: 16_384 };

type Rig = { readonly world: World; readonly server: OriginServer; readonly served: readonly Served[] };
const rigs: Rig[] = [];
const sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await Promise.all(rigs.splice(0).map(({ server }) => server.stop()));
});

async function start(options: WorldOptions = {}, http2 = true): Promise<Rig> {
  const world = makeWorld(options);
  const served: Served[] = [];
  const meter = { begin: () => undefined, end: (each: Served) => void served.push(each) };
  const rig = { world, served, server: await startServer(world.deps, { ...OPTIONS, tls: { ...PEM, http2 }, meter }, () => 'id') };
  rigs.push(rig);
  return rig;
}

function session({ server }: Rig): ClientHttp2Session {
  const made = connect(server.address, { ca: PEM.cert, servername: 'localhost' });
  made.on('error', () => undefined);
  sessions.push(made);
  return made;
}

type Answer = { readonly headers: IncomingHttpHeaders; readonly body: Buffer };

async function ask(client: ClientHttp2Session, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return read(client.request({ ':path': path, ...headers }));
}

async function read(stream: ClientHttp2Stream): Promise<Answer> {
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { headers, body: Buffer.concat(chunks) };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 5000) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('HTTP/2: the same bytes and headers, many requests on one connection', async () => {
  const rig = await start({ segmentBytes: 1_000_004 });
  expect(rig.server.address).toMatch(/^https:/);
  const client = session(rig);
  const [segment, manifest, ...others] = await Promise.all([ask(client, SEGMENT), ask(client, `${BASE}/manifest`, { 'accept-encoding': 'br' }), ...Array.from({ length: 20 }, () => ask(client, SEGMENT))]);
  expect([segment.headers[':status'], segment.headers['content-length'], segment.body.length]).toEqual([200, '1000004', 1_000_004]);
  expect(segment.body.subarray(4).every((byte, i) => byte === patternByte(100 + i))).toBe(true);
  expect(others.every(({ body }) => body.equals(segment.body))).toBe(true);
  expect([manifest.headers[':status'], manifest.headers['content-encoding']]).toEqual([200, 'br']);
  await until(() => rig.served.length === 22, 'the meter');
  expect(rig.served.every(({ status, aborted }) => status === 200 && !aborted)).toBe(true);
  const { held, heldBytes } = rig.world.deps.pool.stats();
  expect({ held, heldBytes, leases: rig.world.leases() }).toEqual({ held: 0, heldBytes: 0, leases: 0 });
});

test('HTTP/2: errors keep code and status, and no header of HTTP/1', async () => {
  const client = session(await start());
  const wrong = await ask(client, `${BASE}/manifest(format=x)`);
  expect([wrong.headers[':status'], wrong.headers['x-ms-error-code']]).toEqual([415, 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED']);
  const method = await read(client.request({ ':path': SEGMENT, ':method': 'DELETE' }));
  expect([method.headers[':status'], method.headers['connection'], method.headers['allow']]).toEqual([405, undefined, 'GET, HEAD, OPTIONS']);
  const post = client.request({ ':path': SEGMENT, ':method': 'POST' });
  post.end('x'.repeat(10));
  expect((await read(post)).headers[':status']).toBe(405);
  const head = await read(client.request({ ':path': SEGMENT, ':method': 'HEAD' }));
  expect([head.headers[':status'], head.headers['content-length'], head.body.length]).toEqual([200, '1000', 0]);
});

test('HTTP/2: a client that reads nothing holds one window, and gives it back when it goes', async () => {
  const rig = await start({ segmentBytes: 50_000_000 });
  const client = session(rig);
  const stream = client.request({ ':path': SEGMENT });
  stream.pause();
  await until(() => rig.world.deps.pool.stats().heldBytes > 0, 'the first window');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(rig.world.deps.pool.stats().peakBytes).toBeLessThanOrEqual(HELD_BYTES);
  client.destroy();
  await until(() => rig.world.leases() === 0 && rig.served.length === 1, 'the lease');
  expect(rig.served[0].aborted).toBe(true);
  expect(rig.world.deps.pool.stats().heldBytes).toBe(0);
});

test('HTTP/2: a body that breaks off is reset, not ended', async () => {
  const rig = await start({ segmentBytes: 1_000_000, source: patternSource((read) => (read > 3 ? Promise.reject(new Error('disk')) : Promise.resolve())) });
  const stream = session(rig).request({ ':path': SEGMENT });
  const failed = once(stream, 'error');
  stream.resume();
  expect(String((await failed)[0])).toContain('INTERNAL_ERROR');
});

test.each([true, false])('HTTP/1.1 over TLS (http2: %s)', async (http2) => {
  const { server } = await start({}, http2);
  const asked = get(`${server.address}${SEGMENT}`, { ca: PEM.cert, servername: 'localhost', checkServerIdentity: () => undefined });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let length = 0;
  for await (const chunk of response) length += (chunk as Buffer).length;
  const answer = { status: response.statusCode, version: response.httpVersion, length };
  expect(answer).toEqual({ status: 200, version: '1.1', length: 1000 });
});

test('a stop lets HTTP/2 responses finish', async () => {
  const rig = await start({ segmentBytes: 5_000_000 });
  const stream = session(rig).request({ ':path': SEGMENT });
  await once(stream, 'response');
  rigs.splice(0);
  const stopped = rig.server.stop();
  let length = 0;
  for await (const chunk of stream) length += (chunk as Buffer).length;
  expect(length).toBe(5_000_000);
  await stopped;
});
