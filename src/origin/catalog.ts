/** Which assets are published, and where they lie. The control plane brings its own; folder mode needs none. */
import { folderPublication, type Publication } from '../policy/publication.ts';
import type { StreamRequest } from './url.ts';

export type { Publication } from '../policy/publication.ts';

export type Catalog = {
  /** Null: no such locator. */
  resolve(request: Pick<StreamRequest, 'locator'>): Promise<Publication | null>;
};

/** Each folder below the root is published under its own path; with `download`, its files too. */
export function folderCatalog(download: boolean): Catalog {
  return { resolve: ({ locator }) => Promise.resolve(folderPublication(locator, download)) };
}

export const FOLDER_CATALOG: Catalog = folderCatalog(false);
