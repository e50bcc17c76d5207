#!/usr/bin/env node
/** isomer-conformance: the edge where clock, environment and process meet; everything below is pure. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import type { Report, Run } from '../spec/report.ts';
import { RUN_SCHEMA } from '../spec/report.ts';
import { capture } from './capture/capture.ts';
import { DEFAULT_LIMITS, type Limits } from './capture/request.ts';
import { openStore, openTrace, writeTrace } from './capture/store.ts';
import { loadExpectations } from './expectations.ts';
import { EXIT_CODES, messageOf, SuiteFault } from './fault.ts';
import { judge, type JudgeInput, type Verdicts } from './judge.ts';
import type { Check } from './model.ts';
import { openDecoder } from './oracle/decode.ts';
import { openJudges } from './oracle/judges.ts';
import { loadTruth, type TruthView } from './oracle/truth.ts';
import { CHECKS, loadRequirements } from './registry.ts';
import { annotations } from './report/annotations.ts';
import { totalsLine, writeReport } from './report/write.ts';
import { checkHosts, expandOrigin } from './subject/origin.ts';
import { serveTrace } from './subject/replay.ts';
import { assetsIn, startOrigin, targetsOf } from './subject/self.ts';
import type { Profile } from './trace.ts';

type SubjectOptions = {
  readonly root?: string;
  readonly origin?: readonly string[];
  readonly asset?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly profile?: Profile;
  readonly serve: string;
  readonly concurrency: number;
  readonly segments?: number;
  readonly maxBody: number;
  readonly timeout: number;
  readonly out: string;
  readonly quiet?: boolean;
};

type JudgeOptions = {
  readonly out: string;
  readonly truth?: string;
  readonly schemas?: string;
  readonly java: boolean;
  readonly decode?: boolean;
  readonly only?: readonly string[];
  readonly expectations?: string;
  readonly strict?: boolean;
  readonly annotations?: boolean;
  readonly quiet?: boolean;
};

const DEFAULT_ENTRY = fileURLToPath(new URL(`../src/cli.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url));

function program(): Command {
  const root = new Command('isomer-conformance').description('Judges streaming origins: captures what they serve, then checks it offline.').exitOverride().showHelpAfterError();
  withJudge(withSubject(root.command('run').description('capture a subject and judge it; with --trace, judge only')))
    .option('--trace <dir>', 'a trace that was captured before')
    .action(async (options: SubjectOptions & JudgeOptions & { trace?: string }) => {
      const folder = options.trace ?? join(options.out, 'trace');
      const kind = options.trace === undefined ? await captureTo(folder, options) : 'trace';
      process.exitCode = await judgeTrace(folder, kind, { ...options, ...truthFolder(options) });
    });
  withSubject(root.command('capture').description('fetch manifests, playlists and segments of a subject into a trace')).action(async (options: SubjectOptions) => {
    await captureTo(options.out, options);
  });
  withJudge(root.command('judge').description('judge a trace offline').argument('<trace>', 'folder with trace.json')).action(async (folder: string, options: JudgeOptions) => {
    process.exitCode = await judgeTrace(folder, 'trace', options);
  });
  root
    .command('list')
    .description('list checks, or requirements')
    .option('--requirements', 'list requirements instead')
    .action(({ requirements }: { requirements?: boolean }) => {
      for (const line of requirements === true ? loadRequirements().map(({ id, level, statement }) => `${id}\t${level}\t${statement}`) : CHECKS.map(({ id, level, title }) => `${id}\t${level}\t${title}`)) print(line);
    });
  root
    .command('explain')
    .description('say what a check or a requirement is about')
    .argument('<id>')
    .action((id: string) => explain(id));
  return root;
}

function withSubject(command: Command): Command {
  return command
    .option('--root <dir>', 'folder with assets: starts the packager on it')
    .option('--origin <url...>', 'an asset (…/name.ism: all six outputs) or manifests')
    .option('--asset <id...>', 'with --root: only these assets')
    .option('--allow-host <host...>', 'hosts other than this machine that may be asked')
    .option('--profile <profile>', 'ams or generic; guessed when absent', oneOf(['ams', 'generic']))
    .option('--serve <file>', 'with --root: the packager to start', DEFAULT_ENTRY)
    .option('--concurrency <n>', 'requests at a time', positive, 8)
    .option('--segments <n>', 'most segments per track; all when absent', positive)
    .option('--max-body <bytes>', 'largest body that is read', positive, DEFAULT_LIMITS.maxBytes)
    .option('--timeout <ms>', 'limit per request', positive, DEFAULT_LIMITS.timeoutMs)
    .requiredOption('--out <dir>', 'where to write')
    .option('--quiet', 'no progress');
}

function withJudge(command: Command): Command {
  const own = command.options.some(({ long }) => long === '--out') ? command : command.requiredOption('--out <dir>', 'where to write reports').option('--quiet', 'no progress');
  return own
    .option('--truth <dir>', 'folder with one folder per asset, each with truth.json')
    .option('--schemas <dir>', 'official MPD schemas; default: ISOMER_SCHEMA_DIR')
    .option('--no-java', 'leave the Java schema engine out')
    .option('--decode', 'also compare decoded frames, with ffmpeg and GStreamer')
    .option('--only <prefix...>', 'only checks whose id begins so')
    .option('--expectations <file>', 'known failures')
    .option('--annotations', 'also print GitHub workflow commands; always done inside a GitHub workflow')
    .option('--strict', 'a SHOULD that does not hold also makes the run fail');
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a positive integer is expected');
  return value;
}

function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((each) => each === text);
    if (value === undefined) throw new InvalidArgumentError(`one of ${values.join(', ')} is expected`);
    return value;
  };
}

async function captureTo(folder: string, options: SubjectOptions): Promise<'self' | 'origin'> {
  const limits: Limits = { timeoutMs: options.timeout, maxBytes: options.maxBody };
  if ((options.root === undefined) === (options.origin === undefined)) throw new SuiteFault('usage', 'give either --root or --origin');
  mkdirSync(folder, { recursive: true });
  const store = openStore(folder);
  const common = { concurrency: options.concurrency, limits, ...(options.segments === undefined ? {} : { segmentsPerTrack: options.segments }), ...(options.quiet === true ? {} : { progress: showProgress }) };
  if (options.root !== undefined) {
    const assets = assetsIn(options.root, options.asset);
    const origin = await startOrigin(options.root, options.serve);
    try {
      writeTrace(folder, await capture(store, { ...common, kind: 'self', profile: 'ams', manifests: targetsOf(origin.url, assets) }));
    } finally {
      await origin.stop();
    }
    return 'self';
  }
  const urls = options.origin ?? [];
  checkHosts(urls, options.allowHost ?? []);
  const { manifests, profile } = await expandOrigin(urls, limits);
  const trace = await capture(store, { ...common, kind: 'origin', profile: options.profile ?? profile, manifests });
  if (trace.exchanges.every(({ status }) => status === 0)) throw new SuiteFault('target', `the origin does not answer: ${trace.exchanges[0]?.error ?? ''}`);
  writeTrace(folder, trace);
  return 'origin';
}

/** `run --root` knows where the truth is. */
function truthFolder({ truth, root }: { truth?: string; root?: string }): { truth?: string } {
  const folder = truth ?? root;
  return folder === undefined ? {} : { truth: folder };
}

async function judgeTrace(folder: string, kind: Report['target']['kind'], options: JudgeOptions): Promise<number> {
  const started = Date.now();
  const reader = openTrace(folder);
  const told = options.schemas ?? process.env['ISOMER_SCHEMA_DIR'] ?? '';
  const schemaDir = told === '' ? null : told;
  const replay = options.decode === true ? await serveTrace(reader) : null;
  const judges = { ...(await openJudges({ schemaDir, java: options.java })), decoder: replay === null ? null : await openDecoder(replay.local) };
  const checks = chosenChecks(options.only ?? [], options.decode === true);
  const expectations = options.expectations === undefined ? [] : loadExpectations([options.expectations]);
  const input: JudgeInput = {
    reader,
    checks,
    requirements: loadRequirements(),
    truths: loadTruths(options.truth, reader.trace.manifests.map(({ asset }) => asset)),
    judges,
    expectations,
    suiteVersion: suiteVersion(),
    kind,
    ...(options.quiet === true ? {} : { progress: (asset: string) => note(`judging ${asset}`) }),
  };
  let verdicts: Verdicts;
  try {
    verdicts = await judge(input);
  } finally {
    await replay?.stop();
  }
  const { report, details, examined, omitted, faults } = verdicts;
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
  };
  const reporting = { report, run, checks, requirements: input.requirements };
  writeReport(options.out, reporting, input);
  for (const each of judges.notes) note(each);
  for (const fault of faults) note(`fault of the suite: ${fault}`);
  print(totalsLine(report, 'must'));
  print(totalsLine(report, 'should'));
  for (const { id, messages } of report.results.filter(({ outcome, expected }) => outcome === 'fail' && !expected).slice(0, 50)) print(`fail ${id}: ${messages.join('; ')}`);
  for (const entry of report.staleExpectations) print(`stale expectation ${entry}`);
  if (options.annotations === true || (process.env['GITHUB_ACTIONS'] ?? '') !== '') for (const line of annotations(reporting)) print(line);
  return exitCodeOf(verdicts, options.strict === true);
}

/** The worst thing decides; a stale expectation only when nothing else is wrong. */
export function exitCodeOf({ report, faults }: { readonly report: Pick<Report, 'results' | 'footer' | 'staleExpectations'>; readonly faults: readonly string[] }, strict: boolean): number {
  if (report.footer.results === 0) return EXIT_CODES.target;
  if (report.results.some(({ outcome, expected, level }) => (outcome === 'fail' && !expected) || (strict && level === 'should' && outcome === 'warn'))) return EXIT_CODES.failed;
  if (faults.length > 0) return EXIT_CODES.harness;
  return report.staleExpectations.length > 0 ? EXIT_CODES.stale : EXIT_CODES.ok;
}

/** Checks that decode are left out unless asked for, so their requirements stay untested and say so. */
function chosenChecks(prefixes: readonly string[], decode: boolean): readonly Check[] {
  const able = CHECKS.filter(({ id }) => decode || !id.startsWith('decode/'));
  const checks = prefixes.length === 0 ? able : able.filter(({ id }) => prefixes.some((prefix) => id.startsWith(prefix)));
  if (checks.length === 0) throw new SuiteFault('usage', `no check begins with ${prefixes.join(', ')}`);
  return checks;
}

function loadTruths(folder: string | undefined, assets: readonly string[]): ReadonlyMap<string, TruthView> {
  const truths = new Map<string, TruthView>();
  if (folder === undefined) return truths;
  if (!existsSync(folder)) throw new SuiteFault('usage', `${folder}: no such folder`);
  for (const asset of new Set(assets)) {
    const truth = loadTruth(join(folder, asset));
    if (truth !== null) truths.set(asset, truth);
  }
  return truths;
}

function explain(id: string): void {
  const requirements = loadRequirements();
  const check = CHECKS.find((each) => each.id === id);
  const wanted = check === undefined ? requirements.filter((each) => each.id === id) : requirements.filter((each) => check.requirements.includes(each.id));
  if (check === undefined && wanted.length === 0) throw new SuiteFault('usage', `no check or requirement is called ${id}`);
  if (check !== undefined) print(`${check.id} (${check.level}): ${check.title}`);
  for (const { id: name, document, edition, clause, level, statement, formats, deviations = [] } of wanted) {
    print(`${name} ${document} (${edition})${clause === '' ? '' : ` ${clause}`}, ${level}: ${statement}`);
    print(`  formats: ${formats.join(' ')}`);
    for (const deviation of deviations) print(`  deviation of ${deviation.formats.join(' ')}: ${deviation.reason}`);
    if (check === undefined) print(`  checks: ${CHECKS.filter(({ requirements: covered }) => covered.includes(name)).map((each) => each.id).join(' ')}`);
  }
}

function suiteVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    const file = new URL(place, import.meta.url);
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
  return 'unknown';
}

let shown = '';
function showProgress(done: number, known: number): void {
  const text = `${done} of ${known} requests`;
  if ((done !== known && done % 500 !== 0) || text === shown) return;
  shown = text;
  note(text);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  try {
    await program().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    else if (error instanceof SuiteFault) {
      note(error.message);
      process.exitCode = EXIT_CODES[error.kind];
    } else {
      note(error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error));
      process.exitCode = EXIT_CODES.harness;
    }
  }
}
