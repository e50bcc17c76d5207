/**
 * Manifests and playlists that were made, ready to send, compressed forms included. A text is a function of what its
 * ETag names, so the tag is the key; the presentation stands beside it because versions are unique within an asset only.
 */
import type { Presentation } from '../model/presentation.ts';

export type TextCache = {
  /** The bytes kept for `tag`, else those of `make`, which are kept when they are not too large. Concurrent misses each make. */
  take(presentation: Presentation, tag: string, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  readonly bytes: number;
};

/** All texts together, for each process. A two-hour playlist has about 100 KB. */
const MAX_BYTES = 32 * 1024 * 1024;
/** One text above this share would drive all others out. */
const MAX_SHARE = 8;

export function createTextCache(maxBytes = MAX_BYTES): TextCache {
  const numbers = new WeakMap<Presentation, number>();
  let assets = 0;
  /** In order of use: the first goes first. */
  const kept = new Map<string, Uint8Array>();
  let bytes = 0;

  function numberOf(presentation: Presentation): number {
    let number = numbers.get(presentation);
    if (number === undefined) numbers.set(presentation, (number = assets++));
    return number;
  }

  function keep(key: string, text: Uint8Array): void {
    if (text.length > maxBytes / MAX_SHARE || kept.has(key)) return;
    kept.set(key, text);
    bytes += text.length;
    for (const [oldest, dropped] of kept) {
      if (bytes <= maxBytes) return;
      kept.delete(oldest);
      bytes -= dropped.length;
    }
  }

  return {
    async take(presentation, tag, make) {
      const key = `${numberOf(presentation)} ${tag}`;
      const known = kept.get(key);
      if (known !== undefined) {
        kept.delete(key);
        kept.set(key, known);
        return known;
      }
      const made = await make();
      keep(key, made);
      return made;
    },
    get bytes() {
      return bytes;
    },
  };
}
