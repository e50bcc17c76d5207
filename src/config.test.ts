import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { environmentName, flagName, loadConfig, SETTINGS, type Config, type ConfigSources } from './config.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-config-'));
});
afterAll(() => rm(folder, { recursive: true }));

const load = (sources: Partial<ConfigSources>): Promise<Config> => loadConfig({ flags: {}, environment: {}, file: null, ...sources });

async function fileOf(content: unknown): Promise<string> {
  const file = join(folder, 'isomer.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

test('without sources the defaults hold, and each of them is valid', async () => {
  const config = await load({});
  expect(config).toEqual(Object.fromEntries(Object.entries(SETTINGS).map(([key, { fallback }]) => [key, fallback])));
});

test('flags before environment before file before defaults', async () => {
  const file = await fileOf({ port: 1, maxAge: 1, maxAssets: 1 });
  const config = await load({ flags: { port: '3' }, environment: { ISOMER_PORT: '2', ISOMER_MAX_AGE: '2' }, file });
  expect([config.port, config.maxAge, config.maxAssets, config.host]).toEqual([3, 2, 1, '127.0.0.1']);
});

test('names of one setting', () => {
  expect([flagName('maxIndexBytes'), environmentName('maxIndexBytes')]).toEqual(['--max-index-bytes', 'ISOMER_MAX_INDEX_BYTES']);
});

test('paths of the file are relative to it, others to the working folder', async () => {
  const file = await fileOf({ root: 'assets', cacheDir: '' });
  expect(await load({ file })).toMatchObject({ root: join(folder, 'assets'), cacheDir: '' });
  expect(await load({ file, flags: { root: 'films' } })).toMatchObject({ root: 'films' });
});

describe('values', () => {
  test.each([
    ['ISOMER_DEMO', 'true', { demo: true }],
    ['ISOMER_DEMO', '1', { demo: true }],
    ['ISOMER_AUDIO_ONLY', 'false', { audioOnly: false }],
    ['ISOMER_AUDIO_ONLY', '0', { audioOnly: false }],
    ['ISOMER_SEGMENT_SECONDS', '2.5', { segmentSeconds: 2.5 }],
    ['ISOMER_PORT', '0', { port: 0 }],
    ['ISOMER_LOG_LEVEL', 'debug', { logLevel: 'debug' }],
  ])('%s=%s', async (name, value, expected) => {
    expect(await load({ environment: { [name]: value } })).toMatchObject(expected);
  });

  test.each([
    ['ISOMER_PORT', ''],
    ['ISOMER_PORT', ' 80'],
    ['ISOMER_PORT', '0x50'],
    ['ISOMER_PORT', '1e3'],
    ['ISOMER_PORT', '-1'],
    ['ISOMER_PORT', '65536'],
    ['ISOMER_PORT', '80.5'],
    ['ISOMER_DEMO', ''],
    ['ISOMER_DEMO', 'yes'],
    ['ISOMER_SEGMENT_SECONDS', '0.4'],
    ['ISOMER_LOG_LEVEL', 'loud'],
    ['ISOMER_ROOT', ''],
  ])('%s=%j is refused by name and value', async (name, value) => {
    await expect(load({ environment: { [name]: value } })).rejects.toMatchObject({ code: 'ISOMER_CONFIG', detail: { where: name, found: JSON.stringify(value), expected: expect.stringMatching(/./) as string } });
  });

  test.each([[{ port: true }], [{ port: [80] }], [{ port: null }], [{ demo: 1 }], [{ root: 5 }]])('%j in the file is refused', async (content) => {
    await expect(load({ file: await fileOf(content) })).rejects.toMatchObject({ code: 'ISOMER_CONFIG' });
  });
});

describe('slips', () => {
  test('an unknown setting of the file gets a hint', async () => {
    await expect(load({ file: await fileOf({ prot: 1 }) })).rejects.toMatchObject({ detail: { what: 'unknown setting prot', expected: 'port' } });
    await expect(load({ file: await fileOf({ somethingElse: 1 }) })).rejects.toMatchObject({ detail: { expected: expect.stringContaining('one of root, host') as string } });
    await expect(load({ file: await fileOf({ toString: 1 }) })).rejects.toMatchObject({ code: 'ISOMER_CONFIG' });
  });

  test('a variable that is nearly a setting is refused, others are not ours', async () => {
    await expect(load({ environment: { ISOMER_PROT: '1' } })).rejects.toMatchObject({ detail: { expected: 'ISOMER_PORT', found: 'ISOMER_PROT' } });
    await expect(load({ environment: { ISOMER_SCHEMA_DIR: '/x', ISOMER_CONFIG: 'x', ISOMER_TEST_COUNTS: '1', ISOMER_CHROMIUM: 'x', ISOMER_FIREFOX: 'x' } })).resolves.toBeDefined();
  });

  test.each([
    ['{"port":', 'a JSON file'],
    ['[]', 'a JSON object'],
    ['null', 'a JSON object'],
  ])('a file of %s', async (content, expected) => {
    await expect(load({ file: await fileOf(content) })).rejects.toMatchObject({ detail: { expected } });
  });

  test('a file that is not there', async () => {
    await expect(load({ file: join(folder, 'none.json') })).rejects.toMatchObject({ detail: { expected: 'a JSON file', found: 'ENOENT' } });
  });
});
