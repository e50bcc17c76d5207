/**
 * The benchmark, `npm run bench`: what the origin costs per byte and per manifest, as ratios to yardsticks of the same run;
 * memory, workers, waiting and growth. Linux only: the kernel counts the server's CPU time.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureClients, measureLoop, measureMemory, measureWorkers } from './capacity.ts';
import { LENGTH_SHAPES, measureGrowth, TRACK_SHAPES } from './growth.ts';
import { measureManifests, measureOpening } from './manifests.ts';
import { makeMedia } from './media.ts';
import { plot } from './plot.ts';
import { ROOT, startOrigin } from './process.ts';
import { compare, figuresOf, writePage, type Figures, type Measured } from './report.ts';
import { measureOffline, measureSegments, type Offline } from './segments.ts';
import type { Shape } from './synthetic.ts';

const USAGE = `Usage: npm run bench -- [--quick] [--compare OLD.json] [--out FOLDER]

Measures the origin on this machine (10 to 15 minutes, best with nothing else running) and writes FOLDER/performance.md,
performance.json and performance-*.svg (default: reports). --quick takes fewer and shorter rounds (about 4 minutes) and
writes to reports/.bench unless told otherwise. --compare prints what has changed since another performance.json.
`;

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, compare: { type: 'string' }, out: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

const FULL = { rounds: 5, bytes: 0.4e9, manifestSeconds: 0.5, memoryBytes: 1e9, loopSeconds: 4, assets: 10_000 };
const QUICK = { rounds: 3, bytes: 0.15e9, manifestSeconds: 0.2, memoryBytes: 0.4e9, loopSeconds: 2, assets: 1000 };
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
const measured = await measureAll();
const figures = figuresOf(measured);
const page = await writePage(measured);
const out = resolve(values.out ?? join(ROOT, values.quick ? 'reports/.bench' : 'reports'));
await mkdir(out, { recursive: true });
await writeFile(join(out, 'performance.md'), page);
await writeFile(join(out, 'performance.json'), `${JSON.stringify(figures, null, 2)}\n`);
for (const growth of measured.growth) await writeFile(join(out, `performance-${growth.id}.svg`), plot(growth));
console.log(page);
if (values.compare !== undefined) console.log(`Since ${values.compare}:\n${compare(JSON.parse(await readFile(values.compare, 'utf8')) as Figures, figures)}`);
tell('done');

async function measureAll(): Promise<Measured> {
  const server = await startOrigin(media.ladder);
  const segments = await measureSegments(server, { rounds: size.rounds, bytes: size.bytes, clients: CLIENTS, ladders: LADDERS, tell });
  await server.stop();
  tell('packagers that write files');
  const offline: Offline[] = [];
  for (const ladder of LADDERS) offline.push(...(await measureOffline(media.ladder, ladder)));
  tell('manifests');
  const manifests = await measureManifests(media.synthetic, ['ten', 'long'], { rounds: size.rounds, seconds: size.manifestSeconds });
  tell('openings');
  const openings = await measureOpening(media.synthetic, ['track', 'long'], 'minutes1', size.rounds);
  tell('memory');
  const memory = await measureMemory(media, size.memoryBytes);
  tell('clients');
  const clients = await measureClients(media, size.memoryBytes);
  tell('workers');
  const workers = await measureWorkers(media, size.memoryBytes);
  tell('event loop');
  const loop = await measureLoop(media, 'long', ['track', 'minutes600', 'minutes300', 'tracks64'], size.loopSeconds);
  const growth = await measureGrowth(media, { bytes: size.bytes / 2, assets: size.assets, tell });
  return { conditions: `${size.rounds} rounds of ${size.bytes / 1e9} GB for each figure, medians, ${CLIENTS} connections, one worker`, segments, offline, manifests, openings, memory, clients, workers, loop, growth };
}
