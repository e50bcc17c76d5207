/** isomer keys: a master key, content keys for locators, and content keys of `isomer.json` sealed. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IsomerError } from '../errors.ts';
import { ACCOUNT_FILE, readAccount } from '../policy/account.ts';
import { CONTENT_KEY_BYTES, ContentKey, isSealed, MASTER_KEY_BYTES, NONCE_BYTES, printSealed, readStoredKey } from '../protection/contentkey.ts';
import { parseGuid } from '../protection/guid.ts';
import type { Command } from './deps.ts';
import { loadMasterKey } from './keyserver.ts';

/** A new file that only its owner can read; an old one is never written over, since what it sealed would be lost. */
export const newMasterKey: Command<{ readonly file: string }> = async ({ file }, { out }) => {
  try {
    await writeFile(file, `${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw new IsomerError('ISOMER_CONFIG', { what: 'master key', where: file, expected: 'a name that is free in a folder that is there', found: (error as NodeJS.ErrnoException).code ?? 'error' });
  }
  out(`${file} holds a new master key. Keep a copy elsewhere: without it the keys that it seals are lost.\n`);
  return 0;
};

export type NewKeyArgs = { readonly label: string | null; readonly masterKey: string | null };

/** An entry for `contentKeys` of a locator. */
export const newContentKey: Command<NewKeyArgs> = async ({ label, masterKey }, { out, err }) => {
  const id = randomUUID();
  const value = randomBytes(CONTENT_KEY_BYTES);
  const master = masterKey === null ? null : await loadMasterKey(masterKey, (message) => err(`isomer: ${message}\n`));
  const text = master === null ? value.toString('base64') : printSealed(new ContentKey(parseGuid(id), value), master, randomBytes(NONCE_BYTES));
  out(`${JSON.stringify({ id, ...(label === null ? {} : { labelReferenceInStreamingPolicy: label }), value: text }, null, 2)}\n`);
  return 0;
};

export type SealArgs = { readonly root: string; readonly masterKey: string };

/** Seals what is plain, and first proves that what is sealed can be opened. The file is replaced as a whole or not at all. */
export const sealContentKeys: Command<SealArgs> = async ({ root, masterKey }, { out, err }) => {
  const file = join(root, ACCOUNT_FILE);
  const master = await loadMasterKey(masterKey, (message) => err(`isomer: ${message}\n`));
  const bytes = await readFile(file);
  readAccount(bytes, ACCOUNT_FILE, (message) => err(`isomer: ${message}\n`));
  let sealed = 0;
  const changed = rewrite(bytes.toString('utf8'), ({ id, value }) => {
    const key = readStoredKey(parseGuid(id), value, master);
    if (isSealed(value)) return value;
    sealed++;
    return printSealed(key, master, randomBytes(NONCE_BYTES));
  });
  if (sealed > 0) await replace(file, changed);
  out(sealed === 0 ? `${ACCOUNT_FILE}: every content key is sealed already\n` : `${ACCOUNT_FILE}: sealed ${sealed} content keys\n`);
  return 0;
};

type Entry = { readonly id: string; readonly value: string };
type Locators = { readonly streamingLocators?: readonly { readonly properties: { readonly contentKeys?: readonly { readonly id: string; value?: string | null }[] | null } }[] };

/** Numbers keep their text: some have more digits than a double holds. */
function rewrite(text: string, valueOf: (entry: Entry) => string): string {
  // The type library does not know these parts of ECMA-262 yet (JSON.parse source text access).
  const { parse, rawJSON, stringify } = JSON as unknown as {
    parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): Locators;
    rawJSON(text: string): unknown;
    stringify(value: unknown, replacer: null, space: number): string;
  };
  const account = parse(text, (_, value, { source }) => (typeof value === 'number' && source !== undefined ? rawJSON(source) : value));
  for (const { properties } of account.streamingLocators ?? []) {
    for (const entry of properties.contentKeys ?? []) {
      if (entry.value != null) entry.value = valueOf({ id: entry.id, value: entry.value });
    }
  }
  return `${stringify(account, null, 2)}\n`;
}

async function replace(file: string, text: string): Promise<void> {
  const next = `${file}.${process.pid}.new`;
  try {
    await writeFile(next, text, { flag: 'wx', mode: (await stat(file)).mode & 0o777 });
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}
