import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJudges, type Judges } from '../oracle/judges.ts';
import { GATE_EDITIONS } from '../oracle/mpd.ts';
import { CHECKS } from '../registry.ts';
import { judgeOrigin } from './judge-origin.ts';
import { MUTANTS } from './mutants.ts';
import { goodOrigin } from './origin.ts';

/** Without the official schemas our own narrow one stands in: what is tested here is the check, not the schema. */
function standInSchemas(): string {
  const folder = mkdtempSync(join(tmpdir(), 'isomer-schemas-'));
  for (const edition of GATE_EDITIONS) {
    mkdirSync(join(folder, edition));
    copyFileSync(fileURLToPath(new URL('../../spec/schema/mpd.xsd', import.meta.url)), join(folder, edition, 'DASH-MPD.xsd'));
  }
  return folder;
}

/** Versions 3 and 4 write BANDWIDTH by a formula, so it need not fit (deviations of HLS-036 and HLS-064). */
const BY_FORMULA = /^hls\/bandwidth-(covers|near)-peak specimen\/hls-v[34]$/;

/** What the specimen does not have: protection and filters (protected.e2e.test.ts), a word on interchangeable headers in the strict MPD, parts of resources, independent transport streams, HEVC, E-AC-3, DTS, WebVTT in CMAF. */
const SILENT = /^((protection|filtered)\/.*|mpd\/bitstream-switching specimen\/dash-cmaf|http\/byte-ranges .*|video\/independent-segments specimen\/hls-v[34]|video\/hevc-header .*|sound\/boxes .*|ts\/sound-descriptors .*|text\/webvtt-form specimen\/hls-cmaf|captions\/.*|hls\/surround .*)$/;

describe('checks and their mutants', () => {
  const official = process.env['ISOMER_SCHEMA_DIR'] ?? '';
  const schemaDir = official === '' ? standInSchemas() : official;
  let judges: Judges;
  beforeAll(async () => {
    judges = await openJudges({ schemaDir, java: false });
  });
  afterAll(() => {
    if (official === '') rmSync(schemaDir, { recursive: true });
  });

  it('passes the good specimen on every check', async () => {
    const { report, faults, details } = await judgeOrigin(goodOrigin(), CHECKS, judges);
    expect(faults).toEqual([]);
    const notable = report.results.filter(({ outcome, id }) => outcome !== 'pass' && !(outcome === 'warn' && BY_FORMULA.test(id)) && !(outcome === 'inapplicable' && SILENT.test(id))).map(({ id }) => details.find(({ result }) => result === id) ?? id);
    expect(notable).toEqual([]);
  }, 60_000);

  it('finds nothing against it where a capture has left segments out', async () => {
    const { report, faults } = await judgeOrigin(goodOrigin(), CHECKS, judges, [], 2);
    expect(faults).toEqual([]);
    expect(report.results.filter(({ outcome, id }) => outcome === 'fail' || (outcome === 'warn' && !BY_FORMULA.test(id))).map(({ id, messages }) => [id, messages])).toEqual([]);
  }, 60_000);

  it('has a mutant for every check', () => {
    const covered = new Set(MUTANTS.map(({ check }) => check));
    expect(CHECKS.map(({ id }) => id).filter((id) => !covered.has(id) && !/^(protection|filtered)\//.test(id))).toEqual([]);
    const known = new Set(CHECKS.map(({ id }) => id));
    expect([...covered].filter((id) => !known.has(id))).toEqual([]);
  });

  it.each(MUTANTS)('$check sees: $name', async ({ check, change, warns }) => {
    const origin = goodOrigin();
    change(origin);
    const { report, faults } = await judgeOrigin(origin, CHECKS.filter(({ id }) => id === check), judges);
    expect(faults).toEqual([]);
    expect(report.results.map(({ outcome }) => outcome)).toContain(warns === true ? 'warn' : 'fail');
  });
});
