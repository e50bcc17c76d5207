/**
 * The players that the page brings along: unchanged browser builds of their packages. From source they are found in
 * node_modules; in the published package they lie in dist/players, put there with their licences by scripts/copy-players.mjs.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Player = {
  /** The npm package. */
  readonly name: string;
  /** Where the browser files are inside the package. */
  readonly folder: string;
  /** Loaded in this order. */
  readonly scripts: readonly string[];
  /** Run beside the page by the scripts. */
  readonly workers: readonly string[];
  readonly licences: readonly string[];
};

export const PLAYERS: readonly Player[] = [
  { name: 'hls.js', folder: 'dist', scripts: ['hls.min.js'], workers: ['hls.worker.js'], licences: ['LICENSE'] },
  {
    name: 'dashjs',
    folder: 'dist/modern/umd',
    scripts: ['dash.all.min.js', 'dash.mss.min.js'],
    workers: [],
    licences: ['LICENSE.md', 'dist/modern/umd/dash.all.min.js.LICENSE.txt'],
  },
  { name: 'shaka-player', folder: 'dist', scripts: ['shaka-player.compiled.js'], workers: [], licences: ['LICENSE'] },
];

/** `root` is the package's folder, which keeps its own layout when packed. */
export type PlayerPlace = { readonly player: Player; readonly version: string; readonly root: string };

const require = createRequire(import.meta.url);
const PACKED = fileURLToPath(new URL('../../players/', import.meta.url));

/** Packed players first, then the installed packages. A player that is in neither place is left out. */
export async function locatePlayers(): Promise<readonly PlayerPlace[]> {
  const places = await Promise.all(PLAYERS.map((player) => locatePlayer(player, [PACKED, ...installFolders(player)])));
  return places.filter((place) => place !== null);
}

/** The node_modules folders that a package of this name would be found in. */
export function installFolders(player: Player): readonly string[] {
  return require.resolve.paths(player.name) ?? [];
}

export async function locatePlayer(player: Player, folders: readonly string[]): Promise<PlayerPlace | null> {
  for (const folder of folders) {
    const root = join(folder, player.name);
    const description = await readFile(join(root, 'package.json'), 'utf8').catch(() => null);
    const version = description === null ? null : /"version":\s*"([^"]+)"/.exec(description)?.[1];
    if (typeof version === 'string') return { player, version, root };
  }
  return null;
}
