import { createServer, type Server } from 'node:http';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SuiteFault } from '../fault.ts';
import { memoryStore } from '../mutants/judge-origin.ts';
import { goodOrigin } from '../mutants/origin.ts';
import { guessFormat, masterUrls, readAmsUrl } from '../outputs.ts';
import { checkHosts } from '../subject/origin.ts';
import { serveTrace } from '../subject/replay.ts';
import { capture, spread } from './capture.ts';
import { request } from './request.ts';
import { openStore, openTrace, traceReader, writeTrace } from './store.ts';

describe('requests', () => {
  let server: Server;
  let base = '';
  beforeAll(async () => {
    server = createServer((incoming, response) => {
      if (incoming.url === '/slow') return;
      if (incoming.url === '/move') response.writeHead(302, { location: '/elsewhere' }).end();
      else response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(1000));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it.each([
    ['/a', { timeoutMs: 5000, maxBytes: 1000 }, { status: 200, error: null }],
    ['/a', { timeoutMs: 5000, maxBytes: 999 }, { status: 200, body: null, error: 'the body exceeds 999 bytes' }],
    ['/move', { timeoutMs: 5000, maxBytes: 1000 }, { status: 302 }],
    ['/slow', { timeoutMs: 100, maxBytes: 1000 }, { status: 0, body: null }],
  ])('%s within %o', async (path, limits, answer) => {
    expect(await request(base + path, 'GET', {}, limits)).toMatchObject(answer);
  });

  it('an origin that is gone is an observation', async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => {
      gone.listen(0, '127.0.0.1', resolve);
    });
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => {
      gone.close(resolve);
    });
    const answer = await request(`http://127.0.0.1:${port}/`, 'GET', {}, { timeoutMs: 1000, maxBytes: 10 });
    expect(answer.status).toBe(0);
    expect(answer.error).toContain('ECONNREFUSED');
  });
});

describe('parts of resources', () => {
  it('are asked for as playlists address them, one after the other', async () => {
    const list = ['#EXTM3U', '#EXT-X-VERSION:6', '#EXT-X-TARGETDURATION:4', '#EXT-X-MAP:URI="all.mp4",BYTERANGE="8@0"', '#EXTINF:4.0,', '#EXT-X-BYTERANGE:20@8', 'all.mp4', '#EXTINF:4.0,', '#EXT-X-BYTERANGE:12', 'all.mp4', '#EXTINF:4.0,', 'all.mp4', '#EXT-X-ENDLIST', ''].join('\n');
    const asked: string[] = [];
    const store = memoryStore();
    const trace = await capture(store, {
      kind: 'origin',
      profile: 'generic',
      manifests: [{ asset: 'a', format: 'hls-cmaf', url: 'http://127.0.0.1:1/list.m3u8' }],
      concurrency: 1,
      ask: (url, _, headers) => {
        const range = /^bytes=(\d+)-(\d+)$/.exec(headers['range'] ?? '');
        if (url.endsWith('.mp4')) asked.push(headers['range'] ?? 'whole');
        const body = url.endsWith('.m3u8') ? Buffer.from(list) : Buffer.alloc(range === null ? 40 : Number(range[2]) - Number(range[1]) + 1);
        return Promise.resolve({ status: range === null ? 200 : 206, headers: {}, body, error: null });
      },
    });
    expect(asked.slice(0, 4)).toEqual(['bytes=0-7', 'bytes=8-27', 'bytes=28-39', 'whole']);
    const reader = traceReader(trace, ({ body }) => store.get(body?.sha256 ?? ''));
    expect(reader.find('http://127.0.0.1:1/all.mp4', { first: 28, last: 39 })?.body?.size).toBe(12);
    expect(reader.find('http://127.0.0.1:1/all.mp4')?.body?.size).toBe(40);
    expect(reader.find('http://127.0.0.1:1/all.mp4', { first: 28, last: 38 })).toBeNull();
  });
});

describe('a crawl', () => {
  const origin = goodOrigin();
  const manifests = masterUrls(origin.ism).map(({ format, url }) => ({ asset: 'specimen', format, url }));

  it('fetches everything that is listed, once, with the role of each request', async () => {
    const trace = await capture(memoryStore(), { kind: 'origin', profile: 'ams', manifests, concurrency: 3, ask: origin.ask });
    const plain = trace.exchanges.filter(({ role }) => role.kind !== 'probe');
    expect(new Set(plain.map(({ url }) => url)).size).toBe(plain.length);
    expect(plain).toHaveLength(origin.resources.size);
    expect(plain.every(({ status }) => status === 200)).toBe(true);
    expect(trace.exchanges.map(({ id }) => id)).toEqual(trace.exchanges.map((_, i) => i));
    expect(plain.map(({ role }) => role)).toContainEqual({ kind: 'segment', asset: 'specimen', format: 'hls-v3', set: 'video', track: 'video@60000', time: '0' });
  });

  it('takes as many segments of a track as it may, borders first', async () => {
    const trace = await capture(memoryStore(), { kind: 'origin', profile: 'ams', manifests: manifests.filter(({ format }) => format === 'dash-csf'), concurrency: 3, segmentsPerTrack: 2, ask: origin.ask });
    const times = trace.exchanges.flatMap(({ role }) => (role.kind === 'segment' && role.set === 'video' ? [role.time] : []));
    expect(times).toEqual(['0', '40040000', '0', '40040000']);
    expect(spread([1, 2, 3, 4, 5], 3)).toEqual([1, 3, 5]);
    expect(spread([1, 2], 3)).toEqual([1, 2]);
  });

  it('goes through disk and back, and a damaged body is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'isomer-trace-'));
    try {
      const store = openStore(folder);
      const trace = await capture(store, { kind: 'origin', profile: 'ams', manifests, concurrency: 3, ask: origin.ask });
      writeTrace(folder, trace);
      const reader = openTrace(folder);
      expect(JSON.stringify(reader.trace)).toBe(JSON.stringify(trace));
      const manifest = reader.find(manifests[0].url);
      if (manifest === null || manifest.body === null) throw new Error('no manifest');
      expect(Buffer.from(reader.body(manifest)).toString()).toContain('#EXTM3U');
      const { sha256 } = manifest.body;
      writeFileSync(join(folder, 'bodies', sha256.slice(0, 2), sha256.slice(2)), 'other');
      const again = openTrace(folder);
      expect(() => again.body(manifest)).toThrow(SuiteFault);
      writeFileSync(join(folder, 'trace.json'), readFileSync(join(folder, 'trace.json'), 'utf8').replace('isomer-trace/1', 'isomer-trace/9'));
      expect(() => openTrace(folder)).toThrow(/isomer-trace/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('can be served again on this machine', async () => {
    const store = memoryStore();
    const trace = await capture(store, { kind: 'origin', profile: 'ams', manifests, concurrency: 3, ask: origin.ask });
    const replay = await serveTrace(traceReader(trace, ({ body }) => store.get(body?.sha256 ?? '')));
    try {
      const url = replay.local(manifests[3].url);
      expect((await fetch(url)).headers.get('content-type')).toBe('application/dash+xml');
      const ranged = await fetch(url, { headers: { range: 'bytes=2-5' } });
      expect([ranged.status, await ranged.text()]).toEqual([206, 'xml ']);
      expect((await fetch(`${url}x`)).status).toBe(404);
    } finally {
      await replay.stop();
    }
  });
});

describe('URLs', () => {
  it.each([
    ['http://h/l/a.ism/QualityLevels(300)/Fragments(video=123,format=mpd-time-csf)', { bitrate: 300, noun: 'Fragments', track: 'video', time: 123n }],
    ['http://h/l/a.ism/QualityLevels(300)/Fragments%28video%3Di%2Cformat=m3u8-cmaf%29', { noun: 'Fragments', time: 'i' }],
    ['http://h/l/a.ism/qualitylevels(300)/manifest(video,format=m3u8-aapl,type=keyframes).m3u8', { noun: 'Manifest', time: null }],
    ['http://h/l/a.ism/QualityLevels(1)/KeyFrames(video=9)', { noun: 'KeyFrames', time: 9n }],
  ])('%s', (url, parts) => {
    expect(readAmsUrl(url)).toMatchObject(parts);
  });

  it('knows what is not of the AMS form', () => {
    for (const url of ['http://h/seg-1.m4s', 'http://h/QualityLevels(x)/Fragments(video=1)', 'nonsense']) expect(readAmsUrl(url)).toBeNull();
  });

  it.each([
    ['http://h/a.ism/manifest(format=m3u8-aapl-v3)', '', 'hls-v3'],
    ['http://h/a.ism/manifest(encryption=cbc,format=mpd-time-csf)', '', 'dash-csf'],
    ['http://h/out.mpd', '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">', 'dash-csf'],
    ['http://h/Manifest', '<SmoothStreamingMedia MajorVersion="2">', 'smooth'],
    ['http://h/a.m3u8', '#EXTM3U\n#EXT-X-VERSION:7\n', 'hls-cmaf'],
    ['http://h/a.m3u8', '#EXTM3U\n', 'hls-v3'],
    ['http://h/a.html', '<html>', null],
  ])('%s is %s', (url, text, format) => {
    expect(guessFormat(url, text)).toBe(format);
  });

  it('refuses hosts that were not allowed', () => {
    expect(() => checkHosts(['http://127.0.0.1:1/a.ism'], [])).not.toThrow();
    expect(() => checkHosts(['https://example.org/a.ism'], [])).toThrow('--allow-host example.org');
    expect(() => checkHosts(['https://example.org/a.ism'], ['example.org'])).not.toThrow();
    expect(() => checkHosts(['file:///etc/passwd'], [])).toThrow('no http or https URL');
  });
});
