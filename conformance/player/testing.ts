/** What the end-to-end tests of this folder share. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Truth } from '../../spec/truth.ts';
import type { ReplayTruth } from './model.ts';
import { replayTruth } from './truth.ts';

export const CORPUS = fileURLToPath(new URL('../../corpus/.assets/', import.meta.url));
export const ORIGIN_ENTRY = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

export type CorpusAsset = { readonly id: string; readonly manifest: string; readonly truth: ReplayTruth };

export async function readCorpusAsset(id: string): Promise<CorpusAsset> {
  const truth = Truth.parse(JSON.parse(await readFile(`${CORPUS}${id}/truth.json`, 'utf8')));
  return { id, manifest: truth.manifest, truth: replayTruth(truth) };
}

export type Gate = {
  /** Runs when one of the places is free. */
  one<T>(work: () => Promise<T>): Promise<T>;
  /** Runs with all places taken. */
  alone<T>(work: () => Promise<T>): Promise<T>;
};

/** Lets a few run at a time: a browser that has to share two cores with many drops pictures. */
export function createGate(width: number): Gate {
  let free = width;
  const waiting: { readonly places: number; readonly enter: () => void }[] = [];
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined && next.places <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.places;
      next.enter();
    }
  };
  const run = async <T>(places: number, work: () => Promise<T>): Promise<T> => {
    await new Promise<void>((resolve) => {
      waiting.push({ places, enter: resolve });
      admit();
    });
    try {
      return await work();
    } finally {
      free += places;
      admit();
    }
  };
  return { one: (work) => run(1, work), alone: (work) => run(width, work) };
}
