/** Memory of idle, busy and stalled clients; many clients; two workers; how long the event loop is kept waiting. */
import { deadline, fetchBytes, load, stall } from './load.ts';
import { manifestUrl, OUTPUTS, playlistUrl, segmentUrl, type Protection } from './matrix.ts';
import { metric } from './manifests.ts';
import type { Media } from './media.ts';
import { startOrigin, type ServerProcess } from './process.ts';
import { bitrateOf, segmentTimes } from './segments.ts';
import { videoBitrate } from './synthetic.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const LADDER = '1080p';
const STALLED = 100;
const BUSY = 64;
const SETTLE_MS = 1500;

type Kind = readonly [name: string, output: number, protection: Protection];
const KINDS: readonly Kind[] = [
  ['fMP4, clear', 4, 'clear'],
  ['TS, clear', 1, 'clear'],
  ['TS, aes128', 1, 'aes128'],
  ['TS, sample-aes', 1, 'sample-aes'],
  ['fMP4, cenc', 4, 'cenc'],
  ['fMP4, cbcs', 4, 'cbcs'],
];

export type MemoryRow = { readonly what: string; readonly idle: number; readonly busy: number; readonly stalled: number; readonly afterwards: number };

/** Resident bytes of a fresh process for each kind of segment. */
export async function measureMemory({ ladder }: Media, seconds: number): Promise<readonly MemoryRow[]> {
  const rows: MemoryRow[] = [];
  for (const [what, output, protection] of KINDS) {
    const server = await startOrigin(ladder);
    try {
      const times = await segmentTimes(server.origin);
      const urls = times.map((time) => segmentUrl({ origin: server.origin, asset: 'bench' }, OUTPUTS[output], protection, bitrateOf(LADDER), time));
      await fetchBytes(urls[0]);
      await pause(SETTLE_MS);
      const idle = await server.residentBytes();
      let busy = 0;
      const watch = setInterval(() => void server.residentBytes().then((now) => (busy = Math.max(busy, now))), 50);
      await load(urls, BUSY, deadline(seconds));
      clearInterval(watch);
      const sockets = await Promise.all(Array.from({ length: STALLED }, (_, i) => stall(urls[i % urls.length])));
      await pause(SETTLE_MS);
      const stalled = await server.residentBytes();
      for (const socket of sockets) socket.destroy();
      await pause(SETTLE_MS);
      rows.push({ what, idle, busy, stalled, afterwards: await server.residentBytes() });
    } finally {
      await server.stop();
    }
  }
  return rows;
}

export type ClientRow = { readonly what: string; readonly clients: number; readonly cpuPerGigabyte: number; readonly bytesPerSecond: number };

export async function measureClients({ ladder }: Media, seconds: number): Promise<readonly ClientRow[]> {
  const server = await startOrigin(ladder);
  try {
    const rows: ClientRow[] = [];
    for (const [what, output, protection] of KINDS.slice(0, 2)) {
      const urls = await urlsOf(server, output, protection);
      await load(urls, 4, deadline(seconds / 2));
      for (const clients of [1, 4, 16, 64]) rows.push({ what, clients, ...(await costOf(server, urls, clients, seconds)) });
    }
    return rows;
  } finally {
    await server.stop();
  }
}

async function urlsOf({ origin }: ServerProcess, output: number, protection: Protection): Promise<readonly string[]> {
  const times = await segmentTimes(origin);
  return times.map((time) => segmentUrl({ origin, asset: 'bench' }, OUTPUTS[output], protection, bitrateOf(LADDER), time));
}

async function costOf(server: ServerProcess, urls: readonly string[], clients: number, duration: number): Promise<Pick<ClientRow, 'cpuPerGigabyte' | 'bytesPerSecond'>> {
  const before = await server.cpuSeconds();
  const { bytes, seconds } = await load(urls, clients, deadline(duration));
  return { cpuPerGigabyte: ((await server.cpuSeconds()) - before) / (bytes / 1e9), bytesPerSecond: bytes / seconds };
}

/** `ratio`: CPU per byte with two workers by that with one. `shares`: of the requests, as the log tells who answered. */
export type Workers = { readonly ratio: number; readonly one: number; readonly two: number; readonly shares: readonly number[] };

export async function measureWorkers({ ladder }: Media, seconds: number): Promise<Workers> {
  const cost = async (workers: number): Promise<number> => {
    const server = await startOrigin(ladder, '--workers', String(workers));
    try {
      const urls = await urlsOf(server, 4, 'clear');
      await load(urls, 16, deadline(seconds / 2));
      return (await costOf(server, urls, 16, seconds)).cpuPerGigabyte;
    } finally {
      await server.stop();
    }
  };
  const [one, two] = [await cost(1), await cost(2)];
  const server = await startOrigin(ladder, '--workers', '2', '--log-level', 'info');
  try {
    const [url] = await urlsOf(server, 5, 'clear');
    await load([url.replace(/video=\d+/, 'video=0')], 32, (requests) => requests >= 1000);
    await pause(SETTLE_MS);
    // A request's id begins with its process (x-ms-request-id).
    const counts = new Map<string, number>();
    for (const [, pid] of server.errors().matchAll(/"id":"([0-9a-z]+)-[0-9a-z]+"/g)) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    const total = [...counts.values()].reduce((a, b) => a + b, 0);
    return { ratio: two / one, one, two, shares: [...counts.values()].map((count) => count / total).toSorted((a, b) => a - b) };
  } finally {
    await server.stop();
  }
}

export type LoopDelay = { readonly p99: number; readonly max: number; readonly requestsPerSecond: number };

/** Half of the greatest rate of a mix: segments of three kinds, manifests of the long asset, and assets that are opened for the first time. */
export async function measureLoop({ synthetic, ladder }: Media, long: string, others: readonly string[], seconds: number): Promise<LoopDelay> {
  const [media, index] = [await startOrigin(ladder, '--metrics'), await startOrigin(synthetic, '--metrics')];
  try {
    const place = { origin: index.origin, asset: long };
    const manifests = [manifestUrl(place, OUTPUTS[4]), playlistUrl(place, 'm3u8-cmaf', videoBitrate(0)), manifestUrl(place, OUTPUTS[5])];
    const urls = [...(await urlsOf(media, 4, 'clear')).slice(0, 8), ...(await urlsOf(media, 1, 'clear')).slice(0, 8), ...(await urlsOf(media, 4, 'cenc')).slice(0, 8)];
    const results: LoopDelay[] = [];
    for (const [server, mix] of [[media, urls], [index, manifests]] as const) {
      // What opens an asset is no part of what a full load is: half of it would be next to nothing.
      await load(mix, 1, (requests) => requests >= mix.length);
      const full = await load(mix, 8, deadline(seconds));
      const rate = full.requests / full.seconds / 2;
      await metric(server, 'nodejs_eventloop_lag_p99_seconds');
      if (server === index) void Promise.all(others.map((asset) => fetchBytes(manifestUrl({ origin: index.origin, asset }, OUTPUTS[4])))).catch(() => undefined);
      await paced(mix, rate, seconds);
      const text = (await fetchBytes(`${server.origin}/metrics`)).toString();
      const of = (name: string): number => Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN) * 1000;
      results.push({ p99: of('p99'), max: of('max'), requestsPerSecond: rate });
    }
    return results.reduce((worst, next) => (next.p99 > worst.p99 ? next : worst));
  } finally {
    await Promise.all([media.stop(), index.stop()]);
  }
}

/** So many requests a second, on 8 connections. */
async function paced(urls: readonly string[], perSecond: number, seconds: number): Promise<void> {
  const lanes = 8;
  const gap = (1000 * lanes) / perSecond;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const start = performance.now() + (lane * gap) / lanes;
      const requests = Math.floor((1000 * seconds) / gap);
      let sent = 0;
      // One connection for the whole lane: `until` is asked before each request, and waits in between are outside.
      for (let i = 0; i < requests; i++) {
        const wait = start + i * gap - performance.now();
        if (wait > 0) await pause(wait);
        await load([urls[(lane + sent++) % urls.length]], 1, (done) => done >= 1);
      }
    }),
  );
}

