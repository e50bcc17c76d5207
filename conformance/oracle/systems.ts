/** Headers of protection systems: pssh boxes (ISO/IEC 23001-7:2023 8.1), PlayReady Objects, Widevine's message. */
import { fullBox, hexOf, readBoxes, viewOf, type Box, type BoxTree } from './boxes.ts';
import { canonicalKeyId } from './keys.ts';
import { childOf, descendants, readXml, type XmlNode } from './xml.ts';

/** DASH-IF registry of content protection systems, as 32 digits. */
export const SYSTEMS = {
  playReady: '9a04f07998404286ab92e65be0885f95',
  widevine: 'edef8ba979d64acea3c827dcd51d21ed',
  common: '1077efecc0b24d02ace33c1e52e2fb4b',
  /** Stands in MPDs; its header is the common one. */
  clearKey: 'e2719d58a985b3c9781ab030af78d30e',
  /** The old service's own for the envelope of Smooth Streaming. */
  envelope: 'b47b251a24094b42958e08dbae7b4ee9',
} as const;

export type Pssh = { readonly version: number; readonly systemId: string; readonly keyIds: readonly string[]; readonly data: Uint8Array };

export function readPssh(tree: BoxTree, box: Box): Pssh | null {
  const full = fullBox(tree, box, 20);
  // 23001-7:2023 8.1.1: no flags.
  if (full === null || full.version > 1 || full.flags !== 0) return null;
  const { view } = full;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  let at = 16;
  const keyIds: string[] = [];
  if (full.version === 1) {
    const count = view.getUint32(at);
    at += 4;
    if (view.byteLength < at + 16 * count + 4) return null;
    for (let i = 0; i < count; i++, at += 16) keyIds.push(hexOf(bytes.subarray(at, at + 16)));
  }
  const size = view.getUint32(at);
  if (view.byteLength !== at + 4 + size) return null;
  return { version: full.version, systemId: hexOf(bytes.subarray(0, 16)), keyIds, data: bytes.subarray(at + 4) };
}

/** The one pssh box that these bytes are. */
export function readPsshBytes(bytes: Uint8Array): Pssh | null {
  const tree = readBoxes(bytes);
  return tree.problems.length === 0 && tree.boxes.length === 1 && tree.boxes[0].type === 'pssh' ? readPssh(tree, tree.boxes[0]) : null;
}

export type PlayReadyKey = { readonly keyId: string; readonly algorithm: string | null; readonly checksum: string | null };
export type PlayReadyHeader = { readonly version: string; readonly keys: readonly PlayReadyKey[]; readonly licenseUrl: string | null };

/** PlayReady Object: total length, count of records, then type, length and value of each, little-endian; type 1 is the header in UTF-16. */
export function readPlayReadyObject(bytes: Uint8Array): PlayReadyHeader | string {
  const view = viewOf(bytes);
  if (bytes.length < 10) return 'the object is too short';
  if (view.getUint32(0, true) !== bytes.length) return `the object says ${view.getUint32(0, true)} bytes and has ${bytes.length}`;
  let at = 6;
  for (let record = 0; record < view.getUint16(4, true); record++) {
    if (at + 4 > bytes.length) return 'a record leaves the object';
    const [type, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (at + 4 + length > bytes.length) return 'a record leaves the object';
    if (type === 1) return readWrmHeader(new TextDecoder('utf-16le').decode(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return 'the object has no header';
}

const WRM_NAMESPACE = 'http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader';

function readWrmHeader(text: string): PlayReadyHeader | string {
  const parsed = readXml(text);
  if ('problem' in parsed) return `the header is not well-formed: ${parsed.problem}`;
  const { root } = parsed;
  const data = childOf(root, 'DATA');
  if (root.name !== 'WRMHEADER' || root.namespace !== WRM_NAMESPACE || data === undefined) return 'the header is no WRMHEADER';
  const keys = descendants(data).filter(({ name }) => name === 'KID').map((node) => readKey(node, data));
  return { version: root.attributes['version'] ?? '', keys, licenseUrl: childOf(data, 'LA_URL')?.text ?? null };
}

/** 4.0 has the identifier as text with a checksum beside it, later versions have attributes. */
function readKey(node: XmlNode, data: XmlNode): PlayReadyKey {
  const value = node.attributes['VALUE'];
  if (value !== undefined) return { keyId: keyIdOfGuid(value), algorithm: node.attributes['ALGID'] ?? null, checksum: node.attributes['CHECKSUM'] ?? null };
  const information = childOf(data, 'PROTECTINFO');
  return { keyId: keyIdOfGuid(node.text), algorithm: information === undefined ? null : (childOf(information, 'ALGID')?.text ?? null), checksum: childOf(data, 'CHECKSUM')?.text ?? null };
}

/** The first three fields of a GUID in memory are little-endian. */
export const GUID_ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

function keyIdOfGuid(base64: string): string {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length === 16 ? hexOf(Uint8Array.from(GUID_ORDER, (i) => bytes[i])) : '';
}

/** Protocol Buffers: key_id is field 2, protection_scheme field 9, algorithm field 1. Null when the bytes are no such message. */
export function readWidevineData(bytes: Uint8Array): { readonly keyIds: readonly string[]; readonly scheme: string | null } | null {
  const keyIds: string[] = [];
  let scheme: string | null = null;
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; at < bytes.length; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    return NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) {
      const value = varint();
      if (field === 9) scheme = String.fromCharCode(...[24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) & 255));
      if (Number.isNaN(value)) return null;
    } else if (type === 2) {
      const length = varint();
      if (!(at + length <= bytes.length)) return null;
      if (field === 2) keyIds.push(hexOf(bytes.subarray(at, at + length)));
      at += length;
    } else return null;
  }
  return { keyIds, scheme };
}

/** Descriptors of one system among ContentProtection elements (ISO/IEC 23009-1:2022 5.8.4.1). */
export function systemOf({ attributes }: XmlNode): string | null {
  const match = /^urn:uuid:(.+)$/i.exec(attributes['schemeIdUri'] ?? '');
  return match === null ? null : canonicalKeyId(match[1]);
}
