import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audioTrack, mp4File, videoTrack } from '../isobmff/testing.ts';

const run = promisify(execFile);
const CLI = join(import.meta.dirname, '../cli.ts');
type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };
const isomer = async (...args: string[]): Promise<Ran> =>
  run(process.execPath, [CLI, ...args]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ran) => error,
  );

/** ETSI TS 102 366 F.5 and F.6: stereo at 48 kHz. */
function eac3Entry(): Uint8Array {
  const bytes = Buffer.alloc(49);
  bytes.writeUInt32BE(49, 0);
  bytes.write('ec-3', 4, 'latin1');
  bytes.writeUInt16BE(1, 14);
  bytes.writeUInt16BE(2, 24);
  bytes.writeUInt16BE(16, 26);
  bytes.writeUInt16BE(48_000, 32);
  bytes.writeUInt32BE(13, 36);
  bytes.write('dec3', 40, 'latin1');
  bytes.set([0x06, 0x00, 0x20, 0x04, 0x00], 44);
  return bytes;
}

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-cli-'));
  await mkdir(join(root, 'film'));
  await writeFile(join(root, 'film/film.mp4'), mp4File({ tracks: [videoTrack(420, 60), audioTrack(660)] }));
});
afterAll(() => rm(root, { recursive: true }));

describe('isomer', () => {
  it('helps, and suggests what was meant', async () => {
    expect((await isomer('--help')).stdout).toMatch(/serve[\s\S]*urls[\s\S]*inspect[\s\S]*export[\s\S]*encode/);
    expect((await isomer('serve', '--help')).stdout).toMatch(/ISOMER_SEGMENT_SECONDS[\s\S]*Example/);
    expect(await isomer('serv')).toMatchObject({ code: 2, stderr: expect.stringContaining('serve') as string });
  });

  it('lists assets with their six URLs', async () => {
    const { code, stdout } = await isomer('urls', '--root', root);
    expect(code).toBe(0);
    for (const format of ['m3u8-aapl', 'm3u8-aapl-v3', 'm3u8-cmaf', 'mpd-time-csf', 'mpd-time-cmaf']) expect(stdout).toContain(`/film/film.ism/manifest(format=${format})`);
    expect((await isomer('urls', 'nothing', '--root', root)).code).toBe(1);
  });

  it('says of each output that refuses an asset why', async () => {
    const other = await mkdtemp(join(tmpdir(), 'isomer-cli-'));
    await mkdir(join(other, 'dolby'));
    await writeFile(join(other, 'dolby/dolby.mp4'), mp4File({ tracks: [audioTrack(660, { entry: eac3Entry() })] }));
    const { code, stdout } = await isomer('urls', '--root', other, '--base', 'https://cdn.example/');
    await rm(other, { recursive: true });
    expect(code).toBe(0);
    expect(stdout).toMatch(/HLS CMAF +https:\/\/cdn\.example\/dolby\/dolby\.ism\/manifest\(format=m3u8-cmaf\)/);
    expect(stdout).toMatch(/Smooth Streaming +not available: .*ec-3/);
    expect(stdout).toMatch(/HLS V3 +https:\/\/cdn\.example\/dolby\/d/);
  });

  it('lists what a server manifest gives', async () => {
    await writeFile(join(root, 'film/cut.ism'), '<smil><body><switch><video src="film.mp4"/><audio src="film.mp4"/></switch></body></smil>');
    const { code, stdout } = await isomer('inspect', join(root, 'film/cut.ism'));
    await rm(join(root, 'film/cut.ism'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^video video: \d+ \(avc1\..*\n {2}\d+: 420 samples, timescale 30000, in film\.mp4\n {2}segment 0: t=0 d=60060000\n {2}segment 1: t=60060000 d=/);
  });

  it('dumps boxes', async () => {
    const { stdout } = await isomer('inspect', join(root, 'film/film.mp4'));
    expect(stdout).toMatch(/^ftyp @0 \d+ major_brand="isom"[\s\S]*moov[\s\S]*stsz @\d+ \d+ v0 flags=0x000000 sample_size=0 sample_count=420[\s\S]*mdat/);
    expect(await isomer('inspect', join(root, 'missing.mp4'))).toMatchObject({ code: 1, stderr: expect.stringContaining('MPE_STORAGE_RESOURCE_NOT_FOUND') as string });
  });

  it('exports what it would serve', async () => {
    const folder = join(root, 'out');
    for (const format of ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'mpd-time-cmaf', 'smooth']) expect((await isomer('export', '--root', root, 'film', format, folder)).code).toBe(0);
    const files = await readdir(join(folder, 'film.ism'), { recursive: true });
    const segments = files.filter((name) => name.includes('Fragments(video=0'));
    expect(segments).toHaveLength(6);
    const cmaf = await Promise.all(['m3u8-cmaf', 'mpd-time-cmaf'].map((format) => readFile(join(folder, 'film.ism', files.find((name) => name.includes(`video=60060000,format=${format}`)) ?? ''))));
    expect(cmaf[0].equals(cmaf[1])).toBe(true);
    const playlist = files.find((name) => name.includes('type=keyframes') && name.includes('m3u8-aapl'));
    const uris = (await readFile(join(folder, 'film.ism', playlist ?? ''), 'utf8')).split('\n').filter((line) => line.startsWith('KeyFrames'));
    expect(uris).toHaveLength(7);
    for (const uri of uris) expect(files.some((name) => name.endsWith(decodeURIComponent(uri)))).toBe(true);
    expect((await isomer('export', '--root', root, 'film', 'flv', folder)).stderr).toMatch(/hls-v3/);
  });

  it('reads settings from flags, environment and file, in that order, and refuses unknown ones', async () => {
    const file = join(root, 'isomer.json');
    await writeFile(file, JSON.stringify({ port: 1, segmentSeconds: 4, maxAge: 7 }));
    const { stdout } = await run(process.execPath, [CLI, 'serve', '--print-config', '--config', file, '--port', '3'], { env: { ...process.env, ISOMER_SEGMENT_SECONDS: '2', ISOMER_PORT: '2' } });
    expect(JSON.parse(stdout)).toMatchObject({ port: 3, segmentSeconds: 2, maxAge: 7, host: '127.0.0.1' });
    await writeFile(file, JSON.stringify({ prot: 1 }));
    expect((await isomer('serve', '--config', file)).stderr).toMatch(/unknown setting prot/);
    expect((await isomer('serve', '--port', 'x')).stderr).toMatch(/--port/);
  });
});
