/** What manifests and initialization segments say of a track's protection, as values for their writers. */
import { IsomerError } from '../errors.ts';
import type { TrackProtection } from '../model/protection.ts';
import { element, printElement, textOnly, type Element } from './element.ts';
import { formatGuid } from './guid.ts';
import { base64, playReadyObject, playReadyPssh } from './playready.ts';
import { commonPssh, SYSTEM_IDS, widevinePssh, type WidevineHeader } from './pssh.ts';
import { fillTemplate } from './urls.ts';

const NAMESPACES = {
  cenc: 'urn:mpeg:cenc:2013',
  mspr: 'urn:microsoft:playready',
  ms: 'urn:microsoft',
  dashif: 'https://dashif.org/CPS',
  sea: 'urn:mpeg:dash:schema:sea:2012',
} as const;

/** The old service's own system of Smooth Streaming for the envelope. */
const SMOOTH_ENVELOPE_SYSTEM = 'B47B251A-2409-4B42-958E-08DBAE7B4EE9';

function url(template: string, { keyId, systems }: TrackProtection): string {
  return fillTemplate(template, { keyId, alternativeMediaId: systems.alternativeMediaId });
}

/** `others`: more keys under the same policy. */
function proOf(protection: TrackProtection, others: readonly TrackProtection[] = []): Uint8Array | null {
  const { scheme, systems } = protection;
  if (systems.playReady === null) return null;
  const { licenseUrl, customAttributes } = systems.playReady;
  const several = others.length > 0 ? '4.2.0.0' : '4.0.0.0';
  return playReadyObject({
    version: scheme === 'cbcs' ? '4.3.0.0' : several,
    keys: [protection, ...others].map(({ keyId, key }) => ({ keyId, key })),
    licenseUrl: licenseUrl === null ? null : url(licenseUrl, protection),
    customAttributes,
  });
}

function widevineOf({ scheme, keyId, systems }: TrackProtection): WidevineHeader | null {
  return systems.widevine === null ? null : { keyIds: [keyId], scheme: scheme === 'cbcs' ? 'cbcs' : 'cenc' };
}

/** pssh boxes for a movie box: none for the envelope, which hides the whole of it. */
export function protectionSystemBoxes(protection: TrackProtection): readonly Uint8Array[] {
  if (protection.scheme === 'cbc') return [];
  const widevine = widevineOf(protection);
  const pro = proOf(protection);
  return [
    ...(pro === null ? [] : [playReadyPssh(pro)]),
    ...(widevine === null ? [] : [widevinePssh(widevine)]),
    ...(protection.systems.clearKey === null ? [] : [commonPssh([protection.keyId])]),
  ];
}

/** ContentProtection descriptors, in order (ISO/IEC 23009-1:2022 5.8.4.1; DASH-IF IOP 7). */
export function dashProtection(protection: TrackProtection): readonly Element[] {
  const { scheme, keyId, systems } = protection;
  if (scheme === 'cbc') return [segmentEncryption(protection)];
  const pssh = (box: Uint8Array): Element => textOnly('cenc:pssh', base64(box), { 'xmlns:cenc': NAMESPACES.cenc });
  const descriptors = [
    element('ContentProtection', {
      schemeIdUri: 'urn:mpeg:dash:mp4protection:2011',
      value: scheme === 'cbcs' ? 'cbcs' : 'cenc',
      'xmlns:cenc': NAMESPACES.cenc,
      'cenc:default_KID': formatGuid(keyId),
    }),
  ];
  const pro = proOf(protection);
  if (pro !== null) {
    const object = textOnly('mspr:pro', base64(pro), { 'xmlns:mspr': NAMESPACES.mspr });
    descriptors.push(element('ContentProtection', { schemeIdUri: `urn:uuid:${SYSTEM_IDS.playReady}`, value: 'MSPR 2.0' }, [pssh(playReadyPssh(pro)), object]));
  }
  const widevine = widevineOf(protection);
  if (widevine !== null) {
    const template = systems.widevine?.licenseUrl ?? null;
    const licence = template === null ? [] : [element('ms:laurl', { 'xmlns:ms': NAMESPACES.ms, licenseUrl: url(template, protection) })];
    descriptors.push(element('ContentProtection', { schemeIdUri: `urn:uuid:${SYSTEM_IDS.widevine}` }, [pssh(widevinePssh(widevine)), ...licence]));
  }
  if (systems.clearKey !== null) {
    // Without a pssh: dash.js hands one to the browser as a list of key identifiers, which it is not; the headers hold the common one.
    const licence = textOnly('dashif:Laurl', url(systems.clearKey.keyUrl, protection), { 'xmlns:dashif': NAMESPACES.dashif, licenseType: 'EME-1.0' });
    descriptors.push(element('ContentProtection', { schemeIdUri: `urn:uuid:${SYSTEM_IDS.clearKey}`, value: 'ClearKey1.0' }, [licence]));
  }
  return descriptors;
}

/** ISO/IEC 23009-4: the whole segment, one vector for all of them. */
function segmentEncryption(protection: TrackProtection): Element {
  return element('ContentProtection', { schemeIdUri: 'urn:mpeg:dash:sea:2012', 'xmlns:sea': NAMESPACES.sea }, [
    element('sea:SegmentEncryption', { schemeIdUri: 'urn:mpeg:dash:sea:aes128-cbc:2013' }),
    element('sea:KeySystem', { keySystemUri: 'urn:mpeg:dash:sea:keysys:http:2013' }),
    element('sea:CryptoPeriod', { IV: vectorText(protection.iv), keyUriTemplate: url(envelopeTemplate(protection), protection) }),
  ]);
}

/** A ProtectionHeader of Smooth Streaming ([MS-SSTR] 2.2.2.2); null when no system speaks for the track. */
export type SmoothProtection = { readonly systemId: string; readonly text: string };

/** `protections`: one for each key of the presentation. */
export function smoothProtection([protection, ...others]: readonly TrackProtection[]): SmoothProtection | null {
  if (protection === undefined) return null;
  if (protection.scheme === 'cbc' && others.length > 0) throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: 'AES-128 envelope of Smooth Streaming', expected: 'one key for all tracks', found: `${others.length + 1} keys` });
  if (protection.scheme === 'cbc') return { systemId: SMOOTH_ENVELOPE_SYSTEM, text: printElement(segmentEncryption(protection)) };
  const pro = proOf(protection, others);
  return pro === null ? null : { systemId: SYSTEM_IDS.playReady.toUpperCase(), text: base64(pro) };
}

/** One attribute of an HLS tag; `quoted` values are quoted-strings (RFC 8216 4.2). */
export type HlsAttribute = { readonly name: string; readonly value: string; readonly quoted: boolean };

/**
 * EXT-X-KEY tags, one per key system (RFC 8216 4.3.2.4); EXT-X-SESSION-KEY takes the same attributes. In transport
 * streams the vector stands in the tag, in fragments in the sample entry.
 */
export function hlsKeys(protection: TrackProtection, container: 'fmp4' | 'ts'): readonly (readonly HlsAttribute[])[] {
  const { scheme, keyId, iv, systems } = protection;
  if (scheme === 'cbc') return [[plain('METHOD', 'AES-128'), quoted('URI', url(envelopeTemplate(protection), protection)), plain('IV', vectorText(iv))]];
  if (scheme === 'piff') throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: 'HLS', expected: 'cbc, cbcs or cenc', found: 'piff' });
  const method = plain('METHOD', scheme === 'cbcs' ? 'SAMPLE-AES' : 'SAMPLE-AES-CTR');
  const vector = container === 'ts' ? [plain('IV', vectorText(iv))] : [];
  const tags: HlsAttribute[][] = [];
  const add = (format: string, uri: string, more: readonly HlsAttribute[] = []): void => {
    tags.push([method, quoted('URI', uri), ...more, ...vector, quoted('KEYFORMAT', format), quoted('KEYFORMATVERSIONS', '1')]);
  };
  if (systems.fairPlay !== null && scheme === 'cbcs') add('com.apple.streamingkeydelivery', url(systems.fairPlay.keyUrl, protection));
  const widevine = widevineOf(protection);
  if (widevine !== null) add(`urn:uuid:${SYSTEM_IDS.widevine}`, `data:text/plain;base64,${base64(widevinePssh(widevine))}`, [plain('KEYID', `0x${Buffer.from(keyId).toString('hex')}`)]);
  const pro = proOf(protection);
  if (pro !== null) add('com.microsoft.playready', `data:text/plain;charset=UTF-16;base64,${base64(pro)}`);
  if (systems.clearKey !== null) {
    const keyUrl = url(systems.clearKey.keyUrl, protection);
    // Players differ in the name they know (media-rules 7.4).
    for (const format of ['identity', 'org.w3.clearkey']) add(format, keyUrl);
  }
  return tags;
}

function envelopeTemplate({ systems }: TrackProtection): string {
  if (systems.envelope === null) throw new IsomerError('MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY', { what: 'AES-128 envelope', expected: 'a key URL', found: 'none' });
  return systems.envelope.keyUrl;
}

function vectorText(iv: Uint8Array): string {
  return `0x${Buffer.from(iv).toString('hex').toUpperCase()}`;
}

function plain(name: string, value: string): HlsAttribute {
  return { name, value, quoted: false };
}

/** A quoted-string cannot hold quotes or line ends: in a URL they are written as escapes. */
function quoted(name: string, value: string): HlsAttribute {
  return { name, value: value.replaceAll(/["\r\n]/g, (char) => encodeURIComponent(char)), quoted: true };
}
