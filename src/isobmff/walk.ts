/** Boxes inside a buffer that is already in memory (ISO/IEC 14496-12:2022 4.2). */
import { fourccAt, viewOf } from '../bytes.ts';
import { IsomerError } from '../errors.ts';

/** A box: `body` is what follows its header; positions count from the start of the file. */
export type RawBox = {
  readonly type: string;
  /** Box path, e.g. `moov/trak[2]/mdia`. */
  readonly path: string;
  readonly position: number;
  readonly body: Uint8Array;
  readonly bodyPosition: number;
  /** Whole box with header. */
  readonly whole: Uint8Array;
};

/** Boxes that one parent may hold at the most: more are no file but an attack. */
const MAX_CHILDREN = 100_000;

export function malformed(what: string, where: string, expected: string, found: string | number | bigint): IsomerError {
  return new IsomerError('ISOMER_MP4_MALFORMED', { what, where, expected, found: String(found) });
}

export function unsupported(what: string, where: string, expected: string, found: string | number): IsomerError {
  return new IsomerError('ISOMER_MP4_UNSUPPORTED', { what, where, expected, found: String(found) });
}

/** The boxes that fill `bytes`. Trailing bytes that are no box are refused, as long as they are not all zero. */
export function childBoxes(bytes: Uint8Array, parent: string, position: number): readonly RawBox[] {
  const view = viewOf(bytes);
  const boxes: RawBox[] = [];
  const seen = new Map<string, number>();
  for (let at = 0; at < bytes.length; ) {
    const place = `${parent}, byte ${position + at}`;
    if (bytes.length - at < 8) {
      // QuickTime ends some containers with a 32-bit zero.
      if (bytes.subarray(at).every((byte) => byte === 0)) break;
      throw malformed('box header', place, '8 bytes', bytes.length - at);
    }
    let size = view.getUint32(at);
    let header = 8;
    const type = fourccAt(bytes, at + 4);
    if (size === 1) {
      if (bytes.length - at < 16) throw malformed('64-bit box header', place, '16 bytes', bytes.length - at);
      const large = view.getBigUint64(at + 8);
      if (large > BigInt(bytes.length)) throw malformed(`size of box ${printable(type)}`, place, `at most ${bytes.length - at}`, large);
      size = Number(large);
      header = 16;
    } else if (size === 0) size = bytes.length - at;
    if (size < header || size > bytes.length - at) throw malformed(`size of box ${printable(type)}`, place, `${header} to ${bytes.length - at}`, size);
    if (boxes.length >= MAX_CHILDREN) throw malformed('child boxes', place, `at most ${MAX_CHILDREN}`, 'more');
    const count = (seen.get(type) ?? 0) + 1;
    seen.set(type, count);
    const name = count === 1 ? printable(type) : `${printable(type)}[${count}]`;
    boxes.push({
      type,
      path: parent === '' ? name : `${parent}/${name}`,
      position: position + at,
      body: bytes.subarray(at + header, at + size),
      bodyPosition: position + at + header,
      whole: bytes.subarray(at, at + size),
    });
    at += size;
  }
  return boxes;
}

/** Box types come from the file: what is no letter is shown as hexadecimal. */
export function printable(type: string): string {
  return /^[\w\- .]{4}$/.test(type) || type.startsWith('\u00a9') ? type : `0x${Buffer.from(type, 'latin1').toString('hex')}`;
}

export function findBox(boxes: readonly RawBox[], type: string): RawBox | undefined {
  return boxes.find((box) => box.type === type);
}

/** A box that must be there. */
export function needBox(boxes: readonly RawBox[], type: string, parent: string): RawBox {
  const box = findBox(boxes, type);
  if (box === undefined) throw malformed(`box ${type}`, parent, 'one', 'none');
  return box;
}

/** Refuses a box shorter than its fields. */
export function needBytes(box: RawBox, bytes: number): DataView {
  if (box.body.length < bytes) throw malformed(`box ${box.type}`, `${box.path}, byte ${box.position}`, `at least ${bytes} bytes of content`, box.body.length);
  return viewOf(box.body);
}
