/** CPU per manifest request above the floor of HTTP, and what the first request of a long asset costs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadline, fetchBytes, load, median, quantile } from './load.ts';
import { initUrl, manifestUrl, OUTPUTS, playlistUrl, type Place } from './matrix.ts';
import { startOrigin, type ServerProcess } from './process.ts';
import { videoBitrate } from './synthetic.ts';

/** `microseconds`: CPU per request in each round; `p50`: milliseconds, the middle of all rounds. `anew`: of a server that keeps no texts. */
export type ManifestRow = { readonly asset: string; readonly what: string; readonly bytes: number; readonly microseconds: readonly number[]; readonly p50: number; readonly anew: number };
export type Manifests = { readonly floor: ManifestRow; readonly rows: readonly ManifestRow[] };

const CLIENTS = 4;

type Wanted = { readonly asset: string; readonly what: string; readonly url: (origin: string) => string };

function wanted(assets: readonly string[]): readonly Wanted[] {
  const floor: Wanted = { asset: '', what: 'floor', url: (origin) => `${origin}/healthz` };
  const bitrate = videoBitrate(0);
  const texts: readonly (readonly [what: string, url: (place: Place) => string])[] = [
    ...OUTPUTS.map((output) => [output.id, (place: Place) => manifestUrl(place, output)] as const),
    ['hls-v4 media playlist', (place) => playlistUrl(place, 'm3u8-aapl', bitrate)],
    ['hls-cmaf media playlist', (place) => playlistUrl(place, 'm3u8-cmaf', bitrate)],
    ['hls-cmaf key-frame playlist', (place) => playlistUrl(place, 'm3u8-cmaf', bitrate, 'keyframes')],
  ];
  return [floor, ...assets.flatMap((asset) => texts.map(([what, url]) => ({ asset, what, url: (origin: string) => url({ origin, asset }) })))];
}

export type ManifestOptions = { readonly rounds: number; readonly seconds: number };

/** Texts that are kept, and, on a second server, texts that are written for each request. */
export async function measureManifests(synthetic: string, assets: readonly string[], options: ManifestOptions): Promise<Manifests> {
  const list = wanted(assets);
  const kept = await overTexts(synthetic, list, options);
  const anew = await overTexts(synthetic, list, { ...options, rounds: Math.min(options.rounds, ROUNDS_ANEW) }, '--max-text-bytes', '0');
  const [floor, ...rows] = kept.map((row, i) => ({ ...row, anew: median(anew[i].microseconds) }));
  return { floor, rows };
}

/** Texts that are written anew differ by so much that a middle of three tells enough. */
const ROUNDS_ANEW = 3;

async function overTexts(synthetic: string, list: readonly Wanted[], { rounds, seconds }: ManifestOptions, ...flags: readonly string[]): Promise<readonly Omit<ManifestRow, 'anew'>[]> {
  const server = await startOrigin(synthetic, ...flags);
  try {
    const rows = await Promise.all(list.map(async ({ asset, what, url }) => ({ asset, what, url: url(server.origin), bytes: (await fetchBytes(url(server.origin))).length, microseconds: [] as number[], p50s: [] as number[] })));
    // Code gets warm over all rows before the first of them is measured.
    for (let turn = 0; turn < 2; turn++) for (const { url } of rows) await loadFor(url, seconds);
    for (let round = 0; round < rounds; round++) {
      for (const row of rows) {
        const before = await server.cpuSeconds();
        const { requests, milliseconds } = await loadFor(row.url, seconds);
        row.microseconds.push((((await server.cpuSeconds()) - before) / requests) * 1e6);
        row.p50s.push(quantile(milliseconds, 0.5));
      }
    }
    return rows.map(({ asset, what, bytes, microseconds, p50s }) => ({ asset, what, bytes, microseconds, p50: median(p50s) }));
  } finally {
    await server.stop();
  }
}

export function loadFor(url: string, seconds: number, clients = CLIENTS): ReturnType<typeof load> {
  return load([url], clients, deadline(seconds));
}

export function aboveFloor(row: ManifestRow, floor: ManifestRow): number {
  return median(row.microseconds) - median(floor.microseconds);
}

/**
 * `cold`: no index file; `stored`: the same, and one is written; `sidecar`: with one; `again`: the same request once more. `index`: an
 * initialization segment, which needs the index alone; `manifest`: DASH CMAF.
 */
const WAYS = ['cold', 'stored', 'sidecar', 'again'] as const;
export type Opening = { readonly asset: string; readonly first: 'index' | 'manifest'; readonly way: (typeof WAYS)[number]; readonly milliseconds: number; readonly cpuMilliseconds: number; readonly indexBytes: number };

/**
 * The first request of an asset in a process that has practised, as every one does before it listens, and has served another, short
 * one (`warm`): what starts a process and what connects a client is not counted.
 */
export async function measureOpening(synthetic: string, assets: readonly string[], warm: string, rounds: number): Promise<readonly Opening[]> {
  const cache = await mkdtemp(join(tmpdir(), 'isomer-index-'));
  const found: Opening[] = [];
  try {
    for (const asset of assets) {
      for (const first of ['index', 'manifest'] as const) {
        const runs: Opening[] = [];
        for (let round = 0; round < rounds; round++) runs.push(...(await openOnce(synthetic, cache, { asset, first, warm })));
        for (const way of WAYS) {
          const those = runs.filter((entry) => entry.way === way);
          const middle = (of: (entry: Opening) => number): number => median(those.map(of));
          found.push({ asset, first, way, milliseconds: middle((o) => o.milliseconds), cpuMilliseconds: middle((o) => o.cpuMilliseconds), indexBytes: middle((o) => o.indexBytes) });
        }
      }
    }
    return found;
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

async function openOnce(synthetic: string, cache: string, { asset, first, warm }: Pick<Opening, 'asset' | 'first'> & { readonly warm: string }): Promise<readonly Opening[]> {
  const output = OUTPUTS[4];
  const runs: Opening[] = [];
  await rm(cache, { recursive: true, force: true });
  for (const way of ['cold', 'stored', 'sidecar'] as const) {
    const server = await startOrigin(synthetic, ...(way === 'cold' ? [] : ['--cache-dir', cache]), '--metrics');
    try {
      const urlOf = (name: string): string => (first === 'index' ? initUrl({ origin: server.origin, asset: name }, output, videoBitrate(0)) : manifestUrl({ origin: server.origin, asset: name }, output));
      await fetchBytes(urlOf(warm));
      const own = await indexBytes(server);
      runs.push({ asset, first, way, ...(await timed(server, urlOf(asset))), indexBytes: (await indexBytes(server)) - own });
      if (way === 'sidecar') runs.push({ asset, first, way: 'again', ...(await timed(server, urlOf(asset))), indexBytes: 0 });
    } finally {
      await server.stop();
    }
  }
  return runs;
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

