/** What was measured, as a page and as numbers to compare. Ratios stand first: seconds belong to one machine. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import type { ClientRow, MemoryRow } from './capacity.ts';
import type { LoopDelay } from './eventloop.ts';
import type { Workers } from './workers.ts';
import type { Growth } from './growth.ts';
import { median } from './load.ts';
import { aboveFloor, type Manifests, type Opening } from './manifests.ts';
import { OUTPUTS } from './matrix.ts';
import { loopText, paragraphs, workersText } from './paragraphs.ts';
import { percent, type ProfileRow } from './profile.ts';
import { protectionOf, type Offline, type Rounds, type Segments } from './segments.ts';

export type Measured = {
  readonly conditions: string;
  readonly segments: Segments;
  readonly profiles: readonly ProfileRow[];
  readonly offline: readonly Offline[];
  readonly manifests: Manifests;
  readonly openings: readonly Opening[];
  readonly memory: readonly MemoryRow[];
  readonly clients: readonly ClientRow[];
  readonly workers: Workers;
  readonly loop: LoopDelay;
  readonly growth: readonly Growth[];
};

/** Flat, by `OUTPUT.PROTECTION.LADDER` and the yardsticks' names. */
export type Figures = { readonly ratios: Readonly<Record<string, number>>; readonly figures: Readonly<Record<string, number>> };

const two = (value: number): number => Math.round(value * 100) / 100;
const mega = (bytes: number): string => (bytes / 1e6).toFixed(0);

function middle(rounds: Rounds, key: string): number {
  const list = rounds.get(key);
  return list === undefined ? Number.NaN : median(list);
}

/** Ciphers serve no ladder: their ratio is over the first one's static stream. */
function ladderOf(key: string): string {
  return key.split('.').at(-1) ?? '';
}

export function figuresOf({ segments: { rounds: segments }, manifests, openings, memory, workers, loop }: Measured): Figures {
  const ratios: Record<string, number> = {};
  for (const key of segments.keys()) {
    const isCipher = key.startsWith('aes-128-');
    for (const ladder of isCipher ? laddersOf(segments) : [ladderOf(key)]) {
      if (!key.startsWith('static.')) ratios[isCipher ? `${key}.${ladder}` : key] = two(middle(segments, key) / middle(segments, `static.${ladder}`));
    }
  }
  const figures: Record<string, number> = {};
  for (const row of manifests.rows) {
    const key = `manifest.${row.asset}.${row.what.replaceAll(' ', '-')}`;
    figures[`${key}.us`] = Math.round(aboveFloor(row, manifests.floor));
    figures[`${key}.anew.us`] = Math.round(row.anew - manifests.floor.anew);
  }
  for (const { asset, first, way, cpuMilliseconds, indexBytes } of openings) {
    figures[`opening.${asset}.${first}.${way}.ms`] = two(cpuMilliseconds);
    if (way === 'cold' && first === 'index') figures[`opening.${asset}.index-bytes`] = indexBytes;
  }
  for (const { what, idle, stalled, afterwards } of memory) {
    figures[`memory.${what.replaceAll(', ', '.')}.stalled-bytes`] = stalled - idle;
    figures[`memory.${what.replaceAll(', ', '.')}.afterwards-bytes`] = afterwards - idle;
  }
  figures['workers.ratio'] = two(workers.ratio.two);
  figures['workers.strangers.ratio'] = two(workers.ratio.strangers);
  figures['loop.p99.ms'] = two(loop.p99);
  return { ratios, figures };
}

function laddersOf(segments: Rounds): readonly string[] {
  return [...segments.keys()].filter((key) => key.startsWith('static.')).map(ladderOf);
}

/** `by`: the row of segments that is the worst. */
type Target = { readonly what: string; readonly wanted: number; readonly found: number; readonly by?: string };

/** The worst of the rows that a target is about. */
export function targetsOf(measured: Measured): readonly Target[] {
  const { ratios, figures } = figuresOf(measured);
  const { clients, workers } = measured;
  const isTs = (key: string): boolean => /^hls-v[34]\./.test(key);
  /** The greatest of the rows that are asked for, each as `value` sees it. */
  const worst = (keep: (key: string) => boolean, value = (ratio: number, _ladder: string): number => ratio): Pick<Target, 'found' | 'by'> => {
    const rows = Object.entries(ratios).filter(([key]) => OUTPUTS.some(({ id }) => key.startsWith(`${id}.`)) && keep(key));
    const [found, by] = rows.map(([key, ratio]) => [value(ratio, ladderOf(key)), key] as const).reduce((most, next) => (next[0] > most[0] ? next : most), [-Infinity, ''] as const);
    return { found: two(found), by };
  };
  const isClear = (key: string): boolean => protectionOf(key) === 'clear';
  const beyondCbc = (ts: boolean): Pick<Target, 'found' | 'by'> => worst((key) => isTs(key) === ts && protectionOf(key) === 'aes128', (ratio, ladder) => ratio - ratios[`aes-128-cbc.${ladder}`]);
  const isCenc = (key: string): boolean => ['cenc', 'piff'].includes(protectionOf(key));
  const manifest = (asset: string): number => Math.max(...Object.entries(figures).filter(([key]) => key.startsWith(`manifest.${asset}.`) && !key.includes('key-frame') && !key.includes('.anew.')).map(([, value]) => value));
  const opening = (way: string): number => two(figures[`opening.track.index.${way}.ms`] - figures['opening.track.index.again.ms']);
  const perClients = clients.filter(({ what }) => what.startsWith('fMP4')).map(({ cpuPerGigabyte }) => cpuPerGigabyte);
  return [
    { what: 'fMP4 clear, ratio to static', wanted: 1.1, ...worst((key) => !isTs(key) && isClear(key)) },
    { what: 'fMP4 clear, ratio to pooled', wanted: 1.3, ...worst((key) => !isTs(key) && isClear(key), (ratio, ladder) => ratio / ratios[`pooled.${ladder}`]) },
    { what: 'TS clear, ratio to static', wanted: 1.3, ...worst((key) => isTs(key) && isClear(key)) },
    { what: 'cbcs in fMP4, ratio to static', wanted: 1.4, ...worst((key) => protectionOf(key) === 'cbcs') },
    { what: 'cenc and piff, ratio to static', wanted: 2, ...worst(isCenc) },
    { what: 'the same, for kernels in WebAssembly (as measured)', wanted: 1.7, ...worst(isCenc) },
    { what: 'AES-128 in TS, ratio above raw CBC', wanted: 1.5, ...beyondCbc(true) },
    { what: 'AES-128 in fMP4, ratio above raw CBC', wanted: 1.3, ...beyondCbc(false) },
    { what: 'manifests of 10 minutes, 6 + 2, kept texts, µs above the floor', wanted: 60, found: manifest('ten') },
    { what: 'manifests of 2 hours, 6 + 2, kept texts, µs above the floor', wanted: 350, found: manifest('long') },
    { what: 'index of a 2-hour video track without index file, CPU ms above the same request once more', wanted: 25, found: opening('cold') },
    { what: 'the same with index file', wanted: 3, found: opening('sidecar') },
    { what: 'its index, MB', wanted: 5, found: two(figures['opening.track.index-bytes'] / 1e6) },
    { what: '2 workers, CPU per byte over that of one', wanted: 1.1, found: figures['workers.ratio'] },
    { what: '2 workers, percent of the requests that the busier one answered', wanted: 60, found: Math.round(100 * Math.max(...workers.shares)) },
    { what: '1 to 64 clients, greatest CPU per byte over the least', wanted: 1.5, found: two(Math.max(...perClients) / Math.min(...perClients)) },
    { what: 'event-loop delay at half load, p99 ms beyond the timer’s interval', wanted: 20, found: figures['loop.p99.ms'] },
    { what: 'stalled client, KiB each (worst kind)', wanted: 1024, found: Math.round(Math.max(...measured.memory.map(({ idle, stalled }) => stalled - idle)) / 100 / 1024) },
  ];
}

export async function writePage(measured: Measured): Promise<string> {
  const { conditions, segments, profiles, offline, manifests, openings, memory, clients, workers, loop, growth } = measured;
  const findings = await readFile(join(import.meta.dirname, 'findings.md'), 'utf8');
  return `# Performance

Made by \`npm run bench\` (${conditions}; media in the page cache; HTTP/1.1 over loopback).
Ratios are the figures to compare; CPU seconds belong to one machine (${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}).

## Targets

| what | wanted | found | | the worst row |
|---|---|---|---|---|
${targetsOf(measured).map(({ what, wanted, found, by }) => `| ${what} | ≤ ${wanted} | ${two(found)} | ${found <= wanted ? 'met' : 'missed'} | ${by ?? ''} |`).join('\n')}

${findings.trim()}

## Segments: CPU of the server process per 10^9 body bytes

\`static\` is Node's read stream with 1 MiB chunks, \`pooled\` 1 MiB reads into reused buffers, both over as many bytes of the same stored file;
\`nginx-sendfile\` is nginx with one worker over the bodies as files; the ciphers are node:crypto alone over 64 KiB pieces. Every ratio is over \`static\` of the same quality in the same run.

${laddersOf(segments.rounds).map((ladder) => segmentTable(segments, ladder)).join('\n\n')}

### Profiles

The same requests under the sampling profiler (it costs some percent itself): seconds per GB of the main thread and of all others, in user and in
system time, context switches per MB, and how the main thread's time is divided: \`native: …\` are calls into Node's own code, with their system calls.
\`node conformance/performance/profile.ts KEY\` takes one again.

| output | main, user | main, system | others, user | others, system | switches per MB | main thread |
|---|---|---|---|---|---|---|
${profiles.map(({ key, threads, shares }) => `| ${key} | ${[threads.mainUser, threads.mainSystem, threads.othersUser, threads.othersSystem].map((value) => value.toFixed(2)).join(' | ')} | ${threads.switches.toFixed(1)} | ${percent(shares)} |`).join('\n')}

### Each output: its floor, and where the rest goes

Seconds per GB of this run: the medians and yardsticks of the tables above, and what the profile saw of the main thread.
On a virtual machine with isolated page tables a system call that wakes another thread is dear: what differs between outputs is first how often
threads wake each other, then copies and ciphers. What was read within the last half minute is copied without the thread pool
(\`src/storage/warm.ts\`: 13 → 2 context switches per MB); first reads go through the pool, so that a slow disk stops nobody.

${paragraphs(segments.rounds, profiles, laddersOf(segments.rounds))}

Packagers that write files, for context (they also pay for starting and for the files): ${offline.length === 0 ? 'not measured' : offline.map(({ name, cpuPerGigabyte }) => `${name} ${cpuPerGigabyte.toFixed(2)} s/GB`).join('; ')}.

## Manifests: CPU of the server process per request

The floor is \`/healthz\`: ${median(manifests.floor.microseconds).toFixed(0)} µs per request of HTTP alone, p50 ${manifests.floor.p50.toFixed(2)} ms. Texts are written once for each ETag and kept: "kept" are requests
after the first, "anew" those of a server that keeps none (\`--max-text-bytes 0\`). \`ten\` is 10 minutes, \`long\` 2 hours, both with 6 video and
2 audio tracks (synthetic).

| asset | what | bytes | kept, µs above the floor | p50 ms | anew, µs above the floor |
|---|---|---|---|---|---|
${manifests.rows.map((row) => `| ${row.asset} | ${row.what} | ${row.bytes} | ${aboveFloor(row, manifests.floor).toFixed(0)} | ${row.p50.toFixed(2)} | ${(row.anew - manifests.floor.anew).toFixed(0)} |`).join('\n')}

## The first request of an asset

In a process that has practised, as each does before it listens (\`--warm-up-ms\`), and has served another, short asset: without an index file
(\`cold\`), the same with one being written (\`stored\`), with one (\`sidecar\`), and once more. \`index\` asks for an initialization segment, which needs
nothing but the index; \`manifest\` for that of DASH CMAF, which needs the size of every segment. \`track\` is one video track of 2 hours (216 000 samples),
\`long\` 2 hours of 6 + 2 tracks. What \`again\` costs is the request itself in a process that has answered few, and is no part of the targets above.

| asset | what | way | CPU ms | ms | index, MB |
|---|---|---|---|---|---|
${openings.map(({ asset, first, way, cpuMilliseconds, milliseconds, indexBytes }) => `| ${asset} | ${first} | ${way} | ${cpuMilliseconds.toFixed(1)} | ${milliseconds.toFixed(1)} | ${way === 'again' ? '' : (indexBytes / 1e6).toFixed(2)} |`).join('\n')}

## Memory: resident MB of a fresh process

| segments (1080p, 4 MB) | idle | 64 clients, most | 100 stalled clients | KiB per stalled client | afterwards |
|---|---|---|---|---|---|
${memory.map(({ what, idle, busy, stalled, afterwards }) => `| ${what} | ${mega(idle)} | ${mega(busy)} | ${mega(stalled)} | ${((stalled - idle) / 100 / 1024).toFixed(0)} | ${mega(afterwards)} |`).join('\n')}

"Idle" is after one segment. What a stalled client costs counts our buffers (at most 256 KiB), what the socket holds beside them, and what the
64 clients before have left in the heap.

## Clients and workers

| segments | clients | CPU s/GB | GB/s |
|---|---|---|---|
${clients.map(({ what, clients: count, cpuPerGigabyte, bytesPerSecond }) => `| ${what} | ${count} | ${cpuPerGigabyte.toFixed(2)} | ${(bytesPerSecond / 1e9).toFixed(2)} |`).join('\n')}

Requests of 32 clients were split ${workers.shares.map((share) => `${(100 * share).toFixed(0)} %`).join(' and ')} between two workers.

${workersText(workers)}

## Waiting

${loopText(loop)}

## Growth

${growth.map(({ id, title }) => `![${title}](performance-${id}.svg)`).join('\n')}

Axes are logarithmic: equal distances are equal ratios.
`;
}

function segmentTable({ rounds: all, bodyBytes }: Segments, ladder: string): string {
  const lines = [...all].flatMap(([key, rounds]) => {
    const isCipher = key.startsWith('aes-128-');
    if (!isCipher && ladderOf(key) !== ladder) return [];
    const value = median(rounds);
    const name = isCipher ? `${key} alone` : key.slice(0, -ladder.length - 1).replace('.', ', ');
    const spread = `${Math.min(...rounds).toFixed(2)}–${Math.max(...rounds).toFixed(2)}`;
    const bytes = bodyBytes.get(key);
    const requests = bytes === undefined ? '' : (1e9 / bytes / value).toFixed(0);
    return [`| ${name} | ${(value / middle(all, `static.${ladder}`)).toFixed(2)} | ${(value / middle(all, `pooled.${ladder}`)).toFixed(2)} | ${value.toFixed(2)} | ${spread} | ${requests} |`];
  });
  return `### ${ladder}\n\n| output | ratio to static | ratio to pooled | CPU s/GB | spread | requests per CPU s |\n|---|---|---|---|---|---|\n${lines.join('\n')}`;
}

/** Differences from an earlier run, the greatest first. */
export function compare(old: Figures, now: Figures): string {
  const rows = (['ratios', 'figures'] as const).flatMap((group) =>
    Object.entries(now[group]).flatMap(([key, value]) => {
      const before: number | undefined = old[group]?.[key];
      return before === undefined ? [] : [{ key, before, value, factor: value / before }];
    }),
  );
  const weight = (factor: number): number => Math.abs(Math.log(factor > 0 ? factor : 1));
  return rows
    .toSorted((a, b) => weight(b.factor) - weight(a.factor))
    .map(({ key, before, value, factor }) => `${key}: ${before} → ${value} (${factor.toFixed(2)})`)
    .join('\n');
}
