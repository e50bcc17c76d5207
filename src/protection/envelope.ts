/**
 * AES-128 over a whole resource: CBC with PKCS#7 padding, begun anew for each (RFC 8216 4.3.2.4; ISO/IEC 23009-4 with
 * urn:mpeg:dash:sea:aes128-cbc:2013). Pieces go in as they come; at most 15 bytes are held back.
 */
import { createCipheriv } from 'node:crypto';
import { encipherInto } from './encipher.ts';

const BLOCK_BYTES = 16;

/** Bytes of a resource with its padding: always one byte more at least. */
export function envelopeBytes(bytes: number): number {
  return bytes + BLOCK_BYTES - (bytes % BLOCK_BYTES);
}

export type Envelope = {
  /** At the start of `target`, which may hold the piece itself; in memory of its own where that is too small. */
  update(piece: Uint8Array, target: Uint8Array): Uint8Array;
  final(): Uint8Array;
};

export function openEnvelope(key: Uint8Array, iv: Uint8Array): Envelope {
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  let held = 0;
  return {
    update(piece, target) {
      const rest = (held + piece.length) % BLOCK_BYTES;
      const bytes = held + piece.length - rest;
      held = rest;
      return bytes > target.length ? cipher.update(piece) : target.subarray(0, encipherInto(cipher, piece, target));
    },
    final: () => cipher.final(),
  };
}

export function sealWhole(resource: Uint8Array, key: Uint8Array, iv: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  return Buffer.concat([cipher.update(resource), cipher.final()]);
}

/** The vector of a segment whose EXT-X-KEY names none: its media sequence number (RFC 8216 5.2). */
export function ivOfSequence(sequence: number): Uint8Array {
  const iv = new Uint8Array(BLOCK_BYTES);
  new DataView(iv.buffer).setBigUint64(8, BigInt(sequence));
  return iv;
}
