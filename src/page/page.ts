/**
 * The files of the demo page, by path. Plain HTML, CSS and modules as they lie in `client/`, the players' own files, and
 * the list of assets that the caller brings.
 */
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { PageAsset } from './assets.ts';
import { locatePlayers, type PlayerPlace } from './players.ts';

export type PageDeps = { readonly listAssets: () => Promise<readonly PageAsset[]> };
/** `immutable`: the path names the version, so caches may keep the bytes for ever. */
export type PageFile = { readonly mime: string; readonly bytes: Uint8Array; readonly immutable: boolean };
export type Page = (path: string) => Promise<PageFile | null>;

/** Every path of the page but `/` starts with one of these. */
export const PAGE_PREFIX = '/-/page/';
export const ASSETS_PATH = '/-/assets.json';

/**
 * To be sent with `/`. Blob URLs are how players hand media to the video element and start their workers; nothing is
 * inline and nothing comes from elsewhere.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "media-src 'self' blob:",
  "img-src 'self' data:",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

/** Players get keys where manifests say. */
export function pagePolicy(keyDeliveryUrl: string): string {
  return [...PAGE_POLICY, `connect-src 'self' ${new URL(keyDeliveryUrl).origin}`].join('; ');
}

const CLIENT = new URL('client/', import.meta.url);
const CLIENT_FILES: readonly string[] = [
  'style.css',
  'app.js',
  'dom.js',
  'engines.js',
  'panel.js',
  'playback.js',
  'requests.js',
  'scripts.js',
  'table.js',
  'words.js',
  'engines/dash.js',
  'engines/hls.js',
  'engines/native.js',
  'engines/shaka.js',
];
const MIME: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
  '': 'text/plain; charset=utf-8',
};

type Route = () => Promise<PageFile>;

export async function createPage({ listAssets }: PageDeps): Promise<Page> {
  const players = await locatePlayers();
  const routes = new Map<string, Route>([
    ['/', fileRoute(new URL('index.html', CLIENT), 'text/html; charset=utf-8', false)],
    [ASSETS_PATH, async () => json(await listAssets())],
    [`${PAGE_PREFIX}players.json`, () => Promise.resolve(json(playerList(players)))],
    ...CLIENT_FILES.map((name): [string, Route] => [PAGE_PREFIX + name, fileRoute(new URL(name, CLIENT), MIME[extname(name)], false)]),
    ...players.flatMap(playerRoutes),
  ]);
  return (path) => routes.get(path)?.() ?? Promise.resolve(null);
}

function fileRoute(file: URL | string, mime: string, immutable: boolean): Route {
  return async () => ({ mime, bytes: await readFile(file), immutable });
}

function json(value: unknown): PageFile {
  return { mime: 'application/json; charset=utf-8', bytes: new TextEncoder().encode(JSON.stringify(value)), immutable: false };
}

function playerPath({ player, version }: PlayerPlace, file: string): string {
  return `${PAGE_PREFIX}players/${player.name}@${version}/${file}`;
}

function playerRoutes(place: PlayerPlace): [string, Route][] {
  const { player, root } = place;
  const browserFiles = [...player.scripts, ...player.workers].map((name) => [name, join(root, player.folder, name)]);
  const licences = player.licences.map((name) => [name, join(root, name)]);
  return [...browserFiles, ...licences].map(([name, file]) => [playerPath(place, name), fileRoute(file, MIME[extname(name)] ?? MIME[''], true)]);
}

function relativePath(place: PlayerPlace, file: string): string {
  return playerPath(place, file).slice(1);
}

/** URLs are relative to the page, so that it also works below a path of a reverse proxy. */
function playerList(places: readonly PlayerPlace[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    places.map((place) => [
      place.player.name,
      {
        version: place.version,
        scripts: place.player.scripts.map((name) => relativePath(place, name)),
        worker: place.player.workers.map((name) => relativePath(place, name)).at(0) ?? null,
        licence: relativePath(place, place.player.licences[0]),
      },
    ]),
  );
}
