/** The examples of spec/protection.md, over the handler and the real formats. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ERRORS } from '../errors.ts';
import { FORMATS } from '../formats.ts';
import { goldenPresentation } from '../manifest/testing.ts';
import { createFileCatalog } from '../policy/catalog.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import { handle, isPlan } from './handler.ts';
import { makeWorld } from './testing.ts';

const document = readFileSync(new URL('../../spec/protection.md', import.meta.url), 'utf8');
const lines = [...document.matchAll(/```protection\n([^]*?)```/g)].flatMap(([, block]) => block.split('\n')).filter((line) => line.trim() !== '');

type Example = { readonly locator: string; readonly resource: string; readonly says: string[] };
const policies: object[] = [];
const locators: { readonly name: string; readonly properties: object }[] = [];
const examples: Example[] = [];
for (const line of lines) {
  const [, policy, properties] = /^policy (\w+) = (\{.*\})$/.exec(line) ?? [];
  const [, locator, list] = /^locator (\w+) = (.*)$/.exec(line) ?? [];
  const [, where, resource] = /^GET (\w+) (.*)$/.exec(line) ?? [];
  if (policy !== undefined) policies.push({ name: policy, properties: JSON.parse(properties) as object });
  else if (locator !== undefined) {
    const [streamingPolicyName, ...keys] = list.split(', ');
    const contentKeys = keys.map((key) => {
      const [labelReferenceInStreamingPolicy, id] = key.split(' ');
      return { id, labelReferenceInStreamingPolicy, value: Buffer.alloc(16, id).toString('base64') };
    });
    locators.push({ name: locator, properties: { assetName: 'films/ignite', streamingPolicyName, contentKeys } });
  } else if (where !== undefined) examples.push({ locator: where, resource, says: [] });
  else examples[examples.length - 1].says.push(line.trim());
}

const account = new TextEncoder().encode(JSON.stringify({ streamingPolicies: policies, streamingLocators: locators }));
const storage = createMemoryStorage({ 'isomer.json': account });
const asset = { presentation: goldenPresentation(), sources: new Map() };

async function answerTo({ locator, resource }: Pick<Example, 'locator' | 'resource'>): Promise<{ readonly code: string; readonly text: string }> {
  const { deps } = makeWorld();
  const catalog = await createFileCatalog({ storage, revalidateMs: 0, now: () => 0, note: () => undefined });
  const library = { open: () => Promise.resolve({ asset, release: () => undefined }) };
  const { headers, body } = await handle({ method: 'GET', path: encodeURI(`/${locator}/ignite.ism/${resource}`), headers: {}, id: 'r' }, { ...deps, catalog, library, formats: FORMATS });
  if (isPlan(body)) body.release();
  return { code: headers['x-ms-error-code'] ?? '', text: typeof body === 'string' ? body : body instanceof Uint8Array ? Buffer.from(body).toString() : '' };
}

/** The line as it holds: equal to the example's when that is right. */
function outcome(line: string, { code, text }: { readonly code: string; readonly text: string }): string {
  const [, sign, rest] = /^(\S+) (.*)$/.exec(line) ?? [];
  if (sign === 'has' || sign === 'lacks') return code !== '' ? `!! ${text}` : text.includes(rest) ? `has ${rest}` : `lacks ${rest}`;
  const [, wanted, words = ''] = /^(\S+) ?(.*)$/.exec(rest) ?? [];
  return wanted === code && words.split(', ').every((word) => text.includes(word)) ? line : `!! ${code}: ${text}`;
}

describe('the examples of spec/protection.md', () => {
  test('are there, say something, and use every locator and policy', () => {
    expect(examples.length).toBeGreaterThan(25);
    expect(examples.filter(({ says }) => says.length === 0)).toEqual([]);
    expect(locators.map(({ name }) => name).filter((name) => !examples.some(({ locator }) => locator === name))).toEqual([]);
  });

  test.each(examples.map((example) => [`${example.locator} ${example.resource}`, example] as const))('GET %s', async (_, example) => {
    const answer = await answerTo(example);
    expect(example.says.map((line) => outcome(line, answer))).toEqual(example.says);
  });

  test('a wrong example would be found', async () => {
    const answer = await answerTo({ locator: 'aes', resource: 'manifest' });
    for (const line of ['lacks ProtectionHeader', 'has nonsense', '!! MPE_BAD_URL_SYNTAX']) expect(outcome(line, answer)).not.toBe(line);
    const refused = await answerTo({ locator: 'lost', resource: 'manifest' });
    for (const line of ['has ProtectionHeader', '!! MPE_ENC_ENCRYPTION_REQUIRED nonsense', '!! MPE_ENC_ALREADY_ENCRYPTED']) expect(outcome(line, refused)).not.toBe(line);
  });

  test('every code that the errors’ table has for encryption is in the document', () => {
    expect(Object.keys(ERRORS).filter((code) => /^MPE_ENC/.test(code) && !document.includes(code))).toEqual([]);
  });
});
