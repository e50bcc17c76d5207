/** CPU of the server process per 10^9 body bytes: every output under every protection, beside yardsticks in the same rounds. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deadline, fetchBytes, load } from './load.ts';
import { OUTPUTS, playlistUrl, segmentUrl, type Protection } from './matrix.ts';
import { RUNGS } from './media.ts';
import { ROOT, startServer, type ServerProcess } from './process.ts';

const run = promisify(execFile);

export type SegmentOptions = {
  readonly rounds: number;
  /** Of each row in each round. */
  readonly seconds: number;
  readonly clients: number;
  readonly ladders: readonly string[];
  readonly tell: (line: string) => void;
};

/** CPU seconds per 10^9 bytes in each round, by key: `OUTPUT.PROTECTION.LADDER`, or `static.LADDER` and other yardsticks. */
export type Rounds = ReadonlyMap<string, readonly number[]>;
export type Segments = { readonly rounds: Rounds; /** The mean, by the same keys. */ readonly bodyBytes: ReadonlyMap<string, number> };

/** Segments that each row asks for, round and round: few enough that all are asked for once before it is measured. */
const BODIES = 20;
const CIPHER_GIGABYTES = 0.25;
/** Of each row, before anything is measured: until then the engine still compiles, in part on other threads, as much as it serves. */
const WARM_REQUESTS = 300;
/** Where the yardsticks begin in a stored file: behind the movie box, as the segments do. */
const FRONT_BYTES = 1024 * 1024;

export const bitrateOf = (ladder: string): number => (RUNGS.find(({ name }) => name === ladder)?.kbps ?? 0) * 1000;

export async function segmentTimes(origin: string): Promise<readonly string[]> {
  const playlist = (await fetchBytes(playlistUrl({ origin, asset: 'bench' }, 'm3u8-cmaf', bitrateOf('1080p')))).toString();
  return [...playlist.matchAll(/Fragments\(video=(\d+)/g)].map(([, time]) => time);
}

type Row = { readonly key: string; readonly of: ServerProcess; readonly urls: readonly string[] };

/** `stored`: the folder that the server serves. Every row in every round: a slow minute of the machine meets yardsticks and outputs alike. */
export async function measureSegments(server: ServerProcess, stored: string, { rounds, seconds, clients, ladders, tell }: SegmentOptions): Promise<Segments> {
  const { origin } = server;
  const times = (await segmentTimes(origin)).slice(0, BODIES);
  const place = { origin, asset: 'bench' };
  const folder = await mkdtemp(join(tmpdir(), 'isomer-bench-'));
  const found = new Map<string, number[]>();
  const bodyBytes = new Map<string, number>();
  const measure = async ({ key, of, urls }: Row): Promise<void> => {
    const before = await of.cpuSeconds();
    const { bytes, requests } = await load(urls, clients, deadline(seconds));
    const cpu = (await of.cpuSeconds()) - before;
    found.set(key, [...(found.get(key) ?? []), cpu / (bytes / 1e9)]);
    bodyBytes.set(key, bytes / requests);
  };
  const servers: ServerProcess[] = [];
  try {
    const rows: Row[] = [];
    const yardsticks = new Map<string, ServerProcess>();
    for (const kind of ['static', 'pooled']) yardsticks.set(kind, await startServer(process.execPath, [join(import.meta.dirname, 'yardstick.ts'), kind, join(stored, 'bench')], ROOT));
    servers.push(...yardsticks.values());
    const nginx = await startNginx(folder);
    if (nginx !== null) servers.push(nginx);
    for (const ladder of ladders) {
      const bodies = await saveBodies(folder, ladder, times.map((time) => segmentUrl(place, OUTPUTS[2], 'clear', bitrateOf(ladder), time)));
      for (const [kind, yardstick] of yardsticks) rows.push({ key: `${kind}.${ladder}`, of: yardstick, urls: bodies.map(({ start, length }) => `${yardstick.origin}/bench_${ladder}.mp4?start=${start}&length=${length}`) });
      if (nginx !== null) rows.push({ key: `nginx-sendfile.${ladder}`, of: nginx, urls: bodies.map(({ name }) => `${nginx.origin}/${name}`) });
      for (const output of OUTPUTS) {
        for (const protection of output.protections) rows.push({ key: `${output.id}.${protection}.${ladder}`, of: server, urls: times.map((time) => segmentUrl(place, output, protection, bitrateOf(ladder), time)) });
      }
    }
    // The first times cost more (code that is not compiled yet, plans and subsample maps) and are not what is measured here.
    tell('segments: everything, for warmth');
    for (const { urls } of rows) await load(urls, clients, (requests) => requests >= WARM_REQUESTS);
    for (let round = 0; round < rounds; round++) {
      tell(`segments: round ${round + 1} of ${rounds}`);
      for (const row of rows) await measure(row);
      for (const name of ['aes-128-ecb', 'aes-128-cbc', 'aes-128-ctr']) {
        const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'yardstick.ts'), 'cipher', name, String(CIPHER_GIGABYTES)]);
        found.set(name, [...(found.get(name) ?? []), Number(stdout)]);
      }
    }
  } finally {
    await Promise.all(servers.map((yardstick) => yardstick.stop()));
    await rm(folder, { recursive: true, force: true });
  }
  return { rounds: found, bodyBytes };
}

type Body = { readonly name: string; readonly start: number; readonly length: number };

/** What nginx serves: the very bodies of the CMAF output. The other yardsticks serve as many bytes of the stored file, one run behind the other. */
async function saveBodies(folder: string, ladder: string, urls: readonly string[]): Promise<readonly Body[]> {
  const bodies: Body[] = [];
  let start = FRONT_BYTES;
  for (const [i, url] of urls.entries()) {
    const bytes = await fetchBytes(url);
    const name = `${ladder}_${i}.m4s`;
    await writeFile(join(folder, name), bytes);
    bodies.push({ name, start, length: bytes.length });
    start += bytes.length;
  }
  return bodies;
}

const NGINX = '/usr/sbin/nginx';

/** Null where it is not installed. */
async function startNginx(folder: string): Promise<ServerProcess | null> {
  if (!existsSync(NGINX)) return null;
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/tmp-${name};`).join(' ');
  const config = join(folder, 'nginx.conf');
  await writeFile(config, `daemon off; worker_processes 1; pid ${folder}/nginx.pid; user root; error_log stderr crit; events {} http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; ${paths} server { listen 127.0.0.1:${port}; root ${folder}; } }\n`);
  return startServer(NGINX, ['-c', config, '-e', 'stderr'], folder, `http://127.0.0.1:${port}`).catch(() => null);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export type Offline = { readonly name: string; readonly cpuPerGigabyte: number };

/** Packagers that write files, CPU per 10^9 bytes of media: they also pay for starting and for the files, so this is context and no target. */
export async function measureOffline(ladderFolder: string, ladder: string): Promise<readonly Offline[]> {
  const input = join(ladderFolder, 'bench', `bench_${ladder}.mp4`);
  const bytes = (await readFile(input)).length;
  const packager = join(ROOT, `node_modules/shaka-packager/bin/packager-${process.platform}-${process.arch}`);
  const folder = await mkdtemp(join(tmpdir(), 'isomer-offline-'));
  const tools: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
    ['ffmpeg -c copy, HLS TS', process.env['FFMPEG_PATH'] ?? 'ffmpeg', ['-v', 'error', '-i', input, '-c', 'copy', '-f', 'hls', '-hls_time', '6', '-hls_playlist_type', 'vod', join(folder, 'ff.m3u8')]],
    ['ffmpeg -c copy, HLS fMP4', process.env['FFMPEG_PATH'] ?? 'ffmpeg', ['-v', 'error', '-i', input, '-c', 'copy', '-f', 'hls', '-hls_segment_type', 'fmp4', '-hls_time', '6', '-hls_playlist_type', 'vod', join(folder, 'fm.m3u8')]],
    ['shaka-packager, fMP4', packager, [`in=${input},stream=video,init_segment=${folder}/i.mp4,segment_template=${folder}/s$Number$.m4s`, '--generate_static_live_mpd', '--segment_duration', '6', '--mpd_output', join(folder, 's.mpd')]],
  ];
  try {
    const results: Offline[] = [];
    for (const [name, command, args] of tools) {
      const before = await childSeconds();
      const ok = await run(command, args, { cwd: folder }).then(() => true, () => false);
      if (ok) results.push({ name: `${name}, ${ladder}`, cpuPerGigabyte: ((await childSeconds()) - before) / (bytes / 1e9) });
    }
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** CPU of children that have ended: cutime and cstime of /proc/self/stat, in hundredths of a second. */
async function childSeconds(): Promise<number> {
  const stat = await readFile('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

export function protectionOf(key: string): Protection {
  return key.split('.')[1] as Protection;
}
