/**
 * The benchmark: CPU seconds of the server process per 10^9 body bytes and CPU microseconds per manifest, as ratios to
 * yardsticks that are measured in the same run. Usage: node bench.ts [--rounds N] [--gigabytes N] [--out FOLDER]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchBytes, load, quantile } from './load.ts';
import { makeMedia, RUNGS } from './media.ts';
import { startServer, type ServerProcess } from './process.ts';

type Segments = { readonly output: string; readonly ladder: string; readonly urls: readonly string[] };
type SegmentRow = { readonly output: string; readonly ladder: string; readonly cpuPerGigabyte: readonly number[] };
type ManifestRow = { readonly output: string; readonly cpuMicroseconds: readonly number[]; readonly p50: number; readonly bytes: number };

const OUTPUTS = [
  { id: 'hls-v3', manifest: 'manifest(format=m3u8-aapl-v3)', segment: 'format=m3u8-aapl-v3', ts: true },
  { id: 'hls-v4', manifest: 'manifest(format=m3u8-aapl)', segment: 'format=m3u8-aapl', ts: true },
  { id: 'hls-cmaf', manifest: 'manifest(format=m3u8-cmaf)', segment: 'format=m3u8-cmaf', ts: false },
  { id: 'dash-csf', manifest: 'manifest(format=mpd-time-csf)', segment: 'format=mpd-time-csf', ts: false },
  { id: 'dash-cmaf', manifest: 'manifest(format=mpd-time-cmaf)', segment: 'format=mpd-time-cmaf', ts: false },
  { id: 'smooth', manifest: 'manifest', segment: '', ts: false },
] as const;
const LADDERS = ['1080p', '360p'];
const CLIENTS = 4;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, gigabytes: { type: 'string', default: '1' }, out: { type: 'string', default: 'reports' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log('Usage: npm run bench -- [--rounds N] [--gigabytes N per measurement] [--out FOLDER]');
  process.exit(0);
}
const rounds = Number(values.rounds);
const bytesPerRun = Number(values.gigabytes) * 1e9;
const root = resolve(import.meta.dirname, '../..');
const now = (): number => performance.now();
const tell = (line: string): void => console.error(line);

const media = await makeMedia(join(root, 'corpus/.assets/.bench'), process.env['FFMPEG_PATH'] ?? 'ffmpeg', tell);
const origin = await startServer(process.execPath, [join(root, 'src/cli.ts'), 'serve', '--root', media, '--port', '0'], root);
const base = `${origin.origin}/bench/bench.ism`;
const sets = await listSegments();
const folder = join(media, '.bodies');
await mkdir(folder, { recursive: true });
const yardstickUrls = await Promise.all(LADDERS.map((ladder) => saveBodies(ladder)));
const staticServer = await startServer(process.execPath, [join(import.meta.dirname, 'yardstick.ts'), 'static', folder], root);
const pooledServer = await startServer(process.execPath, [join(import.meta.dirname, 'yardstick.ts'), 'pooled', folder], root);

const rows = new Map<string, number[]>();
for (let round = 0; round < rounds; round++) {
  // Yardsticks and outputs take turns, so that a slow minute of the machine meets both.
  for (const [i, ladder] of LADDERS.entries()) {
    tell(`round ${round + 1} of ${rounds}, ${ladder}`);
    await measure(`static/${ladder}`, staticServer, yardstickUrls[i].map((name) => `${staticServer.origin}/${name}`));
    await measure(`pooled/${ladder}`, pooledServer, yardstickUrls[i].map((name) => `${pooledServer.origin}/${name}`));
    for (const { output, urls } of sets.filter((set) => set.ladder === ladder)) await measure(`${output}/${ladder}`, origin, urls);
  }
}
const manifests: ManifestRow[] = [];
for (const { id, manifest } of OUTPUTS) manifests.push(await measureManifest(id, `${base}/${manifest}`));
const idle = await measureManifest('floor', `${origin.origin}/healthz`);
const resident = await origin.residentBytes();
await Promise.all([origin.stop(), staticServer.stop(), pooledServer.stop()]);
await writeReports();

async function listSegments(): Promise<Segments[]> {
  const playlist = (await fetchBytes(`${base}/QualityLevels(${RUNGS[0].kbps * 1000})/Manifest(video,format=m3u8-cmaf)`)).toString();
  const times = [...playlist.matchAll(/Fragments\(video=(\d+)/g)].map(([, time]) => time);
  if (times.length === 0) throw new Error('the playlist lists no segments');
  return OUTPUTS.flatMap(({ id, segment }) =>
    LADDERS.map((ladder): Segments => {
      const kbps = RUNGS.find(({ name }) => name === ladder)?.kbps ?? 0;
      return { output: id, ladder, urls: times.map((time) => `${base}/QualityLevels(${kbps * 1000})/Fragments(video=${time}${segment === '' ? '' : `,${segment}`})`) };
    }),
  );
}

/** The yardsticks serve the very bodies of the CMAF output. */
async function saveBodies(ladder: string): Promise<string[]> {
  const urls = sets.find((set) => set.output === 'hls-cmaf' && set.ladder === ladder)?.urls.slice(0, 20) ?? [];
  return Promise.all(
    urls.map(async (url, i) => {
      const name = `${ladder}_${i}.m4s`;
      await writeFile(join(folder, name), await fetchBytes(url));
      return name;
    }),
  );
}

async function measure(key: string, server: ServerProcess, urls: readonly string[]): Promise<void> {
  if (!rows.has(key)) await load(urls, CLIENTS, (_, bytes) => bytes >= bytesPerRun / 4, now);
  const before = await server.cpuSeconds();
  const { bytes } = await load(urls, CLIENTS, (_, read) => read >= bytesPerRun, now);
  const cpu = (await server.cpuSeconds()) - before;
  rows.set(key, [...(rows.get(key) ?? []), cpu / (bytes / 1e9)]);
}

async function measureManifest(output: string, url: string): Promise<ManifestRow> {
  const requests = 4000;
  const cpuMicroseconds: number[] = [];
  let p50 = 0;
  await load([url], CLIENTS, (done) => done >= requests / 2, now);
  for (let round = 0; round < rounds; round++) {
    const before = await origin.cpuSeconds();
    const { requests: done, milliseconds } = await load([url], CLIENTS, (count) => count >= requests, now);
    cpuMicroseconds.push((((await origin.cpuSeconds()) - before) / done) * 1e6);
    p50 = quantile(milliseconds, 0.5);
  }
  return { output, cpuMicroseconds, p50, bytes: (await fetchBytes(url)).length };
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1];
}

async function writeReports(): Promise<void> {
  const table: SegmentRow[] = [...rows].map(([key, cpuPerGigabyte]) => ({ output: key.split('/')[0], ladder: key.split('/')[1], cpuPerGigabyte }));
  const yard = (kind: string, ladder: string): number => median(rows.get(`${kind}/${ladder}`) ?? [Number.NaN]);
  const ratios: Record<string, number> = {};
  const lines = table.map(({ output, ladder, cpuPerGigabyte }) => {
    const value = median(cpuPerGigabyte);
    const ratio = value / yard('static', ladder);
    if (output !== 'static') ratios[`${output}.clear.${ladder}`] = Math.round(ratio * 100) / 100;
    const spread = `${Math.min(...cpuPerGigabyte).toFixed(2)}–${Math.max(...cpuPerGigabyte).toFixed(2)}`;
    return `| ${output} | ${ladder} | ${ratio.toFixed(2)} | ${(value / yard('pooled', ladder)).toFixed(2)} | ${value.toFixed(2)} | ${spread} |`;
  });
  const floor = median(idle.cpuMicroseconds);
  const manifestLines = manifests.map(({ output, cpuMicroseconds, p50, bytes }) => `| ${output} | ${bytes} | ${median(cpuMicroseconds).toFixed(0)} | ${(median(cpuMicroseconds) - floor).toFixed(0)} | ${p50.toFixed(2)} |`);
  const text = `# Performance

Made by \`npm run bench\` (${rounds} rounds of ${bytesPerRun / 1e9} GB each, ${CLIENTS} connections, one worker, media in the page cache).
Ratios are the figures to compare; CPU seconds belong to one machine (${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}).

## Segments: CPU of the server process per 10^9 body bytes

Yardsticks of the same run: \`static\` is Node's read stream with 1 MiB chunks, \`pooled\` 1 MiB reads into reused buffers, both over the same bodies.

| output | quality | ratio to static | ratio to pooled | CPU s/GB | spread |
|---|---|---|---|---|---|
${lines.join('\n')}

## Manifests: CPU of the server process per request (10 minutes, ${RUNGS.length} video qualities, 1 audio)

The floor is \`/healthz\`: ${floor.toFixed(0)} µs per request of HTTP alone.

| output | bytes | CPU µs | above the floor | p50 ms |
|---|---|---|---|---|
${manifestLines.join('\n')}

Resident memory of the origin after all this: ${Math.round(resident / 1e6)} MB.
`;
  const out = resolve(root, values.out);
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'performance.md'), text);
  await writeFile(join(out, 'performance.json'), `${JSON.stringify({ ratios }, null, 2)}\n`);
  console.log(text);
}
