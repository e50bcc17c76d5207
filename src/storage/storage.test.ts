import { mkdtemp, mkdir, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { openFileStorage } from './file.ts';
import { createMemoryStorage } from './memory.ts';
import type { Storage } from './storage.ts';

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof IsomerError ? error.code : String(error);
  }
};

let outside: string;
let root: string;
beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), 'isomer-storage-'));
  root = join(outside, 'root');
  await mkdir(join(root, 'folder/inner'), { recursive: true });
  await writeFile(join(outside, 'secret'), 'secret');
  await writeFile(join(root, 'folder/a.bin'), Uint8Array.of(0, 1, 2, 3, 4, 5));
  await symlink(join(outside, 'secret'), join(root, 'folder/leak'));
  await symlink(outside, join(root, 'up'));
  await symlink('a.bin', join(root, 'folder/alias'));
  await symlink('nowhere', join(root, 'folder/dangling'));
  await symlink('folder', join(root, 'folder-link'));
  await symlink('loop', join(root, 'loop'));
  await symlink('root', join(outside, 'root-link'));
});
afterAll(() => rm(outside, { recursive: true }));

const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5);
const kinds: readonly (readonly [string, () => Promise<Storage>])[] = [
  ['file', () => openFileStorage(root)],
  ['memory', () => Promise.resolve(createMemoryStorage({ 'folder/a.bin': bytes, 'folder/alias': bytes, 'folder/inner/x': bytes }))],
];

describe.each(kinds)('%s storage', (_, make) => {
  it('reads ranges exactly and refuses what lies outside', async () => {
    const source = await (await make()).open('folder/a.bin');
    const target = new Uint8Array(3);
    await source.read(2, target);
    expect([...target]).toEqual([2, 3, 4]);
    expect(await codeOf(source.read(4, target))).toBe('MPE_STORAGE_INVALID_RANGE');
    expect(await codeOf(source.read(-1, target))).toBe('MPE_STORAGE_INVALID_RANGE');
    await source.close();
  });

  it('lists folders by name', async () => {
    const storage = await make();
    expect((await storage.list('folder'))?.map(({ name, kind }) => [name, kind])).toEqual([['a.bin', 'file'], ['alias', 'file'], ['inner', 'folder']]);
    expect(await storage.list('nothing')).toBeNull();
  });

  it('keeps to limits', async () => {
    const storage = await make();
    expect([...(await storage.readAll('folder/a.bin', 6))]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await codeOf(storage.readAll('folder/a.bin', 5))).toBe('ISOMER_MP4_LIMIT');
  });

  it.each(['../secret', 'folder/../../secret', '/etc/passwd', 'folder//a.bin', './folder/a.bin', 'folder\\a.bin', 'C:/x', 'folder/a.bin\0.mp4', '..'])('refuses %j', async (path) => {
    expect(await codeOf((await make()).open(path))).toBe('MPE_STORAGE_BAD_URL_SYNTAX');
  });

  it.each(['folder', 'folder/missing', 'folder/a.bin/x', `folder/${'x'.repeat(5000)}`])('finds no file at %s', async (path) => {
    expect(await codeOf((await make()).open(path))).toBe('MPE_STORAGE_RESOURCE_NOT_FOUND');
  });
});

describe('file storage', () => {
  it('does not follow links out of the root, and says nothing of what is there', async () => {
    const storage = await openFileStorage(root);
    for (const path of ['folder/leak', 'up/secret', 'up/root/folder/../secret']) expect(await codeOf(storage.open(path))).toMatch(/NOT_FOUND|BAD_URL/);
    const error = await storage.open('folder/leak').catch((caught: unknown) => caught);
    expect(JSON.stringify([(error as Error).message, (error as IsomerError).detail])).not.toContain(outside);
  });

  it('follows links that stay inside, also over folders and to the root itself', async () => {
    const storage = await openFileStorage(join(outside, 'root-link'));
    for (const path of ['folder/alias', 'folder-link/a.bin', 'folder-link/alias']) {
      const source = await storage.open(path);
      const target = new Uint8Array(6);
      await source.read(0, target);
      expect(target).toEqual(bytes);
      await source.close();
    }
    expect(await codeOf(storage.open('folder-link/leak'))).toBe('MPE_STORAGE_RESOURCE_NOT_FOUND');
    expect(await codeOf(storage.open('loop/a.bin'))).toBe('MPE_STORAGE_RESOURCE_NOT_FOUND');
  });

  it('leaves no descriptor open where it refuses', async () => {
    const storage = await openFileStorage(root);
    const open = async (): Promise<number> => (process.platform === 'linux' ? (await readdir('/proc/self/fd')).length : 0);
    const before = await open();
    for (let i = 0; i < 20; i++) for (const path of ['folder/leak', 'up/secret', 'folder', 'folder/missing']) await codeOf(storage.open(path));
    expect((await open()) - before).toBeLessThan(20);
  });

  it('notices a file that shrinks while it is open', async () => {
    const path = join(root, 'shrinks');
    await writeFile(path, Buffer.alloc(100));
    const source = await (await openFileStorage(root)).open('shrinks');
    await truncate(path, 10);
    expect(await codeOf(source.read(0, new Uint8Array(100)))).toBe('MPE_STORAGE_PRECONDITION_FAILED');
    await source.close();
  });

  it('gives a changed file another version', async () => {
    const storage = await openFileStorage(root);
    await writeFile(join(root, 'v'), 'one');
    const first = await storage.open('v');
    await writeFile(join(root, 'v'), 'three');
    const second = await storage.open('v');
    expect(first.version).not.toBe(second.version);
    await Promise.all([first.close(), second.close()]);
  });
});
