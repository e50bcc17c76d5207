/** Bytes of any kind to stable text: boxes, transport stream packets, XML as an outline, anything else as it is. */
import { SaxesParser } from 'saxes';
import { IsomerError } from '../errors.ts';
import { dumpBoxes } from '../isobmff/dump.ts';
import type { ReadAt } from '../isobmff/movie.ts';

/** Larger text and transport streams are not dumped. */
export const MAX_BYTES = 64 * 1024 * 1024;
const HEAD_BYTES = 4096;

export async function* describeBytes(read: ReadAt, size: number): AsyncGenerator<string> {
  const head = await read(0, Math.min(HEAD_BYTES, size));
  const whole = async (): Promise<Uint8Array> => {
    if (size > MAX_BYTES) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'text or transport stream', expected: `at most ${MAX_BYTES} bytes`, found: `${size}` });
    return size <= head.length ? head : read(0, size);
  };
  if (isTransportStream(head)) yield* dumpPackets(await whole());
  else if (looksLikeText(head)) yield* describeText(new TextDecoder().decode(await whole()));
  else yield* dumpBoxes(read, size);
}

function looksLikeText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte >= 0x20 || byte === 9 || byte === 10 || byte === 13);
}

function describeText(text: string): readonly string[] {
  if (/^\s*</.test(text)) return outline(text);
  return text.replace(/\r?\n$/, '').split(/\r?\n/);
}

/** One line per element: name and attributes, indented by depth; text on a line of its own. */
export function outline(xml: string): readonly string[] {
  const lines: string[] = [];
  let depth = 0;
  const parser = new SaxesParser();
  parser.on('opentag', ({ name, attributes }) => {
    lines.push(['  '.repeat(depth) + name, ...Object.entries(attributes).map(([key, value]) => `${key}=${JSON.stringify(value)}`)].join(' '));
    depth++;
  });
  parser.on('closetag', () => depth--);
  parser.on('text', (text) => {
    if (text.trim() !== '') lines.push(`${'  '.repeat(depth)}${JSON.stringify(text.trim())}`);
  });
  parser.on('error', (error) => {
    throw new IsomerError('ISOMER_ISM_MALFORMED', { what: 'XML', found: error.message });
  });
  parser.write(xml).close();
  return lines;
}

const PACKET_BYTES = 188;
const SYNC_BYTE = 0x47;

function isTransportStream(head: Uint8Array): boolean {
  if (head.length < PACKET_BYTES) return false;
  for (let at = 0; at < head.length; at += PACKET_BYTES) if (head[at] !== SYNC_BYTE) return false;
  return true;
}

/** ISO/IEC 13818-1:2019 2.4.3: one line per packet that starts a unit, with the packets that only go on counted behind it. */
function* dumpPackets(bytes: Uint8Array): Generator<string> {
  const pending = new Map<number, number>();
  for (let at = 0; at + PACKET_BYTES <= bytes.length; at += PACKET_BYTES) {
    const packet = bytes.subarray(at, at + PACKET_BYTES);
    if (packet[0] !== SYNC_BYTE) throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'transport stream packet', where: `byte ${at}`, expected: '0x47', found: `0x${packet[0].toString(16)}` });
    const pid = ((packet[1] & 0x1f) << 8) | packet[2];
    const [clock, payload] = adaptation(packet);
    if ((packet[1] & 0x40) === 0 && clock === '') {
      pending.set(pid, (pending.get(pid) ?? 0) + 1);
      continue;
    }
    yield* pendingLines(pending);
    yield `@${at} pid=${pid} continuity=${packet[3] & 15}${clock}${(packet[1] & 0x40) === 0 ? '' : unitStart(packet.subarray(payload))}`;
  }
  yield* pendingLines(pending);
  const rest = bytes.length % PACKET_BYTES;
  if (rest !== 0) yield `${rest} bytes after the last packet`;
}

function* pendingLines(pending: Map<number, number>): Generator<string> {
  for (const [pid, count] of pending) yield `  pid=${pid} ${count} more`;
  pending.clear();
}

/** Clock reference and random access of the adaptation field, and where the payload begins. */
function adaptation(packet: Uint8Array): readonly [text: string, payload: number] {
  if ((packet[3] & 0x20) === 0) return ['', 4];
  const length = packet[4];
  const flags = length === 0 ? 0 : packet[5];
  const random = (flags & 0x40) === 0 ? '' : ' random_access';
  if ((flags & 0x10) === 0) return [random, 5 + length];
  const base = packet[6] * 2 ** 25 + (packet[7] << 17) + (packet[8] << 9) + (packet[9] << 1) + (packet[10] >> 7);
  return [`${random} PCR=${base}`, 5 + length];
}

/** A PES header with its time stamps (2.4.3.6), or the table that begins here. */
function unitStart(payload: Uint8Array): string {
  if (payload[0] !== 0 || payload[1] !== 0 || payload[2] !== 1) return ` table_id=${payload[1 + payload[0]]}`;
  const stamps = payload[7] >> 6;
  const pts = (stamps & 2) === 0 ? '' : ` PTS=${timeStamp(payload, 9)}`;
  const dts = stamps === 3 ? ` DTS=${timeStamp(payload, 14)}` : '';
  return ` PES stream_id=0x${payload[3].toString(16)}${pts}${dts}`;
}

function timeStamp(bytes: Uint8Array, at: number): number {
  return (bytes[at] & 0x0e) * 2 ** 29 + (bytes[at + 1] << 22) + ((bytes[at + 2] & 0xfe) << 14) + (bytes[at + 3] << 7) + (bytes[at + 4] >> 1);
}
