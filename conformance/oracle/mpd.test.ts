import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { agreeing, javaEngine, libxmlEngine, openMpdJudge, selfTest, shapeOf, splitMessages, type SchemaVerdict, type XsdEngine } from './mpd.ts';

const SCHEMA = fileURLToPath(new URL('../../spec/schema/mpd.xsd', import.meta.url));
const GOLDEN = readFileSync(new URL('../../spec/golden/dash-csf.mpd', import.meta.url), 'utf8');

function engine(name: string, verdict: (document: string) => SchemaVerdict): XsdEngine {
  return { name, validate: (document) => Promise.resolve(verdict(document)) };
}
const complaint = { valid: false, complaints: [{ line: 1, text: 'x' }] } as const;

describe('one engine', () => {
  it('libxml2 accepts the golden MPD, refuses it without minBufferTime, and says where', async () => {
    const libxml = libxmlEngine(SCHEMA);
    expect(await libxml.validate(GOLDEN)).toEqual({ valid: true });
    const verdict = await libxml.validate(GOLDEN.replace(' minBufferTime="PT7S"', ''));
    expect(verdict).toMatchObject({ valid: false });
    expect(verdict.valid === false && verdict.complaints[0].line).toBe(2);
    expect(await selfTest(libxml)).toBeNull();
  });

  it('libxml2 takes an ill-formed document for invalid and loads nothing from outside', async () => {
    const libxml = libxmlEngine(SCHEMA);
    expect(await libxml.validate(GOLDEN.replace('</Period>', ''))).toMatchObject({ valid: false });
    const outside = GOLDEN.replace(/^<\?xml.*\n/, '<!DOCTYPE MPD [<!ENTITY x SYSTEM "file:///etc/hostname">]>\n').replace('<Period>', '<Period>&x;');
    expect((await libxml.validate(outside)).valid).not.toBe(true);
  });

  const java = javaEngine(SCHEMA);
  it.skipIf(java === null)('Java agrees with libxml2 (skipped where xsd-schema-validator is not installed)', async () => {
    if (java === null) return;
    expect(await selfTest(java)).toBeNull();
    expect(await java.validate(GOLDEN)).toEqual({ valid: true });
    const verdict = await java.validate(GOLDEN.replace(' minBufferTime="PT7S"', '').replace('bandwidth="128041"', 'bandwidth="-1"'));
    expect(verdict.valid === false && verdict.complaints.length).toBeGreaterThanOrEqual(2);
  });

  it('proves itself: one that accepts everything, refuses everything or fails is at fault', async () => {
    expect(await selfTest(engine('yes', () => ({ valid: true })))).toBe('accepts a document that is known to be invalid');
    expect(await selfTest(engine('no', () => complaint))).toContain('refuses a document that is known to be valid');
    expect(await selfTest(engine('broken', () => ({ valid: null, reason: 'no Java' })))).toContain('no Java');
  });
});

describe('messages of the Java engine', () => {
  it('are joined and split again, wherever the pieces were cut', () => {
    const text = '[error] cvc-a: one (3:14)[error] cvc-b: two (9:1)[warning] three[fatal] four (12:5)';
    const pieces = [text.slice(0, 30), text.slice(30, 61), text.slice(61)];
    expect(splitMessages(pieces)).toEqual(splitMessages([text]));
    expect(splitMessages([text]).map(({ line }) => line)).toEqual([3, 9, 12]);
  });
});

describe('several engines', () => {
  it('give no verdict when they differ', async () => {
    const validate = agreeing([engine('a', () => ({ valid: true })), engine('b', () => complaint)]);
    expect(await validate('<x/>')).toEqual({ valid: null, reason: 'engines differ: a says valid, b says invalid' });
  });

  it('give no verdict when one is at fault', async () => {
    expect(await agreeing([engine('a', () => ({ valid: true })), engine('b', () => ({ valid: null, reason: 'died' }))])('<x/>')).toEqual({ valid: null, reason: 'b: died' });
  });

  it('ask the slow one once per shape, and again when the quick one changes its mind', async () => {
    const asked: string[] = [];
    const invalid = (document: string): SchemaVerdict => (document.includes('666') ? complaint : { valid: true });
    const validate = agreeing([engine('quick', invalid), engine('slow', (document) => (asked.push(document), invalid(document)))]);
    for (const document of ['<x d="1"/>', '<x d="2"/>', '<x d="666"/>']) await validate(document);
    expect(asked).toEqual(['<x d="1"/>', '<x d="666"/>']);
    expect(await validate('<x d="666"/>')).toMatchObject({ valid: false });
  });

  it('take documents that differ in digits for one shape', () => {
    expect(shapeOf('<S d="1" r="20"/>')).toBe(shapeOf('<S d="999" r="3"/>'));
    expect(shapeOf('<S d="1"/>')).not.toBe(shapeOf('<S t="1"/>'));
  });
});

describe('without official schemas', () => {
  it('no edition judges, and a note says why', async () => {
    const judge = await openMpdJudge(null, true);
    expect(judge.editions).toEqual([]);
    expect(judge.notes).toEqual(['ISOMER_SCHEMA_DIR is not set: no official MPD schema']);
    expect((await openMpdJudge('/nowhere', false)).editions).toEqual([]);
  });

  it.skipIf((process.env['ISOMER_SCHEMA_DIR'] ?? '') === '')('with them the gate has two editions that accept the golden MPD (skipped without ISOMER_SCHEMA_DIR)', async () => {
    const { editions, notes } = await openMpdJudge(process.env['ISOMER_SCHEMA_DIR'] ?? '', false);
    expect(notes).toEqual([]);
    expect(editions.map(({ edition }) => edition)).toEqual(['4th-amd1', '5th-ed-amd1']);
    for (const { validate } of editions) expect(await validate(GOLDEN)).toEqual({ valid: true });
  });
});
