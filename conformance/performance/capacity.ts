/** Memory of idle, busy and stalled clients; CPU with many clients. */
import { deadline, fetchBytes, load, stall } from './load.ts';
import { OUTPUTS, segmentUrl, type Protection } from './matrix.ts';
import type { Media } from './media.ts';
import { startOrigin, type ServerProcess } from './process.ts';
import { bitrateOf, segmentTimes } from './segments.ts';

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const LADDER = '1080p';
const STALLED = 100;
const BUSY = 64;
export const SETTLE_MS = 1500;

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

export async function urlsOf({ origin }: ServerProcess, output: number, protection: Protection): Promise<readonly string[]> {
  const times = await segmentTimes(origin);
  return times.map((time) => segmentUrl({ origin, asset: 'bench' }, OUTPUTS[output], protection, bitrateOf(LADDER), time));
}

async function costOf(server: ServerProcess, urls: readonly string[], clients: number, duration: number): Promise<Pick<ClientRow, 'cpuPerGigabyte' | 'bytesPerSecond'>> {
  const before = await server.cpuSeconds();
  const { bytes, seconds } = await load(urls, clients, deadline(duration));
  return { cpuPerGigabyte: ((await server.cpuSeconds()) - before) / (bytes / 1e9), bytesPerSecond: bytes / seconds };
}
