/**
 * Closed captions inside video: cc_data of ATSC A/53 part 4 6.2.3, which supplemental enhancement information of both codecs carries as
 * registered user data (ISO/IEC 14496-10:2022 D.1.6). They travel untouched; what is read is which channels speak, and the bytes of CEA-608.
 */
import { nalEnd, nalType, unescapeNal, type NalFamily } from './nal.ts';

/** `CC1` to `CC4` of CEA-608, `SERVICE1` to `SERVICE63` of CEA-708: the words of HLS (RFC 8216 4.3.4.1). */
export type CaptionChannel = string;

const SEI_NAL: Readonly<Record<NalFamily, readonly number[]>> = { avc: [6], hevc: [39, 40] };
const NAL_HEADER: Readonly<Record<NalFamily, number>> = { avc: 1, hevc: 2 };
/** user_data_registered_itu_t_t35. */
const REGISTERED = 4;
/** Country, provider, `GA94`, and the type code of cc_data. */
const CC_DATA = [0xb5, 0x00, 0x31, 0x47, 0x41, 0x39, 0x34, 0x03];

/** Adds the channels that a sample's captions use; true when the sample carries caption data at all, be it padding. */
export function addCaptionChannels(sample: Uint8Array, lengthSize: number, family: NalFamily, channels: Set<CaptionChannel>): boolean {
  let found = false;
  for (const data of captionData(sample, lengthSize, family)) {
    found = true;
    addChannels(data, channels);
  }
  return found;
}

/** The pairs of bytes, with parity, that a sample has for a field of CEA-608; padding is left out. */
export function linePairs(sample: Uint8Array, lengthSize: number, family: NalFamily, field: 1 | 2): readonly (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  for (const data of captionData(sample, lengthSize, family)) {
    for (const at of triples(data)) {
      if ((data[at] & 3) === field - 1 && ((data[at + 1] | data[at + 2]) & 0x7f) !== 0) pairs.push([data[at + 1], data[at + 2]]);
    }
  }
  return pairs;
}

function* captionData(sample: Uint8Array, lengthSize: number, family: NalFamily): Generator<Uint8Array> {
  for (let at = 0, next = 0; at < sample.length; at = next) {
    next = nalEnd(sample, at, sample.length, lengthSize);
    if (!SEI_NAL[family].includes(nalType(family, sample[at + lengthSize]))) continue;
    for (const payload of registeredPayloads(unescapeNal(sample.subarray(at + lengthSize, next)), NAL_HEADER[family])) {
      if (CC_DATA.every((byte, i) => payload[i] === byte)) yield payload.subarray(CC_DATA.length);
    }
  }
}

/** sei_message (7.3.2.3.1): type and size are sums of bytes, of which all but the last are 255. */
function* registeredPayloads(sei: Uint8Array, header: number): Generator<Uint8Array> {
  let at = header;
  const sum = (): number => {
    let value = 0;
    while (sei[at] === 255) value += sei[at++];
    return value + (sei[at++] ?? 0);
  };
  // The last byte is the trailing bits.
  while (at + 1 < sei.length) {
    const [type, size] = [sum(), sum()];
    if (at + size > sei.length) return;
    if (type === REGISTERED) yield sei.subarray(at, at + size);
    at += size;
  }
}

function addChannels(data: Uint8Array, channels: Set<CaptionChannel>): void {
  for (const at of triples(data)) {
    const kind = data[at] & 3;
    if (kind < 2) addLineChannel(kind, data[at + 1] & 0x7f, channels);
    else if (kind === 3) addServices(data, at, endOfTriples(data), channels);
  }
}

/** Places of the valid ones of cc_count triples behind two bytes; process_cc_data_flag off means that nobody shall look at them. */
function* triples(data: Uint8Array): Generator<number> {
  if (data.length < 2 || (data[0] & 0x40) === 0) return;
  for (let at = 2; at < endOfTriples(data); at += 3) if ((data[at] & 4) !== 0) yield at;
}

function endOfTriples(data: Uint8Array): number {
  return Math.min(data.length - 2, 2 + 3 * (data[0] & 0x1f));
}

/** CEA-608: control codes tell the channel of a field by a bit, and what follows belongs to it. Field 2 also has extended data, without control codes. */
function addLineChannel(field: number, first: number, channels: Set<CaptionChannel>): void {
  if (first >= 0x10 && first <= 0x1f) channels.add(`CC${2 * field + ((first & 8) === 0 ? 1 : 2)}`);
}

/** CEA-708: a packet starts with its size, then come blocks, each with service and size; as much as this picture holds of it. */
function addServices(data: Uint8Array, start: number, end: number, channels: Set<CaptionChannel>): void {
  const packet: number[] = [];
  for (let at = start; at < end && (at === start || (data[at] & 7) === 6); at += 3) packet.push(data[at + 1], data[at + 2]);
  const size = Math.min(packet.length, (packet[0] & 0x3f) === 0 ? 128 : 2 * (packet[0] & 0x3f));
  for (let at = 1; at < size; ) {
    const block = packet[at] & 0x1f;
    let service = packet[at++] >> 5;
    if (service === 7) service = packet[at++] & 0x3f;
    if (!(service > 0)) return;
    if (block > 0) channels.add(`SERVICE${service}`);
    at += block;
  }
}
