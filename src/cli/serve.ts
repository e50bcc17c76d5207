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
import { FORMATS, type Format } from '../formats.ts';
import { createLog, type Log } from '../log.ts';
import type { Presentation } from '../model/presentation.ts';
import { createProtector } from '../origin/encryption.ts';
import type { HandlerDeps, Page } from '../origin/handler.ts';
import type { Holdings, Metrics } from '../origin/metrics.ts';
import { createPool } from '../origin/pool.ts';
import { startServer, type ServerOptions } from '../origin/server.ts';
import type { PageAsset, PageOutput } from '../page/assets.ts';
import { createPage, PAGE_POLICY } from '../page/page.ts';
import { createFileCatalog } from '../policy/catalog.ts';
import { readStoredKey } from '../protection/contentkey.ts';
import { openFileStorage } from '../storage/file.ts';
import type { Storage } from '../storage/storage.ts';
import { assetPath, findAssets, problemOf, type FoundAsset } from './assets.ts';
import type { CliDeps, Command } from './deps.ts';
import { loadMasterKey, serveKeys } from './keyserver.ts';
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
    return await serveAll(config, log, deps);
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

async function serveHere(config: Config, log: Log & { flush(): void }, place: Workplace | null, deps: CliDeps): Promise<number> {
  const root = resolve(config.root);
  const tls = await loadTls(config);
  const masterKey = config.masterKey === '' ? null : await loadMasterKey(config.masterKey, (message) => log.warn(message));
  const storage = await openFileStorage(root);
  const library = makeLibrary(config, root, storage, log, deps.now);
  const page: Page | null = config.demo || LOOPBACK.has(config.host) ? await createPage({ listAssets: () => listAssets(storage, library) }) : null;
  const pool = createPool();
  const meter = config.metrics ? await startMetrics({ buffers: () => pool.stats(), assets: () => library.stats() }, place !== null) : null;
  const handler: HandlerDeps = {
    catalog: await createFileCatalog({ storage, revalidateMs: config.revalidateMs, download: config.download, now: deps.now, note: (message) => log.warn(message) }),
    library,
    protector: createProtector({ keyDeliveryUrl: config.keyDeliveryUrl, readKey: (id, stored) => readStoredKey(id, stored, masterKey) }),
    formats: FORMATS,
    page,
    files: storage,
    metrics: meter === null ? null : (place?.metrics ?? meter.text),
    pagePolicy: PAGE_POLICY,
    pool,
    settings: { maxAge: config.maxAge, audioOnly: config.audioOnly, segmentSuffix: config.segmentSuffix, generation: GENERATION },
    log,
    now: deps.now,
    secrets: [root],
  };
  let requests = 0;
  const server = await startServer(handler, { ...config, tls, meter }, () => `${process.pid.toString(36)}-${(++requests).toString(36)}`);
  if (place === null) deps.out(`listening on ${server.address}\n`);
  else place.announce(server.address);
  const signal = await deps.stopped();
  log.info('stopping', { signal });
  await server.stop();
  await library.close();
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

async function listAssets(storage: Storage, library: Library): Promise<readonly PageAsset[]> {
  const found = await findAssets(storage);
  const listed: PageAsset[] = [];
  for (const asset of found) {
    const alone = found.filter(({ folder }) => folder === asset.folder).length === 1;
    listed.push(await describeAsset(asset, alone ? asset.folder : `${asset.folder}/${asset.name}`, storage, library));
  }
  return listed;
}

async function describeAsset(found: FoundAsset, id: string, storage: Storage, library: Library): Promise<PageAsset> {
  const { folder, name } = found;
  const base = { id, name: `${name}.ism`, folder, class: await honestyClass(storage, folder) };
  try {
    const lease = await library.open(folder, name);
    try {
      const { presentation } = lease.asset;
      const outputs = FORMATS.map((format) => {
        const { id: output, title, tags, muxed } = format;
        return { id: output, title, muxed, ...availability(format, presentation), url: `${assetPath(found)}/manifest${tags[0] === '' ? '' : `(format=${tags[0]})`}` };
      });
      const tracks = presentation.switchingSets.map(({ kind, name: track, language, label, tracks: qualities }) => {
        const [{ codec }] = qualities;
        return { kind, name: track, language, label, bitrates: qualities.map(({ bitrate }) => bitrate), codec: codec.rfc6381, size: codec.kind === 'video' ? { width: codec.width, height: codec.height } : null };
      });
      return { ...base, outputs, tracks };
    } finally {
      lease.release();
    }
  } catch (error) {
    return { ...base, outputs: [], tracks: [], problem: problemOf(error) };
  }
}

/** Some outputs refuse what others carry. */
function availability(format: Format, presentation: Presentation): Pick<PageOutput, 'available' | 'reason'> {
  try {
    format.writeManifest(presentation, { format: format.tags[0], extra: [], audioOnly: false });
    return { available: true };
  } catch (error) {
    return { available: false, reason: problemOf(error) };
  }
}

const TRUTH_BYTES = 16 * 1024 * 1024;

/** Corpus assets say how honest their content is. */
async function honestyClass(storage: Storage, folder: string): Promise<string | null> {
  try {
    const text = new TextDecoder().decode(await storage.readAll(`${folder}/truth.json`, TRUTH_BYTES));
    return /"class":"([a-z-]+)"/.exec(text)?.[1] ?? null;
  } catch {
    return null;
  }
}
