/** The players under replay: which files each needs and where they are, in the package (dist/players) or in node_modules. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Browser file → where it is below a folder of packages. */
const FILES: Readonly<Record<string, string>> = {
  'hls.min.js': 'hls.js/dist/hls.min.js',
  'hls.worker.js': 'hls.js/dist/hls.worker.js',
  'dash.all.min.js': 'dashjs/dist/modern/umd/dash.all.min.js',
  'dash.mss.min.js': 'dashjs/dist/modern/umd/dash.mss.min.js',
  'shaka-player.compiled.js': 'shaka-player/dist/shaka-player.compiled.js',
  'shaka-player-4.compiled.js': 'shaka-player-4/dist/shaka-player.compiled.js',
  'iso_boxer.min.js': 'codem-isoboxer/dist/iso_boxer.min.js',
  'video.min.js': 'video.js/dist/video.min.js',
};

/** Players that are published as modules alone, joined to one script at first use: browser file → its entry, and the global that it sets. */
const BUNDLES: Readonly<Record<string, { readonly entry: string; readonly global: string }>> = { 'rx-player.js': { entry: 'rx-player', global: 'RxPlayer' } };
const bundled = new Map<string, Promise<Uint8Array>>();

const PACKED = fileURLToPath(new URL('../../players/', import.meta.url));
const INSTALLED = createRequire(import.meta.url).resolve.paths('hls.js') ?? [];

/** The bytes of a player's file, null for a name that is none. */
export async function readClientFile(name: string): Promise<Uint8Array | null> {
  if (Object.hasOwn(BUNDLES, name)) {
    const made = bundled.get(name) ?? bundle(BUNDLES[name]);
    bundled.set(name, made);
    return made;
  }
  if (!Object.hasOwn(FILES, name)) return null;
  for (const folder of [PACKED, ...INSTALLED]) {
    const bytes = await readFile(join(folder, FILES[name])).catch(() => null);
    if (bytes !== null) return bytes;
  }
  throw new Error(`the player's file ${FILES[name]} is in none of ${[PACKED, ...INSTALLED].length} folders`);
}

async function bundle({ entry, global }: (typeof BUNDLES)[string]): Promise<Uint8Array> {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({ input: fileURLToPath(import.meta.resolve(entry)), platform: 'browser', logLevel: 'silent' });
  try {
    const { output } = await build.generate({ format: 'iife', name: global, exports: 'default', minify: true });
    return Buffer.from(output[0].code);
  } finally {
    await build.close();
  }
}
