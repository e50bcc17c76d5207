/** isomer urls: the six URLs of each asset; an output that refuses the asset says why. */
import { resolve } from 'node:path';
import { openAsset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { FORMATS, type Format } from '../formats.ts';
import type { Presentation } from '../model/presentation.ts';
import { openFileStorage } from '../storage/file.ts';
import { assetPath, describeSets, findAssets, problemOf } from './assets.ts';
import type { Command } from './deps.ts';

export type UrlsArgs = { readonly root: string; readonly asset: string | null; readonly base: string; readonly segmentSeconds: number };

export const urls: Command<UrlsArgs> = async ({ root, asset, base, segmentSeconds }, { out, err }) => {
  const storage = await openFileStorage(resolve(root));
  const found = await findAssets(storage, asset ?? '');
  if (found.length === 0) {
    err(`no assets ${asset === null ? `below ${root}` : `in ${asset}`}: an asset is a folder with a server manifest (.ism) or with MP4 files\n`);
    return 1;
  }
  let failed = 0;
  for (const item of found) {
    out(`${item.folder}/${item.name}.ism\n`);
    try {
      const opened = await openAsset(storage, item.folder, item.name, { segmentSeconds, readMovie: createMovieReader(null) });
      try {
        for (const line of describeSets(opened.presentation)) out(`  ${line}\n`);
        for (const note of opened.notes) out(`  note: ${note}\n`);
        const stem = `${base.replace(/\/+$/, '')}${assetPath(item)}`;
        for (const format of FORMATS) out(`  ${format.title.padEnd(17)} ${availability(format, opened.presentation) ?? manifestUrl(stem, format)}\n`);
      } finally {
        await opened.close();
      }
    } catch (error) {
      failed++;
      out(`  cannot be served: ${problemOf(error)}\n`);
    }
  }
  return failed === 0 ? 0 : 1;
};

/** Null when the output takes the asset, else why it does not. */
function availability(format: Format, presentation: Presentation): string | null {
  try {
    format.writeManifest(presentation, { format: format.tags[0], extra: [], audioOnly: true });
    return null;
  } catch (error) {
    return `not available: ${problemOf(error)}`;
  }
}

function manifestUrl(stem: string, { tags }: Format): string {
  return `${stem}/manifest${tags[0] === '' ? '' : `(format=${tags[0]})`}`;
}
