/**
 * report.html: one file that opens from a disk, asks nobody for anything, and lets nothing in. Its script and style are the
 * files of `page/`, put in when the report is written and named by hash in its policy.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { assemble, type Material } from './assemble.ts';
import { embed } from './embed.ts';
import type { Reporting } from './model.ts';

const PAGE = new URL('page/', import.meta.url);
/** Each uses only what stands before it. */
export const SCRIPTS: readonly string[] = ['dom.js', 'data.js', 'excerpt.js', 'timeline.js', 'detail.js', 'list.js', 'filter.js', 'grid.js', 'matrix.js', 'evidence.js', 'replays.js', 'main.js'];

export function htmlReport(reporting: Reporting, material: Material): string {
  const script = joinScripts(SCRIPTS.map((name) => readFileSync(new URL(name, PAGE), 'utf8')));
  const style = `\n${readFileSync(new URL('style.css', PAGE), 'utf8')}`;
  const policy = [`default-src 'none'`, `script-src '${hashOf(script)}'`, `style-src '${hashOf(style)}'`, 'img-src data:', `base-uri 'none'`, `form-action 'none'`].join('; ');
  const values: Readonly<Record<string, string>> = { policy, style, script, data: embed(assemble(reporting, material)) };
  return readFileSync(new URL('index.html', PAGE), 'utf8').replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => values[name]);
}

/** One scope for all modules: what they import from each other is there already. */
export function joinScripts(texts: readonly string[]): string {
  const body = texts.map((text) => text.replaceAll(/^import [^;]+;\n/gm, '').replaceAll(/^export /gm, '')).join('\n');
  if (/<\/script|<!--/i.test(body)) throw new Error('the script would end the element that it stands in');
  return `\n'use strict';\n(() => {\n${body}})();\n`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
