/** Which key systems an output names: the same in headers, manifests and playlists, for every track, with keys and values that fit (spec/protection.md). */
import type { Finding, FormatCheck, FormatContext } from '../model.ts';
import { attributeOf, type Tag } from '../oracle/m3u8.ts';
import { contentProtections } from '../oracle/signalled.ts';
import { systemOf, SYSTEMS } from '../oracle/systems.ts';
import { canonicalKeyId } from '../oracle/keys.ts';
import { childrenOf, childOf, type XmlNode } from '../oracle/xml.ts';
import { encryptionOf } from '../opened.ts';
import type { TrackView } from '../view.ts';
import { judged, problem, trackPath } from './helpers.ts';
import { canonicalTag, documentOf, headerBoxes, keyTags } from './protection-manifests.ts';

/** The system that a KEYFORMAT stands for, as headers and MPDs name it. */
const FORMATS: Readonly<Record<string, string>> = { identity: SYSTEMS.common, 'org.w3.clearkey': SYSTEMS.common, 'com.microsoft.playready': SYSTEMS.playReady, 'com.apple.streamingkeydelivery': 'FairPlay' };
/** Systems whose data a header holds. */
const IN_HEADERS: readonly string[] = [SYSTEMS.playReady, SYSTEMS.widevine, SYSTEMS.common];
/** `value` of descriptors (DASH-IF IOP 7.6; Microsoft's PlayReady and DASH). */
const VALUES: Readonly<Record<string, string | undefined>> = { [SYSTEMS.playReady]: 'MSPR 2.0', [SYSTEMS.clearKey]: 'ClearKey1.0' };
const GUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

export const PROTECTION_SYSTEM_CHECKS: readonly FormatCheck[] = [
  {
    id: 'protection/systems',
    requirements: ['XPROT-007'],
    title: 'header, manifest and playlists name the same key systems, for all tracks that are encrypted',
    level: 'must',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf'],
    run: (context) => (context.profile === 'ams' ? [...systemFindings(context), ...sessionFindings(context)] : []),
  },
  {
    id: 'protection/addresses',
    requirements: ['XPROT-008'],
    title: "descriptors have their system's value; addresses are URLs; one that names a key names its track's",
    level: 'must',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf'],
    run: (context) =>
      context.profile !== 'ams' ? [] : context.view.tracks.flatMap((track) => {
        const keyId = encryptionOf(context.wire, track)?.keyId ?? null;
        const faults = track.source.kind === 'dash' ? contentProtections(track).flatMap((node) => descriptorFaults(node, keyId)) : tagFaults(keyTags(documentOf(track)), keyId);
        return isProtected(context, track) ? judged(trackPath(track), faults.slice(0, 3).map((fault) => problem(trackPath(track), 'what tells where keys are does not fit', { actual: fault, at: placeOf(context, track) }))) : [];
      }),
  },
];

function placeOf({ view }: FormatContext, { source }: TrackView): FormatContext['view']['manifest'] {
  return source.kind === 'hls' ? source.playlist.exchange : view.manifest;
}

function isProtected({ wire }: FormatContext, track: TrackView): boolean {
  return encryptionOf(wire, track) !== null || contentProtections(track).length > 0 || keyTags(documentOf(track)).length > 0;
}

/** Systems of a track as its manifest names them; a KEYFORMAT as often as there is one. */
function namesOf(track: TrackView): readonly string[] {
  if (track.source.kind === 'dash') return contentProtections(track).flatMap((node) => systemOf(node) ?? []).map((system) => (system === SYSTEMS.clearKey ? SYSTEMS.common : system));
  return keyTags(documentOf(track)).filter((tag) => attributeOf(tag, 'METHOD') !== 'NONE').map((tag) => attributeOf(tag, 'KEYFORMAT') ?? 'identity');
}

function asHeader(name: string): string {
  return FORMATS[name] ?? canonicalKeyId(name.replace(/^urn:uuid:/i, ''));
}

function systemFindings(context: FormatContext): readonly Finding[] {
  const hidden = context.view.tracks.filter((track) => isProtected(context, track) && !isEnvelope(track));
  const first = hidden.map((track) => namesOf(track).toSorted().join(' '))[0];
  return hidden.flatMap((track) => {
    const names = namesOf(track);
    const faults: string[] = [];
    if (names.toSorted().join(' ') !== first) faults.push(`${names.toSorted().join(' ')}, for other tracks ${first}`);
    if (encryptionOf(context.wire, track) !== null) {
      const boxes = [...new Set(headerBoxes(context.wire, track).flatMap((pssh) => pssh?.systemId ?? []))].toSorted();
      const told = [...new Set(names.map(asHeader).filter((system) => IN_HEADERS.includes(system)))].toSorted();
      if (boxes.join(' ') !== told.join(' ')) faults.push(`the header has data of ${boxes.join(' ') || 'no system'}, the manifest of ${told.join(' ') || 'none'}`);
    }
    for (const node of contentProtections(track)) {
      const system = systemOf(node);
      if ((system === SYSTEMS.playReady || system === SYSTEMS.widevine) && childOf(node, 'pssh') === undefined) faults.push(`a descriptor of ${system} has no cenc:pssh`);
    }
    return judged(trackPath(track), faults.map((fault) => problem(trackPath(track), 'key systems differ', { actual: fault, at: placeOf(context, track) })));
  });
}

function isEnvelope(track: TrackView): boolean {
  return contentProtections(track).some(({ attributes }) => attributes['schemeIdUri'] === 'urn:mpeg:dash:sea:2012') || keyTags(documentOf(track)).some((tag) => attributeOf(tag, 'METHOD') === 'AES-128');
}

/** The multivariant playlist of HLS CMAF repeats the keys of all its playlists. */
function sessionFindings({ view }: FormatContext): readonly Finding[] {
  if (view.format !== 'hls-cmaf' || view.document?.kind !== 'hls') return [];
  const session = new Set(view.document.hls.tags.filter(({ name }) => name === 'EXT-X-SESSION-KEY').map(canonicalTag));
  const used = view.tracks.flatMap((track) => keyTags(documentOf(track))).filter((tag) => attributeOf(tag, 'METHOD') !== 'NONE');
  const missing = used.filter((tag) => !session.has(canonicalTag(tag)));
  return used.length === 0 ? [] : judged('manifest/session-keys', missing.length === 0 ? [] : [problem('manifest/session-keys', 'a key of a playlist is no session key', { actual: `${missing.length} of ${used.length}`, at: view.manifest })]);
}

function descriptorFaults(node: XmlNode, keyId: string | null): readonly string[] {
  const system = systemOf(node);
  const faults: string[] = [];
  const wanted = system === null ? undefined : VALUES[system];
  if (wanted !== undefined && node.attributes['value'] !== wanted) faults.push(`value="${node.attributes['value'] ?? ''}" of ${system}, not ${wanted}`);
  const [laurl] = childrenOf(node, 'Laurl');
  const [microsoft] = childrenOf(node, 'laurl');
  if (system === SYSTEMS.widevine && microsoft === undefined) faults.push('Widevine without ms:laurl');
  if (system === SYSTEMS.clearKey && laurl?.attributes['licenseType'] !== 'EME-1.0') faults.push('Clear Key without a Laurl of the type EME-1.0');
  for (const address of [laurl?.text.trim(), microsoft === undefined ? undefined : (microsoft.attributes['licenseUrl'] ?? '')]) if (address !== undefined) faults.push(...addressFaults(address, keyId, /^https?:$/));
  return faults;
}

function tagFaults(tags: readonly Tag[], keyId: string | null): readonly string[] {
  const addresses = tags.filter((tag) => attributeOf(tag, 'METHOD') !== 'NONE').map((tag) => attributeOf(tag, 'URI') ?? '').filter((uri) => !uri.startsWith('data:'));
  const named = keyId ?? addresses.flatMap((uri) => uri.match(GUID) ?? []).map(canonicalKeyId)[0] ?? null;
  return addresses.flatMap((uri) => addressFaults(uri, named, /^(?:https?|skd):$/));
}

function addressFaults(address: string, keyId: string | null, schemes: RegExp): readonly string[] {
  if (!URL.canParse(address) || !schemes.test(new URL(address).protocol)) return [`"${address}" is no address`];
  const named = (address.match(GUID) ?? []).map(canonicalKeyId);
  return named.some((id) => keyId !== null && id !== keyId) ? [`"${address}" names another key than the track's`] : [];
}
