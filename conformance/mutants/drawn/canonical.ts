/**
 * When two answers mean the same. A mutant that means the same is no fault; that is decided here by comparing what both say, never
 * by what was changed, and the checks are held to it: they may not tell such answers apart.
 */
import { createHash } from 'node:crypto';
import { formatRow } from '../../outputs.ts';
import { readBoxes, type Box } from '../../oracle/boxes.ts';
import { readM3u8, type HlsDocument, type Tag } from '../../oracle/m3u8.ts';
import { readWebVtt } from '../../oracle/webvtt.ts';
import { decodeXml, readXml, type XmlNode } from '../../oracle/xml.ts';
import type { Exchange, ProbeKind } from '../../trace.ts';
import type { Altered } from './subject.ts';
import { isWebVtt } from './texts.ts';

/** What is left out of the comparison, and why it says nothing. */
export const EQUIVALENCES: readonly { readonly what: string; readonly why: string }[] = [
  { what: 'XML: white space between elements, comments, order of attributes, unused prefix declarations', why: 'XML 1.0 3.1 gives attributes no order; Exclusive XML Canonicalization leaves the others out' },
  { what: 'HLS: CR before LF, comments, unknown tags, order of attributes', why: 'RFC 8216 4.1, 4.2 and 6.3.1' },
  { what: 'HLS: order of playlist-wide tags', why: 'RFC 8216 4.3.3 orders only the sequence numbers, which have to precede the first segment' },
  { what: 'HLS: title behind EXTINF', why: 'RFC 8216 4.3.2.1: informative text for people' },
  { what: 'MP4: free and skip boxes in headers', why: 'ISO/IEC 14496-12:2022 8.1.2: contents are irrelevant and may be ignored' },
  { what: 'MP4: creation and modification times, name of the handler, name of the compressor', why: 'ISO/IEC 14496-12:2022 8.2.2, 8.3.2, 8.4.2, 8.4.3 and 12.1.3: information for people' },
  { what: 'MP4: minor version of ftyp, order of compatible brands', why: 'ISO/IEC 14496-12:2022 4.3: informative, and a list of brands to be scanned' },
  { what: 'MP4: order of boxes inside moov, trak, mdia, minf, stbl and traf', why: 'ISO/IEC 14496-12:2022 6.3.4 recommends an order and demands none; CMAF demands one of headers, so there it counts' },
  { what: 'MP4: boxes of types that nobody defines', why: 'ISO/IEC 14496-12:2022 4.2: they are ignored and skipped' },
  { what: 'HTTP: which success a preflight gets', why: 'Fetch 4.8: any ok status will do' },
  { what: 'MP4: a next_track_ID above every track', why: 'ISO/IEC 14496-12:2022 8.2.2.3: any such number will do' },
  { what: 'MP4: btrt, styp in front, alternate_group, a pixel shape of 1:1', why: 'ISO/IEC 14496-12:2022 8.5.2.2, 8.16.2: optional information; 8.3.2: groups tracks of one file, which holds one; 12.1.4: what an absent box means' },
  { what: 'MP4: default duration, size and flags of trex', why: 'no fragment of the corpus leans on them; one that did would change its samples, and checks would tell' },
  { what: 'MP4: buffer size and bit rates of esds', why: 'ISO/IEC 14496-1:2010 7.2.6.6: information; encoders leave them 0' },
  { what: 'HLS: DEFAULT, AUTOSELECT and FORCED of NO', why: 'RFC 8216 4.3.4.1: what an absent attribute means' },
  { what: 'WebVTT: blank lines between blocks, blanks between settings, hours that are 0', why: 'W3C WebVTT 4.1: the same cues' },
  { what: 'zeros around a number', why: 'the same value in every grammar that is used here' },
  { what: 'TS: priority, alignment, copyright and original marks of PES; the extension of clock references', why: 'ISO/IEC 13818-1:2019 2.4.3.7: information for editors; less than a tick of 90 kHz' },
  { what: 'HTTP: headers of refusals and preflights beyond CORS, Content-Length where it is absent', why: 'no part of the contract; RFC 9110 8.6 lets an origin leave the length out' },
  { what: 'TS: null packets, transport_priority', why: 'ISO/IEC 13818-1:2019 2.4.3.3: null packets are padding; the priority only ranks packets of one PID' },
  { what: 'HTTP: Date, Expires beside max-age, Accept-Ranges, Vary of what is not compressed, X-MS-* and Timing-Allow-Origin', why: 'RFC 9111 5.3: max-age overrides Expires; RFC 9110 14.3: Accept-Ranges is optional; the rest is no part of the contract that is judged' },
  { what: 'HTTP: the value of an entity tag, max-age of a day or more', why: 'RFC 9110 8.8.3: opaque; any such age keeps the promise of HTTP-003' },
];

export function sameMeaning(exchange: Exchange, body: Buffer, altered: Altered): boolean {
  const status = ({ status: told, role }: Exchange): number => {
    if (role.kind !== 'probe') return told;
    if (role.probe === 'preflight' && told >= 200 && told < 300) return 200;
    return role.probe === 'other-noun' && told === 400 ? 404 : told;
  };
  if (status(exchange) !== status(altered.exchange) || headersOf(exchange) !== headersOf(altered.exchange)) return false;
  if (body.equals(altered.body)) return true;
  const [good, bad] = [canonical(exchange, body), canonical(exchange, altered.body)];
  return good !== null && good === bad;
}

const UNPROMISED = new Set(['date', 'expires', 'accept-ranges', 'vary', 'timing-allow-origin', 'x-ms-streaming-duration', 'x-ms-request-id']);
/** What each kind of answer promises, where it is not everything. */
const PROMISED: Readonly<Partial<Record<ProbeKind, readonly string[]>>> = {
  head: ['content-type', 'content-length', 'etag', 'cache-control', 'access-control-allow-origin'],
  range: ['content-type', 'content-range', 'etag', 'cache-control', 'access-control-allow-origin'],
  conditional: ['etag', 'cache-control', 'access-control-allow-origin'],
  preflight: ['access-control-allow-origin', 'access-control-allow-headers'],
  repeat: ['content-type', 'etag', 'cache-control', 'access-control-allow-origin'],
  escaped: ['content-type', 'etag', 'cache-control', 'access-control-allow-origin'],
  'other-case': ['content-type', 'etag', 'cache-control', 'access-control-allow-origin'],
  compressed: ['content-encoding', 'vary', 'access-control-allow-origin'],
};
const REFUSED = ['access-control-allow-origin'];

function headersOf({ headers, role, body }: Exchange): string {
  const promised = role.kind === 'probe' ? (PROMISED[role.probe] ?? REFUSED) : null;
  const lines = Object.entries(headers).flatMap(([name, value]) => {
    if (promised === null ? UNPROMISED.has(name) : !promised.includes(name)) return [];
    // The length follows the body, which is compared by itself.
    if (name === 'content-length' && role.kind !== 'probe') return value === String(body?.size ?? 0) ? [] : ['content-length: wrong'];
    if (role.kind === 'probe') return [`${name}: ${value}`];
    if (name === 'etag') return [`etag: ${/^(W\/)?"[\x21\x23-\x7e]*"$/.test(value) ? 'well-formed' : value}`];
    if (name === 'cache-control') return [`cache-control: ${/^(public, )?max-age=\d+$/.test(value) && Number(/\d+/.exec(value)?.[0]) >= 86_400 ? 'a day or more' : value}`];
    if (name === 'access-control-expose-headers') return ['date', 'etag', 'content-range'].map((exposed) => `exposes ${value.toLowerCase().split(',').map((each) => each.trim()).includes(exposed)}`);
    return [`${name}: ${value}`];
  });
  return lines.toSorted().join('\n');
}

/** Numbers by value: no zeros in front, none behind a point. */
function canonicalNumber(text: string): string {
  return text.replaceAll(/(?<![\w.])0+(?=\d)/g, '').replaceAll(/(\.\d*?)0+(?!\d)/g, '$1').replaceAll(/\.(?!\d)/g, '');
}

/** What a WebVTT file says, and its faults without where they are. */
function canonicalText(body: Buffer): string {
  const { cues, map, problems } = readWebVtt(body);
  return JSON.stringify([map === null ? null : map.mpegts - 90 * map.local, problems.map(({ message }) => message), cues.map(({ line: _, ...cue }) => cue)]);
}

function canonical(exchange: Exchange, body: Buffer): string | null {
  const { role } = exchange;
  if (role.kind === 'probe') return null;
  const { kind, container } = formatRow(role.format);
  if (role.kind === 'playlist' || (role.kind === 'manifest' && kind === 'hls')) return canonicalPlaylist(body);
  if (role.kind === 'manifest') return canonicalXml(body);
  if (isWebVtt(exchange)) return canonicalText(body);
  return container === 'ts' ? canonicalTransport(body) : canonicalBoxes(body, role.format.endsWith('-cmaf'));
}

/** Numbers, ratios and durations; names and templates hold digits too. */
const NUMERIC = /^(PT)?[\d.:/]+[HMS]?$/;

function canonicalXml(body: Buffer): string | null {
  const text = decodeXml(body);
  const parsed = readXml(text);
  if ('problem' in parsed || text.includes('\ufffd')) return null;
  const write = ({ name, namespace, attributes, children, text: content }: XmlNode): unknown => [
    namespace,
    name,
    Object.entries(attributes).filter(([attribute]) => !attribute.startsWith('xmlns:')).map(([attribute, value]) => [attribute, NUMERIC.test(value) ? canonicalNumber(value) : value] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    children.map(write),
    content.trim(),
  ];
  return JSON.stringify([/^<\?xml[^>]*\?>/.exec(text)?.[0].toLowerCase().replaceAll(/\s+/g, ' ').replaceAll("'", '"') ?? '', write(parsed.root)]);
}

const SEGMENT_TAGS = new Set(['EXT-X-PROGRAM-DATE-TIME', 'EXT-X-DATERANGE']);
const SEQUENCE_TAGS = new Set(['EXT-X-MEDIA-SEQUENCE', 'EXT-X-DISCONTINUITY-SEQUENCE']);
const PLACED_TAGS = new Set(['EXTINF', 'EXT-X-MAP', 'EXT-X-KEY', 'EXT-X-BYTERANGE', 'EXT-X-DISCONTINUITY', 'EXT-X-STREAM-INF']);
const KNOWN_TAGS = /^EXT(M3U|INF|-X-(VERSION|BYTERANGE|DISCONTINUITY|KEY|MAP|PROGRAM-DATE-TIME|DATERANGE|TARGETDURATION|MEDIA-SEQUENCE|DISCONTINUITY-SEQUENCE|ENDLIST|PLAYLIST-TYPE|I-FRAMES-ONLY|ALLOW-CACHE|MEDIA|STREAM-INF|I-FRAME-STREAM-INF|SESSION-DATA|SESSION-KEY|INDEPENDENT-SEGMENTS|START))$/;

function canonicalPlaylist(body: Buffer): string {
  const playlist = readM3u8(body);
  const first = playlist.segments[0]?.line ?? Infinity;
  const wide = playlist.tags.filter(({ name }) => KNOWN_TAGS.test(name) && !PLACED_TAGS.has(name)).map((tag) => {
    const place = SEQUENCE_TAGS.has(tag.name) ? String(tag.line < first) : SEGMENT_TAGS.has(tag.name) ? String(playlist.segments.findIndex(({ line }) => line > tag.line)) : tag.name === 'EXTM3U' ? String(tag.line) : '';
    return `${tag.name} ${place} ${canonicalValue(tag)}`;
  });
  return JSON.stringify([
    playlist.kind,
    playlist.problems.map(({ message }) => message).toSorted(),
    wide.toSorted(),
    playlist.segments.map(({ uri, duration, map, mapKeys, byteRange, discontinuity, keys }) => [uri, duration === null ? null : canonicalNumber(duration), map && canonicalValue(map), byteRange, discontinuity, keys.map(canonicalValue), map === null ? [] : mapKeys.map(canonicalValue)]),
    playlist.variants.map(({ tag, uri }) => [canonicalValue(tag), uri]),
    formOf(playlist),
  ]);
}

/** Faults of tags that the table of segments does not show. */
function formOf({ tags }: HlsDocument): readonly string[] {
  return tags.filter(({ name, value }) => name === 'EXTINF' && !/^\d+(\.\d+)?,/.test(value)).map(({ value }) => value).concat(String(tags.filter(({ name }) => name === 'EXTINF').length));
}

const NO_WHEN_ABSENT = new Set(['DEFAULT', 'AUTOSELECT', 'FORCED']);

function canonicalValue({ attributes, value }: Tag): string {
  return attributes.size === 0 ? value : [...attributes].filter(([name, attribute]) => !(attribute.value === 'NO' && NO_WHEN_ABSENT.has(name))).map(([name, attribute]) => `${name}=${attribute.type}:${attribute.type === 'integer' || attribute.type === 'float' || attribute.type === 'resolution' ? canonicalNumber(attribute.value) : attribute.value}`).toSorted().join(',');
}

const UNORDERED = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'traf', 'mvex', 'moof']);
/** Bytes behind version and flags that hold times for people: [narrow, wide]. */
const TIMES: Readonly<Record<string, readonly [number, number]>> = { mvhd: [8, 16], tkhd: [8, 16], mdhd: [8, 16] };

function canonicalBoxes(body: Buffer, ordered: boolean): string | null {
  const tree = readBoxes(body);
  if (tree.problems.length > 0) return null;
  const write = (box: Box): unknown => {
    const payload = Buffer.from(body.subarray(box.start + box.header, box.children[0]?.start ?? box.start + box.size));
    const times = TIMES[box.type];
    if (times !== undefined) payload.fill(0, 4, 4 + times[payload[0] === 1 ? 1 : 0]);
    if (box.type === 'mvhd' && payload.length >= 100 && payload.readUInt32BE(payload.length - 4) > 1) payload.fill(0, payload.length - 4);
    if (box.type === 'trex') payload.fill(0, 12);
    if (box.type === 'tkhd') payload.fill(0, payload[0] === 1 ? 46 : 34, payload[0] === 1 ? 48 : 36);
    if (box.type === 'esds') clearRates(payload);
    const children = box.children.filter((child, i, all) => !(isSilent(child, box, body) && !all.slice(0, i).some(({ type }) => type === child.type && type !== 'free' && type !== 'skip'))).map((child) => [child.type, write(child)] as const);
    if ((!ordered || box.type === 'moof' || box.type === 'traf') && UNORDERED.has(box.type)) children.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const told = box.type === 'hdlr' ? payload.subarray(0, 24) : box.type === 'ftyp' || box.type === 'styp' ? brands(payload) : /^(avc|hvc|hev)\d$/.test(box.type) ? Buffer.concat([payload.subarray(0, 42), payload.subarray(74)]) : payload;
    return [createHash('sha256').update(told).digest('hex'), children];
  };
  return JSON.stringify(tree.boxes.filter(({ type }, i) => type !== 'styp' || i > 0).map((box) => [box.type, write(box)]));
}

/** A type that nobody defines. */
const UNKNOWN_BOX = 'xxxx';

function isSilent({ type, start, header }: Box, parent: Box, body: Buffer): boolean {
  if (parent.type === 'moov' && (type === 'free' || type === 'skip')) return true;
  return type === 'btrt' || type === UNKNOWN_BOX || (type === 'pasp' && body.readUInt32BE(start + header) === body.readUInt32BE(start + header + 4));
}

/** bufferSizeDB, maxBitrate and avgBitrate of the DecoderConfigDescriptor. */
function clearRates(esds: Buffer): void {
  for (let at = 4; at + 13 < esds.length; at++) if (esds[at] === 0x40 && esds[at + 1] === 0x15) return void esds.fill(0, at + 2, at + 13);
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
    const field = (packet[3] & 0x20) !== 0 ? 1 + packet[4] : 0;
    if (field > 7 && (packet[5] & 0x10) !== 0) {
      const extension = ((packet[10] & 1) << 8) | packet[11];
      if (extension < 300) packet.fill(0, 11, 12);
      if (extension < 300) packet[10] &= 0xfe;
    }
    const payload = 4 + field;
    if ((packet[1] & 0x40) !== 0 && payload + 7 < PACKET && packet.readUIntBE(payload, 3) === 1) packet[payload + 6] &= 0xf0;
    hash.update(packet);
  }
  return hash.digest('hex');
}
