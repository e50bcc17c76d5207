/** How the folders of a blob store are listed over HTTP. The names of a store have no folders; a slash in them makes one. */
import { SaxesParser } from 'saxes';
import { IsomerError } from '../errors.ts';
import type { Entry } from './storage.ts';

type Query = readonly (readonly [name: string, value: string])[];

/** Asks the store; null where it knows nothing of the kind (404). `pathname` is encoded. */
export type Asking = (pathname: string, query: Query) => Promise<Uint8Array | null>;

/** What the folder with these names below the root holds, sorted by name; null when there is no such folder. */
export type Listing = (names: readonly string[], ask: Asking) => Promise<readonly Entry[] | null>;

/** Of one page; the service sends at most 5000 entries in one. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;
/** As many as the fragments of an archive may be, and some. */
const MAX_ENTRIES = 250_000;

/**
 * Azure Blob Storage (List Blobs, List Containers; service version 2009-09-19 and later). The root is an account, a container or a folder
 * in one; below an account each container is a folder, as AMS kept each asset in a container of its own. Addresses with the account in the
 * path are those of emulators and of hosts without a name.
 */
export function azureListing({ pathname, hostname }: Pick<URL, 'pathname' | 'hostname'>): Listing {
  const root = pathname.split('/').filter((segment) => segment !== '').map(decodeURIComponent);
  const inPath = /^(?:localhost|[\d.]+|\[.*\])$/.test(hostname);
  const account = inPath ? root.slice(0, 1) : [];
  const fixed = root.slice(account.length);
  return (names, ask) => {
    const [container, ...folders] = [...fixed, ...names];
    const at = `/${[...account, ...(container === undefined ? [] : [container])].map(encodeURIComponent).join('/')}`;
    return readPages(AZURE, folders, (query) => ask(at, query), container === undefined ? [['comp', 'list']] : [['restype', 'container'], ['comp', 'list'], ...below(folders)]);
  };
}

/** S3 and what speaks its language (ListObjectsV2). `at`: encoded path of the bucket on its host; `fixed`: names of the folder in it that is the root. */
export function s3Listing(at: string, fixed: readonly string[]): Listing {
  return (names, ask) => {
    const folders = [...fixed, ...names];
    return readPages(S3, folders, (query) => ask(at, query), [['list-type', '2'], ...below(folders)]);
  };
}

function prefixOf(folders: readonly string[]): string {
  return folders.map((folder) => `${folder}/`).join('');
}

function below(folders: readonly string[]): Query {
  return [['delimiter', '/'], ['prefix', prefixOf(folders)]];
}

/** All pages of a list, as entries of these folders of a container or bucket, sorted; null where the store knows no such place. */
async function readPages(form: Form, folders: readonly string[], ask: (query: Query) => Promise<Uint8Array | null>, query: Query): Promise<readonly Entry[] | null> {
  const where = folders.join('/');
  const prefix = prefixOf(folders);
  const found = new Map<string, Entry>();
  for (let marker = ''; ; ) {
    const bytes = await ask(marker === '' ? query : [...query, [form.marker, marker]]);
    if (bytes === null) return null;
    const { entries, next } = readPage(bytes, form, where);
    for (const { name: whole, size } of entries) {
      if (!whole.startsWith(prefix)) continue;
      const name = whole.slice(prefix.length).replace(/\/$/, '');
      // A file and a folder of one name: stores with real folders list those as files, too.
      if (name === '' || name.includes('/') || (size !== null && found.get(name)?.kind === 'folder')) continue;
      found.set(name, size === null ? { name, kind: 'folder', size: 0 } : { name, kind: 'file', size });
    }
    if (found.size > MAX_ENTRIES) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'files of a folder', where, expected: `at most ${MAX_ENTRIES}`, found: 'more' });
    if (next === '' || next === marker) break;
    marker = next;
  }
  // A prefix that nothing has is no folder; a container that is empty is one.
  if (found.size === 0 && folders.length > 0) return null;
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `size` null: a folder. */
type Item = { readonly name: string; readonly size: number | null };

/** Elements of a list: its root, a file with its size, folders with the element of their name, and what the next page begins with. */
type Form = { readonly root: string; readonly file: string; readonly size: string; readonly name: string; readonly folders: Readonly<Record<string, string>>; readonly next: string; /** Parameter that asks for it. */ readonly marker: string };

const AZURE: Form = { root: 'EnumerationResults', file: 'Blob', size: 'Content-Length', name: 'Name', folders: { BlobPrefix: 'Name', Container: 'Name' }, next: 'NextMarker', marker: 'marker' };
const S3: Form = { root: 'ListBucketResult', file: 'Contents', size: 'Size', name: 'Key', folders: { CommonPrefixes: 'Prefix' }, next: 'NextContinuationToken', marker: 'continuation-token' };

function readPage(bytes: Uint8Array, form: Form, where: string): { readonly entries: readonly Item[]; readonly next: string } {
  const parser = new SaxesParser({ xmlns: false, position: false });
  const open: string[] = [];
  const entries: Item[] = [];
  let [text, name, length, next, encoded] = ['', '', '', '', false];
  const fail = (found: string): never => {
    throw new IsomerError('MPE_STORAGE_INTERNAL_ERROR', { what: 'list of a folder', where, expected: `a document ${form.root}`, found });
  };
  const namesOf = (tag: string): string | undefined => (tag === form.file ? form.name : form.folders[tag]);
  parser.on('error', (error) => fail(error.message));
  parser.on('doctype', () => fail('a DOCTYPE'));
  parser.on('opentag', (tag) => {
    if (open.length === 0 && tag.name !== form.root) fail(tag.name);
    open.push(tag.name);
    text = '';
    if (namesOf(tag.name) !== undefined) [name, length, encoded] = ['', '', false];
    if (tag.name === form.name) encoded = tag.attributes['Encoded'] === 'true';
  });
  parser.on('text', (more) => {
    text += more;
  });
  parser.on('closetag', (tag) => {
    open.pop();
    if (tag.name === namesOf(open.at(-1) ?? '')) name = encoded ? decodeURIComponent(text) : text;
    else if (tag.name === form.size) length = text;
    else if (tag.name === form.next) next = text;
    else if (tag.name === form.file) entries.push({ name, size: /^\d{1,16}$/.test(length) ? Number(length) : 0 });
    else if (namesOf(tag.name) !== undefined) entries.push({ name, size: null });
  });
  parser.write(new TextDecoder().decode(bytes)).close();
  return { entries, next };
}

/** A whole body that is not too long. */
export async function readBounded(where: string, body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > MAX_PAGE_BYTES) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'list of a folder', where, expected: `at most ${MAX_PAGE_BYTES} bytes`, found: 'more' });
    parts.push(part);
  }
  return Buffer.concat(parts);
}
