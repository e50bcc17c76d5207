/** Names inside a storage. What comes from URLs and server manifests passes here before any file is touched. */
import { IsomerError } from '../errors.ts';

const FORBIDDEN = /[\0\\]|^[a-zA-Z]:/;

/** The segments of a path below the root; refuses everything that could mean another place. */
export function pathSegments(path: string): readonly string[] {
  const segments = path.split('/');
  if (path === '') return [];
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..' || FORBIDDEN.test(segment)) {
      throw new IsomerError('MPE_STORAGE_BAD_URL_SYNTAX', { what: 'path', expected: 'names joined by single slashes, without . and ..', found: JSON.stringify(path.slice(0, 100)) });
    }
  }
  return segments;
}

export function joinPath(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

export function notFound(path: string): IsomerError {
  return new IsomerError('MPE_STORAGE_RESOURCE_NOT_FOUND', { where: path });
}

export function outOfRange(path: string, end: number, size: number): IsomerError {
  return new IsomerError('MPE_STORAGE_INVALID_RANGE', { where: path, expected: `at least ${end} bytes`, found: String(size) });
}

export function tooLarge(path: string, limit: number, size: number): IsomerError {
  return new IsomerError('ISOMER_MP4_LIMIT', { what: 'file size', where: path, expected: `at most ${limit} bytes`, found: String(size) });
}
