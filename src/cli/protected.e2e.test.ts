/** The whole way of a key: sealed at rest, used by the origin, named in its playlists, given out, used by ffmpeg. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const CLI = join(import.meta.dirname, '../cli.ts');
const ASSET = join(import.meta.dirname, '../../corpus/.assets/fps25');

let folder: string;
let child: ChildProcess;
let origin: string;
let output = '';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-protected-'));
  const master = join(folder, 'master.key');
  await cp(ASSET, join(folder, 'root/film'), { recursive: true });
  await run(process.execPath, [CLI, 'keys', 'master', master]);
  const { stdout } = await run(process.execPath, [CLI, 'keys', 'new', '--label', 'clearKeyDefault', '--master-key', master]);
  const key = { ...(JSON.parse(stdout) as object), policyName: 'open' };
  const locator = (name: string, streamingPolicyName: string, contentKeys: readonly object[] = []): object => ({ name, properties: { assetName: 'film', streamingPolicyName, contentKeys } });
  const options = [{ configuration: { '@odata.type': '#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration' }, restriction: { '@odata.type': '#Microsoft.Media.ContentKeyPolicyOpenRestriction' } }];
  await writeFile(
    join(folder, 'root/isomer.json'),
    JSON.stringify({ streamingLocators: [locator('plain', 'Predefined_ClearStreamingOnly'), locator('sealed', 'Predefined_ClearKey', [key])], contentKeyPolicies: [{ name: 'open', properties: { options } }] }),
  );
  const keyPort = await freePort();
  const settings = ['--key-delivery', 'true', '--key-port', String(keyPort), '--key-delivery-url', `http://127.0.0.1:${keyPort}/`, '--master-key', master, '--log-level', 'debug'];
  child = spawn(process.execPath, [CLI, 'serve', '--root', join(folder, 'root'), '--port', '0', ...settings], { stdio: ['ignore', 'pipe', 'pipe'] });
  origin = await new Promise<string>((resolve, reject) => {
    const hear = (chunk: unknown): void => {
      output += String(chunk);
      const [, address] = /listening on (\S+)\n/.exec(output) ?? [];
      if (address !== undefined) resolve(address);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${output}`)));
  });
});
afterAll(async () => {
  child?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

async function frames(url: string): Promise<readonly string[]> {
  const { stdout: help } = await run('ffmpeg', ['-hide_banner', '-h', 'demuxer=hls']);
  const anyName = ['-allowed_extensions', 'ALL', ...(help.includes('extension_picky') ? ['-extension_picky', '0'] : [])];
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-xerror', ...anyName, '-i', url, '-map', '0:v:0', '-map', '0:a:0', '-f', 'framemd5', '-'], { timeout: 60_000, maxBuffer: 1 << 26 });
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').at(-1)?.trim() ?? '').toSorted();
}

test.each(['m3u8-aapl', 'm3u8-aapl-v3'])('ffmpeg follows a %s playlist to its key and shows what the clear one shows', async (format) => {
  const [plain, sealed] = await Promise.all([frames(`${origin}/plain/fps25.ism/manifest(format=${format},audio-only=false)`), frames(`${origin}/sealed/fps25.ism/manifest(format=${format},encryption=cbc,audio-only=false)`)]);
  expect(plain.length).toBeGreaterThan(300);
  expect(sealed).toEqual(plain);
});

test('a playlist names the key service, a segment is no transport stream, and the log tells no key', async () => {
  const playlist = await (await fetch(`${origin}/sealed/fps25.ism/QualityLevels(250000)/Manifest(video,format=m3u8-aapl,encryption=cbc)`)).text();
  const [, uri = ''] = /#EXT-X-KEY:METHOD=AES-128,URI="([^"]+)"/.exec(playlist) ?? [];
  const key = Buffer.from(await (await fetch(uri)).arrayBuffer());
  expect(key.length).toBe(16);
  const [, segment = ''] = /\n(Fragments\([^\n]+)\n/.exec(playlist) ?? [];
  const bytes = Buffer.from(await (await fetch(`${origin}/sealed/fps25.ism/QualityLevels(250000)/${segment}`)).arrayBuffer());
  expect([bytes.length % 16, bytes[0] === 0x47 && bytes[188] === 0x47]).toEqual([0, false]);
  for (const text of [key.toString('hex'), key.toString('base64'), key.toString('base64url')]) expect(output).not.toContain(text);
});
