/** Assets behind HTTP: what is exported of them, and what is served, is byte for byte that of a folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { FORMATS } from '../formats.ts';
import { startBlobStore, type BlobStore } from '../storage/testing.ts';
import type { CliDeps } from './deps.ts';
import { exportAsset } from './export.ts';

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url));
const ASSETS = fileURLToPath(new URL('../../corpus/.assets', import.meta.url));
/** With a server manifest, as a live archive, without any manifest (both of the last need lists), with text beside. */
const CHOSEN = ['seed-ignite', 'live-archive', 'no-ism', 'text-webvtt'];
const SIGNATURE = 'm/y+secret==';
const DEPS: CliDeps = { out: () => undefined, err: () => undefined, environment: {}, now: () => 0, stopped: () => Promise.resolve(''), interactive: false };

async function filesBelow(root: string): Promise<ReadonlyMap<string, Buffer>> {
  const entries = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const files = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(await Promise.all(files.map(async (file): Promise<[string, Buffer]> => [relative(root, file), await readFile(file)])));
}

let store: BlobStore;
let address: string;
let folder: string;
beforeAll(async () => {
  const files = new Map<string, Uint8Array>();
  // A container for each asset, as AMS had it.
  for (const id of CHOSEN) for (const [path, bytes] of await filesBelow(join(ASSETS, id))) files.set(`${id}/${path}`, bytes);
  store = await startBlobStore(files, { account: 'account', signature: SIGNATURE });
  address = `${store.origin}/account?sv=2021-12-02&ss=b&srt=sco&sp=rl&sig=${encodeURIComponent(SIGNATURE)}`;
  folder = await mkdtemp(join(tmpdir(), 'isomer-storage-'));
});
afterAll(async () => {
  await store.stop();
  await rm(folder, { recursive: true });
});

async function exported(root: string, asset: string, format: string, name: string, deps = DEPS): Promise<ReadonlyMap<string, Buffer> | string> {
  const target = join(folder, `${asset}-${format}-${name}`);
  try {
    await exportAsset({ root, asset, format, folder: target, segmentSeconds: 6 }, deps);
  } catch (error) {
    if (error instanceof IsomerError) return error.code;
    throw error;
  }
  const files = await filesBelow(target);
  await rm(target, { recursive: true });
  return files;
}

test.each(CHOSEN.flatMap((asset) => FORMATS.map(({ id }) => [asset, id] as const)))('%s as %s', async (asset, format) => {
  const wanted = await exported(ASSETS, asset, format, 'folder');
  const found = await exported(address, asset, format, 'store');
  if (typeof wanted === 'string' || typeof found === 'string') return expect(found).toBe(wanted);
  expect(found.size).toBeGreaterThan(1);
  expect([...found.keys()]).toEqual([...wanted.keys()]);
  for (const [path, bytes] of found) expect(bytes.equals(wanted.get(path) ?? Buffer.alloc(0)), path).toBe(true);
});

test.each(['seed-ignite', 'no-ism'].flatMap((asset) => ['hls-v3', 'dash-cmaf'].map((id) => [asset, id] as const)))('%s as %s from a bucket', async (asset, format) => {
  const files = new Map([...store.files].map(([path, bytes]): [string, Uint8Array] => [`bucket/assets/${path}`, bytes]));
  const bucket = await startBlobStore(files);
  try {
    const deps = { ...DEPS, environment: { AWS_ENDPOINT_URL: bucket.origin, AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' } };
    const found = await exported('s3://bucket/assets', asset, format, 'bucket', deps);
    expect(found).toEqual(await exported(ASSETS, asset, format, 'folder'));
    expect(found).not.toHaveProperty('length');
  } finally {
    await bucket.stop();
  }
});

test('a server over a store reads indexes once, notices a change, and tells nobody the signature', async () => {
  const child = spawn(process.execPath, [CLI, 'serve', '--root', address, '--port', '0', '--revalidate-ms', '0', '--log-level', 'debug', '--cache-dir', join(folder, 'cache')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => void (said += text.toString()));
  try {
    for (let waited = 0; !said.includes('listening on'); waited += 20) {
      if (waited > 20_000) throw new Error(`does not listen: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const origin = /listening on (\S+)/.exec(said)?.[1] ?? '';
    const manifest = `${origin}/seed-ignite/ignite.ism/manifest(format=mpd-time-csf)`;
    const first = await fetch(manifest);
    expect([first.status, (await first.text()).startsWith('<?xml')]).toEqual([200, true]);
    store.asked.length = 0;
    const again = await fetch(manifest);
    expect([again.status, again.headers.get('etag')]).toEqual([200, first.headers.get('etag')]);
    // A look at each file, and nothing is read again.
    expect(store.asked.filter((line) => line.startsWith('GET'))).toEqual([]);
    const [path] = [...store.files.keys()].filter((name) => name.startsWith('seed-ignite/') && name.endsWith('.ism'));
    store.files.set(path, Buffer.concat([store.files.get(path) ?? Buffer.alloc(0), Buffer.from('\n')]));
    expect((await fetch(manifest)).headers.get('etag')).not.toBe(first.headers.get('etag'));
    store.fault = (_, response) => (response.writeHead(403).end(), true);
    const refused = await fetch(manifest);
    expect([refused.status, refused.headers.get('x-ms-error-code')]).toEqual([403, 'MPE_STORAGE_AUTHENTICATION_FAILURE']);
    expect(`${said}${await refused.text()}`).not.toContain('secret');
  } finally {
    store.fault = null;
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
  }
});
