/** Caption channels inside H.264 and HEVC: ATSC A/53 cc_data in SEI messages, read bit by bit and without regard to how anybody writes them. */
import { nalType, type NalCodec } from './codecs.ts';
import { unescaped } from './sps.ts';

/** Channels as HLS names them (RFC 8216 4.3.4.1) that control codes or service blocks of these pictures use. */
export function captionChannels(units: readonly Uint8Array[], codec: NalCodec): readonly string[] {
  const messages = codec === 'avc' ? units.filter((unit) => nalType(unit, codec) === 6).map((unit) => unit.subarray(1)) : units.filter((unit) => [39, 40].includes(nalType(unit, codec))).map((unit) => unit.subarray(2));
  return messages.flatMap((message) => registered(unescaped(message))).flatMap(channelsOf);
}

/** Payloads of type 4: user data registered by ITU-T T.35. */
function registered(sei: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  const next = (): number => {
    let sum = 0;
    for (; sei[at] === 0xff; at++) sum += 255;
    sum += sei[at] ?? 0;
    at++;
    return sum;
  };
  while (at + 1 < sei.length) {
    const type = next();
    const size = next();
    if (type === 4) found.push(sei.subarray(at, at + size));
    at += size;
  }
  return found;
}

/** Country USA, provider ATSC, identifier GA94, type 3. */
const HEAD = 'b5003147413934' + '03';

function channelsOf(data: Uint8Array): string[] {
  if (Buffer.from(data.subarray(0, 8)).toString('hex') !== HEAD || data.length < 10 || (data[8] & 0x40) === 0) return [];
  const triples = Array.from({ length: data[8] & 31 }, (_, i) => data.subarray(10 + 3 * i, 13 + 3 * i)).filter((triple) => triple.length === 3 && (triple[0] & 4) !== 0);
  const channels: string[] = [];
  const packets: number[][] = [];
  for (const [head, a, b] of triples) {
    const kind = head & 3;
    const code = a & 0x7f;
    if (kind <= 1 && code >= 0x10 && code < 0x20) channels.push(`CC${1 + 2 * kind + ((code >> 3) & 1)}`);
    if (kind === 3) packets.push([a, b]);
    if (kind === 2) packets.at(-1)?.push(a, b);
  }
  return [...channels, ...packets.flatMap(servicesOf)];
}

/** CEA-708 5 and 6.2: the packet's size in pairs, then blocks of service and size. */
function servicesOf(packet: readonly number[]): string[] {
  const length = Math.min(packet.length, 2 * ((packet[0] & 63) || 64));
  const services: string[] = [];
  let at = 1;
  while (at < length) {
    const [number, size] = [packet[at] >> 5, packet[at] & 31];
    const service = number === 7 ? (packet[at + 1] ?? 0) & 63 : number;
    if (service === 0) break;
    if (size > 0) services.push(`SERVICE${service}`);
    at += (number === 7 ? 2 : 1) + size;
  }
  return services;
}
