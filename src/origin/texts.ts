/**
 * Manifests and playlists that were made, ready to send, compressed forms included. A text is a function of what its
 * ETag names, so the tag is the key; the presentation stands beside it because versions are unique within an asset only.
 */
import { createMemory } from '../formats/memory.ts';
import type { Presentation } from '../model/presentation.ts';

export type TextCache = {
  /** The bytes kept for `tag`, else those of `make`, which are kept when they are not too large. Concurrent misses each make. */
  take(presentation: Presentation, tag: string, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  readonly bytes: number;
};

/** One text above this share would drive all others out. */
const MAX_SHARE = 8;

/** `maxBytes`: all texts together. A two-hour playlist has about 100 KB. */
export function createTextCache(maxBytes: number): TextCache {
  const memory = createMemory(maxBytes, maxBytes / MAX_SHARE);
  return {
    take: (presentation, tag, make) => memory.get(presentation, tag, make, ({ length }) => length),
    get bytes() {
      return memory.bytes;
    },
  };
}
