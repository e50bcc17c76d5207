/**
 * The observers as one classic script, so that the same bytes run in the suite's page and in pages that the suite
 * visits: evaluated by the browser driver, they need no change to those pages and no hole in their content policy.
 */
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';

/** In order of use: each may import values only from the ones before it. */
const PARTS = ['../../spec/evidence', 'marks', 'tones', 'offset', 'page/evidence', 'page/observer'];
const IMPORT = /^import\s[^;]*;$/gm;
const EXPORT = /^export\s+(?=(?:const|(?:async\s+)?function)\s)/gm;

/** A script that sets `globalThis.isomerObservers = { observeVideo, offsetOf }`. */
export async function observerScript(): Promise<string> {
  const parts = await Promise.all(PARTS.map(readPart));
  return `(() => {\n${parts.join('\n')}\nglobalThis.isomerObservers = { observeVideo, offsetOf };\n})();\n`;
}

/** What a vendor's page needs beside the observers to take tasks. Another scope, so that no names meet. */
const REMOTE_PARTS = ['page/adapters/load', 'page/perform', 'page/task', 'page/remote'];

/** A script that observes the page that it is evaluated in, and sets `globalThis.suite` there as in the suite's own page. */
export async function remoteScript(): Promise<string> {
  const parts = await Promise.all(REMOTE_PARTS.map(readPart));
  return `${await observerScript()}(() => {\n${parts.join('\n')}\n})();\n`;
}

async function readPart(name: string): Promise<string> {
  const text = await readModule(name);
  return text.replace(IMPORT, '').replace(EXPORT, '');
}

/** From source the file is TypeScript and its types are dropped here; in the package the compiler has done it. */
async function readModule(name: string): Promise<string> {
  const compiled = await readFile(new URL(`${name}.js`, import.meta.url), 'utf8').catch(() => null);
  if (compiled !== null) return compiled;
  return stripTypeScriptTypes(await readFile(new URL(`${name}.ts`, import.meta.url), 'utf8'));
}
