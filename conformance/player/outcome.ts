/** From verdicts to rows of the report: the same for browsers that are driven and for devices that came by themselves. */
import { EVIDENCE_LIMITS } from '../../spec/evidence.ts';
import type { ReplayDetail, ReplayEvidence, ReplayRow } from '../../spec/replay.ts';
import type { Judged } from './cell.ts';
import type { Defect } from './defects.ts';
import type { Cell } from './plan.ts';

/** A replay that was judged, with what it left behind; null where a device sent nothing that could be read. */
export type Shown = { readonly judged: Judged; readonly evidence: ReplayEvidence };

export type Tally = { readonly attempts: number; readonly infrastructure: number; readonly milliseconds: number };

export function rowOf({ id, template, target, player, browser, leftOut }: Cell, outcome: ReplayRow['outcome'], messages: readonly string[]): ReplayRow {
  return {
    id,
    template: template.id,
    asset: target.content.asset,
    format: target.format,
    player: player.name,
    browser,
    codecs: [...target.content.sampleEntries],
    ...(leftOut.length === 0 ? {} : { leftOut: [...leftOut] }),
    outcome,
    messages: [...messages],
  };
}

/** What fails for a reason that the client is known for, warns. */
export function rowOfVerdict(cell: Cell, { verdict }: Judged, defect: Defect | null): ReplayRow {
  const outcome = verdict.outcome === 'unclear' ? 'cantTell' : verdict.outcome === 'fail' && defect !== null ? 'warn' : verdict.outcome;
  const row = rowOf(cell, outcome, [...new Set(verdict.reasons.map(withoutValues))]);
  return outcome === 'warn' && defect !== null ? { ...row, known: { reason: defect.statement, bug: defect.reference } } : row;
}

export function detailOf(id: string, { judged: { verdict, observation }, evidence }: Shown, tally: Tally): ReplayDetail {
  return {
    id,
    ...tally,
    reasons: [...verdict.reasons],
    observation: {
      ...observation,
      missing: observation.missing.map(([from, to]) => [from, to]),
      backwards: observation.backwards.map(([from, to]) => [from, to]),
      offsets: { ...observation.offsets },
      renditions: [...observation.renditions],
      pilots: [...observation.pilots],
      errors: [...observation.errors],
    },
    evidence: verdict.outcome === 'pass' ? slim(evidence) : evidence,
  };
}

export function lostDetail(id: string, reason: string, tally: Tally): ReplayDetail {
  return { id, ...tally, reasons: [reason], observation: null, evidence: null };
}

/** Two runs that fail alike say the same. */
function withoutValues(reason: string): string {
  return reason.slice(0, 300).replace(/-?\d+(?:\.\d+)?(?:(?:-|, )-?\d+(?:\.\d+)?)*/g, 'n');
}

/** Share of the evidence that a replay without blame keeps: hundreds of them have to stay readable. */
const OF_A_PASS = 1 / 3;

function slim(evidence: ReplayEvidence): ReplayEvidence {
  const some = <T>(list: readonly T[], most: number): T[] => (list.length <= most ? [...list] : Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]));
  const requests = evidence.requests.slice(0, Math.ceil(EVIDENCE_LIMITS.requests * OF_A_PASS));
  return {
    ...evidence,
    strip: some(evidence.strip, Math.ceil(EVIDENCE_LIMITS.pictures * OF_A_PASS)),
    buffer: some(evidence.buffer, Math.ceil(EVIDENCE_LIMITS.buffer * OF_A_PASS)),
    requests,
    requestsLeftOut: evidence.requestsLeftOut + evidence.requests.length - requests.length,
  };
}
