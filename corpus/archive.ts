/** Turns a fragmented file with one track into a live archive's track folder: `header`, and one file per fragment named by its time. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { readTracks } from './mp4.ts';

export async function splitArchive(folder: string, file: string): Promise<void> {
  const bytes = await readFile(join(folder, file));
  const [track] = readTracks(bytes);
  const target = join(folder, file.slice(0, -extname(file).length));
  await mkdir(target);
  const header: Buffer[] = [];
  let moof: Buffer | null = null;
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at) || bytes.length - at;
    const box = bytes.subarray(at, at + length);
    const type = box.toString('latin1', 4, 8);
    if (type === 'ftyp' || type === 'moov') header.push(box);
    if (type === 'moof') moof = box;
    if (type === 'mdat' && moof !== null) {
      // The name is the presentation time of the fragment's first sample.
      const first = track.offset.findIndex((offset) => offset >= at && offset < at + length);
      await writeFile(join(target, String(Math.max(0, track.dts[first] + track.composition[first]))), Buffer.concat([moof, box]));
      moof = null;
    }
    at += length;
  }
  await writeFile(join(target, 'header'), Buffer.concat(header));
  await rm(join(folder, file));
}
