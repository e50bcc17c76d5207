/** Progressive download: files of an asset as they are stored, where the publication's policy allows it (spec/url.md "Downloads"). */
import { extname } from 'node:path/posix';
import { IsomerError } from '../errors.ts';
import type { Source } from '../storage/storage.ts';
import type { Publication } from '../policy/publication.ts';
import { decodePath } from './url.ts';

/** Opens stored files by their path below the root. */
export type Files = { open(path: string): Promise<Source> };

/** What may be fetched. Server manifests, fragmented Smooth files, indexes and policies never are: their names are not in this list. */
const MIME: ReadonlyMap<string, string> = new Map([
  ['.mp4', 'video/mp4'],
  ['.m4v', 'video/mp4'],
  ['.mov', 'video/quicktime'],
  ['.m4a', 'audio/mp4'],
  ['.mp4a', 'audio/mp4'],
  ['.vtt', 'text/vtt; charset=utf-8'],
  ['.ttml', 'application/ttml+xml'],
  ['.srt', 'application/x-subrip'],
  ['.jpg', 'image/jpeg'],
  ['.jpeg', 'image/jpeg'],
  ['.png', 'image/png'],
]);

export type Download = { readonly locator: readonly string[]; readonly file: string; readonly mime: string };

/** `/LOCATOR/FILE.mp4` to its parts; null when the path does not name a file that may be fetched. */
export function parseDownload(target: string): Download | null {
  const segments = decodePath(target).slice(1).split('/');
  const file = segments.pop() ?? '';
  const mime = MIME.get(extname(file).toLowerCase());
  if (mime === undefined || file.startsWith('.') || segments.length === 0 || segments.some((name) => /\.isml?$/i.test(name))) return null;
  return { locator: segments, file, mime };
}

/** Folder mode knows no locators that it could say more of. */
export function checkDownload({ policy, locator }: Publication): void {
  if (policy.noEncryption?.enabledProtocols?.download === true) return;
  if (locator === null) throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { expected: '/LOCATOR/NAME.ism/manifest' });
  throw new IsomerError('MPE_OUTPUT_FORMAT_BLOCKED', { what: `streaming policy ${policy.name}`, expected: 'a policy that enables downloads' });
}

/** Rejects with MPE_RESOURCE_NOT_FOUND for whatever is not there: what storage says of other names is nobody's business. */
export async function openDownload(files: Files, folder: string, { file }: Download): Promise<Source> {
  try {
    return await files.open(`${folder}/${file}`);
  } catch (error) {
    if (error instanceof IsomerError && error.kind === 'not-found') throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { where: file });
    throw error;
  }
}
