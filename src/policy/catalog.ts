/** Publications from files: `isomer.json` lists locators; without it every folder is one. `asset.json` adds filters in both cases. */
import { IsomerError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import { ACCOUNT_FILE, ASSET_FILE, MAX_ACCOUNT_BYTES, MAX_ASSET_BYTES, readAccount, readAssetFilters, type Account, type Note } from './account.ts';
import type { FilterTable } from './filters.ts';
import type { StreamingLocator } from './locators.ts';
import { folderPublication, type Publication } from './publication.ts';
import { watchFile } from './watched.ts';

export type FileCatalogOptions = {
  readonly storage: Storage;
  readonly revalidateMs: number;
  /** Without `isomer.json`, files of folders can be fetched as they are stored. */
  readonly download?: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** What is wrong with a file or a filter that is not in the way of the rest. */
  readonly note: Note;
};

export type FileCatalog = {
  /** Null: no such locator. Throws when the locator is not valid now, or a file cannot be used. */
  resolve(request: { readonly locator: readonly string[] }): Promise<Publication | null>;
  /** In the order of the file; null: folders are published. */
  locators(): Promise<readonly StreamingLocator[] | null>;
};

/** Folders whose `asset.json` is remembered. */
const MAX_REMEMBERED = 1000;
const NO_FILTERS: FilterTable = new Map();

/** Rejects when `isomer.json` is there and cannot be used. */
export async function createFileCatalog(options: FileCatalogOptions): Promise<FileCatalog> {
  const account = watchFile<Account | null>({
    ...options,
    path: ACCOUNT_FILE,
    limit: MAX_ACCOUNT_BYTES,
    read: (bytes) => readAccount(bytes, ACCOUNT_FILE, options.note),
    absent: null,
    keepGone: true,
  });
  const assets = new Map<string, () => Promise<FilterTable>>();
  const assetFilters = (folder: string): Promise<FilterTable> => {
    const path = `${folder}/${ASSET_FILE}`;
    const known =
      assets.get(folder) ?? watchFile({ ...options, path, limit: MAX_ASSET_BYTES, read: (bytes) => readAssetFilters(bytes, path, options.note), absent: NO_FILTERS, keepGone: false });
    assets.delete(folder);
    assets.set(folder, known);
    for (const oldest of assets.keys()) {
      if (assets.size <= MAX_REMEMBERED) break;
      assets.delete(oldest);
    }
    return known();
  };
  await account();

  return {
    async locators() {
      const current = await account();
      return current === null ? null : [...new Set(current.locators.values())];
    },
    async resolve({ locator }) {
      const current = await account();
      const base = current === null ? folderPublication(locator, options.download) : publicationOf(current, locator, options.now());
      if (base === null) return null;
      const own = await assetFilters(base.folder);
      return {
        ...base,
        findFilter(name) {
          const found = own.get(name) ?? current?.filters.get(name) ?? null;
          if (found instanceof IsomerError) throw found;
          return found;
        },
      };
    },
  };
}

function publicationOf({ locators, streamingPolicies, contentKeyPolicies }: Account, [key, ...more]: readonly string[], now: number): Publication | null {
  const locator = more.length > 0 ? undefined : (locators.get(key) ?? locators.get(key.toLowerCase()));
  const policy = locator === undefined ? undefined : streamingPolicies.get(locator.streamingPolicyName);
  if (locator === undefined || policy === undefined) return null;
  const text = (time: number): string => new Date(time).toISOString();
  if (locator.startTime != null && now < locator.startTime) throw new IsomerError('ISOMER_LOCATOR_NOT_YET', { what: locator.name, expected: `a request from ${text(locator.startTime)} on`, found: text(now) });
  if (locator.endTime != null && now >= locator.endTime) throw new IsomerError('ISOMER_LOCATOR_EXPIRED', { what: locator.name, expected: `a request before ${text(locator.endTime)}`, found: text(now) });
  return { folder: locator.assetName, policy, filters: locator.filters ?? [], findFilter: () => null, locator, contentKeyPolicies };
}
