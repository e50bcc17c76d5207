import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readXml } from '../oracle/xml.ts';
import { annotations } from './annotations.ts';
import { badge, tally } from './badge.ts';
import { readPointer } from './pointer.ts';
import { sarifLog } from './sarif.ts';
import { breakOrigin, judged, type Judged } from './testing.ts';

/** The part of the OASIS schema that is used; strict, so that a name it does not have is refused. */
const uriReference = z.string().regex(/^[^/\s][^\s{}|\\^`<>"]*$/);
const artifactLocation = z.strictObject({ uri: uriReference, uriBaseId: z.string(), index: z.int().nonnegative().optional() });
const region = z.union([z.strictObject({ startLine: z.int().positive() }), z.strictObject({ byteOffset: z.int().nonnegative(), byteLength: z.int().nonnegative() })]);
const physicalLocation = z.strictObject({ artifactLocation, region: region.optional() });
const message = z.strictObject({ text: z.string().min(1) });
const properties = z.record(z.string(), z.unknown());
const sarif = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z.tuple([
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.string(),
          version: z.string(),
          rules: z.array(
            z.strictObject({
              id: z.string(),
              name: z.string().regex(/^[A-Za-z0-9]+$/),
              shortDescription: message,
              fullDescription: message,
              help: z.strictObject({ text: z.string().min(1), markdown: z.string().min(1) }),
              defaultConfiguration: z.strictObject({ level: z.enum(['error', 'warning']) }),
              properties,
            }),
          ),
        }),
      }),
      automationDetails: z.strictObject({ id: z.string() }),
      invocations: z.array(z.strictObject({ executionSuccessful: z.boolean(), startTimeUtc: z.iso.datetime().optional() })),
      originalUriBaseIds: z.record(z.string(), z.strictObject({ description: message })),
      artifacts: z.array(z.strictObject({ location: artifactLocation, mimeType: z.string().optional(), hashes: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)).optional() })),
      results: z.array(
        z
          .strictObject({
            ruleId: z.string(),
            ruleIndex: z.int().nonnegative(),
            kind: z.enum(['fail', 'open', 'notApplicable']),
            level: z.enum(['error', 'warning', 'none']),
            message,
            locations: z.array(z.strictObject({ physicalLocation: physicalLocation.optional(), logicalLocations: z.array(z.strictObject({ fullyQualifiedName: z.string(), kind: z.string() })) })),
            relatedLocations: z.array(z.strictObject({ physicalLocation })).optional(),
            partialFingerprints: z.record(z.string(), z.string()),
            suppressions: z.array(z.strictObject({ kind: z.literal('external'), status: z.literal('accepted'), justification: z.string().optional() })).optional(),
            properties,
          })
          .refine(({ kind, level }) => (kind === 'fail') === (level !== 'none'), 'only failures have a level'),
      ),
      properties,
    }),
  ]),
});

let bad: Judged;
let good: Judged;
beforeAll(async () => {
  good = await judged();
  bad = await judged(breakOrigin, [{ check: 'http/delivered', subject: 'specimen/dash-csf', reason: 'left out on purpose', bug: 'https://example.org/1', owner: 'tests', since: '2026-11-24' }]);
});

describe('pointers', () => {
  it.each([
    ['line 7', { kind: 'line', line: 7 }],
    ['packet 3, PID -1', { kind: 'packet', packet: 3 }],
    ['PID 256', { kind: 'pid', pid: 256 }],
    ['sample 3', { kind: 'sample', sample: 3, ofTrack: false }],
    ['sample 94 of the track', { kind: 'sample', sample: 94, ofTrack: true }],
    ['moof@120', { kind: 'boxAt', type: 'moof', offset: 120 }],
    ['/moov/trak at 512: size 9 does not fit into the 4 bytes left', { kind: 'boxAt', type: 'trak', offset: 512 }],
    ['moof/traf/tfdt', { kind: 'box', path: 'moof/traf/tfdt' }],
    ['ftyp', { kind: 'box', path: 'ftyp' }],
    ['line 0', null],
    ['', null],
  ])('%s', (text, pointer) => {
    expect(readPointer(text)).toEqual(pointer);
  });
});

describe('SARIF', () => {
  it('has the form of 2.1.0, a rule per check and a place for every failure', () => {
    const [run] = sarif.parse(JSON.parse(sarifLog(bad))).runs;
    expect(run.tool.driver.rules.map(({ id }) => id)).toEqual(bad.checks.map(({ id }) => id));
    for (const { ruleId, ruleIndex, locations } of run.results) {
      expect(run.tool.driver.rules[ruleIndex].id).toBe(ruleId);
      const index = locations[0].physicalLocation?.artifactLocation.index;
      if (index !== undefined) expect(run.artifacts[index].location.uri).toBe(locations[0].physicalLocation?.artifactLocation.uri);
    }
    const failing = new Set(bad.report.results.filter(({ outcome }) => outcome === 'fail').map(({ check }) => check));
    expect(failing.size).toBeGreaterThan(4);
    expect(new Set(run.results.filter(({ level }) => level === 'error').map(({ ruleId }) => ruleId))).toEqual(failing);
    const regions = run.results.map(({ locations }) => locations[0].physicalLocation?.region).filter((each) => each !== undefined);
    expect(regions.some((each) => 'startLine' in each)).toBe(true);
    expect(regions.some((each) => 'byteOffset' in each && each.byteOffset === 3 * 188)).toBe(true);
  });

  it('suppresses known failures, with the reason', () => {
    const [run] = sarif.parse(JSON.parse(sarifLog(bad))).runs;
    const known = run.results.filter(({ suppressions }) => suppressions !== undefined);
    expect(known.map(({ ruleId }) => ruleId)).toEqual(['http/delivered', 'http/delivered']);
    expect(known[0].suppressions?.[0].justification).toBe('left out on purpose (https://example.org/1)');
  });

  it('prints a fault alike in two runs, and names no host', async () => {
    const prints = (log: string): unknown => sarif.parse(JSON.parse(log)).runs[0].results.map(({ partialFingerprints }) => partialFingerprints);
    expect(prints(sarifLog(await judged(breakOrigin)))).toEqual(prints(sarifLog(bad)));
    expect(sarifLog(bad)).not.toContain('127.0.0.1');
  });

  it('has no error where nothing fails', () => {
    const [run] = sarif.parse(JSON.parse(sarifLog(good))).runs;
    expect(run.results.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('badges', () => {
  it('are well-formed, small, and count requirements', () => {
    for (const level of ['must', 'should'] as const) {
      const svg = badge(level, bad);
      const xml = readXml(svg);
      const { held, judged: all } = tally(level, bad);
      expect('root' in xml && xml.root.attributes['aria-label']).toBe(`conformance, ${level.toUpperCase()}: ${held}/${all}`);
      expect(svg.length).toBeLessThan(1500);
      expect(svg).not.toMatch(/url\((?!#)|@import|href/);
    }
    expect(tally('must', bad).held).toBeLessThan(tally('must', good).held);
  });

  it('are red for a failure, grey where nothing was judged', () => {
    expect(badge('must', bad)).toContain('#b4232c');
    expect(badge('must', good)).not.toContain('#b4232c');
    expect(badge('must', { ...good, report: { ...good.report, requirements: {} } })).toContain('not judged');
  });
});

describe('annotations', () => {
  it('name new failures alone, one line each', () => {
    const lines = annotations(bad);
    expect(lines.every((line) => /^::(error|warning|notice) title=[^:\n]*::[^\n]+$/.test(line))).toBe(true);
    expect(lines.some((line) => line.startsWith('::error title=fmp4/contiguous specimen/dash-cmaf::'))).toBe(true);
    expect(lines.some((line) => line.includes('http/delivered'))).toBe(false);
    expect(annotations(good).filter((line) => line.startsWith('::error'))).toEqual([]);
  });

  it('stop at ten of a kind and count the rest', () => {
    const [first] = bad.report.results.filter(({ outcome }) => outcome === 'fail');
    const results = Array.from({ length: 14 }, (_, i) => ({ ...first, id: `${first.check} a${i}/smooth`, expected: false }));
    const errors = annotations({ ...bad, report: { ...bad.report, results } });
    expect(errors).toHaveLength(10);
    expect(errors[9]).toContain('5 more');
  });

  it('escape what the runner would read as its own', () => {
    const [first] = bad.report.results.filter(({ outcome }) => outcome === 'fail');
    const [line] = annotations({ report: { ...bad.report, results: [{ ...first, id: 'a: b, c', expected: false, messages: ['100 %\n::stop'] }] }, run: { ...bad.run, details: [] } });
    expect(line).toContain('title=a%3A b%2C c::100 %25%0A::stop');
  });
});
