/** `replay`, and the replay stage of `run`: real players on what an origin serves. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReplayRow } from '../../spec/replay.ts';
import { Truth } from '../../spec/truth.ts';
import { OUTCOMES, REPORT_SCHEMA, RUN_SCHEMA, type Report, type Run } from '../../spec/report.ts';
import { expiredEntries, isAboutReplays, loadExpectations, type Expectation } from '../expectations.ts';
import { EXIT_CODES, messageOf, SuiteFault } from '../fault.ts';
import { expectReplays } from '../player/known.ts';
import { replayAll, type ReplayInput, type ReplayOptions, type Replays } from '../player/stage.ts';
import { THRESHOLDS } from '../player/thresholds.ts';
import { annotations } from '../report/annotations.ts';
import { CHECKS, loadRequirements, registryHash } from '../registry.ts';
import { writeReport } from '../report/write.ts';
import { checkHosts, expandOrigin } from '../subject/origin.ts';
import { accessFor, assetsIn, startOrigin, subjectsIn, targetsOf, targetsOfSubjects } from '../subject/self.ts';
import type { ManifestTarget } from '../trace.ts';
import type { ChoiceOptions, SubjectOptions } from './options.ts';
import { note, print } from './output.ts';
import { chosen, suiteVersion } from './target.ts';

export type ReplayCommandOptions = SubjectOptions & ReplayOptions & { readonly truth?: string; readonly expectations?: readonly string[] };

export async function replaySubject(options: ReplayCommandOptions): Promise<number> {
  const started = Date.now();
  const expectations = loadExpectations(options.expectations ?? []);
  const { replays: played, manifests, kind } = await replayStage(options);
  const { replays, stale } = withExpectations(played, expectations);
  const expired = expiredEntries(expectations.filter(isAboutReplays), new Date(started).toISOString().slice(0, 10));
  const { report, run } = writeReplays(options.out, { replays, manifests, kind, stale, expired }, started);
  printReplays(replays);
  for (const entry of [...stale, ...expired]) print(`stale expectation ${entry}`);
  if ((process.env['GITHUB_ACTIONS'] ?? '') !== '') for (const line of annotations({ report, run })) print(line);
  return replayExitCode(replays, [...stale, ...expired]);
}

/** A report of its own, without checks. */
export function writeReplays(out: string, { replays, manifests, kind, stale, expired }: Stage & { readonly stale: readonly string[]; readonly expired: readonly string[] }, started: number): { readonly report: Report; readonly run: Run } {
  const none = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Report['totals']['must'];
  const requirements = loadRequirements();
  const report: Report = {
    schema: REPORT_SCHEMA,
    suite: { version: suiteVersion(), registryHash: registryHash(CHECKS, requirements) },
    target: { kind, profile: 'generic' },
    judges: {},
    totals: { must: none, should: none },
    requirements: {},
    results: [],
    staleExpectations: [...stale],
    replay: replays.section,
    footer: { results: 0 },
  };
  const run: Run = {
    schema: RUN_SCHEMA,
    startedAt: new Date(started).toISOString(),
    milliseconds: Date.now() - started,
    command: process.argv.slice(2),
    targets: [...new Set(manifests.map(({ url }) => new URL(url).origin))],
    environment: { node: process.version, platform: `${process.platform} ${process.arch}` },
    requests: 0,
    examined: {},
    details: [],
    omitted: 0,
    replays: [...replays.details],
    expired: [...expired],
  };
  writeReport(out, { report, run, checks: [], requirements: [] }, null);
  return { report, run };
}

type Stage = { readonly replays: Replays; readonly manifests: readonly ManifestTarget[]; readonly kind: 'self' | 'origin' };

export async function replayStage(options: ReplayCommandOptions): Promise<Stage> {
  if ((options.root === undefined) === (options.origin === undefined)) throw new SuiteFault('usage', 'give either --root or --origin');
  const say = options.quiet === true ? (): void => undefined : note;
  const play = async (manifests: readonly ManifestTarget[], folder: string, more: Partial<ReplayInput> = {}): Promise<Replays> => replayAll({ ...options, manifests, truths: truthsIn(folder, manifests), note: say, ...more });
  if (options.root !== undefined) {
    const { root } = options;
    const layout = subjectsIn(root);
    const assets = layout === null ? assetsIn(root, options.assets) : [];
    const origin = await startOrigin(root, options.serve, { keys: layout?.access !== undefined });
    try {
      if (layout !== null) {
        // What is neither protected nor filtered is an asset as it is stored, which the assets' own replays show.
        const subjects = new Map(layout.subjects.filter(({ left, protection }) => left !== undefined || protection !== undefined).map((subject) => [subject.id, subject] as const));
        const manifests = chosen(targetsOfSubjects(origin.url, layout).filter(({ asset }) => subjects.has(asset)), options satisfies ChoiceOptions);
        const access = accessFor(root, origin.keys);
        return { replays: await play(manifests, root, { subjects, ...(access === undefined ? {} : { access }) }), manifests, kind: 'self' };
      }
      const manifests = chosen(targetsOf(origin.url, assets), { formats: options.formats ?? [] });
      return { replays: await play(manifests, options.truth ?? root), manifests, kind: 'self' };
    } finally {
      await origin.stop();
    }
  }
  const urls = options.origin ?? [];
  if (options.truth === undefined) throw new SuiteFault('usage', 'replays need to know what is served: give --truth with a folder of truth files');
  checkHosts(urls, options.allowHost ?? []);
  const { manifests } = await expandOrigin(urls, { timeoutMs: options.timeout, maxBytes: options.maxBody });
  const left = chosen(manifests, options satisfies ChoiceOptions);
  return { replays: await play(left, options.truth), manifests: left, kind: 'origin' };
}

/** Truth files as the corpus makes them; an asset without one cannot be replayed. */
export function truthsIn(folder: string, manifests: readonly ManifestTarget[]): ReadonlyMap<string, Truth> {
  const truths = new Map<string, Truth>();
  const folders = new Map(subjectsIn(folder)?.subjects.map(({ id, truth }) => [id, truth]));
  for (const asset of new Set(manifests.map((manifest) => manifest.asset))) {
    const file = join(folder, folders.get(asset) ?? asset, 'truth.json');
    if (!existsSync(file)) continue;
    try {
      truths.set(asset, Truth.parse(JSON.parse(readFileSync(file, 'utf8'))));
    } catch (error) {
      throw new SuiteFault('usage', `${file}: ${messageOf(error)}`, { cause: error });
    }
  }
  return truths;
}

export function printReplays({ section, infrastructure }: Replays): void {
  const counts = OUTCOMES.map((outcome) => [outcome, section.rows.filter((row) => row.outcome === outcome).length] as const).filter(([, count]) => count > 0);
  print(`replays: ${counts.map(([outcome, count]) => `${count} ${outcome}`).join(', ')}${infrastructure > 0 ? `; ${infrastructure} attempts lost to the machinery` : ''}`);
  for (const row of section.rows) if (isNewReplayFailure(row)) print(`fail ${row.id}: ${row.messages.join('; ')}`);
  for (const stale of section.staleDefects) print(`stale defect ${stale}`);
}

/**
 * What was starved came to no verdict and is counted as that, as long as it is little; what was lost to the machinery, and a
 * run in which nothing passes, must not end as if all were well.
 */
export function replayExitCode({ section: { rows, staleDefects }, details }: Pick<Replays, 'section' | 'details'>, stale: readonly string[] = []): number {
  const count = (...outcomes: readonly string[]): number => rows.filter(({ outcome }) => outcomes.includes(outcome)).length;
  if (rows.some(isNewReplayFailure)) return EXIT_CODES.failed;
  const open = count('cantTell');
  const known = rows.some(({ expected }) => expected === true) || count('warn') > 0;
  if (details.some(({ observation }) => observation === null) || count('untested') > 0 || (count('pass') === 0 && !known)) return EXIT_CODES.harness;
  if (open > (rows.length - count('inapplicable')) * THRESHOLDS.openShare.value) return EXIT_CODES.harness;
  return staleDefects.length + stale.length > 0 ? EXIT_CODES.stale : EXIT_CODES.ok;
}

function isNewReplayFailure({ outcome, expected }: ReplayRow): boolean {
  return outcome === 'fail' && expected !== true;
}

/** Marks what expectations know, and says which of them are no longer right. */
export function withExpectations(replays: Replays, expectations: readonly Expectation[]): { readonly replays: Replays; readonly stale: readonly string[] } {
  const { rows, stale } = expectReplays(replays.section.rows, expectations);
  return { replays: { ...replays, section: { ...replays.section, rows } }, stale };
}
