/**
 * Where the CPU time of each output goes: threads by the kernel's count, the main thread's by what the sampling profiler saw, folded by room.
 * Part of the benchmark; alone: node conformance/performance/profile.ts [--seconds 2] [OUTPUT.PROTECTION.LADDER …].
 * The profiler itself costs some percent: shares count here, not seconds.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { deadline, load } from './load.ts';
import { OUTPUTS, segmentUrl, type Output, type Protection } from './matrix.ts';
import { makeMedia } from './media.ts';
import { originArguments, ROOT, startServer, type ServerProcess } from './process.ts';
import { bitrateOf, segmentTimes } from './segments.ts';
import { perByte, threadsOf, type Threads } from './threads.ts';

const CLIENTS = 4;
const BODIES = 20;
const INTERVAL_US = 200;
/** Of each row: until then much of the time is the engine's, which compiles. */
const WARM_REQUESTS = 100;

type Node = { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string }; readonly children?: readonly number[] };
export type Profile = { readonly nodes: readonly Node[]; readonly samples: readonly number[]; readonly timeDeltas: readonly number[] };
type Row = { readonly key: string; readonly output: Output; readonly protection: Protection; readonly ladder: string };

/** The inspector of a server that was started with --inspect=0. */
async function openInspector(address: string): Promise<{ call(method: string, params?: object): Promise<unknown>; close(): void }> {
  const socket = new WebSocket(address);
  const waiting = new Map<number, (result: unknown) => void>();
  await new Promise((done, failed) => {
    socket.addEventListener('open', done, { once: true });
    socket.addEventListener('error', () => failed(new Error(`no inspector at ${address}`)), { once: true });
  });
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown };
    if (id !== undefined) waiting.get(id)?.(result);
  });
  let last = 0;
  return {
    call: (method, params = {}) =>
      new Promise((done) => {
        const id = ++last;
        waiting.set(id, done);
        socket.send(JSON.stringify({ id, method, params }));
      }),
    close: () => socket.close(),
  };
}

/** src/ROOM, Node's own modules, WebAssembly, a binding, or one of the profiler's names in brackets: collector, and native code with system calls. */
export function roomOf({ functionName, url }: Node['callFrame']): string {
  if (functionName.startsWith('(')) return functionName === '(root)' ? '(program)' : functionName;
  if (url.startsWith('wasm:')) return 'kernels (WebAssembly)';
  const room = /\/src\/([^/]+?)(?:\.ts)?(?:\/|$)/.exec(url)?.[1];
  if (room !== undefined) return `src/${room}`;
  if (url.startsWith('node:internal/fs') || url === 'node:fs') return 'node: files';
  if (url.startsWith('node:internal/crypto') || url === 'node:crypto') return 'node: ciphers';
  if (/^node:(?:_http|internal\/http|net$|internal\/stream|_stream|internal\/net)/.test(url)) return 'node: HTTP';
  if (url === '') return `native: ${functionName}`;
  return url.startsWith('node:') ? 'node: other' : 'packages';
}

/** Shares of the time that was not idle. */
export function fold({ nodes, samples, timeDeltas }: Profile): readonly (readonly [room: string, share: number])[] {
  const rooms = new Map(nodes.map(({ id, callFrame }) => [id, roomOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const room = rooms.get(id) ?? '(program)';
    if (room !== '(idle)') times.set(room, (times.get(room) ?? 0) + Math.max(0, timeDeltas[i]));
  }
  const total = [...times.values()].reduce((a, b) => a + b, 0);
  return [...times].map(([room, time]) => [room, time / total] as const).toSorted(([, a], [, b]) => b - a);
}

/** A stretch in which the main thread did not wait for anything: milliseconds, and what took them. */
export type Stretch = { readonly milliseconds: number; readonly rooms: readonly (readonly [room: string, milliseconds: number])[] };

/** The longest stretches without a break: another task, or the profiler's "(idle)", ends one. */
export function longestStretches({ nodes, samples, timeDeltas }: Profile, count: number): readonly Stretch[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const taskOf = (id: number): number => {
    for (let at = id; ; ) {
      const parent = parents.get(at);
      if (parent === undefined || byId.get(parent)?.callFrame.functionName === '(root)') return at;
      at = parent;
    }
  };
  const found: { task: number; times: Map<string, number> }[] = [];
  let task = -1;
  for (const [i, id] of samples.entries()) {
    const frame = byId.get(id)?.callFrame;
    const room = frame === undefined ? '(program)' : roomOf(frame);
    // The collector and native code interrupt a task; they do not end it.
    const next = room === '(idle)' ? -1 : room.startsWith('(') ? task : taskOf(id);
    if (next !== task && next !== -1) found.push({ task: next, times: new Map() });
    task = next;
    const times = task === -1 ? undefined : found.at(-1)?.times;
    times?.set(room, (times.get(room) ?? 0) + Math.max(0, timeDeltas[i]) / 1000);
  }
  return found
    .map(({ times }) => ({ milliseconds: [...times.values()].reduce((a, b) => a + b, 0), rooms: [...times].toSorted(([, a], [, b]) => b - a) }))
    .toSorted((a, b) => b.milliseconds - a.milliseconds)
    .slice(0, count);
}

/** CPU seconds per 10^9 body bytes by thread, context switches per 10^6, and shares of the main thread's time. */
export type ProfileRow = { readonly key: string; readonly threads: Threads; readonly shares: ReturnType<typeof fold> };

async function profileRow(server: ServerProcess, profiler: Profiler, { key, output, protection, ladder }: Row, times: readonly string[], seconds: number): Promise<ProfileRow> {
  const urls = times.map((time) => segmentUrl({ origin: server.origin, asset: 'bench' }, output, protection, bitrateOf(ladder), time));
  await load(urls, CLIENTS, (requests) => requests >= WARM_REQUESTS);
  const before = await threadsOf(server.pid);
  let bytes = 0;
  const profile = await profiler.take(async () => ({ bytes } = await load(urls, CLIENTS, deadline(seconds))));
  return { key, threads: perByte(before, await threadsOf(server.pid), bytes), shares: fold(profile).filter(([, share]) => share >= LEAST_SHARE) };
}

const LEAST_SHARE = 0.02;
const ROWS: readonly Row[] = OUTPUTS.flatMap((output) => output.protections.flatMap((protection) => ['1080p', '360p'].map((ladder) => ({ key: `${output.id}.${protection}.${ladder}`, output, protection, ladder }))));

/** `keys`: of rows; none: all. */
export async function measureProfiles(folder: string, seconds: number, keys: readonly string[] = []): Promise<readonly ProfileRow[]> {
  const rows = keys.length === 0 ? ROWS : ROWS.filter(({ key }) => keys.includes(key));
  if (rows.length === 0) throw new Error(`keys are ${ROWS.map(({ key }) => key).join(', ')}`);
  const server = await startProfiled(folder);
  try {
    const profiler = await openProfiler(server);
    const times = (await segmentTimes(server.origin)).slice(0, BODIES);
    const found: ProfileRow[] = [];
    for (const row of rows) found.push(await profileRow(server, profiler, row, times, seconds));
    profiler.close();
    return found;
  } finally {
    await server.stop();
  }
}

/** An origin whose main thread can be profiled. */
export function startProfiled(folder: string): Promise<ServerProcess> {
  return startServer(process.execPath, ['--inspect=127.0.0.1:0', ...originArguments(folder)], ROOT);
}

type Profiler = { take(work: () => Promise<unknown>): Promise<Profile>; close(): void };

export async function openProfiler(server: ServerProcess): Promise<Profiler> {
  const address = /ws:\/\/\S+/.exec(server.errors())?.[0];
  if (address === undefined) throw new Error('the server has no inspector');
  const inspector = await openInspector(address);
  await inspector.call('Profiler.enable');
  await inspector.call('Profiler.setSamplingInterval', { interval: INTERVAL_US });
  return {
    async take(work) {
      await inspector.call('Profiler.start');
      await work();
      return ((await inspector.call('Profiler.stop')) as { readonly profile: Profile }).profile;
    },
    close: () => inspector.close(),
  };
}

export const percent = (shares: ProfileRow['shares']): string => shares.map(([room, share]) => `${room} ${(100 * share).toFixed(0)} %`).join(', ');

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { seconds: { type: 'string', default: '2' } } });
  const media = await makeMedia(join(ROOT, 'corpus/.assets/.bench'), process.env['FFMPEG_PATH'] ?? 'ffmpeg', [], console.error);
  for (const { key, threads, shares } of await measureProfiles(media.ladder, Number(values.seconds), positionals)) {
    const two = (name: keyof Threads): string => threads[name].toFixed(2);
    console.log(`${key}: main thread ${two('mainUser')} user + ${two('mainSystem')} system, other threads ${two('othersUser')} + ${two('othersSystem')} s/GB, ${two('switches')} context switches per MB`);
    console.log(`    ${percent(shares)}`);
  }
}

if (import.meta.main) await main();
