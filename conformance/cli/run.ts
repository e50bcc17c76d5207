/** `run`, `capture` and `judge`: the edge where clock, environment and processes meet; everything below is pure. */
import { existsSync, mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RUN_SCHEMA, type Report, type Run } from '../../spec/report.ts';
import { capture } from '../capture/capture.ts';
import type { Limits } from '../capture/request.ts';
import { openStore, openTrace, writeTrace } from '../capture/store.ts';
import { expiredEntries, loadExpectations } from '../expectations.ts';
import { EXIT_CODES, SuiteFault } from '../fault.ts';
import { judge, type JudgeInput, type Verdicts } from '../judge.ts';
import type { Check } from '../model.ts';
import { openDecoder } from '../oracle/decode.ts';
import { openJudges } from '../oracle/judges.ts';
import { loadTruth, narrowedTruth, type TruthView } from '../oracle/truth.ts';
import { CHECKS, loadRequirements } from '../registry.ts';
import { annotations } from '../report/annotations.ts';
import { coverageOf, isNewFailure } from '../report/model.ts';
import { totalsLine, writeReport } from '../report/write.ts';
import { checkHosts, expandOrigin } from '../subject/origin.ts';
import { serveTrace } from '../subject/replay.ts';
import { assetsIn, clearLeadsIn, keysFor, startOrigin, subjectsIn, targetsOf, targetsOfSubjects } from '../subject/self.ts';
import type { ManifestTarget, TraceReader } from '../trace.ts';
import type { Replays } from '../player/stage.ts';
import type { ChoiceOptions, JudgeOptions, SubjectOptions } from './options.ts';
import { note, print, showProgress } from './output.ts';
import { printReplays, replayExitCode, replayStage, withExpectations } from './replay.ts';
import { chosen, suiteVersion } from './target.ts';

const TYPESCRIPT = import.meta.url.endsWith('.ts');
export const DEFAULT_ENTRY = fileURLToPath(new URL(`../../src/cli.${TYPESCRIPT ? 'ts' : 'js'}`, import.meta.url));
const MAX_PRINTED = 50;

export async function runSubject(options: SubjectOptions & JudgeOptions & { readonly trace?: string }): Promise<number> {
  const folder = options.trace ?? join(options.out, 'trace');
  const kind = options.trace === undefined ? await captureTo(folder, options) : 'trace';
  const truth = options.truth ?? options.root;
  const replays = kind === 'trace' || !options.players || options.only !== undefined ? null : await replaysOf(options);
  return judgeTrace(folder, kind, { ...options, ...(truth === undefined ? {} : { truth }) }, replays);
}

/** Without browsers, or without content that is known, a run goes on and its replays stay untested. */
async function replaysOf(options: SubjectOptions & JudgeOptions): Promise<Replays | null> {
  const { players: _players, ...rest } = options;
  try {
    return (await replayStage(rest)).replays;
  } catch (error) {
    if (!(error instanceof SuiteFault) || error.kind === 'target') throw error;
    note(`nothing is replayed: ${error.message}`);
    return null;
  }
}

export async function captureTo(folder: string, options: SubjectOptions): Promise<'self' | 'origin'> {
  const limits: Limits = { timeoutMs: options.timeout, maxBytes: options.maxBody };
  if ((options.root === undefined) === (options.origin === undefined)) throw new SuiteFault('usage', 'give either --root or --origin');
  mkdirSync(folder, { recursive: true });
  const store = openStore(folder);
  const common = { concurrency: options.concurrency, limits, ...(options.segments === undefined ? {} : { segmentsPerTrack: options.segments }), ...(options.quiet === true ? {} : { progress: showProgress }) };
  if (options.root !== undefined) {
    // What there is to judge is known before anything is started for it.
    const targetsAt = targetsIn(options.root, options);
    const origin = await startOrigin(options.root, options.serve);
    try {
      writeTrace(folder, await capture(store, { ...common, kind: 'self', profile: 'ams', manifests: chosen(targetsAt(origin.url), options) }));
    } finally {
      await origin.stop();
    }
    return 'self';
  }
  const urls = options.origin ?? [];
  checkHosts(urls, options.allowHost ?? []);
  const { manifests, profile } = await expandOrigin(urls, limits);
  const trace = await capture(store, { ...common, kind: 'origin', profile: options.profile ?? profile, manifests: chosen(manifests, options) });
  if (trace.exchanges.every(({ status }) => status === 0)) throw new SuiteFault('target', `the origin does not answer: ${trace.exchanges[0]?.error ?? ''}`);
  writeTrace(folder, trace);
  return 'origin';
}

/** A layout says what it offers; else every folder with an asset is one, in all outputs. */
function targetsIn(root: string, { assets }: ChoiceOptions): (origin: string) => readonly ManifestTarget[] {
  const subjects = subjectsIn(root);
  if (subjects !== null) return (origin) => targetsOfSubjects(origin, subjects);
  const folders = assetsIn(root, assets);
  return (origin) => targetsOf(origin, folders);
}

export async function judgeTrace(folder: string, kind: Report['target']['kind'], options: JudgeOptions, replays: Replays | null = null): Promise<number> {
  const started = Date.now();
  const reader = narrowed(openTrace(folder), options);
  const told = options.schemas ?? process.env['ISOMER_SCHEMA_DIR'] ?? '';
  const schemaDir = told === '' ? null : told;
  const decode = decodes(options);
  const expectations = loadExpectations(options.expectations ?? []);
  const checks = chosenChecks(options.only ?? [], decode);
  const truths = loadTruths(options.truth, reader);
  const replay = decode ? await serveTrace(reader) : null;
  const judges = { ...(await openJudges({ schemaDir, java: options.java })), decoder: replay === null ? null : await openDecoder(replay.local) };
  const requirements = loadRequirements();
  const keys = keysFor(options.truth, options.keys);
  const input: JudgeInput = { reader, checks, requirements, truths, keys, clearLeads: clearLeadsIn(options.truth), judges, expectations, suiteVersion: suiteVersion(), kind, ...(options.quiet === true ? {} : { progress: (asset: string) => note(`judging ${asset}`) }) };
  let verdicts: Verdicts;
  try {
    verdicts = await judge(input);
  } finally {
    await replay?.stop();
  }
  const { details, examined, omitted, faults } = verdicts;
  const played = replays === null ? null : withExpectations(replays, expectations);
  const report = played === null ? verdicts.report : { ...verdicts.report, staleExpectations: [...verdicts.report.staleExpectations, ...played.stale], replay: played.replays.section };
  const run: Run = {
    schema: RUN_SCHEMA,
    startedAt: new Date(started).toISOString(),
    milliseconds: Date.now() - started,
    command: process.argv.slice(2),
    targets: [...new Set(reader.trace.manifests.map(({ url }) => new URL(url).origin))],
    environment: { node: process.version, platform: `${process.platform} ${process.arch}`, schemas: schemaDir ?? 'none', notes: judges.notes.join('; ') },
    requests: reader.trace.exchanges.length,
    examined,
    details,
    omitted,
    ...(replays === null ? {} : { replays: [...replays.details] }),
    trace: relative(options.out, folder),
    ...(options.truth === undefined ? {} : { truth: relative(options.out, options.truth) }),
    expired: [...expiredEntries(expectations, new Date(started).toISOString().slice(0, 10))],
  };
  writeReport(options.out, { report, run, checks, requirements }, { reader, truths, keys });
  for (const each of judges.notes) note(each);
  for (const fault of faults) note(`fault of the suite: ${fault}`);
  printVerdicts(report, run);
  if (options.annotations === true || (process.env['GITHUB_ACTIONS'] ?? '') !== '') for (const line of annotations({ report, run })) print(line);
  if (played !== null) printReplays(played.replays);
  const judged = exitCodeOf({ report, faults, expired: run.expired ?? [] }, { strict: options.strict === true, minCoverage: options.minCoverage ?? 0 });
  return worstCode(judged, played === null ? EXIT_CODES.ok : replayExitCode(played.replays, played.stale));
}

function printVerdicts(report: Report, run: Run): void {
  print(totalsLine(report, 'must'));
  print(totalsLine(report, 'should'));
  const { decided, all, percent } = coverageOf(report.requirements);
  print(`coverage: ${decided} of ${all} requirements, ${percent} %`);
  const failures = report.results.filter(isNewFailure);
  for (const { id, messages } of failures.slice(0, MAX_PRINTED)) print(`fail ${id}: ${messages.join('; ')}`);
  if (failures.length > MAX_PRINTED) print(`and ${failures.length - MAX_PRINTED} more failures`);
  for (const entry of [...report.staleExpectations, ...(run.expired ?? [])]) print(`stale expectation ${entry}`);
}

export type Ended = { readonly report: Pick<Report, 'results' | 'footer' | 'staleExpectations' | 'requirements'>; readonly faults: readonly string[]; readonly expired?: readonly string[] };

/** The worst thing decides; a stale expectation only when nothing else is wrong. */
export function exitCodeOf({ report, faults, expired = [] }: Ended, { strict = false, minCoverage = 0 }: { readonly strict?: boolean; readonly minCoverage?: number } = {}): number {
  if (report.footer.results === 0) return EXIT_CODES.target;
  if (report.results.some((result) => isNewFailure(result) || (strict && result.level === 'should' && result.outcome === 'warn' && !result.expected))) return EXIT_CODES.failed;
  if (coverageOf(report.requirements).percent < minCoverage) return EXIT_CODES.failed;
  if (faults.length > 0) return EXIT_CODES.harness;
  return report.staleExpectations.length + expired.length > 0 ? EXIT_CODES.stale : EXIT_CODES.ok;
}

/** Of two ends the one that has to be looked at first. */
function worstCode(...codes: readonly number[]): number {
  return [EXIT_CODES.target, EXIT_CODES.failed, EXIT_CODES.harness, EXIT_CODES.stale].find((code) => codes.includes(code)) ?? EXIT_CODES.ok;
}

/** A choice narrows what is judged; what was captured for it stays at hand. */
function narrowed(reader: TraceReader, options: ChoiceOptions): TraceReader {
  if (options.assets === undefined && options.formats === undefined) return reader;
  return { ...reader, trace: { ...reader.trace, manifests: chosen(reader.trace.manifests, options) } };
}

/** What is asked for by name is done; a tier's native clients go with the others. */
export function decodes({ decode, players, tier }: Pick<JudgeOptions, 'decode' | 'players' | 'tier'>): boolean {
  return decode === true || (players && tier === 'full');
}

/** Checks that decode are left out unless asked for, so their requirements stay untested and say so. */
function chosenChecks(prefixes: readonly string[], decode: boolean): readonly Check[] {
  const able = CHECKS.filter(({ id }) => decode || !id.startsWith('decode/'));
  const checks = prefixes.length === 0 ? able : able.filter(({ id }) => prefixes.some((prefix) => id.startsWith(prefix)));
  if (checks.length === 0) throw new SuiteFault('usage', `no check begins with ${prefixes.join(', ')}`);
  return checks;
}

export function loadTruths(folder: string | undefined, { trace }: Pick<TraceReader, 'trace'>): ReadonlyMap<string, TruthView> {
  const truths = new Map<string, TruthView>();
  if (folder === undefined) return truths;
  if (!existsSync(folder)) throw new SuiteFault('usage', `${folder}: no such folder`);
  const subjects = new Map(subjectsIn(folder)?.subjects.map((subject) => [subject.id, subject]));
  for (const asset of new Set(trace.manifests.map((manifest) => manifest.asset))) {
    const subject = subjects.get(asset);
    const truth = loadTruth(join(folder, subject?.truth ?? asset));
    if (truth !== null) truths.set(asset, subject?.left === undefined ? truth : narrowedTruth(truth, subject.left));
  }
  return truths;
}
