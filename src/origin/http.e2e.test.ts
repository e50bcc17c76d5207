/**
 * What the origin says over the wire, header by header (spec/url.md "Headers"): status, types, caching, other sites, conditions, ranges, HEAD,
 * OPTIONS, refusals, and what the old service had and is left out on purpose. The server is the program itself.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { request, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FORMATS, type FormatId } from '../formats.ts';

const ROOT = join(import.meta.dirname, '../../corpus/.assets');
const BASE = '/h264-multiaudio/multiaudio.ism';
const THREE_DAYS = 259_200;

type Answer = { readonly status: number; readonly phrase: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer };
type Asked = { readonly method?: string; readonly headers?: Readonly<Record<string, string>> };

const children: ChildProcess[] = [];
let origin: URL;

async function start(...settings: readonly string[]): Promise<URL> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../cli.ts'), 'serve', '--root', ROOT, '--port', '0', ...settings], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)));
    child.stdout?.on('data', (text: Buffer) => {
      const [address] = /http:\S+/.exec(text.toString()) ?? [];
      if (address !== undefined) resolve(new URL(address));
    });
  });
}

beforeAll(async () => {
  origin = await start();
});
afterAll(() => {
  for (const child of children) child.kill();
});

/** As it is on the wire: nothing is decoded, followed or cached. */
function ask(path: string, { method = 'GET', headers = {} }: Asked = {}, { hostname, port } = origin): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => void chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, phrase: response.statusMessage ?? '', headers: response.headers, body: Buffer.concat(chunks) }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

const TAGS = new Map(FORMATS.map(({ id, tags }) => [id, tags[0]]));
const inFormat = (id: FormatId, path: string): string => {
  const tag = TAGS.get(id) ?? '';
  return `${BASE}/${tag === '' ? path : path.includes('(') && path.endsWith(')') ? `${path.slice(0, -1)},format=${tag})` : `${path}(format=${tag})`}`;
};
const segment = (id: FormatId, track: 'video' | 'English' = 'video', time = track === 'video' ? 60_060_000 : 60_160_000): string => inFormat(id, `QualityLevels(${track === 'video' ? 250_000 : 128_000})/Fragments(${track}=${time})`);
const V4 = segment('hls-v4');
const MASTER = inFormat('hls-v4', 'manifest');

type Row = readonly [what: string, path: string, type: string, more: Readonly<Record<string, string>>];

const ANSWERS: readonly Row[] = [
  ...FORMATS.map(({ id, manifest }): Row => [`manifest of ${id}`, inFormat(id, 'manifest'), { m3u8: 'application/vnd.apple.mpegurl', mpd: 'application/dash+xml', ssm: 'application/vnd.ms-sstr+xml' }[manifest.kind], { vary: 'Accept-Encoding' }]),
  ['media playlist', inFormat('hls-v4', 'QualityLevels(250000)/Manifest(video)'), 'application/vnd.apple.mpegurl', { vary: 'Accept-Encoding' }],
  ['I-frame playlist', `${inFormat('hls-v4', 'QualityLevels(250000)/Manifest(video)').slice(0, -1)},type=keyframes)`, 'application/vnd.apple.mpegurl', { vary: 'Accept-Encoding' }],
  ['muxed transport stream', segment('hls-v3'), 'video/mp2t', { 'x-ms-streaming-duration': 'video=6006' }],
  ['transport stream', V4, 'video/mp2t', { 'x-ms-streaming-duration': 'video=6006' }],
  ['transport stream of sound', segment('hls-v4', 'English'), 'video/mp2t', { 'x-ms-streaming-duration': 'audio=6016' }],
  ['key frame', inFormat('hls-v4', 'QualityLevels(250000)/KeyFrames(video=20020000)'), 'video/mp2t', {}],
  ['header', inFormat('dash-csf', 'QualityLevels(250000)/Fragments(video=i)'), 'video/mp4', {}],
  ['header of sound', inFormat('hls-cmaf', 'QualityLevels(128000)/Fragments(English=i)'), 'audio/mp4', {}],
  ...(['hls-cmaf', 'dash-csf', 'dash-cmaf', 'smooth'] as const).flatMap((id): Row[] => [
    [`fragment of ${id}`, segment(id), 'video/mp4', { 'x-ms-streaming-duration': 'video=6006' }],
    [`sound of ${id}`, segment(id, 'English'), 'audio/mp4', { 'x-ms-streaming-duration': 'audio=6016' }],
  ]),
];

/** Of every answer, refusals and preflights too. */
function expectOpen({ headers }: Answer): void {
  expect(headers).toMatchObject({ 'access-control-allow-origin': '*', 'timing-allow-origin': '*', 'x-content-type-options': 'nosniff' });
  expect(headers['access-control-expose-headers']).toMatch(/ETag.*x-ms-error-code/);
  // Nobody is told what serves: the old service's own names would be untrue, and a version helps attackers alone.
  for (const name of ['server', 'x-powered-by', 'pragma', 'set-cookie', 'access-control-allow-credentials', 'last-modified']) expect(headers[name]).toBeUndefined();
}

function expectKept({ headers }: Answer, seconds: number): void {
  expect(headers['cache-control']).toBe(`max-age=${seconds}`);
  expect(Math.abs(Date.parse(headers.expires ?? '') - Date.parse(headers.date ?? '') - seconds * 1000)).toBeLessThanOrEqual(1000);
}

describe('an answer', () => {
  test.each(ANSWERS)('%s', async (_, path, type, more) => {
    const answer = await ask(path);
    expect([answer.status, answer.phrase, answer.headers['content-type']]).toEqual([200, 'OK', type]);
    expect(answer.headers).toMatchObject({ 'content-length': String(answer.body.length), 'accept-ranges': 'bytes', ...more });
    expect(answer.body.length).toBeGreaterThan(100);
    expect(answer.headers.etag).toMatch(/^"[\w-]{22}"$/);
    expect(answer.headers['transfer-encoding']).toBeUndefined();
    for (const name of ['vary', 'x-ms-streaming-duration']) if (more[name] === undefined) expect(answer.headers[name]).toBeUndefined();
    expectKept(answer, THREE_DAYS);
    expectOpen(answer);
  });

  test.each(ANSWERS)('%s: HEAD has the same headers, and the tag answers for the body', async (_, path) => {
    const [get, head] = await Promise.all([ask(path), ask(path, { method: 'HEAD' })]);
    const { date: _date, expires: _expires, ...rest } = get.headers;
    expect(head.headers).toMatchObject(rest);
    expect([head.status, head.body.length]).toEqual([200, 0]);
    const unchanged = await ask(path, { headers: { 'if-none-match': String(get.headers.etag) } });
    expect([unchanged.status, unchanged.phrase, unchanged.body.length, unchanged.headers.etag, unchanged.headers['content-type'], unchanged.headers.vary]).toEqual([304, 'Not Modified', 0, get.headers.etag, undefined, get.headers.vary]);
    expectKept(unchanged, THREE_DAYS);
    expectOpen(unchanged);
  });

  test('lives as long as the setting says, as with maxCacheAge of the old service; refusals do not', async () => {
    const other = await start('--max-age', '600');
    for (const path of [MASTER, V4]) expectKept(await ask(path, {}, other), 600);
    expect((await ask(`${BASE}/manifest(`, {}, other)).headers['cache-control']).toBe('max-age=10');
  });

  test('text is compressed for whom accepts it, media never', async () => {
    const [plain, zipped] = await Promise.all([ask(MASTER), ask(MASTER, { headers: { 'accept-encoding': 'gzip' } })]);
    expect([zipped.headers['content-encoding'], zipped.headers.vary, zipped.headers['content-length'], zipped.headers.etag]).toEqual(['gzip', 'Accept-Encoding', String(zipped.body.length), String(plain.headers.etag).replace(/"$/, '-gzip"')]);
    expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true);
    expect((await ask(V4, { headers: { 'accept-encoding': 'gzip, br' } })).headers['content-encoding']).toBeUndefined();
  });
});

describe('conditions', () => {
  type Condition = readonly [what: string, headers: (etag: string) => Readonly<Record<string, string>>, status: number];
  test.each<Condition>([
    ['a weak tag', (etag) => ({ 'if-none-match': `W/${etag}` }), 304],
    ['one of several tags', (etag) => ({ 'if-none-match': `"a", ${etag}` }), 304],
    ['any tag', () => ({ 'if-none-match': '*' }), 304],
    ['another tag', () => ({ 'if-none-match': '"a"' }), 200],
    // No date of change is known, so RFC 9110 13.1.3 and 13.1.4 have both ignored.
    ['a date', () => ({ 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT', 'if-unmodified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' }), 200],
    ['If-Match with the tag', (etag) => ({ 'if-match': etag }), 200],
    ['If-Match with another tag', () => ({ 'if-match': '"a"' }), 412],
    ['If-Match with a weak tag', (etag) => ({ 'if-match': `W/${etag}` }), 412],
    ['If-Match before If-None-Match', (etag) => ({ 'if-match': '"a"', 'if-none-match': etag }), 412],
    ['If-None-Match before a range', (etag) => ({ 'if-none-match': etag, range: 'bytes=0-9' }), 304],
  ])('%s', async (_, headers, status) => {
    for (const path of [MASTER, V4]) {
      const { etag } = (await ask(path)).headers;
      const answer = await ask(path, { headers: headers(String(etag)) });
      expect(answer.status).toBe(status);
      expectOpen(answer);
      if (status === 412) expect([answer.phrase, answer.headers['cache-control']]).toEqual(['MPE_STORAGE_PRECONDITION_FAILED', 'no-store']);
    }
  });
});

describe('ranges', () => {
  type Range = readonly [range: string, status: number, part: ((whole: Buffer) => readonly [from: number, to: number]) | null];
  test.each<Range>([
    ['bytes=0-0', 206, () => [0, 1]],
    ['bytes=100-299', 206, () => [100, 300]],
    ['bytes=200-', 206, ({ length }) => [200, length]],
    ['bytes=-50', 206, ({ length }) => [length - 50, length]],
    ['bytes=-99999999', 206, ({ length }) => [0, length]],
    ['bytes=10-99999999', 206, ({ length }) => [10, length]],
    ['bytes=99999999-', 416, null],
    ['bytes=-0', 416, null],
    ['bytes=5-4', 200, null],
    ['bytes=0-1,4-5', 200, null],
    ['bytes=x-', 200, null],
    ['pages=0-1', 200, null],
  ])('%s: %d', async (range, status, part) => {
    for (const path of [MASTER, V4, segment('dash-cmaf', 'English'), segment('smooth')]) {
      const [whole, answer] = await Promise.all([ask(path), ask(path, { headers: { range } })]);
      expect(answer.status).toBe(status);
      expectOpen(answer);
      if (status === 416) expect([answer.headers['content-range'], answer.headers['cache-control'], answer.headers['x-ms-error-code']]).toEqual([`bytes */${whole.body.length}`, 'no-store', 'MPE_STORAGE_INVALID_RANGE']);
      if (status === 200) expect([answer.headers['content-range'], answer.body.equals(whole.body)]).toEqual([undefined, true]);
      if (part === null) continue;
      const [from, to] = part(whole.body);
      expect([answer.headers['content-range'], answer.headers['content-length']]).toEqual([`bytes ${from}-${to - 1}/${whole.body.length}`, String(to - from)]);
      expect([answer.body.equals(whole.body.subarray(from, to)), answer.headers.etag, answer.headers['content-type']]).toEqual([true, whole.headers.etag, whole.headers['content-type']]);
      expectKept(answer, THREE_DAYS);
    }
  });

  test('If-Range: the part for the very tag, else the whole; HEAD and compressed text know no parts', async () => {
    const { headers, body } = await ask(V4);
    const etag = String(headers.etag);
    const ranged = (condition: string): Promise<Answer> => ask(V4, { headers: { range: 'bytes=0-9', 'if-range': condition } });
    expect((await Promise.all([etag, `W/${etag}`, '"a"', 'Fri, 01 Jan 2100 00:00:00 GMT'].map(ranged))).map(({ status }) => status)).toEqual([206, 200, 200, 200]);
    const head = await ask(V4, { method: 'HEAD', headers: { range: 'bytes=0-9' } });
    expect([head.status, head.headers['content-length']]).toEqual([200, String(body.length)]);
    const text = await ask(MASTER, { headers: { range: 'bytes=0-6', 'accept-encoding': 'gzip' } });
    expect([text.status, text.headers['content-encoding'], text.body.toString()]).toEqual([206, undefined, '#EXTM3U']);
  });
});

describe('other sites', () => {
  test.each([MASTER, V4, `${BASE}/manifest(`, '/'])('a preflight for %s is granted, whatever it is for', async (path) => {
    const answer = await ask(path, { method: 'OPTIONS', headers: { origin: 'https://player.example', 'access-control-request-method': 'GET', 'access-control-request-headers': 'range, traceparent, authorization' } });
    expect([answer.status, answer.body.length]).toEqual([204, 0]);
    expect(answer.headers).toMatchObject({ allow: 'GET, HEAD, OPTIONS', 'access-control-allow-methods': 'GET, HEAD, OPTIONS', 'access-control-allow-headers': 'range, traceparent, authorization', 'access-control-max-age': '86400', vary: 'Access-Control-Request-Headers' });
    expectOpen(answer);
  });

  // An answer for one site that a shared cache gives to another one was a fault of the old service behind its network.
  test('no answer depends on who asks', async () => {
    const [plain, asked] = await Promise.all([ask(MASTER), ask(MASTER, { headers: { origin: 'https://player.example', referer: 'https://player.example/', cookie: 'a=b' } })]);
    expect([asked.headers['access-control-allow-origin'], asked.headers.vary, asked.headers.etag]).toEqual(['*', plain.headers.vary, plain.headers.etag]);
  });

  test.each([
    ['/crossdomain.xml', /^<\?xml[^>]*\?>\s*<cross-domain-policy><allow-access-from domain="\*"\/><\/cross-domain-policy>\s*$/],
    ['/clientaccesspolicy.xml', /<allow-from http-request-headers="\*"><domain uri="http:\/\/\*"\/>.*<resource path="\/" include-subpaths="true"\/>/],
  ])('%s', async (path, text) => {
    const answer = await ask(path);
    expect([answer.status, answer.headers['content-type'], answer.headers['cache-control']]).toEqual([200, 'text/xml; charset=utf-8', 'max-age=86400']);
    expect(answer.body.toString()).toMatch(text);
    expectOpen(answer);
  });
});

describe('fetching ahead for a network of caches', () => {
  const AHEAD = { 'cdn-origin-assist-prefetch-enabled': '1' };
  const PATH = 'cdn-origin-assist-prefetch-path';

  test.each(FORMATS.map(({ id }) => id))('%s: the answer names the next segment, relative to its own, whoever filters', async (id) => {
    const answer = await ask(segment(id, 'video', 0), { headers: AHEAD });
    const next = String(answer.headers[PATH]);
    expect(next).toContain('=60060000');
    const url = new URL(next, new URL(segment(id, 'video', 0), origin));
    expect([url.pathname, (await ask(url.pathname)).status]).toEqual([segment(id), 200]);
    expect((await ask(segment(id, 'video', 180_180_000), { headers: AHEAD })).headers[PATH]).toBeUndefined();
  });

  test('not unasked, not for manifests and headers; a request that fetches ahead is a request', async () => {
    expect((await ask(V4)).headers[PATH]).toBeUndefined();
    expect((await ask(V4, { headers: { 'cdn-origin-assist-prefetch-enabled': '0' } })).headers[PATH]).toBeUndefined();
    for (const path of [MASTER, inFormat('dash-csf', 'QualityLevels(250000)/Fragments(video=i)')]) expect((await ask(path, { headers: AHEAD })).headers[PATH]).toBeUndefined();
    const [one, two] = await Promise.all(['0', '1'].map((prefetch) => ask(V4, { headers: { 'cdn-origin-assist-prefetch-request': prefetch } })));
    expect([two.headers.etag, two.body.equals(one.body)]).toEqual([one.headers.etag, true]);
  });
});

describe('refusals', () => {
  type Refusal = readonly [path: string, asked: Asked, status: number, code: string, caching: string];
  test.each<Refusal>([
    [`${BASE}/manifest(format-m3u8-aapl,audio-only=false)`, {}, 400, 'MPE_BAD_URL_SYNTAX', 'max-age=10'],
    [`${BASE}/manifest(encryption=cbc)`, {}, 403, 'MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY', 'max-age=10'],
    ['/nobody/x.ism/manifest', {}, 404, 'MPE_RESOURCE_NOT_FOUND', 'max-age=10'],
    [segment('hls-v4', 'video', 1), {}, 404, 'MPE_EGRESS_TIMESTAMP_NOT_FOUND', 'max-age=10'],
    [segment('hls-v4').replace('250000', '250001'), {}, 404, 'MPE_MANIFEST_MEDIA_ENTRY_NOT_FOUND', 'max-age=10'],
    [segment('hls-v4').replace('video', 'audio'), {}, 404, 'MPE_EGRESS_TRACK_NOT_FOUND', 'max-age=10'],
    [`${BASE}/manifest(filter=x)`, {}, 404, 'MPE_EGRESS_FILTER_NOT_FOUND', 'max-age=10'],
    [MASTER, { method: 'POST' }, 405, 'ISOMER_METHOD_NOT_ALLOWED', 'max-age=10'],
    [V4, { method: 'DELETE' }, 405, 'ISOMER_METHOD_NOT_ALLOWED', 'max-age=10'],
    [`${BASE}/manifest(format=f4m-f4f)`, {}, 415, 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED', 'max-age=10'],
    [`${BASE}/manifest(encryption=rot13)`, {}, 415, 'MPE_ENCRYPTION_NOT_SUPPORTED', 'max-age=10'],
  ])('%s %j: %d', async (path, asked, status, code, caching) => {
    const answer = await ask(path, asked);
    expect([answer.status, answer.phrase, answer.headers['x-ms-error-code'], answer.headers['cache-control']]).toEqual([status, code, code, caching]);
    expect([answer.headers['content-type'], answer.headers['content-length'], answer.headers.etag, answer.headers.expires]).toEqual(['application/json; charset=utf-8', String(answer.body.length), undefined, undefined]);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code, requestId: answer.headers['x-ms-request-id'], ...(code.startsWith('MPE_') ? { number: expect.stringMatching(/^0x808[89][0-9A-F]{4}$/) as string } : {}) });
    if (status === 405) expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS');
    expectOpen(answer);
    if (asked.method !== undefined) return;
    const head = await ask(path, { method: 'HEAD' });
    expect([head.status, head.body.length, head.headers['x-ms-error-code'], head.headers['content-type']]).toEqual([status, 0, code, answer.headers['content-type']]);
  });
});
