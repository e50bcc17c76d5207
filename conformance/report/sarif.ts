/**
 * SARIF 2.1.0 (OASIS, 2020-03-27) for code scanning: a rule per check that ran, a result per finding that did not pass. Passes are
 * counted in the run's properties; thousands of them would only hide the rest.
 */
import { createHash } from 'node:crypto';
import type { Detail, Evidence, Outcome } from '../../spec/report.ts';
import { subjectOf } from '../expectations.ts';
import { areaOf, clauseOf, replayReasons, replayResult, type Reported, type Reporting } from './model.ts';
import { readPointer } from './pointer.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json';
/** References are paths and queries below the origin that was judged; its address is not part of a report. */
const BASE = 'ORIGIN';
const TS_PACKET = 188;

/** 3.27.9 and 3.27.10: any kind but `fail` has no level. */
const KINDS: Readonly<Record<Outcome, { readonly kind: 'fail' | 'open' | 'notApplicable' | 'pass'; readonly level: 'error' | 'warning' | 'none' }>> = {
  fail: { kind: 'fail', level: 'error' },
  warn: { kind: 'fail', level: 'warning' },
  cantTell: { kind: 'open', level: 'none' },
  inapplicable: { kind: 'notApplicable', level: 'none' },
  untested: { kind: 'notApplicable', level: 'none' },
  pass: { kind: 'pass', level: 'none' },
};

const MIME: Readonly<Record<Evidence['kind'], string | null>> = { manifest: null, playlist: 'application/vnd.apple.mpegurl', init: 'video/mp4', segment: null, http: null, log: 'text/plain', frames: null };

export function sarifLog(reporting: Reporting): string {
  return `${JSON.stringify(sarifOf(reporting), null, 1)}\n`;
}

function sarifOf({ report, run, checks: all, requirements }: Reporting): unknown {
  const ran = new Set(report.results.map(({ check }) => check));
  const checks = all.filter(({ id }) => ran.has(id));
  const templates = Object.entries(report.replay?.templates ?? {});
  const rules = [...checks.map((check) => ruleOf(check, requirements)), ...templates.map(templateRule)];
  const ruleIndex = new Map([...checks.map(({ id }) => id), ...templates.map(([id]) => `replay/${id}`)].map((id, index) => [id, index]));
  const results = new Map(report.results.map((result) => [result.id, result]));
  const artifacts = new Map<string, { readonly index: number; readonly evidence: Evidence }>();
  const found = run.details.flatMap((detail) => {
    const result = results.get(detail.result);
    if (result === undefined || detail.outcome === 'inapplicable' || detail.outcome === 'pass') return [];
    for (const evidence of detail.evidence) if (!artifacts.has(artifactKey(evidence))) artifacts.set(artifactKey(evidence), { index: artifacts.size, evidence });
    return [{ detail, result, lasting: detail.message }];
  });
  const reasons = replayReasons(run);
  const replayed = (report.replay?.rows ?? []).flatMap((row) => {
    if (row.outcome === 'pass' || row.outcome === 'inapplicable') return [];
    const result = replayResult(row);
    const lasting = row.messages.join('; ');
    return [{ result, lasting, detail: { result: result.id, outcome: row.outcome, path: '', message: reasons.get(result.id) ?? lasting, evidence: [] } }];
  });
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'isomer-conformance',
            version: report.suite.version,
            rules,
          },
        },
        automationDetails: { id: `isomer-conformance/${report.target.kind}/` },
        invocations: [{ executionSuccessful: true, ...(run.startedAt === '' ? {} : { startTimeUtc: run.startedAt }) }],
        originalUriBaseIds: { [BASE]: { description: { text: 'the origin that was judged' } } },
        artifacts: [...artifacts.values()].map(({ evidence }) => artifactOf(evidence)),
        results: [...found, ...replayed].map(({ detail, result, lasting }) => ({ ruleIndex: ruleIndex.get(result.check) ?? -1, ...resultOf(detail, result, lasting, (evidence) => artifacts.get(artifactKey(evidence))?.index ?? -1) })),
        properties: { registryHash: report.suite.registryHash, totals: report.totals, staleExpectations: report.staleExpectations },
      },
    ],
  };
}

function ruleOf({ id, title, level, requirements: covered }: Reporting['checks'][number], requirements: Reporting['requirements']): unknown {
  const own = requirements.filter((requirement) => covered.includes(requirement.id));
  const lines = own.map((requirement) => `${requirement.id}, ${clauseOf(requirement)}: ${requirement.statement}`);
  return {
    id,
    name: id.replace(/(?:^|[/-])([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: title },
    fullDescription: { text: own.map(({ statement }) => statement).join(' ') || title },
    help: { text: lines.join('\n') || title, markdown: lines.map((line) => `- ${line.replace(/[\\`*_<>[\]]/g, '\\$&')}`).join('\n') || title },
    defaultConfiguration: { level: level === 'must' ? 'error' : 'warning' },
    properties: { tags: [areaOf(id), level, ...covered], requirements: [...covered] },
  };
}

/** What a template asks is what it is called. */
function templateRule([id, title]: readonly [string, string]): unknown {
  return {
    id: `replay/${id}`,
    name: `Replay${id.replace(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}`,
    shortDescription: { text: title },
    fullDescription: { text: `A real player ${title}.` },
    help: { text: title, markdown: title },
    defaultConfiguration: { level: 'error' },
    properties: { tags: ['replay', 'must'], requirements: [] },
  };
}

/** `lasting`: the message without the values of this run. */
function resultOf({ outcome, path, message, wanted, actual, evidence }: Detail, result: Reported, lasting: string, artifactIndex: (evidence: Evidence) => number): object {
  const { id, check, requirements, expected, known } = result;
  const values = `${wanted === undefined ? '' : ` Wanted: ${wanted}.`}${actual === undefined ? '' : ` Found: ${actual}.`}`;
  const place = `${subjectOf(result)}${path === '' ? '' : `/${path}`}`;
  return {
    ruleId: check,
    ...KINDS[outcome],
    message: { text: `${place}: ${message}.${values}` },
    locations: [
      {
        ...physicalLocation(evidence.at(0), artifactIndex),
        logicalLocations: [{ fullyQualifiedName: place, kind: 'resource' }],
      },
    ],
    ...(evidence.length > 1 ? { relatedLocations: evidence.slice(1).map((each) => physicalLocation(each, artifactIndex)) } : {}),
    // What it is about, without values: the same fault of another run has the same print.
    partialFingerprints: { 'isomerResult/v1': createHash('sha256').update(JSON.stringify([id, path, lasting])).digest('hex').slice(0, 32) },
    ...(expected ? { suppressions: [{ kind: 'external', status: 'accepted', ...(known === undefined ? {} : { justification: `${known.reason} (${known.bug})` }) }] } : {}),
    properties: { requirements: [...requirements], outcome, ...(evidence[0] === undefined || evidence[0].pointer === '' ? {} : { pointer: evidence[0].pointer }) },
  };
}

function artifactKey({ ref, sha256 }: Evidence): string {
  return `${ref} ${sha256 ?? ''}`;
}

function artifactOf({ kind, ref, sha256 }: Evidence): unknown {
  const mimeType = MIME[kind];
  return { location: { uri: uriOf(ref), uriBaseId: BASE }, ...(mimeType === null ? {} : { mimeType }), ...(sha256 === null ? {} : { hashes: { 'sha-256': sha256 } }) };
}

/** 3.4.4: a relative reference under a base does not begin with a slash. */
function uriOf(ref: string): string {
  return ref.replace(/^\/+/, '');
}

function physicalLocation(evidence: Evidence | undefined, artifactIndex: (evidence: Evidence) => number): { readonly physicalLocation?: unknown } {
  if (evidence === undefined) return {};
  const region = regionOf(evidence.pointer);
  return { physicalLocation: { artifactLocation: { uri: uriOf(evidence.ref), uriBaseId: BASE, index: artifactIndex(evidence) }, ...(region === null ? {} : { region }) } };
}

/** What of a pointer needs no look at the bytes. */
function regionOf(text: string): unknown {
  const pointer = readPointer(text);
  if (pointer?.kind === 'line') return { startLine: pointer.line };
  if (pointer?.kind === 'packet') return { byteOffset: pointer.packet * TS_PACKET, byteLength: TS_PACKET };
  return pointer?.kind === 'boxAt' ? { byteOffset: pointer.offset, byteLength: 8 } : null;
}
