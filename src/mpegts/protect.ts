/**
 * SAMPLE-AES in transport streams (Apple, "MPEG-2 Stream Encryption Format for HTTP Live Streaming"): which bytes of a
 * sample are enciphered, and how the program map table says so. The cipher comes from outside: AES-128-CBC over whole
 * blocks, begun anew for each message.
 */
import { concatBytes } from '../bytes.ts';
import { AVC_NAL } from '../codec/nal.ts';
import { IsomerError } from '../errors.ts';

/** Whole blocks in, as many out; the argument may be overwritten. Not `isStart`: the message before goes on. */
export type BlockCipher = (blocks: Uint8Array, isStart?: boolean) => Uint8Array;

export const BLOCK = 16;
/** 2.2: NAL units up to this length stay clear. */
const CLEAR_NAL_BYTES = 48;
/** NAL unit header and unencrypted leader. */
export const NAL_LEADER_BYTES = 32;
/** One block in ten. */
export const SKIPPED_BYTES = 144;
/** 2.3.1: clear bytes in front of an audio frame, behind its ADTS header. */
const AUDIO_LEADER_BYTES = 16;

/** Which NAL units are enciphered (2.2), by type and bytes. */
export function isEncryptedNal(type: number, bytes: number): boolean {
  return (type === AVC_NAL.slice || type === AVC_NAL.idr) && bytes > CLEAR_NAL_BYTES;
}

export type AudioFamily = 'aac' | 'ac3' | 'eac3';

/** Frames without ADTS headers, in place: 16 clear bytes, all whole blocks, what is left over clear (2.3.1). */
export function encryptAudioFrames(payload: Uint8Array, sizes: Uint32Array, family: AudioFamily, cipher: BlockCipher): void {
  let start = 0;
  for (const size of sizes) {
    if (family === 'eac3') encryptSyncframes(syncframes(payload, start, start + size).flatMap(({ at, bytes }) => protectedPart(payload, at, bytes) ?? []), cipher);
    else {
      const range = protectedPart(payload, start, size);
      const encrypted = range === null ? null : cipher(range);
      if (encrypted !== null && encrypted !== range) range?.set(encrypted);
    }
    start += size;
  }
}

function protectedPart(payload: Uint8Array, at: number, bytes: number): Uint8Array | null {
  return bytes < AUDIO_LEADER_BYTES + BLOCK ? null : payload.subarray(at + AUDIO_LEADER_BYTES, at + bytes - (bytes % BLOCK));
}

/** Each syncframe of E-AC-3 has a leader of its own, and the chain runs on through all of one frame (2.3.1.3). */
function encryptSyncframes(ranges: readonly Uint8Array[], cipher: BlockCipher): void {
  const encrypted = cipher(concatBytes(ranges));
  let from = 0;
  for (const range of ranges) {
    range.set(encrypted.subarray(from, from + range.length));
    from += range.length;
  }
}

type Range = { readonly at: number; readonly bytes: number };

function syncframes(payload: Uint8Array, start: number, end: number): readonly Range[] {
  const frames: Range[] = [];
  for (let at = start; at < end; ) {
    const bytes = syncframeBytes(payload, at, end);
    frames.push({ at, bytes });
    at += bytes;
  }
  return frames;
}

/** ETSI TS 102 366 V1.4.1 E.1.2 and E.1.3.1.3: syncword, and frmsiz in words of 16 bits. */
function syncframeBytes(payload: Uint8Array, at: number, end: number): number {
  const isSync = end - at >= 4 && payload[at] === 0x0b && payload[at + 1] === 0x77;
  const bytes = isSync ? 2 * ((((payload[at + 2] & 7) << 8) | payload[at + 3]) + 1) : 0;
  if (bytes < 4 || bytes > end - at) throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'E-AC-3 syncframe', where: `byte ${at} of the payload`, expected: `4 to ${end - at} bytes`, found: String(bytes) });
  return bytes;
}

/** What the program map table says of an encrypted stream (3.0). */
export type EncryptedStream = { readonly streamType: number; readonly descriptors: Uint8Array };

/** 2.3.2: audio_type `zaac`, `zach`, `zacp`, `zac3` or `zec3`, and its set-up data. */
export type AudioSetup = { readonly audioType: string; readonly setup: Uint8Array };

/** private_data_indicator_descriptor and registration_descriptor (ISO/IEC 13818-1:2019 2.6.28 and 2.6.8). */
const PRIVATE_DATA_INDICATOR = 0x0f;
const REGISTRATION = 0x05;

export const ENCRYPTED_VIDEO: EncryptedStream = { streamType: 0xdb, descriptors: descriptor(PRIVATE_DATA_INDICATOR, characters('zavc')) };

const AUDIO_STREAMS: Readonly<Record<AudioFamily, { readonly streamType: number; readonly indicator: string }>> = {
  aac: { streamType: 0xcf, indicator: 'aacd' },
  ac3: { streamType: 0xc1, indicator: 'ac3d' },
  eac3: { streamType: 0xc2, indicator: 'ec3d' },
};

/** audio_type of 2.3.2 by codec string (RFC 6381); undefined where the format has none. */
export const AUDIO_TYPES: Readonly<Record<string, string | undefined>> = { 'mp4a.40.2': 'zaac', 'mp4a.40.5': 'zach', 'mp4a.40.29': 'zacp', 'ac-3': 'zac3', 'ec-3': 'zec3' };
const FAMILIES: Readonly<Record<string, AudioFamily | undefined>> = { zac3: 'ac3', zec3: 'eac3' };

/** Priming is not stated (0); version 1. For AC-3 the set-up data are the first 10 bytes of a frame, for E-AC-3 the dec3 box's content. */
export function encryptedAudio({ audioType, setup }: AudioSetup): EncryptedStream {
  const { streamType, indicator } = AUDIO_STREAMS[FAMILIES[audioType] ?? 'aac'];
  const information = concatBytes([characters(`apad${audioType}`), Uint8Array.of(0, 0, 1, setup.length), setup]);
  return { streamType, descriptors: concatBytes([descriptor(PRIVATE_DATA_INDICATOR, characters(indicator)), descriptor(REGISTRATION, information)]) };
}

function descriptor(tag: number, data: Uint8Array): Uint8Array {
  return Uint8Array.of(tag, data.length, ...data);
}

function characters(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
