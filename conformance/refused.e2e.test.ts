/** Every refusal of a codec that the feature matrix names: status, code, a message that names the track, and the rest of the asset unharmed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Features, FORMAT_IDS } from '../spec/features.ts';
import { Truth, type TruthTrack } from '../spec/truth.ts';
import { startServer, type ServerProcess } from './performance/process.ts';

const ROOT = join(import.meta.dirname, '..');
const ASSETS = join(ROOT, 'corpus/.assets');
const FORMATS: Readonly<Record<(typeof FORMAT_IDS)[number], string>> = { 'hls-v3': 'm3u8-aapl-v3', 'hls-v4': 'm3u8-aapl', 'hls-cmaf': 'm3u8-cmaf', 'dash-csf': 'mpd-time-csf', 'dash-cmaf': 'mpd-time-cmaf', smooth: '' };

/** An asset with the codec, and how to tell its track. */
const SPECIMENS: Readonly<Record<string, { readonly asset: string; readonly is: (track: TruthTrack) => boolean }>> = {
  HEVC: { asset: 'hevc-hvc1', is: ({ kind }) => kind === 'video' },
  'E-AC-3': { asset: 'eac3-51', is: ({ codec }) => codec.rfc6381 === 'ec-3' },
  DTS: { asset: 'dts-core', is: ({ codec }) => codec.rfc6381 === 'dtsc' },
  'AC-3': { asset: 'ac3-aac', is: ({ codec }) => codec.rfc6381 === 'ac-3' },
};

const CODECS = Features.parse(JSON.parse(readFileSync(join(ROOT, 'spec/features.json'), 'utf8'))).filter(({ kind }) => kind === 'video' || kind === 'audio');
const REFUSED = CODECS.flatMap(({ feature, formats }) => FORMAT_IDS.flatMap((format) => (formats[format]?.status === 'refused' ? [{ feature, format, code: formats[format].code }] : [])));

let server: ServerProcess;
beforeAll(async () => {
  server = await startServer(process.execPath, [join(ROOT, 'src/cli.ts'), 'serve', '--root', ASSETS, '--port', '0'], ROOT);
});
afterAll(() => server?.stop());

type Answer = { readonly status: number; readonly code: string | null; readonly body: string };

async function get(asset: string, path: string): Promise<Answer> {
  const response = await fetch(`${server.origin}/${asset}/${asset}.ism/${path}`);
  return { status: response.status, code: response.headers.get('x-ms-error-code'), body: Buffer.from(await response.arrayBuffer()).toString('latin1') };
}

const truthOf = (asset: string): Truth => Truth.parse(JSON.parse(readFileSync(join(ASSETS, asset, 'truth.json'), 'utf8')));
const argument = (format: string): string => (format === '' ? '' : `format=${format}`);

/** Where the server manifest gives no bitrate, the packager measures it and says so: a set of one quality. */
async function fragment(asset: string, { name, bitrate }: TruthTrack, format: string): Promise<string> {
  const told = bitrate ?? new RegExp(`Name="${name}"[^]*?Bitrate="(\\d+)"`).exec((await get(asset, 'manifest')).body)?.[1];
  return `QualityLevels(${told})/Fragments(${name}=0${format === '' ? '' : `,${argument(format)}`})`;
}

test('every codec that some output refuses has its specimen', () => {
  expect([...new Set(REFUSED.map(({ feature }) => feature))].toSorted()).toEqual(Object.keys(SPECIMENS).toSorted());
});

describe.each(REFUSED)('$feature in $format', ({ feature, format, code }) => {
  const { asset, is } = SPECIMENS[feature];
  const { tracks } = truthOf(asset);
  const [refused] = tracks.filter(is);
  const others = tracks.filter((track) => !is(track));
  const token = FORMATS[format];

  test('the track is refused with its code, by its name', async () => {
    const { status, code: header, body } = await get(asset, await fragment(asset, refused, token));
    expect({ status, header }).toEqual({ status: 415, header: code });
    const { message } = JSON.parse(body) as { message: string };
    expect(message).toContain(`track ${refused.name}`);
    expect(message).not.toContain(ASSETS);
  });

  test('and the rest of the asset is there', async () => {
    const manifest = await get(asset, `manifest${token === '' ? '' : `(${argument(token)})`}`);
    // Without pictures that it can carry an output of an asset with pictures is refused as a whole; its sound can still be had.
    const isWhole = others.some(({ kind }) => kind === 'video');
    expect(manifest.status).toBe(isWhole ? 200 : 415);
    if (isWhole) {
      expect(manifest.body).toContain(others[others.length - 1].name);
      expect(manifest.body).not.toContain(refused.name);
    } else expect(manifest.body).toContain(refused.codec.rfc6381);
    for (const track of others.filter(({ kind }) => kind === 'audio')) expect([track.name, (await get(asset, await fragment(asset, track, token))).status]).toEqual([track.name, 200]);
  });
});
