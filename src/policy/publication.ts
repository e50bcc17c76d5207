/** One locator, resolved: all that the origin needs to know of it. */
import type { Filter } from '../model/filter.ts';
import type { ContentKeyPolicy } from './keys.ts';
import type { StreamingLocator } from './locators.ts';
import { CLEAR_STREAMING, DOWNLOAD_AND_CLEAR_STREAMING, type StreamingPolicy } from './streaming.ts';

export type Publication = {
  /** Folder in storage, relative to its root. */
  readonly folder: string;
  readonly policy: StreamingPolicy;
  /** Names of filters that every manifest gets. */
  readonly filters: readonly string[];
  /** The asset's filter of a name, else the account's; null: none. Throws when it is there and cannot be used. */
  findFilter(name: string): Filter | null;
  /** Null in folder mode. */
  readonly locator: StreamingLocator | null;
  readonly contentKeyPolicies: ReadonlyMap<string, ContentKeyPolicy>;
};

/** Folder mode: each folder below the root is published under its own path; names that start with a dot stay hidden. */
export function folderPublication(locator: readonly string[], download = false): Publication | null {
  if (locator.some((segment) => segment.startsWith('.'))) return null;
  return { folder: locator.join('/'), policy: download ? DOWNLOAD_AND_CLEAR_STREAMING : CLEAR_STREAMING, filters: [], findFilter: () => null, locator: null, contentKeyPolicies: new Map() };
}
