/** The players under replay: which files each needs and where they are, in the package (dist/players) or in node_modules. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

type Client = { readonly packageName: string; readonly entry: string; readonly folder: string };

/** `entry` is what node resolves for the package; `folder`, relative to it, holds the browser files. */
const CLIENTS: Readonly<Record<string, Client>> = {
  'hls.min.js': { packageName: 'hls.js', entry: 'hls.js', folder: '.' },
  'hls.worker.js': { packageName: 'hls.js', entry: 'hls.js', folder: '.' },
  'dash.all.min.js': { packageName: 'dashjs', entry: 'dashjs', folder: '.' },
  'dash.mss.min.js': { packageName: 'dashjs', entry: 'dashjs', folder: '.' },
  'shaka-player.compiled.js': { packageName: 'shaka-player', entry: 'shaka-player/package.json', folder: 'dist' },
};

const require = createRequire(import.meta.url);

/** The bytes of a player's file, null for a name that is none. */
export async function readClientFile(name: string): Promise<Uint8Array | null> {
  if (!Object.hasOwn(CLIENTS, name)) return null;
  const client = CLIENTS[name];
  const packed = fileURLToPath(new URL(`../../players/${client.packageName}/${name}`, import.meta.url));
  const bytes = await readFile(packed).catch(() => null);
  if (bytes !== null) return bytes;
  return readFile(join(dirname(require.resolve(client.entry)), client.folder, name));
}
