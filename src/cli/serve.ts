/** isomer serve: the origin over a local folder. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { createLibrary, type Library } from '../asset/library.ts';
import { openAsset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { createSidecarCache } from '../asset/sidecar.ts';
import type { Config } from '../config.ts';
import { IsomerError } from '../errors.ts';
import { FORMATS } from '../formats.ts';
import { createLog, type Log } from '../log.ts';
import { createProtector } from '../origin/encryption.ts';
import type { HandlerDeps, Page } from '../origin/handler.ts';
import type { Holdings, Metrics } from '../origin/metrics.ts';
import { createPool } from '../origin/pool.ts';
import { createTextCache } from '../origin/texts.ts';
import { startServer, type ServerOptions } from '../origin/server.ts';
import { createPage, pagePolicy } from '../page/page.ts';
import { createFileCatalog } from '../policy/catalog.ts';
import { readStoredKey } from '../protection/contentkey.ts';
import { openRoot } from '../storage/open.ts';
import type { Storage } from '../storage/storage.ts';
import type { CliDeps, Command } from './deps.ts';
import { loadMasterKey, serveKeys } from './keyserver.ts';
import { listForPage } from './pagelist.ts';
import { warmUp } from './warmup.ts';
import { runWorkers, workplace, type Workplace } from './workers.ts';

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);
const FAILURE_MS = 1000;
/** Part of every ETag: raise it when the same asset gives other bytes than before. */
const GENERATION = '1';

export const serve: Command<Config> = async (config, deps) => {
  const log = createLog({ level: config.logLevel, write: deps.err, now: deps.now });
  const place = workplace();
  if (place !== null) return serveHere(config, log, place, deps).finally(() => place.leave());
  // In the first process alone: uses of tokens are counted in one place.
  const keys = config.keyDelivery ? await serveKeys(config, await loadTls(config), log, deps) : null;
  try {
    return await serveAll({ ...config, keyDeliveryUrl: keyAddress(config, keys?.address ?? null) }, log, deps);
  } finally {
    await keys?.stop();
    log.flush();
  }
};

async function serveAll(config: Config, log: Log & { flush(): void }, deps: CliDeps): Promise<number> {
  if (config.workers === 1) return serveHere(config, log, null, deps);
  const metrics = config.metrics ? (await import('../origin/metrics.ts')).workerMetrics().text : null;
  return runWorkers(config.workers, { metrics }, log, deps);
}

/** What manifests name: the setting, else the listener of our own. */
function keyAddress({ keyDeliveryUrl, keyDelivery, keyHost, keyPort, workers, tlsCert }: Config, listening: string | null): string {
  if (keyDeliveryUrl !== '') return keyDeliveryUrl;
  if (listening !== null) return `${listening}/`;
  if (keyDelivery && keyPort === 0 && workers > 1) throw new IsomerError('ISOMER_CONFIG', { what: 'key delivery', expected: '--key-delivery-url or another --key-port, since workers must know the address', found: 'a free port' });
  return `${tlsCert === '' ? 'http' : 'https'}://${keyHost.includes(':') ? `[${keyHost}]` : keyHost}:${keyPort}/`;
}

async function serveHere(config: Config, log: Log & { flush(): void }, place: Workplace | null, deps: CliDeps): Promise<number> {
  const tls = await loadTls(config);
  const masterKey = config.masterKey === '' ? null : await loadMasterKey(config.masterKey, (message) => log.warn(message));
  const root = await openRoot(config.root, deps);
  const { storage } = root;
  const library = makeLibrary(config, root.name, storage, log, deps.now);
  const pool = createPool();
  const meter = config.metrics ? await startMetrics({ buffers: () => pool.stats(), assets: () => library.stats() }, place !== null) : null;
  const catalog = await createFileCatalog({ storage, revalidateMs: config.revalidateMs, download: config.download, now: deps.now, note: (message) => log.warn(message) });
  const keyDeliveryUrl = keyAddress(config, null);
  const protector = createProtector({ keyDeliveryUrl, readKey: (id, stored) => readStoredKey(id, stored, masterKey) });
  const page: Page | null = config.demo || LOOPBACK.has(config.host) ? await createPage({ listAssets: () => listForPage({ storage, catalog, library, protector }) }) : null;
  const handler: HandlerDeps = {
    catalog,
    library,
    protector,
    formats: FORMATS,
    page,
    files: storage,
    metrics: meter === null ? null : (place?.metrics ?? meter.text),
    pagePolicy: pagePolicy(keyDeliveryUrl),
    pool,
    texts: createTextCache(config.maxTextBytes),
    settings: { maxAge: config.maxAge, audioOnly: config.audioOnly, segmentSuffix: config.segmentSuffix, generation: GENERATION },
    log,
    now: deps.now,
    secrets: root.secrets,
  };
  if (config.warmUpMs > 0) await warmUp(config.warmUpMs, FORMATS, () => performance.now());
  let requests = 0;
  const server = await startServer(handler, { ...config, tls, meter }, () => `${process.pid.toString(36)}-${(++requests).toString(36)}`);
  if (place === null) deps.out(`listening on ${server.address}\n`);
  else place.announce(server.address);
  const signal = await deps.stopped();
  log.info('stopping', { signal });
  await server.stop();
  await library.close();
  await root.close();
  log.flush();
  return 0;
}

/** The library of figures is only loaded where they are shown. */
async function startMetrics(holdings: Holdings, isWorker: boolean): Promise<Metrics> {
  const { createMetrics, workerMetrics } = await import('../origin/metrics.ts');
  const metrics = createMetrics(holdings);
  if (isWorker) workerMetrics();
  return metrics;
}

/** Both files or neither; what they hold is checked before anything listens. */
async function loadTls({ tlsCert, tlsKey, http2 }: Config): Promise<ServerOptions['tls']> {
  if (tlsCert === '' && tlsKey === '') return null;
  if (tlsCert === '' || tlsKey === '') throw new IsomerError('ISOMER_CONFIG', { what: 'TLS', expected: `--tls-cert and --tls-key together`, found: tlsCert === '' ? 'only a key' : 'only a certificate' });
  const [cert, key] = await Promise.all([readPem(tlsCert), readPem(tlsKey)]);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new IsomerError('ISOMER_CONFIG', { what: 'TLS', where: `${tlsCert}, ${tlsKey}`, expected: 'a PEM certificate and its private key', found: error instanceof Error ? error.message : 'neither' });
  }
  return { cert, key, http2 };
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new IsomerError('ISOMER_CONFIG', { what: 'TLS', where: file, expected: 'a PEM file', found: (error as NodeJS.ErrnoException).code ?? 'error' });
  }
}

export function makeLibrary(config: Config, root: string, storage: Storage, log: Log, now: () => number): Library {
  const cache = config.cacheDir === '' ? null : createSidecarCache(resolve(config.cacheDir), root, (message) => log.warn(message));
  const readMovie = createMovieReader(cache);
  return createLibrary({
    storage,
    open: (folder, name) => openAsset(storage, folder, name, { segmentSeconds: config.segmentSeconds, readMovie }),
    maxAssets: config.maxAssets,
    maxBytes: config.maxIndexBytes,
    revalidateMs: config.revalidateMs,
    failureMs: FAILURE_MS,
    now,
    note: (name, notes) => notes.forEach((note) => log.warn(note, { asset: name })),
  });
}
