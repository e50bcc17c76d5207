/** Operators on transport stream segments. */
import { crc32 } from '../../oracle/ts.ts';
import type { Exchange } from '../../trace.ts';
import { exchangeRuns, flipBit, splice, type Change, type Operator } from './operator.ts';
import type { Random } from './random.ts';

const PACKET = 188;
const PMT_PID = 0x1000;

type Packet = {
  readonly index: number;
  readonly at: number;
  readonly pid: number;
  readonly start: boolean;
  /** Length of the adaptation field with its length byte. */
  readonly field: number;
  readonly payload: number;
};

function packetsOf(body: Buffer): readonly Packet[] {
  return Array.from({ length: Math.floor(body.length / PACKET) }, (_, index) => {
    const at = index * PACKET;
    const field = (body[at + 3] & 0x20) !== 0 ? 1 + body[at + 4] : 0;
    return { index, at, pid: body.readUInt16BE(at + 1) & 0x1fff, start: (body[at + 1] & 0x40) !== 0, field, payload: at + 4 + field };
  });
}

const isTable = ({ pid }: Packet): boolean => pid === 0 || pid === PMT_PID;
const isPesStart = (packet: Packet): boolean => packet.start && !isTable(packet);

type Draw = (body: Buffer, packets: readonly Packet[], random: Random) => Change | null;

function place({ index, pid }: Packet): string {
  return `packet ${index} of PID ${pid}`;
}

function flipIn(wanted: (packet: Packet) => boolean, range: (packet: Packet, body: Buffer) => readonly [number, number]): Draw {
  return (body, packets, random) => {
    const candidates = packets.filter(wanted);
    if (candidates.length === 0) return null;
    const packet = random.pick(candidates);
    const [from, to] = range(packet, body);
    if (to <= from) return null;
    const at = from + random.below(to - from);
    const bit = random.below(8);
    return { where: `${place(packet)} byte ${at - packet.at} bit ${bit} (byte ${at - from} of the part)`, body: flipBit(body, at, bit) };
  };
}

/** Section length counts from behind itself and includes the checksum. */
function sectionEnd(body: Buffer, { payload }: Packet): number {
  const section = payload + 1 + body[payload];
  return section + 3 + (body.readUInt16BE(section + 1) & 0xfff);
}

/** A stamp of 33 bits in five bytes (ISO/IEC 13818-1:2019 2.4.3.7). */
function addToStamp(body: Buffer, at: number, by: number): Buffer {
  const copy = Buffer.from(body);
  const value = (BigInt((copy[at] >> 1) & 7) << 30n) | BigInt((copy[at + 1] << 22) | ((copy[at + 2] >> 1) << 15) | (copy[at + 3] << 7) | (copy[at + 4] >> 1));
  const next = BigInt.asUintN(33, value + BigInt(by));
  copy[at] = (copy[at] & 0xf1) | (Number(next >> 30n) << 1);
  copy[at + 1] = Number((next >> 22n) & 0xffn);
  copy[at + 2] = (Number((next >> 15n) & 0x7fn) << 1) | 1;
  copy[at + 3] = Number((next >> 7n) & 0xffn);
  copy[at + 4] = (Number(next & 0x7fn) << 1) | 1;
  return copy;
}

const TICKS = [-9000, -2, 2, 9000];

const DRAWS: readonly (Pick<Operator, 'name' | 'kind'> & { readonly draw: Draw })[] = [
  {
    name: 'packet left out',
    kind: 'packet',
    draw(body, packets, random) {
      const packet = random.pick(packets);
      return { where: place(packet), body: splice(body, packet.at, packet.at + PACKET) };
    },
  },
  {
    name: 'packet twice',
    kind: 'duplicate',
    draw(body, packets, random) {
      // 2.4.3.3 allows one repetition; a third copy is a fault.
      const packet = random.pick(packets);
      const copy = body.subarray(packet.at, packet.at + PACKET);
      return { where: `three times ${place(packet)}`, body: splice(body, packet.at, packet.at, Buffer.concat([copy, copy])) };
    },
  },
  {
    name: 'neighbouring packets exchanged',
    kind: 'reorder',
    draw(body, packets, random) {
      const packet = packets[random.below(packets.length - 1)];
      return { where: `${place(packet)} and the next`, body: exchangeRuns(body, [packet.at, packet.at + PACKET], [packet.at + PACKET, packet.at + 2 * PACKET]) };
    },
  },
  { name: 'bit of a packet header', kind: 'bit', draw: flipIn(() => true, ({ at }) => [at, at + 4]) },
  { name: 'bit of an adaptation field', kind: 'bit', draw: flipIn(({ field }) => field > 0, ({ at, field }) => [at + 4, at + 4 + field]) },
  { name: 'bit of a table', kind: 'bit', draw: flipIn(isTable, (packet, body) => [packet.payload, sectionEnd(body, packet)]) },
  {
    name: 'field of a table, checksum right',
    kind: 'field',
    draw(body, packets, random) {
      const packet = random.pick(packets.filter(isTable));
      const section = packet.payload + 1 + body[packet.payload];
      const end = sectionEnd(body, packet);
      const at = section + random.below(end - 4 - section);
      const bit = random.below(8);
      const copy = flipBit(body, at, bit);
      copy.writeUInt32BE(crc32(copy.subarray(section, end - 4)), end - 4);
      return { where: `${packet.pid === 0 ? 'PAT' : 'PMT'} byte ${at - section} bit ${bit}`, body: copy };
    },
  },
  { name: 'bit of a PES header', kind: 'bit', draw: flipIn(isPesStart, ({ payload }, body) => [payload, payload + 9 + body[payload + 8]]) },
  { name: 'bit of the payload', kind: 'bit', draw: flipIn((packet) => !isTable(packet), ({ payload, at, start }, body) => [payload + (start ? 9 + body[payload + 8] : 0), at + PACKET]) },
  {
    name: 'presentation stamp',
    kind: 'timestamp',
    draw(body, packets, random) {
      const packet = random.pick(packets.filter(isPesStart));
      const by = random.pick(TICKS);
      return { where: `${place(packet)} by ${by}`, body: addToStamp(body, packet.payload + 9, by) };
    },
  },
  {
    name: 'decoding stamp',
    kind: 'timestamp',
    draw(body, packets, random) {
      const packet = random.pick(packets.filter(isPesStart));
      const by = random.pick(TICKS);
      return (body[packet.payload + 7] & 0xc0) === 0xc0 ? { where: `${place(packet)} by ${by}`, body: addToStamp(body, packet.payload + 14, by) } : null;
    },
  },
  {
    name: 'clock reference',
    kind: 'timestamp',
    draw(body, packets, random) {
      const packet = random.pick(packets.filter(({ at, field }) => field > 6 && (body[at + 5] & 0x10) !== 0));
      const by = random.pick([-90_000, -27_000, 27_000, 90_000]);
      const at = packet.at + 6;
      const copy = Buffer.from(body);
      const base = BigInt(copy.readUInt32BE(at)) * 2n + BigInt(copy[at + 4] >> 7) + BigInt(by);
      copy.writeUInt32BE(Number(BigInt.asUintN(32, base >> 1n)), at);
      copy[at + 4] = (copy[at + 4] & 0x7f) | (Number(base & 1n) << 7);
      return { where: `${place(packet)} by ${by}`, body: copy };
    },
  },
  {
    name: 'continuity counter',
    kind: 'packet',
    draw(body, packets, random) {
      const packet = random.pick(packets);
      const by = 1 + random.below(15);
      const copy = Buffer.from(body);
      copy[packet.at + 3] = (copy[packet.at + 3] & 0xf0) | ((copy[packet.at + 3] + by) & 15);
      return { where: `${place(packet)} by ${by}`, body: copy };
    },
  },
  {
    name: 'end cut off',
    kind: 'drop',
    draw(body, packets, random) {
      const kept = random.pick([PACKET * (1 + random.below(packets.length - 1)), 1 + random.below(body.length - 1)]);
      return { where: 'cut', body: body.subarray(0, kept) };
    },
  },
  {
    name: 'null packet',
    kind: 'neutral',
    draw(body, packets, random) {
      const { at } = packets[2 + random.below(packets.length - 2)];
      const packet = Buffer.alloc(PACKET, 0xff);
      packet.writeUInt32BE(0x471fff10, 0);
      return { where: `before byte ${at}`, body: splice(body, at, at, packet) };
    },
  },
];

export function transportOperators(on: (exchange: Exchange) => boolean): readonly Operator[] {
  return DRAWS.map(({ name, kind, draw }) => ({ name, kind, area: 'transport stream', on, alter: ({ body, random }) => (body.length % PACKET === 0 ? draw(body, packetsOf(body), random) : null) }));
}
