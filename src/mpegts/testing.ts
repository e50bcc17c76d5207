/** SAMPLE-AES by the letter, all at once in memory: what the form that goes piece by piece must equal. */
import { concatBytes, viewOf } from '../bytes.ts';
import { nalEnd, nalType } from '../codec/nal.ts';
import { escapeNal } from '../codec/testing.ts';
import { BLOCK, isEncryptedNal, NAL_LEADER_BYTES, SKIPPED_BYTES, type BlockCipher } from './protect.ts';

const NAL_LENGTH_BYTES = 4;

/**
 * Slices enciphered (2.2) and emulation prevention put in once more over all of the unit: a reader takes it out,
 * deciphers, and has the unit as it was. `payload` holds samples with 4-byte length fields one after the other.
 */
export function encryptAvcSamples(payload: Uint8Array, sizes: Uint32Array, cipher: BlockCipher): { readonly payload: Uint8Array; readonly sizes: Uint32Array } {
  const parts: Uint8Array[] = [];
  const grown = new Uint32Array(sizes.length);
  let end = 0;
  for (let i = 0; i < sizes.length; i++) {
    let at = end;
    end += sizes[i];
    for (let next = 0; at < end; at = next) {
      next = nalEnd(payload, at, end, NAL_LENGTH_BYTES);
      const nal = payload.subarray(at + NAL_LENGTH_BYTES, next);
      const sent = isEncrypted(nal) ? escapeNal(encryptNal(nal, cipher)) : nal;
      const length = new Uint8Array(NAL_LENGTH_BYTES);
      viewOf(length).setUint32(0, sent.length);
      parts.push(length, sent);
      grown[i] += NAL_LENGTH_BYTES + sent.length;
    }
  }
  return { payload: concatBytes(parts), sizes: grown };
}

function isEncrypted(nal: Uint8Array): boolean {
  return isEncryptedNal(nalType('avc', nal[0]), nal.length);
}

/** A block, 144 bytes left alone, and so on; a last block that nothing follows stays clear. */
function encryptNal(nal: Uint8Array, cipher: BlockCipher): Uint8Array {
  const count = Math.ceil((nal.length - NAL_LEADER_BYTES - BLOCK) / (BLOCK + SKIPPED_BYTES));
  const blocks = new Uint8Array(BLOCK * count);
  const out = new Uint8Array(nal);
  for (let i = 0, at = NAL_LEADER_BYTES; i < count; i++, at += BLOCK + SKIPPED_BYTES) blocks.set(out.subarray(at, at + BLOCK), BLOCK * i);
  const encrypted = cipher(blocks);
  for (let i = 0, at = NAL_LEADER_BYTES; i < count; i++, at += BLOCK + SKIPPED_BYTES) out.set(encrypted.subarray(BLOCK * i, BLOCK * (i + 1)), at);
  return out;
}
