/**
 * Encrypted outputs deciphered by programs that are not ours, to the very bytes of the clear ones: the table of
 * spec/protection.md "Deciphered by others", cell by cell.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FORMATS, type Format, type FormatId } from '../formats.ts';

const CORPUS = new URL('../../corpus/.assets/', import.meta.url);
const DOCUMENT = new URL('../../spec/protection.md', import.meta.url);
const PACKAGER = join(dirname(createRequire(import.meta.url).resolve('shaka-packager')), 'bin', `packager-linux-${process.arch}`);
const KEY = { id: '00112233-4455-6677-8899-aabbccddeeff', value: Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex') };
const KEY_HEX = KEY.value.toString('hex');

/** A column of the table: a track of the corpus and when its segments begin. */
const TRACKS = {
  'H.264': { asset: 'eac3-51', kind: 'video', track: 'video', bitrate: 160_000, times: [0, 60_000_000] },
  HEVC: { asset: 'hevc-hvc1', kind: 'video', track: 'video', bitrate: 500_000, times: [0, 60_000_000] },
  AAC: { asset: 'eac3-51', kind: 'audio', track: 'aac_eng', bitrate: 128_000, times: [0, 60_160_000] },
  'E-AC-3': { asset: 'eac3-51', kind: 'audio', track: 'ec3_eng', bitrate: 256_000, times: [0, 60_106_666] },
} as const;
type Codec = keyof typeof TRACKS;

type Resources = { readonly init: Buffer; readonly segments: readonly Buffer[] };
type Cell = { readonly format: FormatId; readonly codec: Codec; readonly encryption: string };

const run = promisify(execFile);
const output = async (program: string, args: readonly string[]): Promise<Buffer> => (await run(program, args, { encoding: 'buffer', maxBuffer: 1 << 26, timeout: 30_000 })).stdout;
let folder: string;
let child: ChildProcess;
let origin: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-decipher-'));
  const root = join(folder, 'root');
  const assets = [...new Set(Object.values(TRACKS).map(({ asset }) => asset))];
  await Promise.all(assets.map((asset) => cp(new URL(asset, CORPUS), join(root, asset), { recursive: true })));
  const enabledProtocols = { download: false, dash: true, hls: true, smoothStreaming: true };
  const scheme = { enabledProtocols, contentKeys: { defaultKey: { label: 'one' } } };
  const locator = (name: string, assetName: string, streamingPolicyName: string, ...labels: readonly string[]): object => ({
    name,
    properties: { assetName, streamingPolicyName, contentKeys: labels.map((labelReferenceInStreamingPolicy) => ({ id: KEY.id, value: KEY.value.toString('base64'), labelReferenceInStreamingPolicy })) },
  });
  await writeFile(
    join(root, 'isomer.json'),
    JSON.stringify({
      streamingLocators: assets.flatMap((asset) => [locator(`clear-${asset}`, asset, 'Predefined_ClearStreamingOnly'), locator(`secret-${asset}`, asset, 'every', 'one'), locator(`lead-${asset}`, asset, 'lead', 'one')]),
      streamingPolicies: [{ name: 'every', properties: { beyondAms: true, envelopeEncryption: scheme, commonEncryptionCenc: scheme, commonEncryptionCbcs: scheme } }, { name: 'lead', properties: { beyondAms: true, commonEncryptionCenc: { ...scheme, clearLeadSeconds: 5 }, commonEncryptionCbcs: { ...scheme, clearLeadSeconds: 5 } } }],
    }),
  );
  child = spawn(process.execPath, [join(import.meta.dirname, '../cli.ts'), 'serve', '--root', root, '--port', '0', '--key-delivery-url', 'http://127.0.0.1/'], { stdio: ['ignore', 'pipe', 'ignore'] });
  origin = await new Promise((resolve) => child.stdout?.on('data', (text: Buffer) => resolve(/http:\S+/.exec(text.toString())?.[0] ?? '')));
});
afterAll(async () => {
  child?.kill();
  await rm(folder, { recursive: true, force: true });
});

async function get(path: string): Promise<Buffer> {
  const response = await fetch(`${origin}/${path}`);
  const body = Buffer.from(await response.arrayBuffer());
  expect([path, response.status]).toEqual([path, 200]);
  return body;
}

const rowOf = (id: FormatId): Format => FORMATS.find((format) => format.id === id) as Format;

/** Smooth has no initialization segment: CSF's is lent to its fragments, whose samples are the same. */
async function resourcesOf(kind: 'clear' | 'secret' | 'lead', { format: id, codec, encryption }: Cell): Promise<Resources> {
  const { asset, track, bitrate, times } = TRACKS[codec];
  const name = (format: FormatId, value: number | 'i'): string => {
    const [tag] = rowOf(format).tags;
    const scheme = format === 'dash-csf' && encryption === 'piff' ? 'cenc' : encryption;
    const parameters = [`${track}=${value}`, ...(tag === '' ? [] : [`format=${tag}`]), ...(kind === 'clear' ? [] : [`encryption=${scheme}`])];
    return `${kind}-${asset}/${asset}.ism/QualityLevels(${bitrate})/Fragments(${parameters.join(',')})`;
  };
  const isBare = rowOf(id).container === 'ts' || (id === 'smooth' && encryption === 'cbc');
  return {
    init: isBare ? Buffer.alloc(0) : await get(name(id === 'smooth' ? 'dash-csf' : id, 'i')),
    segments: await Promise.all(times.map((time) => get(name(id, time)))),
  };
}

const UUID_HEADER = 24;
const PIFF_SAMPLES = Buffer.from('a2394f525a9b4f14a2446c427c648df4', 'hex');
/** PIFF's box under the name that ISO/IEC 23001-7 gave it, behind a free box: no size or offset changes. No program at hand knows the old name. */
function renamed(segment: Buffer): Buffer {
  const copy = Buffer.from(segment);
  const at = copy.indexOf(PIFF_SAMPLES) - 8;
  expect([at > 0, copy.toString('latin1', at + 4, at + 8)]).toEqual([true, 'uuid']);
  const size = copy.readUInt32BE(at);
  copy.fill(0, at, at + UUID_HEADER);
  copy.writeUInt32BE(16, at);
  copy.write('free', at + 4, 'latin1');
  copy.writeUInt32BE(size - 16, at + 16);
  copy.write('senc', at + 20, 'latin1');
  return copy;
}

async function fileOf({ init, segments }: Resources, { format, codec, encryption }: Cell, kind: string): Promise<string> {
  const file = join(folder, `${format} ${codec} ${encryption} ${kind}`);
  const isPiff = kind === 'secret' && format === 'smooth';
  await writeFile(file, Buffer.concat([init, ...segments.map((segment) => (isPiff ? renamed(segment) : segment))]));
  return file;
}

/** Contents of all media data boxes, one after the other. */
function mediaData(file: Buffer): Buffer {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length; at += file.readUInt32BE(at)) if (file.toString('latin1', at + 4, at + 8) === 'mdat') found.push(file.subarray(at + 8, at + file.readUInt32BE(at)));
  return Buffer.concat(found);
}

/** One resource at a time, written to a file first. */
async function eachDeciphered(secret: Resources, iv: string, program: (file: string, iv: string) => Promise<Buffer>): Promise<readonly Buffer[]> {
  const found: Buffer[] = [];
  for (const [i, bytes] of [secret.init, ...secret.segments].entries()) {
    const file = join(folder, `resource${i}`);
    await writeFile(file, bytes);
    found.push(bytes.length === 0 ? bytes : await program(file, iv));
  }
  return found;
}

/** From a pipe: with a file ffmpeg 5 takes the last fragment's map for all of them. */
function ffmpegFrom(file: string, ...args: readonly string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const started = execFile('ffmpeg', ['-v', 'error', ...args, '-i', 'pipe:0', '-map', '0:0', '-c', 'copy', '-f', 'data', '-'], { encoding: 'buffer', maxBuffer: 1 << 26, timeout: 30_000 }, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
    void readFile(file).then((bytes) => started.stdin?.end(bytes));
  });
}

/** Payloads of packets as ffmpeg's reader of HLS gives them, deciphered where the playlist has a key. */
async function packetsInTransport(secret: Resources, iv: string | null): Promise<readonly string[]> {
  await writeFile(join(folder, 'key.bin'), KEY.value);
  await Promise.all(secret.segments.map((segment, i) => writeFile(join(folder, `part${i}.ts`), segment)));
  const key = iv === null ? '' : `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="key.bin",IV=0x${iv}\n`;
  await writeFile(join(folder, 'parts.m3u8'), `#EXTM3U\n#EXT-X-VERSION:5\n#EXT-X-TARGETDURATION:7\n${key}${secret.segments.map((_, i) => `#EXTINF:6,\npart${i}.ts\n`).join('')}#EXT-X-ENDLIST\n`);
  const text = (await output('ffmpeg', ['-v', 'error', '-allowed_extensions', 'ALL', '-i', join(folder, 'parts.m3u8'), '-map', '0:0', '-c', 'copy', '-f', 'framehash', '-hash', 'md5', '-'])).toString();
  // The packets that ffmpeg's parser still holds at the end come out undeciphered: it has left the segment then.
  return text.split('\n').filter((line) => /^\d/.test(line)).map((line) => line.split(/,\s*/).slice(1, 6).join(' ')).slice(0, -8);
}

type Program = (cell: Cell, clear: Resources, secret: Resources) => Promise<void>;

async function ivOf({ format, codec, encryption }: Cell): Promise<string> {
  const { asset, track, bitrate } = TRACKS[codec];
  const { manifest, tags } = rowOf(format);
  const parameters = [...(tags[0] === '' ? [] : [`format=${tags[0]}`]), `encryption=${encryption}`].join(',');
  const resource = manifest.kind === 'm3u8' ? `QualityLevels(${bitrate})/Manifest(${track},${parameters})` : `manifest(${parameters})`;
  return /IV=(?:"|&quot;)?0x([0-9A-F]{32})/i.exec((await get(`secret-${asset}/${asset}.ism/${resource}`)).toString())?.[1] ?? '';
}

async function expectWhole(cell: Cell, clear: Resources, secret: Resources, program: (file: string, iv: string) => Promise<Buffer>): Promise<void> {
  const found = await eachDeciphered(secret, await ivOf(cell), program);
  [clear.init, ...clear.segments].forEach((bytes, i) => expect(found[i].equals(bytes)).toBe(true));
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  OpenSSL: (cell, clear, secret) => expectWhole(cell, clear, secret, (file, iv) => output('openssl', ['enc', '-d', '-aes-128-cbc', '-K', KEY_HEX, '-iv', iv, '-in', file])),
  GStreamer: (cell, clear, secret) =>
    expectWhole(cell, clear, secret, async (file, iv) => {
      const to = `${file}.out`;
      await output('gst-launch-1.0', ['-q', 'filesrc', `location=${file}`, '!', 'aesdec', 'cipher=aes-128-cbc', `key=${KEY_HEX}`, `iv=${iv}`, 'per-buffer-padding=false', '!', 'filesink', `location=${to}`]);
      return readFile(to);
    }),
  async ffmpeg(cell, clear, secret) {
    if (rowOf(cell.format).container === 'ts') {
      const [wanted, found] = [await packetsInTransport(clear, null), await packetsInTransport(secret, await ivOf(cell))];
      expect(wanted.length).toBeGreaterThan(100);
      expect(found).toEqual(wanted);
      return;
    }
    const stored = mediaData(Buffer.concat(clear.segments));
    expect((await ffmpegFrom(await fileOf(clear, cell, 'clear'))).equals(stored)).toBe(true);
    expect((await ffmpegFrom(await fileOf(secret, cell, 'secret'), '-decryption_key', KEY_HEX)).equals(stored)).toBe(true);
  },
  async 'Shaka Packager'(cell, clear, secret) {
    const [from, to] = [await fileOf(secret, cell, 'secret'), join(folder, 'opened.mp4')];
    await output(PACKAGER, ['--quiet', '--enable_raw_key_decryption', '--keys', `label=:key_id=${KEY.id.replaceAll('-', '')}:key=${KEY_HEX}`, `in=${from},stream=${TRACKS[cell.codec].kind},output=${to},format=mp4`]);
    expect(mediaData(await readFile(to)).equals(mediaData(Buffer.concat(clear.segments)))).toBe(true);
  },
};

/** Rows of the table: `encryption=`, output, then the programs for each codec. */
const [head, , ...rows] = /## Deciphered by others\n[^|]*((?:\|.*\n)+)/
  .exec(await readFile(DOCUMENT, 'utf8'))?.[1]
  .trim()
  .split('\n')
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim())) ?? [];
const cells = rows.flatMap(([encryption, title, ...columns]) =>
  columns.flatMap((programs, i) =>
    programs.startsWith('–') ? [] : [{ encryption: encryption.replaceAll('`', ''), format: FORMATS.find((format) => format.title === title)?.id as FormatId, codec: head[i + 2] as Codec, programs: programs.split(', ') }],
  ),
);

test('the table has every codec and every encryption, and names programs that are known', () => {
  expect(head.slice(2)).toEqual(Object.keys(TRACKS));
  expect([...new Set(cells.map(({ encryption }) => encryption))].toSorted()).toEqual(['cbc', 'cbcs-aapl', 'cenc', 'piff']);
  expect([...new Set(cells.flatMap(({ programs }) => programs))].toSorted()).toEqual(Object.keys(PROGRAMS).toSorted());
  expect(cells.filter(({ format }) => format === undefined)).toEqual([]);
});

describe('deciphered to the bytes of the clear output', () => {
  test.each(cells)('encryption=$encryption, $format, $codec: $programs', async ({ programs, ...cell }) => {
    const [clear, secret] = await Promise.all([resourcesOf('clear', cell), resourcesOf('secret', cell)]);
    expect(secret.segments.some((segment, i) => segment.equals(clear.segments[i]))).toBe(false);
    for (const program of programs) await PROGRAMS[program](cell, clear, secret);
  });

  test.each(['ffmpeg', 'Shaka Packager', 'OpenSSL', 'GStreamer'])('%s does not open what was changed on its way', async (program) => {
    const isWhole = program === 'OpenSSL' || program === 'GStreamer';
    const cell: Cell = { format: 'dash-csf', codec: 'H.264', encryption: isWhole ? 'cbc' : 'cenc' };
    const [clear, secret] = await Promise.all([resourcesOf('clear', cell), resourcesOf('secret', cell)]);
    const segments = secret.segments.map((segment) => Buffer.from(segment));
    segments[1][segments[1].length - 40] ^= 1;
    await expect(PROGRAMS[program](cell, clear, { ...secret, segments })).rejects.toThrow();
  });
});

describe('a clear lead of 5 s', () => {
  const LEADS = cells.filter(({ encryption, format, codec }) => encryption.startsWith('c') && encryption !== 'cbc' && format !== 'smooth' && format !== 'hls-v4' && codec !== 'E-AC-3').map(({ programs: _, ...cell }) => cell);

  test.each(LEADS)('encryption=$encryption, $format, $codec: the first segment is clear, the second is not, and the whole opens', async (cell) => {
    const [clear, lead, secret] = [await resourcesOf('clear', cell), await resourcesOf('lead', cell), await resourcesOf('secret', cell)];
    expect(mediaData(lead.segments[0]).equals(mediaData(clear.segments[0]))).toBe(true);
    expect(lead.segments[1].equals(secret.segments[1])).toBe(true);
    await PROGRAMS['Shaka Packager'](cell, clear, lead);
    await PROGRAMS.ffmpeg(cell, clear, lead);
  });

  test('is told by playlists; it is counted from the beginning of the asset, not of the clip', async () => {
    const playlist = (await get('lead-eac3-51/eac3-51.ism/QualityLevels(160000)/Manifest(video,format=m3u8-cmaf,encryption=cbcs-aapl)')).toString();
    expect(playlist.split('\n').filter((line) => /^#EXT-X-(?:KEY|MAP)|^Fragments/.test(line)).map((line) => line.replace(/[:(].*?METHOD|[:(].*/, '').replace(/,URI.*/, ''))).toEqual(['#EXT-X-MAP', '#EXT-X-KEY=NONE', 'Fragments', '#EXT-X-KEY=SAMPLE-AES', '#EXT-X-KEY=SAMPLE-AES', 'Fragments']);
    const frames = (await get('lead-eac3-51/eac3-51.ism/QualityLevels(160000)/Manifest(video,format=m3u8-cmaf,type=keyframes,encryption=cbcs-aapl)')).toString();
    expect([frames.indexOf('METHOD=NONE') > 0, frames.indexOf('METHOD=SAMPLE-AES') > frames.indexOf('KeyFrames(video=40000000'), frames.indexOf('METHOD=SAMPLE-AES') < frames.indexOf('KeyFrames(video=60000000')]).toEqual([true, true, true]);
  });

  test.each(['manifest(encryption=cenc)', 'manifest(encryption=piff)', 'manifest(format=m3u8-aapl,encryption=cbcs-aapl)', 'manifest(format=m3u8-aapl-v3,encryption=cbcs-aapl)', 'QualityLevels(160000)/Fragments(video=0,format=m3u8-aapl,encryption=cbcs-aapl)'])('is refused where there is no place for it: %s', async (resource) => {
    const response = await fetch(`${origin}/lead-eac3-51/eac3-51.ism/${resource}`);
    expect([response.status, response.headers.get('x-ms-error-code'), (await response.text()).includes('clearLeadSeconds')]).toEqual([415, 'MPE_ENCRYPTION_NOT_SUPPORTED', true]);
  });
});
