/** Small files at once, for storages of every kind. */
import { tooLarge } from './paths.ts';
import type { Source } from './storage.ts';

/** Rejects with ISOMER_MP4_LIMIT beyond `limit` bytes. */
export async function readWhole(open: (path: string) => Promise<Source>, path: string, limit: number): Promise<Uint8Array> {
  const source = await open(path);
  try {
    if (source.size > limit) throw tooLarge(path, limit, source.size);
    const bytes = new Uint8Array(source.size);
    await source.read(0, bytes);
    return bytes;
  } finally {
    await source.close();
  }
}
