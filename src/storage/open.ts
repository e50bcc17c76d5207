/** Which storage a root means: a folder of this machine, or an address. */
import { resolve } from 'node:path';
import { IsomerError } from '../errors.ts';
import { openFileStorage } from './file.ts';
import { HTTP_DEFAULTS, openHttpStorage } from './http.ts';
import { azureListing } from './listing.ts';
import { openS3Storage, type Environment } from './s3.ts';
import type { Storage } from './storage.ts';

export type OpenedRoot = {
  readonly storage: Storage;
  /** Tells roots apart, e.g. for an index cache that several share; without secrets. */
  readonly name: string;
  /** Texts that nobody may be told: where the root lies, what opens it. */
  readonly secrets: readonly string[];
  close(): Promise<void>;
};

const ADDRESS = /^(azure\+)?(https?:\/\/.*)$/i;

export type Surroundings = { readonly environment: Environment; readonly now: () => number };

/**
 * `root`: a folder, a bucket (`s3://BUCKET/FOLDER`, s3.ts), or an http(s) address. Azure Blob Storage (an account, a container or a folder in
 * it; known by its host's name, by a shared access signature, or by `azure+` before the address) can be listed; elsewhere only what a server
 * manifest names is found.
 */
export async function openRoot(root: string, { environment, now }: Surroundings): Promise<OpenedRoot> {
  if (/^s3:/i.test(root)) {
    const { storage, secrets } = openS3Storage(root, environment, now);
    return { storage, name: root, secrets, close: () => storage.close() };
  }
  const [, azure, address] = ADDRESS.exec(root) ?? [];
  if (address === undefined) {
    const folder = resolve(root);
    return { storage: await openFileStorage(folder), name: folder, secrets: [folder], close: () => Promise.resolve() };
  }
  const url = readAddress(address);
  const storage = openHttpStorage(url, { ...HTTP_DEFAULTS, listing: azure !== undefined || isAzure(url) ? azureListing(url) : null });
  const signature = url.searchParams.get('sig');
  const secrets = [url.search.slice(1), ...(signature === null ? [] : [signature, encodeURIComponent(signature)])].filter((text) => text !== '');
  return { storage, name: `${url.origin}${url.pathname}`, secrets, close: () => storage.close() };
}

/** Closed when the work is done. */
export async function withRoot<T>(root: string, surroundings: Surroundings, work: (opened: OpenedRoot) => Promise<T>): Promise<T> {
  const opened = await openRoot(root, surroundings);
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

function readAddress(root: string): URL {
  const url = URL.canParse(root) ? new URL(root) : null;
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new IsomerError('ISOMER_CONFIG', { what: 'root', expected: 'a folder, or an http or https address without user, password and fragment', found: url === null ? 'an address that cannot be read' : 'one with them' });
  }
  return url;
}

/** Hosts of the public and the national clouds, and addresses with a signature (Create Service SAS: sv, sig). */
function isAzure({ hostname, searchParams }: URL): boolean {
  return /\.blob\.(?:core\.|storage\.azure\.)/.test(hostname) || (searchParams.has('sv') && searchParams.has('sig'));
}
