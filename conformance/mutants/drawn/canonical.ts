/**
 * When two answers mean the same. A mutant that means the same is no fault; that is decided here by comparing what both say, never
 * by what was changed, and the checks are held to it: they may not tell such answers apart.
 */
import { createHash } from 'node:crypto';
import { formatRow } from '../../outputs.ts';
import { readBoxes, type Box } from '../../oracle/boxes.ts';
import { readM3u8, type HlsDocument, type Tag } from '../../oracle/m3u8.ts';
import { decodeXml, readXml, type XmlNode } from '../../oracle/xml.ts';
import type { Exchange } from '../../trace.ts';
import type { Altered } from './subject.ts';

/** What is left out of the comparison, and why it says nothing. */
export const EQUIVALENCES: readonly { readonly what: string; readonly why: string }[] = [
  { what: 'XML: white space between elements, comments, order of attributes, unused prefix declarations', why: 'XML 1.0 3.1 gives attributes no order; Exclusive XML Canonicalization leaves the others out' },
  { what: 'HLS: CR before LF, comments, unknown tags, order of attributes', why: 'RFC 8216 4.1, 4.2 and 6.3.1' },
  { what: 'HLS: order of playlist-wide tags', why: 'RFC 8216 4.3.3 orders only the sequence numbers, which have to precede the first segment' },
  { what: 'HLS: title behind EXTINF', why: 'RFC 8216 4.3.2.1: informative text for people' },
  { what: 'HLS: EXT-X-ALLOW-CACHE', why: 'removed in version 7 (RFC 8216 7); clients ignore it' },
  { what: 'MP4: free and skip boxes in headers', why: 'ISO/IEC 14496-12:2022 8.1.2: contents are irrelevant and may be ignored' },
  { what: 'MP4: creation and modification times, name of the handler, name of the compressor', why: 'ISO/IEC 14496-12:2022 8.2.2, 8.3.2, 8.4.2, 8.4.3 and 12.1.3: information for people' },
  { what: 'MP4: minor version of ftyp, order of compatible brands', why: 'ISO/IEC 14496-12:2022 4.3: informative, and a list of brands to be scanned' },
  { what: 'MP4: order of boxes inside moov, trak, mdia, minf, stbl and traf', why: 'ISO/IEC 14496-12:2022 6.3.4 recommends an order and demands none' },
  { what: 'TS: null packets, transport_priority', why: 'ISO/IEC 13818-1:2019 2.4.3.3: null packets are padding; the priority only ranks packets of one PID' },
  { what: 'HTTP: Date, Expires beside max-age, Accept-Ranges, Vary, X-MS-* and Timing-Allow-Origin', why: 'RFC 9111 5.3: max-age overrides Expires; RFC 9110 14.3: Accept-Ranges is optional; the rest is no part of the contract that is judged' },
  { what: 'HTTP: the value of an entity tag, max-age of a day or more', why: 'RFC 9110 8.8.3: opaque; any such age keeps the promise of HTTP-003' },
];

export function sameMeaning(exchange: Exchange, body: Buffer, altered: Altered): boolean {
  if (exchange.status !== altered.exchange.status || headersOf(exchange) !== headersOf(altered.exchange)) return false;
  if (body.equals(altered.body)) return true;
  const [good, bad] = [canonical(exchange, body), canonical(exchange, altered.body)];
  return good !== null && good === bad;
}

const UNPROMISED = new Set(['date', 'expires', 'accept-ranges', 'vary', 'timing-allow-origin', 'x-ms-streaming-duration', 'x-ms-request-id', 'content-length', 'access-control-max-age', 'access-control-allow-methods', 'allow']);

function headersOf({ headers, role }: Exchange): string {
  const lines = Object.entries(headers).flatMap(([name, value]) => {
    if (UNPROMISED.has(name) && !(name === 'content-length' && role.kind !== 'probe')) return [];
    if (name === 'etag') return [`etag: ${/^(W\/)?"[\x21\x23-\x7e]*"$/.test(value) ? 'well-formed' : value}`];
    if (name === 'cache-control') return [`cache-control: ${/^(public, )?max-age=\d+$/.test(value) && Number(/\d+/.exec(value)?.[0]) >= 86_400 ? 'a day or more' : value}`];
    return [`${name}: ${value}`];
  });
  // The length follows the body, which is compared by itself.
  return lines.filter((line) => !line.startsWith('content-length')).toSorted().join('\n');
}

function canonical({ role }: Exchange, body: Buffer): string | null {
  if (role.kind === 'probe') return null;
  const { kind, container } = formatRow(role.format);
  if (role.kind === 'playlist' || (role.kind === 'manifest' && kind === 'hls')) return canonicalPlaylist(body);
  if (role.kind === 'manifest') return canonicalXml(body);
  return container === 'ts' ? canonicalTransport(body) : canonicalBoxes(body);
}

function canonicalXml(body: Buffer): string | null {
  const text = decodeXml(body);
  const parsed = readXml(text);
  if ('problem' in parsed || text.includes('\ufffd')) return null;
  const write = ({ name, namespace, attributes, children, text: content }: XmlNode): unknown => [
    namespace,
    name,
    Object.entries(attributes).filter(([attribute]) => !attribute.startsWith('xmlns:')).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    children.map(write),
    content.trim(),
  ];
  return JSON.stringify([/^<\?xml[^>]*\?>/.exec(text)?.[0].toLowerCase().replaceAll(/\s+/g, ' ').replaceAll("'", '"') ?? '', write(parsed.root)]);
}

const SILENT_TAGS = new Set(['EXT-X-ALLOW-CACHE']);
const SEGMENT_TAGS = new Set(['EXT-X-PROGRAM-DATE-TIME', 'EXT-X-DATERANGE']);
const SEQUENCE_TAGS = new Set(['EXT-X-MEDIA-SEQUENCE', 'EXT-X-DISCONTINUITY-SEQUENCE']);
const PLACED_TAGS = new Set(['EXTINF', 'EXT-X-MAP', 'EXT-X-KEY', 'EXT-X-BYTERANGE', 'EXT-X-DISCONTINUITY', 'EXT-X-STREAM-INF']);
const KNOWN_TAGS = /^EXT(M3U|INF|-X-(VERSION|BYTERANGE|DISCONTINUITY|KEY|MAP|PROGRAM-DATE-TIME|DATERANGE|TARGETDURATION|MEDIA-SEQUENCE|DISCONTINUITY-SEQUENCE|ENDLIST|PLAYLIST-TYPE|I-FRAMES-ONLY|ALLOW-CACHE|MEDIA|STREAM-INF|I-FRAME-STREAM-INF|SESSION-DATA|SESSION-KEY|INDEPENDENT-SEGMENTS|START))$/;

function canonicalPlaylist(body: Buffer): string {
  const playlist = readM3u8(body);
  const first = playlist.segments[0]?.line ?? Infinity;
  const wide = playlist.tags.filter(({ name }) => KNOWN_TAGS.test(name) && !SILENT_TAGS.has(name) && !PLACED_TAGS.has(name)).map((tag) => {
    const place = SEQUENCE_TAGS.has(tag.name) ? String(tag.line < first) : SEGMENT_TAGS.has(tag.name) ? String(playlist.segments.findIndex(({ line }) => line > tag.line)) : tag.name === 'EXTM3U' ? String(tag.line) : '';
    return `${tag.name} ${place} ${canonicalValue(tag)}`;
  });
  return JSON.stringify([
    playlist.kind,
    playlist.problems.map(({ message }) => message).toSorted(),
    wide.toSorted(),
    playlist.segments.map(({ uri, duration, map, byteRange, discontinuity, key }) => [uri, duration, map && canonicalValue(map), byteRange, discontinuity, key && canonicalValue(key)]),
    playlist.variants.map(({ tag, uri }) => [canonicalValue(tag), uri]),
    formOf(playlist),
  ]);
}

/** Faults of tags that the table of segments does not show. */
function formOf({ tags }: HlsDocument): readonly string[] {
  return tags.filter(({ name, value }) => name === 'EXTINF' && !/^\d+(\.\d+)?,/.test(value)).map(({ value }) => value).concat(String(tags.filter(({ name }) => name === 'EXTINF').length), String(tags.filter(({ name }) => name === 'EXT-X-MAP').length));
}

function canonicalValue({ attributes, value }: Tag): string {
  return attributes.size === 0 ? value : [...attributes].map(([name, attribute]) => `${name}=${attribute.type}:${attribute.value}`).toSorted().join(',');
}

const UNORDERED = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'traf', 'mvex', 'moof']);
/** Bytes behind version and flags that hold times for people: [narrow, wide]. */
const TIMES: Readonly<Record<string, readonly [number, number]>> = { mvhd: [8, 16], tkhd: [8, 16], mdhd: [8, 16] };

function canonicalBoxes(body: Buffer): string | null {
  const tree = readBoxes(body);
  if (tree.problems.length > 0) return null;
  const write = (box: Box): unknown => {
    const payload = Buffer.from(body.subarray(box.start + box.header, box.children[0]?.start ?? box.start + box.size));
    const times = TIMES[box.type];
    if (times !== undefined) payload.fill(0, 4, 4 + times[payload[0] === 1 ? 1 : 0]);
    const children = box.children.filter(({ type }) => box.type !== 'moov' || (type !== 'free' && type !== 'skip')).map((child) => [child.type, write(child)] as const);
    if (UNORDERED.has(box.type)) children.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const told = box.type === 'hdlr' ? payload.subarray(0, 24) : box.type === 'ftyp' || box.type === 'styp' ? brands(payload) : /^(avc|hvc|hev)\d$/.test(box.type) ? Buffer.concat([payload.subarray(0, 42), payload.subarray(74)]) : payload;
    return [createHash('sha256').update(told).digest('hex'), children];
  };
  return JSON.stringify(tree.boxes.map((box) => [box.type, write(box)]));
}

function brands(payload: Buffer): Buffer {
  const list = Array.from({ length: Math.max(0, payload.length / 4 - 2) }, (_, i) => payload.toString('latin1', 8 + 4 * i, 12 + 4 * i));
  return Buffer.from(`${payload.toString('latin1', 0, 4)} ${list.toSorted().join(' ')}`);
}

const PACKET = 188;

function canonicalTransport(body: Buffer): string | null {
  if (body.length % PACKET !== 0) return null;
  const hash = createHash('sha256');
  for (let at = 0; at < body.length; at += PACKET) {
    const packet = Buffer.from(body.subarray(at, at + PACKET));
    if ((packet.readUInt16BE(1) & 0x1fff) === 0x1fff && packet[0] === 0x47) continue;
    packet[1] &= 0xdf;
    hash.update(packet);
  }
  return hash.digest('hex');
}
