/** How cost grows with length, tracks, segment length and open assets. Synthetic assets, but for segment lengths. */
import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { deadline, fetchBytes, load } from './load.ts';
import { indexBytes, loadFor, metric } from './manifests.ts';
import { manifestUrl, OUTPUTS, playlistUrl, segmentUrl } from './matrix.ts';
import type { Media } from './media.ts';
import { startOrigin, type ServerProcess } from './process.ts';
import { bitrateOf, segmentTimes } from './segments.ts';
import { videoBitrate, type Shape } from './synthetic.ts';

/** One plot: several lines over the same x. */
export type Growth = { readonly id: string; readonly title: string; readonly x: string; readonly lines: readonly Line[] };
export type Line = { readonly label: string; readonly points: readonly (readonly [x: number, y: number])[] };

const MINUTE = 60;
const LENGTHS = [1, 10, 60, 120, 300, 600];
const TRACKS = [1, 4, 16, 64];
/** Whole groups of pictures of 2.002 s; 20 s is the most that a segment may last. */
const SEGMENT_SECONDS = [2, 4, 6, 10, 18];
const OPEN_ASSETS = [1, 10, 100, 1000, 10_000];

export const LENGTH_SHAPES: readonly Shape[] = LENGTHS.map((minutes) => ({ name: `minutes${minutes}`, seconds: minutes * MINUTE, videos: 1, audios: 1 }));
export const TRACK_SHAPES: readonly Shape[] = TRACKS.map((videos) => ({ name: `tracks${videos}`, seconds: 10 * MINUTE, videos, audios: 1 }));

const MANIFEST_SECONDS = 0.5;

async function manifestMicroseconds(server: ServerProcess, url: string): Promise<number> {
  await loadFor(url, MANIFEST_SECONDS / 2);
  const before = await server.cpuSeconds();
  const { requests } = await loadFor(url, MANIFEST_SECONDS);
  return (((await server.cpuSeconds()) - before) / requests) * 1e6;
}

/** Opening, index and manifests of each shape. */
async function overShapes(synthetic: string, shapes: readonly Shape[], xs: readonly number[]): Promise<{ readonly cost: readonly Line[]; readonly index: readonly Line[] }> {
  const server = await startOrigin(synthetic, '--metrics');
  const points = { open: [] as [number, number][], bytes: [] as [number, number][], dash: [] as [number, number][], smooth: [] as [number, number][], playlist: [] as [number, number][] };
  try {
    const first = manifestUrl({ origin: server.origin, asset: shapes[0].name }, OUTPUTS[4]);
    await loadFor(first, MANIFEST_SECONDS);
    for (const [i, { name }] of shapes.entries()) {
      const place = { origin: server.origin, asset: name };
      const held = await indexBytes(server);
      const before = await server.cpuSeconds();
      await fetchBytes(manifestUrl(place, OUTPUTS[4]));
      const opened = (await server.cpuSeconds()) - before;
      if (i > 0) {
        points.open.push([xs[i], opened * 1000]);
        points.bytes.push([xs[i], ((await indexBytes(server)) - held) / 1e6]);
      }
      points.dash.push([xs[i], await manifestMicroseconds(server, manifestUrl(place, OUTPUTS[4]))]);
      points.smooth.push([xs[i], await manifestMicroseconds(server, manifestUrl(place, OUTPUTS[5]))]);
      points.playlist.push([xs[i], await manifestMicroseconds(server, playlistUrl(place, 'm3u8-aapl', videoBitrate(0)))]);
    }
  } finally {
    await server.stop();
  }
  return {
    cost: [
      { label: 'DASH CMAF manifest, µs', points: points.dash },
      { label: 'Smooth manifest, µs', points: points.smooth },
      { label: 'HLS v4 media playlist, µs', points: points.playlist },
    ],
    index: [
      { label: 'first request, CPU ms', points: points.open },
      { label: 'index, MB', points: points.bytes },
    ],
  };
}

async function overSegmentLengths({ ladder }: Media, seconds: number): Promise<readonly Line[]> {
  const lines = { fmp4: [] as [number, number][], ts: [] as [number, number][] };
  for (const length of SEGMENT_SECONDS) {
    const server = await startOrigin(ladder, '--segment-seconds', String(length));
    try {
      const place = { origin: server.origin, asset: 'bench' };
      const times = await segmentTimes(server.origin);
      for (const [name, output] of [['fmp4', OUTPUTS[4]], ['ts', OUTPUTS[1]]] as const) {
        const urls = times.map((time) => segmentUrl(place, output, 'clear', bitrateOf('360p'), time));
        await load(urls, 4, deadline(seconds / 2));
        const before = await server.cpuSeconds();
        const { bytes } = await load(urls, 4, deadline(seconds));
        lines[name].push([length, ((await server.cpuSeconds()) - before) / (bytes / 1e9)]);
      }
    } finally {
      await server.stop();
    }
  }
  return [
    { label: 'fMP4 360p, CPU s/GB', points: lines.fmp4 },
    { label: 'TS 360p, CPU s/GB', points: lines.ts },
  ];
}

/** Names of one asset's files, ten thousand times: opened one after the other, under the limits that are the default. */
async function overOpenAssets(synthetic: string, most: number): Promise<readonly Line[]> {
  const root = `${synthetic}-many`;
  await mkdir(root, { recursive: true });
  const there = new Set(await readdir(root));
  const source = join(synthetic, LENGTH_SHAPES[0].name);
  const files = await readdir(source);
  for (let i = 0; i < most; i++) {
    if (there.has(`a${i}`)) continue;
    await mkdir(join(root, `a${i}`));
    for (const file of files) await link(join(source, file), join(root, `a${i}`, file.endsWith('.ism') ? `a${i}.ism` : file));
  }
  const server = await startOrigin(root, '--metrics');
  const lines = { resident: [] as [number, number][], open: [] as [number, number][] };
  try {
    let opened = 0;
    for (const count of OPEN_ASSETS.filter((wanted) => wanted <= most)) {
      const urls = Array.from({ length: count - opened }, (_, i) => manifestUrl({ origin: server.origin, asset: `a${opened + i}` }, OUTPUTS[4]));
      await load(urls, 1, (requests) => requests >= urls.length);
      opened = count;
      lines.open.push([count, await metric(server, 'isomer_assets_open')]);
      lines.resident.push([count, (await server.residentBytes()) / 1e6]);
    }
  } finally {
    await server.stop();
  }
  return [
    { label: 'resident, MB', points: lines.resident },
    { label: 'assets kept open', points: lines.open },
  ];
}

export async function measureGrowth(media: Media, { seconds, assets, tell }: { readonly seconds: number; readonly assets: number; readonly tell: (line: string) => void }): Promise<readonly Growth[]> {
  tell('growth: asset length');
  const lengths = await overShapes(media.synthetic, LENGTH_SHAPES, LENGTHS);
  tell('growth: tracks');
  const tracks = await overShapes(media.synthetic, TRACK_SHAPES, TRACKS);
  tell('growth: segment length');
  const segments = await overSegmentLengths(media, seconds);
  tell('growth: open assets');
  const open = await overOpenAssets(media.synthetic, assets);
  await rm(`${media.synthetic}-many`, { recursive: true, force: true });
  return [
    { id: 'length', title: 'Manifests by length of the asset', x: 'minutes', lines: lengths.cost },
    { id: 'length-open', title: 'Opening by length of the asset (1 + 1 tracks)', x: 'minutes', lines: lengths.index },
    { id: 'tracks', title: 'Manifests by video tracks (10 minutes)', x: 'tracks', lines: tracks.cost },
    { id: 'tracks-open', title: 'Opening by video tracks (10 minutes)', x: 'tracks', lines: tracks.index },
    { id: 'segments', title: 'Segments by their length', x: 'seconds', lines: segments },
    { id: 'assets', title: 'Memory by assets that were opened (limit: 1000)', x: 'assets', lines: open },
  ];
}
