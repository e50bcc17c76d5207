/** What manifests say of encryption, against the boxes and against each other (ISO/IEC 23009-1:2022 5.8.4.1; DASH-IF IOP 7; RFC 8216 4.3.2.4; [MS-SSTR] 2.2.2.2). */
import { createCipheriv } from 'node:crypto';
import { delivered } from '../media.ts';
import { formatRow } from '../outputs.ts';
import { DASH, HLS, inapplicable, type AssetCheck, type Context, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { findAll, find, readBoxes } from '../oracle/boxes.ts';
import { canonicalKeyId, type KeyRing } from '../oracle/keys.ts';
import { attributeOf, type HlsDocument, type Tag } from '../oracle/m3u8.ts';
import { contentProtections, protectionHeaders, sealingOf, vectorOf } from '../oracle/signalled.ts';
import { GUID_ORDER, readPlayReadyObject, readPssh, readPsshBytes, readWidevineData, systemOf, SYSTEMS, type PlayReadyHeader, type Pssh } from '../oracle/systems.ts';
import { childOf, childrenOf, readXml, type XmlNode } from '../oracle/xml.ts';
import { encryptionOf } from '../opened.ts';
import type { TraceReader } from '../trace.ts';
import { trackName, type TrackView } from '../view.ts';
import { judged, problem, trackPath } from './helpers.ts';
import { headerEncryptions } from './protection.ts';

const WITH_INIT = ['hls-cmaf', 'dash-csf', 'dash-cmaf'] as const;
const MP4_PROTECTION = 'urn:mpeg:dash:mp4protection:2011';
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const FAIRPLAY = 'com.apple.streamingkeydelivery';
const PLAYREADY = 'com.microsoft.playready';

type Judge = (context: FormatContext, track: TrackView) => readonly string[] | null;

/** One verdict per track; `judge` gives faults, or null when there is nothing to judge. */
function trackCheck(id: string, requirements: readonly string[], title: string, formats: FormatCheck['formats'], message: string, judge: Judge): FormatCheck {
  return {
    id,
    requirements,
    title,
    level: 'must',
    scope: 'format',
    formats,
    run: (context) =>
      context.view.tracks.flatMap((track) => {
        const faults = judge(context, track);
        const at = track.source.kind === 'hls' ? track.source.playlist.exchange : context.view.manifest;
        return faults === null ? [] : judged(trackPath(track), faults.slice(0, 3).map((fault) => problem(trackPath(track), message, { actual: fault, at })));
      }),
  };
}

export const PROTECTION_MANIFEST_CHECKS: readonly FormatCheck[] = [
  trackCheck('protection/pssh', ['CENC-005'], 'pssh boxes in the header are whole, and those of known systems name the key of the track', WITH_INIT, 'a pssh box does not fit the track', ({ wire, keys }, track) => {
    const [encryption] = headerEncryptions(wire, track);
    const boxes = headerBoxes(wire, track);
    if (encryption?.tenc == null || boxes.length === 0) return null;
    const { keyId } = encryption.tenc;
    return boxes.flatMap((pssh) => (pssh === null ? ['a pssh box cannot be read'] : psshFaults(pssh, keyId, encryption.scheme ?? '', keys)));
  }),
  trackCheck('protection/signalled', ['DASH-044', 'HLS-024'], 'the manifest tells the scheme of the header, and nothing of tracks in the clear', WITH_INIT, 'manifest and header tell different protection', ({ view, wire }, track) => {
    if (sealingOf(view, track, 0)?.kind === 'envelope' || !delivered(track.init?.exchange ?? null)) return null;
    const actual = track.source.kind === 'dash' ? mpdScheme(track) : playlistScheme(track);
    const wanted = encryptionOf(wire, track)?.scheme ?? 'none';
    return actual === null || (wanted === 'none' && actual === 'none') ? null : actual === wanted ? [] : [`the manifest says ${actual}, the header ${wanted}`];
  }),
  trackCheck('protection/key-id', ['DASH-045'], 'cenc:default_KID is a UUID in its canonical form, and that of the header', DASH, 'default_KID is not the key of the header', ({ wire }, track) => {
    const told = contentProtections(track).find(({ attributes }) => attributes['schemeIdUri'] === MP4_PROTECTION);
    const encryption = encryptionOf(wire, track);
    if (told === undefined || encryption === null) return null;
    const text = attributeByName(told, 'default_KID');
    if (text === undefined) return ['there is no default_KID'];
    if (!UUID.test(text)) return [`"${text}" is no UUID in lower case`];
    return canonicalKeyId(text) === encryption.keyId ? [] : [`${text}, tenc says ${encryption.keyId}`];
  }),
  trackCheck('protection/mpd-pssh', ['DASH-046'], 'cenc:pssh is one whole box of the system of its descriptor, as in the header', DASH, 'cenc:pssh does not fit', ({ wire }, track) => {
    const descriptors = contentProtections(track).filter((node) => childOf(node, 'pssh') !== undefined);
    if (descriptors.length === 0) return null;
    const header = new Map(headerBoxes(wire, track).flatMap((pssh) => (pssh === null ? [] : [[pssh.systemId, Buffer.from(pssh.data).toString('base64')] as const])));
    return descriptors.flatMap((node) => mpdPsshFaults(node, header));
  }),
  trackCheck('protection/playready-object', ['DASH-047'], 'mspr:pro is the object of its pssh box', DASH, 'the PlayReady object does not fit', (_, track) => {
    const descriptors = contentProtections(track).filter((node) => systemOf(node) === SYSTEMS.playReady);
    if (descriptors.length === 0) return null;
    return descriptors.flatMap((node) => {
      const pro = childOf(node, 'pro')?.text.trim();
      const pssh = readPsshBytes(Buffer.from(childOf(node, 'pssh')?.text ?? '', 'base64'));
      if (pro === undefined) return ['there is no mspr:pro'];
      return pssh === null || Buffer.compare(Buffer.from(pro, 'base64'), pssh.data) === 0 ? [] : ['mspr:pro and cenc:pssh hold different objects'];
    });
  }),
  trackCheck('protection/segment-encryption', ['DASH-066'], 'a SegmentEncryption descriptor names scheme, vector and the address of the key', DASH, 'the SegmentEncryption descriptor lacks something', (_, track) => {
    const descriptors = contentProtections(track).filter(({ attributes }) => attributes['schemeIdUri'] === 'urn:mpeg:dash:sea:2012');
    return descriptors.length === 0 ? null : descriptors.flatMap(segmentEncryptionFaults);
  }),
  trackCheck('protection/playlist-keys', ['HLS-029', 'HLS-091'], 'EXT-X-KEY tags stand before the first segment, or behind a clear lead, as their key system wants', HLS, 'a key of the playlist has another form', ({ view }, track) => {
    const document = documentOf(track);
    const tags = keyTags(document);
    if (document === null || tags.length === 0) return null;
    return [...placeFaults(document, tags), ...togetherFaults(tags, formatRow(view.format).container === 'ts'), ...tags.flatMap((tag) => keyFaults(tag))];
  }),
  trackCheck('protection/key-frame-keys', ['HLS-092'], 'a key-frame playlist has the keys of the playlist with all pictures', ['hls-v4', 'hls-cmaf'], 'the key-frame playlist has other keys', ({ view }, track) => {
    if (!track.keyFrames) return null;
    const whole = view.tracks.find(({ keyFrames, set, bitrate }) => !keyFrames && set === track.set && bitrate === track.bitrate);
    const [own, others] = [keyTags(documentOf(track)), keyTags(whole === undefined ? null : documentOf(whole))].map((tags) => tags.filter((tag, i) => i > 0 || attributeOf(tag, 'METHOD') !== 'NONE').map(canonicalTag));
    if (own.length + others.length === 0) return null;
    return own.join('\n') === others.join('\n') ? [] : [`${own.length} keys, ${others.length} in the playlist with all pictures`];
  }),
  {
    id: 'protection/session-keys',
    requirements: ['HLS-093'],
    title: 'every EXT-X-SESSION-KEY is a key of a media playlist',
    level: 'must',
    scope: 'format',
    formats: HLS,
    run({ view }) {
      if (view.document?.kind !== 'hls') return [];
      const session = view.document.hls.tags.filter(({ name }) => name === 'EXT-X-SESSION-KEY');
      const used = new Set(view.tracks.flatMap((track) => keyTags(documentOf(track)).map(canonicalTag)));
      return session.flatMap((tag) => judged(`manifest/line ${tag.line}`, used.has(canonicalTag(tag)) ? [] : [problem(`manifest/line ${tag.line}`, 'a session key is used by no playlist', { at: view.manifest, pointer: `line ${tag.line}` })]));
    },
  },
  {
    id: 'protection/smooth-header',
    requirements: ['MSS-008'],
    title: 'a ProtectionHeader is a PlayReady object with the keys, or the description of the envelope',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run(context) {
      const { view, keys } = context;
      if (view.document?.kind !== 'smooth') return [];
      return protectionHeaders(view.document.smooth.root).flatMap(({ systemId, node }) => judged('manifest/protection', smoothHeaderFaults(systemId, node, keys).map((fault) => problem('manifest/protection', 'the ProtectionHeader cannot be used', { actual: fault, at: view.manifest, pointer: `line ${node.line}` }))));
    },
  },
  {
    id: 'protection/smooth-base64',
    requirements: ['MSS-045'],
    title: 'the content of a ProtectionHeader is base64',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run({ view }) {
      if (view.document?.kind !== 'smooth') return [];
      return protectionHeaders(view.document.smooth.root).flatMap(({ node }) => judged('manifest/protection', isBase64(node.text) ? [] : [problem('manifest/protection', 'the ProtectionHeader is not base64', { at: view.manifest, pointer: `line ${node.line}` })]));
    },
  },
];

export const PROTECTION_CROSS_CHECKS: readonly AssetCheck[] = [
  {
    id: 'protection/same-keys',
    requirements: ['XPROT-006'],
    title: 'a track has one key in all outputs of a scheme',
    level: 'must',
    scope: 'asset',
    run: (context) => sameKeyFindings(context),
  },
];

function attributeByName({ attributes }: XmlNode, name: string): string | undefined {
  return Object.entries(attributes).find(([key]) => key === name || key.endsWith(`:${name}`))?.[1];
}

/** pssh boxes of moov; null for those that cannot be read. */
export function headerBoxes(wire: TraceReader, track: TrackView): readonly (Pssh | null)[] {
  const exchange = track.init?.exchange ?? null;
  if (!delivered(exchange)) return [];
  const tree = readBoxes(wire.body(exchange));
  return findAll(find(tree.boxes, 'moov')?.children ?? [], 'pssh').map((box) => readPssh(tree, box));
}

function psshFaults({ systemId, version, keyIds, data }: Pssh, keyId: string, scheme: string, keys: KeyRing): readonly string[] {
  if (version === 1 && !keyIds.includes(keyId)) return [`the box of ${systemId} names other keys`];
  if (systemId === SYSTEMS.common) return version === 1 && data.length === 0 ? [] : ['the common box has no keys, or data'];
  if (systemId === SYSTEMS.playReady) return playReadyFaults(readPlayReadyObject(data), [keyId], scheme, keys);
  if (systemId !== SYSTEMS.widevine) return [`${systemId} is no known system`];
  const message = readWidevineData(data);
  if (message === null) return ["Widevine's message cannot be read"];
  const told = message.scheme ?? 'cenc';
  return [...(message.keyIds.includes(keyId) ? [] : ["Widevine's message names other keys"]), ...(told === scheme ? [] : [`Widevine's message says ${told}`])];
}

function playReadyFaults(header: PlayReadyHeader | string, keyIds: readonly string[], scheme: string, keys: KeyRing): readonly string[] {
  if (typeof header === 'string') return [header];
  const faults = keyIds.filter((keyId) => !header.keys.some((key) => key.keyId === keyId)).map((keyId) => `the header names other keys than ${keyId}`);
  const algorithm = scheme === 'cbcs' ? 'AESCBC' : 'AESCTR';
  // AES-CBC came with 4.3, several keys with 4.1.
  if (scheme === 'cbcs' && header.version !== '4.3.0.0') faults.push(`version ${header.version} knows no AESCBC`);
  if (header.keys.length > 1 && header.version === '4.0.0.0') faults.push('version 4.0.0.0 has one key');
  for (const { keyId, algorithm: told, checksum } of header.keys) {
    if (told !== algorithm) faults.push(`ALGID is ${told}`);
    const key = keys.find(keyId);
    if (checksum !== null && key !== null && checksum !== checksumOf(keyId, key)) faults.push(`the checksum of ${keyId} is of another key`);
  }
  return faults;
}

/** The first 8 bytes of the identifier, as PlayReady orders it, enciphered with the key. */
function checksumOf(keyId: string, key: Uint8Array): string {
  const bytes = Buffer.from(keyId, 'hex');
  const guid = Uint8Array.from(GUID_ORDER, (i) => bytes[i]);
  return createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(guid).toString('base64', 0, 8);
}

function mpdScheme(track: TrackView): string {
  const descriptors = contentProtections(track);
  if (descriptors.length === 0) return 'none';
  return descriptors.find(({ attributes }) => attributes['schemeIdUri'] === MP4_PROTECTION)?.attributes['value'] ?? 'no mp4protection';
}

/** SAMPLE-AES is `cbcs` in fragments, SAMPLE-AES-CTR is `cenc`; null when the playlist was not delivered. */
function playlistScheme(track: TrackView): string | null {
  const document = documentOf(track);
  if (document === null) return null;
  const methods = new Set((document.segments.find(({ keys }) => keys.length > 0)?.keys ?? []).map((key) => attributeOf(key, 'METHOD')));
  if (methods.size === 0) return 'none';
  return methods.size === 1 && methods.has('SAMPLE-AES') ? 'cbcs' : methods.size === 1 && methods.has('SAMPLE-AES-CTR') ? 'cenc' : [...methods].join(' and ');
}

function mpdPsshFaults(node: XmlNode, header: ReadonlyMap<string, string>): readonly string[] {
  const system = systemOf(node);
  const text = childOf(node, 'pssh')?.text.trim() ?? '';
  const pssh = isBase64(text) ? readPsshBytes(Buffer.from(text, 'base64')) : null;
  if (pssh === null) return [`cenc:pssh of ${system} is not the base64 of one box`];
  const wanted = system === SYSTEMS.clearKey ? SYSTEMS.common : system;
  if (pssh.systemId !== wanted) return [`the descriptor of ${system} holds a box of ${pssh.systemId}`];
  const stored = header.get(pssh.systemId);
  return stored === undefined || stored === Buffer.from(pssh.data).toString('base64') ? [] : [`the box of ${pssh.systemId} is another than in the header`];
}

function isBase64(text: string): boolean {
  const bare = text.trim();
  return bare !== '' && bare.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(bare);
}

/** ISO/IEC 23009-4:2018 6: the segment encryption system, the key system, and a crypto period. */
function segmentEncryptionFaults(node: XmlNode): readonly string[] {
  const faults: string[] = [];
  if (childrenOf(node, 'SegmentEncryption').filter(({ attributes }) => attributes['schemeIdUri'] === 'urn:mpeg:dash:sea:aes128-cbc:2013').length !== 1) faults.push('there is not one SegmentEncryption of aes128-cbc');
  if (childOf(node, 'KeySystem')?.attributes['keySystemUri'] === undefined) faults.push('there is no KeySystem');
  const periods = childrenOf(node, 'CryptoPeriod');
  if (periods.length !== 1) return [...faults, `there are ${periods.length} CryptoPeriods`];
  if (vectorOf(periods[0].attributes['IV'] ?? null) === null) faults.push('IV has not 128 bits');
  if (!URL.canParse(periods[0].attributes['keyUriTemplate'] ?? '')) faults.push('keyUriTemplate is no address');
  return faults;
}

export function documentOf({ source }: TrackView): HlsDocument | null {
  return source.kind === 'hls' ? source.playlist.document : null;
}

export function keyTags(document: HlsDocument | null): readonly Tag[] {
  return document === null ? [] : document.tags.filter(({ name }) => name === 'EXT-X-KEY');
}

/** The order of attributes means nothing. */
export function canonicalTag({ attributes }: Tag): string {
  return JSON.stringify([...attributes].map(([name, { value }]) => [name, value]).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Where EXT-X-KEY tags stand: counted in segments before them. Before the first key all is clear, whether METHOD=NONE says so or not (RFC 8216 4.3.2.4); how far that is true, `protection/clear-lead` judges. */
function placeFaults({ segments }: HlsDocument, tags: readonly Tag[]): readonly string[] {
  const places = tags.map(({ line }) => segments.filter((segment) => segment.line < line).length);
  const isNone = tags.map((tag) => attributeOf(tag, 'METHOD') === 'NONE');
  if (isNone.lastIndexOf(true) > 0) return ['METHOD=NONE stands behind another key'];
  const [none, keys] = isNone[0] ? [places.slice(0, 1), places.slice(1)] : [[], places];
  if (none.some((place) => place > 0)) return ['METHOD=NONE stands behind the first segment'];
  return new Set(keys).size > 1 ? ['keys stand before different segments'] : [];
}

/** Tags that apply together say one thing to several key systems. */
function togetherFaults(tags: readonly Tag[], inTransport: boolean): readonly string[] {
  const keys = tags.filter((tag) => attributeOf(tag, 'METHOD') !== 'NONE');
  const faults: string[] = [];
  const several = (name: string): readonly string[] => [...new Set(keys.map((tag) => attributeOf(tag, name) ?? 'none'))];
  for (const name of ['METHOD', 'IV']) if (several(name).length > 1) faults.push(`${name} of keys that apply together: ${several(name).join(', ')}`);
  if (inTransport && several('METHOD').includes('SAMPLE-AES-CTR')) faults.push('SAMPLE-AES-CTR in transport streams');
  // No sample entry tells it there.
  if (inTransport && several('IV').includes('none')) faults.push('a key of transport streams without IV');
  return faults;
}

const DATA_URI = /^data:[^,]*;base64,(.*)$/;

function keyFaults(tag: Tag): readonly string[] {
  const [method, uri, format] = [attributeOf(tag, 'METHOD'), attributeOf(tag, 'URI') ?? '', attributeOf(tag, 'KEYFORMAT') ?? 'identity'];
  if (method === 'NONE') return tag.value === 'METHOD=NONE' ? [] : ['METHOD=NONE with other attributes'];
  const faults: string[] = [];
  const vector = attributeOf(tag, 'IV');
  if (vector !== null && vectorOf(vector) === null) faults.push(`IV ${vector} has not 128 bits`);
  // Ours: players differ in what they do without one (media rule 7.3).
  if (method === 'AES-128' && vector === null) faults.push('AES-128 without IV');
  if (method === 'AES-128' && format !== 'identity') faults.push(`AES-128 with KEYFORMAT ${format}`);
  if (format !== 'identity' && attributeOf(tag, 'KEYFORMATVERSIONS') !== '1') faults.push(`KEYFORMATVERSIONS of ${format} is ${attributeOf(tag, 'KEYFORMATVERSIONS')}`);
  if (format === FAIRPLAY && (method !== 'SAMPLE-AES' || !uri.startsWith('skd://'))) faults.push(`FairPlay with ${method} and "${uri.slice(0, 8)}"`);
  const data = DATA_URI.exec(uri)?.[1] ?? null;
  if (format === PLAYREADY) {
    const header = data === null ? 'the URI has no data' : readPlayReadyObject(Buffer.from(data, 'base64'));
    if (typeof header === 'string') faults.push(`PlayReady: ${header}`);
  }
  if (format.toLowerCase() === `urn:uuid:${SYSTEMS.widevine.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`) {
    const pssh = data === null ? null : readPsshBytes(Buffer.from(data, 'base64'));
    const keyId = (attributeOf(tag, 'KEYID') ?? '').replace(/^0x/i, '').toLowerCase();
    if (pssh === null || pssh.systemId !== SYSTEMS.widevine) faults.push('Widevine without its pssh box');
    else if (readWidevineData(pssh.data)?.keyIds.includes(keyId) !== true) faults.push(`KEYID ${keyId} is not in the pssh box`);
  }
  return faults;
}

function smoothHeaderFaults(systemId: string, node: XmlNode, keys: KeyRing): readonly string[] {
  if (systemId === SYSTEMS.playReady) return playReadyFaults(readPlayReadyObject(Buffer.from(node.text.trim(), 'base64')), [], 'cenc', keys);
  if (systemId !== SYSTEMS.envelope) return [`${systemId} is no known system`];
  const parsed = readXml(node.text.trim());
  return 'root' in parsed ? segmentEncryptionFaults(parsed.root) : [`no XML: ${parsed.problem}`];
}

function sameKeyFindings({ views, wire }: Context): readonly Finding[] {
  const known = new Map<string, { readonly key: string; readonly format: string }>();
  const findings: Finding[] = [];
  for (const view of views.values()) {
    for (const track of view.tracks) {
      const sealing = sealingOf(view, track, 0);
      const encryption = encryptionOf(wire, track);
      // In an envelope the address of the key, else its identifier.
      const key = sealing?.kind === 'envelope' ? sealing.uri : (encryption?.keyId ?? null);
      if (key === null) continue;
      const name = `${sealing?.kind === 'envelope' ? 'cbc' : encryption?.scheme} ${trackName({ ...track, keyFrames: false })}`;
      const other = known.get(name);
      if (other === undefined) known.set(name, { key, format: view.format });
      findings.push(...judged(`${view.format}/${trackPath(track)}`, other === undefined || other.key === key ? [] : [problem(`${view.format}/${trackPath(track)}`, 'the track has another key than in another output', { wanted: other.key, actual: key, at: view.manifest })]));
    }
  }
  return findings.length === 0 ? [inapplicable('all', 'nothing is protected')] : findings;
}
