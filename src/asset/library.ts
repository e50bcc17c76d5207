/**
 * Open assets, shared: opened once however many requests come, kept while they fit, closed when nobody reads from them,
 * opened again when their files have changed.
 */
import { IsomerError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { Asset } from './open.ts';

export type Lease = {
  readonly asset: Asset;
  /** Must be called once when nothing is read from the asset's sources any more. */
  release(): void;
};

export type LibraryOptions = {
  readonly storage: Storage;
  readonly open: (folder: string, name: string) => Promise<Asset>;
  readonly maxAssets: number;
  readonly maxBytes: number;
  /** Time between looks at an asset's files. */
  readonly revalidateMs: number;
  /** How long a failure is remembered, so that a broken asset costs little. */
  readonly failureMs: number;
  readonly now: () => number;
  /** Called once per opening with the asset's notes. */
  readonly note?: (name: string, notes: readonly string[]) => void;
};

export type LibraryStats = { readonly assets: number; readonly bytes: number; readonly leases: number; readonly opened: number; readonly evicted: number; readonly failures: number };

export type Library = {
  open(folder: string, name: string): Promise<Lease>;
  stats(): LibraryStats;
  close(): Promise<void>;
};

type Entry = {
  readonly key: string;
  readonly opening: Promise<Asset>;
  asset: Asset | null;
  leases: number;
  /** Out of the table: closed as soon as the last lease is given back. */
  retired: boolean;
  checkedAt: number;
  checking: Promise<boolean> | null;
};

type Failure = { readonly error: unknown; readonly until: number };

const MAX_FAILURES = 1000;

export function createLibrary(options: LibraryOptions): Library {
  const { now } = options;
  // Insertion order is the order of last use.
  const entries = new Map<string, Entry>();
  const failures = new Map<string, Failure>();
  let [opened, evicted, failed] = [0, 0, 0];
  /** Of the assets in `entries`: counted along, for every request asks. */
  let bytes = 0;
  const retiredOpen = new Set<Entry>();

  const closeIfIdle = (entry: Entry): void => {
    if (!entry.retired || entry.leases > 0 || entry.asset === null) return;
    retiredOpen.delete(entry);
    // A close that fails loses nothing: the descriptor is gone either way.
    entry.asset.close().catch(() => undefined);
  };
  const retire = (entry: Entry): void => {
    if (entries.get(entry.key) === entry) {
      entries.delete(entry.key);
      bytes -= entry.asset?.bytes ?? 0;
    }
    entry.retired = true;
    retiredOpen.add(entry);
    closeIfIdle(entry);
  };
  const evict = (): void => {
    for (const entry of entries.values()) {
      if (entries.size <= options.maxAssets && bytes <= options.maxBytes) return;
      if (entry.asset === null || entry.leases > 0) continue;
      evicted++;
      retire(entry);
    }
  };

  const start = (key: string, folder: string, name: string): Entry => {
    const entry: Entry = { key, opening: options.open(folder, name), asset: null, leases: 0, retired: false, checkedAt: now(), checking: null };
    entries.set(key, entry);
    opened++;
    entry.opening.then(
      (asset) => {
        entry.asset = asset;
        if (entries.get(key) === entry) bytes += asset.bytes;
        if (asset.notes.length > 0) options.note?.(key, asset.notes);
        closeIfIdle(entry);
      },
      (error: unknown) => {
        failed++;
        if (entries.get(key) === entry) entries.delete(key);
        if (failures.size >= MAX_FAILURES) failures.clear();
        failures.set(key, { error, until: now() + options.failureMs });
      },
    );
    return entry;
  };

  /** Whether the files still are what was opened; at most one look per entry at a time and per interval. */
  const isFresh = (entry: Entry, asset: Asset): Promise<boolean> => {
    if (now() - entry.checkedAt < options.revalidateMs) return Promise.resolve(true);
    entry.checking ??= unchanged(options.storage, asset).finally(() => {
      entry.checkedAt = now();
      entry.checking = null;
    });
    return entry.checking;
  };

  return {
    async open(folder, name) {
      const key = `${folder}/${name}`;
      for (;;) {
        const failure = failures.get(key);
        if (failure !== undefined && now() < failure.until) throw failure.error;
        failures.delete(key);
        const entry = entries.get(key) ?? start(key, folder, name);
        entry.leases++;
        let released = false;
        const release = (): void => {
          if (released) return;
          released = true;
          entry.leases--;
          closeIfIdle(entry);
        };
        try {
          const asset = await entry.opening;
          if (await isFresh(entry, asset)) {
            if (entries.get(key) === entry) {
              entries.delete(key);
              entries.set(key, entry);
            }
            evict();
            return { asset, release };
          }
        } catch (error) {
          release();
          throw error;
        }
        retire(entry);
        release();
      }
    },
    stats: () => ({ assets: entries.size, bytes, leases: [...entries.values(), ...retiredOpen].reduce((sum, { leases }) => sum + leases, 0), opened, evicted, failures: failed }),
    async close() {
      const all = [...entries.values()];
      for (const entry of all) retire(entry);
      await Promise.allSettled(all.map(({ opening }) => opening));
    },
  };
}

/** Compares the versions of an asset's media files with those that were read. Its manifests are small and count as one read each. */
async function unchanged(storage: Storage, asset: Asset): Promise<boolean> {
  const same = async ([path, version]: readonly [string, string]): Promise<boolean> => {
    try {
      const source = await storage.open(path);
      await source.close();
      return source.version === version;
    } catch (error) {
      if (error instanceof IsomerError && error.kind === 'not-found') return false;
      throw error;
    }
  };
  // Together: threads of the pool that are awake already take the next file for little.
  return (await Promise.all(Array.from(asset.files, same))).every(Boolean);
}
