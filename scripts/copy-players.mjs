/**
 * Completes a build: what the compiler leaves behind. The players' browser builds with their licences go to dist/players,
 * the pages' own files and the data of spec/ beside the code that reads them. Run after `tsc`, in the root of the repository.
 */
import { copyFile, cp, mkdir } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { installFolders, locatePlayer, PLAYERS } from '../src/page/players.ts';

const DIST = process.argv[2] ?? 'dist';
const PAGES = ['src/page/client', 'conformance/player/page', 'conformance/report/page'];
const SERVED = new Set(['.html', '.css', '.js', '']);

for (const player of PLAYERS) {
  const place = await locatePlayer(player, installFolders(player));
  if (place === null) throw new Error(`${player.name} is not installed`);
  const browserFiles = [...player.scripts, ...player.workers].map((name) => join(player.folder, name));
  for (const file of ['package.json', ...browserFiles, ...player.licences]) {
    const target = join(DIST, 'players', player.name, file);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(place.root, file), target);
  }
  console.log(`${player.name} ${place.version}: ${browserFiles.length} files`);
}

for (const folder of PAGES) {
  await cp(folder, join(DIST, folder), { recursive: true, filter: (source) => SERVED.has(extname(source)) });
}
await cp('spec', join(DIST, 'spec'), { recursive: true, filter: (source) => extname(source) !== '.ts' });
