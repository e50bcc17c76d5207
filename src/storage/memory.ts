/** Storage in memory, with faults on demand: for tests and for bytes that never were files. */
import { joinPath, notFound, outOfRange, pathSegments } from './paths.ts';
import type { Entry, Source, Storage } from './storage.ts';
import { readWhole } from './whole.ts';

export type MemoryStorage = Storage & {
  /** Puts or replaces a file; its version changes. */
  put(path: string, bytes: Uint8Array): void;
  remove(path: string): void;
  /** Sources that are open at the moment. */
  readonly opened: number;
};

/** `fault` runs before every access and may reject or wait. */
export function createMemoryStorage(files: Readonly<Record<string, Uint8Array>> = {}, fault: (path: string, operation: 'open' | 'read' | 'list') => Promise<void> | void = () => undefined): MemoryStorage {
  const store = new Map<string, { bytes: Uint8Array; version: number }>();
  let versions = 0;
  let opened = 0;
  const put = (path: string, bytes: Uint8Array): void => {
    store.set(path, { bytes, version: ++versions });
  };
  for (const [path, bytes] of Object.entries(files)) put(path, bytes);

  const open = async (path: string): Promise<Source> => {
    pathSegments(path);
    await fault(path, 'open');
    const file = store.get(path);
    if (file === undefined) throw notFound(path);
    const { bytes, version } = file;
    opened++;
    let closed = false;
    return {
      size: bytes.length,
      version: String(version),
      async read(offset, target) {
        await fault(path, 'read');
        if (closed) throw new Error(`${path} is read after it was closed`);
        if (offset < 0 || offset + target.length > bytes.length) throw outOfRange(path, offset + target.length, bytes.length);
        target.set(bytes.subarray(offset, offset + target.length));
      },
      close() {
        if (!closed) opened--;
        closed = true;
        return Promise.resolve();
      },
    };
  };

  return {
    open,
    put,
    remove: (path) => void store.delete(path),
    get opened() {
      return opened;
    },
    async list(path) {
      pathSegments(path);
      await fault(path, 'list');
      const prefix = joinPath(path, '');
      const entries = new Map<string, Entry>();
      for (const [key, { bytes }] of store) {
        if (path !== '' && !key.startsWith(prefix)) continue;
        const [name, ...rest] = key.slice(path === '' ? 0 : prefix.length).split('/');
        entries.set(name, rest.length > 0 ? { name, kind: 'folder', size: 0 } : { name, kind: 'file', size: bytes.length });
      }
      if (entries.size === 0 && path !== '') return null;
      return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    readAll: (path, limit) => readWhole(open, path, limit),
  };
}
