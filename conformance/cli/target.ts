/** What the commands that meet a subject share. */
import { existsSync, readFileSync } from 'node:fs';
import { SuiteFault } from '../fault.ts';
import type { ManifestTarget } from '../trace.ts';
import type { ChoiceOptions } from './options.ts';

export function chosen(manifests: readonly ManifestTarget[], { assets = [], formats = [] }: ChoiceOptions): readonly ManifestTarget[] {
  const left = manifests.filter(({ asset, format }) => (assets.length === 0 || assets.includes(asset)) && (formats.length === 0 || formats.includes(format)));
  if (left.length === 0) throw new SuiteFault('usage', 'no manifest is of these assets and outputs');
  return left;
}

export function suiteVersion(): string {
  for (const place of ['../../package.json', '../../../package.json']) {
    const file = new URL(place, import.meta.url);
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
  return 'unknown';
}
