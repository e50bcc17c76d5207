/**
 * Closed captions written into H.264: CEA-608 pop-on captions in both fields and CEA-708 text, as cc_data of ATSC A/53 in a SEI message
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
/** Row 15, white, no indent: the same bytes in both fields. */
const LAST_ROW = [0x14, 0x70] as const;

type Pair = readonly [number, number];

/** Odd parity (CEA-608 4). */
function withParity(byte: number): number {
  let ones = 0;
  for (let bit = 0; bit < 7; bit++) ones += (byte >> bit) & 1;
  return ones % 2 === 0 ? byte | 0x80 : byte;
}

/** What each picture says in one field: loaded before its time, shown and erased at it. Control codes are sent twice. */
function linePairs({ channel, cues }: CaptionRecipe, pictures: number, rate: number): Map<number, Pair> {
  const misc = channel === 'CC1' ? 0x14 : 0x15;
  const pairs = new Map<number, Pair>();
  for (const { start, end, text } of cues) {
    const twice = (pair: Pair): Pair[] => [pair, pair];
    const characters = Array.from({ length: Math.ceil(text.length / 2) }, (_, i): Pair => [text.charCodeAt(2 * i), i * 2 + 1 < text.length ? text.charCodeAt(2 * i + 1) : 0]);
    const load = [...twice([misc, RESUME_LOADING]), ...twice([misc, ERASE_LOADED]), ...twice([...LAST_ROW]), ...characters];
    const shown = Math.round(start * rate);
    const all: readonly (readonly [number, Pair])[] = [
      ...load.map((pair, i) => [shown - load.length + i, pair] as const),
      ...twice([misc, END_OF_CAPTION]).map((pair, i) => [shown + i, pair] as const),
      ...twice([misc, ERASE_DISPLAYED]).map((pair, i) => [Math.round(end * rate) + i, pair] as const),
    ];
    for (const [picture, pair] of all) {
      if (picture < 0 || picture >= pictures || pairs.has(picture)) throw new Error(`${channel}: no room for "${text}" at picture ${picture}`);
      pairs.set(picture, pair);
    }
  }
  return pairs;
}

/** Packets of service 1 (CEA-708 5, 6): a window, the text, and its end, in the picture at which it is shown. */
function servicePackets({ cues }: CaptionRecipe, rate: number): Map<number, Buffer> {
  return new Map(
    cues.map(({ start, text }, i) => {
      const commands = Buffer.concat([Buffer.from([0x98, 0x38, 0x46, 0x0a, 0x60, 0x1f, 0x11]), Buffer.from(text, 'latin1'), Buffer.from([0x03])]);
      if (commands.length > 31 || commands.length + 2 > PACKET_BYTES) throw new Error(`SERVICE1: "${text}" does not fit into one block`);
      const size = Math.ceil((2 + commands.length) / 2);
      const packet = Buffer.alloc(2 * size);
      packet[0] = ((i & 3) << 6) | size;
      packet[1] = (1 << 5) | commands.length;
      commands.copy(packet, 2);
      return [Math.round(start * rate), packet];
    }),
  );
}

/** One SEI NAL unit per picture in the order of presentation. */
export function captionUnits(captions: readonly CaptionRecipe[], pictures: number, rate: number): readonly Buffer[] {
  const of = (channel: CaptionRecipe['channel']): CaptionRecipe | undefined => captions.find((each) => each.channel === channel);
  const fields = (['CC1', 'CC3'] as const).map((channel) => linePairs(of(channel) ?? { channel, cues: [] }, pictures, rate));
  const service = of('SERVICE1');
  const packets = service === undefined ? new Map<number, Buffer>() : servicePackets(service, rate);
  return Array.from({ length: pictures }, (_, picture) => {
    const triples = fields.map((pairs, field) => [0xfc | field, ...(pairs.get(picture) ?? [0, 0]).map(withParity)]);
    const packet = packets.get(picture) ?? Buffer.alloc(0);
    for (let i = 0; i < TRIPLES - 2; i++) triples.push(2 * i < packet.length ? [i === 0 ? 0xff : 0xfe, packet[2 * i], packet[2 * i + 1]] : [0xfa, 0, 0]);
    return seiUnit(Buffer.from([0xb5, 0x00, 0x31, ...Buffer.from('GA94'), 0x03, 0xc0 | TRIPLES, 0xff, ...triples.flat(), 0xff]));
  });
}

/** A message of registered user data (ISO/IEC 14496-10:2022 7.3.2.3), escaped (7.4.1.1). */
function seiUnit(payload: Buffer): Buffer {
  const raw = Buffer.concat([Buffer.from([4, payload.length]), payload, Buffer.from([0x80])]);
  const bytes = [6];
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

/** The file, of one H.264 track, with a caption unit in front of each picture. All samples become one chunk before the movie box. */
export function withCaptions(file: Buffer, captions: readonly CaptionRecipe[], rate: number): Buffer {
  const tracks = readTracks(file);
  const [track] = tracks;
  if (tracks.length !== 1 || !track.sampleEntry.startsWith('avc')) throw new Error('captions go into files of one H.264 track');
  const units = captionUnits(captions, track.size.length, rate);
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
