/** Evidence as an excerpt: the lines or bytes that a finding is about, with a little around them. Bounded per piece. */
import type { Detail, Evidence } from '../../spec/report.ts';
import { find, hexOf, readBoxes, type Box } from '../oracle/boxes.ts';
import { decodeXml } from '../oracle/xml.ts';
import type { Exchange } from '../trace.ts';
import type { BytesExcerpt, Excerpt, PacketRow, TextExcerpt, TreeRow } from './pagedata.ts';
import { readPointer, type Pointer } from './pointer.ts';

export const LIMITS = { lines: 17, column: 400, bytes: 256, before: 32, treeRows: 64, packets: 9, headers: 40 } as const;
const PACKET = 188;

/** Where samples lie is known to whoever has read the track. */
export type SampleRange = (exchange: Exchange, sample: number, ofTrack: boolean) => readonly [from: number, to: number] | null;

/** The exchange that evidence tells of: the same path and body; of several probes, the one that the finding names. */
export function exchangeOf({ ref, sha256, kind }: Evidence, { path }: Pick<Detail, 'path'>, byRef: ReadonlyMap<string, readonly Exchange[]>): Exchange | null {
  const all = (byRef.get(ref) ?? []).filter(({ body }) => (body?.sha256 ?? null) === sha256);
  const named = all.filter(({ role }) => (role.kind === 'probe' ? kind === 'http' && path.includes(role.probe) : kind !== 'http'));
  return named[0] ?? all[0] ?? null;
}

export function refsOf(exchanges: readonly Exchange[]): ReadonlyMap<string, readonly Exchange[]> {
  const byRef = new Map<string, Exchange[]>();
  for (const exchange of exchanges) {
    const { pathname, search } = new URL(exchange.url);
    byRef.set(pathname + search, [...(byRef.get(pathname + search) ?? []), exchange]);
  }
  return byRef;
}

export function excerptOf(evidence: Evidence, { actual }: Pick<Detail, 'actual'>, exchange: Exchange, body: () => Uint8Array, sampleRange: SampleRange): Excerpt {
  const pointer = readPointer(evidence.pointer);
  const good = (exchange.status === 200 || exchange.status === 206) && (exchange.body?.size ?? 0) > 0;
  if (evidence.kind === 'http' || !good) return httpExcerpt(exchange);
  const bytes = body();
  if (looksLikeText(bytes)) return textExcerpt(textOf(bytes), pointer, actual ?? '');
  if (bytes[0] === 0x47 && (bytes.length % PACKET === 0 || bytes[PACKET] === 0x47)) return packetExcerpt(bytes, pointer, exchange, sampleRange);
  return boxExcerpt(bytes, pointer, exchange, sampleRange);
}

function httpExcerpt({ method, requestHeaders, status, headers, error, body }: Exchange): Excerpt {
  const list = (from: Readonly<Record<string, string>>): [string, string][] => Object.entries(from).slice(0, LIMITS.headers).map(([name, value]) => [name, cut(value)]);
  return { kind: 'http', method, requestHeaders: list(requestHeaders), status, headers: list(headers), error, size: body?.size ?? null };
}

/** Playlists and XML: a byte order mark, `#EXTM3U` or `<` stands first. Anything else without control codes will do. */
function looksLikeText(bytes: Uint8Array): boolean {
  const start = bytes.subarray(0, 512);
  if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff)) return true;
  return start.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);
}

function textOf(bytes: Uint8Array): string {
  return decodeXml(bytes);
}

function cut(text: string): string {
  return text.length > LIMITS.column ? `${text.slice(0, LIMITS.column)}…` : text;
}

export function textExcerpt(text: string, pointer: Pointer | null, actual: string): TextExcerpt {
  const all = text.split(/\r\n|\n|\r/);
  if (all.at(-1) === '') all.pop();
  const line = pointer?.kind === 'line' && pointer.line <= all.length ? pointer.line : null;
  const first = line === null ? 1 : Math.max(1, Math.min(line - Math.floor(LIMITS.lines / 2), all.length - LIMITS.lines + 1));
  const lines = all.slice(first - 1, first - 1 + LIMITS.lines).map(cut);
  const mark = line === null ? null : line - first;
  const column = mark === null || actual === '' || actual.length > 200 ? -1 : lines[mark].indexOf(actual);
  return { kind: 'text', first, lines, mark, columns: column < 0 ? null : [column, column + actual.length], total: all.length };
}

function windowOf(bytes: Uint8Array, mark: readonly [number, number] | null): Pick<BytesExcerpt, 'base' | 'hex' | 'mark' | 'size'> {
  const from = Math.min(mark?.[0] ?? 0, bytes.length);
  const to = Math.min(mark?.[1] ?? 0, bytes.length);
  // Rows of sixteen, aligned as a dump is; enough context that a short box is seen among its neighbours.
  const base = Math.max(0, Math.floor((from - LIMITS.before) / 16) * 16);
  const end = Math.min(bytes.length, base + (mark === null ? LIMITS.bytes / 2 : Math.min(LIMITS.bytes, Math.ceil((to - base + LIMITS.before) / 16) * 16)));
  return { base, hex: hexOf(bytes.subarray(base, end)), mark: mark === null || to <= from ? null : [from, to], size: bytes.length };
}

export function boxExcerpt(bytes: Uint8Array, pointer: Pointer | null, exchange: Exchange, sampleRange: SampleRange): BytesExcerpt {
  const tree = readBoxes(bytes);
  const box = boxOf(tree.boxes, pointer);
  const sample = pointer?.kind === 'sample' ? sampleRange(exchange, pointer.sample, pointer.ofTrack) : null;
  const mark = sample ?? (box === null ? null : ([box.start, box.start + box.size] as const));
  const what = sample !== null && pointer?.kind === 'sample' ? `sample ${pointer.sample}` : box === null ? '' : box.type;
  const holds = box ?? (sample === null ? null : (tree.boxes.find(({ start, size }) => start <= sample[0] && sample[0] < start + size) ?? null));
  return { kind: 'bytes', ...windowOf(bytes, mark), what, tree: treeRows(tree.boxes, holds, box !== null), packets: [] };
}

function boxOf(boxes: readonly Box[], pointer: Pointer | null): Box | null {
  if (pointer?.kind === 'box') return deepest(boxes, pointer.path);
  return pointer?.kind === 'boxAt' ? at(boxes, pointer.offset) : null;
}

/** A path whose end is missing still says where to look: the last box of it that is there. */
function deepest(boxes: readonly Box[], path: string): Box | null {
  const steps = path.split('/');
  for (let length = steps.length; length > 0; length--) {
    const found = find(boxes, steps.slice(0, length).join('/'));
    if (found !== undefined) return found;
  }
  return null;
}

/** The innermost box around an offset. */
function at(boxes: readonly Box[], offset: number): Box | null {
  const outer = boxes.find(({ start, size }) => start <= offset && offset < start + size);
  if (outer === undefined) return null;
  return outer.start === offset ? outer : (at(outer.children, offset) ?? outer);
}

/** All boxes where there are few, else the way to the marked one with its neighbours. */
function treeRows(boxes: readonly Box[], marked: Box | null, exact: boolean): readonly TreeRow[] {
  const holds = (box: Box): boolean => marked !== null && box.start <= marked.start && marked.start + marked.size <= box.start + box.size;
  const rows: TreeRow[] = [];
  const walk = (level: readonly Box[], depth: number, whole: boolean): void => {
    for (const box of level) {
      if (rows.length >= LIMITS.treeRows) return;
      rows.push([depth, box.uuid === '' ? box.type : `uuid ${box.uuid}`, box.start, box.size, box === marked && exact ? 2 : holds(box) ? 1 : 0]);
      if (whole || holds(box)) walk(box.children, depth + 1, whole);
    }
  };
  walk(boxes, 0, count(boxes) <= LIMITS.treeRows);
  return rows;
}

function count(boxes: readonly Box[]): number {
  return boxes.reduce((sum, { children }) => sum + 1 + count(children), 0);
}

export function packetExcerpt(bytes: Uint8Array, pointer: Pointer | null, exchange: Exchange, sampleRange: SampleRange): BytesExcerpt {
  const total = Math.floor(bytes.length / PACKET);
  const range = pointer?.kind === 'sample' ? sampleRange(exchange, pointer.sample, pointer.ofTrack) : null;
  const number = pointer?.kind === 'packet' ? pointer.packet : pointer?.kind === 'pid' ? firstOf(bytes, pointer.pid) : range === null ? null : Math.floor(range[0] / PACKET);
  const marked = number !== null && number < total ? number : null;
  const first = Math.max(0, Math.min((marked ?? 0) - Math.floor(LIMITS.packets / 2), total - LIMITS.packets));
  const packets = Array.from({ length: Math.min(LIMITS.packets, total) }, (_, i) => packetRow(bytes, first + i));
  const mark = marked === null ? null : ([marked * PACKET, (marked + 1) * PACKET] as const);
  return { kind: 'bytes', ...windowOf(bytes, mark), what: marked === null ? '' : `packet ${marked}`, tree: [], packets };
}

/** ISO/IEC 13818-1:2019 2.4.3.2: the four bytes that every packet begins with. */
function packetRow(bytes: Uint8Array, number: number): PacketRow {
  const [sync, second, third, fourth] = bytes.subarray(number * PACKET, number * PACKET + 4);
  return { number, sync, pid: ((second & 0x1f) << 8) | third, starts: (second & 0x40) !== 0, fields: (fourth >> 4) & 3, counter: fourth & 15 };
}

function firstOf(bytes: Uint8Array, pid: number): number | null {
  for (let number = 0; (number + 1) * PACKET <= bytes.length; number++) if (packetRow(bytes, number).pid === pid) return number;
  return null;
}
