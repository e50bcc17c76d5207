/** Key identifiers: 16 bytes in the order of their text. */
import { IsomerError } from '../errors.ts';

export const KEY_ID_BYTES = 16;

const GUID = /^\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?$/i;

export function parseGuid(text: string): Uint8Array {
  if (!GUID.test(text)) throw new IsomerError('ISOMER_KEY_INVALID', { what: 'key identifier', expected: 'a GUID', found: text.slice(0, 64) });
  return Uint8Array.from(Buffer.from(text.replaceAll(/[{}-]/g, ''), 'hex'));
}

/** Lower case with hyphens. */
export function formatGuid(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The order in memory of a Windows GUID, which PlayReady counts with: the first three fields are little-endian. */
export function littleEndianGuid(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15], (at) => bytes[at]);
}
