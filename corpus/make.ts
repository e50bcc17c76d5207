/** Builds corpus assets into corpus/.assets/ID. Usage: node corpus/make.ts [--list] [--force] [ID…] */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AssetRecipe, type ElementRecipe } from '../spec/asset.ts';
import { Truth } from '../spec/truth.ts';
import { encodeFile, FFMPEG } from './encode.ts';
import { writeClientManifest, writeServerManifest } from './manifest.ts';
import { writeSeedAsset } from './seed.ts';
import { splitArchive } from './archive.ts';
import { writeText, textTruth } from './text.ts';
import { writeTruth } from './truth.ts';

const HERE = import.meta.dirname;
const ASSETS = join(HERE, 'assets');
export const BUILT = resolve(process.env['ISOMER_CORPUS_DIR'] ?? join(HERE, '.assets'));
/** Files whose content decides what is built, beside the recipe and ffmpeg's version. */
const SOURCES = ['make.ts', 'archive.ts', 'encode.ts', 'marker.ts', 'manifest.ts', 'movie.ts', 'mp4.ts', 'seed.ts', 'text.ts', 'cues.ts', 'ttml.ts', 'webvtt.ts', ...['bits', 'cea608', 'dts', 'eac3', 'heaac', 'stpp', 'textmovie', 'write', 'wvtt'].map((name) => `bitstream/${name}.ts`), 'truth.ts', '../spec/marks.ts', '../spec/truth.ts', '../spec/asset.ts'];
const STALE_LOCK_MS = 10 * 60 * 1000;

export async function readRecipes(): Promise<readonly AssetRecipe[]> {
  const ids = (await readdir(ASSETS)).sort();
  return Promise.all(
    ids.map(async (id) => {
      const parsed = AssetRecipe.safeParse(JSON.parse(await readFile(join(ASSETS, id, 'asset.json'), 'utf8')));
      if (!parsed.success) throw new Error(`corpus/assets/${id}/asset.json: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`);
      if (parsed.data.id !== id) throw new Error(`corpus/assets/${id}/asset.json: id is ${parsed.data.id}`);
      return parsed.data;
    }),
  );
}

async function generatorDigest(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of SOURCES) hash.update(await readFile(join(HERE, file)));
  return hash.digest('hex');
}

function ffmpegVersion(): string {
  try {
    return execFileSync(FFMPEG, ['-version'], { encoding: 'utf8' }).split('\n')[0];
  } catch {
    throw new Error(`${FFMPEG} is not installed (Debian: apt-get install ffmpeg), or set FFMPEG_PATH`);
  }
}

/** Builds what is not there yet; returns the ids that were built. */
export async function makeAssets(ids: readonly string[], options: { force: boolean; tell: (line: string, final: boolean) => void }): Promise<readonly string[]> {
  const recipes = await readRecipes();
  const unknown = ids.filter((id) => !recipes.some((recipe) => recipe.id === id));
  if (unknown.length > 0) throw new Error(`no such asset: ${unknown.join(', ')}; there are ${recipes.map(({ id }) => id).join(', ')}`);
  const wanted = recipes.filter(({ id }) => ids.length === 0 || ids.includes(id));
  const common = `${await generatorDigest()}\n${ffmpegVersion()}\n`;
  await mkdir(BUILT, { recursive: true });
  const built: string[] = [];
  for (const recipe of wanted) {
    const digest = createHash('sha256').update(common).update(JSON.stringify(recipe)).digest('hex');
    if (!options.force && (await isBuilt(recipe.id, digest))) continue;
    const unlock = await lock(recipe.id);
    try {
      if (!options.force && (await isBuilt(recipe.id, digest))) continue;
      await build(recipe, digest, options.tell);
      built.push(recipe.id);
    } finally {
      await unlock();
    }
  }
  return built;
}

async function isBuilt(id: string, digest: string): Promise<boolean> {
  return (await readFile(join(BUILT, id, '.digest'), 'utf8').catch(() => '')) === digest;
}

/** One builder per asset; a lock that was left behind is taken over after ten minutes. */
async function lock(id: string): Promise<() => Promise<void>> {
  const path = join(BUILT, `.${id}.lock`);
  for (;;) {
    const handle = await open(path, 'wx').catch(() => null);
    if (handle !== null) {
      await handle.close();
      return () => rm(path, { force: true });
    }
    const age = await stat(path).then(({ mtimeMs }) => Date.now() - mtimeMs, () => 0);
    if (age > STALE_LOCK_MS) await rm(path, { force: true });
    else await new Promise((wake) => setTimeout(wake, 200));
  }
}

async function build(recipe: AssetRecipe, digest: string, tell: (line: string, final: boolean) => void): Promise<void> {
  const work = join(BUILT, `.${recipe.id}.part`);
  const target = join(BUILT, recipe.id);
  await rm(work, { recursive: true, force: true });
  await mkdir(work);
  const started = Date.now();
  if (recipe.maker === 'seed') await writeSeedAsset(recipe, work);
  for (const [i, file] of recipe.files.entries()) await encodeFile(file, work, (share) => tell(`${recipe.id}: ${file.file} (${i + 1} of ${recipe.files.length}) ${Math.floor(share * 100)} %`, false));
  const elements: readonly ElementRecipe[] = recipe.elements;
  for (const text of recipe.texts) await writeText(text, work);
  const truth = Truth.parse({ ...(await writeTruth(recipe, work, elements)), texts: recipe.texts.map(textTruth) });
  if (recipe.archive) for (const { file } of recipe.files) await splitArchive(work, file);
  const manifest = writeServerManifest(recipe, elements);
  if (manifest !== null) await writeFile(join(work, `${recipe.name}.ism`), manifest);
  if (recipe.ism === 'classic') await writeFile(join(work, `${recipe.name}.ismc`), writeClientManifest(elements));
  await writeFile(join(work, 'truth.json'), `${JSON.stringify(truth)}\n`);
  await writeFile(join(work, '.digest'), digest);
  await rm(target, { recursive: true, force: true });
  await rename(work, target);
  tell(`${recipe.id}: built in ${((Date.now() - started) / 1000).toFixed(1)} s`, true);
}

const USAGE = `Builds the corpus into corpus/.assets.

Usage: npm run corpus -- [--list] [--force] [ID…]

  --list    show the assets and what they are for
  --force   build again what is there
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { list: { type: 'boolean', default: false }, force: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
  if (values.help) return void process.stdout.write(USAGE);
  if (values.list) return (await readRecipes()).forEach(({ id, class: honesty, title }) => console.log(`${id.padEnd(24)} ${honesty.padEnd(18)} ${title}`));
  const tty = process.stderr.isTTY;
  const built = await makeAssets(positionals, {
    force: values.force,
    tell: (line, final) => {
      if (tty) process.stderr.write(`\r\x1b[K${line}${final ? '\n' : ''}`);
      else if (final) process.stderr.write(`${line}\n`);
    },
  });
  if (built.length === 0) process.stderr.write('the corpus is up to date\n');
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
