/** Audio with a syncword of its own in transport streams: what it is, and where its access units begin. */
import type { TsStream } from './ts.ts';

export type FramedCodec = 'ec-3' | 'dts';

/** stream_type 0x87 (ATSC A/52:2018 G.3.1); DTS is private data with a registration descriptor (ETSI TS 101 154 6.3). */
export function framedCodecOf({ streamType, descriptors }: TsStream): FramedCodec | null {
  if (streamType === 0x87) return 'ec-3';
  const identifier = descriptors.find(({ tag }) => tag === 5)?.data;
  return streamType === 0x06 && identifier !== undefined && /^DTS[1-3]$/.test(Buffer.from(identifier.subarray(0, 4)).toString('latin1')) ? 'dts' : null;
}

/** Whole access units, or what is wrong and at which byte. */
export function accessUnits(bytes: Uint8Array, codec: FramedCodec): readonly Uint8Array[] | string {
  const units: Uint8Array[] = [];
  let start = 0;
  let hasCore = false;
  for (let at = 0; at < bytes.length; ) {
    const part = codec === 'ec-3' ? dolbyPart(bytes, at) : dtsPart(bytes, at);
    if (part === null) return `no syncword at byte ${at}`;
    if (part.bytes <= 0 || at + part.bytes > bytes.length) return `a frame of ${part.bytes} bytes at byte ${at} leaves the data`;
    // A dependent substream, and an extension behind its core, go on with the unit.
    if (at > start && (part.begins || !hasCore)) {
      units.push(bytes.subarray(start, at));
      start = at;
      hasCore = false;
    }
    hasCore ||= part.begins;
    at += part.bytes;
  }
  if (start < bytes.length) units.push(bytes.subarray(start));
  return units;
}

const CORE_SYNC = 0x7ffe8001;
const EXTENSION_SYNC = 0x64582025;
const LBR_SYNC = Buffer.from('0a801921', 'hex');

/** The sample entry (ETSI TS 102 114 E.2.2.1) that the first access unit asks for: a core, a core with an extension, or an extension alone. */
export function dtsEntryOf(bytes: Uint8Array): string {
  const units = accessUnits(bytes, 'dts');
  const first = typeof units === 'string' ? bytes : units[0];
  const core = wordAt(first, 0) === CORE_SYNC ? dtsPart(first, 0) : null;
  if (core !== null) return core.bytes < first.length ? 'dtsh' : 'dtsc';
  return Buffer.from(first).includes(LBR_SYNC) ? 'dtse' : 'dtsl';
}

/** Of an access unit of E-AC-3: what dec3 repeats of its first frame (ETSI TS 102 366 E.1.2.2), and how many substreams it has of each kind. */
export type DolbyHead = { readonly fscod: number; readonly bsid: number; readonly acmod: number; readonly lfeon: number; readonly independent: number; readonly dependent: number; readonly bytes: number };

export function dolbyHead(unit: Uint8Array): DolbyHead | null {
  let [independent, dependent] = [0, 0];
  for (let at = 0; at < unit.length; ) {
    const part = dolbyPart(unit, at);
    if (part === null) return null;
    if ((unit[at + 2] >> 6) === 1) dependent++;
    else independent++;
    at += part.bytes;
  }
  if (unit.length < 6) return null;
  return { fscod: unit[4] >> 6, bsid: unit[5] >> 3, acmod: (unit[4] >> 1) & 7, lfeon: unit[4] & 1, independent, dependent, bytes: unit.length };
}

/** Of a DTS access unit: samples per frame and rate, from the core (ETSI TS 102 114 5.3.1), else from the extension substream (7.4.1). */
export function dtsHead(unit: Uint8Array): { readonly samples: number; readonly rate: number | null } | null {
  if (wordAt(unit, 0) === CORE_SYNC) return { samples: 32 * ((((unit[4] & 1) << 6) | (unit[5] >> 2)) + 1), rate: CORE_RATES[(unit[8] >> 2) & 15] ?? null };
  if (wordAt(unit, 0) !== EXTENSION_SYNC) return null;
  // Behind sizes of 24 or 32 bits: static fields, clock, duration.
  const isLong = ((unit[5] >> 5) & 1) === 1;
  const fields = (BigInt(wordAt(unit, 5)) << 32n) | BigInt(wordAt(unit, 9));
  const rest = Number((fields >> BigInt(64 - 3 - (isLong ? 32 : 24) - 6)) & 63n);
  return (rest & 32) === 0 ? null : { samples: 512 * ((rest & 7) + 1), rate: [32_000, 44_100, 48_000, null][(rest >> 3) & 3] };
}

/** Table 5-5; others are invalid. */
const CORE_RATES: readonly (number | undefined)[] = [undefined, 8_000, 16_000, 32_000, undefined, undefined, 11_025, 22_050, 44_100, undefined, undefined, 12_000, 24_000, 48_000];

type Part = { readonly bytes: number; readonly begins: boolean };

function wordAt(bytes: Uint8Array, at: number): number {
  return at + 4 > bytes.length ? 0 : ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** ETSI TS 102 366 E.1.2.2: strmtyp 2 bits, substreamid 3, frmsiz 11 in words of 16 bits less one. */
function dolbyPart(bytes: Uint8Array, at: number): Part | null {
  const word = wordAt(bytes, at);
  if (word >>> 16 !== 0x0b77) return null;
  return { bytes: 2 * ((word & 0x7ff) + 1), begins: ((word >>> 14) & 3) !== 1 && ((word >>> 11) & 7) === 0 };
}

/** ETSI TS 102 114 5.3.1 and 7.4.1; a core is followed by stuffing up to a whole word. */
function dtsPart(bytes: Uint8Array, at: number): Part | null {
  const sync = wordAt(bytes, at);
  if (sync === CORE_SYNC) {
    const size = (((bytes[at + 5] & 3) << 12) | (bytes[at + 6] << 4) | (bytes[at + 7] >> 4)) + 1;
    const padded = size + ((4 - (size % 4)) % 4);
    return { bytes: wordAt(bytes, at + padded) === EXTENSION_SYNC ? padded : size, begins: true };
  }
  if (sync !== EXTENSION_SYNC) return null;
  // User bits 8, index 2, size type 1, then sizes of header and substream less one: 8 and 16 bits, or 12 and 20.
  const fields = (BigInt(wordAt(bytes, at + 4)) << 32n) | BigInt(wordAt(bytes, at + 8));
  const isLong = ((fields >> 53n) & 1n) === 1n;
  return { bytes: Number(isLong ? (fields >> 21n) & 0xfffffn : (fields >> 29n) & 0xffffn) + 1, begins: false };
}
