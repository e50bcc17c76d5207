/** What the end-to-end tests of this folder share. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Truth } from '../../spec/truth.ts';
import { contentOf, type Content } from './content.ts';
import type { ReplayTruth } from './model.ts';
import { replayTruth } from './truth.ts';

export const CORPUS = fileURLToPath(new URL('../../corpus/.assets/', import.meta.url));
export const ORIGIN_ENTRY = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

export type CorpusAsset = { readonly id: string; readonly manifest: string; readonly truth: ReplayTruth };

export async function readCorpusAsset(id: string): Promise<CorpusAsset> {
  const truth = await readTruth(id);
  return { id, manifest: truth.manifest, truth: replayTruth(truth) };
}

/** What players can show of an asset. */
export async function readContent(id: string): Promise<{ readonly manifest: string; readonly content: Content }> {
  const truth = await readTruth(id);
  const content = contentOf(truth);
  if ('unobservable' in content) throw new Error(`${id}: ${content.unobservable}`);
  return { manifest: truth.manifest, content };
}

async function readTruth(id: string): Promise<Truth> {
  return Truth.parse(JSON.parse(await readFile(`${CORPUS}${id}/truth.json`, 'utf8')));
}
