/** isomer serve: the origin over a local folder. */
import { resolve } from 'node:path';
import { createLibrary, type Library } from '../asset/library.ts';
import { openAsset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { createSidecarCache } from '../asset/sidecar.ts';
import type { Config } from '../config.ts';
import { FORMATS } from '../formats.ts';
import { createLog, type Log } from '../log.ts';
import { FOLDER_CATALOG } from '../origin/catalog.ts';
import type { HandlerDeps, Page } from '../origin/handler.ts';
import { createPool } from '../origin/pool.ts';
import { startServer } from '../origin/server.ts';
import type { PageAsset } from '../page/assets.ts';
import { createPage, PAGE_POLICY } from '../page/page.ts';
import { openFileStorage } from '../storage/file.ts';
import type { Storage } from '../storage/storage.ts';
import { assetPath, findAssets, problemOf, type FoundAsset } from './assets.ts';
import type { Command } from './deps.ts';

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);
const FAILURE_MS = 1000;
/** Part of every ETag: raise it when the same asset gives other bytes than before. */
const GENERATION = '1';

export const serve: Command<Config> = async (config, deps) => {
  const root = resolve(config.root);
  const storage = await openFileStorage(root);
  const log = createLog({ level: config.logLevel, write: deps.err, now: deps.now });
  const library = makeLibrary(config, root, storage, log, deps.now);
  const page: Page | null = config.demo || LOOPBACK.has(config.host) ? await createPage({ listAssets: () => listAssets(storage, library) }) : null;
  const pool = createPool();
  const handler: HandlerDeps = {
    catalog: FOLDER_CATALOG,
    library,
    formats: FORMATS,
    page,
    pagePolicy: PAGE_POLICY,
    pool,
    settings: { maxAge: config.maxAge, audioOnly: config.audioOnly, segmentSuffix: config.segmentSuffix, generation: GENERATION },
    log,
    now: deps.now,
    secrets: [root],
  };
  let requests = 0;
  const server = await startServer(handler, config, () => `${process.pid.toString(36)}-${(++requests).toString(36)}`);
  deps.out(`listening on ${server.address}\n`);
  const signal = await deps.stopped();
  log.info('stopping', { signal });
  await server.stop();
  await library.close();
  log.flush();
  return 0;
};

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
  for (const asset of found) listed.push(await describeAsset(asset, storage, library));
  return listed;
}

async function describeAsset(found: FoundAsset, storage: Storage, library: Library): Promise<PageAsset> {
  const { folder, name } = found;
  const base = { id: folder, name: `${name}.ism`, folder, class: await honestyClass(storage, folder) };
  try {
    const lease = await library.open(folder, name);
    try {
      const { presentation } = lease.asset;
      const outputs = FORMATS.map(({ id, title, tags, muxed }) => ({ id, title, muxed, available: true, url: `${assetPath(found)}/manifest${tags[0] === '' ? '' : `(format=${tags[0]})`}` }));
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
