/** Damage to MP4 files that knows where boxes, counts and sizes stand. Sizes of parents are made right again, unless they are the damage. */
import { concatBytes } from '../../bytes.ts';
import type { Random } from './random.ts';

type Node = { type: string; size: 'true' | number; large: boolean; head: Uint8Array; children: Node[] };

/** Containers, and the bytes that stand in front of their children. */
const CONTAINERS: Readonly<Record<string, number>> = {
  moov: 0, trak: 0, edts: 0, mdia: 0, minf: 0, dinf: 0, stbl: 0, mvex: 0, moof: 0, traf: 0, mfra: 0, udta: 0, stsd: 8, dref: 8, avc1: 78, avc3: 78, hvc1: 78, hev1: 78, mp4a: 28, 'ec-3': 28,
};
const NUMBERS = [0, 1, 2, 3, 7, 8, 9, 15, 16, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0xf4240, 0x5f5e100, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff] as const;
const TYPES = ['moov', 'trak', 'stbl', 'stsz', 'stz2', 'stco', 'co64', 'stts', 'ctts', 'stss', 'stsc', 'free', 'mdat', 'moof', 'traf', 'trun', 'tfhd', 'tfdt', 'uuid', 'elst', 'mvex', 'encv', 'hvc1', 'ac-3', 'wvtt', '\0\0\0\0'] as const;

export function damageBoxes(bytes: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.12)) return bytes.slice(0, random.below(bytes.length));
  if (random.chance(0.15)) return flipped(bytes, random);
  const root: Node = { type: '', size: 'true', large: false, head: new Uint8Array(0), children: parse(bytes) };
  for (let n = 1 + random.below(3); n > 0; n--) random.pick(DAMAGES)(root, random);
  return concatBytes(root.children.map(serialize));
}

/** Random bytes, most of them in the first part of the file or of a fragment. */
function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = new Uint8Array(bytes);
  for (let n = 1 + random.below(8); n > 0; n--) {
    const within = random.chance(0.7) ? Math.min(bytes.length, 4096) : bytes.length;
    copy[random.below(within)] ^= 1 << random.below(8);
  }
  return copy;
}

/** The heads are copies (a Buffer's own `slice` would be a view, and damage to it would stay in the seed). */
function parse(bytes: Uint8Array): Node[] {
  const nodes: Node[] = [];
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 8 <= bytes.length; ) {
    const large = buffer.readUInt32BE(at) === 1 && at + 16 <= bytes.length;
    const size = large ? Number(buffer.readBigUInt64BE(at + 8)) : buffer.readUInt32BE(at);
    const start = at + (large ? 16 : 8);
    const type = buffer.toString('latin1', at + 4, at + 8);
    const end = Math.max(start, Math.min(bytes.length, at + size));
    const fields = Object.hasOwn(CONTAINERS, type) ? CONTAINERS[type] : end - start;
    nodes.push({ type, size: 'true', large, head: new Uint8Array(bytes.subarray(start, Math.min(end, start + fields))), children: start + fields < end ? parse(bytes.subarray(start + fields, end)) : [] });
    at = end;
  }
  return nodes;
}

function serialize(node: Node): Uint8Array {
  const body = concatBytes([node.head, ...node.children.map(serialize)]);
  const header = Buffer.alloc(node.large ? 16 : 8);
  const size = node.size === 'true' ? header.length + body.length : node.size;
  header.write(node.type, 4, 'latin1');
  header.writeUInt32BE(node.large ? 1 : size >>> 0);
  if (node.large) header.writeBigUInt64BE(BigInt(size), 8);
  return concatBytes([header, body]);
}

type Damage = (root: Node, random: Random) => void;

/** Any box but media data: its parent and its place. */
function choose(root: Node, random: Random): { parent: Node; at: number; node: Node } {
  const all: { parent: Node; at: number; node: Node }[] = [];
  const visit = (parent: Node): void => {
    parent.children.forEach((node, at) => {
      if (node.type !== 'mdat' || random.chance(0.2)) all.push({ parent, at, node });
      visit(node);
    });
  };
  visit(root);
  return all.length === 0 ? { parent: root, at: 0, node: root } : random.pick(all);
}

const copyOf = (node: Node): Node => ({ ...node, head: node.head.slice(), children: node.children.map(copyOf) });

const sizeOf = (node: Node): number => node.children.reduce((sum, child) => sum + sizeOf(child), node.head.length);
/** More bytes than this are not added at a time: what the damage itself takes would hide what the asset takes. */
const MAX_COPIED = 4 << 20;

/** Writes a telling number over 4 bytes of the fields; `at` is taken modulo their length. */
function overwrite({ head }: Node, at: number, value: number): void {
  if (head.length >= 4) Buffer.from(head.buffer, head.byteOffset, head.length).writeUInt32BE(value >>> 0, at % (head.length - 3));
}

const anyNumber = (random: Random): number => (random.chance(0.3) ? random.below(2 ** 32) : random.pick(NUMBERS));

/** Boxes whose numbers decide times, sizes and positions. */
const TELLING: ReadonlySet<string> = new Set(['stts', 'ctts', 'stsz', 'stss', 'stsc', 'stco', 'co64', 'elst', 'mvhd', 'mdhd', 'tkhd', 'trun', 'tfhd', 'tfdt', 'trex', 'avcC', 'esds', 'uuid']);

function chooseTelling(root: Node, random: Random): Node {
  const all: Node[] = [];
  const visit = (node: Node): void => {
    if (TELLING.has(node.type)) all.push(node);
    node.children.forEach(visit);
  };
  visit(root);
  return all.length === 0 ? root : random.pick(all);
}

const nudge = (root: Node, random: Random): void => {
  const node = chooseTelling(root, random);
  for (let n = random.pick([1, 1, 1, 2, 40]); n > 0; n--) overwrite(node, 4 * (1 + random.below(Math.max(1, (random.chance(0.6) ? Math.min(7, node.head.length >> 2) : node.head.length >> 2) - 1))), anyNumber(random));
};

const DAMAGES: readonly Damage[] = [
  nudge,
  nudge,
  nudge,
  nudge,
  (root, random) => {
    const { node } = choose(root, random);
    node.size = anyNumber(random);
    node.large = random.chance(0.2);
  },
  // Counts of tables, versions and flags, and any other 32-bit field.
  (root, random) => overwrite(choose(root, random).node, random.pick([4, 4, 8, 12, 16]), anyNumber(random)),
  (root, random) => overwrite(choose(root, random).node, 0, random.pick([0x01000000, 0x02000000, 0xff000000, 0x00000001, 0x00000f05, 0x00020000])),
  (root, random) => {
    const { node } = choose(root, random);
    for (let n = 1 + random.below(4); n > 0; n--) overwrite(node, 4 * random.below(Math.max(1, node.head.length >> 2)), anyNumber(random));
  },
  (root, random) => {
    const { node } = choose(root, random);
    if (node.head.length > 0) node.head[random.below(node.head.length)] = random.below(256);
  },
  (root, random) => void choose(root, random).node.head.fill(random.pick([0, 0xff, 0x80])),
  (root, random) => {
    const { node } = choose(root, random);
    node.head = node.head.slice(0, random.below(node.head.length + 1));
  },
  (root, random) => {
    const { parent, at } = choose(root, random);
    parent.children.splice(at, 1);
  },
  (root, random) => {
    const { parent, at, node } = choose(root, random);
    const copies = Math.min(random.pick([1, 1, 2, 50]), Math.floor(MAX_COPIED / (1 + sizeOf(node))));
    parent.children.splice(at, 0, ...Array.from({ length: copies }, () => copyOf(node)));
  },
  (root, random) => {
    const [a, b] = [choose(root, random), choose(root, random)];
    [a.parent.children[a.at], b.parent.children[b.at]] = [copyOf(b.node), copyOf(a.node)];
  },
  (root, random) => {
    choose(root, random).node.type = random.pick(TYPES);
  },
  (root, random) => {
    const { parent, at, node } = choose(root, random);
    let nested = copyOf(node);
    for (let n = random.pick([1, 30, 300]); n > 0; n--) nested = { type: node.type, size: 'true', large: false, head: new Uint8Array(0), children: [nested] };
    parent.children[at] = nested;
  },
];
