/**
 * Deciphering, by node:crypto and the plain words of the documents: AES-128 over a whole resource (RFC 8216 4.3.2.4), samples under `cenc`
 * and `cbcs` (ISO/IEC 23001-7:2023 9.5, 9.6, 10), SAMPLE-AES in transport streams (Apple, MPEG-2 Stream Encryption Format for HLS).
 */
import { createDecipheriv } from 'node:crypto';

export const BLOCK = 16;

/** Null when the padding is not that of PKCS#7: another key, another vector, or another resource. */
export function openEnvelope(resource: Uint8Array, key: Uint8Array, iv: Uint8Array): Buffer | null {
  if (resource.length === 0 || resource.length % BLOCK !== 0) return null;
  try {
    const decipher = createDecipheriv('aes-128-cbc', key, iv);
    return Buffer.concat([decipher.update(resource), decipher.final()]);
  } catch {
    return null;
  }
}

export type Subsample = { readonly clear: number; readonly protected: number };
export type Pattern = { readonly crypt: number; readonly skip: number };

/** AES-CTR: one keystream through all protected ranges of a sample; a vector of 8 bytes is the upper half of the first counter. */
export function openCenc(sample: Uint8Array, subsamples: readonly Subsample[] | null, key: Uint8Array, iv: Uint8Array): Uint8Array {
  const decipher = createDecipheriv('aes-128-ctr', key, Buffer.concat([iv, Buffer.alloc(BLOCK - iv.length)]));
  const out = Uint8Array.from(sample);
  for (const { from, to } of protectedRanges(sample, subsamples)) out.set(decipher.update(sample.subarray(from, to)), from);
  return out;
}

/** AES-CBC in a pattern of blocks; the vector begins anew with each protected range, and what is no whole block is clear. */
export function openCbcs(sample: Uint8Array, subsamples: readonly Subsample[] | null, key: Uint8Array, iv: Uint8Array, { crypt, skip }: Pattern): Uint8Array {
  const out = Uint8Array.from(sample);
  for (const { from, to } of protectedRanges(sample, subsamples)) {
    const places: number[] = [];
    for (let at = from, n = 0; at + BLOCK <= to; at += BLOCK, n++) if (skip === 0 || n % (crypt + skip) < crypt) places.push(at);
    openBlocks(out, places, key, iv);
  }
  return out;
}

function protectedRanges({ length }: Uint8Array, subsamples: readonly Subsample[] | null): readonly { readonly from: number; readonly to: number }[] {
  if (subsamples === null) return [{ from: 0, to: length }];
  let at = 0;
  return subsamples.map((subsample) => {
    const from = Math.min(length, at + subsample.clear);
    at = Math.min(length, from + subsample.protected);
    return { from, to: at };
  });
}

/** One chain through blocks that lie apart, in place. */
function openBlocks(bytes: Uint8Array, places: readonly number[], key: Uint8Array, iv: Uint8Array): void {
  if (places.length === 0) return;
  const decipher = createDecipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  const clear = decipher.update(Buffer.concat(places.map((at) => bytes.subarray(at, at + BLOCK))));
  places.forEach((at, i) => bytes.set(clear.subarray(BLOCK * i, BLOCK * (i + 1)), at));
}

const NAL_LEADER = 32;
const CLEAR_NAL = 48;
const NAL_STRIDE = 10 * BLOCK;

/** Types 1 and 5 of more than 48 bytes: behind 32 bytes a block of every ten, unless nothing follows it. Emulation prevention was put in last. */
export function openNal(unit: Uint8Array, key: Uint8Array, iv: Uint8Array): Uint8Array {
  const type = unit[0] & 31;
  if (type !== 1 && type !== 5) return unit;
  const bare = withoutEmulationPrevention(unit);
  // A short unit was never enciphered, and its prevention bytes are its own.
  if (bare.length <= CLEAR_NAL) return unit;
  const places: number[] = [];
  for (let at = NAL_LEADER; at + BLOCK < bare.length; at += NAL_STRIDE) places.push(at);
  openBlocks(bare, places, key, iv);
  return bare;
}

export function withoutEmulationPrevention(unit: Uint8Array): Uint8Array {
  const out = new Uint8Array(unit.length);
  let length = 0;
  for (let i = 0, zeros = 0; i < unit.length; i++) {
    if (zeros >= 2 && unit[i] === 3) {
      zeros = 0;
      continue;
    }
    zeros = unit[i] === 0 ? zeros + 1 : 0;
    out[length++] = unit[i];
  }
  return out.slice(0, length);
}

/** Each part has 16 clear bytes and ends with those that fill no block; one chain runs through the parts of a frame. */
export function openAudioFrame(frame: Uint8Array, parts: readonly { readonly at: number; readonly bytes: number }[], key: Uint8Array, iv: Uint8Array): Uint8Array {
  const out = Uint8Array.from(frame);
  const places = parts.flatMap(({ at, bytes }) => Array.from({ length: Math.max(0, Math.floor((bytes - BLOCK) / BLOCK)) }, (_, i) => at + BLOCK * (i + 1)));
  openBlocks(out, places, key, iv);
  return out;
}
