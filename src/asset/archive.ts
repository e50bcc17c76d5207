/**
 * Live archives: the `src` of the server manifest is a folder with a file `header` (ftyp and moov) and one file for each
 * fragment, named by its time.
 */
import { IsomerError } from '../errors.ts';
import { concatFiles } from '../storage/concat.ts';
import { joinPath } from '../storage/paths.ts';
import type { Source, Storage } from '../storage/storage.ts';

/** `formats` values of archives. */
export const ARCHIVE_FORMATS: ReadonlySet<string> = new Set(['vod-fmp4', 'vod-cmaf']);
const MAX_FRAGMENTS = 200_000;

export async function openArchiveTrack(storage: Storage, folder: string, src: string): Promise<Source> {
  const path = joinPath(folder, src);
  const entries = await storage.list(path);
  if (entries === null) throw new IsomerError('MPE_STORAGE_RESOURCE_NOT_FOUND', { what: 'track folder', where: path });
  const header = entries.find(({ name, kind }) => name === 'header' && kind === 'file');
  if (header === undefined) throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'live archive', where: src, expected: 'a file named header', found: `${entries.length} others` });
  const fragments = entries.filter(({ name, kind }) => kind === 'file' && /^\d{1,20}$/.test(name));
  if (fragments.length > MAX_FRAGMENTS) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'fragments', where: src, expected: `at most ${MAX_FRAGMENTS}`, found: String(fragments.length) });
  const ordered = fragments.map((entry) => ({ entry, time: BigInt(entry.name) })).sort((a, b) => (a.time < b.time ? -1 : 1));
  return concatFiles(storage, path, [header, ...ordered.map(({ entry }) => entry)]);
}
