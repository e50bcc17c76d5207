/** The whole way of a key: sealed at rest, used by the origin, named in its playlists, given out, used by ffmpeg. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-protected-'));
  const master = join(folder, 'master.key');
  await cp(ASSET, join(folder, 'root/film'), { recursive: true });
  await run(process.execPath, [CLI, 'keys', 'master', master]);
  const { stdout } = await run(process.execPath, [CLI, 'keys', 'new', '--label', 'clearKeyDefault', '--master-key', master]);
  const key = { ...(JSON.parse(stdout) as object), policyName: 'open' };
  const locator = (name: string, streamingPolicyName: string, contentKeys: readonly object[] = []): object => ({ name, properties: { assetName: 'film', streamingPolicyName, contentKeys } });
  const options = [{ configuration: { '@odata.type': '#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration' }, restriction: { '@odata.type': '#Microsoft.Media.ContentKeyPolicyOpenRestriction' } }];
  const everywhere = { download: false, dash: true, hls: true, smoothStreaming: true };
  const contentKeys = { defaultKey: { label: 'clearKeyDefault' } };
  const streamingPolicies = [{ name: 'samples', properties: { beyondAms: true, commonEncryptionCenc: { enabledProtocols: everywhere, contentKeys, drm: { playReady: {}, widevine: {} }, clearKeyEncryptionConfiguration: {} }, commonEncryptionCbcs: { enabledProtocols: everywhere, contentKeys } } }];
  await writeFile(
    join(folder, 'root/isomer.json'),
    JSON.stringify({ streamingLocators: [locator('plain', 'Predefined_ClearStreamingOnly'), locator('sealed', 'Predefined_ClearKey', [key]), locator('samples', 'samples', [key])], streamingPolicies, contentKeyPolicies: [{ name: 'open', properties: { options } }] }),
  );
  // Manifests name the port that was free.
  const settings = ['--key-delivery', '--key-port', '0', '--master-key', master, '--cache-dir', join(folder, 'cache'), '--metrics', '--log-level', 'debug'];
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

/** As it is given out to players. */
async function keyAndSegment(): Promise<{ readonly key: Buffer; readonly segment: string }> {
  const playlist = await (await fetch(`${origin}/sealed/fps25.ism/QualityLevels(250000)/Manifest(video,format=m3u8-aapl,encryption=cbc)`)).text();
  const [, uri = ''] = /#EXT-X-KEY:METHOD=AES-128,URI="([^"]+)"/.exec(playlist) ?? [];
  const key = Buffer.from(await (await fetch(uri)).arrayBuffer());
  expect(key.length).toBe(16);
  const [, segment = ''] = /\n(Fragments\([^\n]+)\n/.exec(playlist) ?? [];
  return { key, segment };
}

test('a playlist names the key service, and a segment is no transport stream', async () => {
  const { segment } = await keyAndSegment();
  const bytes = Buffer.from(await (await fetch(`${origin}/sealed/fps25.ism/QualityLevels(250000)/${segment}`)).arrayBuffer());
  expect([bytes.length % 16, bytes[0] === 0x47 && bytes[188] === 0x47]).toEqual([0, false]);
});

async function filesBelow(place: string): Promise<readonly { readonly name: string; readonly bytes: Buffer }[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  return Promise.all(entries.filter((entry) => entry.isFile()).map(async ({ parentPath, name }) => ({ name: join(parentPath, name), bytes: await readFile(join(parentPath, name)) })));
}

test('no key is in the log, figures, manifests, headers, errors, the page, the index cache, or in trace and reports of the suite', async () => {
  const { key } = await keyAndSegment();
  const said: { readonly name: string; readonly bytes: Buffer }[] = [];
  for (const locator of ['sealed', 'samples', 'nobody']) {
    for (const format of ['', 'format=m3u8-aapl-v3', 'format=m3u8-aapl', 'format=m3u8-cmaf', 'format=mpd-time-csf', 'format=mpd-time-cmaf']) {
      for (const encryption of ['cbc', 'cenc', 'cbcs-aapl', 'piff', 'rot13']) {
        const list = [format, `encryption=${encryption}`].filter((text) => text !== '').join(',');
        for (const resource of [`manifest(${list})`, `QualityLevels(250000)/Fragments(video=i,${list})`, `QualityLevels(250000)/Manifest(video,${list})`, `QualityLevels(1)/Fragments(video=7,${list})`]) {
          const response = await fetch(`${origin}/${locator}/fps25.ism/${resource}`);
          said.push({ name: resource, bytes: Buffer.concat([Buffer.from(JSON.stringify([...response.headers])), Buffer.from(await response.arrayBuffer())]) });
        }
      }
    }
  }
  for (const path of ['/', '/-/assets.json', '/metrics', '/healthz']) said.push({ name: path, bytes: Buffer.from(await (await fetch(origin + path)).arrayBuffer()) });
  const suite = join(import.meta.dirname, '../../conformance/cli.ts');
  const urls = [`${origin}/sealed/fps25.ism/manifest(format=m3u8-aapl,encryption=cbc)`, `${origin}/samples/fps25.ism/manifest(format=mpd-time-cmaf,encryption=cenc)`];
  // Its verdicts are another test's affair: a run without keys cannot open everything.
  await run(process.execPath, [suite, 'run', '--origin', ...urls, '--no-java', '--no-players', '--quiet', '--segments', '1', '--out', join(folder, 'result')]).catch((error: unknown) => said.push({ name: 'suite', bytes: Buffer.from(String(error)) }));
  said.push({ name: 'log', bytes: Buffer.from(output) }, ...(await filesBelow(join(folder, 'cache'))), ...(await filesBelow(join(folder, 'result'))), ...(await filesBelow(join(folder, 'root'))));
  expect(said.length).toBeGreaterThan(380);
  const leaks = said.filter(({ bytes }) => bytes.includes(key) || ['base64', 'base64url'].some((form) => bytes.includes(key.toString(form as BufferEncoding).replace(/=+$/, ''))) || bytes.toString('latin1').toLowerCase().includes(key.toString('hex')));
  expect(leaks.map(({ name }) => name)).toEqual([]);
  // The search finds what is there.
  expect(Buffer.concat([Buffer.from('x'), key]).includes(key)).toBe(true);
});
