import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { NO_LOG, type LogFields } from '../log.ts';
import { HELD_BYTES } from './body.ts';
import { startServer, type OriginServer, type ServerOptions } from './server.ts';
import { makeWorld, patternByte, patternSource, type World, type WorldOptions } from './testing.ts';

const BASE = '/films/ignite/ignite.ism';
const SEGMENT = `${BASE}/QualityLevels(381048)/Fragments(video=0,format=m3u8-aapl)`;
const OPTIONS: ServerOptions = { host: '127.0.0.1', port: 0, maxConnections: 100, headersTimeout: 5000, keepAliveTimeout: 5000, stallTimeout: 60_000, graceTimeout: 5000, maxHeaderBytes: 16_384, tls: null, meter: null };

type Rig = { readonly world: World; readonly server: OriginServer; readonly port: number; readonly log: readonly (readonly [string, LogFields | undefined])[] };
const rigs: Rig[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(rigs.splice(0).map(({ server }) => server.stop()));
});

async function start(world: WorldOptions = {}, options: Partial<ServerOptions> = {}): Promise<Rig> {
  const log: (readonly [string, LogFields | undefined])[] = [];
  const note = (message: string, fields?: LogFields): void => void log.push([message, fields]);
  const made = makeWorld({ ...world, deps: { log: { ...NO_LOG, info: note, error: note }, ...world.deps } });
  let ids = 0;
  const server = await startServer(made.deps, { ...OPTIONS, ...options }, () => `id-${++ids}`);
  const rig = { world: made, server, port: Number(new URL(server.address).port), log };
  rigs.push(rig);
  return rig;
}

type Client = { readonly socket: Socket; readonly text: () => string; readonly closed: Promise<string> };

function open({ port }: Rig, request: string): Client {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let answer = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    answer += chunk;
  });
  // A reset is one of the endings that are looked for.
  socket.on('error', () => undefined);
  socket.write(request, 'latin1');
  return { socket, text: () => answer, closed: new Promise((resolve) => void socket.once('close', () => resolve(answer))) };
}

const line = (path: string, more = '', method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const LAST = 'Connection: close\r\n';

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 5000) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function expectAllBack({ world }: Rig): void {
  const { held, heldBytes } = world.deps.pool.stats();
  expect({ held, heldBytes, leases: world.leases() }).toEqual({ held: 0, heldBytes: 0, leases: 0 });
}

const statuses = (answer: string): readonly string[] => [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);

describe('one connection', () => {
  test('the body is the plan’s, byte for byte, under a known length', async () => {
    const rig = await start({ segmentBytes: 1_000_004 });
    const response = await fetch(`${rig.server.address}${SEGMENT}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect([response.status, response.headers.get('content-length'), bytes.length]).toEqual([200, '1000004', 1_000_004]);
    expect(bytes.subarray(0, 4)).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(bytes.subarray(4).every((byte, i) => byte === patternByte(100 + i))).toBe(true);
    await until(() => rig.log.length === 1, 'the log line');
    expect(rig.log[0]).toEqual(['request', { method: 'GET', path: SEGMENT, id: 'id-1', status: 200, bytes: 1_000_004, ms: 0 }]);
    expectAllBack(rig);
  });

  test('HEAD has the same headers and no body', async () => {
    const rig = await start();
    const [get, head] = await Promise.all(['GET', 'HEAD'].map((method) => open(rig, line(SEGMENT, LAST, method)).closed));
    const headOf = (answer: string): string => answer.slice(0, answer.indexOf('\r\n\r\n') + 4).replace(/^Date:.*$/im, '');
    expect(headOf(head)).toBe(headOf(get));
    expect(head.slice(head.indexOf('\r\n\r\n') + 4)).toBe('');
  });

  test('the error’s code is the reason phrase', async () => {
    expect(await open(await start(), line(`${BASE}/manifest(format=x)`, LAST)).closed).toMatch(/^HTTP\/1\.1 415 MPE_OUTPUT_FORMAT_NOT_SUPPORTED\r\n/);
  });

  test('the absolute form is the same request', async () => {
    const rig = await start();
    expect(await open(rig, line(`http://example.com:80${BASE}/manifest`, LAST)).closed).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(await open(rig, line('HTTP://example.com', LAST)).closed).toMatch(/^HTTP\/1\.1 404/);
  });

  test('pipelined requests are answered in order, one at a time', async () => {
    const rig = await start({ segmentBytes: 300_000 });
    const order = [SEGMENT, '/healthz', `${BASE}/manifest(`, SEGMENT, '/healthz'];
    const answer = await open(rig, order.map((path, i) => line(path, i === order.length - 1 ? LAST : '')).join('')).closed;
    expect(statuses(answer)).toEqual(['200', '200', '400', '200', '200']);
    expect(rig.world.deps.pool.stats().peakBytes).toBeLessThanOrEqual(HELD_BYTES);
    expectAllBack(rig);
  });

  test('fifty pipelined requests of a client that reads nothing hold one response', async () => {
    const rig = await start({ segmentBytes: 50_000_000 });
    const client = open(rig, line(SEGMENT).repeat(50));
    client.socket.pause();
    await until(() => rig.world.deps.pool.stats().heldBytes > 0, 'the first window');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(rig.world.deps.pool.stats().peakBytes).toBeLessThanOrEqual(HELD_BYTES);
    expect([rig.world.leases(), rig.world.opens.length]).toEqual([1, 1]);
    client.socket.destroy();
    await until(() => rig.world.leases() === 0, 'the lease');
    await until(() => rig.log.length === 1, 'the log line');
    expect(rig.log[0][1]).toMatchObject({ aborted: true });
    expectAllBack(rig);
  });

  test('nobody pipelines hundreds', async () => {
    const rig = await start({ segmentBytes: 50_000_000 });
    const answer = await open(rig, line(SEGMENT).repeat(300)).closed;
    expect(statuses(answer).length).toBeLessThanOrEqual(1);
    expect(rig.world.opens.length).toBeLessThanOrEqual(1);
    await until(() => rig.world.leases() === 0, 'the lease');
    expectAllBack(rig);
  });

  test.each([
    ['a small body', 'Content-Length: 3\r\n\r\nabc'],
    ['a large body', `Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`],
    ['a body that never comes', 'Content-Length: 100\r\nConnection: close\r\n\r\n'],
    ['a body of some type', 'Content-Type: application/json\r\nContent-Length: 3\r\n\r\n{"a'],
  ])('POST with %s is refused', async (_, rest) => {
    const rig = await start({}, { headersTimeout: 500 });
    expect(await open(rig, `POST ${SEGMENT} HTTP/1.1\r\nHost: x\r\n${rest}`).closed).toMatch(/^HTTP\/1\.1 40[58]/);
  });
});

describe('faults and slow clients', () => {
  test('a client that reads nothing is dropped, and everything is back', async () => {
    const rig = await start({ segmentBytes: 50_000_000 }, { stallTimeout: 300 });
    const client = open(rig, line(SEGMENT));
    client.socket.pause();
    await until(() => rig.world.leases() === 1, 'the response');
    await until(() => rig.world.leases() === 0, 'the drop');
    expect(client.text()).toBe('');
    expect(rig.world.deps.pool.stats().peakBytes).toBeLessThanOrEqual(HELD_BYTES);
    expectAllBack(rig);
  });

  test('a client that reads nothing of a manifest is dropped', async () => {
    const page: WorldOptions = { deps: { page: () => Promise.resolve({ mime: 'x/y', bytes: new Uint8Array(50_000_000), immutable: false }) } };
    const rig = await start(page, { stallTimeout: 300 });
    const client = open(rig, line('/'));
    client.socket.pause();
    await until(() => rig.log.length === 1, 'the drop');
    expect(rig.log[0][1]).toMatchObject({ aborted: true });
  });

  test('clients that leave in the middle leave nothing behind', async () => {
    const rig = await start({ segmentBytes: 2_000_000_000 });
    const clients = Array.from({ length: 20 }, () => open(rig, line(SEGMENT)));
    await Promise.all(clients.map((client) => until(() => client.text().length > 1000, 'the first bytes')));
    for (const { socket } of clients) socket.destroy();
    await until(() => rig.log.length === 20, 'twenty log lines');
    expect(rig.log.every(([, fields]) => fields?.['aborted'] === true)).toBe(true);
    expectAllBack(rig);
  });

  test('a read that fails after the headers ends the connection short, and is logged', async () => {
    const source = patternSource((read) => (read === 4 ? Promise.reject(new Error('disk on fire')) : Promise.resolve()));
    const rig = await start({ segmentBytes: 2_000_000, source });
    const answer = await open(rig, line(SEGMENT) + line('/healthz')).closed;
    expect(statuses(answer)).toEqual(['200']);
    expect(answer.length).toBeLessThan(2_000_000);
    await until(() => rig.log.length > 0, 'the log line');
    expect(rig.log[0]).toEqual(['response broke off', expect.objectContaining({ reason: 'disk on fire', id: 'id-1' })]);
    expectAllBack(rig);
  });

  test('connections beyond the limit are closed', async () => {
    const rig = await start({}, { maxConnections: 1 });
    const first = open(rig, line('/healthz'));
    await until(() => first.text().includes('ok'), 'the first answer');
    expect(await open(rig, line('/healthz')).closed).toBe('');
    expect(first.socket.destroyed).toBe(false);
  });

  test('a head that never ends is cut off', async () => {
    const rig = await start({}, { headersTimeout: 300 });
    expect(await open(rig, 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ').closed).toMatch(/^HTTP\/1\.1 408/);
  });

  test('what is no HTTP is refused', async () => {
    const rig = await start();
    expect(await open(rig, '\u0016\u0003\u0001 hello\r\n\r\n').closed).toMatch(/^HTTP\/1\.1 400/);
    expect(await open(rig, 'GET /\u0000 HTTP/1.1\r\nHost: x\r\n\r\n').closed).toMatch(/^HTTP\/1\.1 400/);
  });
});

describe('stopping', () => {
  test('lets a slow response end, then closes its connection', async () => {
    const source = patternSource(() => new Promise((resolve) => setTimeout(resolve, 30)));
    const rig = await start({ segmentBytes: 1_000_000, source });
    const client = open(rig, line(SEGMENT));
    await until(() => client.text().length > 0, 'the first bytes');
    const started = performance.now();
    await rig.server.stop();
    expect((await client.closed).length).toBeGreaterThan(1_000_000);
    expect(performance.now() - started).toBeLessThan(3000);
    expectAllBack(rig);
  });

  test('waits no longer than it said', async () => {
    const rig = await start({ segmentBytes: 50_000_000 }, { graceTimeout: 200 });
    const client = open(rig, line(SEGMENT));
    client.socket.pause();
    await until(() => rig.world.leases() === 1, 'the response');
    const started = performance.now();
    await rig.server.stop();
    expect(performance.now() - started).toBeLessThan(2000);
    await until(() => rig.world.leases() === 0, 'the lease');
    expectAllBack(rig);
  });
});
