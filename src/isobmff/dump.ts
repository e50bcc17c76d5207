/**
 * A text dump of the box tree: stable, one line per box, with all fields of the boxes that have a definition. Media data
 * is passed over; a damaged box is named and the dump goes on behind it.
 */
import { fourccAt, viewOf } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { MAX_DEPTH, readNode, type Box } from './box.ts';
import { REGISTRY } from './boxes.ts';
import type { ReadAt } from './movie.ts';
import { childBoxes, malformed, printable, type RawBox } from './walk.ts';

const MAX_MEMORY_BOX = 256 * 1024 * 1024;
/** What one field shows of a list and of bytes. */
const MAX_ITEMS = 32;
const MAX_BYTES = 256;
const MAX_RAW_BYTES = 32;

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
    else for (const raw of childBoxes(await read(at, length), '', at)) yield* dumpBox(raw, '', '', 0);
    at += length;
  }
}

/** The same for boxes in memory. */
export async function dumpText(bytes: Uint8Array): Promise<string> {
  const lines: string[] = [];
  for await (const line of dumpBoxes((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), bytes.length)) lines.push(line);
  return `${lines.join('\n')}\n`;
}

function* dumpBox(raw: RawBox, parent: string, indent: string, depth: number): Generator<string> {
  const head = `${indent}${printable(raw.type)} @${raw.position} ${raw.whole.length}`;
  let node: ReturnType<typeof readNode>;
  try {
    node = readNode(REGISTRY, raw, parent);
  } catch (error) {
    if (!(error instanceof IsomerError)) throw error;
    yield `${head} damaged: ${error.message}`;
    return;
  }
  yield head + describe(node.box);
  if (depth === MAX_DEPTH) return;
  for (const child of node.inner) yield* dumpBox(child, node.box.type, `${indent}  `, depth + 1);
}

function describe({ definition, version, flags, fields }: Box): string {
  let line = definition.type.length > 4 ? ` ${definition.type}` : '';
  if (definition.versions !== null) line += ` v${version} flags=0x${flags.toString(16).padStart(6, '0')}`;
  const known = definition.clause !== '';
  for (const [name, value] of Object.entries(fields)) {
    if (value !== null) line += ` ${name}=${name.endsWith('_flags') ? showFlags(value as number | Uint32Array) : show(value, known ? MAX_BYTES : MAX_RAW_BYTES)}`;
  }
  return line;
}

function show(value: unknown, bytes: number): string {
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value.subarray(0, bytes)).toString('hex');
    return value.length > bytes ? `${hex}…(${value.length})` : hex;
  }
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) {
    if (Symbol.iterator in value) return showList(Array.from(value as Iterable<unknown>), bytes);
    return `{${Object.entries(value).map(([name, field]) => `${name}=${show(field, bytes)}`).join(' ')}}`;
  }
  return String(value);
}

/** Sample flags are bit fields: hexadecimal shows them. */
function showFlags(value: number | Uint32Array): string {
  const hex = (flags: number): string => `0x${flags.toString(16).padStart(8, '0')}`;
  return typeof value === 'number' ? hex(value) : showList(Array.from(value, hex), 0).replaceAll('"', '');
}

function showList(items: readonly unknown[], bytes: number): string {
  const shown = items.slice(0, MAX_ITEMS).map((item) => show(item, bytes)).join(' ');
  return items.length > MAX_ITEMS ? `[${shown} …(${items.length})]` : `[${shown}]`;
}
