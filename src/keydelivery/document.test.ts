/** The examples of spec/keys.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ERRORS } from '../errors.ts';
import type { Reply } from './handler.ts';
import { jwt, KEYS, makeWorld, NOW, RSA, swt, SYMMETRIC, valueOf, type KeyName } from './testing.ts';

const document = readFileSync(new URL('../../spec/keys.md', import.meta.url), 'utf8');
const blocks = (language: string): readonly string[] => [...document.matchAll(/```(\S+)\n([^]*?)```/g)].filter(([, name]) => name === language).map(([, , block]) => block);

const examples: { readonly request: string; readonly says: string[] }[] = [];
for (const line of blocks('keys').flatMap((block) => block.split('\n'))) {
  if (/^[A-Z]/.test(line)) examples.push({ request: line, says: [] });
  else if (line.trim() !== '') examples[examples.length - 1].says.push(line.trim());
}

async function tokenOf(form: string, text: string): Promise<string> {
  const { exp, nbf, ...claims } = JSON.parse(text) as { exp: number; nbf?: number };
  const times = { exp: NOW + exp, ...(nbf === undefined ? {} : { nbf: NOW + nbf }) };
  if (form === 'SWT') return swt({ ...claims, ExpiresOn: String(times.exp) });
  return jwt({ ...claims, ...times }, form === 'RS256' ? RSA.privateKey : SYMMETRIC);
}

async function ask(request: string): Promise<Reply> {
  const [, method, path, place, form, claims, body = ''] = /^(\S+) (\S+)(?: (with|query) (\S+) (\{.*?\})(?= body |$))?(?: body (.*))?$/.exec(request) ?? [];
  const token = form === undefined ? null : await tokenOf(form, claims);
  const query = place === 'query' ? `&token=${encodeURIComponent(token ?? '')}` : '';
  const world = await makeWorld();
  return world.ask(`${path}${query}`, { method, headers: token === null || place === 'query' ? {} : { authorization: `Bearer ${token}` }, body: Buffer.from(body) });
}

/** The line as it holds: equal to the example's when that is right. */
function describeReply({ status, headers, body }: Reply, request: string): string {
  if (body instanceof Uint8Array) {
    const name = Object.entries(KEYS).find(([, id]) => request.includes(id))?.[0] as KeyName;
    return `${status} ${Buffer.from(body).equals(valueOf(name)) ? 'the key' : 'something else'}`;
  }
  if (status === 200) return `${status} ${body}`;
  const reason = body === null ? undefined : (JSON.parse(body) as { readonly reason?: string }).reason;
  return [status, headers['x-ms-error-code'], ...(reason === undefined ? [] : [reason])].join(' ');
}

describe('the examples of spec/keys.md', () => {
  test('are there, and each says what comes of it', () => {
    expect(examples.length).toBeGreaterThan(35);
    expect(examples.filter(({ says }) => says.length !== 1)).toEqual([]);
  });

  test.each(examples.map(({ request, says }) => [request, says[0]] as const))('%s', async (request, says) => {
    expect(describeReply(await ask(request), request)).toBe(says);
  });

  test('isomer.json works as it stands, with its master key and no note', async () => {
    const [account] = blocks('isomer.json');
    const world = await makeWorld({ account: Buffer.from(account), masterKey: Buffer.alloc(32, 7) });
    const { status, body } = await world.ask('/?kid=01234567-89ab-cdef-0123-456789abcdef', { headers: { authorization: `Bearer ${await jwt()}` } });
    expect([status, Buffer.from(body as Uint8Array).toString(), world.notes]).toEqual([200, '0123456789abcdef', []]);
  });

  test('the codes of key delivery are in its table, with their statuses', () => {
    for (const [code, { status }] of Object.entries(ERRORS)) {
      if (!/^ISOMER_(?:TOKEN|KEY|KEYS|LICENCE)_/.test(code) || ['ISOMER_KEY_INVALID', 'ISOMER_KEY_FRAMES_UNALIGNED'].includes(code)) continue;
      expect(document, code).toMatch(new RegExp(`^\\|[^|]*\`${code}\`[^|]*\\| ${status} \\|`, 'm'));
    }
  });
});
