/**
 * Browsers that nobody can drive (televisions, telephones) come by themselves: they open an address, type a code, pull
 * one task after the other and post what was seen. The verdicts are made here.
 */
import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ReplayRow } from '../../spec/replay.ts';
import { judgeCell, taskOf } from './cell.ts';
import { closeServer } from './listen.ts';
import { taskResult } from './model.ts';
import type { Cell } from './plan.ts';
import { find } from './serve.ts';

export type DeviceServer = {
  readonly url: string;
  /** What has to be typed on the device. */
  readonly code: string;
  /** Fulfilled when every task has come back. */
  readonly rows: Promise<readonly ReplayRow[]>;
  close(): Promise<void>;
};

export type DeviceOptions = { readonly cells: readonly Cell[]; readonly host: string; readonly port: number; readonly name: string; readonly progress?: (line: string) => void };

const MAX_BODY = 16 * 1024 * 1024;
/** After so many wrong codes nobody gets in any more. */
const MOST_GUESSES = 10;

export async function serveDevice({ cells, host, port, name, progress }: DeviceOptions): Promise<DeviceServer> {
  const code = String(randomInt(100_000, 1_000_000));
  const token = randomBytes(24).toString('hex');
  // A fault needs a proxy that the device can reach: such tasks are for driven browsers.
  const waiting = cells.filter(({ cannot, template }) => cannot === null && template.fault === null);
  const rows: ReplayRow[] = [];
  const { promise, resolve } = Promise.withResolvers<readonly ReplayRow[]>();
  let guesses = 0;
  let next = 0;
  const answer = async (request: IncomingMessage): Promise<readonly [status: number, type: string, body: string | Uint8Array]> => {
    const { pathname } = new URL(request.url ?? '/', 'http://device');
    if (pathname === '/device' || pathname === '/device/') return [200, 'text/html; charset=utf-8', LANDING];
    if (pathname === '/device/enter') {
      if (guesses >= MOST_GUESSES) return [403, 'application/json', '{"error":"too many wrong codes"}'];
      if (!same(await bodyOf(request), code)) {
        guesses++;
        return [403, 'application/json', '{"error":"this is not the code"}'];
      }
      return [200, 'application/json', JSON.stringify({ token })];
    }
    if (pathname === '/device/next' || pathname === '/device/result') {
      if (!same(String(request.headers['x-token'] ?? ''), token)) return [403, 'application/json', '{"error":"no token"}'];
      if (pathname === '/device/next') return [200, 'application/json', JSON.stringify(next < waiting.length ? { index: next, task: taskOf(waiting[next], waiting[next].target.url) } : null)];
      return take(await bodyOf(request));
    }
    const file = await find(pathname);
    return file === null ? [404, 'text/plain', 'not found'] : [200, pathname === '/' ? 'text/html; charset=utf-8' : 'text/javascript; charset=utf-8', file];
  };
  const take = (text: string): readonly [number, string, string] => {
    const cell = waiting.at(next);
    const posted = parse(text);
    if (cell === undefined || posted === null || posted.index !== next) return [409, 'application/json', '{"error":"this task was not asked for"}'];
    const result = taskResult.safeParse(posted.result);
    const judged = result.success ? judgeCell(cell, result.data, null, true) : null;
    const outcome = judged === null ? 'cantTell' : judged.verdict.outcome === 'unclear' || (judged.verdict.outcome === 'fail' && judged.verdict.maybeSlow) ? 'cantTell' : judged.verdict.outcome;
    const messages = judged === null ? ['the device sent no observations'] : [...judged.verdict.reasons];
    const { template, target, player } = cell;
    rows.push({ id: `${template.id} ${target.content.asset}/${target.format} ${player.name} ${name}`, template: template.id, asset: target.content.asset, format: target.format, player: player.name, browser: name, outcome, messages });
    next++;
    progress?.(`[${next}/${waiting.length}] ${outcome} ${rows[next - 1].id}${messages.length === 0 ? '' : `: ${messages.join('; ').slice(0, 300)}`}`);
    if (next === waiting.length) resolve(rows);
    return [200, 'application/json', '{}'];
  };
  const server = createServer((request, response) => {
    answer(request).then(
      ([status, type, body]) => response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body),
      () => response.writeHead(400).end(),
    );
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, host, done);
  });
  if (waiting.length === 0) resolve(rows);
  return { url: `http://${host}:${(server.address() as AddressInfo).port}/device`, code, rows: promise, close: () => closeServer(server) };
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

/** Each task gets a page of its own in a frame, so that what one player leaves behind does not meet the next. */
const LANDING = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Conformance</title>
<form><label>Code <input name="code" inputmode="numeric" autocomplete="off"></label> <button>Start</button></form><p role="status"></p><iframe width="640" height="360" allow="autoplay" title="player"></iframe>
<script type="module">
const status = document.querySelector('[role=status]');
const frame = document.querySelector('iframe');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function ask(path, body, token) {
  const answer = await fetch('/device/' + path, { method: 'POST', body, headers: token ? { 'x-token': token } : {} });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}
async function play(task) {
  await new Promise((resolve) => { frame.onload = resolve; frame.src = '/'; });
  for (let i = 0; i < 50 && !frame.contentWindow.suite; i++) await wait(100);
  frame.contentWindow.suite.run(task);
  for (let i = 0; i < 450; i++) {
    const result = frame.contentWindow.suite.result();
    if (result !== null) return result;
    await wait(200);
  }
  return 'no result in time';
}
document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const { token } = await ask('enter', new FormData(event.target).get('code'));
    for (;;) {
      const next = await ask('next', '', token);
      if (next === null) break;
      status.textContent = 'Task ' + (next.index + 1) + ': ' + next.task.player;
      await ask('result', JSON.stringify({ index: next.index, result: await play(next.task) }), token);
    }
    status.textContent = 'Done';
  } catch (error) { status.textContent = error.message; }
});
</script></html>`;
