/** A text dump of the box tree: stable, one line per box, with the fields that matter. Media data is passed over. */
import { fourccAt, viewOf } from '../bytes.ts';
import type { ReadAt } from './movie.ts';
import { childBoxes, malformed, printable, type RawBox } from './walk.ts';

/** Containers, and the bytes of fields in front of their children. */
const CONTAINERS: Readonly<Record<string, number>> = {
  moov: 0, trak: 0, edts: 0, mdia: 0, minf: 0, dinf: 0, stbl: 0, mvex: 0, moof: 0, traf: 0, mfra: 0, udta: 0, sinf: 0, schi: 0, wave: 0,
  dref: 8, stsd: 8, avc1: 78, avc3: 78, hvc1: 78, hev1: 78, encv: 78, mp4a: 28, enca: 28, 'ec-3': 28, dtsc: 28, dtsh: 28, dtse: 28, dtsl: 28,
};

type Field = (view: DataView, body: Uint8Array) => string;
const u32 = (at: number): Field => (view) => String(view.getUint32(at));

/** Fields by box type; version and flags come first for all of them. */
const FIELDS: Readonly<Record<string, readonly (readonly [name: string, field: Field])[]>> = {
  mvhd: [['timescale', (view) => String(view.getUint32(view.getUint8(0) === 1 ? 20 : 12))]],
  mdhd: [['timescale', (view) => String(view.getUint32(view.getUint8(0) === 1 ? 20 : 12))]],
  tkhd: [['track_ID', (view) => String(view.getUint32(view.getUint8(0) === 1 ? 20 : 12))]],
  hdlr: [['handler_type', (_, body) => fourccAt(body, 8)]],
  stsz: [['sample_size', u32(4)], ['sample_count', u32(8)]],
  stts: [['entry_count', u32(4)]],
  ctts: [['entry_count', u32(4)]],
  stss: [['entry_count', u32(4)]],
  stsc: [['entry_count', u32(4)]],
  stco: [['entry_count', u32(4)]],
  co64: [['entry_count', u32(4)]],
  elst: [['entry_count', u32(4)]],
  mfhd: [['sequence_number', u32(4)]],
  trex: [['track_ID', u32(4)]],
  tfhd: [['track_ID', u32(4)]],
  tfdt: [['baseMediaDecodeTime', (view) => (view.getUint8(0) === 1 ? String(view.getBigUint64(4)) : String(view.getUint32(4)))]],
  trun: [['sample_count', u32(4)]],
  avcC: [['configuration', (_, body) => Buffer.from(body).toString('hex')]],
  hvcC: [['configuration', (_, body) => Buffer.from(body).toString('hex')]],
  esds: [['descriptors', (_, body) => Buffer.from(body.subarray(4)).toString('hex')]],
};
const PLAIN: ReadonlySet<string> = new Set(['avcC', 'hvcC']);
const MAX_MEMORY_BOX = 256 * 1024 * 1024;

/** Lines of the dump, top-level box by top-level box. */
export async function* dumpBoxes(read: ReadAt, size: number): AsyncGenerator<string> {
  for (let at = 0; at < size; ) {
    const header = await read(at, Math.min(16, size - at));
    if (header.length < 8) throw malformed('box header', `byte ${at}`, '8 bytes', header.length);
    const type = fourccAt(header, 4);
    const short = viewOf(header).getUint32(0);
    const length = short === 0 ? size - at : short === 1 && header.length === 16 ? Number(viewOf(header).getBigUint64(8)) : short;
    if (length < 8 || length > size - at) throw malformed(`size of box ${printable(type)}`, `byte ${at}`, `8 to ${size - at}`, length);
    if (type === 'mdat' || length > MAX_MEMORY_BOX) yield `${printable(type)} @${at} ${length}`;
    else for (const box of childBoxes(await read(at, length), '', at)) yield* dumpBox(box, '');
    at += length;
  }
}

function* dumpBox(box: RawBox, indent: string): Generator<string> {
  const { type, body, position, whole } = box;
  yield `${indent}${printable(type)} @${position} ${whole.length}${brands(box)}${fields(box)}`;
  const skip = CONTAINERS[type];
  if (skip === undefined || body.length < skip) return;
  for (const child of childBoxes(body.subarray(skip), box.path, box.bodyPosition + skip)) yield* dumpBox(child, `${indent}  `);
}

function brands({ type, body }: RawBox): string {
  if (type !== 'ftyp' && type !== 'styp') return '';
  const names: string[] = [];
  for (let i = 0; i + 4 <= body.length; i += 4) if (i !== 4) names.push(fourccAt(body, i));
  return ` ${names.join(' ')}`;
}

function fields({ type, body }: RawBox): string {
  const list = FIELDS[type];
  if (list === undefined || body.length < 8) return '';
  const view = viewOf(body);
  const start = PLAIN.has(type) ? '' : ` v${view.getUint8(0)} flags=0x${(view.getUint32(0) & 0xffffff).toString(16).padStart(6, '0')}`;
  const read = ([name, field]: readonly [string, Field]): string => {
    try {
      return ` ${name}=${field(view, body)}`;
    } catch {
      return ` ${name}=?`;
    }
  };
  return start + list.map(read).join('');
}
