import { describe, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { createMemoryStorage, type MemoryStorage } from '../storage/memory.ts';
import { createFileCatalog, type FileCatalog } from './catalog.ts';

const ID = '21b17732-0112-4d76-b526-763dcd843449';
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const filter = (name: string, bitrate: string): unknown => ({ name, properties: { tracks: [{ trackSelections: [{ property: 'Bitrate', operation: 'Equal', value: bitrate }] }] } });
const account = (more: object = {}, ...filters: readonly unknown[]): Uint8Array =>
  bytes({ streamingLocators: [{ name: 'ignite', properties: { assetName: 'films/ignite', streamingPolicyName: 'Predefined_ClearStreamingOnly', streamingLocatorId: ID, ...more } }], accountFilters: filters });

type Rig = { readonly catalog: FileCatalog; readonly storage: MemoryStorage; readonly notes: string[]; readonly looks: () => number; pass(ms: number): void };

async function rig(files: Readonly<Record<string, Uint8Array>>): Promise<Rig> {
  let time = Date.UTC(2026, 0, 1);
  let looks = 0;
  const notes: string[] = [];
  const storage = createMemoryStorage(files, (_, operation) => {
    if (operation === 'open') looks++;
  });
  const catalog = await createFileCatalog({ storage, revalidateMs: 2000, now: () => time, note: (note) => void notes.push(note) });
  return { catalog, storage, notes, looks: () => looks, pass: (ms) => void (time += ms) };
}

const folderOf = async ({ catalog }: Rig, locator: string): Promise<string | undefined> => (await catalog.resolve({ locator: locator.split('/') }))?.folder;
const bitrateOf = async ({ catalog }: Rig, name: string, locator = 'ignite'): Promise<string | undefined> => (await catalog.resolve({ locator: locator.split('/') }))?.findFilter(name)?.tracks[0]?.trackSelections[0]?.value;
const errorOf = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'none', (error: unknown) => (error instanceof IsomerError ? `${error.status} ${error.contractCode} ${error.code}` : String(error)));

describe('with isomer.json', () => {
  test('locators are found by name and, in any case, by id; folders are not published', async () => {
    const all = await rig({ 'isomer.json': account() });
    expect(await folderOf(all, 'ignite')).toBe('films/ignite');
    expect(await folderOf(all, ID.toUpperCase())).toBe('films/ignite');
    expect(await folderOf(all, 'films/ignite')).toBeUndefined();
    expect(await folderOf(all, 'Predefined_ClearStreamingOnly')).toBeUndefined();
    expect(await folderOf(all, '__proto__')).toBeUndefined();
  });

  test('not yet and not any more, to the millisecond', async () => {
    const all = await rig({ 'isomer.json': account({ startTime: '2026-01-01T00:00:10Z', endTime: '2026-01-01T00:00:20Z' }) });
    all.pass(9999);
    expect(await errorOf(folderOf(all, 'ignite'))).toBe('404 MPE_UNAUTHORIZED ISOMER_LOCATOR_NOT_YET');
    all.pass(1);
    expect(await folderOf(all, 'ignite')).toBe('films/ignite');
    all.pass(9999);
    expect(await folderOf(all, 'ignite')).toBe('films/ignite');
    all.pass(1);
    expect(await errorOf(folderOf(all, 'ignite'))).toBe('404 MPE_UNAUTHORIZED ISOMER_LOCATOR_EXPIRED');
  });

  test('an asset’s filter comes before the account’s of the same name', async () => {
    const all = await rig({ 'isomer.json': account({}, filter('a', '1'), filter('b', '2')), 'films/ignite/asset.json': bytes({ assetFilters: [filter('b', '3'), filter('c', '4')] }) });
    expect(await Promise.all(['a', 'b', 'c', 'd'].map((name) => bitrateOf(all, name)))).toEqual(['1', '3', '4', undefined]);
  });

  test('a filter that cannot be used throws when it is asked for', async () => {
    const all = await rig({ 'isomer.json': account({}, filter('a', 'many')) });
    expect(all.notes).toEqual([expect.stringContaining('isomer.json: a track selection of the filter cannot be used: filter a at tracks[0].trackSelections[0].value')]);
    expect(await errorOf(bitrateOf(all, 'a'))).toBe('415 MPE_FILTER_TRACK_ATTRIBUTE_INVALID MPE_FILTER_TRACK_ATTRIBUTE_INVALID');
  });

  test('a bad file stops the start', async () => {
    expect(await errorOf(rig({ 'isomer.json': bytes('{') }))).toBe('500 ISOMER_POLICY_FILE ISOMER_POLICY_FILE');
    expect(await errorOf(rig({ 'isomer.json': new Uint8Array(8 * 1024 * 1024 + 1) }))).toBe('500 ISOMER_POLICY_FILE ISOMER_POLICY_FILE');
  });

  test('changes are seen after the interval, and no look is taken before', async () => {
    const all = await rig({ 'isomer.json': account() });
    await folderOf(all, 'ignite');
    const before = all.looks();
    all.storage.put('isomer.json', account({ assetName: 'films/other' }));
    await Promise.all(Array.from({ length: 50 }, () => folderOf(all, 'ignite')));
    expect([await folderOf(all, 'ignite'), all.looks()]).toEqual(['films/ignite', before]);
    all.pass(2000);
    const found = await Promise.all(Array.from({ length: 50 }, () => folderOf(all, 'ignite')));
    expect(new Set(found)).toEqual(new Set(['films/other']));
    // One for the account's file, one for the new folder's.
    expect(all.looks()).toBe(before + 2);
    expect(all.storage.opened).toBe(0);
  });

  test('a change that cannot be used, and a file that vanishes, leave what was good', async () => {
    const all = await rig({ 'isomer.json': account() });
    all.storage.put('isomer.json', bytes('{"streamingLocators": [{}]}'));
    for (let i = 0; i < 3; i++) {
      all.pass(2000);
      expect(await folderOf(all, 'ignite')).toBe('films/ignite');
    }
    expect(all.notes).toEqual([expect.stringMatching(/isomer\.json: streamingLocators\[0\].*the content before stays in use/)]);
    all.storage.remove('isomer.json');
    all.pass(2000);
    expect([await folderOf(all, 'ignite'), await folderOf(all, 'films/ignite')]).toEqual(['films/ignite', undefined]);
    expect(all.notes).toHaveLength(2);
    all.storage.put('isomer.json', account({ assetName: 'films/third' }));
    all.pass(2000);
    expect(await folderOf(all, 'ignite')).toBe('films/third');
  });
});

describe('without isomer.json', () => {
  test('folders are locators, hidden ones are not', async () => {
    const all = await rig({});
    expect(await folderOf(all, 'films/ignite')).toBe('films/ignite');
    expect(await folderOf(all, 'films/.hidden')).toBeUndefined();
    expect((await all.catalog.resolve({ locator: ['films'] }))?.policy.name).toBe('Predefined_ClearStreamingOnly');
  });

  test('asset.json gives filters; without it, or when it goes, there are none', async () => {
    const all = await rig({ 'films/ignite/asset.json': bytes({ assetFilters: [filter('a', '1')] }) });
    expect(await bitrateOf(all, 'a', 'films/ignite')).toBe('1');
    expect(await bitrateOf(all, 'a', 'films/other')).toBeUndefined();
    all.storage.put('films/ignite/asset.json', bytes({ assetFilters: [filter('a', '2')] }));
    all.pass(2000);
    expect(await bitrateOf(all, 'a', 'films/ignite')).toBe('2');
    all.storage.remove('films/ignite/asset.json');
    all.pass(2000);
    expect(await bitrateOf(all, 'a', 'films/ignite')).toBeUndefined();
  });

  test('a bad asset.json stops its asset alone', async () => {
    const all = await rig({ 'films/ignite/asset.json': bytes('{"filters": []}') });
    expect(await errorOf(folderOf(all, 'films/ignite'))).toBe('500 ISOMER_POLICY_FILE ISOMER_POLICY_FILE');
    expect(await folderOf(all, 'films/other')).toBe('films/other');
  });

  test('a locator file that appears takes over', async () => {
    const all = await rig({});
    all.storage.put('isomer.json', account());
    expect(await folderOf(all, 'films/ignite')).toBe('films/ignite');
    all.pass(2000);
    expect([await folderOf(all, 'films/ignite'), await folderOf(all, 'ignite')]).toEqual([undefined, 'films/ignite']);
  });

  test('many folders are not all remembered', async () => {
    const all = await rig({ 'f0/asset.json': bytes({ assetFilters: [filter('a', '1')] }) });
    for (let i = 0; i < 1500; i++) await folderOf(all, `f${i}`);
    const before = all.looks();
    await folderOf(all, 'f1499');
    expect(all.looks()).toBe(before);
    await folderOf(all, 'f0');
    expect(all.looks()).toBe(before + 1);
  });
});
