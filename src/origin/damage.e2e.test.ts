/**
 * Stored media that is found damaged when its response is already under way, behind the first window: the client is told by a connection
 * that breaks, never by a 200 that ends as if it were whole (spec/url.md "Errors").
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { get as httpsGet } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audioTrack, mp4File, nalSample, videoTrack } from '../isobmff/testing.ts';
import { selfSigned } from './testing.ts';

const PEM = selfSigned();
const PICTURES = 200;
/** A segment of six seconds is 180 of them: more than five windows. */
const PICTURE_BYTES = 8000;
/** Inside of the first segment, far behind its first window. */
const DAMAGED = 150;
const WHOLE = Array.from({ length: PICTURES }, (_, i) => nalSample(i % 60 === 0 ? 0x65 : 0x41, PICTURE_BYTES, i));
const TS = 'm3u8-aapl';
const CMAF = 'mpd-time-cmaf';

type Server = { readonly child: ChildProcess; readonly origin: string; log: string };
let root: string;
let plain: Server;
let secure: Server;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-damage-'));
  const broken = WHOLE.map((sample, i) => {
    const copy = sample.slice();
    // The unit's length reaches beyond its sample.
    if (i === DAMAGED) copy[1] = 0x7f;
    return copy;
  });
  await Promise.all([store('whole', WHOLE), store('broken', broken)]);
  await writeFile(join(root, 'cert.pem'), PEM.cert);
  await writeFile(join(root, 'key.pem'), PEM.key);
  [plain, secure] = await Promise.all([serve(), serve('--tls-cert', join(root, 'cert.pem'), '--tls-key', join(root, 'key.pem'))]);
});
afterAll(async () => {
  plain?.child.kill();
  secure?.child.kill();
  await rm(root, { recursive: true, force: true });
});

/** A folder with one file; its path. */
async function store(name: string, samples: readonly Uint8Array[]): Promise<string> {
  const file = join(root, name, `${name}.mp4`);
  await mkdir(join(root, name));
  await writeFile(file, mp4File({ tracks: [videoTrack(PICTURES, 60, { samples }), audioTrack(300)] }));
  return file;
}

/** Files are not looked at again: what changes is found by reading. */
async function serve(...args: readonly string[]): Promise<Server> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../cli.ts'), 'serve', '--root', root, '--port', '0', '--revalidate-ms', '600000', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const server = { child, origin: '', log: '' };
  child.stderr?.on('data', (text: Buffer) => (server.log += text.toString()));
  server.origin = await new Promise<string>((resolve) =>
    child.stdout?.on('data', (text: Buffer) => {
      server.log += text.toString();
      const found = /listening on (https?:\/\/[^\s"]+)/.exec(server.log)?.[1];
      if (found !== undefined) resolve(found);
    }),
  );
  return server;
}

type Ending = { readonly status: number; readonly promised: number; readonly got: number; readonly end: 'whole' | 'broken off' };

function ending(response: IncomingMessage): Promise<Ending> {
  return new Promise((resolve) => {
    let got = 0;
    response.on('data', (chunk: Buffer) => (got += chunk.length));
    response.on('error', () => undefined);
    response.once('close', () => resolve({ status: response.statusCode ?? 0, promised: Number(response.headers['content-length']), got, end: response.complete ? 'whole' : 'broken off' }));
  });
}

type Client = (server: Server, path: string) => Promise<Ending>;
const tls = { ca: PEM.cert, servername: 'localhost', checkServerIdentity: () => undefined };
const over11: Client = (server, path) =>
  new Promise((resolve, reject) => {
    const url = `${server.origin}${path}`;
    const take = (response: IncomingMessage): void => void ending(response).then(resolve, reject);
    (server === secure ? httpsGet(url, tls, take) : httpGet(url, take)).on('error', reject);
  });
const over2: Client = (server, path) =>
  new Promise((resolve, reject) => {
    const session = connectHttp2(server.origin, { ca: PEM.cert, servername: 'localhost' });
    session.on('error', reject);
    const stream = session.request({ ':path': path });
    let head: IncomingHttpHeaders = {};
    let got = 0;
    stream.on('response', (headers) => (head = headers));
    stream.on('data', (chunk: Buffer) => (got += chunk.length));
    stream.on('error', () => undefined);
    stream.once('close', () => {
      const { rstCode } = stream;
      // A stream that breaks takes nothing else with it: the connection answers the next request.
      const next = session.request({ ':path': '/healthz' });
      next.once('response', ({ ':status': status }) => {
        session.close();
        if (status === 200) resolve({ status: Number(head[':status']), promised: Number(head['content-length']), got, end: rstCode === 0 ? 'whole' : 'broken off' });
        else reject(new Error(`the next request is answered with ${status}`));
      });
      next.end();
    });
  });

const CLIENTS: readonly (readonly [string, () => Server, Client])[] = [
  ['HTTP/1.1', () => plain, over11],
  ['HTTP/1.1 over TLS', () => secure, over11],
  ['HTTP/2', () => secure, over2],
];

/** The first segment of the pictures: one name for it in every output. */
async function segmentOf(server: Server, asset: string, format: string): Promise<string> {
  const master = await textOf(server, `/${asset}/${asset}.ism/manifest(format=${TS})`);
  return `/${asset}/${asset}.ism/QualityLevels(${/QualityLevels\((\d+)\)\/Manifest\(video/.exec(master)?.[1]})/Fragments(video=0,format=${format})`;
}

function textOf(server: Server, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const take = (response: IncomingMessage): void => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve(text));
    };
    (server === secure ? httpsGet(`${server.origin}${path}`, tls, take) : httpGet(`${server.origin}${path}`, take)).on('error', reject);
  });
}

async function expectBrokenOff(server: Server, client: Client, path: string, reason: RegExp): Promise<void> {
  server.log = '';
  const { status, promised, got, end } = await client(server, path);
  expect({ status, end }).toEqual({ status: 200, end: 'broken off' });
  // Something had been sent, and not everything.
  expect(got).toBeGreaterThan(0);
  expect(got).toBeLessThan(promised);
  for (let waited = 0; !server.log.includes('response broke off') && waited < 5000; waited += 20) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(server.log).toMatch(/response broke off/);
  expect(server.log).toMatch(reason);
  expect(server.log).not.toContain(root);
}

describe.each(CLIENTS)('%s', (name, serverOf, client) => {
  test.each([TS, CMAF])('a whole file in %s is whole', async (format) => {
    const { status, promised, got, end } = await client(serverOf(), await segmentOf(serverOf(), 'whole', format));
    expect({ status, got, end }).toEqual({ status: 200, got: promised, end: 'whole' });
    expect(promised).toBeGreaterThan(5 * 256 * 1024);
  });

  test('a sample whose units do not fit into it breaks the transport stream off, where it is taken apart', async () => {
    expect.hasAssertions();
    await expectBrokenOff(serverOf(), client, await segmentOf(serverOf(), 'broken', TS), /broken\.mp4|NAL|unit/i);
  });

  test('and goes as it is stored where nothing looks into it', async () => {
    const { status, promised, got, end } = await client(serverOf(), await segmentOf(serverOf(), 'broken', CMAF));
    expect({ status, got, end }).toEqual({ status: 200, got: promised, end: 'whole' });
  });

  test.each([TS, CMAF])('a file that became shorter breaks %s off', async (format) => {
    expect.hasAssertions();
    // An asset of its own: it stays open as it was.
    const asset = `cut-${CLIENTS.findIndex(([each]) => each === name)}-${format === TS ? 'ts' : 'cmaf'}`;
    const file = await store(asset, WHOLE);
    const path = await segmentOf(serverOf(), asset, format);
    await truncate(file, DAMAGED * PICTURE_BYTES);
    await expectBrokenOff(serverOf(), client, path, new RegExp(`${asset}\\.mp4`));
  });

  test('a file that lost even the first window is an error with its status', async () => {
    const asset = `short-${CLIENTS.findIndex(([each]) => each === name)}`;
    const file = await store(asset, WHOLE);
    const path = await segmentOf(serverOf(), asset, CMAF);
    await truncate(file, 20_000);
    const { status, promised, got, end } = await client(serverOf(), path);
    expect({ status, got, end }).toEqual({ status: 412, got: promised, end: 'whole' });
  });

  test('the server goes on', async () => {
    expect(await textOf(serverOf(), '/healthz')).toContain('ok');
  });
});

test('HTTP/1.1: nothing follows on the connection that broke', async () => {
  const path = await segmentOf(plain, 'broken', TS);
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(Number(new URL(plain.origin).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(text));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`);
  });
  expect([...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)).toEqual(['200']);
});
