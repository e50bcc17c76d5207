import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyRing, readKeys } from './keys.ts';

const ID = '01234567-89ab-cdef-0123-456789abcdef';
const VALUE = Buffer.from('secretsecretsecr');

describe('a ring of keys', () => {
  const ring = new KeyRing([[ID, VALUE]]);

  it('finds keys by identifier, and by addresses that name it', () => {
    for (const text of [ID, ID.toUpperCase(), ID.replaceAll('-', ''), `https://keys.example/?kid=${ID}`, `skd://keys.example/FairPlay/?kid=${ID}`]) expect(ring.find(text)).toEqual(VALUE);
    for (const text of ['', 'https://keys.example/', ID.replace('0', '1')]) expect(ring.find(text)).toBeNull();
  });

  it('shows no value to whoever prints it', () => {
    const forms = [JSON.stringify({ ring }), inspect({ deep: { ring } }, { depth: 9, showHidden: true }), JSON.stringify({ ...ring })];
    for (const form of forms) for (const secret of [VALUE.toString(), VALUE.toString('hex'), VALUE.toString('base64'), [...VALUE].join(', '), [...VALUE].join(',')]) expect(form).not.toContain(secret);
  });
});

describe('a file of keys', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'isomer-keys-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const read = (text: string): KeyRing => {
    writeFileSync(join(folder, 'keys.json'), text);
    return readKeys(join(folder, 'keys.json'));
  };

  it('is read', () => {
    expect(read(JSON.stringify({ [ID]: VALUE.toString('base64') })).find(ID)).toEqual(VALUE);
  });

  it.each([
    ['no JSON', `{"${ID}": "${VALUE.toString('base64')}"`],
    ['a short key', `{"${ID}": "${VALUE.toString('base64', 1)}"}`],
    ['a name that is no identifier', `{"movie": "${VALUE.toString('base64')}"}`],
    ['a key that is no base64', `{"${ID}": "${VALUE.toString()}!"}`],
  ])('is refused with %s, and not quoted', (_, text) => {
    let message = '';
    try {
      read(text);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain('keys.json');
    expect(message).not.toMatch(/secret|c2VjcmV0/);
  });
});
