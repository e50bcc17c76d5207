/** Protection systems and their headers as whole boxes (ISO/IEC 23001-7:2023 8.1). */
import { concatBytes } from '../bytes.ts';
import { parseGuid } from './guid.ts';

/** DASH-IF registry of content protection systems. */
export const SYSTEM_IDS = {
  playReady: '9a04f079-9840-4286-ab92-e65be0885f95',
  widevine: 'edef8ba9-79d6-4ace-a3c8-27dcd51d21ed',
  /** W3C Common PSSH box. */
  common: '1077efec-c0b2-4d02-ace3-3c1e52e2fb4b',
  /** DASH-IF ClearKey; stands in MPDs only. */
  clearKey: 'e2719d58-a985-b3c9-781a-b030af78d30e',
} as const;

/** Version 0 without key identifiers, version 1 with them. */
export function psshBox(systemId: string, keyIds: readonly Uint8Array[], data: Uint8Array): Uint8Array {
  const version = keyIds.length === 0 ? 0 : 1;
  const parts = [Uint8Array.of(0x70, 0x73, 0x73, 0x68, version, 0, 0, 0), parseGuid(systemId), ...(version === 0 ? [] : [u32(keyIds.length), ...keyIds]), u32(data.length), data];
  const size = parts.reduce((sum, part) => sum + part.length, 4);
  return concatBytes([u32(size), ...parts]);
}

/** The common header names keys and no more. */
export function commonPssh(keyIds: readonly Uint8Array[]): Uint8Array {
  return psshBox(SYSTEM_IDS.common, keyIds, new Uint8Array(0));
}

export type WidevineHeader = {
  readonly keyIds: readonly Uint8Array[];
  readonly scheme: 'cenc' | 'cbcs';
  readonly provider?: string;
  readonly contentId?: Uint8Array;
  readonly policy?: string;
};

/** Fields of Widevine's message WidevinePsshData, by number. */
const WIDEVINE_FIELDS = { algorithm: 1, key_id: 2, provider: 3, content_id: 4, policy: 6, protection_scheme: 9 } as const;
const AESCTR = 1;

/** Protocol Buffers, wire types 0 and 2. `algorithm` says AES-CTR, which is `cenc`; other schemes are named. */
export function widevineData({ keyIds, scheme, provider, contentId, policy }: WidevineHeader): Uint8Array {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const fourcc = [...scheme].reduce((value, char) => value * 256 + char.charCodeAt(0), 0);
  return concatBytes([
    ...(scheme === 'cenc' ? [number(WIDEVINE_FIELDS.algorithm, AESCTR)] : []),
    ...keyIds.map((id) => bytes(WIDEVINE_FIELDS.key_id, id)),
    ...(provider === undefined ? [] : [bytes(WIDEVINE_FIELDS.provider, text(provider))]),
    ...(contentId === undefined ? [] : [bytes(WIDEVINE_FIELDS.content_id, contentId)]),
    ...(policy === undefined ? [] : [bytes(WIDEVINE_FIELDS.policy, text(policy))]),
    ...(scheme === 'cenc' ? [] : [number(WIDEVINE_FIELDS.protection_scheme, fourcc)]),
  ]);
}

/** The identifiers stand in the data; `version` 1 repeats them in the box. */
export function widevinePssh(header: WidevineHeader, version: 0 | 1 = 0): Uint8Array {
  return psshBox(SYSTEM_IDS.widevine, version === 0 ? [] : header.keyIds, widevineData(header));
}

function number(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field * 8), ...varint(value)]);
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return Uint8Array.from([...varint(field * 8 + 2), ...varint(value.length), ...value]);
}

function varint(value: number): number[] {
  const out: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return [...out, value];
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
