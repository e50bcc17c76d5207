/** Stored files, one behind the other, read as one: a live archive keeps a header and every fragment in a file of its own. */
import { createHash } from 'node:crypto';
import { joinPath, outOfRange } from './paths.ts';
import type { Entry, Source, Storage } from './storage.ts';

/** Files are opened for each read, so that an archive of thousands holds no descriptors. */
export function concatFiles(storage: Storage, folder: string, entries: readonly Entry[]): Source {
  const starts = new Float64Array(entries.length + 1);
  entries.forEach((entry, i) => (starts[i + 1] = starts[i] + entry.size));
  const size = starts[entries.length];
  const hash = createHash('sha256').update(entries.map((entry) => `${entry.name}\0${entry.size}`).join('\n'));
  return {
    size,
    version: `${entries.length.toString(16)}-${hash.digest('hex').slice(0, 16)}`,
    async read(offset, target) {
      if (offset < 0 || offset + target.length > size) throw outOfRange(folder, offset + target.length, size);
      let part = lastStart(starts, offset);
      for (let done = 0; done < target.length; part++) {
        const within = offset + done - starts[part];
        const length = Math.min(target.length - done, entries[part].size - within);
        if (length === 0) continue;
        const source = await storage.open(joinPath(folder, entries[part].name));
        try {
          await source.read(within, target.subarray(done, done + length));
        } finally {
          await source.close();
        }
        done += length;
      }
    },
    close: () => Promise.resolve(),
  };
}

/** Index of the last start at or before a position. */
function lastStart(starts: Float64Array, position: number): number {
  let low = 0;
  let high = starts.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (starts[middle] <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}
