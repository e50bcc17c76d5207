/**
 * The benchmark, `npm run bench`: what the origin costs per byte and per manifest, as ratios to yardsticks of the same run;
 * memory, workers, waiting and growth. Linux only: the kernel counts the server's CPU time.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureClients, measureMemory } from './capacity.ts';
import { measureLoop } from './eventloop.ts';
import { LENGTH_SHAPES, measureGrowth, TRACK_SHAPES } from './growth.ts';
import { measureManifests, measureOpening } from './manifests.ts';
import { makeMedia } from './media.ts';
import { plot } from './plot.ts';
import { measureProfiles } from './profile.ts';
import { ROOT, startOrigin } from './process.ts';
import { compare, figuresOf, writePage, type Figures, type Measured } from './report.ts';
import { measureOffline, measureSegments, type Offline } from './segments.ts';
import type { Shape } from './synthetic.ts';
import { measureWorkers } from './workers.ts';

const USAGE = `Usage: npm run bench -- [--quick] [--only SECTION,…] [--compare OLD.json] [--out FOLDER]

Measures the origin on this machine (under 15 minutes, best with nothing else running) and writes FOLDER/performance.md,
performance.json and performance-*.svg (default: reports). --quick takes fewer and shorter rounds (about 4 minutes) and
writes to reports/.bench unless told otherwise; --only measures some sections and prints their figures, without a page.
--compare prints what has changed since another performance.json.
`;

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' }, compare: { type: 'string' }, out: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

const FULL = { rounds: 5, segments: 0.85, manifests: 0.25, memory: 4, clients: 2, workers: 3, loop: 4, growth: 1.5, profiles: 0.8, assets: 10_000 };
const QUICK = { rounds: 3, segments: 0.25, manifests: 0.1, memory: 1.5, clients: 1, workers: 1, loop: 2, growth: 0.5, profiles: 0.3, assets: 1000 };
/** Seconds of each measured stretch, and how often it is taken. */
const size = values.quick ? QUICK : FULL;
const HOURS_2 = 7200;
const SHAPES: readonly Shape[] = [
  { name: 'ten', seconds: 600, videos: 6, audios: 2 },
  { name: 'long', seconds: HOURS_2, videos: 6, audios: 2 },
  { name: 'track', seconds: HOURS_2, videos: 1, audios: 0 },
];
const LADDERS = ['1080p', '360p'];
const CLIENTS = 4;

const started = performance.now();
const tell = (line: string): void => console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${line}`);

const media = await makeMedia(join(ROOT, 'corpus/.assets/.bench'), process.env['FFMPEG_PATH'] ?? 'ffmpeg', [...SHAPES, ...LENGTH_SHAPES, ...TRACK_SHAPES], tell);

/** `planned`: seconds that the whole run gives it, for the time that is left; the stretches above are chosen to keep it. */
type Section<T> = { readonly planned: number; readonly measure: () => Promise<T> };
const SECTIONS: { readonly [K in keyof Omit<Measured, 'conditions'>]: Section<Measured[K]> } = {
  segments: {
    planned: 330,
    async measure() {
      const server = await startOrigin(media.ladder);
      try {
        return await measureSegments(server, media.ladder, { rounds: size.rounds, seconds: size.segments, clients: CLIENTS, ladders: LADDERS, tell });
      } finally {
        await server.stop();
      }
    },
  },
  profiles: { planned: 75, measure: () => measureProfiles(media.ladder, size.profiles) },
  offline: {
    planned: 25,
    async measure() {
      const found: Offline[] = [];
      for (const ladder of LADDERS) found.push(...(await measureOffline(media.ladder, ladder)));
      return found;
    },
  },
  manifests: { planned: 80, measure: () => measureManifests(media.synthetic, ['ten', 'long'], { rounds: size.rounds, seconds: size.manifests }) },
  openings: { planned: 95, measure: () => measureOpening(media.synthetic, ['track', 'long'], 'minutes1', size.rounds) },
  memory: { planned: 70, measure: () => measureMemory(media, size.memory) },
  clients: { planned: 20, measure: () => measureClients(media, size.clients) },
  workers: { planned: 25, measure: () => measureWorkers(media, size.workers) },
  loop: { planned: 30, measure: () => measureLoop(media, 'long', ['track', 'minutes600', 'minutes300', 'tracks64'], size.loop) },
  growth: { planned: 140, measure: () => measureGrowth(media, { seconds: size.growth, assets: size.assets, tell }) },
};

const names = Object.keys(SECTIONS) as (keyof typeof SECTIONS)[];
const chosen = values.only === undefined ? names : names.filter((name) => values.only?.split(',').includes(name));
if (chosen.length === 0) throw new Error(`--only takes some of ${names.join(', ')}`);
const conditions = `${size.rounds} rounds of ${size.segments} s for each row of segments, medians, ${CLIENTS} connections, one worker`;
const found: Partial<Record<string, unknown>> = { conditions };
for (const [i, name] of chosen.entries()) {
  const left = chosen.slice(i).reduce((sum, other) => sum + SECTIONS[other].planned, 0);
  tell(`${name}${values.quick ? '' : ` (about ${left} s left)`}`);
  found[name] = await SECTIONS[name].measure();
}
const measured = found as Measured;
if (values.only === undefined) await report(measured);
else for (const name of chosen) console.dir(measured[name], { depth: null, maxArrayLength: null });
tell('done');

async function report(whole: Measured): Promise<void> {
  const figures = figuresOf(whole);
  const page = await writePage(whole);
  const out = resolve(values.out ?? join(ROOT, values.quick ? 'reports/.bench' : 'reports'));
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'performance.md'), page);
  await writeFile(join(out, 'performance.json'), `${JSON.stringify(figures, null, 2)}\n`);
  for (const growth of whole.growth) await writeFile(join(out, `performance-${growth.id}.svg`), plot(growth));
  console.log(page);
  if (values.compare !== undefined) console.log(`Since ${values.compare}:\n${compare(JSON.parse(await readFile(values.compare, 'utf8')) as Figures, figures)}`);
}
