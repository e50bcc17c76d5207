import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ERRORS, IsomerError } from '../errors.ts';
import { handle, isPlan, replyToError, type HandlerDeps, type Reply } from './handler.ts';
import { chosenCoding, codedTag, entityTag, noneMatch, requestedRange } from './headers.ts';
import { NO_LOG } from '../log.ts';
import { folderPublication, type Publication } from '../policy/publication.ts';
import { makeWorld, type World, type WorldOptions } from './testing.ts';

const BASE = '/films/ignite/ignite.ism';
const SEGMENT = `${BASE}/QualityLevels(381048)/Fragments(video=60060000,format=m3u8-aapl)`;

async function ask(path: string, headers: Record<string, string> = {}, options: WorldOptions & { method?: string } = {}): Promise<Reply & { readonly world: World }> {
  const world = makeWorld(options);
  const reply = await handle({ method: options.method ?? 'GET', path, headers, id: 'request-1' }, world.deps);
  if (isPlan(reply.body)) reply.body.release();
  expect(world.leases()).toBe(0);
  return { ...reply, world };
}

function textOf({ body }: Reply): string {
  if (isPlan(body)) throw new Error('the body is made while it is sent');
  return typeof body === 'string' ? body : Buffer.from(body ?? []).toString();
}

const problem = (reply: Reply): Record<string, unknown> => JSON.parse(textOf(reply)) as Record<string, unknown>;

describe('what a format gets to know of the request', () => {
  test.each([
    ['manifest', 'smooth', '"format":"","extra":[],"audioOnly":false'],
    ['manifest(format=FMP4)', 'smooth', '"format":"fmp4"'],
    ['manifest(format=m3u8-aapl-v4)', 'hls-v3', '"format":"m3u8-aapl-v4"'],
    ['manifest(format=m3u8-aapl,audiotrack=aac_eng_2)', 'hls-v3', '"extra":[["audiotrack","aac_eng_2"]]'],
    ['manifest(format=mpd-time-csf,audiotrack=aac_eng_2)', 'dash-csf', '"extra":[]'],
    ['manifest(format=m3u8-aapl,audio-only=true)', 'hls-v3', '"audioOnly":true'],
    ['QualityLevels(381048)/Manifest(video,format=m3u8-aapl)', 'playlist video 381048', '"segmentSuffix":false'],
    ['QualityLevels(381048)/Manifest(video,format=m3u8-aapl,type=keyframes)', 'keyframes video 381048', ''],
    ['QualityLevels(381048)/Fragments(video=i,format=mpd-time-csf)', 'init video', ''],
  ])('%s', async (resource, starts, holds) => {
    const reply = await ask(`${BASE}/${resource}`);
    expect(reply.status).toBe(200);
    expect(textOf(reply)).toMatch(new RegExp(`^${starts}`));
    expect(textOf(reply)).toContain(holds);
  });

  test('the setting decides on the audio-only variant where the URL is silent', async () => {
    const settings = { ...makeWorld().deps.settings, audioOnly: true };
    const silent = await ask(`${BASE}/manifest(format=m3u8-aapl)`, {}, { deps: { settings } });
    const without = await ask(`${BASE}/manifest(format=m3u8-aapl,audio-only=false)`, {}, { deps: { settings } });
    expect(textOf(silent)).toContain('"audioOnly":true');
    expect(textOf(without)).toContain('"audioOnly":false');
  });

  test('a manifest is written once for each ETag, whoever asks, and its lease is given back each time', async () => {
    let written = 0;
    const world = makeWorld();
    const formats = world.deps.formats.map((format) => ({ ...format, writeManifest: (...args: Parameters<typeof format.writeManifest>) => (written++, format.writeManifest(...args)) }));
    const deps = { ...world.deps, formats };
    const get = (path: string, headers: Record<string, string> = {}): Promise<Reply> => handle({ method: 'GET', path, headers, id: 'r1' }, deps);
    const first = await get(`${BASE}/manifest(format=m3u8-aapl)`);
    const second = await get(`${BASE}/manifest(format=m3u8-aapl)`);
    expect([written, textOf(second)]).toEqual([1, textOf(first)]);
    const zipped = await get(`${BASE}/manifest(format=m3u8-aapl)`, { 'accept-encoding': 'gzip' });
    expect([written, gunzipSync(zipped.body as Uint8Array).toString()]).toEqual([2, textOf(first)]);
    await get(`${BASE}/manifest(format=m3u8-aapl,audio-only=false)`);
    expect([written, world.leases()]).toEqual([3, 0]);
  });
});

describe('refusals', () => {
  test.each([
    ['manifest(format=m3u8-aapl,audiotrack=nobody)', 404, 'MPE_EGRESS_TRACK_NOT_FOUND', 'aac_eng_2'],
    ['manifest(format=m3u8-aapl,audiotrack=video)', 404, 'MPE_EGRESS_TRACK_NOT_FOUND', 'aac_eng_2'],
    ['QualityLevels(381048)/Manifest(video)', 400, 'MPE_BAD_URL_SYNTAX', 'media playlists'],
    ['QualityLevels(381048)/Manifest(video,format=mpd-time-csf,type=keyframes)', 400, 'MPE_BAD_URL_SYNTAX', 'I-frame playlists'],
    ['QualityLevels(381048)/Fragments(video=i,format=m3u8-aapl)', 400, 'MPE_BAD_URL_SYNTAX', 'initialization segments'],
    ['QualityLevels(381048)/KeyFrames(video=0)', 400, 'MPE_BAD_URL_SYNTAX', 'key frame segments'],
    ['QualityLevels(381048)/KeyFrames(video=1,format=m3u8-aapl)', 404, 'MPE_EGRESS_TIMESTAMP_NOT_FOUND', 'key frame'],
    ['QualityLevels(381048)/Fragments(video=60060001)', 404, 'MPE_EGRESS_TIMESTAMP_NOT_FOUND', '60060001'],
    ['QualityLevels(381048)/Fragments(video=150150000)', 404, 'MPE_EGRESS_TIMESTAMP_NOT_FOUND', '150150000'],
    ['QualityLevels(381048)/Fragments(video=18446744073709551615)', 404, 'MPE_EGRESS_TIMESTAMP_NOT_FOUND', 'start of a segment'],
    ['QualityLevels(381049)/Fragments(video=0)', 404, 'MPE_MANIFEST_MEDIA_ENTRY_NOT_FOUND', '3579827, 381048'],
    ['QualityLevels(381048)/Fragments(Video=0)', 404, 'MPE_EGRESS_TRACK_NOT_FOUND', 'aac_eng_2, video'],
    ['manifest(format=m3u8-aapl-v8)', 415, 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED', 'm3u8-aapl-v8'],
    ['manifest(encryption=rot13)', 415, 'MPE_ENCRYPTION_NOT_SUPPORTED', 'rot13'],
    ['manifest(encryption=cbcs-aapl)', 403, 'MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY', 'cbcs-aapl'],
    ['QualityLevels(381048)/Manifest(video,format=m3u8-aapl,filter=last)', 404, 'MPE_EGRESS_FILTER_NOT_FOUND', 'last'],
  ])('%s', async (resource, status, code, words) => {
    const reply = await ask(`${BASE}/${resource}`);
    expect([reply.status, reply.headers['x-ms-error-code'], reply.headers['x-ms-request-id']]).toEqual([status, code, 'request-1']);
    expect(problem(reply)).toMatchObject({ code, cause: code, number: expect.stringMatching(/^0x808[89][0-9A-F]{4}$/) as string, requestId: 'request-1' });
    expect(problem(reply)['message']).toContain(words);
    expect(reply.headers['Content-Length']).toBe(String(Buffer.byteLength(textOf(reply))));
  });

  test('bad syntax and unknown formats cost no look at storage', async () => {
    for (const resource of ['manifest(', 'manifest(format=x)', 'manifest(encryption=x)', 'manifest(filter=x)']) expect((await ask(`${BASE}/${resource}`)).world.opens).toEqual([]);
    expect((await ask('/films/../ignite.ism/manifest')).world.opens).toEqual([]);
    expect((await ask('/.git/ignite.ism/manifest')).world.opens).toEqual([]);
  });

  test('a filter does not stop media', async () => {
    expect((await ask(`${SEGMENT.slice(0, -1)},filter=last)`)).status).toBe(200);
  });

  test('the body of HEAD stays away, its headers do not', async () => {
    const { status, headers, body } = await ask(`${BASE}/manifest(format=x)`, {}, { method: 'HEAD' });
    expect([status, body]).toEqual([415, null]);
    expect(Number(headers['Content-Length'])).toBeGreaterThan(100);
  });

  test('what nobody foresaw says nothing but its number', async () => {
    const lines: string[] = [];
    const log = { ...NO_LOG, error: (message: string, fields?: object) => void lines.push(message + JSON.stringify(fields)) };
    const reply = await ask('/broken/ignite.ism/manifest?token=hush', {}, { deps: { log } });
    expect(reply.status).toBe(500);
    expect(reply.headers['Cache-Control']).toBe('no-store');
    expect(problem(reply)).toEqual({ code: 'ISOMER_INTERNAL', cause: 'ISOMER_INTERNAL', message: 'internal error', detail: {}, requestId: 'request-1' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('/srv/media/broken/x.mp4');
    expect(lines[0]).toContain('request-1');
    expect(lines[0]).not.toContain('hush');
  });

  test('paths of the machine are taken out of what reaches clients', () => {
    const error = new IsomerError('MPE_STORAGE_INTERNAL_ERROR', { where: '/srv/media "films"/x.mp4' });
    const { body } = replyToError(error, { id: '1', method: 'GET', path: '/' }, { log: NO_LOG, secrets: ['/srv/media "films"', '/'] });
    expect(body).not.toContain('srv');
    expect(body).toContain('…/x.mp4');
  });

  test('finer causes answer under the code of the contract', async () => {
    const deps: Partial<HandlerDeps> = { library: { open: () => Promise.reject(new IsomerError('ISOMER_MP4_MALFORMED', { where: 'x.mp4' })) } };
    const reply = await ask(`${BASE}/manifest`, {}, { deps });
    expect([reply.status, problem(reply)['code'], problem(reply)['cause']]).toEqual([415, 'MPE_INPUT_FORMAT_NOT_SUPPORTED', 'ISOMER_MP4_MALFORMED']);
  });

  test.each(Object.keys(ERRORS) as (keyof typeof ERRORS)[])('%s: later answers may differ only where it is not cached', (code) => {
    const { status, headers } = replyToError(new IsomerError(code), { id: '1', method: 'GET', path: '/' }, { log: NO_LOG, secrets: [] });
    const cached = headers['Cache-Control'];
    expect(cached).toBe(status === 412 || status === 416 || (status >= 500 && !['bad-request', 'unsupported'].includes(ERRORS[code].kind)) ? 'no-store' : 'max-age=10');
  });
});

describe('caching and conditions', () => {
  test('the same canonical request has the same tag, any other has another', async () => {
    const tag = async (path: string, options: WorldOptions = {}): Promise<string> => (await ask(path, {}, options)).headers['ETag'];
    const first = await tag(SEGMENT);
    expect(first).toMatch(/^"[\w-]{22}"$/);
    expect(await tag(SEGMENT.replace('Fragments', 'fragments').replace('format=', 'FORMAT='))).toBe(first);
    expect(await tag(`${SEGMENT}.ts?token=1`)).toBe(first);
    const others = await Promise.all([tag(SEGMENT.replace('60060000', '0')), tag(SEGMENT.replace('381048', '3579827')), tag(`${BASE}/manifest`), tag(SEGMENT, { deps: { settings: { ...makeWorld().deps.settings, generation: 'next' } } })]);
    expect(new Set([first, ...others]).size).toBe(5);
  });

  test('texts have other tags where the settings that they depend on are others; segments have not', async () => {
    const { settings } = makeWorld().deps;
    const tagsOf = async (path: string): Promise<readonly unknown[]> => Promise.all([{}, { audioOnly: !settings.audioOnly }, { segmentSuffix: !settings.segmentSuffix }].map(async (more) => (await ask(path, {}, { deps: { settings: { ...settings, ...more } } })).headers['ETag']));
    expect(new Set(await tagsOf(`${BASE}/manifest(format=m3u8-aapl)`)).size).toBe(3);
    expect(new Set(await tagsOf(SEGMENT)).size).toBe(1);
  });

  test('304 repeats what caches need and opens no body', async () => {
    const { headers } = await ask(SEGMENT);
    const again = await ask(SEGMENT, { 'if-none-match': `"x", W/${headers['ETag']}` });
    expect([again.status, again.body, again.headers['ETag'], again.headers['Cache-Control'], again.headers['Content-Type']]).toEqual([304, null, headers['ETag'], 'max-age=259200', undefined]);
    expect((await ask(SEGMENT, { 'if-none-match': '*' })).status).toBe(304);
    expect((await ask(SEGMENT, { 'if-none-match': '"other"' })).status).toBe(200);
  });

  test('If-Match wants the very tag, and its refusal is kept by nobody', async () => {
    const { headers } = await ask(SEGMENT);
    for (const condition of [headers['ETag'], `"x", ${headers['ETag']}`, '*']) expect((await ask(SEGMENT, { 'if-match': condition })).status).toBe(200);
    for (const condition of ['"x"', `W/${headers['ETag']}`, '']) {
      const { status, headers: refusal } = await ask(SEGMENT, { 'if-match': condition, 'if-none-match': headers['ETag'] });
      expect([status, refusal['x-ms-error-code'], refusal['Cache-Control']]).toEqual([412, 'MPE_STORAGE_PRECONDITION_FAILED', 'no-store']);
    }
    expect((await ask(SEGMENT.replace('60060000', '1'), { 'if-match': '"x"' })).status).toBe(404);
  });

  test('a condition does not hide that there is no such segment', async () => {
    expect((await ask(SEGMENT.replace('60060000', '1'), { 'if-none-match': '*' })).status).toBe(404);
  });

  test('three days from now', async () => {
    const { headers } = await ask(SEGMENT);
    expect([headers['Cache-Control'], headers['Expires']]).toEqual(['max-age=259200', 'Sun, 04 Jan 2026 00:00:00 GMT']);
  });

  test('no longer than the locator is there', async () => {
    const now = Date.UTC(2026, 0, 1);
    const until = async (endTime: number | null): Promise<readonly unknown[]> => {
      const catalog = { resolve: () => Promise.resolve({ ...folderPublication(['films', 'ignite']) as Publication, locator: { name: 'x', assetName: 'films/ignite', streamingPolicyName: '', endTime } }) };
      const replies = await Promise.all([SEGMENT, `${BASE}/manifest`].map((path) => ask(path, {}, { deps: { catalog } })));
      return [...new Set(replies.map(({ headers }) => `${headers['Cache-Control']}, ${headers['Expires']}`))];
    };
    expect(await until(now + 90_500)).toEqual(['max-age=90, Thu, 01 Jan 2026 00:01:30 GMT']);
    expect(await until(now + 200)).toEqual(['max-age=0, Thu, 01 Jan 2026 00:00:00 GMT']);
    expect(await until(Date.UTC(9999, 0, 1))).toEqual(await until(null));
  });

  test('segments say their length in time and, when asked, their successor', async () => {
    const { headers } = await ask(SEGMENT, { 'cdn-origin-assist-prefetch-enabled': '1' });
    expect([headers['x-ms-streaming-duration'], headers['CDN-Origin-Assist-Prefetch-Path']]).toEqual(['video=6006', 'Fragments(video=120120000,format=m3u8-aapl)']);
    const last = await ask(SEGMENT.replace('60060000', '120120000'), { 'cdn-origin-assist-prefetch-enabled': '1' });
    expect([last.headers['x-ms-streaming-duration'], last.headers['CDN-Origin-Assist-Prefetch-Path']]).toEqual(['video=3003', undefined]);
    expect((await ask(SEGMENT)).headers['CDN-Origin-Assist-Prefetch-Path']).toBeUndefined();
  });

  const DECODE = { gzip: gunzipSync, br: brotliDecompressSync };

  test.each(['gzip', 'br'] as const)('manifests are compressed with %s for whom asks, under another tag', async (coding) => {
    const path = `${BASE}/manifest(format=m3u8-aapl)`;
    const plain = await ask(path);
    const zipped = await ask(path, { 'accept-encoding': `identity;q=0.5, ${coding}` });
    expect([plain.headers['Vary'], plain.headers['Content-Encoding'], zipped.headers['Vary'], zipped.headers['Content-Encoding']]).toEqual(['Accept-Encoding', undefined, 'Accept-Encoding', coding]);
    expect(zipped.headers['ETag']).toBe(codedTag(plain.headers['ETag'], coding));
    expect(zipped.headers['Content-Length']).toBe(String((zipped.body as Uint8Array).length));
    expect(DECODE[coding](zipped.body as Uint8Array).toString()).toBe(textOf(plain));
    expect((await ask(path, { 'accept-encoding': coding, 'if-none-match': zipped.headers['ETag'] })).status).toBe(304);
    expect((await ask(path, { 'accept-encoding': coding, 'if-none-match': plain.headers['ETag'] })).status).toBe(200);
    expect((await ask(SEGMENT, { 'accept-encoding': coding })).headers['Content-Encoding']).toBeUndefined();
    const part = await ask(path, { 'accept-encoding': coding, range: 'bytes=0-3' });
    expect([part.status, part.headers['Content-Encoding'], textOf(part)]).toEqual([206, undefined, 'hls-']);
  });

  test.each([
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['*', 'br'],
    ['br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['br;q=0.5, gzip', 'gzip'],
    ['br;q=0, *;q=0.1', 'gzip'],
    ['gzip;q=0, br;q=0, *', null],
    ['gzip;q=0.0', null],
    ['gzip;q=x', null],
    ['identity', null],
    ['', null],
  ])('Accept-Encoding: %s', (value, coding) => {
    expect(chosenCoding({ 'accept-encoding': value })).toBe(coding);
  });
});

describe('ranges', () => {
  const etag = entityTag('x');

  test.each([
    ['bytes=0-', { start: 0, length: 100 }],
    ['bytes=0-0', { start: 0, length: 1 }],
    ['bytes=10-19', { start: 10, length: 10 }],
    ['bytes=90-200', { start: 90, length: 10 }],
    ['bytes=-1', { start: 99, length: 1 }],
    ['bytes=-500', { start: 0, length: 100 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=20-10', null],
    ['bytes=0-1,5-6', null],
    ['bytes=a-b', null],
    ['bytes=-', null],
    ['lines=0-1', null],
  ])('%s of 100 bytes', (range, expected) => {
    expect(requestedRange({ range }, etag, 100)).toEqual(expected);
  });

  test('If-Range needs the very tag', () => {
    expect(requestedRange({ range: 'bytes=0-1', 'if-range': etag }, etag, 100)).toEqual({ start: 0, length: 2 });
    expect(requestedRange({ range: 'bytes=0-1', 'if-range': `W/${etag}` }, etag, 100)).toBeNull();
    expect(requestedRange({ range: 'bytes=0-1', 'if-range': 'Wed, 21 Oct 2015 07:28:00 GMT' }, etag, 100)).toBeNull();
  });

  test('an unsatisfiable one says how long the whole is', async () => {
    const { status, headers } = await ask(SEGMENT, { range: 'bytes=1000-' });
    expect([status, headers['Content-Range']]).toEqual([416, 'bytes */1000']);
  });

  test('HEAD ignores them', async () => {
    const { status, headers } = await ask(SEGMENT, { range: 'bytes=0-1' }, { method: 'HEAD' });
    expect([status, headers['Content-Length']]).toEqual([200, '1000']);
  });

  test('weak tags match for If-None-Match', () => {
    expect(noneMatch({}, etag)).toBe(true);
    expect(noneMatch({ 'if-none-match': `W/${etag}` }, etag)).toBe(false);
  });
});

describe('other sites and other routes', () => {
  test('a preflight repeats the headers that are asked for, unless they are no header names', async () => {
    const allow = async (wanted: string): Promise<string> => (await ask(SEGMENT, { 'access-control-request-headers': wanted }, { method: 'OPTIONS' })).headers['Access-Control-Allow-Headers'];
    expect(await allow('range, traceparent')).toBe('range, traceparent');
    expect(await allow('x\r\nSet-Cookie: y')).toBe('*');
    expect((await ask('/anything', {}, { method: 'OPTIONS' })).world.opens).toEqual([]);
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND'])('%s is refused', async (method) => {
    const { status, headers } = await ask(SEGMENT, {}, { method });
    expect([status, headers['Allow'], headers['Connection']]).toEqual([405, 'GET, HEAD, OPTIONS', 'close']);
  });

  test.each([
    ['/healthz', 'text/plain; charset=utf-8', 'ok'],
    ['/healthz?x', 'text/plain; charset=utf-8', 'ok'],
    ['/crossdomain.xml', 'text/xml; charset=utf-8', '<allow-access-from domain="*"/>'],
    ['/clientaccesspolicy.xml', 'text/xml; charset=utf-8', 'http-request-headers="*"'],
  ])('%s', async (path, mime, text) => {
    const { status, headers, body } = await ask(path);
    expect([status, headers['Content-Type'], headers['Access-Control-Allow-Origin']]).toEqual([200, mime, '*']);
    expect(body).toContain(text);
  });

  test('the page is shown only when there is one, and never gets a path that climbs', async () => {
    const asked: string[] = [];
    const page: HandlerDeps['page'] = (path) => {
      asked.push(path);
      return Promise.resolve(path === '/-/page/app.js' ? { mime: 'text/javascript', bytes: Buffer.from('x'), immutable: true } : null);
    };
    expect((await ask('/')).status).toBe(404);
    const shown = await ask('/-/page/app.js?v=1', {}, { deps: { page } });
    expect([shown.status, shown.headers['Content-Type'], shown.headers['Cache-Control'], shown.headers['Content-Security-Policy']]).toEqual([200, 'text/javascript', 'max-age=31536000, immutable', "default-src 'self'"]);
    expect((await ask('/-/page/other', {}, { deps: { page } })).status).toBe(404);
    expect((await ask('/-/page/%2e%2e/secret', {}, { deps: { page } })).status).toBe(400);
    expect(asked).toEqual(['/-/page/app.js', '/-/page/other']);
  });
});
