/** Judges a trace: every check on every subject, rolled up into results. Offline and deterministic. */
import type { FormatId, Requirement } from '../spec/requirement.ts';
import { REPORT_SCHEMA, type Outcome, type Report, type Result, type Run } from '../spec/report.ts';
import { expectationOf, isAboutReplays, isKnowable, staleEntries, type Expectation } from './expectations.ts';
import { Locked, messageOf } from './fault.ts';
import type { Check, Context, Finding } from './model.ts';
import { NO_KEYS, type KeyRing } from './oracle/keys.ts';
import type { Judges } from './oracle/judges.ts';
import type { TruthView } from './oracle/truth.ts';
import { openReader, protectionOf, type Protection } from './opened.ts';
import { registryHash } from './registry.ts';
import { tallyOf } from './report/model.ts';
import type { TraceReader } from './trace.ts';
import { readView, type View } from './view.ts';

export type JudgeInput = {
  readonly reader: TraceReader;
  readonly checks: readonly Check[];
  readonly requirements: readonly Requirement[];
  readonly truths: ReadonlyMap<string, TruthView>;
  /** For media that are enciphered. Without a key they get no verdict. */
  readonly keys?: KeyRing;
  /** Seconds in the clear at the beginning of encrypted tracks, by asset, where they are known. */
  readonly clearLeads?: ReadonlyMap<string, number>;
  readonly judges: Judges;
  readonly expectations: readonly Expectation[];
  readonly suiteVersion: string;
  readonly kind: Report['target']['kind'];
  progress?(asset: string): void;
};

export type Verdicts = { readonly report: Report; readonly details: Run['details']; readonly examined: Run['examined']; readonly omitted: number; readonly faults: readonly string[] };

/** Details kept per result: the first tell the story. */
const MAX_DETAILS = 20;

export async function judge(input: JudgeInput): Promise<Verdicts> {
  const { reader, checks, truths, judges } = input;
  const { manifests, target } = reader.trace;
  const results: Result[] = [];
  const details: Run['details'] = [];
  const examined: Run['examined'] = {};
  const faults: string[] = [];
  let omitted = 0;

  const record = (check: Check, asset: string, format: FormatId | 'all', protection: Protection, findings: readonly Finding[]): void => {
    const result = resultOf(check, asset, format, protection, findings, input);
    results.push(result);
    examined[result.id] = findings.length;
    const notable = findings.filter(({ outcome }) => outcome !== 'pass');
    omitted += Math.max(0, notable.length - MAX_DETAILS);
    for (const { outcome, path, message, wanted, actual, evidence = [] } of notable.slice(0, MAX_DETAILS)) {
      details.push({ result: result.id, outcome: outcome === 'fail' && result.outcome === 'warn' ? 'warn' : outcome, path, message, ...(wanted === undefined ? {} : { wanted: cut(wanted) }), ...(actual === undefined ? {} : { actual: cut(actual) }), evidence: [...evidence] });
    }
  };
  // A check that throws is the suite's fault, and no verdict on the subject.
  const run = async (check: Check, id: string, work: () => ReturnType<Check['run']>): Promise<readonly Finding[]> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Locked) return [{ outcome: 'cantTell', path: '', message: error.message }];
      faults.push(`${check.id} on ${id}: ${messageOf(error)}`);
      return [{ outcome: 'cantTell', path: '', message: 'the check itself failed' }];
    }
  };

  for (const asset of new Set(manifests.map((manifest) => manifest.asset))) {
    input.progress?.(asset);
    const views = new Map<FormatId, View>(manifests.filter((manifest) => manifest.asset === asset).map((manifest) => [manifest.format, readView(manifest, reader)]));
    const keys = input.keys ?? NO_KEYS;
    const context: Context = { asset, reader: openReader(reader, [...views.values()], keys), wire: reader, keys, profile: target.profile, views, truth: truths.get(asset) ?? null, clearLead: input.clearLeads?.get(asset) ?? null, judges };
    const protections = new Map([...views].map(([format, view]) => [format, protectionOf(reader, view)] as const));
    for (const check of checks) {
      if (check.amsOnly === true && target.profile !== 'ams') continue;
      if (check.scope === 'asset') {
        record(check, asset, 'all', 'clear', await run(check, asset, () => check.run(context)));
        continue;
      }
      for (const format of check.formats) {
        const view = views.get(format);
        if (view !== undefined) record(check, asset, format, protections.get(format) ?? 'clear', await run(check, `${asset}/${format}`, () => check.run({ ...context, format, view })));
      }
    }
  }
  results.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { report: reportOf(results, input), details, examined, omitted, faults };
}

function cut(text: string): string {
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

/** Any fail fails; nothing examined is inapplicable. A SHOULD that fails, or a registered deviation, warns. */
export function rollUp(findings: readonly Finding[], lenient: boolean): Outcome {
  const has = (outcome: Outcome): boolean => findings.some((finding) => finding.outcome === outcome);
  if (has('fail')) return lenient ? 'warn' : 'fail';
  if (has('cantTell')) return 'cantTell';
  if (has('warn')) return 'warn';
  return has('pass') ? 'pass' : 'inapplicable';
}

function resultOf(check: Check, asset: string, format: FormatId | 'all', protection: Protection, findings: readonly Finding[], { requirements, truths, expectations, reader }: JudgeInput): Result {
  // Deviations are those of the original service's formats: they excuse nobody else.
  const deviates = reader.trace.target.profile === 'ams' && format !== 'all' && check.requirements.every((id) => requirements.find((requirement) => requirement.id === id)?.deviations?.some(({ formats }) => formats.includes(format)) === true);
  const outcome = rollUp(findings, check.level === 'should' || deviates);
  const id = `${check.id} ${asset}/${format}`;
  const messages = outcome === 'pass' ? [] : [...new Set(findings.filter((finding) => finding.outcome !== 'pass').map(({ message }) => message))].toSorted();
  const known = isKnowable({ outcome }) ? expectationOf({ id, check: check.id, requirements: [...check.requirements] }, expectations) : null;
  return {
    id,
    check: check.id,
    requirements: [...check.requirements],
    subject: { asset, format, mode: 'vod', protection },
    honesty: truths.get(asset)?.honesty ?? 'unknown',
    level: check.level,
    outcome,
    expected: known !== null,
    ...(known === null ? {} : { known: { reason: known.reason, bug: known.bug } }),
    messages,
  };
}

function reportOf(results: readonly Result[], { checks, requirements, judges, expectations, suiteVersion, kind, reader }: JudgeInput): Report {
  return {
    schema: REPORT_SCHEMA,
    suite: { version: suiteVersion, registryHash: registryHash(checks, requirements) },
    target: { kind, profile: reader.trace.target.profile },
    judges: { 'mpd-schema': judges.mpd.editions.length > 0, 'libxml2-wasm': judges.mpd.engines.includes('libxml2-wasm'), 'xsd-schema-validator': judges.mpd.engines.includes('xsd-schema-validator'), 'smooth-schema': judges.smooth !== null },
    ...tallyOf(results, requirements.map(({ id }) => id)),
    results: [...results],
    staleExpectations: staleEntries(results, expectations.filter((entry) => !isAboutReplays(entry))),
    footer: { results: results.length },
  };
}
