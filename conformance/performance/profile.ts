/**
 * Where the CPU time of each output goes: threads by the kernel's count, the main thread's by what the sampling profiler saw, folded by room.
 * `node conformance/performance/profile.ts [--seconds 2] [OUTPUT.PROTECTION.LADDER …]`; without keys every output at 1080p and 360p.
 * The profiler itself costs some percent: shares count here, not seconds.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { deadline, load } from './load.ts';
import { OUTPUTS, segmentUrl, type Output, type Protection } from './matrix.ts';
import { makeMedia } from './media.ts';
import { ROOT, startOrigin, type ServerProcess } from './process.ts';
import { bitrateOf, segmentTimes } from './segments.ts';

const CLIENTS = 4;
const BODIES = 20;
const INTERVAL_US = 200;

type Node = { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string } };
type Profile = { readonly nodes: readonly Node[]; readonly samples: readonly number[]; readonly timeDeltas: readonly number[] };
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

type Threads = { readonly mainUser: number; readonly mainSystem: number; readonly othersUser: number; readonly othersSystem: number; readonly switches: number };

/** Hundredths of a second, as /proc counts them (proc(5): fields 14 and 15 of stat). */
async function threadsOf(pid: number): Promise<Threads> {
  const sum = { mainUser: 0, mainSystem: 0, othersUser: 0, othersSystem: 0, switches: 0 };
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system] = [Number(fields[11] ?? 0) / 100, Number(fields[12] ?? 0) / 100];
    if (Number(thread) === pid) {
      sum.mainUser += user;
      sum.mainSystem += system;
    } else {
      sum.othersUser += user;
      sum.othersSystem += system;
    }
    const status = await readFile(`/proc/${pid}/task/${thread}/status`, 'utf8').catch(() => '');
    for (const [, count] of status.matchAll(/ctxt_switches:\s+(\d+)/g)) sum.switches += Number(count);
  }
  return sum;
}

async function profileRow(server: ServerProcess, inspector: Awaited<ReturnType<typeof openInspector>>, { key, output, protection, ladder }: Row, seconds: number): Promise<void> {
  const times = (await segmentTimes(server.origin)).slice(0, BODIES);
  const urls = times.map((time) => segmentUrl({ origin: server.origin, asset: 'bench' }, output, protection, bitrateOf(ladder), time));
  await load(urls, CLIENTS, (requests) => requests >= 2 * urls.length);
  const before = await threadsOf(server.pid);
  await inspector.call('Profiler.start');
  const { bytes } = await load(urls, CLIENTS, deadline(seconds));
  const { profile } = (await inspector.call('Profiler.stop')) as { readonly profile: Profile };
  const after = await threadsOf(server.pid);
  const perGigabyte = (of: (threads: Threads) => number): string => ((of(after) - of(before)) / (bytes / 1e9)).toFixed(2);
  const perMegabyte = (1e6 * (after.switches - before.switches)) / bytes;
  const shares = fold(profile).filter(([, share]) => share >= 0.01);
  console.log(`${key}: main thread ${perGigabyte((t) => t.mainUser)} user + ${perGigabyte((t) => t.mainSystem)} system, other threads ${perGigabyte((t) => t.othersUser)} + ${perGigabyte((t) => t.othersSystem)} s/GB, ${perMegabyte.toFixed(1)} context switches per MB`);
  console.log(`    ${shares.map(([room, share]) => `${room} ${(100 * share).toFixed(0)} %`).join(', ')}`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { seconds: { type: 'string', default: '2' } } });
  const all: readonly Row[] = OUTPUTS.flatMap((output) => output.protections.flatMap((protection) => ['1080p', '360p'].map((ladder) => ({ key: `${output.id}.${protection}.${ladder}`, output, protection, ladder }))));
  const rows = positionals.length === 0 ? all : all.filter(({ key }) => positionals.includes(key));
  if (rows.length === 0) throw new Error(`keys are ${all.map(({ key }) => key).join(', ')}`);
  const media = await makeMedia(join(ROOT, 'corpus/.assets/.bench'), process.env['FFMPEG_PATH'] ?? 'ffmpeg', [], console.error);
  process.env['NODE_OPTIONS'] = '--inspect=127.0.0.1:0';
  const server = await startOrigin(media.ladder);
  delete process.env['NODE_OPTIONS'];
  try {
    const address = /ws:\/\/\S+/.exec(server.errors())?.[0];
    if (address === undefined) throw new Error('the server has no inspector');
    const inspector = await openInspector(address);
    await inspector.call('Profiler.enable');
    await inspector.call('Profiler.setSamplingInterval', { interval: INTERVAL_US });
    for (const row of rows) await profileRow(server, inspector, row, Number(values.seconds));
    inspector.close();
  } finally {
    await server.stop();
  }
}

if (import.meta.main) await main();
