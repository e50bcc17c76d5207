/** A local folder as storage. Nothing outside the root is ever read, also not through symbolic links. */
import { closeSync, constants, fstatSync, readlinkSync, readSync, type BigIntStats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { IsomerError } from '../errors.ts';
import { openDescriptor, readDescriptor } from './descriptors.ts';
import { joinPath, notFound, outOfRange, pathSegments } from './paths.ts';
import type { Entry, Source, Storage } from './storage.ts';
import { createTurns, createWarmParts } from './warm.ts';
import { readWhole } from './whole.ts';

/** The most that is copied without the thread pool at a time, and in one turn of the event loop: together some milliseconds. */
const AT_ONCE_BYTES = 256 * 1024;
const AT_ONCE_PER_TURN = 32;
const turns = createTurns(AT_ONCE_PER_TURN);

/** Non-blocking, so that a named pipe in an asset cannot hold the opening thread. */
const READ_ONLY = constants.O_RDONLY | constants.O_NONBLOCK;

/** `root` is an absolute path of an existing folder. */
export async function openFileStorage(root: string): Promise<Storage> {
  const base = await realpath(root);
  const inside = (real: string): boolean => real === base || real.startsWith(base.endsWith(sep) ? base : base + sep);
  const placed = await tellsPlaces(base);

  /** The real place of a path, or an error that names the path alone. */
  const locate = async (path: string): Promise<string> => {
    const wanted = join(base, ...pathSegments(path));
    const real = await realpath(wanted).catch((error: unknown) => {
      throw storageError(path, error);
    });
    if (!inside(real)) throw notFound(path);
    return real;
  };

  /**
   * One turn of the thread pool where the kernel tells what place was opened, which no rename in between can forge; two
   * elsewhere, and for a link, whose target is not touched before it is known to lie inside.
   */
  const openInside = async (path: string): Promise<number> => {
    if (placed) {
      const descriptor = await openDescriptor(join(base, ...pathSegments(path)), READ_ONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ELOOP') return null;
        throw storageError(path, error);
      });
      if (descriptor !== null) {
        if (inside(placeOf(descriptor))) return descriptor;
        closeSync(descriptor);
        throw notFound(path);
      }
    }
    const real = await locate(path);
    return openDescriptor(real, READ_ONLY).catch((error: unknown) => {
      throw storageError(path, error);
    });
  };

  const openSource = async (path: string): Promise<Source> => {
    const descriptor = await openInside(path);
    try {
      const facts = fstatSync(descriptor, { bigint: true });
      if (!facts.isFile()) throw notFound(path);
      return makeSource(path, descriptor, facts);
    } catch (error) {
      closeSync(descriptor);
      throw storageError(path, error);
    }
  };

  return {
    open: openSource,
    async list(path) {
      const real = await locate(path).catch((error: unknown) => {
        if (error instanceof IsomerError && error.kind === 'not-found') return null;
        throw error;
      });
      if (real === null) return null;
      const names = await readdir(real).catch((error: unknown) => {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOTDIR' || code === 'ENOENT') return null;
        throw storageError(path, error);
      });
      if (names === null) return null;
      const entries = await Promise.all(names.sort().map((name) => describe(joinPath(path, name), name, locate)));
      return entries.filter((entry) => entry !== null);
    },
    readAll: (path, limit) => readWhole(openSource, path, limit),
  };
}

/** Where an open file lies (Linux: proc(5), /proc/PID/fd); what is not a path of this process is in no folder. */
function placeOf(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}

async function tellsPlaces(base: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const descriptor = await openDescriptor(base, constants.O_RDONLY | constants.O_DIRECTORY).catch(() => null);
  if (descriptor === null) return false;
  const place = placeOf(descriptor);
  closeSync(descriptor);
  return place === base;
}

async function describe(path: string, name: string, locate: (path: string) => Promise<string>): Promise<Entry | null> {
  try {
    const facts = await stat(await locate(path));
    if (facts.isDirectory()) return { name, kind: 'folder', size: 0 };
    return facts.isFile() ? { name, kind: 'file', size: facts.size } : null;
  } catch {
    // A dangling link, a link that leaves the root, or a name that vanished meanwhile: not part of the folder.
    return null;
  }
}

function makeSource(path: string, descriptor: number, facts: BigIntStats): Source {
  const size = Number(facts.size);
  // A number that was closed may be another file's at once: it is closed behind the last read.
  let reading = 0;
  let closed = false;
  const closeUnread = (): void => {
    if (closed && reading === 0) closeSync(descriptor);
  };
  const warm = createWarmParts(size, () => performance.now(), () => process.resourceUsage().fsRead);
  /** Bytes that were read without waiting; 0 where that may not be done. */
  const readAtOnce = (offset: number, target: Uint8Array): number => {
    if (target.length > AT_ONCE_BYTES || !warm.has(offset, target.length) || !turns.take()) return 0;
    const started = performance.now();
    const bytesRead = readSync(descriptor, target, 0, target.length, offset);
    warm.took(performance.now() - started);
    return bytesRead;
  };
  return {
    size,
    version: `${facts.size.toString(16)}-${facts.mtimeNs.toString(16)}`,
    identity: facts.ctimeNs.toString(16),
    async read(offset, target) {
      if (closed) throw storageError(path, new Error(`${path} is read after it was closed`));
      if (offset < 0 || offset + target.length > size) throw outOfRange(path, offset + target.length, size);
      reading++;
      try {
        for (let done = readAtOnce(offset, target); done < target.length; ) {
          const { bytesRead } = await readDescriptor(descriptor, target, done, target.length - done, offset + done);
          if (bytesRead === 0) throw new IsomerError('MPE_STORAGE_PRECONDITION_FAILED', { where: path, expected: `${size} bytes, as when it was opened`, found: `the end at ${offset + done}` });
          done += bytesRead;
          if (done === target.length) warm.mark(offset, target.length);
        }
      } catch (error) {
        throw storageError(path, error);
      } finally {
        reading--;
        closeUnread();
      }
    },
    close() {
      if (closed) return Promise.resolve();
      closed = true;
      closeUnread();
      return Promise.resolve();
    },
  };
}

const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EINVAL']);
const FORBIDDEN = new Set(['EACCES', 'EPERM']);

/** System errors carry absolute paths in their messages; only the code goes on. */
function storageError(path: string, error: unknown): unknown {
  if (error instanceof IsomerError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && MISSING.has(code)) return notFound(path);
  if (code !== undefined && FORBIDDEN.has(code)) return new IsomerError('MPE_STORAGE_AUTHENTICATION_FAILURE', { where: path, found: code }, error);
  return new IsomerError('MPE_STORAGE_INTERNAL_ERROR', { where: path, ...(code === undefined ? {} : { found: code }) }, error);
}
