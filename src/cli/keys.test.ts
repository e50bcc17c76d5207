import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAccount } from '../policy/account.ts';
import { readMasterKey, readStoredKey } from '../protection/contentkey.ts';
import { parseGuid } from '../protection/guid.ts';
import type { CliDeps } from './deps.ts';
import { newContentKey, newMasterKey, sealContentKeys } from './keys.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-keys-'));
});
afterAll(() => rm(folder, { recursive: true }));

let said = '';
const deps: CliDeps = { out: (text) => void (said += text), err: (text) => void (said += text), environment: {}, now: () => 0, stopped: () => Promise.resolve(''), interactive: false };
const saying = async (command: Promise<number>): Promise<string> => {
  expect(await command).toBe(0);
  const text = said;
  said = '';
  return text;
};

test('a master key is made once, for its owner alone, and not shown', async () => {
  const file = join(folder, 'master.key');
  const text = await saying(newMasterKey({ file }, deps));
  const stored = await readFile(file, 'utf8');
  expect([readMasterKey(stored, file).length, (await stat(file)).mode & 0o777, text.includes(stored.trim())]).toEqual([32, 0o600, false]);
  await expect(newMasterKey({ file }, deps)).rejects.toThrow(/EEXIST/);
  expect(await readFile(file, 'utf8')).toBe(stored);
});

test('a new content key is an entry of a locator, plain or sealed', async () => {
  const masterKey = join(folder, 'master.key');
  const master = readMasterKey(await readFile(masterKey, 'utf8'), '');
  const values = new Set<string>();
  for (const [label, file] of [['cencKeyDefault', null], [null, masterKey]] as const) {
    const entry = JSON.parse(await saying(newContentKey({ label, masterKey: file }, deps))) as { id: string; value: string; labelReferenceInStreamingPolicy?: string };
    expect([entry.labelReferenceInStreamingPolicy ?? null, entry.value.startsWith('sealed:')]).toEqual([label, file !== null]);
    values.add(Buffer.from(readStoredKey(parseGuid(entry.id), entry.value, master).reveal()).toString('hex'));
  }
  expect(values.size).toBe(2);
});

test('the keys of isomer.json are sealed in place, all else stays, and a second run changes nothing', async () => {
  const masterKey = join(folder, 'master.key');
  const master = readMasterKey(await readFile(masterKey, 'utf8'), '');
  const file = join(folder, 'isomer.json');
  const ids = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
  // Both have the same value: what is stored must differ even so.
  const plain = Buffer.alloc(16, 5).toString('base64');
  const account = {
    streamingLocators: [{ name: 'film', properties: { assetName: 'film', streamingPolicyName: 'Predefined_ClearKey', contentKeys: [...ids.map((id) => ({ id, value: plain })), { id: ids[0].replace(/1$/, '3') }] } }],
    accountFilters: [{ name: 'late', properties: { presentationTimeRange: { endTimestamp: 1 } } }],
  };
  await writeFile(file, JSON.stringify(account).replace('"endTimestamp":1', '"endTimestamp":17000000000000123'), { mode: 0o640 });
  expect(await saying(sealContentKeys({ root: folder, masterKey }, deps))).toBe('isomer.json: sealed 2 content keys\n');
  const text = await readFile(file, 'utf8');
  expect([text.includes(plain), text.includes('17000000000000123'), (await stat(file)).mode & 0o777]).toEqual([false, true, 0o640]);
  const { contentKeys } = readAccount(Buffer.from(text), 'isomer.json', () => undefined).locators.get('film') ?? {};
  const stored = (contentKeys ?? []).map(({ id, value }) => (value == null ? null : Buffer.from(readStoredKey(parseGuid(id), value, master).reveal()).toString('base64')));
  expect([stored, new Set(contentKeys?.map(({ value }) => value)).size]).toEqual([[plain, plain, null], 3]);
  expect(await saying(sealContentKeys({ root: folder, masterKey }, deps))).toBe('isomer.json: every content key is sealed already\n');
  expect(await readFile(file, 'utf8')).toBe(text);

  const other = join(folder, 'other.key');
  await saying(newMasterKey({ file: other }, deps));
  await expect(sealContentKeys({ root: folder, masterKey: other }, deps)).rejects.toThrow(/what this master key sealed/);
  expect([await readFile(file, 'utf8'), (await readdir(folder)).filter((name) => name.endsWith('.new'))]).toEqual([text, []]);
});
