import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { PageAsset } from './assets.ts';
import { ASSETS_PATH, createPage, PAGE_PREFIX, pagePolicy } from './page.ts';
import { installFolders, locatePlayer, PLAYERS } from './players.ts';

const ASSET: PageAsset = { id: 'a', name: 'a.ism', folder: 'a', terms: null, class: null, outputs: [{ id: 'smooth', title: 'Smooth', url: '/a/a.ism/manifest', available: true }], tracks: [] };
const page = await createPage({ listAssets: () => Promise.resolve([ASSET]) });
const CLIENT = new URL('client/', import.meta.url);

async function text(path: string): Promise<string> {
  const file = await page(path);
  return file === null ? '' : new TextDecoder().decode(file.bytes);
}

describe('the page', () => {
  test('its list is the caller’s, and is not cached', async () => {
    expect(JSON.parse(await text(ASSETS_PATH))).toEqual([ASSET]);
    expect(await page(ASSETS_PATH)).toMatchObject({ mime: 'application/json; charset=utf-8', immutable: false });
  });

  test('a list that cannot be made is the caller’s error', async () => {
    const broken = await createPage({ listAssets: () => Promise.reject(new Error('no storage')) });
    await expect(broken(ASSETS_PATH)).rejects.toThrow('no storage');
  });

  test('every file of the client is served, with its type', async () => {
    const files = (await readdir(CLIENT, { recursive: true })).filter((name) => /\.(js|css)$/.test(name));
    expect(files.length).toBeGreaterThan(8);
    for (const name of files) {
      const file = await page(PAGE_PREFIX + name);
      expect(file?.mime, name).toBe(name.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8');
    }
  });

  test('everything the document and the modules name is served', async () => {
    const html = await text('/');
    const named = [...html.matchAll(/(?:src|href)="(-\/[^"]+)"/g)].map((match) => `/${match[1]}`);
    expect(named).toEqual(['/-/page/style.css', '/-/page/app.js']);
    for (const path of named) expect(await page(path), path).not.toBeNull();
    const modules = (await readdir(CLIENT, { recursive: true })).filter((name) => name.endsWith('.js'));
    for (const name of modules) {
      for (const [, target] of (await text(PAGE_PREFIX + name)).matchAll(/^import .* from '(\.[^']+)';$/gm)) {
        const path = new URL(target, `http://page${PAGE_PREFIX}${name}`).pathname;
        expect(await page(path), `${name} imports ${target}`).not.toBeNull();
      }
    }
  });

  test('players are listed, served under their version for ever, with their licences', async () => {
    const list: unknown = JSON.parse(await text(`${PAGE_PREFIX}players.json`));
    expect(list).toMatchObject({ 'hls.js': { version: '1.7.4' }, dashjs: { version: '5.2.1' }, 'shaka-player': { version: '5.2.12' } });
    const paths = [...JSON.stringify(list).matchAll(/"(-\/page\/players\/[^"]+)"/g)].map((match) => `/${match[1]}`);
    expect(paths.length).toBe(4 + 1 + 3);
    for (const path of paths) expect(await page(path), path).toMatchObject({ immutable: true });
  });

  test.each(['', '/-', '/-/', PAGE_PREFIX, '/index.html', '/-/page/index.html', '/-/page/../page.ts', '/-/page/tsconfig.json', '/-/page/globals.d.ts', '/-/page/players/hls.js@0/hls.min.js', '/-/page/constructor'])(
    'nothing else is served: %j',
    async (path) => {
      expect(await page(path)).toBeNull();
    },
  );

  test('nothing is inline and nothing comes from elsewhere', async () => {
    const html = await text('/');
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:/i);
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    const policy = pagePolicy('http://keys.example:8081/k/');
    expect(policy).toContain("connect-src 'self' http://keys.example:8081");
    expect(policy.replace(' http://keys.example:8081', '')).not.toMatch(/unsafe|\*|https?:/);
  });

  test('what assets are called never becomes markup or code', async () => {
    const modules = (await readdir(CLIENT, { recursive: true })).filter((name) => name.endsWith('.js'));
    for (const name of modules) {
      const source = await readFile(new URL(name, CLIENT), 'utf8');
      expect(source, name).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser/);
    }
  });
});

describe('players', () => {
  test('a player that is not installed is left out', async () => {
    const [player] = PLAYERS;
    expect(await locatePlayer(player, ['/nowhere'])).toBeNull();
    expect(await locatePlayer({ ...player, name: 'no-such-player' }, installFolders(player))).toBeNull();
  });
});
