/** isomer inspect: a stable text dump of boxes, playlists and manifests, from a file or a URL. */
import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { openAsset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { IsomerError } from '../errors.ts';
import { dumpBoxes } from '../isobmff/dump.ts';
import { openFileStorage } from '../storage/file.ts';
import { describeSets } from './assets.ts';
import type { Command } from './deps.ts';

export type InspectArgs = { readonly target: string; readonly segmentSeconds: number };

const MAX_URL_BYTES = 64 * 1024 * 1024;

export const inspect: Command<InspectArgs> = async ({ target, segmentSeconds }, { out }) => {
  if (/^https?:\/\//i.test(target)) {
    out(await describeBytes(await fetchBytes(target)));
    return 0;
  }
  const facts = await stat(target).catch(() => null);
  if (facts === null) throw new IsomerError('MPE_STORAGE_RESOURCE_NOT_FOUND', { where: target, expected: 'a file or an http(s) URL' });
  if (/\.ism$/i.test(target)) {
    const storage = await openFileStorage(dirname(dirname(target) === '.' ? `${process.cwd()}/x` : target));
    out(await describeAsset(storage, basename(target).replace(/\.ism$/i, ''), segmentSeconds));
    return 0;
  }
  const handle = await open(target, 'r');
  try {
    const head = new Uint8Array(Math.min(4096, facts.size));
    await handle.read(head, 0, head.length, 0);
    if (looksLikeText(head)) out(await describeBytes(await readFile(target)));
    else {
      const read = async (offset: number, length: number): Promise<Uint8Array> => {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await handle.read(bytes, 0, length, offset);
        return bytes.subarray(0, bytesRead);
      };
      for await (const line of dumpBoxes(read, facts.size)) out(`${line}\n`);
    }
  } finally {
    await handle.close();
  }
  return 0;
};

async function describeAsset(storage: Awaited<ReturnType<typeof openFileStorage>>, name: string, segmentSeconds: number): Promise<string> {
  const asset = await openAsset(storage, '', name, { segmentSeconds, readMovie: createMovieReader(null) });
  const lines = [...describeSets(asset.presentation), ...asset.notes.map((note) => `note: ${note}`)];
  for (const { name: set, timeline } of asset.presentation.switchingSets) lines.push(`${set}: segments start at ${[...timeline.names].slice(0, -1).join(' ')}, end ${timeline.names.at(-1)}`);
  await asset.close();
  return `${lines.join('\n')}\n`;
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { redirect: 'error' });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (!response.ok) throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { where: url, expected: 'status 200', found: `${response.status}: ${new TextDecoder().decode(bytes.subarray(0, 500))}` });
  if (bytes.length > MAX_URL_BYTES) throw new IsomerError('ISOMER_MP4_LIMIT', { where: url, expected: `at most ${MAX_URL_BYTES} bytes`, found: String(bytes.length) });
  return bytes;
}

async function describeBytes(bytes: Uint8Array): Promise<string> {
  if (looksLikeText(bytes.subarray(0, 4096))) return new TextDecoder().decode(bytes);
  const lines: string[] = [];
  for await (const line of dumpBoxes((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), bytes.length)) lines.push(line);
  return `${lines.join('\n')}\n`;
}

function looksLikeText(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.every((byte) => byte >= 0x20 || byte === 9 || byte === 10 || byte === 13);
}
