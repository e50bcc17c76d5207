/**
 * WebKitGTK by WebDriver (W3C) over plain HTTP: its driver hangs for good where the browser cannot start or a media pipeline locks up, so every
 * call has a time to end, every page has processes of its own, and these end with their group. Not needed by a run: where it is not installed,
 * its replays are inapplicable.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import * as z from 'zod';
import { messageOf } from '../../fault.ts';
import { closeServer, listenOnLoopback } from '../listen.ts';
import type { BrowserDriver, BrowserPage, Shot } from './driver.ts';
import { openAt } from './reuse.ts';
import { findProgram } from './locate.ts';

const START_MS = 30_000;
const CALL_MS = 20_000;
const POLL_MS = 100;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const SCREEN = '1280x800x24';

const sessionSchema = z.object({ sessionId: z.string(), capabilities: z.object({ browserVersion: z.string() }) });
const evaluated = z.union([z.object({ value: z.string() }), z.object({ error: z.string() })]);

/** Evaluates like a script of the page, awaits promises and hands JSON over. */
const EVALUATE = `const [expression, done] = arguments;
Promise.resolve().then(() => (0, eval)(expression)).then((value) => done({ value: JSON.stringify(value ?? null) }), (error) => done({ error: String(error && error.message || error) }));`;

export async function launchWebKitGtk(miniBrowser: string): Promise<BrowserDriver> {
  const [driver, server] = await Promise.all([findProgram('WebKitWebDriver'), findProgram('Xvfb')]);
  if (driver === null || server === null) throw new Error(`${driver === null ? 'WebKitWebDriver' : 'Xvfb'} is missing; ${INSTALL}`);
  const home = await mkdtemp(join(tmpdir(), 'isomer-webkitgtk-'));
  const screen = spawn(server, ['-displayfd', '3', '-screen', '0', SCREEN, '-nolisten', 'tcp'], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const open = new Set<ChildProcess>();
  const endAll = (): void => {
    for (const each of [...open, screen]) endGroup(each);
    open.clear();
  };
  // Groups of their own outlive whoever is interrupted.
  const interrupted = (signal: NodeJS.Signals): void => {
    endAll();
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.once(signal, interrupted);
  process.once('exit', endAll);
  const close = async (): Promise<void> => {
    for (const signal of SIGNALS) process.off(signal, interrupted);
    process.off('exit', endAll);
    endAll();
    await rm(home, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
  };
  try {
    const display = await displayOf(screen);
    const environment = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, XDG_CACHE_HOME: home, DISPLAY: `:${display}`, WEBKIT_GST_ENABLE_HLS_SUPPORT: '1', WEBKIT_GST_ENABLE_DASH_SUPPORT: '1' };
    let version = '';
    const openPage = async (): Promise<BrowserPage> => {
      const port = await freePort();
      const own = spawn(driver, ['--host=127.0.0.1', `--port=${port}`], { detached: true, stdio: 'ignore', env: environment });
      open.add(own);
      const end = (): void => {
        open.delete(own);
        endGroup(own);
      };
      try {
        const session = await startSession(`http://127.0.0.1:${port}`, miniBrowser);
        version = session.version;
        return wrapSession(session.url, end);
      } catch (error) {
        end();
        throw error;
      }
    };
    return {
      name: 'webkitgtk',
      version: async () => {
        if (version === '') await (await openPage()).close();
        return `WebKitGTK/${version}`;
      },
      open: (url) => (url === undefined ? openPage() : openAt(openPage, url)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export const INSTALL = 'apt-get install webkit2gtk-driver xvfb brings it';

async function startSession(url: string, binary: string): Promise<{ readonly url: string; readonly version: string }> {
  const until = performance.now() + START_MS;
  while (!(await isUp(url))) {
    if (performance.now() > until) throw new Error(`WebKitWebDriver did not listen within ${START_MS} ms`);
    await pause(POLL_MS);
  }
  const options = { binary, args: ['--automation', '--autoplay-policy=allow'] };
  const capabilities = { alwaysMatch: { 'webkitgtk:browserOptions': options, pageLoadStrategy: 'eager', timeouts: { script: CALL_MS, pageLoad: CALL_MS } } };
  const { sessionId, capabilities: told } = sessionSchema.parse(await call('POST', `${url}/session`, { capabilities }, START_MS));
  return { url: `${url}/session/${sessionId}`, version: told.browserVersion };
}

async function isUp(url: string): Promise<boolean> {
  return fetch(`${url}/status`, { signal: AbortSignal.timeout(CALL_MS) }).then(
    (answer) => answer.ok,
    () => false,
  );
}

function wrapSession(url: string, end: () => void): BrowserPage {
  const screenshot = async (): Promise<Uint8Array> => Buffer.from(z.string().parse(await call('GET', `${url}/screenshot`)), 'base64');
  return {
    goto: async (address) => void (await call('POST', `${url}/url`, { url: address })),
    evaluate: async (expression) => {
      const answer = evaluated.parse(await call('POST', `${url}/execute/async`, { script: EVALUATE, args: [expression] }));
      if ('error' in answer) throw new Error(answer.error);
      return JSON.parse(answer.value) as unknown;
    },
    resize: async (width, height) => void (await call('POST', `${url}/window/rect`, { width, height })),
    screenshot,
    film: async () => {
      const shots: Shot[] = [];
      const ended = new AbortController();
      const taking = (async () => {
        while (!ended.signal.aborted) shots.push({ png: await screenshot(), at: performance.now() });
      })();
      return async () => {
        ended.abort();
        await taking;
        return shots;
      };
    },
    // WebDriver tells neither of the console nor of the network; what the page itself observes is in its recording.
    messages: () => [],
    responses: () => [],
    emulate: async () => undefined,
    press: () => Promise.reject(new Error('keys are not pressed in WebKitGTK')),
    close: async () => {
      // A session that is not ended leaves its web processes to the group's end.
      await call('DELETE', url).catch(() => undefined);
      end();
    },
  };
}

async function call(method: string, url: string, body?: unknown, milliseconds: number = CALL_MS): Promise<unknown> {
  const what = `${method} ${new URL(url).pathname.replace(/^\/session\/[\w-]+/, '')}`;
  const request = { method, signal: AbortSignal.timeout(milliseconds), headers: { 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await fetch(url, request).catch((error: unknown) => {
    throw new Error(`WebKitWebDriver: ${what}: ${messageOf(error)}`, { cause: error });
  });
  const { value } = z.object({ value: z.unknown() }).parse(await answer.json());
  if (answer.ok) return value;
  const told = z.object({ error: z.string(), message: z.string() }).safeParse(value);
  throw new Error(`WebKitWebDriver: ${what}: ${told.success ? `${told.data.error} ${told.data.message}` : answer.status}`);
}

/** The server says on descriptor 3 which display it took. */
async function displayOf(screen: ChildProcess): Promise<number> {
  const told = screen.stdio[3] as Readable;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let text = '';
  told.on('data', (part: Buffer) => {
    text += part.toString();
    if (text.includes('\n')) resolve(Number.parseInt(text, 10));
  });
  screen.once('error', reject);
  screen.once('exit', () => reject(new Error('Xvfb ended before it had a display')));
  const patience = setTimeout(() => reject(new Error(`Xvfb has no display after ${START_MS} ms`)), START_MS);
  return promise.finally(() => clearTimeout(patience));
}

async function freePort(): Promise<string> {
  const server = createServer();
  const { port } = new URL(await listenOnLoopback(server));
  await closeServer(server);
  return port;
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
