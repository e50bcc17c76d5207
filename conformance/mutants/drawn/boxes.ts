/** Operators on initialization segments and movie fragments. */
import { readBoxes, type Box } from '../../oracle/boxes.ts';
import type { Exchange } from '../../trace.ts';
import { exchangeRuns, flipBit, splice, type Area, type Change, type Operator } from './operator.ts';
import type { Random } from './random.ts';

type Place = { readonly box: Box; readonly parents: readonly Box[]; readonly siblings: readonly Box[] };

function placesOf(body: Buffer): readonly Place[] {
  const places: Place[] = [];
  const visit = (boxes: readonly Box[], parents: readonly Box[]): void => {
    for (const box of boxes) {
      places.push({ box, parents, siblings: boxes });
      visit(box.children, [...parents, box]);
    }
  };
  visit(readBoxes(body).boxes, []);
  return places;
}

function pathOf({ box, parents }: Place): string {
  return [...parents, box].map(({ type }) => type).join('/');
}

/** Parents grow or shrink with what they hold, so that the fault is one and not two. */
function resized(body: Buffer, parents: readonly Box[], by: number): Buffer {
  for (const { start, size } of parents) body.writeUInt32BE(size + by, start);
  return body;
}

/** Where the data of a track fragment begin, against its moof. */
function moveData(body: Buffer, place: Place, by: number): Buffer {
  if (!place.parents.some(({ type }) => type === 'moof')) return body;
  for (const { box } of placesOf(body)) if (box.type === 'trun' && (body[box.start + 11] & 1) !== 0) body.writeInt32BE(body.readInt32BE(box.start + 16) + by, box.start + 16);
  return body;
}

/** Boxes whose payload is fields: no children, no media. */
function leaves(body: Buffer): readonly Place[] {
  return placesOf(body).filter(({ box }) => box.type !== 'mdat' && box.size > box.header && (box.children.length === 0 || ['stsd', 'dref', 'avc1', 'mp4a'].includes(box.type)));
}

/** Length of the fields in front of the children. */
function ownLength({ box }: Place): number {
  return (box.children[0]?.start ?? box.start + box.size) - box.start - box.header;
}

type Draw = (body: Buffer, random: Random) => Change | null;

const STRUCTURE: readonly (Pick<Operator, 'name' | 'kind'> & { readonly draw: Draw })[] = [
  {
    name: 'box left out',
    kind: 'drop',
    draw(body, random) {
      const place = random.pick(placesOf(body));
      const { box, parents } = place;
      return { where: `without ${pathOf(place)}`, body: resized(moveData(splice(body, box.start, box.start + box.size), place, -box.size), parents, -box.size) };
    },
  },
  {
    name: 'box twice',
    kind: 'duplicate',
    draw(body, random) {
      const place = random.pick(placesOf(body).filter(({ box }) => box.type !== 'mdat'));
      const { box, parents } = place;
      const end = box.start + box.size;
      return { where: `twice ${pathOf(place)}`, body: resized(moveData(splice(body, end, end, body.subarray(box.start, end)), place, box.size), parents, box.size) };
    },
  },
  {
    name: 'neighbouring boxes exchanged',
    kind: 'reorder',
    draw(body, random) {
      const place = random.pick(placesOf(body));
      const next = place.siblings[place.siblings.indexOf(place.box) + 1];
      if (next === undefined) return null;
      return { where: `${pathOf(place)} behind ${next.type}`, body: exchangeRuns(body, [place.box.start, place.box.start + place.box.size], [next.start, next.start + next.size]) };
    },
  },
  {
    name: 'box renamed',
    kind: 'box',
    draw(body, random) {
      const place = random.pick(placesOf(body));
      const by = random.pick(['free', 'skip', 'xxxx']);
      if (by === place.box.type) return null;
      const copy = Buffer.from(body);
      copy.write(by, place.box.start + 4, 'latin1');
      return { where: `${pathOf(place)} becomes ${by}`, body: copy };
    },
  },
  {
    name: 'box size',
    kind: 'box',
    draw(body, random) {
      const place = random.pick(placesOf(body));
      const by = random.pick([-8, -1, 1, 8, 256]);
      const copy = Buffer.from(body);
      copy.writeUInt32BE(Math.max(0, place.box.size + by), place.box.start);
      return { where: `${pathOf(place)} by ${by}`, body: copy };
    },
  },
  {
    name: 'bit of a field',
    kind: 'bit',
    draw(body, random) {
      const place = random.pick(leaves(body));
      const at = random.below(ownLength(place));
      const bit = random.below(8);
      return { where: `${pathOf(place)} payload byte ${at} bit ${bit}`, body: flipBit(body, place.box.start + place.box.header + at, bit) };
    },
  },
  {
    name: 'number one off',
    kind: 'field',
    draw(body, random) {
      const place = random.pick(leaves(body).filter((each) => ownLength(each) >= 4));
      const word = random.below(Math.floor(ownLength(place) / 4));
      const by = random.pick([-1, 1]);
      const at = place.box.start + place.box.header + 4 * word;
      const copy = Buffer.from(body);
      copy.writeInt32BE((copy.readInt32BE(at) + by) | 0, at);
      return { where: `${pathOf(place)} payload byte ${4 * word} by ${by}`, body: copy };
    },
  },
  {
    name: 'end cut off',
    kind: 'drop',
    draw(body, random) {
      const kept = 1 + random.below(body.length - 1);
      return { where: 'cut', body: body.subarray(0, kept) };
    },
  },
];

/** trun as the packager writes it: flags say which columns there are. */
function trunOf(body: Buffer): { readonly count: number; column(name: 'duration' | 'size' | 'flags' | 'composition'): { at(i: number): number } | null } | null {
  const box = placesOf(body).find(({ box: each }) => each.type === 'trun')?.box;
  if (box === undefined) return null;
  const flags = body.readUInt32BE(box.start + 8) & 0xffffff;
  const names = (['duration', 'size', 'flags', 'composition'] as const).filter((_, i) => (flags & (0x100 << i)) !== 0);
  const first = box.start + 16 + ((flags & 1) !== 0 ? 4 : 0) + ((flags & 4) !== 0 ? 4 : 0);
  return {
    count: body.readUInt32BE(box.start + 12),
    column(name) {
      const index = names.indexOf(name);
      return index < 0 ? null : { at: (i) => first + 4 * (names.length * i + index) };
    },
  };
}

function addToColumn(name: 'duration' | 'size' | 'composition', amounts: readonly number[]): Draw {
  return (body, random) => {
    const trun = trunOf(body);
    const column = trun?.column(name) ?? null;
    if (trun === null || column === null) return null;
    const index = random.below(trun.count);
    const by = random.pick(amounts);
    const copy = Buffer.from(body);
    copy.writeInt32BE((copy.readInt32BE(column.at(index)) + by) | 0, column.at(index));
    return { where: `sample ${index + 1} of ${trun.count} by ${by}`, body: copy };
  };
}

const SAMPLES: readonly (Pick<Operator, 'name' | 'kind'> & { readonly draw: Draw })[] = [
  { name: 'sample duration', kind: 'timestamp', draw: addToColumn('duration', [-1000, -1, 1, 1000]) },
  { name: 'sample size', kind: 'field', draw: addToColumn('size', [-4, -1, 1, 4]) },
  { name: 'composition offset', kind: 'timestamp', draw: addToColumn('composition', [-1000, -1, 1, 1000]) },
  {
    name: 'sample flags',
    kind: 'field',
    draw(body, random) {
      const trun = trunOf(body);
      const column = trun?.column('flags') ?? null;
      if (trun === null || column === null) return null;
      const index = random.below(trun.count);
      // sample_is_non_sync_sample (ISO/IEC 14496-12:2022 8.8.3.1).
      return { where: `sync flag of sample ${index + 1}`, body: flipBit(body, column.at(index) + 1, 0) };
    },
  },
  {
    name: 'bytes moved between samples',
    kind: 'field',
    draw(body, random) {
      const trun = trunOf(body);
      const sizes = trun?.column('size') ?? null;
      if (trun === null || sizes === null || trun.count < 2) return null;
      const index = random.below(trun.count - 1);
      const copy = Buffer.from(body);
      copy.writeUInt32BE(copy.readUInt32BE(sizes.at(index)) + 1, sizes.at(index));
      copy.writeUInt32BE(copy.readUInt32BE(sizes.at(index + 1)) - 1, sizes.at(index + 1));
      return { where: `sample ${index + 1} one byte longer`, body: copy };
    },
  },
  {
    name: 'samples exchanged',
    kind: 'reorder',
    draw(body, random) {
      const trun = trunOf(body);
      const sizes = trun?.column('size') ?? null;
      const mdat = placesOf(body).find(({ box }) => box.type === 'mdat')?.box;
      if (trun === null || sizes === null || mdat === undefined || trun.count < 2) return null;
      const index = random.below(trun.count - 1);
      let from = mdat.start + mdat.header;
      for (let i = 0; i < index; i++) from += body.readUInt32BE(sizes.at(i));
      const [a, b] = [body.readUInt32BE(sizes.at(index)), body.readUInt32BE(sizes.at(index + 1))];
      const copy = exchangeRuns(body, [from, from + a], [from + a, from + a + b]);
      copy.writeUInt32BE(b, sizes.at(index));
      copy.writeUInt32BE(a, sizes.at(index + 1));
      return { where: `samples ${index + 1} and ${index + 2}`, body: copy };
    },
  },
  {
    name: 'decode time',
    kind: 'timestamp',
    draw(body, random) {
      const tfdt = placesOf(body).find(({ box }) => box.type === 'tfdt')?.box;
      if (tfdt === undefined) return null;
      const at = tfdt.start + 12 + (body[tfdt.start + 8] === 1 ? 4 : 0);
      const by = random.pick([-1000, -1, 1, 1000]);
      const copy = Buffer.from(body);
      copy.writeInt32BE((copy.readInt32BE(at) + by) | 0, at);
      return { where: `by ${by}`, body: copy };
    },
  },
  {
    name: 'bit of a sample',
    kind: 'bit',
    draw(body, random) {
      const mdat = placesOf(body).find(({ box }) => box.type === 'mdat')?.box;
      if (mdat === undefined || mdat.size <= mdat.header) return null;
      const at = random.below(mdat.size - mdat.header);
      const bit = random.below(8);
      return { where: `byte ${at} bit ${bit}`, body: flipBit(body, mdat.start + mdat.header + at, bit) };
    },
  },
];

const HEADER_NEUTRAL: readonly (Pick<Operator, 'name' | 'kind'> & { readonly draw: Draw })[] = [
  {
    name: 'free box in moov',
    kind: 'neutral',
    draw(body, random) {
      const moov = placesOf(body).find(({ box }) => box.type === 'moov')?.box;
      if (moov === undefined) return null;
      const free = Buffer.alloc(8 + random.below(32), random.below(256));
      free.writeUInt32BE(free.length, 0);
      free.write('free', 4, 'latin1');
      const end = moov.start + moov.size;
      return { where: `${free.length} bytes`, body: resized(splice(body, end, end, free), [moov], free.length) };
    },
  },
  {
    name: 'creation time',
    kind: 'neutral',
    draw(body, random) {
      const place = random.pick(placesOf(body).filter(({ box }) => ['mvhd', 'tkhd', 'mdhd'].includes(box.type)));
      const wide = body[place.box.start + 8] === 1;
      const copy = Buffer.from(body);
      copy.writeUInt32BE(random.below(2 ** 31), place.box.start + 12 + (wide ? 4 : 0));
      return { where: pathOf(place), body: copy };
    },
  },
  {
    name: 'name of the handler',
    kind: 'neutral',
    draw(body, random) {
      const hdlr = placesOf(body).find(({ box }) => box.type === 'hdlr')?.box;
      if (hdlr === undefined || hdlr.size < 34) return null;
      const copy = Buffer.from(body);
      copy[hdlr.start + 32] = 0x41 + random.below(26);
      return { where: 'first letter', body: copy };
    },
  },
];

function operators(area: Area, on: (exchange: Exchange) => boolean, rows: readonly (Pick<Operator, 'name' | 'kind'> & { readonly draw: Draw })[]): readonly Operator[] {
  return rows.map(({ name, kind, draw }) => ({ name, kind, area, on, alter: ({ body, random }) => draw(body, random) }));
}

export function headerOperators(on: (exchange: Exchange) => boolean): readonly Operator[] {
  return operators('header', on, [...STRUCTURE, ...HEADER_NEUTRAL]);
}

export function fragmentOperators(on: (exchange: Exchange) => boolean): readonly Operator[] {
  return operators('fragment', on, [...STRUCTURE, ...SAMPLES]);
}
