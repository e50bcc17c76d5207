/** Scripts of pages are JavaScript with types in comments, under settings of their own: the check of the whole repository leaves them out. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFiles, ROOT } from './files.ts';

const PAGES = readFiles(['src', 'conformance'], (path) => path.endsWith('/tsconfig.json')).map(({ path }) => path);

test('there are pages', () => {
  expect(PAGES.length).toBeGreaterThan(2);
});

test.each(PAGES)('%s: the types fit', (path) => {
  const { status, stdout } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['--noEmit', '-p', path], { cwd: ROOT, encoding: 'utf8' });
  expect([status, stdout]).toEqual([0, '']);
});
