/**
 * Boxes (ISO/IEC 14496-12:2022 4.2). A `Definition` describes one kind of box once; reading, writing, measuring and
 * dumping all run it. `Span` is a box that has been found but not read: a reader takes what it needs and no more.
 */
import { fourccAt, Reader, Sizer, unread, viewOf, Writer, type Io } from '../bytes.ts';
import { IsomerError } from '../errors.ts';

export type Definition<T> = {
  /** Four-character code; for `uuid` boxes the 32 hexadecimal digits of the extended type. */
  readonly type: string;
  readonly name: string;
  /** Document, edition and clause. */
  readonly clause: string;
  /** Boxes that may hold it; '' is the file. Elsewhere it is kept as raw bytes. */
  readonly parents: readonly string[];
  /** Known versions of a full box; null for a plain box. */
  readonly versions: readonly number[] | null;
  /** Boxes follow the fields. */
  readonly container: boolean;
  fields(io: Io, value: T, version: number, flags: number): T;
};

export type Box<T = object> = {
  readonly type: string;
  readonly definition: Definition<T>;
  readonly version: number;
  readonly flags: number;
  readonly fields: T;
  readonly children: readonly Box[];
};

/** A box inside an array of bytes. */
export type Span = {
  readonly bytes: Uint8Array;
  /** As `Definition.type`. */
  readonly type: string;
  /** First byte of the header. */
  readonly start: number;
  /** First byte after the header. */
  readonly body: number;
  readonly end: number;
  /** e.g. `moov/trak[2]/mdia`. */
  readonly path: string;
  /** Position of the array's first byte in the file. */
  readonly base: number;
};

export type Raw = { readonly data: Uint8Array };

/** Boxes in one container, or in a file's header: more is an attack, not a movie. */
export const MAX_CHILDREN = 65_536;
/** Deeper than any box of the standard nests. */
export const MAX_DEPTH = 24;

const UUID_TYPE = /^[0-9a-f]{32}$/;
const NO_CHILDREN: readonly Box[] = [];

export function isUuid(type: string): boolean {
  return UUID_TYPE.test(type);
}

/** A box to be written. Full boxes take the lowest known version unless told. */
export function box<T>(definition: Definition<T>, fields: T, options: { readonly version?: number; readonly flags?: number; readonly children?: readonly Box[] } = {}): Box<T> {
  const { version = definition.versions?.[0] ?? 0, flags = 0, children = NO_CHILDREN } = options;
  return { type: definition.type, definition, version, flags, fields, children };
}

/** A container without fields of its own. */
export function container(definition: Definition<object>, children: readonly Box[]): Box {
  return box(definition, {}, { children });
}

/** A whole stored box, written byte for byte as far as its header is a plain one. */
export function verbatim(bytes: Uint8Array): Box<Raw> {
  const [span] = spansIn(bytes, 0, bytes.length, { path: '', base: 0 });
  if (span === undefined || span.end !== bytes.length) throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'stored box', expected: 'one whole box', found: `${bytes.length} bytes` });
  return box(rawDefinition(span.type), { data: bytes.subarray(span.body, span.end) });
}

export function rawDefinition(type: string): Definition<Raw> {
  return { type, name: 'Raw', clause: '', parents: [], versions: null, container: false, fields: rawFields };
}

function rawFields(io: Io, raw: Raw): Raw {
  return { data: io.rest(raw.data) };
}

export function sizeOf(boxes: readonly Box[]): number {
  const sizer = new Sizer();
  for (const one of boxes) sizeBox(sizer, one);
  return sizer.size;
}

/** Writes into a buffer of exactly the size; `room` more bytes stay free at the end for the caller. */
export function writeBoxes(boxes: readonly Box[], room = 0): Uint8Array {
  const bytes = new Uint8Array(sizeOf(boxes) + room);
  const writer = new Writer(bytes);
  for (const one of boxes) writeBox(writer, one);
  return bytes;
}

function sizeBox(sizer: Sizer, one: Box): void {
  sizer.size += isUuid(one.type) ? 24 : 8;
  visit(sizer, one);
  for (const child of one.children) sizeBox(sizer, child);
}

function writeBox(writer: Writer, one: Box): void {
  const start = writer.position;
  writer.u32(0);
  if (isUuid(one.type)) {
    writer.fourcc('uuid');
    for (let i = 0; i < 32; i += 2) writer.u8(Number.parseInt(one.type.slice(i, i + 2), 16));
  } else writer.fourcc(one.type);
  visit(writer, one);
  for (const child of one.children) writeBox(writer, child);
  writer.patchU32(start, writer.position - start);
}

function visit(io: Io, { definition, version, flags, fields }: Box): void {
  if (definition.versions !== null) {
    io.u8(version);
    io.u24(flags);
  }
  definition.fields(io, fields, version, flags);
}

/**
 * The boxes between two positions. A box that leaves the range, or a rest that is no box, is an error; fewer than
 * eight zero bytes at the end are QuickTime's list terminator and pass.
 */
export function spansIn(bytes: Uint8Array, start: number, end: number, parent: Pick<Span, 'path' | 'base'>): Span[] {
  const spans: Span[] = [];
  const counts = new Map<string, number>();
  const view = viewOf(bytes);
  for (let at = start; at < end; ) {
    const where = `${parent.path === '' ? 'file' : parent.path}, byte ${parent.base + at}`;
    if (end - at < 8) {
      if (bytes.subarray(at, end).every((byte) => byte === 0)) break;
      throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'box header', where, expected: '8 bytes', found: `${end - at}` });
    }
    if (spans.length === MAX_CHILDREN) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'boxes in one box', where, expected: `at most ${MAX_CHILDREN}`, found: 'more' });
    const small = view.getUint32(at);
    let type = fourccAt(bytes, at + 4);
    let body = at + 8;
    let size = small;
    if (small === 1) {
      if (end - at < 16) throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'box header', where, expected: '16 bytes', found: `${end - at}` });
      size = view.getUint32(at + 8) * 0x1_0000_0000 + view.getUint32(at + 12);
      body = at + 16;
    } else if (small === 0) size = end - at;
    if (type === 'uuid' && body + 16 <= end) {
      type = hex(bytes.subarray(body, body + 16));
      body += 16;
    }
    if (size < body - at || size > end - at) {
      throw new IsomerError('ISOMER_MP4_MALFORMED', { what: `size of ${printable(type)}`, where, expected: `${body - at} to ${end - at}`, found: String(size) });
    }
    const count = (counts.get(type) ?? 0) + 1;
    counts.set(type, count);
    const step = `${printable(type)}${count > 1 ? `[${count}]` : ''}`;
    spans.push({ bytes, type, start: at, body, end: at + size, path: parent.path === '' ? step : `${parent.path}/${step}`, base: parent.base });
    at += size;
  }
  return spans;
}

/** The boxes inside a container that has no fields of its own. */
export function childrenOf(span: Span): Span[] {
  return spansIn(span.bytes, span.body, span.end, span);
}

export function childOf(children: readonly Span[], type: string): Span | undefined {
  return children.find((child) => child.type === type);
}

/** A child that must be there, once (14496-12:2022 table 1). */
export function needChild(children: readonly Span[], type: string, parent: Span): Span {
  const found = children.filter((child) => child.type === type);
  if (found.length !== 1) throw malformed(parent, `box ${type}`, 'one', String(found.length));
  return found[0];
}

export function malformed(span: Span, what: string, expected: string, found: string): IsomerError {
  return new IsomerError('ISOMER_MP4_MALFORMED', { what, where: `${span.path}, byte ${span.base + span.start}`, expected, found });
}

/** Header of a full box: version and flags, checked against what the definition knows. */
export function openBox<T>(definition: Definition<T>, span: Span): { readonly reader: Reader; readonly version: number; readonly flags: number } {
  const reader = new Reader(span.bytes, { code: 'ISOMER_MP4_MALFORMED', where: span.path, base: span.base }, span.body, span.end);
  if (definition.versions === null) return { reader, version: 0, flags: 0 };
  const version = reader.u8();
  const flags = reader.u24();
  if (!definition.versions.includes(version)) {
    throw new IsomerError('ISOMER_MP4_UNSUPPORTED', { what: 'version', where: `${span.path}, byte ${span.base + span.start}`, expected: definition.versions.join(' or '), found: String(version) });
  }
  return { reader, version, flags };
}

/** Reads one box without the boxes that it holds. Bytes after the known fields are allowed, as 4.2 demands of readers. */
export function readBox<T>(definition: Definition<T>, span: Span): Box<T> {
  const { reader, version, flags } = openBox(definition, span);
  const fields = definition.fields(reader, unread<T>(), version, flags);
  return { type: span.type, definition, version, flags, fields, children: NO_CHILDREN };
}

/** Definitions by type. A type that is defined twice is a mistake of ours and stops the start. */
export function createRegistry(definitions: readonly Definition<object>[]): ReadonlyMap<string, Definition<object>> {
  const registry = new Map<string, Definition<object>>();
  for (const definition of definitions) {
    if (registry.has(definition.type)) throw new Error(`box ${definition.type} is defined twice`);
    if (definition.type.length !== 4 && !isUuid(definition.type)) throw new Error(`box type ${definition.type} is neither a four-character code nor a UUID`);
    registry.set(definition.type, definition);
  }
  return registry;
}

/** The whole tree below a range. Unknown boxes, and known ones in foreign places, are kept raw. */
export function readTree(registry: ReadonlyMap<string, Definition<object>>, spans: readonly Span[], parent = '', depth = 0): readonly Box[] {
  if (depth > MAX_DEPTH) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'nesting of boxes', expected: `at most ${MAX_DEPTH} levels`, found: 'more' });
  return spans.map((span) => {
    const definition = definitionOf(registry, span.type, parent);
    if (definition === undefined) return readBox(rawDefinition(span.type), span);
    const { reader, version, flags } = openBox(definition, span);
    const fields = definition.fields(reader, unread(), version, flags);
    const children = definition.container ? readTree(registry, spansIn(span.bytes, reader.position, span.end, span), span.type, depth + 1) : NO_CHILDREN;
    return { type: span.type, definition, version, flags, fields, children };
  });
}

export function definitionOf(registry: ReadonlyMap<string, Definition<object>>, type: string, parent: string): Definition<object> | undefined {
  const definition = registry.get(type);
  return definition !== undefined && (definition.parents.includes(parent) || definition.parents.includes(ANYWHERE)) ? definition : undefined;
}

/** 32 bits in version 0, 64 in version 1: how 14496-12 widens times. */
export function wide(io: Io, version: number, value: bigint): bigint {
  return version === 1 ? io.u64(value) : BigInt(io.u32(Number(value)));
}

/** Stands in `Definition.parents` for every place. */
export const ANYWHERE = '*';

/** A type for paths and messages: printable characters stay, others become `?`. */
export function printable(type: string): string {
  return type.replace(/[^ -~]/g, '?');
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
