/**
 * Dynamic encryption over the real origin: every output under every scheme that it offers is deciphered by others (openssl,
 * ffmpeg, a reader of boxes in src/formats/testing.ts, Chromium) and compared with the same output in the clear; every refusal
 * once; no bytes in the clear where a policy wants them encrypted, and no key in any text.
 */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FORMATS, type FormatId } from '../formats.ts';
import { boxes, decipher, tencOf, type Tenc } from '../formats/testing.ts';

const ASSET = 'h264-multiaudio';
const CORPUS = new URL(`../../corpus/.assets/${ASSET}`, import.meta.url);
const NAME = 'multiaudio.ism';
const CHROMIUM = process.env['ISOMER_CHROMIUM'] ?? '/usr/bin/chromium';

const ONE = { id: '00112233-4455-6677-8899-aabbccddeeff', value: Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex') };
const OTHER = { id: 'f0112233-4455-6677-8899-aabbccddeeff', value: Buffer.from('603deb1015ca71be2b73aef0857d7781', 'hex') };
const KEYS = [ONE, OTHER];

const all = { download: false, dash: true, hls: true, smoothStreaming: true };
const four = (value: string): object => ({ trackSelections: [{ property: 'FourCC', operation: 'Equal', value }] });
const key = ({ id, value }: typeof ONE, labelReferenceInStreamingPolicy: string): object => ({ id, labelReferenceInStreamingPolicy, value: value.toString('base64') });
const locator = (name: string, streamingPolicyName: string, ...contentKeys: readonly object[]): object => ({ name, properties: { assetName: name === 'sealed' ? name : ASSET, streamingPolicyName, contentKeys } });
const contentKeys = { defaultKey: { label: 'one' } };
const OWN = (system: string): string => `https://own.example/${system}/{ContentKeyId}?media={AlternativeMediaId}`;
const ACCOUNT = {
  streamingLocators: [
    locator('clear', 'Predefined_ClearStreamingOnly'),
    locator('aes', 'Predefined_ClearKey', key(ONE, 'clearKeyDefault')),
    locator('drm', 'Predefined_MultiDrmStreaming', key(ONE, 'cencKeyDefault'), key(OTHER, 'cbcsKeyDefault')),
    locator('ck', 'ck', key(ONE, 'one')),
    locator('keys', 'keys', key(ONE, 'one'), key(OTHER, 'sound')),
    locator('sound', 'sound', key(ONE, 'one')),
    locator('several', 'several', key(ONE, 'one')),
    { name: 'named', properties: { assetName: ASSET, streamingPolicyName: 'named', alternativeMediaId: 'film 7/ä', contentKeys: [key(ONE, 'one')] } },
    locator('lost', 'Predefined_ClearKey'),
    locator('sealed', 'Predefined_ClearStreamingOnly'),
  ],
  streamingPolicies: [
    { name: 'ck', properties: { beyondAms: true, commonEncryptionCenc: { enabledProtocols: all, contentKeys }, commonEncryptionCbcs: { enabledProtocols: all, contentKeys } } },
    { name: 'keys', properties: { commonEncryptionCenc: { enabledProtocols: all, contentKeys: { ...contentKeys, keyToTrackMappings: [{ label: 'sound', tracks: [four('mp4a')] }] }, drm: { playReady: {} } } } },
    { name: 'sound', properties: { commonEncryptionCenc: { enabledProtocols: all, contentKeys, clearTracks: [four('mp4a')] } } },
    { name: 'several', properties: { envelopeEncryption: { enabledProtocols: all, contentKeys }, commonEncryptionCenc: { enabledProtocols: { ...all, hls: false }, contentKeys } } },
    { name: 'named', properties: { beyondAms: true, envelopeEncryption: { enabledProtocols: all, contentKeys, customKeyAcquisitionUrlTemplate: OWN('aes') }, commonEncryptionCenc: { enabledProtocols: all, contentKeys, drm: { playReady: { customLicenseAcquisitionUrlTemplate: OWN('pr'), playReadyCustomAttributes: '<SHOP>7</SHOP>' }, widevine: { customLicenseAcquisitionUrlTemplate: OWN('wv') } }, clearKeyEncryptionConfiguration: { customKeysAcquisitionUrlTemplate: OWN('ck') } }, commonEncryptionCbcs: { enabledProtocols: all, contentKeys, drm: { fairPlay: { customLicenseAcquisitionUrlTemplate: 'skd://own.example/fp/{ContentKeyId}?media={AlternativeMediaId}', allowPersistentLicense: false } } } } },
  ],
  accountFilters: [{ name: 'clip', properties: { presentationTimeRange: { startTimestamp: 70_000_000, endTimestamp: 130_000_000 }, tracks: [{ trackSelections: [{ property: 'Bitrate', operation: 'Equal', value: '0-300000' }] }] } }],
};

const run = promisify(execFile);
let root: string;
let child: ChildProcess;
let origin: string;
let keyServer: Server;
let keyAddress: string;
let log = '';
/** Texts that went out: manifests and errors. */
let said = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-encryption-'));
  await cp(CORPUS, join(root, ASSET), { recursive: true });
  await cp(CORPUS, join(root, 'sealed'), { recursive: true });
  const sealed = ['-encryption_scheme', 'cenc-aes-ctr', '-encryption_key', OTHER.value.toString('hex'), '-encryption_kid', OTHER.id.replaceAll('-', '')];
  await run('ffmpeg', ['-v', 'error', '-y', '-i', join(root, ASSET, 'multi_320x180.mp4'), '-c', 'copy', ...sealed, join(root, 'sealed', 'multi_320x180.mp4')]);
  await writeFile(join(root, 'isomer.json'), JSON.stringify(ACCOUNT));
  keyServer = createServer((request, response) => {
    const found = KEYS.find(({ id }) => new URL(request.url ?? '', 'http://k').searchParams.get('kid') === id);
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Allow-Headers', '*');
    const page = PAGES.get(request.url ?? '');
    if (page !== undefined) void page().then(([type, body]) => response.setHeader('Content-Type', type).end(body));
    else if (found !== undefined && request.method === 'GET') response.end(found.value);
    else if (found !== undefined && request.method === 'POST') {
      const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
      response.end(JSON.stringify({ keys: [{ kty: 'oct', kid: base64url(Buffer.from(found.id.replaceAll('-', ''), 'hex')), k: base64url(found.value) }], type: 'temporary' }));
    } else response.writeHead(request.method === 'OPTIONS' ? 204 : 404).end();
  });
  await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve));
  keyAddress = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/`;
  const flags = ['--root', root, '--port', '0', '--key-delivery-url', keyAddress, '--log-level', 'debug'];
  child = spawn(process.execPath, [join(import.meta.dirname, '../cli.ts'), 'serve', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr?.on('data', (text: Buffer) => void (log += text.toString()));
  origin = await new Promise((resolve) => child.stdout?.on('data', (text: Buffer) => resolve(/http:\S+/.exec(text.toString())?.[0] ?? '')));
}, 60_000);
afterAll(async () => {
  child?.kill();
  keyServer?.close();
  await rm(root, { recursive: true, force: true });
});

const PAGES = new Map<string, () => Promise<readonly [type: string, body: Buffer | string]>>([
  ['/player', () => Promise.resolve(['text/html', '<!doctype html><video id="v" muted></video><script src="/shaka.js"></script>'] as const)],
  ['/shaka.js', async () => ['text/javascript', await readFile(new URL('../../node_modules/shaka-player/dist/shaka-player.compiled.js', import.meta.url))] as const],
]);

const tagOf = (id: FormatId): string => FORMATS.find((format) => format.id === id)?.tags[0] ?? '';
/** Parameters in the order of the URL grammar. */
const tail = (id: FormatId, encryption: string | null, more: readonly string[] = []): readonly string[] => [tagOf(id) === '' ? '' : `format=${tagOf(id)}`, ...more, encryption === null ? '' : `encryption=${encryption}`].filter((text) => text !== '');
const manifestUrl = (where: string, id: FormatId, encryption: string | null, filter = ''): string => {
  const list = [...tail(id, encryption), ...(filter === '' ? [] : [`filter=${filter}`])];
  return `${origin}/${where}/${NAME}/manifest${list.length === 0 ? '' : `(${list.join(',')})`}`;
};
const resourceUrl = (where: string, id: FormatId, encryption: string | null, resource: string, bitrate = 250_000): string => {
  const [verb, track] = resource.split(' ');
  return `${origin}/${where}/${NAME}/QualityLevels(${bitrate})/${verb}(${[track, ...tail(id, encryption)].join(',')})`;
};

async function bytesOf(url: string): Promise<Buffer> {
  const response = await fetch(url);
  const body = Buffer.from(await response.arrayBuffer());
  expect(response.status, `${url}: ${response.headers.get('x-ms-error-code')}`).toBe(200);
  return body;
}
async function textOf(url: string): Promise<string> {
  const text = (await bytesOf(url)).toString();
  said += text;
  return text;
}

/** Initialization segment, if there is one, and segments of a track, as its playlist or the manifest's times name them. */
const TIMES = { video: [0, 60_060_000, 120_120_000, 180_180_000], English: [0, 60_160_000, 120_320_000, 180_480_000] } as const;
type TrackName = keyof typeof TIMES;
const BITRATES = { video: 250_000, English: 128_000 } as const;
async function partsOf(where: string, id: FormatId, encryption: string | null, track: TrackName): Promise<{ readonly init: Buffer; readonly segments: readonly Buffer[] }> {
  const get = (resource: string): Promise<Buffer> => bytesOf(resourceUrl(where, id, encryption, resource, BITRATES[track]));
  const hasInit = FORMATS.find((format) => format.id === id)?.writeInit !== undefined;
  return { init: hasInit ? await get(`Fragments ${track}=i`) : Buffer.alloc(0), segments: await Promise.all(TIMES[track].map((time) => get(`Fragments ${track}=${time}`))) };
}

const openssl = (bytes: Buffer, secret: Buffer, iv: string): Buffer => {
  const { stdout, status, stderr } = spawnSync('openssl', ['enc', '-d', '-aes-128-cbc', '-K', secret.toString('hex'), '-iv', iv], { input: bytes, maxBuffer: 1 << 26 });
  expect(status, stderr.toString()).toBe(0);
  return stdout;
};
/** What a manifest says of the envelope, and what its key URL gives. */
async function envelopeOf(text: string): Promise<{ readonly secret: Buffer; readonly iv: string }> {
  const found = /(?:IV=|IV=&quot;|IV=")"?0x([0-9A-Fa-f]{32})/.exec(text);
  const url = /(?:URI="|keyUriTemplate="|keyUriTemplate=&quot;)(http[^"&]*)/.exec(text);
  return { iv: found?.[1] ?? '', secret: await bytesOf(url?.[1] ?? '') };
}

describe('AES-128', () => {
  const playlistUrl = (id: FormatId, track: TrackName): string => resourceUrl('aes', id, 'cbc', `Manifest ${track}`, BITRATES[track]);

  test.each(FORMATS.map(({ id, manifest }) => [id, manifest.kind] as const))('%s: openssl gives the clear bytes, with what the manifest says', async (id, kind) => {
    for (const track of id === 'hls-v3' ? (['video'] as const) : (['video', 'English'] as const)) {
      const { secret, iv } = await envelopeOf(await textOf(kind === 'm3u8' ? playlistUrl(id, track) : manifestUrl('aes', id, 'cbc')));
      expect(secret.equals(ONE.value)).toBe(true);
      const [clear, sent] = await Promise.all([partsOf('clear', id, null, track), partsOf('aes', id, 'cbc', track)]);
      [sent.init, ...sent.segments].forEach((bytes, i) => {
        const expected = [clear.init, ...clear.segments][i];
        if (expected.length === 0) return;
        expect(bytes.length).toBe(expected.length + 16 - (expected.length % 16));
        expect(openssl(bytes, secret, iv).equals(expected)).toBe(true);
      });
    }
  });

  test.each(['hls-v4', 'hls-cmaf'] as const)('%s: key frames too', async (id) => {
    const { secret, iv } = await envelopeOf(await textOf(playlistUrl(id, 'video').replace(',encryption', ',type=keyframes,encryption')));
    const [clear, sent] = await Promise.all([bytesOf(resourceUrl('clear', id, null, 'KeyFrames video=20020000')), bytesOf(resourceUrl('aes', id, 'cbc', 'KeyFrames video=20020000'))]);
    expect(openssl(sent, secret, iv).equals(clear)).toBe(true);
  });

  test.each(['hls-v3', 'hls-v4', 'hls-cmaf'] as const)('%s: ffmpeg plays the master as it plays the clear one', async (id) => {
    const [expected, found] = await Promise.all([played(manifestUrl('clear', id, null)), played(manifestUrl('aes', id, 'cbc'))]);
    expect(found).toEqual(expected);
  });

  test('a segment names its successor under the same encryption', async () => {
    const { headers } = await fetch(resourceUrl('aes', 'hls-v4', 'cbc', 'Fragments video=0'), { headers: { 'CDN-Origin-Assist-Prefetch-Enabled': '1' } });
    expect(headers.get('cdn-origin-assist-prefetch-path')).toBe('Fragments(video=60060000,format=m3u8-aapl,encryption=cbc)');
  });

  test('a range of an encrypted segment is that part of it', async () => {
    const url = resourceUrl('aes', 'hls-v4', 'cbc', 'Fragments video=0');
    const [whole, part] = [await bytesOf(url), await fetch(url, { headers: { range: 'bytes=1000-70000' } })];
    expect([part.status, Buffer.from(await part.arrayBuffer()).equals(whole.subarray(1000, 70_001))]).toEqual([206, true]);
  });
});

/** Hashes of packets as ffmpeg reads an HLS stream. */
async function played(url: string): Promise<readonly string[]> {
  const { stdout: help } = await run('ffmpeg', ['-hide_banner', '-h', 'demuxer=hls']);
  const anyName = ['-allowed_extensions', 'ALL', ...(help.includes('extension_picky') ? ['-extension_picky', '0'] : [])];
  const { stdout } = await run('ffmpeg', ['-v', 'error', ...anyName, '-i', url, '-map', '0:v:0', '-map', '0:a:0', '-c', 'copy', '-f', 'framehash', '-hash', 'md5', '-'], { maxBuffer: 1 << 26 });
  return packetLines(stdout);
}

/** Side data, which tells of the encryption, is left out. */
function packetLines(framehash: string): readonly string[] {
  const lines = framehash.split('\n').filter((line) => /^\d/.test(line)).map((line) => line.split(/,\s*/).slice(0, 6).join(' '));
  expect(lines.length).toBeGreaterThan(100);
  return lines;
}

function packetsOf({ init, segments }: { readonly init: Buffer; readonly segments: readonly Buffer[] }, secret: Buffer | null): readonly string[] {
  const args = ['-v', 'error', ...(secret === null ? [] : ['-decryption_key', secret.toString('hex')]), '-i', 'pipe:0', '-c', 'copy', '-f', 'framehash', '-hash', 'md5', '-'];
  const { stdout, stderr, status } = spawnSync('ffmpeg', args, { input: Buffer.concat([init, ...segments]), encoding: 'utf8', maxBuffer: 1 << 26 });
  expect(status, stderr).toBe(0);
  return packetLines(stdout);
}

describe('common encryption', () => {
  test.each<[FormatId, string, string, Record<TrackName, Buffer | null>]>([
    ['dash-csf', 'drm', 'cenc', { video: ONE.value, English: ONE.value }],
    ['dash-cmaf', 'drm', 'cenc', { video: ONE.value, English: ONE.value }],
    ['hls-cmaf', 'drm', 'cbcs-aapl', { video: OTHER.value, English: OTHER.value }],
    ['dash-csf', 'ck', 'cbcs-aapl', { video: ONE.value, English: ONE.value }],
    ['dash-cmaf', 'ck', 'cbcs-aapl', { video: ONE.value, English: ONE.value }],
    ['hls-cmaf', 'ck', 'cenc', { video: ONE.value, English: ONE.value }],
    ['dash-cmaf', 'keys', 'cenc', { video: ONE.value, English: OTHER.value }],
    ['dash-cmaf', 'sound', 'cenc', { video: ONE.value, English: null }],
  ])('%s of %s, encryption=%s: ffmpeg deciphers to the packets of the clear output, and so does a reader of boxes', async (id, where, encryption, secrets) => {
    for (const track of ['video', 'English'] as const) {
      const [clear, sent] = await Promise.all([partsOf('clear', id, null, track), partsOf(where, id, encryption, track)]);
      const secret = secrets[track];
      const expected = packetsOf(clear, null);
      expect(packetsOf(sent, secret)).toEqual(expected);
      if (secret === null) continue;
      expect(packetsOf(sent, null)).not.toEqual(expected);
      const tenc = tencOf(sent.init);
      sent.segments.forEach((segment, i) => {
        expect(Buffer.concat(decipher(segment, tenc, secret).map((sample) => sample.clear)).equals(boxes(clear.segments[i]).get('mdat') as Buffer)).toBe(true);
      });
    }
  });

  test.each(['cenc', 'piff'])('smooth, encryption=%s', async (encryption) => {
    const tenc: Tenc = { scheme: 'cenc', crypt: 0, skip: 0, ivBytes: 8, kid: '', constant: Buffer.alloc(0) };
    const text = await textOf(manifestUrl('drm', 'smooth', encryption));
    expect(text).toContain('<ProtectionHeader SystemID="9A04F079-9840-4286-AB92-E65BE0885F95">');
    expect(text).toContain(`Fragments(video={start time},encryption=${encryption})`);
    for (const track of ['video', 'English'] as const) {
      const [clear, sent] = await Promise.all([partsOf('clear', 'smooth', null, track), partsOf('drm', 'smooth', encryption, track)]);
      sent.segments.forEach((segment, i) => {
        const stored = boxes(clear.segments[i]).get('mdat') as Buffer;
        expect((boxes(segment).get('mdat') as Buffer).equals(stored)).toBe(false);
        expect(Buffer.concat(decipher(segment, tenc, ONE.value).map((sample) => sample.clear)).equals(stored)).toBe(true);
      });
    }
  });

  test('hls-v4, SAMPLE-AES: ffmpeg plays the master as it plays the clear one', async () => {
    const [expected, found] = await Promise.all([played(manifestUrl('clear', 'hls-v4', null)), played(manifestUrl('ck', 'hls-v4', 'cbcs-aapl'))]);
    // The packets that ffmpeg's parser still holds at the end come out undeciphered: it has left the segment then.
    const end = Math.max(...expected.map((line) => Number(line.split(' ')[1])));
    const before = (lines: readonly string[]): readonly string[] => lines.filter((line) => Number(line.split(' ')[1]) < end - 30_000);
    expect(before(expected).length).toBeGreaterThan(1000);
    expect(before(found)).toEqual(before(expected));
  });

  test('CMAF bytes are the same under their HLS and DASH URLs', async () => {
    const [hls, dash] = await Promise.all((['hls-cmaf', 'dash-cmaf'] as const).map((id) => partsOf('ck', id, 'cenc', 'video')));
    expect(Buffer.concat([hls.init, ...hls.segments]).equals(Buffer.concat([dash.init, ...dash.segments]))).toBe(true);
  });

  test('the sizes that CMAF manifests measure are those of the encrypted segments', async () => {
    const rates = async (where: string, encryption: string | null): Promise<number> => Number(/bandwidth="(\d+)"[^>]*width="320"/.exec(await textOf(manifestUrl(where, 'dash-cmaf', encryption)))?.[1]);
    const [clear, secret] = [await rates('clear', null), await rates('ck', 'cenc')];
    const { segments } = await partsOf('ck', 'dash-cmaf', 'cenc', 'video');
    const peak = Math.max(...segments.map((segment) => (8 * segment.length) / 6.006));
    expect([secret > clear, secret >= peak * 0.9]).toEqual([true, true]);
  });
});

type Shaka = { Player: new () => { attach(video: unknown): Promise<void>; load(url: string): Promise<void>; drmInfo(): { keySystem: string } | null; configure(settings: object): void } };
type PlayerPage = { readonly shaka: Shaka; readonly document: { querySelector(selector: string): { currentTime: number; play(): Promise<void>; getVideoPlaybackQuality(): { totalVideoFrames: number }; error: { message: string } | null } } };

/** Played time, decoded frames and key system after a few seconds of playback in the browser. */
async function watched(url: string): Promise<{ readonly time: number; readonly frames: number; readonly keySystem: string }> {
  const { launch } = await import('puppeteer');
  const browser = await launch({ browser: 'chrome', executablePath: CHROMIUM, headless: true, args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--autoplay-policy=no-user-gesture-required'] });
  try {
    const page = await browser.newPage();
    await page.goto(`${keyAddress}player`);
    return await page.evaluate(async (manifest) => {
      const { shaka, document } = globalThis as unknown as PlayerPage;
      const video = document.querySelector('#v');
      const player = new shaka.Player();
      await player.attach(video);
      await player.load(manifest);
      await video.play();
      for (let waited = 0; waited < 200 && video.currentTime < 2 && video.error === null; waited++) await new Promise((resolve) => setTimeout(resolve, 100));
      return { time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, keySystem: player.drmInfo()?.keySystem ?? '' };
    }, url);
  } finally {
    await browser.close();
  }
}

describe.skipIf(!existsSync(CHROMIUM))('Chromium plays with Clear Key, keys from the address in the manifest', () => {
  test.each<[FormatId, string]>([['dash-cmaf', 'cenc'], ['dash-csf', 'cenc'], ['dash-cmaf', 'cbcs-aapl'], ['hls-cmaf', 'cbcs-aapl'], ['hls-cmaf', 'cenc']])('%s, encryption=%s', async (id, encryption) => {
    const { time, frames, keySystem } = await watched(manifestUrl('ck', id, encryption));
    expect([time >= 2, frames > 30, keySystem]).toEqual([true, true, 'org.w3.clearkey']);
  });
});

describe('the policy’s own addresses', () => {
  const filled = (system: string, scheme = 'https'): string => `${scheme}://own.example/${system}/${ONE.id}?media=film%207%2F%C3%A4`;
  test.each<[FormatId, string, string | null, readonly string[]]>([
    ['hls-v4', 'cbc', 'Manifest video', [`URI="${filled('aes')}"`]],
    ['hls-cmaf', 'cbc', 'Manifest English', [`URI="${filled('aes')}"`]],
    ['dash-csf', 'cbc', null, [`keyUriTemplate="${filled('aes')}"`]],
    ['smooth', 'cbc', null, [filled('aes')]],
    ['dash-cmaf', 'cenc', null, [`licenseUrl="${filled('wv')}"`, `>${filled('ck')}</dashif:Laurl>`]],
    ['hls-v4', 'cbcs-aapl', 'Manifest video', [`URI="${filled('fp', 'skd')}"`]],
    ['hls-cmaf', 'cbcs-aapl', 'Manifest video', [`URI="${filled('fp', 'skd')}"`]],
  ])('%s, encryption=%s: name key and alternative media id', async (id, encryption, playlist, texts) => {
    const text = await textOf(playlist === null ? manifestUrl('named', id, encryption) : resourceUrl('named', id, encryption, playlist, playlist === 'Manifest video' ? 250_000 : 128_000));
    for (const wanted of texts) expect(text).toContain(wanted);
    expect(text).not.toMatch(/\{(ContentKeyId|AlternativeMediaId)\}/i);
  });

  test.each<[FormatId, RegExp]>([['smooth', /<ProtectionHeader[^>]*>([^<]*)</], ['dash-csf', /<mspr:pro[^>]*>([^<]*)</]])('%s: PlayReady’s header has its address and the policy’s attributes', async (id, pattern) => {
    const [, object = ''] = pattern.exec(await textOf(manifestUrl('named', id, 'cenc'))) ?? [];
    const header = Buffer.from(object, 'base64').subarray(10).toString('utf16le');
    expect(header).toContain(`<LA_URL>${filled('pr')}</LA_URL>`);
    expect(header).toContain('<CUSTOMATTRIBUTES><SHOP>7</SHOP></CUSTOMATTRIBUTES>');
  });
});

describe('filters and encryption together', () => {
  test('DASH: the clip’s timeline, the scheme in every URL, and its segments decipher', async () => {
    const text = await textOf(manifestUrl('drm', 'dash-cmaf', 'cenc', 'clip'));
    expect([...text.matchAll(/<S t="(\d+)"/g)].map(([, time]) => time)).toContain('60060000');
    expect(text.match(/cenc:default_KID=/g)?.length).toBe(text.match(/<AdaptationSet /g)?.length);
    expect([...text.matchAll(/media="([^"]*)"/g)].filter(([, url]) => !url.endsWith(',encryption=cenc)'))).toEqual([]);
  });

  test('HLS: playlists keep filter and encryption, segments the encryption alone; ffmpeg plays the clip', async () => {
    const master = await textOf(manifestUrl('aes', 'hls-v4', 'cbc', 'clip'));
    expect(master).toContain('QualityLevels(250000)/Manifest(video,format=m3u8-aapl,encryption=cbc,filter=clip)');
    const playlist = await textOf(`${origin}/aes/${NAME}/QualityLevels(250000)/Manifest(video,format=m3u8-aapl,encryption=cbc,filter=clip)`);
    expect(playlist.match(/^Fragments.*$/gm)).toEqual(['Fragments(video=60060000,format=m3u8-aapl,encryption=cbc)', 'Fragments(video=120120000,format=m3u8-aapl,encryption=cbc)']);
    const [expected, found] = await Promise.all([playedVideo(manifestUrl('clear', 'hls-v4', null, 'clip')), playedVideo(manifestUrl('aes', 'hls-v4', 'cbc', 'clip'))]);
    expect(found).toEqual(expected);
  });
});

async function playedVideo(url: string): Promise<readonly string[]> {
  const { stdout: help } = await run('ffmpeg', ['-hide_banner', '-h', 'demuxer=hls']);
  const anyName = ['-allowed_extensions', 'ALL', ...(help.includes('extension_picky') ? ['-extension_picky', '0'] : [])];
  const { stdout } = await run('ffmpeg', ['-v', 'error', ...anyName, '-i', url, '-map', '0:v:0', '-c', 'copy', '-f', 'framehash', '-hash', 'md5', '-'], { maxBuffer: 1 << 26 });
  return packetLines(stdout);
}

describe('refusals', () => {
  test.each([
    ['aes', 'manifest(format=m3u8-cmaf)', 400, 'MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL'],
    ['several', 'manifest', 400, 'MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL'],
    ['several', 'QualityLevels(250000)/Fragments(video=0)', 400, 'MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL'],
    ['clear', 'manifest(encryption=cbc)', 403, 'MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY'],
    ['aes', 'QualityLevels(250000)/Fragments(video=0,format=m3u8-aapl,encryption=cbcs-aapl)', 403, 'MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY'],
    ['lost', 'manifest(encryption=cbc)', 403, 'MPE_ENC_ENCRYPTION_REQUIRED'],
    ['lost', 'QualityLevels(250000)/Fragments(video=0,encryption=cbc)', 403, 'MPE_ENC_ENCRYPTION_REQUIRED'],
    ['several', 'manifest(format=m3u8-aapl,encryption=cenc)', 403, 'MPE_OUTPUT_FORMAT_BLOCKED'],
    ['drm', 'manifest(format=m3u8-aapl-v3,encryption=cbcs-aapl)', 415, 'MPE_ENCRYPTION_NOT_SUPPORTED'],
    ['drm', 'manifest(format=mpd-time-csf,encryption=piff)', 415, 'MPE_ENCRYPTION_NOT_SUPPORTED'],
    ['drm', 'manifest(encryption=rot13)', 415, 'MPE_ENCRYPTION_NOT_SUPPORTED'],
    ['sealed', 'manifest', 415, 'MPE_ENC_ALREADY_ENCRYPTED'],
  ])('%s/%s: %d %s', async (where, resource, status, code) => {
    const response = await fetch(`${origin}/${where}/${NAME}/${resource}`);
    const body = await response.text();
    said += body;
    expect([response.status, response.headers.get('x-ms-error-code'), response.headers.get('cache-control')?.includes('immutable') ?? false]).toEqual([status, code, false]);
    expect(JSON.parse(body)).toMatchObject({ code });
  });
});

describe('never in the clear', () => {
  const ENCRYPTIONS = [null, 'cbc', 'cenc', 'cbcs-aapl', 'piff'];
  test.each(['aes', 'drm', 'ck', 'keys', 'several'])('%s: what leaves shares no 512 bytes with the clear output', async (where) => {
    let [sent, refused] = [0, 0];
    for (const { id } of FORMATS) {
      for (const resource of ['Fragments video=0', 'KeyFrames video=20020000']) {
        const clear = await fetch(resourceUrl('clear', id, null, resource));
        if (clear.status !== 200) continue;
        const bytes = Buffer.from(await clear.arrayBuffer());
        for (const encryption of ENCRYPTIONS) {
          const response = await fetch(resourceUrl(where, id, encryption, resource));
          const body = Buffer.from(await response.arrayBuffer());
          if (response.status >= 400) {
            refused++;
            continue;
          }
          sent++;
          // Tables of samples and parameter sets stay in the clear, in transport streams too.
          const payload = Math.max(0, bytes.indexOf('mdat', 0, 'latin1')) + 2048;
          for (let at = payload; at + 512 <= bytes.length; at += 4096) expect(body.includes(bytes.subarray(at, at + 512)), `${id}, ${resource}, ${encryption}, byte ${at}`).toBe(false);
        }
      }
    }
    expect([sent > 0, refused > 0]).toEqual([true, true]);
  });

  test('tags tell the schemes apart', async () => {
    const tags = await Promise.all(
      [manifestUrl('clear', 'smooth', null), manifestUrl('aes', 'smooth', 'cbc'), manifestUrl('drm', 'smooth', 'cenc'), manifestUrl('drm', 'smooth', null), manifestUrl('keys', 'smooth', 'cenc')].map(async (url) => (await fetch(url)).headers.get('etag')),
    );
    expect(new Set(tags).size).toBe(tags.length);
  });

  test('no key in the log, in manifests or in errors', () => {
    expect([log.length > 1000, said.length > 10_000]).toEqual([true, true]);
    for (const { value } of KEYS) for (const form of ['hex', 'base64', 'base64url'] as const) expect([log, said].map((text) => text.toLowerCase().includes(value.toString(form).toLowerCase()))).toEqual([false, false]);
  });
});
