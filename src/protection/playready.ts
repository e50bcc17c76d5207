/** PlayReady Header Specification: the PlayReady Object and the WRMHEADER in it. */
import { createCipheriv } from 'node:crypto';
import { concatBytes } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import type { Secret } from '../model/protection.ts';
import { element, printElement, textOnly, type Element } from './element.ts';
import { littleEndianGuid } from './guid.ts';
import { psshBox, SYSTEM_IDS } from './pssh.ts';

/** 4.0: one key, every client. 4.2: several keys. 4.3: AES-CBC (`cbcs`). */
export type PlayReadyVersion = '4.0.0.0' | '4.2.0.0' | '4.3.0.0';

export type PlayReadyKey = { readonly keyId: Uint8Array; readonly key: Secret };

export type PlayReadyHeader = {
  readonly version: PlayReadyVersion;
  readonly keys: readonly PlayReadyKey[];
  readonly licenseUrl: string | null;
  /** XML elements that stand in CUSTOMATTRIBUTES as they are. */
  readonly customAttributes: string | null;
};

const NAMESPACE = 'http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader';
const CHECKSUM_BYTES = 8;
const WRMHEADER_RECORD = 1;
/** 15 KB: what an object may take. */
const MAX_OBJECT_BYTES = 15 * 1024;

/** The first bytes of the key identifier, enciphered with the key: tells a wrong key before decoding does. */
export function checksum({ keyId, key }: PlayReadyKey): string {
  const cipher = createCipheriv('aes-128-ecb', key.reveal(), null).setAutoPadding(false);
  return base64(cipher.update(littleEndianGuid(keyId)).subarray(0, CHECKSUM_BYTES));
}

export function wrmHeader({ version, keys, licenseUrl, customAttributes }: PlayReadyHeader): string {
  const address = licenseUrl === null ? [] : [textOnly('LA_URL', licenseUrl)];
  const data = version === '4.0.0.0' ? singleKey(keys, address) : [element('PROTECTINFO', {}, [element('KIDS', {}, keys.map((key) => keyElement(key, version)))]), ...address];
  const text = printElement(element('WRMHEADER', { xmlns: NAMESPACE, version }, [element('DATA', {}, data)]));
  if (customAttributes === null) return text;
  checkFragment(customAttributes);
  return text.replace('</DATA>', () => `<CUSTOMATTRIBUTES>${customAttributes}</CUSTOMATTRIBUTES></DATA>`);
}

function singleKey(keys: readonly PlayReadyKey[], address: readonly Element[]): readonly Element[] {
  if (keys.length !== 1) throw new IsomerError('ISOMER_KEY_INVALID', { what: 'PlayReady header 4.0', expected: 'one key', found: String(keys.length) });
  const [key] = keys;
  const info = element('PROTECTINFO', {}, [textOnly('KEYLEN', '16'), textOnly('ALGID', 'AESCTR')]);
  return [info, textOnly('KID', base64(littleEndianGuid(key.keyId))), textOnly('CHECKSUM', checksum(key)), ...address];
}

/** Keys of AES-CBC have no checksum. */
function keyElement(key: PlayReadyKey, version: PlayReadyVersion): Element {
  const VALUE = base64(littleEndianGuid(key.keyId));
  return version === '4.3.0.0' ? element('KID', { ALGID: 'AESCBC', VALUE }) : element('KID', { ALGID: 'AESCTR', CHECKSUM: checksum(key), VALUE });
}

/** PlayReady Object: little-endian lengths around one record of UTF-16LE text. */
export function playReadyObject(header: PlayReadyHeader): Uint8Array {
  const text = Buffer.from(wrmHeader(header), 'utf16le');
  const size = 10 + text.length;
  if (size > MAX_OBJECT_BYTES) throw new IsomerError('ISOMER_KEY_INVALID', { what: 'PlayReady Object', expected: `at most ${MAX_OBJECT_BYTES} bytes`, found: String(size) });
  const head = new DataView(new ArrayBuffer(10));
  head.setUint32(0, size, true);
  head.setUint16(4, 1, true);
  head.setUint16(6, WRMHEADER_RECORD, true);
  head.setUint16(8, text.length, true);
  return concatBytes([new Uint8Array(head.buffer), text]);
}

export function playReadyPssh(object: Uint8Array): Uint8Array {
  return psshBox(SYSTEM_IDS.playReady, [], object);
}

const TOKEN = /<(\/?)([A-Za-z_][\w.:-]*)((?:\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<&]*"|'[^'<&]*'))*)\s*(\/?)>|[^<&]+|&(?:amp|lt|gt|quot|apos);/y;

/** Custom attributes come from outside: elements that open and close, and nothing that could leave their place. */
function checkFragment(xml: string): void {
  const open: string[] = [];
  const refuse = (at: number): IsomerError => new IsomerError('ISOMER_KEY_INVALID', { what: 'PlayReady custom attributes', where: `character ${at + 1}`, expected: 'well-formed elements', found: xml.slice(at, at + 20) });
  TOKEN.lastIndex = 0;
  for (let at = 0; at < xml.length; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(xml);
    if (match === null) throw refuse(at);
    const [, closing, name, attributes, empty] = match;
    if (name === undefined) continue;
    if (closing === '/') {
      if (attributes !== '' || empty === '/' || open.pop() !== name) throw refuse(at);
    } else if (empty !== '/') open.push(name);
  }
  if (open.length > 0) throw refuse(xml.length);
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
