/**
 * The suite's own little web server: its player page and the players' files. It stands on another port than the
 * origin under test, so that every request of a replay is a cross-origin one.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { readClientFile } from './clients.ts';
import { closeServer, listenOnLoopback } from './listen.ts';
import { observerScript } from './script.ts';

const PAGE_FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/main.js': 'main.js',
  '/perform.js': 'perform.js',
  '/probe.js': 'probe.js',
  '/task.js': 'task.js',
  '/adapters/hls.js': 'adapters/hls.js',
  '/adapters/dash.js': 'adapters/dash.js',
  '/adapters/rx.js': 'adapters/rx.js',
  '/adapters/shaka.js': 'adapters/shaka.js',
  '/adapters/videojs.js': 'adapters/videojs.js',
  '/adapters/native.js': 'adapters/native.js',
  '/adapters/pretender.js': 'adapters/pretender.js',
  '/adapters/load.js': 'adapters/load.js',
};

export type Stage = { readonly url: string; close(): Promise<void> };

/** Under this path the page finds a vendor's adapter; files beside it are found beside it. */
export const VENDOR_MODULE = '/vendor/adapter.mjs';

export type StageOptions = { /** File of a vendor's adapter. */ readonly module?: string };

const TYPES: Readonly<Record<string, string>> = { '': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.wasm': 'application/wasm', '.json': 'application/json' };

export async function openStage({ module }: StageOptions = {}): Promise<Stage> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://stage').pathname;
    const type = TYPES[extname(path)] ?? 'text/javascript; charset=utf-8';
    find(path, module).then(
      (body) => response.writeHead(body === null ? 404 : 200, { 'content-type': type, 'cache-control': 'no-store' }).end(body ?? ''),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  return { url: await listenOnLoopback(server), close: () => closeServer(server) };
}

export async function find(path: string, module?: string): Promise<Uint8Array | string | null> {
  if (Object.hasOwn(PAGE_FILES, path)) return readFile(new URL(`page/${PAGE_FILES[path]}`, import.meta.url));
  if (path === '/observers.js') return observerScript();
  if (path.startsWith('/players/')) return readClientFile(path.slice('/players/'.length));
  if (module !== undefined && path === VENDOR_MODULE) return readFile(module);
  // The URL parser has resolved dots; what is encoded stays encoded and names no file.
  if (module !== undefined && /^\/vendor\/[\w./-]+$/.test(path)) return readFile(join(dirname(module), path.slice('/vendor/'.length))).catch(() => null);
  return null;
}
