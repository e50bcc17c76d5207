/** One damaged asset per number: which form, which of its files, and what happens to them. */
import { damageBoxes } from './boxtree.ts';
import { randomOf } from './random.ts';
import type { Files, Seed } from './seeds.ts';
import { damageXml } from './xmldamage.ts';

export type Case = { readonly seed: Seed; readonly files: Files; readonly stored: boolean };

export function caseOf(seeds: readonly Seed[], run: number, index: number): Case {
  const random = randomOf(run, index);
  const seed = seeds[index % seeds.length];
  const files: Record<string, Uint8Array> = { ...seed.files };
  for (let n = random.chance(0.2) ? 2 : 1; n > 0; n--) {
    const path = random.pick(Object.keys(files));
    const kind = random.below(100);
    if (kind === 0) delete files[path];
    else if (kind === 1) files[path] = new Uint8Array(0);
    else if (kind === 2) files[path] = files[random.pick(Object.keys(files))];
    else files[path] = /\.ismc?$/.test(path) ? damageXml(files[path], random) : damageBoxes(files[path], random);
    if (Object.keys(files).length === 0) break;
  }
  return { seed, files, stored: random.chance(0.04) };
}
