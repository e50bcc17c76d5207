/** How the folders of a blob store are listed over HTTP. The names of a store have no folders; a slash in them makes one. */
import { SaxesParser } from 'saxes';
import { IsomerError } from '../errors.ts';
import { joinPath } from './paths.ts';
import type { Entry } from './storage.ts';

/** Asks the store; null where it knows nothing of the kind (404). `pathname` is encoded. */
export type Asking = (pathname: string, query: readonly (readonly [name: string, value: string])[]) => Promise<Uint8Array | null>;

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
  return async (names, ask) => {
    const [container, ...folders] = [...fixed, ...names];
    const at = `/${[...account, ...(container === undefined ? [] : [container])].map(encodeURIComponent).join('/')}`;
    const prefix = folders.length === 0 ? '' : `${folders.join('/')}/`;
    const query: readonly (readonly [string, string])[] = container === undefined ? [['comp', 'list']] : [['restype', 'container'], ['comp', 'list'], ['delimiter', '/'], ['prefix', prefix]];
    const found = new Map<string, Entry>();
    for (let marker = ''; ; ) {
      const page = await ask(at, marker === '' ? query : [...query, ['marker', marker]]);
      if (page === null) return null;
      const { entries, next } = readPage(page, joinPath('', names.join('/')));
      for (const { name: whole, size } of entries) {
        if (!whole.startsWith(prefix)) continue;
        const name = whole.slice(prefix.length).replace(/\/$/, '');
        // A blob and a folder of one name: stores with real folders list those as blobs, too.
        if (name === '' || name.includes('/') || (size !== null && found.get(name)?.kind === 'folder')) continue;
        found.set(name, size === null ? { name, kind: 'folder', size: 0 } : { name, kind: 'file', size });
      }
      if (found.size > MAX_ENTRIES) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'files of a folder', where: names.join('/'), expected: `at most ${MAX_ENTRIES}`, found: 'more' });
      if (next === '' || next === marker) break;
      marker = next;
    }
    // A prefix that nothing has is no folder; a container that is empty is one.
    if (found.size === 0 && folders.length > 0) return null;
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  };
}

/** `size` null: a folder. */
type Item = { readonly name: string; readonly size: number | null };

const ITEMS: ReadonlySet<string> = new Set(['Blob', 'BlobPrefix', 'Container']);

function readPage(bytes: Uint8Array, where: string): { readonly entries: readonly Item[]; readonly next: string } {
  const parser = new SaxesParser({ xmlns: false, position: false });
  const open: string[] = [];
  const entries: Item[] = [];
  let [text, name, length, next, encoded] = ['', '', '', '', false];
  const fail = (found: string): never => {
    throw new IsomerError('MPE_STORAGE_INTERNAL_ERROR', { what: 'list of a folder', where, expected: 'an EnumerationResults document', found });
  };
  parser.on('error', (error) => fail(error.message));
  parser.on('doctype', () => fail('a DOCTYPE'));
  parser.on('opentag', (tag) => {
    if (open.length === 0 && tag.name !== 'EnumerationResults') fail(tag.name);
    open.push(tag.name);
    text = '';
    if (ITEMS.has(tag.name)) [name, length, encoded] = ['', '', false];
    if (tag.name === 'Name') encoded = tag.attributes['Encoded'] === 'true';
  });
  parser.on('text', (more) => {
    text += more;
  });
  parser.on('closetag', (tag) => {
    open.pop();
    const parent = open.at(-1) ?? '';
    if (tag.name === 'Name' && ITEMS.has(parent)) name = encoded ? decodeURIComponent(text) : text;
    else if (tag.name === 'Content-Length') length = text;
    else if (tag.name === 'NextMarker') next = text;
    else if (tag.name === 'Blob') entries.push({ name, size: /^\d{1,16}$/.test(length) ? Number(length) : 0 });
    else if (ITEMS.has(tag.name)) entries.push({ name, size: null });
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
