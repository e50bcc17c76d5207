/** Key delivery as it is run: commands, settings, a listener, and ffmpeg as the player of an AES-128 playlist. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jwt as signJwt, symmetric, SYMMETRIC, tokens } from '../keydelivery/testing.ts';
import { MAX_USES_CLAIM } from '../protection/token.ts';
import { readMasterKey, readStoredKey } from '../protection/contentkey.ts';
import { parseGuid } from '../protection/guid.ts';

const run = promisify(execFile);
const CLI = join(import.meta.dirname, '../cli.ts');
type Entry = { readonly id: string; readonly value: string; policyName: string };

let folder: string;
let child: ChildProcess;
let drm: Server;
let base: string;
let output = '';
let key: Entry;
let drmKey: Entry;
let secret: Buffer;
const challenges: { readonly url: string; readonly authorization: string | undefined; readonly body: string }[] = [];

const isomer = (...args: readonly string[]): Promise<{ readonly stdout: string }> => run(process.execPath, [CLI, ...args]);
const token = (claims: object = {}): Promise<string> => signJwt({ exp: Math.floor(Date.now() / 1000) + 600, ...claims });

async function newKey(policyName: string, ...more: readonly string[]): Promise<Entry> {
  return { ...(JSON.parse((await isomer('keys', 'new', ...more)).stdout) as Entry), policyName };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-keys-'));
  const master = join(folder, 'master.key');
  await isomer('keys', 'master', master);
  key = await newKey('viewers', '--master-key', master);
  drmKey = await newKey('drm');
  secret = Buffer.from(readStoredKey(parseGuid(key.id), key.value, readMasterKey(await readFile(master, 'utf8'), '')).reveal());
  const restriction = tokens({ primaryVerificationKey: symmetric(SYMMETRIC) });
  const option = (name: string, more: object = {}): object => ({ configuration: { '@odata.type': `#Microsoft.Media.ContentKeyPolicy${name}Configuration`, ...more }, restriction });
  await writeFile(
    join(folder, 'isomer.json'),
    JSON.stringify({
      streamingLocators: [{ name: 'film', properties: { assetName: 'film', streamingPolicyName: 'Predefined_ClearKey', contentKeys: [key, drmKey] } }],
      contentKeyPolicies: [
        { name: 'viewers', properties: { options: [option('ClearKey')] } },
        { name: 'drm', properties: { options: [option('Widevine', { widevineTemplate: '{}' })] } },
      ],
    }),
  );
  await isomer('keys', 'encrypt', '--root', folder, '--master-key', master);

  drm = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => void (body += String(chunk)));
    request.on('end', () => {
      challenges.push({ url: request.url ?? '', authorization: request.headers.authorization, body });
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(`licence for ${body}`);
    });
  }).listen(0, '127.0.0.1');
  await once(drm, 'listening');
  const widevine = `http://127.0.0.1:${(drm.address() as AddressInfo).port}/licence?key={ContentKeyId}`;
  // Two workers: the uses of a token are counted in one place even so.
  const settings = ['--port', '0', '--key-delivery', 'true', '--key-port', '0', '--key-delivery-url', 'http://keys.example/', '--master-key', master, '--widevine-server', widevine, '--workers', '2', '--log-level', 'debug'];
  child = spawn(process.execPath, [CLI, 'serve', '--root', folder, ...settings], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ready = new Promise<void>((resolve, reject) => {
    const listen = (chunk: unknown): void => {
      output += String(chunk);
      if (/listening on /.test(output)) resolve();
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${output}`)));
  });
  await ready;
  base = /keys at (\S+)/.exec(output)?.[1] ?? '';
});
afterAll(async () => {
  child.kill('SIGKILL');
  drm.close();
  await rm(folder, { recursive: true });
});

/** Frames of a file or playlist, by their hashes. */
async function frames(input: string): Promise<readonly string[]> {
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-xerror', ...(input.endsWith('.m3u8') ? ['-allowed_extensions', 'ALL', '-protocol_whitelist', 'file,crypto,http,tcp'] : []), '-i', input, '-map', '0:v', '-f', 'framemd5', '-'], { timeout: 60_000 });
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').at(-1)?.trim() ?? '');
}

describe('isomer serve --key-delivery', () => {
  test('ffmpeg plays AES-128 HLS whose key is got with a token, and not without', async () => {
    const clear = join(folder, 'clear.mp4');
    await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=128x72:rate=25:duration=4', '-c:v', 'libx264', '-g', '25', '-bf', '0', clear]);
    const playlist = async (name: string, uri: string): Promise<string> => {
      await writeFile(join(folder, 'aes.key'), secret);
      await writeFile(join(folder, 'aes.info'), `${uri}\n${join(folder, 'aes.key')}\n`);
      const file = join(folder, `${name}.m3u8`);
      await run('ffmpeg', ['-v', 'error', '-i', clear, '-c', 'copy', '-f', 'hls', '-hls_time', '1', '-hls_list_size', '0', '-hls_key_info_file', join(folder, 'aes.info'), file]);
      return file;
    };
    expect(await readFile(join(folder, 'isomer.json'), 'utf8')).not.toContain(drmKey.value);
    const url = `${base}/?kid=${key.id}`;
    const good = await playlist('good', `${url}&token=${await token()}`);
    expect(await readFile(good, 'utf8')).toMatch(/#EXT-X-KEY:METHOD=AES-128,URI="http:/);
    const played = await frames(good);
    expect([played.length, played]).toEqual([100, await frames(clear)]);
    const bad = await playlist('bad', url);
    expect(await frames(bad).catch(() => [])).toEqual([]);
  });

  test('a counted token counts in one place, however many workers there are', async () => {
    const limited = await token({ [MAX_USES_CLAIM]: 3 });
    const statuses = await Promise.all(Array.from({ length: 10 }, async () => (await fetch(`${base}/?kid=${key.id}`, { headers: { Authorization: `Bearer ${limited}`, Connection: 'close' } })).status));
    expect([200, 401].map((status) => statuses.filter((other) => other === status).length)).toEqual([3, 7]);
  });

  test('a licence of another system comes from its server, which sees no token', async () => {
    const ask = (kid: string, authorization?: string): Promise<Response> => fetch(`${base}/Widevine/?kid=${kid}`, { method: 'POST', body: 'challenge', headers: authorization === undefined ? {} : { Authorization: authorization } });
    expect((await ask(drmKey.id)).status).toBe(401);
    const licence = await ask(drmKey.id, `Bearer ${await token()}`);
    expect([licence.status, licence.headers.get('via'), await licence.text()]).toEqual([200, '1.1 isomer', 'licence for challenge']);
    expect(challenges).toEqual([{ url: `/licence?key=${drmKey.id}`, authorization: undefined, body: 'challenge' }]);
    // A key under DRM is never given out as it is.
    expect((await fetch(`${base}/?kid=${drmKey.id}`, { headers: { Authorization: `Bearer ${await token()}` } })).status).toBe(403);
  });

  test('a policy that changes is followed, and the log of all this holds neither keys nor tokens', async () => {
    const file = join(folder, 'isomer.json');
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('urn:films', 'urn:other'));
    const good = await token();
    const status = async (): Promise<number> => (await fetch(`${base}/?kid=${key.id}&token=${good}`)).status;
    for (let i = 0; i < 100 && (await status()) === 200; i++) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await status()).toBe(401);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(output).toContain('"message":"key request"');
    for (const text of [secret.toString('hex'), secret.toString('base64').slice(0, 20), 'eyJ', 'token=', SYMMETRIC.toString()]) expect(output.includes(text), text).toBe(false);
  });
});
