/**
 * Boxes (ISO/IEC 14496-12:2022 4.2). A `Definition` describes one kind of box once; reading, writing, measuring and
 * dumping all run it.
 */
import { Reader, Sizer, unread, Writer, type Io } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { childBoxes, malformed, unsupported, type RawBox } from './walk.ts';

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

export type Raw = { readonly data: Uint8Array };

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

/** A whole stored box with its content as it is. */
export function verbatim(bytes: Uint8Array): Box<Raw> {
  const boxes = childBoxes(bytes, '', 0);
  if (boxes.length !== 1) throw malformed('stored box', 'byte 0', 'one whole box', `${boxes.length} in ${bytes.length} bytes`);
  return box(rawDefinition(boxes[0].type), { data: boxes[0].body });
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

/** Reads the fields of one box. Bytes after the known fields are allowed, as 4.2 demands of readers. */
export function readBox<T>(definition: Definition<T>, raw: RawBox): Box<T> {
  return openBox(definition, raw).box;
}

function openBox<T>(definition: Definition<T>, raw: RawBox): { readonly box: Box<T>; readonly next: number } {
  const reader = new Reader(raw.body, { code: 'ISOMER_MP4_MALFORMED', where: raw.path, base: raw.bodyPosition }, isUuid(definition.type) ? 16 : 0);
  let version = 0;
  let flags = 0;
  if (definition.versions !== null) {
    version = reader.u8();
    flags = reader.u24();
    if (!definition.versions.includes(version)) throw unsupported('version', `${raw.path}, byte ${raw.bodyPosition}`, definition.versions.join(' or '), version);
  }
  const fields = definition.fields(reader, unread<T>(), version, flags);
  return { box: { type: definition.type, definition, version, flags, fields, children: NO_CHILDREN }, next: reader.position };
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

type Registry = ReadonlyMap<string, Definition<object>>;

/** One box, and the boxes that it holds, not yet read. Unknown boxes, and known ones in foreign places, are kept raw. */
export function readNode(registry: Registry, raw: RawBox, parent: string): { readonly box: Box; readonly inner: readonly RawBox[] } {
  const type = typeOf(raw);
  const definition = definitionOf(registry, type, parent) ?? rawDefinition(type);
  const { box: node, next } = openBox(definition, raw);
  return { box: node, inner: definition.container ? childBoxes(raw.body.subarray(next), raw.path, raw.bodyPosition + next) : [] };
}

/** The whole tree. */
export function readTree(registry: Registry, boxes: readonly RawBox[], parent = '', depth = 0): readonly Box[] {
  if (depth > MAX_DEPTH) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'nesting of boxes', expected: `at most ${MAX_DEPTH} levels`, found: 'more' });
  return boxes.map((raw) => {
    const { box: node, inner } = readNode(registry, raw, parent);
    return inner.length === 0 ? node : { ...node, children: readTree(registry, inner, node.type, depth + 1) };
  });
}

/** The four-character code, or the extended type of a uuid box. */
export function typeOf({ type, body }: RawBox): string {
  return type === 'uuid' && body.length >= 16 ? Buffer.from(body.subarray(0, 16)).toString('hex') : type;
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
