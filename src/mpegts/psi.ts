/** Program association and program map tables, one packet each (ISO/IEC 13818-1:2019 2.4.4). */
import { IsomerError } from '../errors.ts';
import { PACKET_BYTES } from '../kernels/kernels.ts';

export const PMT_PID = 0x1000;
export const VIDEO_PID = 0x100;
export const AUDIO_PID = 0x101;
const PROGRAM = 1;

/** stream_type values (ISO/IEC 13818-1:2019 table 2-34; E-AC-3: ATSC A/52:2018 G.3.1). */
export const STREAM_TYPES = { privateData: 0x06, aac: 0x0f, avc: 0x1b, eac3: 0x87 } as const;

export type ProgramStream = {
  readonly pid: number;
  readonly streamType: number;
  /** ISO 639-2 code for an ISO_639_language_descriptor (2.6.18), or empty. */
  readonly language: string;
  /** Further descriptors, as bytes. */
  readonly descriptors?: Uint8Array;
};

/** Bytes of a section that one packet holds behind its header and the pointer field. */
const SECTION_BYTES = PACKET_BYTES - 5;

/** PAT and PMT, 376 bytes. `counter` is the segment's index: each table appears once in a segment. */
export function programTables(streams: readonly ProgramStream[], pcrPid: number, counter: number): Uint8Array {
  const out = new Uint8Array(2 * PACKET_BYTES);
  section(out.subarray(0, PACKET_BYTES), 0, counter, 0x00, [0, 1], [PROGRAM >> 8, PROGRAM, 0xe0 | (PMT_PID >> 8), PMT_PID & 0xff]);
  const body = [0xe0 | (pcrPid >> 8), pcrPid & 0xff, 0xf0, 0];
  for (const { pid, streamType, language, descriptors = [] } of streams) {
    const info = [...(/^[a-z]{3}$/.test(language) ? [0x0a, 4, ...[...language].map((letter) => letter.charCodeAt(0)), 0] : []), ...descriptors];
    body.push(streamType, 0xe0 | (pid >> 8), pid & 0xff, 0xf0, info.length, ...info);
  }
  section(out.subarray(PACKET_BYTES), PMT_PID, counter, 0x02, [PROGRAM >> 8, PROGRAM], body);
  return out;
}

function section(packet: Uint8Array, pid: number, counter: number, tableId: number, id: readonly number[], body: readonly number[]): void {
  packet.fill(0xff);
  packet.set([0x47, 0x40 | (pid >> 8), pid & 0xff, 0x10 | (counter & 15), 0]);
  // section_length counts from behind itself to the end of the CRC.
  const length = 5 + body.length + 4;
  if (length + 3 > SECTION_BYTES) throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', { what: 'program map table', expected: `at most ${SECTION_BYTES} bytes`, found: String(length + 3) });
  packet.set([tableId, 0xb0 | (length >> 8), length & 0xff, ...id, 0xc1, 0, 0, ...body], 5);
  const end = 5 + 3 + length - 4;
  const crc = crc32(packet.subarray(5, end));
  packet.set([crc >>> 24, (crc >>> 16) & 0xff, (crc >>> 8) & 0xff, crc & 0xff], end);
}

/** CRC_32 of ISO/IEC 13818-1:2019 annex A: polynomial 0x04C11DB7, initial value all ones, not reflected. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}
