/** Content keys: a value that never prints itself, and its form at rest. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { inspect } from 'node:util';
import { IsomerError } from '../errors.ts';
import { formatGuid, KEY_ID_BYTES } from './guid.ts';

export const CONTENT_KEY_BYTES = 16;

/** A key and its identifier. Log lines, JSON, string templates and debuggers see the identifier alone. */
export class ContentKey {
  readonly id: Uint8Array;
  readonly #value: Uint8Array;

  constructor(id: Uint8Array, value: Uint8Array) {
    if (id.length !== KEY_ID_BYTES) throw new IsomerError('ISOMER_KEY_INVALID', { what: 'key identifier', expected: `${KEY_ID_BYTES} bytes`, found: String(id.length) });
    if (value.length !== CONTENT_KEY_BYTES) throw new IsomerError('ISOMER_KEY_INVALID', { what: `content key ${formatGuid(id)}`, expected: `${CONTENT_KEY_BYTES} bytes`, found: String(value.length) });
    // Copies: the slice of a Buffer would share its memory.
    this.id = Uint8Array.from(id);
    this.#value = Uint8Array.from(value);
  }

  /** The bytes: for ciphers and key delivery only. */
  reveal(): Uint8Array {
    return this.#value;
  }

  toString(): string {
    return `[key ${formatGuid(this.id)}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** Nonce, ciphertext, tag of AES-256-GCM behind a byte that names this layout. */
const LAYOUT = 1;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const MASTER_KEY_BYTES = 32;

/**
 * A key as it is stored. The identifier is authenticated with it, so that two records cannot be exchanged. `nonce` is 12
 * random bytes, never used twice with one master key (NIST SP 800-38D 8.2.2).
 */
export function sealKey(key: ContentKey, masterKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  checkMaster(masterKey);
  if (nonce.length !== NONCE_BYTES) throw new Error(`a nonce has ${NONCE_BYTES} bytes`);
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce).setAAD(associated(key.id));
  return Uint8Array.from(Buffer.concat([Uint8Array.of(LAYOUT), nonce, cipher.update(key.reveal()), cipher.final(), cipher.getAuthTag()]));
}

/** Refuses records that were changed, that belong to another identifier or another master key. */
export function openKey(id: Uint8Array, sealed: Uint8Array, masterKey: Uint8Array): ContentKey {
  checkMaster(masterKey);
  const what = `stored content key ${formatGuid(id)}`;
  if (sealed.length !== 1 + NONCE_BYTES + CONTENT_KEY_BYTES + TAG_BYTES || sealed[0] !== LAYOUT) throw new IsomerError('ISOMER_KEY_INVALID', { what, expected: 'a sealed key', found: `${sealed.length} bytes` });
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', masterKey, nonce).setAAD(associated(id)).setAuthTag(sealed.subarray(tagAt));
  try {
    return new ContentKey(id, Buffer.concat([decipher.update(sealed.subarray(1 + NONCE_BYTES, tagAt)), decipher.final()]));
  } catch {
    throw new IsomerError('ISOMER_KEY_INVALID', { what, expected: 'what this master key sealed', found: 'something else' });
  }
}

/** What stands before a sealed key where a plain one could stand too. */
const SEALED = 'sealed:';

export function isSealed(text: string): boolean {
  return text.startsWith(SEALED);
}

/** The text of a key in stored files. */
export function printSealed(key: ContentKey, masterKey: Uint8Array, nonce: Uint8Array): string {
  return `${SEALED}${Buffer.from(sealKey(key, masterKey, nonce)).toString('base64')}`;
}

/** A key as text, plain or sealed. */
export function readStoredKey(id: Uint8Array, text: string, masterKey: Uint8Array | null): ContentKey {
  if (!isSealed(text)) return new ContentKey(id, Buffer.from(text, 'base64'));
  if (masterKey === null) throw new IsomerError('ISOMER_KEY_STORE', { what: `stored content key ${formatGuid(id)}`, expected: 'a master key in the settings, since it is sealed', found: 'none' });
  try {
    return openKey(id, Buffer.from(text.slice(SEALED.length), 'base64'), masterKey);
  } catch (error) {
    // Not the mistake of whoever asks for media or keys.
    throw error instanceof IsomerError ? new IsomerError('ISOMER_KEY_STORE', error.detail) : error;
  }
}

/** The content of a master key's file: 32 bytes in base64. Its text never comes into a message. */
export function readMasterKey(text: string, file: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]{43}=\s*$/.test(text)) throw new IsomerError('ISOMER_KEY_INVALID', { what: 'master key', where: file, expected: `${MASTER_KEY_BYTES} bytes in base64`, found: 'something else' });
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

function associated(id: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('content key '), id]);
}

function checkMaster(masterKey: Uint8Array): void {
  if (masterKey.length !== MASTER_KEY_BYTES) throw new IsomerError('ISOMER_KEY_INVALID', { what: 'master key', expected: `${MASTER_KEY_BYTES} bytes`, found: String(masterKey.length) });
}
