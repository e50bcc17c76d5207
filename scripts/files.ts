/** The repository's own text files: what is committed or about to be, never what is built or installed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git', '.assets', '.cache', '.run']);

export type TextFile = { readonly path: string; readonly text: string };

/** Files under `folders` (or at the root, for '.') whose names `wanted` accepts; paths from the root, with slashes. */
export function readFiles(folders: readonly string[], wanted: (path: string) => boolean): readonly TextFile[] {
  return folders.flatMap((folder) => walk(folder === '.' ? '' : folder, folder !== '.'))
    .filter(wanted)
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

function walk(folder: string, deep: boolean): readonly string[] {
  let entries;
  try {
    entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return deep && !NOT_OURS.has(entry.name) ? walk(path, true) : [];
    return entry.isFile() && !entry.name.endsWith('.tmp') ? [path] : [];
  });
}
