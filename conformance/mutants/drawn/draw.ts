/** Draws mutants of good traces and has them judged. */
import { judge } from '../../judge.ts';
import type { Check } from '../../model.ts';
import type { Judges } from '../../oracle/judges.ts';
import type { KeyRing } from '../../oracle/keys.ts';
import { FORMAT_IDS, type FormatId, type Requirement } from '../../../spec/requirement.ts';
import type { Outcome } from '../../../spec/report.ts';
import type { Exchange, TraceReader } from '../../trace.ts';
import { sameMeaning } from './canonical.ts';
import type { Operator } from './operator.ts';
import { randomOf } from './random.ts';
import { alter, othersOf, readerOf, renewed, type Subject } from './subject.ts';

export type Verdict = 'killed' | 'warned' | 'equivalent' | 'survived';


export type Drawn = {
  readonly number: number;
  readonly operator: Operator;
  readonly asset: string;
  readonly format: string;
  /** Role and place, without host and port. */
  readonly exchange: string;
  readonly where: string;
  readonly verdict: Verdict;
  /** Checks whose result became worse. */
  readonly by: readonly string[];
  /** Checks, or the reader, that threw: the suite has to bear anything. */
  readonly faults: readonly string[];
};

export type Panel = { readonly checks: readonly Check[]; readonly requirements: readonly Requirement[]; readonly judges: Judges; /** The traces are of protected content. */ readonly locks?: { readonly keys: KeyRing; readonly clearLeads: ReadonlyMap<string, number> } };

type Outcomes = ReadonlyMap<string, Outcome>;

/** Checks of one output that look at another: Smooth has no headers of its own and is compared with CSF. */
const LOOKS_AT: Readonly<Partial<Record<FormatId, FormatId>>> = { smooth: 'dash-csf' };

/**
 * What the whole judge says, from the checks that can see the change: those of the output that it was made in, of the outputs that
 * look at it, and those that compare outputs. Without a format: all of them.
 */
async function outcomesOf(subject: Subject, read: () => TraceReader, { checks, requirements, judges, locks }: Panel, format: FormatId | null): Promise<{ readonly outcomes: Outcomes; readonly faults: readonly string[] }> {
  const outcomes = new Map<string, Outcome>();
  const faults: string[] = [];
  try {
    const reader = read();
    const truths = new Map([[subject.asset, subject.truth]]);
    const run = async (formats: readonly FormatId[], chosen: readonly Check[], wanted: readonly FormatId[] = formats): Promise<void> => {
      const trace = { ...reader.trace, manifests: reader.trace.manifests.filter((manifest) => formats.includes(manifest.format)) };
      const { report, faults: found } = await judge({ reader: { ...reader, trace }, checks: chosen, requirements, truths, judges, ...locks, expectations: [], suiteVersion: '0', kind: 'trace' });
      for (const { id, outcome, subject: { format: of } } of report.results) if (of === 'all' || wanted.includes(of)) outcomes.set(id, outcome);
      faults.push(...found);
    };
    if (format === null) await run(FORMAT_IDS, checks);
    else {
      const seeing = FORMAT_IDS.filter((each) => each === format || LOOKS_AT[each] === format);
      await run([...new Set(seeing.flatMap((each) => [each, ...(LOOKS_AT[each] === undefined ? [] : [LOOKS_AT[each]])]))], checks.filter(({ scope }) => scope === 'format'), seeing);
      await run(FORMAT_IDS, checks.filter(({ scope }) => scope === 'asset'));
    }
  } catch (error) {
    faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return { outcomes, faults };
}

export type Field = { readonly subjects: readonly { readonly subject: Subject; readonly good: Outcomes }[]; readonly panel: Panel };

export async function openField(subjects: readonly Subject[], panel: Panel): Promise<Field> {
  const judged = [];
  for (const subject of subjects) {
    const byUrl = new Map<string, Exchange>();
    for (const exchange of subject.trace.exchanges) if (exchange.method === 'GET' && exchange.role.kind !== 'probe' && !byUrl.has(exchange.url)) byUrl.set(exchange.url, exchange);
    const { outcomes, faults } = await outcomesOf(subject, () => ({ trace: subject.trace, find: (url) => byUrl.get(url) ?? null, body: subject.body }), panel, null);
    const bad = [...outcomes].filter(([, outcome]) => outcome === 'fail').map(([id]) => id);
    if (bad.length + faults.length > 0) throw new Error(`the good trace of ${subject.asset} is not good: ${[...bad, ...faults].join(', ')}`);
    judged.push({ subject, good: outcomes });
  }
  return { subjects: judged, panel };
}

const TRIES = 50;

/** The mutant of a number: seed and number say everything. `whole`: judged by all checks on all outputs, to prove the shorter way. */
export async function drawMutant({ subjects, panel }: Field, operators: readonly Operator[], seed: number, number: number, whole = false): Promise<Drawn> {
  const random = randomOf(seed * 1_000_003 + number);
  for (let tries = 0; tries < TRIES; tries++) {
    const operator = random.pick(operators);
    const { subject, good } = random.pick(subjects);
    const candidates = subject.trace.exchanges.filter((exchange) => operator.on(exchange));
    if (candidates.length === 0) continue;
    const exchange = random.pick(candidates);
    const body = exchange.body === null ? Buffer.alloc(0) : subject.body(exchange);
    const change = operator.alter({ exchange, body, random, others: othersOf(subject, exchange) });
    if (change === null || !changes(exchange, body, change)) continue;
    const altered = alter(exchange, body, change);
    // A key or a vector changes how the media are read, and what is read is remembered by exchange.
    const read = (): TraceReader => (panel.locks === undefined || isMedia(exchange) ? readerOf(subject, exchange, altered) : renewed(readerOf(subject, exchange, altered)));
    const { outcomes, faults } = await outcomesOf(subject, read, panel, whole ? null : exchange.role.format);
    const worse = (outcome: Outcome): string[] => [...new Set([...outcomes].filter(([id, now]) => now === outcome && good.get(id) !== outcome && good.get(id) !== 'fail').map(([id]) => id.split(' ')[0]))];
    const [failed, warned] = [worse('fail'), worse('warn')];
    const verdict = sameMeaning(exchange, body, altered) ? 'equivalent' : failed.length > 0 ? 'killed' : warned.length > 0 ? 'warned' : 'survived';
    const { role } = exchange;
    const name = role.kind === 'probe' ? `probe ${role.probe} of ${new URL(role.of).pathname.split('.ism')[1]}` : `${role.kind} ${new URL(exchange.url).pathname.split('.ism')[1]}`;
    return { number, operator, asset: subject.asset, format: role.format, exchange: name, where: change.where, verdict, by: [...failed, ...warned], faults };
  }
  throw new Error(`mutant ${number} of seed ${seed}: nothing can be drawn`);
}

function isMedia({ role: { kind } }: Exchange): boolean {
  return kind === 'segment' || kind === 'keyframe';
}

function changes(exchange: Exchange, body: Buffer, { body: next, status, headers }: { readonly body?: Buffer; readonly status?: number; readonly headers?: Readonly<Record<string, string | null>> }): boolean {
  if (status !== undefined && status !== exchange.status) return true;
  if (next !== undefined && !next.equals(body)) return true;
  return Object.entries(headers ?? {}).some(([name, value]) => (exchange.headers[name] ?? null) !== value);
}
