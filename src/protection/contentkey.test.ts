import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ContentKey, isSealed, openKey, printSealed, readMasterKey, readStoredKey, sealKey } from './contentkey.ts';
import { formatGuid, littleEndianGuid, parseGuid } from './guid.ts';

const ID = parseGuid('01234567-89ab-cdef-0123-456789abcdef');
const VALUE = Buffer.from('secretsecretsecr');
const MASTER = Buffer.alloc(32, 7);
const NONCE = Buffer.alloc(12, 9);

describe('ContentKey', () => {
  const key = new ContentKey(ID, VALUE);

  it('prints its identifier and never its value', () => {
    const forms = [String(key), JSON.stringify({ key }), inspect({ deep: { key } }, { depth: 9, showHidden: true }), inspect(Object.assign({}, key)), JSON.stringify({ ...key }), String([key])];
    const hidden = [VALUE.toString('utf8'), VALUE.toString('hex'), VALUE.toString('base64'), [...VALUE].join(', '), [...VALUE].join(',')];
    for (const form of forms) for (const secret of hidden) expect(form).not.toContain(secret);
    expect(forms[0]).toBe('[key 01234567-89ab-cdef-0123-456789abcdef]');
  });

  it('keeps its own copy', () => {
    const value = Buffer.from(VALUE);
    const own = new ContentKey(ID, value);
    value.fill(0);
    expect(Buffer.from(own.reveal()).equals(VALUE)).toBe(true);
  });

  it.each([
    ['a short value', ID, VALUE.subarray(1)],
    ['a short identifier', ID.subarray(1), VALUE],
  ])('refuses %s and does not show it', (_, id, value) => {
    expect(() => new ContentKey(id, value)).toThrow(/expected 16 bytes; found 15/);
  });
});

describe('keys at rest', () => {
  const sealed = sealKey(new ContentKey(ID, VALUE), MASTER, NONCE);

  it('come back, and their value is not in the record', () => {
    expect(Buffer.from(openKey(ID, sealed, MASTER).reveal()).equals(VALUE)).toBe(true);
    expect(Buffer.from(sealed).includes(VALUE)).toBe(false);
  });

  it('are refused when a bit is changed', () => {
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i] ^= 1;
      expect(() => openKey(ID, changed, MASTER)).toThrow(/stored content key 01234567-89ab-cdef-0123-456789abcdef/);
    }
  });

  it('are refused under another identifier or master key', () => {
    expect(() => openKey(parseGuid('{11234567-89AB-cdef-0123-456789abcdef}'), sealed, MASTER)).toThrow(/cannot be used/);
    expect(() => openKey(ID, sealed, Buffer.alloc(32, 8))).toThrow(/cannot be used/);
    expect(() => openKey(ID, sealed, Buffer.alloc(16))).toThrow(/master key/);
  });
});

describe('GUIDs', () => {
  it('have two orders of bytes', () => {
    expect(formatGuid(ID)).toBe('01234567-89ab-cdef-0123-456789abcdef');
    expect(formatGuid(littleEndianGuid(ID))).toBe('67452301-ab89-efcd-0123-456789abcdef');
    expect(() => parseGuid('0123456789abcdef0123456789abcdef')).toThrow(/a GUID/);
  });
});

describe('keys as text', () => {
  const key = new ContentKey(ID, VALUE);
  const sealed = printSealed(key, MASTER, NONCE);

  it('plain and sealed ones are told apart and read alike', () => {
    expect([isSealed(sealed), isSealed(VALUE.toString('base64'))]).toEqual([true, false]);
    expect(sealed).toMatch(/^sealed:[A-Za-z0-9+/]{60}$/);
    expect(sealed).not.toContain(VALUE.toString('base64').slice(0, 8));
    for (const text of [sealed, VALUE.toString('base64')]) expect(Buffer.from(readStoredKey(ID, text, MASTER).reveal()).equals(VALUE)).toBe(true);
  });

  it.each<[string, Uint8Array | null]>([
    ['without a master key', null],
    ['with another one', Buffer.alloc(32, 8)],
  ])('a sealed one stays closed %s', (_, master) => {
    const read = (): ContentKey => readStoredKey(ID, sealed, master);
    expect(read).toThrow(/master key/);
    expect(read).toThrow(expect.objectContaining({ code: 'ISOMER_KEY_STORE', status: 500 }) as Error);
  });

  it('a master key is 32 bytes in base64, and is never quoted', () => {
    expect(Buffer.from(readMasterKey(`${MASTER.toString('base64')}\n`, 'f')).equals(MASTER)).toBe(true);
    for (const text of ['', 'BwcHBw==', MASTER.toString('hex'), `${MASTER.toString('base64')}x`]) {
      expect(() => readMasterKey(text, 'master.key')).toThrow(/master\.key; expected 32 bytes in base64; found something else$/);
    }
  });
});
