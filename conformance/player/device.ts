/**
 * Browsers that nobody can drive (televisions, telephones) come by themselves: they open an address, type a code, pull
 * one task after the other and post what was seen. The verdicts are made here, by the same rules; what a device posts is a
 * stranger's input.
 */
import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ReplayDetail, ReplayRow } from '../../spec/replay.ts';
import { judgeCell, taskOf } from './cell.ts';
import { LANDING } from './landing.ts';
import { closeServer } from './listen.ts';
import { taskResult } from './model.ts';
import { detailOf, lostDetail, rowOf, rowOfVerdict, type Shown } from './outcome.ts';
import type { Cell } from './plan.ts';
import { find } from './serve.ts';

export type DeviceReplays = { readonly rows: readonly ReplayRow[]; readonly details: readonly ReplayDetail[]; /** What the device calls itself. */ readonly userAgent: string; readonly players: Readonly<Record<string, string>> };

export type DeviceServer = {
  readonly url: string;
  /** What has to be typed on the device. */
  readonly code: string;
  /** Tasks that it will be given. */
  readonly tasks: number;
  /** Fulfilled when every task has come back, or the device stayed away. */
  readonly ended: Promise<DeviceReplays>;
  close(): Promise<void>;
};

export type DeviceOptions = {
  readonly cells: readonly Cell[];
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** A device that is not heard of for so long has gone; what is left stays untested. */
  readonly patienceMs?: number;
  readonly progress?: (line: string) => void;
};

const MAX_BODY = 16 * 1024 * 1024;
/** After so many wrong codes nobody gets in any more. */
const MOST_GUESSES = 10;
/** A task that a device takes and does not bring back, and one that a busy device may have spoilt, is given once more. */
const TRIES = 2;
const PATIENCE_MS = 10 * 60_000;

type Answer = readonly [status: number, type: string, body: string | Uint8Array];
const json = (status: number, value: unknown): Answer => [status, 'application/json', JSON.stringify(value)];

export async function serveDevice({ cells, host, port, name, patienceMs = PATIENCE_MS, progress }: DeviceOptions): Promise<DeviceServer> {
  const code = String(randomInt(100_000, 1_000_000));
  // A fault needs a proxy that the device can reach: such tasks are for driven browsers.
  const waiting = cells.filter(({ cannot, template }) => cannot === null && template.fault === null).map((cell) => ({ ...cell, id: `${cell.template.id} ${cell.target.content.asset}/${cell.target.format} ${cell.player.name} ${name}` }));
  const { promise: ended, resolve } = Promise.withResolvers<DeviceReplays>();
  const rows: ReplayRow[] = [];
  const details: ReplayDetail[] = [];
  const players: Record<string, string> = {};
  let token = '';
  let userAgent = '';
  let guesses = 0;
  let next = 0;
  let handed = 0;
  let began = performance.now();
  let patience: NodeJS.Timeout | undefined;

  const end = (): void => {
    clearTimeout(patience);
    for (const cell of waiting.slice(next)) rows.push(row(cell, 'untested', ['the device stayed away']));
    next = waiting.length;
    resolve({ rows, details, userAgent, players });
  };
  const heardOf = (): void => {
    clearTimeout(patience);
    if (next < waiting.length) patience = setTimeout(end, patienceMs).unref();
  };
  const row = (cell: Cell, outcome: ReplayRow['outcome'], messages: readonly string[]): ReplayRow => ({ ...rowOf(cell, outcome, messages), browser: name });
  const conclude = (made: ReplayRow, detail: ReplayDetail): void => {
    rows.push(made);
    details.push(detail);
    next++;
    handed = 0;
    progress?.(`[${next}/${waiting.length}] ${made.outcome} ${made.id}${detail.reasons.length === 0 ? '' : `: ${detail.reasons.join('; ').slice(0, 300)}`}`);
    if (next === waiting.length) end();
  };
  const tally = (infrastructure: number) => ({ attempts: handed, infrastructure, milliseconds: Math.round(performance.now() - began) });

  const enter = async (request: IncomingMessage): Promise<Answer> => {
    if (guesses >= MOST_GUESSES) return json(403, { error: 'too many wrong codes' });
    if (!same(await bodyOf(request), code)) {
      guesses++;
      return json(403, { error: 'this is not the code' });
    }
    // Who enters again is the same device after a restart, and the only one.
    token = randomBytes(24).toString('hex');
    userAgent = (request.headers['user-agent'] ?? '').replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
    heardOf();
    return json(200, { token, tasks: waiting.length });
  };
  const give = (): Answer => {
    if (handed >= TRIES && next < waiting.length) conclude(row(waiting[next], 'cantTell', ['the device took the task and brought nothing back']), lostDetail(waiting[next].id, 'the device took the task and brought nothing back', tally(handed)));
    if (next >= waiting.length) return json(200, null);
    if (handed++ === 0) began = performance.now();
    return json(200, { index: next, task: taskOf(waiting[next], waiting[next].target.url) });
  };
  const take = (text: string): Answer => {
    const posted = parse(text);
    if (next >= waiting.length || handed === 0 || posted?.index !== next) return json(409, { error: 'this task was not asked for' });
    const cell = waiting[next];
    const result = taskResult.safeParse(posted.result);
    if (!result.success) {
      const told = typeof posted.result === 'string' ? `the device says: ${posted.result.slice(0, 200)}` : 'the device sent no observations that can be read';
      if (handed < TRIES) return json(200, {});
      conclude(row(cell, 'cantTell', ['the device sent no observations that can be read']), lostDetail(cell.id, told, tally(handed)));
      return json(200, {});
    }
    const shown: Shown = { judged: judgeCell(cell, result.data, null, true), evidence: result.data.evidence };
    if (shown.judged.verdict.maybeSlow && handed < TRIES) return json(200, {});
    if (result.data.version !== '') players[cell.player.name] = result.data.version;
    // Nobody has measured this browser: what can be its own slowness is no failure of the stream.
    const verdict = shown.judged.verdict.outcome === 'fail' && shown.judged.verdict.maybeSlow ? { ...shown.judged.verdict, outcome: 'unclear' as const } : shown.judged.verdict;
    const judged = { ...shown.judged, verdict };
    conclude({ ...rowOfVerdict(cell, judged, null), browser: name }, detailOf(cell.id, { ...shown, judged }, tally(0)));
    return json(200, {});
  };
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const { pathname } = new URL(request.url ?? '/', 'http://device');
    if (pathname === '/device' || pathname === '/device/') return [200, 'text/html; charset=utf-8', LANDING];
    if (pathname.startsWith('/device/') && request.method !== 'POST') return json(405, { error: 'POST is expected' });
    if (pathname === '/device/enter') return enter(request);
    if (pathname === '/device/next' || pathname === '/device/result') {
      if (token === '' || !same(String(request.headers['x-token'] ?? ''), token)) return json(403, { error: 'no token' });
      heardOf();
      return pathname === '/device/next' ? give() : take(await bodyOf(request));
    }
    const file = await find(pathname);
    return file === null ? [404, 'text/plain', 'not found'] : [200, pathname === '/' ? 'text/html; charset=utf-8' : 'text/javascript; charset=utf-8', file];
  };
  const server = createServer((request, response) => {
    answer(request).then(
      ([status, type, body]) => response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }).end(body),
      // A body that is too large is not read to its end.
      () => response.writeHead(400, { connection: 'close' }).end(() => request.destroy()),
    );
  });
  server.requestTimeout = 60_000;
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, host, done);
  });
  if (waiting.length === 0) end();
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}/device`,
    code,
    tasks: waiting.length,
    ended,
    close: async () => {
      clearTimeout(patience);
      await closeServer(server);
    },
  };
}

function same(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function parse(text: string): { readonly index: unknown; readonly result: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'index' in value && 'result' in value ? { index: value.index, result: value.result } : null;
  } catch {
    return null;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY) throw new Error('the body is too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
