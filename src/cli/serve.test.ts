import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig, type Config } from '../config.ts';
import { audioTrack, mp4File, videoTrack } from '../isobmff/testing.ts';
import { selfSigned } from '../origin/testing.ts';
import { serve } from './serve.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-serve-'));
  await mkdir(join(root, 'film'));
  await mkdir(join(root, 'broken'));
  await writeFile(join(root, 'film/film.mp4'), mp4File({ tracks: [videoTrack(420, 60), audioTrack(660)] }));
  await writeFile(join(root, 'broken/broken.mp4'), 'no movie at all');
});
afterAll(() => rm(root, { recursive: true }));

type Running = { readonly address: string; readonly stop: () => Promise<{ readonly code: number; readonly log: string }> };

async function start(more: Partial<Config> = {}): Promise<Running> {
  const config = { ...(await loadConfig({ flags: { root, port: '0', logLevel: 'info' }, environment: {}, file: null })), ...more };
  let log = '';
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>();
  const { promise: address, resolve: listening } = Promise.withResolvers<string>();
  const running = serve(config, {
    out: (text) => (text.startsWith('keys at') ? undefined : listening(text)),
    err: (text) => {
      log += text;
    },
    environment: {},
    now: () => 0,
    stopped: () => stopped,
    interactive: false,
  });
  const said = await Promise.race([address, running.then(() => '')]);
  expect(said).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
  return {
    address: said.trim().replace('listening on ', ''),
    async stop() {
      stop('SIGTERM');
      return { code: await running, log };
    },
  };
}

test('serves a folder until it is told to stop', async () => {
  const { address, stop } = await start();
  const manifest = await fetch(`${address}/film/film.ism/manifest(format=m3u8-cmaf)`);
  expect([manifest.status, (await manifest.text()).startsWith('#EXTM3U')]).toEqual([200, true]);
  const segment = await fetch(`${address}/film/film.ism/${encodeURI((await firstVideo(address)) ?? '')}`);
  expect([segment.status, (await segment.arrayBuffer()).byteLength]).toEqual([200, Number(segment.headers.get('content-length'))]);
  const { code, log } = await stop();
  expect(code).toBe(0);
  expect(log).toContain('"message":"stopping","signal":"SIGTERM"');
  await expect(fetch(`${address}/healthz`)).rejects.toThrow('fetch failed');
});

async function firstVideo(address: string): Promise<string | undefined> {
  const mpd = await (await fetch(`${address}/film/film.ism/manifest(format=mpd-time-csf)`)).text();
  const [, media] = /media="([^"]*Fragments\(video=\$Time\$[^"]*)"/.exec(mpd) ?? [];
  const [, bandwidth] = /<Representation id="1_V_[^"]*" bandwidth="(\d+)"/.exec(mpd) ?? [];
  return media?.replace('$Bandwidth$', bandwidth).replace('$Time$', '0');
}

test('a broken asset is refused without a path of this machine, and the others stay', async () => {
  const { address, stop } = await start();
  const broken = await fetch(`${address}/broken/broken.ism/manifest`);
  expect([broken.status, broken.headers.get('x-ms-error-code')]).toEqual([415, 'MPE_INPUT_FORMAT_NOT_SUPPORTED']);
  expect(await broken.text()).not.toContain(root);
  expect((await fetch(`${address}/film/film.ism/manifest`)).status).toBe(200);
  await stop();
});

test('the demo page lists what there is, on loopback', async () => {
  const { address, stop } = await start();
  const page = await fetch(`${address}/`);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html') as string]);
  await stop();
});

test('figures and downloads are there when the settings say so', async () => {
  const { address, stop } = await start({ metrics: true, download: true });
  const film = await fetch(`${address}/film/film.mp4`);
  expect([film.status, film.headers.get('content-type')]).toEqual([200, 'video/mp4']);
  await film.arrayBuffer();
  await fetch(`${address}/film/film.ism/manifest`);
  const figures = await (await fetch(`${address}/metrics`)).text();
  expect(figures).toContain('isomer_requests_total{method="GET",status="200"} 2\n');
  expect(figures).toContain('isomer_assets_open 1\n');
  await stop();
});

test('a certificate needs its key, and both must be readable and fit', async () => {
  const config = await loadConfig({ flags: { root, port: '0' }, environment: {}, file: null });
  const deps = { out: () => undefined, err: () => undefined, environment: {}, now: () => 0, stopped: () => Promise.resolve('SIGTERM'), interactive: false };
  const [one, other] = [selfSigned(), selfSigned()];
  await Promise.all([writeFile(join(root, 'one.pem'), one.cert), writeFile(join(root, 'one.key'), one.key), writeFile(join(root, 'other.key'), other.key)]);
  const refused = async (tlsCert: string, tlsKey: string): Promise<string> => {
    const error: unknown = await serve({ ...config, tlsCert, tlsKey }, deps).catch((thrown: unknown) => thrown);
    return (error as Error).message;
  };
  expect(await refused(join(root, 'one.pem'), '')).toContain('only a certificate');
  expect(await refused(join(root, 'none.pem'), join(root, 'one.key'))).toContain('ENOENT');
  expect(await refused(join(root, 'one.pem'), join(root, 'other.key'))).toContain('private key');
  expect(await serve({ ...config, tlsCert: join(root, 'one.pem'), tlsKey: join(root, 'one.key') }, deps)).toBe(0);
});

test.each([
  [{ keyHost: '0.0.0.0' }, true],
  [{ keyHost: '0.0.0.0', keyDeliveryUrl: 'https://keys.example/' }, false],
  [{ keyHost: '127.0.0.1' }, false],
])('an address that nobody can ask for keys is warned of: %o', async (more, warned) => {
  const { stop } = await start({ keyDelivery: true, keyPort: 0, ...more });
  expect((await stop()).log.includes('--key-delivery-url')).toBe(warned);
});
