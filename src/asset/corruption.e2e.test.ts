/**
 * Thousands of damaged assets of every stored form: each is refused with a typed error, or delivered in all formats,
 * clear, in part and encrypted, in bounded time and memory. The seed is printed; `ISOMER_SEED=… ISOMER_CASE=…` repeats one case, `ISOMER_SEED=new` draws others.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileStorage } from '../storage/file.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import type { Storage } from '../storage/storage.ts';
import { openAsset, type OpenOptions } from './open.ts';
import { createMovieReader } from './reader.ts';
import { createSidecarCache } from './sidecar.ts';
import { caseOf, type Case } from './testing/cases.ts';
import { exercise, typed } from './testing/exercise.ts';
import { randomOf, runSeed } from './testing/random.ts';
import { SEEDS, storedSeeds, type Seed } from './testing/seeds.ts';
import { damageIndex } from './testing/sidecardamage.ts';

const CASES = 5000;
/** Other draws than those of the damage. */
const DRAWS_OF_USE = 0x55555555;
const RUN = runSeed();
const ONLY = process.env['ISOMER_CASE'];
/** CPU time of one case; a hundred times what a normal one takes. */
const MAX_CASE_MS = 4000;
const MAX_GROWTH_MIB = 300;
const MAX_FAILURES = 20;

const CORPUS = { 'muxed-mbr': 'muxed', 'smooth-ismv': 'piff', 'live-archive': 'event', fragmented: 'frag', 'classic-ismc': 'classic', 'elst-midgop': 'midgop' };

let root: string;
let seeds: readonly Seed[];
beforeAll(async () => {
  seeds = [...SEEDS, ...(await storedSeeds(join(import.meta.dirname, '../../corpus/.assets'), CORPUS))];
  root = await mkdtemp(join(tmpdir(), 'isomer-corruption-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function storageOf(index: number, { files, stored }: Case): Promise<Storage> {
  if (!stored) return createMemoryStorage(Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`a/${path}`, bytes])));
  const folder = join(root, String(index));
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, 'a', path)), { recursive: true });
    await writeFile(join(folder, 'a', path), bytes);
  }
  await mkdir(folder, { recursive: true });
  return openFileStorage(folder);
}

/** `served`, or the code with which it was refused. */
async function outcomeOf(storage: Storage, name: string, readMovie: OpenOptions['readMovie'], index: number | null = null): Promise<string> {
  const asset = await openAsset(storage, 'a', name, { segmentSeconds: 2, readMovie }).catch((error: unknown) => {
    const { message, code } = typed(error);
    if (message.includes(root)) throw new Error(`an absolute path in: ${message}`);
    return code;
  });
  if (typeof asset === 'string') return asset;
  try {
    for (const note of asset.notes) if (note.includes(root) || note.length > 8192) throw new Error(`a note of ${note.length} characters: ${note.slice(0, 200)}`);
    const refused = await exercise(asset, index === null ? null : randomOf(RUN ^ DRAWS_OF_USE, index));
    return refused.length === 0 ? 'served' : 'served in part';
  } finally {
    await asset.close();
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly outcome: T; readonly ms: number }> {
  const before = process.cpuUsage();
  const outcome = await work();
  const { user, system } = process.cpuUsage(before);
  return { outcome, ms: (user + system) / 1000 };
}

const digestOf = ({ files }: Seed): string => Object.values(files).reduce((hash, bytes) => hash.update(bytes), createHash('sha256')).digest('hex');

type Tally = Map<string, number>;

/** Runs cases, measures each without what it took to damage the asset, and names those that fail. */
async function runCases<T>(count: number, prepare: (index: number) => Promise<T>, run: (prepared: T) => Promise<string>): Promise<{ readonly tally: Tally; readonly failures: readonly string[] }> {
  const tally: Tally = new Map();
  const failures: string[] = [];
  let slowest = { index: -1, ms: 0 };
  for (let index = 0; index < count && failures.length < MAX_FAILURES; index++) {
    if (ONLY !== undefined && index !== Number(ONLY)) continue;
    const fail = (what: string): void => void failures.push(`ISOMER_SEED=${RUN} ISOMER_CASE=${index}: ${what}`);
    const prepared = await prepare(index);
    const peak = process.resourceUsage().maxRSS;
    let ms = 0;
    try {
      const { outcome, ms: first } = await timed(() => run(prepared));
      tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
      // What the collector of garbage took is not the case's own.
      ms = first > MAX_CASE_MS ? (await timed(() => run(prepared))).ms : first;
    } catch (error) {
      fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    const grown = (process.resourceUsage().maxRSS - peak) / 1024;
    if (ms > slowest.ms) slowest = { index, ms };
    if (ms > MAX_CASE_MS || grown > MAX_GROWTH_MIB) fail(`${ms.toFixed(0)} ms of CPU, ${grown.toFixed(0)} MiB more at the peak`);
  }
  const parts = [...tally].sort(([, a], [, b]) => b - a).map(([outcome, times]) => `${outcome} ${times}`);
  console.log(`ISOMER_SEED=${RUN}: ${count} cases; ${parts.join(', ')}; slowest ${slowest.ms.toFixed(0)} ms (case ${slowest.index}), peak ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
  return { tally, failures };
}

describe('damaged assets', () => {
  test('undamaged, every form is delivered whole', async () => {
    for (const seed of seeds) {
      const storage = await storageOf(-1, { seed, files: seed.files, stored: false });
      expect([seed.form, await outcomeOf(storage, seed.name, createMovieReader(null))]).toEqual([seed.form, seed.form.startsWith('HEVC') ? 'served in part' : 'served']);
    }
  });

  test(`${CASES} of them end well`, async () => {
    const before = seeds.map(digestOf);
    const { tally, failures } = await runCases(
      CASES,
      async (index) => {
        const made = caseOf(seeds, RUN, index);
        return { name: made.seed.name, storage: await storageOf(index, made), index };
      },
      ({ name, storage, index }) => outcomeOf(storage, name, createMovieReader(null), Math.floor(index / seeds.length) % 3 === 0 ? index : null),
    );
    expect(failures).toEqual([]);
    // A case that changed its seed would make every later one depend on those before it.
    expect(seeds.map(digestOf)).toEqual(before);
    // Damage that is always refused, or never, would test one half only.
    const served = (tally.get('served') ?? 0) + (tally.get('served in part') ?? 0);
    if (ONLY === undefined) expect(served / CASES).toBeGreaterThan(0.1);
    if (ONLY === undefined) expect(served / CASES).toBeLessThan(0.7);
  }, 300_000);

  test('index files with a right checksum and wrong contents', async () => {
    const seed = SEEDS[0];
    const storage = await storageOf(-1, { seed, files: seed.files, stored: false });
    const folder = join(root, 'index');
    const reader = createMovieReader(createSidecarCache(folder, 'fuzz', () => undefined));
    await outcomeOf(storage, seed.name, reader);
    const names = await readdir(folder);
    const originals = await Promise.all(names.map((name) => readFile(join(folder, name))));
    const { failures } = await runCases(
      CASES / 5,
      async (index) => {
        const random = randomOf(RUN, CASES + index);
        const damaged = random.below(names.length);
        const contents = originals.map((bytes, at) => (at === damaged ? damageIndex(bytes, random) : bytes));
        await Promise.all(contents.map((bytes, at) => writeFile(join(folder, names[at]), bytes)));
      },
      () => outcomeOf(storage, seed.name, reader),
    );
    expect(failures).toEqual([]);
  });
});
