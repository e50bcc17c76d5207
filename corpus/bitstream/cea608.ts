/**
 * Closed captions written into H.264 and HEVC: CEA-608 in both fields and CEA-708 text, as cc_data of ATSC A/53 in a SEI message
 * of every picture. Pairs of bytes are read in the order of presentation, so pictures get them by their place there.
 */
import type { CaptionRecipe } from '../../spec/asset.ts';
import { readTracks, type StoredTrack } from '../mp4.ts';

/** Triples of a picture at 30 Hz (CEA-708 4.3): one per field, then packets of CEA-708. */
const TRIPLES = 20;
const PACKET_BYTES = 2 * (TRIPLES - 2);

const RESUME_LOADING = 0x20;
const ERASE_DISPLAYED = 0x2c;
const ERASE_LOADED = 0x2e;
const END_OF_CAPTION = 0x2f;
const ROLL_UP_2 = 0x25;
const PAINT_ON = 0x29;
const CARRIAGE_RETURN = 0x2d;
/** Row 15, white, no indent: the same bytes in both fields. */
const LAST_ROW = [0x14, 0x70] as const;

type Pair = readonly [number, number];

/** Odd parity (CEA-608 4). */
function withParity(byte: number): number {
  let ones = 0;
  for (let bit = 0; bit < 7; bit++) ones += (byte >> bit) & 1;
  return ones % 2 === 0 ? byte | 0x80 : byte;
}

type Timed = readonly (readonly [picture: number, pair: Pair])[];

/** A channel's codes: the second one of a field has bit 3 in their first byte, miscellaneous codes of field 2 have bit 0. */
function codesOf(channel: string): { readonly misc: number; readonly row: readonly [number, number] } {
  const second = channel === 'CC2' || channel === 'CC4' ? 8 : 0;
  return { misc: (isSecondField(channel) ? 0x15 : 0x14) | second, row: [LAST_ROW[0] | second, LAST_ROW[1]] };
}

function isSecondField(channel: string): boolean {
  return channel === 'CC3' || channel === 'CC4';
}

const twice = (first: number, second: number): Pair[] => [[first, second], [first, second]];

function pairsOf(text: string): Pair[] {
  return Array.from({ length: Math.ceil(text.length / 2) }, (_, i): Pair => [text.charCodeAt(2 * i), i * 2 + 1 < text.length ? text.charCodeAt(2 * i + 1) : 0]);
}

/** What each picture says of a cue. Control codes are sent twice. */
function cueCodes({ channel, mode, cues }: CaptionRecipe, index: number, rate: number): Timed {
  const { misc, row } = codesOf(channel);
  const { start, end, text } = cues[index];
  const [shown, erased] = [start, end].map((time) => Math.round(time * rate));
  const from = (picture: number, pairs: readonly Pair[]): Timed => pairs.map((pair, i) => [picture + i, pair] as const);
  const erase = from(erased, twice(misc, ERASE_DISPLAYED));
  if (mode === 'paint') return [...from(shown, [...twice(misc, PAINT_ON), ...twice(...row), ...pairsOf(text)]), ...erase];
  if (mode === 'roll') return [...from(shown, [...twice(misc, ROLL_UP_2), ...twice(misc, CARRIAGE_RETURN), ...twice(...row), ...pairsOf(text)]), ...(index === cues.length - 1 ? erase : [])];
  const load = [...twice(misc, RESUME_LOADING), ...twice(misc, ERASE_LOADED), ...twice(...row), ...pairsOf(text)];
  return [...from(shown - load.length, load), ...from(shown, twice(misc, END_OF_CAPTION)), ...erase];
}

/** The pairs of a field by picture. Where two would meet, the recipe is wrong. */
function linePairs(captions: readonly CaptionRecipe[], pictures: number, rate: number): Map<number, Pair> {
  const pairs = new Map<number, Pair>();
  for (const caption of captions) {
    caption.cues.forEach(({ text }, i) => {
      for (const [picture, pair] of cueCodes(caption, i, rate)) {
        if (picture < 0 || picture >= pictures || pairs.has(picture)) throw new Error(`${caption.channel}: no room for "${text}" at picture ${picture}`);
        pairs.set(picture, pair);
      }
    });
  }
  return pairs;
}

/** CEA-608 9: class 1 type 3 is the name of the programme; then the end and a sum that makes all of it 0 in seven bits. */
function addExtendedData(pairs: Map<number, Pair>, name: string, pictures: number, rate: number): void {
  const packet: Pair[] = [[0x01, 0x03], ...pairsOf(name)];
  const sum = [...packet.flat(), 0x0f].reduce((total, byte) => total + byte, 0);
  packet.push([0x0f, (0x80 - (sum & 0x7f)) & 0x7f]);
  for (let second = 0; second * rate + packet.length < pictures; second++) {
    const from = Math.ceil(second * rate);
    if (packet.every((_, i) => !pairs.has(from + i))) packet.forEach((pair, i) => pairs.set(from + i, pair));
  }
}

/** Window 0 anew (CEA-708 8.10.5): visible, locked, one row of 32 columns, its lower left corner in the title-safe area. */
const OPEN_WINDOW = [0x98, 0x38, 0x46, 0x0a, 0x60, 0x1f, 0x11];
const DELETE_WINDOW = [0x8c, 0x01];
const END_OF_TEXT = 0x03;

/**
 * Packets of service 1 (CEA-708 5, 6): a window and the text in the picture at which it is shown, and its removal where it ends. An empty
 * packet follows each, as in a stream that never stops: some decoders take a packet for whole when the next one begins.
 */
function servicePackets({ cues }: CaptionRecipe, rate: number): Map<number, Buffer> {
  const commands = new Map<number, readonly number[]>();
  // A cue that begins where one ends takes the place of its removal: it opens the window anew.
  for (const { end } of cues) commands.set(Math.round(end * rate), DELETE_WINDOW);
  for (const { start, text } of cues) {
    const shown = [...DELETE_WINDOW, ...OPEN_WINDOW, ...Buffer.from(text, 'latin1'), END_OF_TEXT];
    if (shown.length > 31 || shown.length + 2 > PACKET_BYTES) throw new Error(`SERVICE1: "${text}" does not fit into one block`);
    commands.set(Math.round(start * rate), shown);
  }
  for (const picture of [...commands.keys()]) if (!commands.has(picture + 1)) commands.set(picture + 1, []);
  const ordered = [...commands].toSorted(([a], [b]) => a - b);
  return new Map(ordered.map(([picture, block], i) => [picture, servicePacket(block, i & 3)]));
}

/** Sequence number and size in pairs, then one block of service 1, or the null block that ends a packet early. */
function servicePacket(block: readonly number[], sequence: number): Buffer {
  if (block.length === 0) return Buffer.from([(sequence << 6) | 1, 0]);
  const size = Math.ceil((2 + block.length) / 2);
  const packet = Buffer.alloc(2 * size);
  packet.set([(sequence << 6) | size, (1 << 5) | block.length, ...block]);
  return packet;
}

type CaptionForm = { readonly family?: 'avc' | 'hevc'; readonly extendedData?: string | undefined };

/** One SEI NAL unit per picture in the order of presentation. */
export function captionUnits(captions: readonly CaptionRecipe[], pictures: number, rate: number, { family = 'avc', extendedData }: CaptionForm = {}): readonly Buffer[] {
  const lines = captions.filter(({ channel }) => channel !== 'SERVICE1');
  const fields = [false, true].map((second) => linePairs(lines.filter(({ channel }) => isSecondField(channel) === second), pictures, rate));
  if (extendedData !== undefined) addExtendedData(fields[1], extendedData, pictures, rate);
  const service = captions.find(({ channel }) => channel === 'SERVICE1');
  const packets = service === undefined ? new Map<number, Buffer>() : servicePackets(service, rate);
  return Array.from({ length: pictures }, (_, picture) => {
    const triples = fields.map((pairs, field) => [0xfc | field, ...(pairs.get(picture) ?? [0, 0]).map(withParity)]);
    const packet = packets.get(picture) ?? Buffer.alloc(0);
    for (let i = 0; i < TRIPLES - 2; i++) triples.push(2 * i < packet.length ? [i === 0 ? 0xff : 0xfe, packet[2 * i], packet[2 * i + 1]] : [0xfa, 0, 0]);
    return seiUnit(Buffer.from([0xb5, 0x00, 0x31, ...Buffer.from('GA94'), 0x03, 0xc0 | TRIPLES, 0xff, ...triples.flat(), 0xff]), family);
  });
}

/** SEI; prefix SEI of the lowest layer (ISO/IEC 23008-2:2020 7.3.1.2). */
const UNIT_HEADS = { avc: [6], hevc: [39 << 1, 1] } as const;

/** A message of registered user data (ISO/IEC 14496-10:2022 7.3.2.3), escaped (7.4.1.1). */
function seiUnit(payload: Buffer, family: 'avc' | 'hevc'): Buffer {
  const raw = Buffer.concat([Buffer.from([4, payload.length]), payload, Buffer.from([0x80])]);
  const bytes: number[] = [...UNIT_HEADS[family]];
  let zeros = 0;
  for (const byte of raw) {
    if (zeros === 2 && byte <= 3) {
      bytes.push(3);
      zeros = 0;
    }
    bytes.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Buffer.from(bytes);
}

/** The file, of one video track, with a caption unit in front of each picture. All samples become one chunk before the movie box. */
export function withCaptions(file: Buffer, captions: readonly CaptionRecipe[], rate: number, extendedData?: string): Buffer {
  const tracks = readTracks(file);
  const [track] = tracks;
  const family = ({ avc1: 'avc', hvc1: 'hevc' } as const)[track.sampleEntry];
  if (tracks.length !== 1 || family === undefined) throw new Error('captions go into files of one track, avc1 or hvc1');
  const units = captionUnits(captions, track.size.length, rate, { family, extendedData });
  const place = placesOf(track);
  const samples = track.size.map((size, i) => {
    const unit = units[place[i]];
    const length = Buffer.alloc(4);
    length.writeUInt32BE(unit.length);
    return Buffer.concat([length, unit, file.subarray(track.offset[i], track.offset[i] + size)]);
  });
  const boxes = split(file);
  const ftyp = boxes.find(({ type }) => type === 'ftyp');
  const moov = boxes.find(({ type }) => type === 'moov');
  if (ftyp === undefined || moov === undefined) throw new Error('no ftyp or moov');
  const replaced: Readonly<Record<string, Buffer>> = {
    stsz: Buffer.concat([u32(0, 0, samples.length), ...samples.map(({ length }) => u32(length))]),
    stsc: u32(0, 1, 1, samples.length, 1),
    stco: u32(0, 1, ftyp.whole.length + 8),
  };
  return Buffer.concat([ftyp.whole, box('mdat', Buffer.concat(samples)), rebuilt(moov, replaced)]);
}

/** By sample in decoding order, its place in the order of presentation. */
function placesOf({ dts, composition }: StoredTrack): readonly number[] {
  const order = dts.map((time, i) => ({ time: time + composition[i], i })).toSorted((a, b) => a.time - b.time);
  const places: number[] = [];
  order.forEach(({ i }, place) => (places[i] = place));
  return places;
}

type Box = { readonly type: string; readonly whole: Buffer; readonly body: Buffer };
const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl']);

function split(bytes: Buffer): readonly Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32BE(at);
    if (size < 8) throw new Error(`a box of ${size} bytes`);
    boxes.push({ type: bytes.toString('latin1', at + 4, at + 8), whole: bytes.subarray(at, at + size), body: bytes.subarray(at + 8, at + size) });
    at += size;
  }
  return boxes;
}

function rebuilt({ type, whole, body }: Box, replaced: Readonly<Record<string, Buffer>>): Buffer {
  if (Object.hasOwn(replaced, type)) return box(type, replaced[type]);
  return CONTAINERS.has(type) ? box(type, Buffer.concat(split(body).map((child) => rebuilt(child, replaced)))) : whole;
}

function box(type: string, body: Buffer): Buffer {
  return Buffer.concat([u32(8 + body.length), Buffer.from(type, 'latin1'), body]);
}

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}
