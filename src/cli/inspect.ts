/** isomer inspect: a stable text dump of what a file, a URL or a server manifest holds. */
import { open, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { openAsset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { IsomerError } from '../errors.ts';
import { segmentCount } from '../model/timeline.ts';
import { openFileStorage } from '../storage/file.ts';
import { describeSets } from './assets.ts';
import type { Command } from './deps.ts';
import { describeBytes, MAX_BYTES } from './describe.ts';

export type InspectArgs = { readonly target: string; readonly segmentSeconds: number };

const FETCH_MS = 30_000;

export const inspect: Command<InspectArgs> = async ({ target, segmentSeconds }, { out }) => {
  const lines = /^https?:\/\//i.test(target) ? inspectUrl(target) : /\.ism$/i.test(target) ? inspectAsset(resolve(target), segmentSeconds) : inspectFile(target);
  for await (const line of lines) out(`${line}\n`);
  return 0;
};

async function* inspectFile(path: string): AsyncGenerator<string> {
  const facts = await stat(path).catch(() => null);
  if (facts?.isFile() !== true) throw new IsomerError('MPE_STORAGE_RESOURCE_NOT_FOUND', { where: path, expected: 'a file or an http(s) URL' });
  const handle = await open(path, 'r');
  try {
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    };
    yield* describeBytes(read, facts.size);
  } finally {
    await handle.close();
  }
}

async function* inspectUrl(url: string): AsyncGenerator<string> {
  const bytes = await fetchBytes(url);
  yield* describeBytes((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), bytes.length);
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS) }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { where: url, expected: 'an answer', found: cause }, error);
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new IsomerError('ISOMER_MP4_LIMIT', { where: url, expected: `at most ${MAX_BYTES} bytes`, found: 'more' });
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (!response.ok) throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { where: url, expected: 'status 200', found: `${response.status}: ${bytes.toString('utf8', 0, 500).trim()}` });
  return bytes;
}

/** Sets, tracks and segments as the origin would see them. */
async function* inspectAsset(path: string, segmentSeconds: number): AsyncGenerator<string> {
  const storage = await openFileStorage(dirname(path));
  const asset = await openAsset(storage, '', basename(path).replace(/\.ism$/i, ''), { segmentSeconds, readMovie: createMovieReader(null) });
  try {
    const { switchingSets } = asset.presentation;
    const described = describeSets(asset.presentation);
    for (const [i, { timeline, tracks }] of switchingSets.entries()) {
      yield described[i];
      for (const { bitrate, source, samples, timescale } of tracks) yield `  ${bitrate}: ${samples.count} samples, timescale ${timescale}, in ${source}`;
      for (let segment = 0; segment < segmentCount(timeline); segment++) yield `  segment ${segment}: t=${timeline.names[segment]} d=${timeline.names[segment + 1] - timeline.names[segment]}`;
    }
    for (const note of asset.notes) yield `note: ${note}`;
  } finally {
    await asset.close();
  }
}
