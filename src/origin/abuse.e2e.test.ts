/** What the open network sends to a server: each abuse ends in a typed answer or a closed connection, and the next viewer is served. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { audioTrack, mp4File, videoTrack } from '../isobmff/testing.ts';

let root: string;
let child: ChildProcess;
let port: number;
let output = '';
let segment: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-abuse-'));
  await mkdir(join(root, 'public/film'), { recursive: true });
  await writeFile(join(root, 'secret.mp4'), 'nobody may read this');
  await writeFile(join(root, 'secret.ism'), '<smil><body><switch><video src="secret.mp4"/></switch></body></smil>');
  await writeFile(join(root, 'public/film/film.mp4'), mp4File({ tracks: [videoTrack(420, 60), audioTrack(660)] }));
  await writeFile(join(root, 'public/film/out.ism'), '<smil><body><switch><video src="../../secret.mp4"/></switch></body></smil>');
  child = spawn(process.execPath, [join(import.meta.dirname, '../cli.ts'), 'serve', '--root', join(root, 'public'), '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr?.on('data', (text: Buffer) => (output += text.toString()));
  port = await new Promise((resolve) => child.stdout?.on('data', (text: Buffer) => resolve(Number(/:(\d+)\s/.exec(text.toString())?.[1]))));
  const manifest = await (await fetch(`http://127.0.0.1:${port}/film/film.ism/manifest(format=mpd-time-cmaf)`)).text();
  segment = `/film/film.ism/QualityLevels(${/QualityLevels\((\d+)\)/.exec(manifest)?.[1] ?? /bandwidth="(\d+)"/.exec(manifest)?.[1]})/Fragments(video=0,format=mpd-time-cmaf)`;
});
afterAll(async () => {
  child?.kill();
  await rm(root, { recursive: true, force: true });
});

const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  // Whatever went before: the server lives, answers, and has told nobody where it is.
  for (const path of ['/healthz', segment]) {
    const { status } = await fetch(`http://127.0.0.1:${port}${path}`);
    if (status !== 200) throw new Error(`afterwards ${path} is answered with ${status}`);
  }
  if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
});

type Client = { readonly socket: Socket; readonly closed: Promise<string> };

function open(request: string | Buffer): Client {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
  socket.on('error', () => undefined);
  socket.write(request);
  return { socket, closed: new Promise((resolve) => void socket.once('close', () => resolve(answer))) };
}

const get = (path: string, more = '', method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: x\r\n${more}Connection: close\r\n\r\n`;
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
/** The answer to one request, or '' when the server only closed. */
async function ask(request: string | Buffer): Promise<string> {
  const answer = await open(request).closed;
  expect(answer).not.toContain(root);
  expect(answer).not.toContain(process.cwd());
  expect(answer).not.toMatch(/\n\s+at |node:internal|\.ts:\d+|nobody may read this|root:x:0/);
  return answer;
}

describe('slow clients', () => {
  test('heads that come byte by byte are cut off, a hundred at a time, while others are served', async () => {
    const slow = Array.from({ length: 100 }, () => open('GET /healthz HTTP/1.1\r\n'));
    const timers = slow.map(({ socket }) => setInterval(() => void (socket.writable && socket.write('X')), 500));
    const started = performance.now();
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    const answers = await Promise.all(slow.map(({ closed }) => closed));
    for (const timer of timers) clearInterval(timer);
    expect(performance.now() - started).toBeLessThan(40_000);
    for (const answer of answers) expect([0, 408]).toContain(statusOf(answer));
  });

  test('a body that never ends is not waited for', async () => {
    const started = performance.now();
    expect([405, 408, 413]).toContain(statusOf(await ask(`POST ${segment} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n`)));
    expect(performance.now() - started).toBeLessThan(40_000);
  });
});

describe('large heads', () => {
  test.each([
    ['one header of a megabyte', get('/healthz', `X-A: ${'a'.repeat(1_000_000)}\r\n`)],
    ['ten thousand headers', get('/healthz', Array.from({ length: 10_000 }, (_, i) => `X-${i}: 1\r\n`).join(''))],
    ['a URL of a megabyte', get(`/${'a'.repeat(1_000_000)}`)],
  ])('%s', async (_, request) => {
    expect([0, 431, 414]).toContain(statusOf(await ask(request)));
  });

  test('a URL beyond the grammar’s limit is a typed error', async () => {
    for (const path of [`/${'a'.repeat(4000)}`, `/film/film.ism/manifest(${'format=x,'.repeat(400)}a=b)`, `/${'a/'.repeat(1000)}film.ism/manifest`]) {
      const answer = await ask(get(path));
      expect(statusOf(answer)).toBe(400);
      expect(answer).toContain('MPE_BAD_URL_SYNTAX');
    }
  });
});

describe('ranges', () => {
  test.each([
    ['bytes=0-0', 206, 1],
    ['bytes=-1', 206, 1],
    ['bytes=0-99999999999999', 206, null],
    ['bytes=99999999999999-', 416, null],
    ['bytes=-0', 416, null],
    ['bytes=5-4', 200, null],
    ['bytes=-', 200, null],
    ['bytes=--5', 200, null],
    ['bytes=-5-', 200, null],
    ['bytes=0x0-0x5', 200, null],
    ['bytes=1e3-', 200, null],
    ['bytes=99999999999999999999999999-', 200, null],
    ['bytes=18446744073709551615-18446744073709551616', 200, null],
    [`bytes=${'0-0,'.repeat(1500)}0-0`, 200, null],
    [`bytes=${Array.from({ length: 800 }, (_, i) => `${i}-`).join(',')}`, 200, null],
    ['bytes=0-9,5-14', 200, null],
    ['lines=1-2', 200, null],
    ['bytes', 200, null],
    ['=', 200, null],
  ] as const)('%s', async (range, status, length) => {
    const answer = await ask(get(segment, `Range: ${range}\r\n`));
    expect(statusOf(answer)).toBe(status);
    const body = answer.slice(answer.indexOf('\r\n\r\n') + 4).length;
    expect(body).toBe(Number(/^content-length: (\d+)/im.exec(answer)?.[1]));
    if (length !== null) expect(body).toBe(length);
  });
});

describe('ways out of the root', () => {
  const DOTS = ['..', '%2e%2e', '%2E.', '.%2e', '%252e%252e', '..%00', '%c0%ae%c0%ae', '%e0%80%ae', '..;', '....', '%uff0e%uff0e', '\uff0e\uff0e'];
  const SLASHES = ['/', '%2f', '%2F', '%5c', '\\', '%252f', '//', '/./', '%c0%af'];
  const TARGETS = ['secret.mp4', 'secret.ism/manifest', 'etc/passwd', 'secret.ism/QualityLevels(1)/Fragments(video=0)'];

  test('none of them is one', async () => {
    const paths = DOTS.flatMap((dots) => SLASHES.flatMap((slash) => TARGETS.flatMap((target) => [`/${dots}${slash}${target}`, `/film${slash}${dots}${slash}${dots}${slash}${target}`, `/film/film.ism${slash}${dots}${slash}${dots}${slash}${dots}${slash}${target}`])));
    const more = ['/film/..%2f..%2fsecret.ism/manifest', '//etc/passwd', '/file:///etc/passwd', '/-/../../secret.mp4', '/-/%2e%2e/%2e%2e/secret.mp4', '/-/..%2f..%2fsecret.mp4', '/C:/secret.ism/manifest', '/film/film.mp4', '/film/out.ism/manifest', `${root}/secret.ism/manifest`];
    const statuses = new Map<number, number>();
    for (let i = 0; i < paths.length + more.length; i += 20) {
      const answers = await Promise.all([...paths, ...more].slice(i, i + 20).map((path) => ask(Buffer.from(get(path)))));
      for (const answer of answers) statuses.set(statusOf(answer), (statuses.get(statusOf(answer)) ?? 0) + 1);
    }
    console.log(`${paths.length + more.length} ways out: ${[...statuses].map(([status, count]) => `${status} ${count} times`).join(', ')}`);
    for (const status of statuses.keys()) expect([400, 404, 415]).toContain(status);
  }, 60_000);
});

describe('methods and bytes that are no HTTP', () => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'CONNECT', 'PROPFIND', 'PURGE', 'M-SEARCH', 'QUERY', 'FOO', 'get'])('%s', async (method) => {
    expect([0, 400, 405, 404]).toContain(statusOf(await ask(get(segment, '', method))));
  });

  test.each([
    ['nothing', ''],
    ['a TLS hello', Buffer.from('16030100ca010000c60303', 'hex')],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['HTTP/9.9', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
    ['no target', 'GET HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['two Hosts', get('/healthz', 'Host: y\r\n')],
    ['a folded header', get('/healthz', 'X-A: 1\r\n 2\r\n')],
    ['a bare line feed', 'GET /healthz HTTP/1.1\nHost: x\nConnection: close\n\n'],
    ['NUL in a header', get('/healthz', 'X-A: a\0b\r\n')],
    ['NUL in the target', get('/a\0b')],
    ['a space in the target', get('/a b')],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from('GET /'), Buffer.from([0xff, 0xfe, 0x80]), Buffer.from(' HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')])],
    ['a fragment', get('/film/film.ism/manifest#x')],
    ['an upgrade', get('/healthz', 'Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n').replace('Connection: close', 'Connection: close, Upgrade')],
    ['two lengths', get('/healthz', 'Content-Length: 1\r\nContent-Length: 2\r\n')],
    ['length and chunks', get('/healthz', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
    ['a negative length', get('/healthz', 'Content-Length: -1\r\n')],
    ['a smuggled request', get('/healthz', 'Transfer-Encoding: chunked, identity\r\n')],
  ])('%s', async (_, request) => {
    const client = open(request);
    if (request.length === 0) client.socket.end();
    setTimeout(() => client.socket.end(), 1500);
    const answer = await client.closed;
    expect(answer).not.toContain(root);
    expect(answer).not.toMatch(/\n\s+at |node:internal/);
    expect([0, 200, 204, 400, 404, 405, 408, 426, 505]).toContain(statusOf(answer));
  });

  test('conditions and encodings of no sense', async () => {
    for (const header of ['If-None-Match: "', 'If-None-Match: *', `If-None-Match: ${'"x",'.repeat(2000)}"y"`, 'If-Range: x', 'Accept-Encoding: gzip;q=NaN', `Accept-Encoding: ${'gzip,'.repeat(2000)}`, 'Origin: \u00ff', 'Access-Control-Request-Headers: x']) {
      expect([200, 304]).toContain(statusOf(await ask(get('/film/film.ism/manifest', `${header}\r\n`))));
    }
  });

  test('the log holds no stack: nothing of this was a surprise', () => {
    expect(output).not.toMatch(/ISOMER_INTERNAL|\n\s+at /);
  });
});
