/**
 * A movie box in memory, without the contents of its long tables. Those are read where they are wanted, into the arrays that stay: on
 * many machines a page of memory that is touched first costs more than what is read into it, and a page that nothing touches costs nothing.
 */
import { fourccAt, swapWords, viewOf } from '../bytes.ts';
import type { RawBox } from './walk.ts';

/** Fills `target` from byte `offset` of the file. */
export type ReadInto = (offset: number, target: Uint8Array) => Promise<void>;

/** With an entry for each sample, or nearly so. */
const LONG_TABLES: ReadonlySet<string> = new Set(['stsz', 'ctts']);
/** Boxes in which other boxes begin at once. */
const CONTAINERS: ReadonlySet<string> = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl']);
const LONG_BYTES = 64 * 1024;
/** Header, version, flags, and up to two words in front of the entries. */
const FRONT_BYTES = 20;
const READ_AHEAD = 16 * 1024;
/** Of a long table, read together. */
const WINDOW_BYTES = 128 * 1024;

function isLong(type: string, bytes: number): boolean {
  return LONG_TABLES.has(type) && bytes > LONG_BYTES;
}

/** `length` bytes from `position` on, where a moov lies. What a walk cannot follow is read whole: whoever reads the boxes says what is wrong. */
export async function loadMoov(read: ReadInto, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  let loaded = 0;
  const load = async (from: number, to: number): Promise<void> => {
    const start = Math.max(from, loaded);
    if (to <= start) return;
    const end = Math.min(length, Math.max(to, start + READ_AHEAD));
    await read(position + start, bytes.subarray(start, end));
    loaded = end;
  };
  for (let at = 0; at < length; ) {
    await load(at, Math.min(length, at + FRONT_BYTES));
    const size = length - at < 8 ? 0 : view.getUint32(at);
    if (size < 8 || size > length - at) {
      await load(at, length);
      break;
    }
    const type = fourccAt(bytes, at + 4);
    if (CONTAINERS.has(type)) {
      at += 8;
      continue;
    }
    if (!isLong(type, size)) await load(at, at + size);
    at += size;
  }
  return bytes;
}

/** `count` words of a table from byte `at` of the box's content on. */
export async function readTable({ type, whole, body, bodyPosition }: RawBox, at: number, count: number, read: ReadInto): Promise<Uint32Array<ArrayBuffer>> {
  const words = new Uint32Array(count);
  const bytes = new Uint8Array(words.buffer);
  if (isLong(type, whole.length)) await read(bodyPosition + at, bytes);
  else bytes.set(body.subarray(at, at + bytes.length));
  swapWords(words);
  return words;
}

/** The same in pieces: `take` gets some words that are good until it returns. */
export async function readTablePieces(box: RawBox, at: number, count: number, read: ReadInto, take: (words: Uint32Array) => void): Promise<void> {
  const most = Math.min(count, WINDOW_BYTES / 4);
  const words = new Uint32Array(most);
  const bytes = new Uint8Array(words.buffer);
  for (let done = 0; done < count; done += most) {
    const piece = bytes.subarray(0, 4 * Math.min(most, count - done));
    const from = at + 4 * done;
    if (isLong(box.type, box.whole.length)) await read(box.bodyPosition + from, piece);
    else piece.set(box.body.subarray(from, from + piece.length));
    const part = words.subarray(0, piece.length / 4);
    swapWords(part);
    take(part);
  }
}
