/** What manifests say of the encryption of a track: the envelope with key and vector, samples, or nothing. */
import { formatRow } from '../outputs.ts';
import type { TrackView, View } from '../view.ts';
import { attributeOf, type Tag } from './m3u8.ts';
import { readPlayReadyObject, SYSTEMS } from './systems.ts';
import { canonicalKeyId } from './keys.ts';
import { childOf, childrenOf, readXml, type XmlNode } from './xml.ts';

export type Sealing =
  /** AES-128 over the whole resource. Without a vector nobody can open it. */
  | { readonly kind: 'envelope'; readonly uri: string; readonly iv: Uint8Array | null }
  /** SAMPLE-AES in a transport stream; `uris`: one of each key system. */
  | { readonly kind: 'sample-aes'; readonly uris: readonly string[]; readonly iv: Uint8Array | null }
  /** Samples of fragments, as the boxes say. Smooth has no header: `keyIds` are those of its manifest. */
  | { readonly kind: 'samples'; readonly keyIds: readonly string[] };

/** Of a segment by its index, or of the initialization segment. */
export function sealingOf(view: View, track: TrackView, part: number | 'init'): Sealing | null {
  const { source } = track;
  if (source.kind === 'hls') return hlsSealing(view, track, part);
  if (source.kind === 'dash') return dashSealing(contentProtections(track));
  return view.document?.kind === 'smooth' ? smoothSealing(view.document.smooth.root) : null;
}

/** Of the first segment that is not in the clear: a clear lead may stand before it. */
export function sealingOfTrack(view: View, track: TrackView): Sealing | null {
  return track.segments.map(({ index }) => sealingOf(view, track, index)).find((sealing) => sealing !== null) ?? null;
}

function hlsSealing({ format }: View, { source }: TrackView, part: number | 'init'): Sealing | null {
  const document = source.kind === 'hls' ? source.playlist.document : null;
  const segment = document?.segments[part === 'init' ? 0 : part];
  if (document == null || segment === undefined) return null;
  const keys = part === 'init' ? segment.mapKeys : segment.keys;
  const envelope = keys.find((key) => attributeOf(key, 'METHOD') === 'AES-128');
  // RFC 8216 5.2: the media sequence number stands in where no vector is given; an initialization segment has none.
  const sequence = Number(document.tags.find(({ name }) => name === 'EXT-X-MEDIA-SEQUENCE')?.value ?? '0');
  const vector = (key: Tag): Uint8Array | null => vectorOf(attributeOf(key, 'IV')) ?? (part === 'init' ? null : vectorOfSequence(sequence + part));
  if (envelope !== undefined) return { kind: 'envelope', uri: resolved(attributeOf(envelope, 'URI') ?? '', source.kind === 'hls' ? source.playlist.url : ''), iv: vector(envelope) };
  if (keys.length === 0) return null;
  if (formatRow(format).container === 'fmp4') return { kind: 'samples', keyIds: [] };
  return { kind: 'sample-aes', uris: keys.map((key) => attributeOf(key, 'URI') ?? ''), iv: vector(keys[0]) };
}

function resolved(uri: string, base: string): string {
  return URL.canParse(uri, base) ? new URL(uri, base).href : uri;
}

export function vectorOf(text: string | null): Uint8Array | null {
  return text !== null && /^0x[0-9a-f]{32}$/i.test(text) ? Buffer.from(text.slice(2), 'hex') : null;
}

function vectorOfSequence(sequence: number): Uint8Array {
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64BE(BigInt(Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : 0), 8);
  return vector;
}

/** Descriptors of a Representation and of its AdaptationSet: both hold (ISO/IEC 23009-1:2022 5.3.7). */
export function contentProtections({ source }: TrackView): readonly XmlNode[] {
  if (source.kind !== 'dash') return [];
  const { node, adaptationSet } = source.representation;
  return [...childrenOf(adaptationSet.node, 'ContentProtection'), ...childrenOf(node, 'ContentProtection')];
}

const SEGMENT_ENCRYPTION = 'urn:mpeg:dash:sea:2012';

function dashSealing(descriptors: readonly XmlNode[]): Sealing | null {
  if (descriptors.length === 0) return null;
  const sea = descriptors.find(({ attributes }) => attributes['schemeIdUri'] === SEGMENT_ENCRYPTION);
  return sea === undefined ? { kind: 'samples', keyIds: [] } : cryptoPeriod(sea);
}

/** ISO/IEC 23009-4: one CryptoPeriod with the vector and the address of the key. */
function cryptoPeriod(descriptor: XmlNode): Sealing {
  const period = childOf(descriptor, 'CryptoPeriod');
  return { kind: 'envelope', uri: period?.attributes['keyUriTemplate'] ?? '', iv: vectorOf(period?.attributes['IV'] ?? null) };
}

export function protectionHeaders(root: XmlNode): readonly { readonly systemId: string; readonly node: XmlNode }[] {
  return childrenOf(root, 'Protection').flatMap((node) => childrenOf(node, 'ProtectionHeader')).map((node) => ({ systemId: canonicalKeyId(node.attributes['SystemID'] ?? ''), node }));
}

function smoothSealing(root: XmlNode): Sealing | null {
  const headers = protectionHeaders(root);
  const envelope = headers.find(({ systemId }) => systemId === SYSTEMS.envelope);
  if (envelope !== undefined) {
    const parsed = readXml(envelope.node.text.trim());
    return 'root' in parsed ? cryptoPeriod(parsed.root) : { kind: 'envelope', uri: '', iv: null };
  }
  if (headers.length === 0) return null;
  const playReady = headers.find(({ systemId }) => systemId === SYSTEMS.playReady);
  const header = playReady === undefined ? '' : readPlayReadyObject(Buffer.from(playReady.node.text.trim(), 'base64'));
  return { kind: 'samples', keyIds: typeof header === 'string' ? [] : header.keys.map(({ keyId }) => keyId) };
}
