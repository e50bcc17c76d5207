/** `device`: serves a page that any browser opens, and ends when every task has come back or the device has gone. */
import { networkInterfaces } from 'node:os';
import { SuiteFault } from '../fault.ts';
import { serveDevice } from '../player/device.ts';
import { planForDevice, type Replays } from '../player/stage.ts';
import { checkHosts, expandOrigin } from '../subject/origin.ts';
import { note, print } from './output.ts';
import { printReplays, replayExitCode, truthsIn, writeReplays, type ReplayCommandOptions } from './replay.ts';
import { chosen } from './target.ts';

export type DeviceCommandOptions = ReplayCommandOptions & { readonly host: string; readonly port: number; readonly name: string; readonly patience: number };

export async function replayOnDevice(options: DeviceCommandOptions): Promise<number> {
  if (options.origin === undefined || options.truth === undefined) throw new SuiteFault('usage', 'give --origin with an address that the device reaches, and --truth');
  checkHosts(options.origin, options.allowHost ?? []);
  const started = Date.now();
  const { manifests } = await expandOrigin(options.origin, { timeoutMs: options.timeout, maxBytes: options.maxBody });
  const left = chosen(manifests, options);
  const cells = await planForDevice({ ...options, manifests: left, truths: truthsIn(options.truth, left), note });
  const server = await serveDevice({ cells, host: options.host, port: options.port, name: options.name, patienceMs: options.patience * 60_000, progress: note });
  try {
    if (server.tasks === 0) throw new SuiteFault('usage', 'no player plays any of these outputs');
    for (const url of reachable(server.url)) print(`open ${url} on the device and type ${server.code}`);
    const { rows, details, userAgent, players } = await server.ended;
    const section: Replays['section'] = {
      templates: Object.fromEntries(cells.filter(({ template }) => rows.some((row) => row.template === template.id)).map(({ template }) => [template.id, template.title])),
      players: { ...Object.fromEntries(cells.map(({ player }) => [player.name, ''])), ...players },
      browsers: { [options.name]: { version: userAgent, mediaSource: {}, native: {} } },
      rows: rows.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      staleDefects: [],
    };
    const replays: Replays = { section, details, infrastructure: details.reduce((sum, { infrastructure }) => sum + infrastructure, 0) };
    printReplays(replays);
    writeReplays(options.out, { replays, manifests: left, kind: 'origin', stale: [], expired: [] }, started);
    return replayExitCode(replays);
  } finally {
    await server.close();
  }
}

/** Who listens on all addresses is opened at any of them but the one that says so. */
function reachable(url: string): readonly string[] {
  const { hostname, port, pathname } = new URL(url);
  if (hostname !== '0.0.0.0' && hostname !== '[::]') return [url];
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => `http://${address}:${port}${pathname}`));
  return addresses.length === 0 ? [url] : addresses;
}
