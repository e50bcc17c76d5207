/** CPU per manifest request above the floor of HTTP, and what the first request of a long asset costs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchBytes, load, median, quantile } from './load.ts';
import { manifestUrl, OUTPUTS, playlistUrl } from './matrix.ts';
import { startOrigin, type ServerProcess } from './process.ts';
import { videoBitrate } from './synthetic.ts';

export type ManifestRow = { readonly asset: string; readonly what: string; readonly bytes: number; readonly microseconds: readonly number[]; readonly p50: number };
export type Manifests = { readonly floor: ManifestRow; readonly rows: readonly ManifestRow[] };

const CLIENTS = 4;

export async function measureManifests(synthetic: string, assets: readonly string[], { rounds, seconds }: { readonly rounds: number; readonly seconds: number }): Promise<Manifests> {
  const server = await startOrigin(synthetic);
  try {
    const measure = async (asset: string, what: string, url: string): Promise<ManifestRow> => {
      const bytes = (await fetchBytes(url)).length;
      const microseconds: number[] = [];
      let p50 = 0;
      await loadFor(url, seconds / 2);
      for (let round = 0; round < rounds; round++) {
        const before = await server.cpuSeconds();
        const { requests, milliseconds } = await loadFor(url, seconds);
        microseconds.push((((await server.cpuSeconds()) - before) / requests) * 1e6);
        p50 = quantile(milliseconds, 0.5);
      }
      return { asset, what, bytes, microseconds, p50 };
    };
    const floor = await measure('', 'floor', `${server.origin}/healthz`);
    const rows: ManifestRow[] = [];
    for (const asset of assets) {
      const place = { origin: server.origin, asset };
      for (const output of OUTPUTS) rows.push(await measure(asset, output.id, manifestUrl(place, output)));
      rows.push(await measure(asset, 'hls-v4 media playlist', playlistUrl(place, 'm3u8-aapl', videoBitrate(0))));
      rows.push(await measure(asset, 'hls-cmaf media playlist', playlistUrl(place, 'm3u8-cmaf', videoBitrate(0))));
      rows.push(await measure(asset, 'hls-cmaf key-frame playlist', playlistUrl(place, 'm3u8-cmaf', videoBitrate(0), 'keyframes')));
    }
    return { floor, rows };
  } finally {
    await server.stop();
  }
}

export function loadFor(url: string, seconds: number, clients = CLIENTS): ReturnType<typeof load> {
  const end = performance.now() + 1000 * seconds;
  return load([url], clients, () => performance.now() >= end);
}

export function aboveFloor(row: ManifestRow, floor: ManifestRow): number {
  return median(row.microseconds) - median(floor.microseconds);
}

export type Opening = { readonly asset: string; readonly way: 'cold' | 'sidecar' | 'again'; readonly milliseconds: number; readonly cpuMilliseconds: number; readonly indexBytes: number };

/**
 * The first manifest of an asset in a process that has served another one (`warm`), so that what is compiled and what is
 * opened are not counted together: without an index file, with one, and the same request once more.
 */
export async function measureOpening(synthetic: string, assets: readonly string[], warm: string, rounds: number): Promise<readonly Opening[]> {
  const cache = await mkdtemp(join(tmpdir(), 'isomer-index-'));
  const output = OUTPUTS[4];
  const found: Opening[] = [];
  try {
    for (const asset of assets) {
      const runs: Opening[] = [];
      for (let round = 0; round < rounds; round++) {
        await rm(cache, { recursive: true, force: true });
        for (const way of ['cold', 'sidecar'] as const) {
          const server = await startOrigin(synthetic, '--cache-dir', cache, '--metrics');
          try {
            await fetchBytes(manifestUrl({ origin: server.origin, asset: warm }, output));
            const url = manifestUrl({ origin: server.origin, asset }, output);
            const own = await indexBytes(server);
            runs.push({ asset, way, ...(await timed(server, url)), indexBytes: (await indexBytes(server)) - own });
            if (way === 'sidecar') runs.push({ asset, way: 'again', ...(await timed(server, url)), indexBytes: 0 });
          } finally {
            await server.stop();
          }
        }
      }
      for (const way of ['cold', 'sidecar', 'again'] as const) {
        const those = runs.filter((entry) => entry.way === way);
        const middle = (of: (entry: Opening) => number): number => median(those.map(of));
        found.push({ asset, way, milliseconds: middle((o) => o.milliseconds), cpuMilliseconds: middle((o) => o.cpuMilliseconds), indexBytes: middle((o) => o.indexBytes) });
      }
    }
    return found;
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

async function timed(server: ServerProcess, url: string): Promise<{ readonly milliseconds: number; readonly cpuMilliseconds: number }> {
  const before = await server.cpuSeconds();
  const start = performance.now();
  await fetchBytes(url);
  const milliseconds = performance.now() - start;
  return { milliseconds, cpuMilliseconds: 1000 * ((await server.cpuSeconds()) - before) };
}

/** A figure of the origin's /metrics. */
export async function metric(server: ServerProcess, name: string): Promise<number> {
  const text = (await fetchBytes(`${server.origin}/metrics`)).toString();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

export function indexBytes(server: ServerProcess): Promise<number> {
  return metric(server, 'isomer_index_bytes');
}

