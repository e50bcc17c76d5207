/**
 * Practice before the first request: a movie in memory is opened, indexed and put into manifests by the very code that
 * serves assets, so that it is compiled when somebody waits for it.
 */
import { openAsset } from '../asset/open.ts';
import { createPracticeStorage, PRACTICE } from '../asset/practice.ts';
import { createMovieReader } from '../asset/reader.ts';
import { decodeMovie, encodeMovie, type SidecarCache } from '../asset/sidecar.ts';
import { concatBytes } from '../bytes.ts';
import type { Format } from '../formats.ts';

/** Rounds after which practice changes nothing. */
const MAX_ROUNDS = 8;
const PARAMETERS = { extra: [], audioOnly: true, segmentSuffix: false };

/** Ends soon after `milliseconds` of the clock `now`. */
export async function warmUp(milliseconds: number, formats: readonly Format[], now: () => number): Promise<void> {
  const until = now() + milliseconds;
  const storage = createPracticeStorage();
  for (let round = 0; round < MAX_ROUNDS && now() < until; round++) {
    const readMovie = createMovieReader(memoryCache());
    // Without an index file, then with one.
    for (let opening = 0; opening < 2 && now() < until; opening++) {
      const asset = await openAsset(storage, PRACTICE.folder, PRACTICE.name, { segmentSeconds: 6, readMovie });
      await asset.close();
      if (opening === 0) continue;
      for (const format of formats) {
        if (now() >= until) break;
        await format.prepare?.(asset.presentation);
        format.writeManifest(asset.presentation, { format: format.tags[0], ...PARAMETERS });
      }
    }
  }
}

/** Index files in memory. */
function memoryCache(): SidecarCache {
  const files = new Map<string, Buffer<ArrayBuffer>>();
  return {
    load(path, { size }) {
      const file = files.get(path);
      return Promise.resolve(file === undefined ? null : decodeMovie(file, size));
    },
    store(path, { size }, movie) {
      // With memory of its own: the arrays of an index are aligned to where that begins.
      files.set(path, Buffer.from(concatBytes(encodeMovie(movie, size)).buffer));
      return Promise.resolve();
    },
  };
}
