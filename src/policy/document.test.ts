/** The examples of spec/filters.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { FORMATS } from '../formats.ts';
import { aacCodec, audioSet, audioTrack, goldenAudio, goldenVideo, presentationOf } from '../manifest/testing.ts';
import { applyFilters, selectFilters, type Filter } from '../model/filter.ts';
import type { Presentation } from '../model/presentation.ts';
import { readAccount, readAssetFilters } from './account.ts';

const document = readFileSync(new URL('../../spec/filters.md', import.meta.url), 'utf8');
const blocks = (language: string): readonly string[] => [...document.matchAll(/```(\S+)\n([^]*?)```/g)].filter(([, name]) => name === language).map(([, , block]) => block);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const presentation = presentationOf(goldenAudio(), audioSet('aac_fra_2', [audioTrack(96000, aacCodec())], { language: 'fra' }), goldenVideo());

type Example = { readonly filters: readonly string[]; readonly says: string[] };

const definitions: string[] = [];
const examples: Example[] = [];
for (const line of blocks('filter').flatMap((block) => block.split('\n'))) {
  const [, name, properties] = /^(\w+) = (\{.*\})$/.exec(line) ?? [];
  if (name !== undefined) definitions.push(`{"name": ${JSON.stringify(name)}, "properties": ${properties}}`);
  else if (line.startsWith('filter=')) examples.push({ filters: line.slice('filter='.length).split(';'), says: [] });
  else if (line.trim() !== '') examples[examples.length - 1].says.push(line.trim());
}
const table = readAccount(bytes(`{"accountFilters": [${definitions.join(', ')}]}`), 'isomer.json', () => undefined).filters;

function find(name: string): Filter | null {
  const found = table.get(name) ?? null;
  if (found instanceof IsomerError) throw found;
  return found;
}

/** The line as it holds: equal to the example's when that is right. */
function outcome(filters: readonly string[], line: string): string {
  let view: Presentation;
  try {
    view = applyFilters(presentation, selectFilters([], filters, find), { live: false });
  } catch (error) {
    if (!(error instanceof IsomerError)) throw error;
    const [, , code, words = ''] = /^(!!) (\S+) ?(.*)$/.exec(line) ?? [];
    const missing = words.split(', ').filter((text) => !error.message.includes(text));
    return code === error.code && missing.length === 0 ? line : `!! ${error.code}: ${error.message}`;
  }
  if (line.startsWith('!!')) return 'accepted';
  if (line.startsWith('first ')) {
    const hls = FORMATS.filter(({ manifest }) => manifest.kind === 'm3u8').map((format) => format.writeManifest(view, { format: format.tags[0], extra: [], audioOnly: false }));
    return [...new Set(hls.map((text) => `first ${/#EXT-X-STREAM-INF.*\nQualityLevels\((\d+)\)/.exec(text)?.[1]}`))].join(' or ');
  }
  const set = view.switchingSets.find(({ name }) => line.startsWith(`${name} `));
  if (set === undefined) return `left: ${view.switchingSets.map(({ name }) => name).join(', ')}`;
  const { names } = set.timeline;
  const seconds = (time: bigint): string => String(Number(time) / 10_000_000);
  return `${set.name} ${set.tracks.map(({ bitrate }) => bitrate).join(' ')}: ${seconds(names[0])} to ${seconds(names[names.length - 1])}`;
}

describe('the examples of spec/filters.md', () => {
  test('are there, and every filter is used', () => {
    expect(examples.length).toBeGreaterThan(25);
    expect(examples.filter(({ says }) => says.length === 0)).toEqual([]);
    const used = new Set(examples.flatMap(({ filters }) => filters));
    expect([...table.keys()].filter((name) => !used.has(name))).toEqual([]);
  });

  test.each(examples.map(({ filters, says }) => [filters.join(';'), filters, says] as const))('filter=%s', (_, filters, says) => {
    expect(says.map((line) => outcome(filters, line))).toEqual(says);
  });

  test('a wrong example would be found', () => {
    expect(outcome(['example'], 'video 1: 0 to 1')).not.toBe('video 1: 0 to 1');
    expect(outcome(['example'], '!! MPE_FILTER_INVALID')).toBe('accepted');
    expect(outcome(['height'], '!! MPE_FILTER_TRACK_ATTRIBUTE_INVALID nonsense')).toContain('found "Height"');
  });
});

describe('its files', () => {
  test('isomer.json is read, without a note', () => {
    const notes: string[] = [];
    for (const block of blocks('isomer.json')) expect(readAccount(bytes(block), 'isomer.json', (note) => void notes.push(note)).locators.size).toBe(2);
    expect([blocks('isomer.json').length, notes]).toEqual([1, []]);
  });

  test('asset.json keeps every digit', () => {
    expect(blocks('asset.json')).toHaveLength(1);
    const filters = readAssetFilters(bytes(blocks('asset.json')[0]), 'asset.json', () => undefined);
    expect(filters.get('trailer')).toMatchObject({ presentationTimeRange: { endTimestamp: 17_000_000_000_000_123n } });
  });

  test('every code that the errors’ table has for filters is in the document', async () => {
    const { ERRORS } = await import('../errors.ts');
    const named = Object.keys(ERRORS).filter((code) => code.startsWith('MPE_FILTER_'));
    const covers = (code: string): boolean => document.includes(code) || [...document.matchAll(/`…(_\w+)`/g)].some(([, end]) => code.endsWith(end));
    expect(named.filter((code) => !covers(code))).toEqual([]);
  });
});
