import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLibrary } from '../asset/library.ts';
import { openAsset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { FORMATS } from '../formats.ts';
import { audioTrack, mp4File, nalSample, videoTrack } from '../isobmff/testing.ts';
import { NO_LOG } from '../log.ts';
import { ContentKey } from '../protection/contentkey.ts';
import { createMemoryStorage, type MemoryStorage } from '../storage/memory.ts';
import { sendBody, type Sink } from './body.ts';
import { FOLDER_CATALOG } from './catalog.ts';
import { createProtector } from './encryption.ts';
import { handle, isPlan, type HandlerDeps, type Reply } from './handler.ts';
import { createPool, type BufferPool } from './pool.ts';
import { createTextCache } from './texts.ts';
import { startServer, type OriginServer } from './server.ts';

const big = videoTrack(420, 60, { samples: Array.from({ length: 420 }, (_, i) => nalSample(i % 60 === 0 ? 0x65 : 0x41, 3000, i)) });
const ISM = `<smil><body><switch><audio src="a.mp4" systemBitrate="64000"><param name="trackName" value="sound"/></audio><video src="v.mp4" systemBitrate="3000000"/></switch></body></smil>`;
const files = { 'film/film.ism': new TextEncoder().encode(ISM), 'film/v.mp4': mp4File({ tracks: [big] }), 'film/a.mp4': mp4File({ tracks: [audioTrack(660)] }), 'broken/broken.ism': new TextEncoder().encode('<smil>') };

type Rig = { readonly deps: HandlerDeps; readonly storage: MemoryStorage; readonly pool: BufferPool; leases(): number };
function rig(fault?: Parameters<typeof createMemoryStorage>[1]): Rig {
  const storage = createMemoryStorage(files, fault);
  const library = createLibrary({ storage, open: (folder, name) => openAsset(storage, folder, name, { segmentSeconds: 6, readMovie: createMovieReader(null) }), maxAssets: 10, maxBytes: 1e9, revalidateMs: 1e9, failureMs: 0, now: () => 0 });
  const pool = createPool();
  const deps: HandlerDeps = {
    catalog: FOLDER_CATALOG,
    library,
    protector: createProtector({ keyDeliveryUrl: 'https://keys.example/', readKey: (id, stored) => new ContentKey(id, Buffer.from(stored)) }),
    formats: FORMATS,
    page: (path) => Promise.resolve(path === '/' ? { mime: 'text/html', bytes: new Uint8Array(3), immutable: false } : null),
    files: storage,
    metrics: null,
    pagePolicy: "default-src 'none'",
    pool,
    texts: createTextCache(2 ** 25),
    settings: { maxAge: 259_200, audioOnly: true, segmentSuffix: false, generation: '1' },
    log: NO_LOG,
    now: () => 0,
    secrets: ['/srv/secret'],
  };
  return { deps, storage, pool, leases: () => library.stats().leases };
}

const request = (deps: HandlerDeps, path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Reply> => handle({ method, path, headers, id: 'r1' }, deps);
async function bytesOf({ body }: Reply, pool: BufferPool): Promise<Buffer> {
  if (body === null) return Buffer.alloc(0);
  if (!isPlan(body)) return Buffer.from(body as Uint8Array);
  const chunks: Buffer[] = [];
  await sendBody(body, { write: (chunk) => Promise.resolve(void chunks.push(Buffer.from(chunk))), abort: () => undefined }, pool);
  return Buffer.concat(chunks);
}
const BASE = '/film/film.ism';
const MEDIA = [
  `${BASE}/QualityLevels(3000000)/Fragments(video=0)`,
  `${BASE}/QualityLevels(3000000)/Fragments(video=60060000,format=mpd-time-csf)`,
  `${BASE}/QualityLevels(3000000)/Fragments(video=0,format=mpd-time-cmaf)`,
  `${BASE}/QualityLevels(3000000)/Fragments(video=0,format=m3u8-aapl)`,
  `${BASE}/QualityLevels(3000000)/Fragments(video=60060000,format=m3u8-aapl-v3,audiotrack=sound)`,
  `${BASE}/QualityLevels(3000000)/KeyFrames(video=20020000,format=m3u8-aapl)`,
  `${BASE}/QualityLevels(3000000)/KeyFrames(video=20020000,format=m3u8-cmaf)`,
  `${BASE}/QualityLevels(64000)/Fragments(sound=0,format=m3u8-cmaf)`,
];

describe('handle', () => {
  it.each(MEDIA)('serves %s, whole and in ranges, and gives everything back', async (path) => {
    const { deps, pool, leases } = rig();
    const reply = await request(deps, path);
    const whole = await bytesOf(reply, pool);
    expect([reply.status, Number(reply.headers['Content-Length'])]).toEqual([200, whole.length]);
    for (const [start, end] of [[0, 0], [1, 200], [whole.length - 5, whole.length - 1], [100, whole.length + 99]]) {
      const part = await request(deps, path, 'GET', { range: `bytes=${start}-${end}` });
      expect(part.status).toBe(206);
      expect((await bytesOf(part, pool)).equals(whole.subarray(start, end + 1))).toBe(true);
    }
    const head = await request(deps, path, 'HEAD');
    expect([head.status, head.body, head.headers['Content-Length']]).toEqual([200, null, String(whole.length)]);
    expect((await request(deps, path, 'GET', { 'if-none-match': reply.headers['ETag'] })).status).toBe(304);
    expect((await request(deps, path, 'GET', { range: `bytes=${whole.length}-` })).status).toBe(416);
    expect([leases(), pool.stats().held]).toEqual([0, 0]);
  });

  it('gives CMAF segments the same bytes under HLS and DASH', async () => {
    const { deps, pool } = rig();
    for (const what of ['Fragments(video=60060000,', 'Fragments(video=i,']) {
      const [hls, dash] = await Promise.all(['m3u8-cmaf', 'mpd-time-cmaf'].map(async (format) => bytesOf(await request(deps, `${BASE}/QualityLevels(3000000)/${what}format=${format})`), pool)));
      expect(hls.equals(dash)).toBe(true);
    }
  });

  it.each([
    ['', 'application/vnd.ms-sstr+xml'],
    ['(format=mpd-time-csf)', 'application/dash+xml'],
    ['(format=mpd-time-cmaf)', 'application/dash+xml'],
    ['(format=m3u8-aapl)', 'application/vnd.apple.mpegurl'],
    ['(format=m3u8-aapl-v3)', 'application/vnd.apple.mpegurl'],
    ['(format=m3u8-cmaf).m3u8', 'application/vnd.apple.mpegurl'],
  ])('serves manifest%s as %s for caches and for every site', async (suffix, mime) => {
    const { deps } = rig();
    const { status, headers } = await request(deps, `${BASE}/manifest${suffix}`);
    expect([status, headers['Content-Type'], headers['Access-Control-Allow-Origin'], headers['X-Content-Type-Options']]).toEqual([200, mime, '*', 'nosniff']);
    expect(headers['Cache-Control']).toMatch(/max-age=259200/);
  });

  it('says how long a segment lasts, and which one comes next', async () => {
    const { deps } = rig();
    const { headers } = await request(deps, MEDIA[0], 'HEAD', { 'cdn-origin-assist-prefetch-enabled': '1' });
    expect([headers['x-ms-streaming-duration'], headers['CDN-Origin-Assist-Prefetch-Path']]).toEqual(['video=6006', 'Fragments(video=60060000)']);
  });

  it.each([
    [`${BASE}/manifest(format-m3u8-aapl)`, 400, 'MPE_BAD_URL_SYNTAX'],
    ['/', 200, undefined],
    ['/nothing', 404, 'MPE_RESOURCE_NOT_FOUND'],
    ['/nowhere/film.ism/manifest', 404, 'MPE_RESOURCE_NOT_FOUND'],
    ['/film/other.ism/manifest', 404, 'MPE_METADATA_NOT_FOUND'],
    ['/.hidden/film.ism/manifest', 404, 'MPE_RESOURCE_NOT_FOUND'],
    [`${BASE}/manifest(format=f4m-f4f)`, 415, 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED'],
    [`${BASE}/manifest(encryption=cenc)`, 403, 'MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY'],
    [`${BASE}/manifest(filter=x)`, 404, 'MPE_EGRESS_FILTER_NOT_FOUND'],
    [`${BASE}/QualityLevels(3000000)/Fragments(picture=0)`, 404, 'MPE_EGRESS_TRACK_NOT_FOUND'],
    [`${BASE}/QualityLevels(1)/Fragments(video=0)`, 404, 'MPE_MANIFEST_MEDIA_ENTRY_NOT_FOUND'],
    [`${BASE}/QualityLevels(3000000)/Fragments(video=1)`, 404, 'MPE_EGRESS_TIMESTAMP_NOT_FOUND'],
    [`${BASE}/QualityLevels(3000000)/KeyFrames(video=1,format=m3u8-aapl)`, 404, 'MPE_EGRESS_TIMESTAMP_NOT_FOUND'],
    ['/broken/broken.ism/manifest', 415, 'MPE_INPUT_FORMAT_NOT_SUPPORTED'],
  ])('%s: %d %s', async (path, status, code) => {
    const { deps, leases } = rig();
    const reply = await request(deps, path);
    expect([reply.status, reply.headers['x-ms-error-code']]).toEqual([status, code]);
    if (code !== undefined) expect(JSON.parse(reply.body as string)).toMatchObject({ code, requestId: 'r1' });
    expect(leases()).toBe(0);
  });

  it('refuses other methods and answers preflights', async () => {
    const { deps } = rig();
    expect(await request(deps, MEDIA[0], 'POST')).toMatchObject({ status: 405, headers: { Allow: 'GET, HEAD, OPTIONS' } });
    const preflight = await request(deps, MEDIA[0], 'OPTIONS', { origin: 'http://x', 'access-control-request-method': 'GET', 'access-control-request-headers': 'traceparent' });
    expect([preflight.status, preflight.headers['Access-Control-Allow-Headers']]).toEqual([204, 'traceparent']);
  });

  it('hides what storage says of the machine, and impossibilities', async () => {
    const { deps } = rig((_, operation) => {
      if (operation === 'open') throw new Error('EIO: /srv/secret/film');
    });
    const reply = await request(deps, `${BASE}/manifest`);
    expect(reply.status).toBe(500);
    expect(reply.body).not.toMatch(/secret|stack|at /);
  });
});

describe('sendBody', () => {
  const plan = async ({ deps }: Rig): Promise<Reply> => request(deps, MEDIA[1]);

  it('holds at most 256 KiB for a client that never reads, and gives it back', async () => {
    const all = rig();
    const bodies = await Promise.all(Array.from({ length: 40 }, () => plan(all)));
    const gone: (() => void)[] = [];
    const stalled: Sink = { write: () => new Promise((_, reject) => gone.push(() => reject(new Error('gone')))), abort: () => undefined };
    const sending = bodies.map(({ body }) => (isPlan(body) ? sendBody(body, stalled, all.pool).catch((error: Error) => error.message) : Promise.resolve('no body')));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(all.pool.stats().heldBytes).toBeLessThanOrEqual(40 * 256 * 1024);
    expect(all.leases()).toBe(40);
    gone.forEach((leave) => leave());
    expect(new Set(await Promise.all(sending))).toEqual(new Set(['gone']));
    expect([all.pool.stats().held, all.leases()]).toEqual([0, 0]);
  });

  it('drops the client when a file changes under it', async () => {
    let changed = false;
    const all = rig((path, operation) => {
      if (operation === 'read' && path === 'film/v.mp4' && changed) throw new Error('file changed');
    });
    const { body } = await plan(all);
    changed = true;
    let aborted = false;
    const sink: Sink = { write: () => Promise.resolve(), abort: () => void (aborted = true) };
    await expect(isPlan(body) ? sendBody(body, sink, all.pool) : null).rejects.toThrow('file changed');
    expect([aborted, all.pool.stats().held, all.leases()]).toEqual([true, 0, 0]);
  });
});

describe('startServer', () => {
  let server: OriginServer;
  let all: Rig;
  beforeAll(async () => {
    all = rig();
    server = await startServer(all.deps, { host: '127.0.0.1', port: 0, maxConnections: 200, headersTimeout: 1000, keepAliveTimeout: 1000, stallTimeout: 60_000, graceTimeout: 1000, maxHeaderBytes: 16_384, tls: null, meter: null }, () => 'id');
  });
  afterAll(() => server.stop());

  const talk = (text: string, until: (answer: string) => boolean = () => false): Promise<string> =>
    new Promise((resolve) => {
      const socket: Socket = connect(Number(new URL(server.address).port), '127.0.0.1', () => socket.write(text, 'latin1'));
      let answer = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        answer += chunk;
        if (until(answer)) socket.destroy();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(answer));
    });
  const get = (path: string, more = ''): Promise<string> => talk(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}\r\n`);

  it('sends a segment over a socket', async () => {
    const response = await fetch(`${server.address}${MEDIA[3]}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect([response.status, response.headers.get('content-type'), bytes.length % 188, bytes[0]]).toEqual([200, 'video/mp2t', 0, 0x47]);
  });

  it('answers several requests on one connection, in order', async () => {
    const line = (path: string, last: boolean): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;
    const answer = await talk(line('/healthz', false) + line('/nothing', false) + line('/healthz', true));
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '404', '200']);
  });

  it.each(['/../etc/passwd', '/film/../../etc/passwd', '/film/%2e%2e/film.ism/manifest', '/film/..%2ffilm.ism/manifest', '/film/..%5cfilm.ism/manifest', '//film.ism/manifest', '/film/film.ism%00/manifest', '/film/film.ism/manifest(format=%ff)', `/${'x'.repeat(5000)}`, '/film/v.mp4', '/film/film.ism'])(
    'gives nothing away for %s',
    async (path) => {
      const answer = await get(path);
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d/);
      expect(answer).not.toMatch(/root:|\.ts:\d|\/work|\/home|node_modules/);
    },
  );

  it('refuses headers beyond the limit and a request that never ends', async () => {
    expect(await get('/healthz', `X: ${'y'.repeat(20_000)}\r\n`)).toMatch(/^HTTP\/1\.1 431/);
    const started = performance.now();
    expect(await talk('GET /healthz HTTP/1.1\r\nHost: x\r\n')).toMatch(/^HTTP\/1\.1 408|^$/);
    expect(performance.now() - started).toBeLessThan(8000);
  });

  it('takes back everything from clients that go away in the middle', async () => {
    await Promise.all(Array.from({ length: 20 }, () => talk(`GET ${MEDIA[1]} HTTP/1.1\r\nHost: x\r\n\r\n`, (answer) => answer.length > 1000)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([all.pool.stats().held, all.leases()]).toEqual([0, 0]);
  });

  it('finishes what it has begun when it stops', async () => {
    const other = rig();
    const stopping = await startServer(other.deps, { host: '127.0.0.1', port: 0, maxConnections: 10, headersTimeout: 1000, keepAliveTimeout: 1000, stallTimeout: 60_000, graceTimeout: 5000, maxHeaderBytes: 16_384, tls: null, meter: null }, () => 'id');
    const response = await fetch(`${stopping.address}${MEDIA[1]}`);
    const stopped = stopping.stop();
    const bytes = await response.arrayBuffer();
    expect(bytes.byteLength).toBe(Number(response.headers.get('content-length')));
    await stopped;
    await expect(fetch(`${stopping.address}/healthz`)).rejects.toThrow();
  });
});
