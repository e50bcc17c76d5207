/** How long the event loop is kept waiting at half load, and what by. */
import { pause, urlsOf } from './capacity.ts';
import { deadline, fetchBytes, load } from './load.ts';
import { metric } from './manifests.ts';
import { manifestUrl, OUTPUTS, playlistUrl } from './matrix.ts';
import type { Media } from './media.ts';
import { startOrigin } from './process.ts';
import { longestStretches, openProfiler, startProfiled, type Stretch } from './profile.ts';
import { videoBitrate } from './synthetic.ts';

/**
 * Milliseconds beyond the interval of the timer that the process watches itself with (`nodejs_eventloop_lag_*`): what it counts holds
 * that interval, `idle` in a process that nobody asks for anything.
 */
export type LoopDelay = { readonly p99: number; readonly max: number; readonly idle: number; readonly requestsPerSecond: number; readonly stretches: readonly Stretch[] };

const IDLE_MS = 1000;

/** Half of the greatest rate of a mix: segments of three kinds, manifests of the long asset, and assets that are opened for the first time. */
export async function measureLoop(folders: Media, long: string, others: readonly string[], seconds: number): Promise<LoopDelay> {
  const [media, index] = [await startOrigin(folders.ladder, '--metrics'), await startOrigin(folders.synthetic, '--metrics')];
  try {
    const urls = [...(await urlsOf(media, 4, 'clear')).slice(0, 8), ...(await urlsOf(media, 1, 'clear')).slice(0, 8), ...(await urlsOf(media, 4, 'cenc')).slice(0, 8)];
    const idle = await idleDelay(media.origin);
    const results: Omit<LoopDelay, 'stretches'>[] = [];
    for (const [server, mix] of [[media, urls], [index, manifestsOf(index.origin, long)]] as const) {
      // What opens an asset is no part of what a full load is: half of it would be next to nothing.
      await load(mix, 1, (requests) => requests >= mix.length);
      const full = await load(mix, 8, deadline(seconds));
      const rate = full.requests / full.seconds / 2;
      await metric(server, 'nodejs_eventloop_lag_p99_seconds');
      if (server === index) void openAll(index.origin, others).catch(() => undefined);
      await paced(mix, rate, seconds);
      const delay = await delays(server.origin);
      results.push({ p99: delay('p99') - idle, max: delay('max') - idle, idle, requestsPerSecond: rate });
    }
    const worst = results.reduce((most, next) => (next.p99 > most.p99 ? next : most));
    return { ...worst, stretches: await profileOpenings(folders.synthetic, long, others) };
  } finally {
    await Promise.all([media.stop(), index.stop()]);
  }
}

function manifestsOf(origin: string, asset: string): readonly string[] {
  const place = { origin, asset };
  return [manifestUrl(place, OUTPUTS[4]), playlistUrl(place, 'm3u8-cmaf', videoBitrate(0)), manifestUrl(place, OUTPUTS[5])];
}

function openAll(origin: string, assets: readonly string[]): Promise<unknown> {
  return Promise.all(assets.map((asset) => fetchBytes(manifestUrl({ origin, asset }, OUTPUTS[4]))));
}

/** Milliseconds by the name of the figure, since the last time that somebody asked. */
async function delays(origin: string): Promise<(name: string) => number> {
  const text = (await fetchBytes(`${origin}/metrics`)).toString();
  return (name) => Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN) * 1000;
}

async function idleDelay(origin: string): Promise<number> {
  await delays(origin);
  await pause(IDLE_MS);
  return (await delays(origin))('p50');
}

const STRETCHES = 3;

/** The profiler costs time itself: its run is not the one whose delays are told. */
async function profileOpenings(folder: string, long: string, others: readonly string[]): Promise<readonly Stretch[]> {
  const server = await startProfiled(folder);
  try {
    const mix = manifestsOf(server.origin, long);
    await load(mix, 1, (requests) => requests >= 10 * mix.length);
    const profiler = await openProfiler(server);
    const profile = await profiler.take(() => openAll(server.origin, others));
    profiler.close();
    return longestStretches(profile, STRETCHES);
  } finally {
    await server.stop();
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
