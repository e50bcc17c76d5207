import { describe, expect, test } from 'vitest';
import { ROOMS, roomOf, type Room } from '../spec/layers.ts';
import { readFiles } from './files.ts';
import { checkFile, checkTable, findImports } from './imports.ts';

const SOURCES = /\.(ts|mts|js|mjs)$/;

describe('the repository', () => {
  const files = readFiles(['src', 'spec', 'conformance', 'corpus', 'scripts'], (path) => SOURCES.test(path));

  test('no file imports what its room may not', () => {
    expect(files.flatMap(({ path, text }) => checkFile(path, text))).toEqual([]);
  });

  test('the walk sees files and their imports', () => {
    expect(files.map(({ path }) => path)).toContain('src/model/presentation.ts');
    const imports = files.reduce((sum, { text }) => sum + findImports(text).length, 0);
    expect(imports).toBeGreaterThan(files.length / 2);
  });

  test('the table names rooms that exist and points upwards only', () => {
    expect(checkTable()).toEqual([]);
  });

  test('the suite and the packager do not know each other', () => {
    const source = new Set(ROOMS.filter(({ paths }) => paths.some((place) => place.startsWith('src/'))).map(({ name }) => name));
    const stranger = ROOMS.filter(({ name }) => name === 'conformance' || name === 'corpus' || name === 'spec');
    expect(stranger.flatMap(({ imports, types }) => [...imports, ...types]).filter((name) => source.has(name))).toEqual([]);
  });
});

// Each row is a mistake that somebody could make; the words are put together here so that these lines are no imports.
const IMPORT = 'import';
const REQUIRE = 'require';
const FORBIDDEN: readonly (readonly [path: string, text: string, reason: RegExp])[] = [
  ['conformance/run.ts', `${IMPORT} { toHns } from '../src/time.ts';`, /:1: conformance does not import time/],
  ['conformance/checks/mpd.ts', `${IMPORT} type { Codec } from '../../src/model/codec.ts';`, /conformance does not import model/],
  ['conformance/checks/mpd.ts', `const x = await ${IMPORT}('../../src/time.ts');`, /conformance does not import time/],
  ['conformance/checks/mpd.ts', `type T = ${IMPORT}('../../src/time.ts').Ticks;`, /conformance does not import time/],
  ['conformance/checks/mpd.ts', `${IMPORT} '../../src/cli.ts';`, /conformance does not import cli/],
  ['conformance/checks/mpd.ts', `const x = ${REQUIRE}('../../src/time.ts');`, /conformance does not import time/],
  ['conformance/checks/mpd.test.ts', `${IMPORT} { toHns } from '../../src/time.ts';`, /conformance does not import time/],
  ['conformance/checks/mpd.ts', `export { toHns } from '../../src/time.ts';`, /conformance does not import time/],
  ['conformance/checks/mpd.ts', `export * from '../../src/time.ts';`, /conformance does not import time/],
  ['conformance/checks/mpd.ts', `\n${IMPORT} {\n  toHns,\n  type Ticks,\n} from '../../src/time.ts';`, /:2: conformance does not import time/],
  ['corpus/make.ts', `${IMPORT} { replay } from '../conformance/player/replay.ts';`, /corpus does not import conformance/],
  ['corpus/make.test.ts', `${IMPORT} { toHns } from '../src/time.ts';`, /corpus does not import time/],
  ['corpus/make.ts', `${IMPORT} { z } from 'zod';`, /corpus does not import the package zod/],
  ['spec/truth.ts', `${IMPORT} { ERRORS } from '../src/errors.ts';`, /spec does not import errors/],
  ['src/model/cuts.ts', `${IMPORT} { Reader } from '../bytes.ts';`, /model does not import bytes/],
  ['src/model/cuts.ts', `${IMPORT} { readFile } from 'node:fs/promises';`, /model imports no module of Node/],
  ['src/manifest/dash.ts', `${IMPORT} type { Asset } from '../asset/open.ts';`, /manifest does not import asset/],
  ['src/mpegts/psi.ts', `${IMPORT} { writeInit } from '../isobmff/init.ts';`, /mpegts does not import isobmff/],
  ['src/isobmff/movie.ts', `${IMPORT} { isSync } from '../model/samples.ts';`, /only types of model/],
  ['src/isobmff/movie.ts', `${IMPORT} { isSync, type SampleTable } from '../model/samples.ts';`, /only types of model/],
  ['src/asset/open.ts', `${IMPORT} { FORMATS } from '../formats.ts';`, /asset does not import formats/],
  ['src/storage/s3.ts', `${IMPORT} { toHns } from '../time.ts';`, /storage does not import time/],
  ['src/origin/url.ts', `${IMPORT} { writeMaster } from '../manifest/hls.ts';`, /origin does not import manifest/],
  ['src/origin/url.ts', `${IMPORT} fs from 'fs';`, /written node:fs/],
  ['src/origin/url.ts', `${IMPORT} x from 'express';`, /the package express/],
  ['src/origin/url.ts', `${IMPORT} { rig } from './testing.ts';`, /a test is imported outside tests/],
  ['src/origin/url.ts', `${IMPORT} { x } from '../../conformance/run.ts';`, /origin does not import conformance/],
  ['src/origin/url.test.ts', `${IMPORT} { x } from '../../conformance/run.ts';`, /origin does not import conformance/],
  ['src/origin/url.ts', `${IMPORT} { x } from '/srv/isomer/src/errors.ts';`, /absolute path/],
  ['src/other/url.ts', `${IMPORT} { x } from './x.ts';`, /no room/],
  ['src/origin/url.ts', `${IMPORT} { x } from '../other.ts';`, /src\/other\.ts lies in no room/],
];

const ALLOWED: readonly (readonly [path: string, text: string])[] = [
  ['src/isobmff/movie.ts', `${IMPORT} type { SampleTable } from '../model/samples.ts';`],
  ['src/isobmff/movie.ts', `${IMPORT} { type SampleTable, type Run } from '../model/samples.ts';`],
  ['src/isobmff/movie.test.ts', `${IMPORT} { isSync } from '../model/samples.ts';\n${IMPORT} fc from 'fast-check';`],
  ['src/formats.ts', `${IMPORT} { planFmp4 } from './formats/fmp4.ts';`],
  ['src/cli.ts', `${IMPORT} { createServer } from './origin/server.ts';`],
  ['corpus/make.ts', `${IMPORT} type { Truth } from '../spec/truth.ts';\n${IMPORT} { spawn } from 'node:child_process';`],
  ['conformance/run.ts', `${IMPORT} { features } from '../spec/features.ts';\n${IMPORT} { Parser } from 'm3u8-parser';`],
];

describe('the check itself', () => {
  test.each(FORBIDDEN)('%s: %s', (path, text, reason) => {
    const complaints = checkFile(path, text);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toMatch(reason);
  });

  test.each(ALLOWED)('allowed: %s: %s', (path, text) => expect(checkFile(path, text)).toEqual([]));

  test('a table with a cycle, an unknown name or a double is refused', () => {
    const row = (name: string, imports: readonly string[]): Room => ({ name, paths: [`src/${name}/`], imports, types: [], node: false, packages: [] });
    expect(checkTable([row('a', ['b']), row('b', ['a'])])).toEqual(['a imports b, which does not stand above it']);
    expect(checkTable([row('a', ['c'])])).toEqual(['a names c, which is no room']);
    expect(checkTable([row('a', []), row('a', [])])).toContain('a room is listed twice');
  });

  test('the longest path decides the room', () => {
    expect(roomOf('src/formats.ts')?.name).toBe('formats');
    expect(roomOf('src/formats/fmp4.ts')?.name).toBe('formats');
    expect(roomOf('src/formatsx.ts')).toBeNull();
    expect(roomOf('src/time.test.ts')?.name).toBe('time');
    expect(roomOf('src/origin/server.e2e.test.ts')?.name).toBe('origin');
  });
});
