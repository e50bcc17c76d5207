/** Content keys that the suite was told. Their values come out for deciphering alone: nothing that prints a ring shows them. */
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { keysSchema } from '../../spec/subjects.ts';
import { messageOf, SuiteFault } from '../fault.ts';

const KEY_BYTES = 16;
const UUID = /[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}/i;

export class KeyRing {
  readonly #values: ReadonlyMap<string, Uint8Array>;

  constructor(values: Iterable<readonly [string, Uint8Array]>) {
    this.#values = new Map([...values].map(([id, value]) => [canonicalKeyId(id), value]));
  }

  /** By identifier, or by a URL that names it: key delivery services say `kid=`. */
  find(text: string): Uint8Array | null {
    const [id] = UUID.exec(text) ?? [];
    return id === undefined ? null : (this.#values.get(canonicalKeyId(id)) ?? null);
  }

  toJSON(): string {
    return `${this.#values.size} keys`;
  }
}

export const NO_KEYS = new KeyRing([]);

/** 32 lower-case digits. */
export function canonicalKeyId(text: string): string {
  return text.replaceAll(/[{}-]/g, '').toLowerCase();
}

/** Never quotes what the file holds. */
export function readKeys(file: string): KeyRing {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SuiteFault('usage', `${file}: ${error instanceof SyntaxError ? 'no JSON' : messageOf(error)}`);
  }
  const parsed = keysSchema.safeParse(content);
  if (!parsed.success) throw new SuiteFault('usage', `${file}: ${z.prettifyError(parsed.error)}`);
  const entries = Object.entries(parsed.data).map(([id, text]) => [id, Buffer.from(text, 'base64')] as const);
  const bad = entries.find(([, { length }]) => length !== KEY_BYTES);
  if (bad !== undefined) throw new SuiteFault('usage', `${file}: the key ${bad[0]} has not ${KEY_BYTES} bytes`);
  return new KeyRing(entries);
}
