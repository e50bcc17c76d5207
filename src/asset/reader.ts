/** The way a movie is read from a source: from the index cache when it is fresh, else from the file, and then cached. */
import { readMovie, type Movie } from '../isobmff/movie.ts';
import type { Source } from '../storage/storage.ts';
import type { SidecarCache } from './sidecar.ts';

export function createMovieReader(cache: SidecarCache | null): (path: string, source: Source) => Promise<Movie> {
  return async (path, source) => {
    const stored = await cache?.load(path, source);
    if (stored !== undefined && stored !== null) return stored;
    const movie = await readMovie(async (offset, length, target = new Uint8Array(length)) => {
      await source.read(offset, target);
      return target;
    }, source.size);
    await cache?.store(path, source, movie);
    return movie;
  };
}
