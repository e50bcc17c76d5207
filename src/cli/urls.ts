/** isomer urls: the six URLs of each asset. */
import { resolve } from 'node:path';
import { openAsset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { FORMATS } from '../formats.ts';
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
      for (const line of describeSets(opened.presentation)) out(`  ${line}\n`);
      for (const note of opened.notes) out(`  note: ${note}\n`);
      await opened.close();
      for (const { title, tags } of FORMATS) out(`  ${title.padEnd(17)} ${base}${assetPath(item)}/manifest${tags[0] === '' ? '' : `(format=${tags[0]})`}\n`);
    } catch (error) {
      failed++;
      out(`  cannot be served: ${problemOf(error)}\n`);
    }
  }
  return failed === 0 ? 0 : 1;
};
