/** Finds what a root publishes: folders with a server manifest or with MP4 files. */
import { IsomerError } from '../errors.ts';
import type { Presentation } from '../model/presentation.ts';
import { joinPath } from '../storage/paths.ts';
import type { Entry, Storage } from '../storage/storage.ts';

export type FoundAsset = { readonly folder: string; readonly name: string };

const MAX_DEPTH = 4;
const MAX_ASSETS = 2000;
const MEDIA = /\.(?:mp4|m4v|m4a|mp4a|mov)$/i;

/** Below `folder`, hidden folders left out, in order of path. */
export async function findAssets(storage: Storage, folder = ''): Promise<readonly FoundAsset[]> {
  const found: FoundAsset[] = [];
  const visit = async (path: string, depth: number): Promise<void> => {
    const entries = (await storage.list(path)) ?? [];
    found.push(...(path === '' ? [] : assetsOf(path, entries)));
    if (depth === MAX_DEPTH || found.length >= MAX_ASSETS) return;
    for (const entry of entries) if (entry.kind === 'folder' && !entry.name.startsWith('.')) await visit(joinPath(path, entry.name), depth + 1);
  };
  await visit(folder, 0);
  return found.slice(0, MAX_ASSETS);
}

function assetsOf(folder: string, entries: readonly Entry[]): readonly FoundAsset[] {
  const files = entries.filter(({ kind }) => kind === 'file').map(({ name }) => name);
  const manifests = files.filter((name) => name.endsWith('.ism')).map((name) => name.slice(0, -'.ism'.length));
  if (manifests.length > 0) return manifests.map((name) => ({ folder, name }));
  const media = files.filter((name) => MEDIA.test(name));
  if (media.length === 0) return [];
  const single = media.length === 1 ? media[0].replace(MEDIA, '') : null;
  return [{ folder, name: single ?? folder.split('/').at(-1) ?? folder }];
}

/** A path of the origin: names are percent-encoded, the grammar's own characters are not. */
export function assetPath({ folder, name }: FoundAsset): string {
  return `/${[...folder.split('/'), `${name}.ism`].map(encodeURIComponent).join('/')}`;
}

/** Why an asset cannot be opened, in words. */
export function problemOf(error: unknown): string {
  return error instanceof IsomerError ? error.message : 'internal error';
}

/** One line per set, for people. */
export function describeSets({ switchingSets }: Presentation): readonly string[] {
  return switchingSets.map(({ name, kind, language, label, accessibility, tracks, timeline }) => {
    const more = [language, label === null ? '' : `"${label}"`, ...accessibility].filter((text) => text !== '').join(', ');
    const qualities = tracks.map(({ bitrate, codec }) => `${bitrate} (${codec.rfc6381}${codec.kind === 'video' ? `, ${codec.width}x${codec.height}` : ''})`).join(', ');
    return `${kind} ${name}${more === '' ? '' : ` [${more}]`}: ${qualities}; ${timeline.names.length - 1} segments`;
  });
}
