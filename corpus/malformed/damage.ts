/** Carries out the steps of a damaged asset. Every step changes something, or the table is wrong. */
import type { MalformedStep } from '../../spec/malformed.ts';
import { readTracks } from '../mp4.ts';
import type { Files } from './bases.ts';

/** Bytes in front of the boxes inside a box; 0 for plain containers. */
const FIELDS: Readonly<Record<string, number>> = { stsd: 8, dref: 8, avc1: 78, hvc1: 78, mp4a: 28 };

type Place = { readonly start: number; readonly body: number; readonly end: number };

/** Where the box of a path stands. */
function findBox(file: Buffer, path: string): Place {
  let place: Place = { start: 0, body: 0, end: file.length };
  for (const step of path.split('/')) {
    const [, type, index = '0'] = /^(.{4})(?:\[(\d+)\])?$/.exec(step) ?? [];
    const found = boxesIn(file, place.body, place.end).filter((box) => file.toString('latin1', box.start + 4, box.start + 8) === type)[Number(index)];
    if (found === undefined) throw new Error(`no box ${step} of ${path}`);
    place = { ...found, body: found.body + (FIELDS[type] ?? 0) };
  }
  // Offsets count from the content, whatever fields stand in front of inner boxes.
  return { ...place, body: place.start + 8 };
}

function boxesIn(file: Buffer, from: number, to: number): Place[] {
  const boxes: Place[] = [];
  for (let at = from; at + 8 <= to; ) {
    const size = file.readUInt32BE(at);
    if (size < 8) break;
    boxes.push({ start: at, body: at + 8, end: Math.min(to, at + size) });
    at += size;
  }
  return boxes;
}

export function damaged(base: Files, steps: readonly MalformedStep[]): Files {
  const files = new Map<string, Buffer>(Object.entries(base));
  for (const step of steps) {
    const before = files.get(step.file) ?? null;
    const after = apply(step, before, files);
    if (after === null) files.delete(step.file);
    else if (before?.equals(after) === true) throw new Error(`${JSON.stringify(step)} changes nothing`);
    else files.set(step.file, after);
  }
  return Object.fromEntries(files);
}

function apply(step: MalformedStep, before: Buffer | null, files: ReadonlyMap<string, Buffer>): Buffer | null {
  if (step.do === 'write') return Buffer.from(step.text);
  if (step.do === 'copy') return existing(step.from, files.get(step.from) ?? null);
  const file = Buffer.from(existing(step.file, before));
  switch (step.do) {
    case 'delete':
      return null;
    case 'cut':
      return file.subarray(0, step.keep < 0 ? file.length + step.keep : step.keep);
    case 'text':
      return Buffer.from(file.toString().replace(step.from, () => step.to));
    case 'rename':
      file.write(step.to, findBox(file, step.box).start + 4, 'latin1');
      return file;
    case 'size':
      file.writeUInt32BE(step.value, findBox(file, step.box).start);
      return file;
    case 'number':
      writeNumber(file, findBox(file, step.box).body + step.at, step.bytes, step.value);
      return file;
    case 'sample': {
      const track = readTracks(file).find(({ id }) => id === step.track);
      if (track === undefined) throw new Error(`no track ${step.track}`);
      file.writeUInt32BE(step.value, track.offset[step.sample] + step.at);
      return file;
    }
  }
}

function existing(name: string, file: Buffer | null): Buffer {
  if (file === null) throw new Error(`no file ${name}`);
  return file;
}

function writeNumber(file: Buffer, at: number, bytes: 1 | 2 | 4 | 8, value: number): void {
  if (bytes === 8) file.writeBigUInt64BE(BigInt(value), at);
  else file.writeUIntBE(value, at, bytes);
}
