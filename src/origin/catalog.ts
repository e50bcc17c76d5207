/** Which assets are published, and where they lie. The control plane brings its own; folder mode needs none. */
import type { StreamRequest } from './url.ts';

/** One locator. */
export type Publication = {
  /** Folder in storage, relative to its root. */
  readonly folder: string;
  /** Files of the asset may be fetched as they are stored. */
  readonly download?: boolean;
};

export type Catalog = {
  /** Null: no such locator. */
  resolve(request: Pick<StreamRequest, 'locator'>): Promise<Publication | null>;
};

/** Each folder below the root is published under its own path; names that start with a dot stay hidden. */
export function folderCatalog(download: boolean): Catalog {
  return { resolve: ({ locator }) => Promise.resolve(locator.some((segment) => segment.startsWith('.')) ? null : { folder: locator.join('/'), download }) };
}

export const FOLDER_CATALOG: Catalog = folderCatalog(false);
