/** Protected content of the reference packager: spoiled in one place, in the trace or on the wire, it is seen by the right check and the right requirement. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subjects } from '../../spec/subjects.ts';
import { capture } from '../capture/capture.ts';
import { traceReader } from '../capture/store.ts';
import { PROTECTED_FAULTS } from '../faults/protected.ts';
import { startProxy, type Proxy } from '../faults/proxy.ts';
import { judge, type Verdicts } from '../judge.ts';
import type { Check } from '../model.ts';
import { openReader } from '../opened.ts';
import { NO_JUDGES } from '../oracle/judges.ts';
import type { KeyRing } from '../oracle/keys.ts';
import { loadTruth, narrowedTruth, type TruthView } from '../oracle/truth.ts';
import { CHECKS, loadRequirements } from '../registry.ts';
import { clearLeadsIn, keysFor, startOrigin, subjectsIn, targetsOfSubjects, type RunningOrigin } from '../subject/self.ts';
import type { Exchange, TraceReader } from '../trace.ts';
import { readView } from '../view.ts';
import { alter, readerOf, subjectOf, type Subject } from './drawn/subject.ts';
import { memoryStore } from './judge-origin.ts';
import { PROTECTED_MUTANTS, type ProtectedMutant } from './protected.ts';

const ENTRY = join(import.meta.dirname, '../../src/cli.ts');
const LAYOUT = join(import.meta.dirname, '../../corpus/layout.ts');
const requirements = loadRequirements();
/** What no schema or decoder is needed for. */
const checks = CHECKS.filter(({ id }) => !/^decode\/|schema$/.test(id));
/** Of what the specimen in memory does not have. */
const PROTECTION = checks.filter(({ id }) => /^(protection|filtered)\//.test(id));

describe('protected content', () => {
  const root = join(mkdtempSync(join(tmpdir(), 'isomer-protected-')), 'root');
  let origin: RunningOrigin;
  let proxy: Proxy;
  let keys: KeyRing;
  let subjects: Subjects;
  let truths: ReadonlyMap<string, TruthView>;
  let clearLeads: ReadonlyMap<string, number>;
  let good: ReadonlyMap<string, Subject>;

  const captured = async (url: string, assets: readonly string[]): Promise<TraceReader> => {
    const store = memoryStore();
    const manifests = targetsOfSubjects(url, subjects).filter(({ asset }) => assets.includes(asset));
    const trace = await capture(store, { kind: 'self', profile: 'ams', manifests, concurrency: 8 });
    return traceReader(trace, ({ body }) => store.get(body?.sha256 ?? ''));
  };
  const judged = (reader: TraceReader, chosen: readonly Check[], leads = clearLeads): Promise<Verdicts> => judge({ reader, checks: chosen, requirements, truths, keys, clearLeads: leads, judges: NO_JUDGES, expectations: [], suiteVersion: '0', kind: 'trace' });

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [LAYOUT, root]);
    const listed = subjectsIn(root);
    if (listed === null) throw new Error('the layout lists no subjects');
    subjects = listed;
    keys = keysFor(root, undefined);
    clearLeads = clearLeadsIn(root);
    truths = new Map(subjects.subjects.flatMap(({ id, truth: folder, left }) => {
      const truth = loadTruth(join(root, folder));
      return truth === null ? [] : [[id, left === undefined ? truth : narrowedTruth(truth, left)] as const];
    }));
    origin = await startOrigin(root, ENTRY);
    proxy = await startProxy(origin.url);
    const assets = [...new Set(PROTECTED_MUTANTS.map(({ asset }) => asset))];
    const reader = await captured(origin.url, assets);
    good = new Map(assets.map((asset) => {
      const truth = truths.get(asset);
      if (truth === undefined) throw new Error(`${asset} has no truth`);
      return [asset, subjectOf(asset, reader, truth)];
    }));
  });
  afterAll(async () => {
    await proxy.stop();
    await origin.stop();
    rmSync(join(root, '..'), { recursive: true, force: true });
  });

  /** What is read of an exchange is remembered by its object, and a key or a vector changes how it is read: so all objects are new. */
  const spoiled = (subject: Subject, original: Exchange, body: Buffer): TraceReader => {
    const reader = readerOf(subject, original, alter(original, subject.body(original), { where: '', body }));
    const bodies = new Map(reader.trace.exchanges.map((exchange) => [exchange.id, exchange]));
    const trace = { ...reader.trace, exchanges: reader.trace.exchanges.map((exchange) => ({ ...exchange })) };
    return traceReader(trace, ({ id }) => reader.body(bodies.get(id) as Exchange));
  };

  const verdictOf = async ({ asset, on, change, check }: Omit<ProtectedMutant, 'name'>): Promise<{ readonly outcomes: readonly string[]; readonly faults: readonly string[] }> => {
    const subject = good.get(asset);
    const original = subject?.trace.exchanges.find((exchange) => exchange.status === 200 && on(exchange));
    if (subject === undefined || original === undefined) throw new Error('nothing to spoil');
    const old = subject.body(original);
    const body = change(old);
    if (body.equals(old)) throw new Error('the change leaves the answer as it is');
    const { report, faults } = await judged(spoiled(subject, original, body), PROTECTION.filter(({ id }) => id === check));
    return { outcomes: report.results.map(({ outcome }) => outcome), faults };
  };

  it('leaves nothing to find when there is none', async () => {
    for (const subject of good.values()) {
      const { report, faults } = await judged(traceReader(subject.trace, (exchange) => subject.body(exchange)), PROTECTION);
      expect(faults).toEqual([]);
      expect(report.results.filter(({ outcome }) => !['pass', 'inapplicable'].includes(outcome)).map(({ id }) => id)).toEqual([]);
    }
  });

  it('has a mutant for every check', () => {
    const covered = new Set([...PROTECTED_MUTANTS.map(({ check }) => check), 'protection/nothing-clear']);
    expect(PROTECTION.map(({ id }) => id).filter((id) => !covered.has(id))).toEqual([]);
    expect([...covered].filter((id) => !PROTECTION.some((check) => check.id === id))).toEqual([]);
  });

  it.each(PROTECTED_MUTANTS)('$check sees: $name', async ({ warns, ...mutant }) => {
    const { outcomes, faults } = await verdictOf(mutant);
    expect(faults).toEqual([]);
    expect(outcomes).toContain(warns === true ? 'warn' : 'fail');
  });

  it.each(['dash-csf', 'dash-cmaf'] as const)('protection/nothing-clear sees: a segment of %s is sent as it is stored', async (format) => {
    const subject = good.get('cenc-keys');
    if (subject === undefined) throw new Error('nothing to spoil');
    const reader = traceReader(subject.trace, (exchange) => subject.body(exchange));
    const opened = openReader(reader, subject.trace.manifests.map((manifest) => readView(manifest, reader)), keys);
    const { outcomes, faults } = await verdictOf({
      check: 'protection/nothing-clear',
      asset: 'cenc-keys',
      on: ({ role }) => role.kind === 'segment' && role.format === format && role.set === 'video',
      change: (body) => Buffer.from(opened.body(subject.trace.exchanges.find((exchange) => exchange.role.kind === 'segment' && subject.body(exchange).equals(body)) as Exchange)),
    });
    expect(faults).toEqual([]);
    expect(outcomes).toContain('fail');
  });

  it.each([
    ['longer', 5, 'fail'],
    ['as long', 6.5, 'pass'],
    ['shorter', 13, 'fail'],
    ['there where none is declared', 0, 'fail'],
  ] as const)('a clear lead is %s (%d s are declared)', async (_, seconds, outcome) => {
    const subject = good.get('lead-cenc');
    if (subject === undefined) throw new Error('nothing to judge');
    const { report, faults } = await judged(traceReader(subject.trace, (exchange) => subject.body(exchange)), PROTECTION.filter(({ id }) => id === 'protection/clear-lead-length'), new Map([['lead-cenc', seconds]]));
    expect(faults).toEqual([]);
    expect(new Set(report.results.map((result) => result.outcome))).toEqual(new Set([outcome]));
  });

  it.each(PROTECTED_FAULTS)('on the wire: $name', async ({ asset, ...fault }) => {
    proxy.spoilWith(fault);
    const { report, faults } = await judged(await captured(proxy.url, [asset]), checks);
    expect(proxy.spoiled()).toBeGreaterThan(0);
    expect(faults).toEqual([]);
    const failed = new Set(report.results.filter(({ outcome }) => outcome === 'fail').flatMap((result) => result.requirements));
    expect([...failed]).toEqual(expect.arrayContaining([...fault.requirements]));
  });
});
