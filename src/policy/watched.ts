/** A small stored file that is read again when it changes. */
import { IsomerError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';

export type WatchOptions<T> = {
  readonly storage: Storage;
  readonly path: string;
  /** Bytes. */
  readonly limit: number;
  /** Time between looks at the file, in milliseconds. */
  readonly revalidateMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly read: (bytes: Uint8Array) => T;
  /** What no file means; `keepGone`: only until there was one, since a file that is being replaced must not open doors. */
  readonly absent: T;
  readonly keepGone: boolean;
  readonly note: (message: string) => void;
};

/** The content, at most `revalidateMs` old. A change that cannot be used leaves the last good content; without one it rejects. */
export function watchFile<T>({ storage, path, limit, revalidateMs, now, read, absent, keepGone, note }: WatchOptions<T>): () => Promise<T> {
  let good: { readonly value: T; readonly stored: boolean } | null = null;
  let failure: unknown = null;
  /** Of the file as last seen, good or bad; null: there was none. */
  let version: string | null | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | null = null;

  const fail = (error: unknown): void => {
    failure = error;
    note(`${error instanceof IsomerError ? error.message : `${path} cannot be read`}${good === null ? '' : '; the content before stays in use'}`);
  };
  const look = async (): Promise<void> => {
    const source = await storage.open(path).catch((error: unknown) => {
      if (error instanceof IsomerError && (error.kind === 'not-found' || error.kind === 'bad-request')) return null;
      throw error;
    });
    if (source === null) {
      if (version === null) return;
      version = null;
      if (keepGone && good?.stored === true) return fail(new IsomerError('ISOMER_POLICY_FILE', { where: path, expected: 'the file that was there', found: 'none' }));
      [good, failure] = [{ value: absent, stored: false }, null];
      return;
    }
    try {
      if (source.version === version) return;
      version = source.version;
      if (source.size > limit) throw new IsomerError('ISOMER_POLICY_FILE', { where: path, expected: `at most ${limit} bytes`, found: `${source.size}` });
      const bytes = new Uint8Array(source.size);
      await source.read(0, bytes);
      [good, failure] = [{ value: read(bytes), stored: true }, null];
    } catch (error) {
      fail(error);
    } finally {
      await source.close();
    }
  };

  return async () => {
    if (now() - checkedAt >= revalidateMs) {
      looking ??= look()
        .catch((error: unknown) => {
          version = undefined;
          fail(error);
        })
        .finally(() => {
          checkedAt = now();
          looking = null;
        });
      await looking;
    }
    if (good === null) throw failure;
    return good.value;
  };
}
