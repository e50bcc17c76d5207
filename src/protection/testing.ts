/** Common Encryption by the letter, sample by sample and block by block: what the fast forms must equal, and its reverse. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Pattern } from './cbcs.ts';
import type { SubsampleMap } from './subsamples.ts';

type Range = { readonly at: number; readonly bytes: number };

/** Protected ranges of each sample. */
function rangesOf(sizes: Uint32Array, map: SubsampleMap | null): Range[][] {
  let start = 0;
  let entry = 0;
  return Array.from(sizes, (size, i) => {
    const ranges: Range[] = [];
    if (map === null) ranges.push({ at: start, bytes: size });
    else {
      let at = start;
      for (const end = entry + map.counts[i]; entry < end; entry++) {
        at += map.clear[entry];
        ranges.push({ at, bytes: map.protectedBytes[entry] });
        at += map.protectedBytes[entry];
      }
    }
    start += size;
    return ranges;
  });
}

/** AES-CTR: the same both ways. `ivBytes` is 8 or 16. */
export function naiveCenc(payload: Uint8Array, sizes: Uint32Array, map: SubsampleMap | null, key: Uint8Array, ivs: Uint8Array, ivBytes = 8): Uint8Array {
  const out = Buffer.from(payload);
  rangesOf(sizes, map).forEach((ranges, i) => {
    const counter = Buffer.alloc(16);
    counter.set(ivs.subarray(ivBytes * i, ivBytes * (i + 1)));
    const cipher = createCipheriv('aes-128-ctr', key, counter);
    for (const { at, bytes } of ranges) out.set(cipher.update(out.subarray(at, at + bytes)), at);
  });
  return out;
}

export function naiveCbcs(direction: 'encrypt' | 'decrypt', payload: Uint8Array, sizes: Uint32Array, map: SubsampleMap | null, key: Uint8Array, iv: Uint8Array, { crypt, skip }: Pattern): Uint8Array {
  const out = Buffer.from(payload);
  for (const { at, bytes } of rangesOf(sizes, map).flat()) {
    const cipher = (direction === 'encrypt' ? createCipheriv : createDecipheriv)('aes-128-cbc', key, iv).setAutoPadding(false);
    for (let block = 0; 16 * (block + 1) <= bytes; block++) {
      if (skip > 0 && block % (crypt + skip) >= crypt) continue;
      const place = at + 16 * block;
      out.set(cipher.update(out.subarray(place, place + 16)), place);
    }
  }
  return out;
}
