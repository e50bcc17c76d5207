/** A run as the data of report.html: what was found, the evidence for it out of the trace, and the times of every output. */
import { FORMAT_IDS } from '../../spec/requirement.ts';
import { OUTCOMES, type Detail, type Outcome } from '../../spec/report.ts';
import { Locked } from '../fault.ts';
import { mediaSegments, transportOf } from '../media.ts';
import { openAssets, type Opened } from '../opened.ts';
import { NO_KEYS, type KeyRing } from '../oracle/keys.ts';
import type { TruthView } from '../oracle/truth.ts';
import { formatRow } from '../outputs.ts';
import type { Exchange, TraceReader } from '../trace.ts';
import { readView, type SegmentView, type TrackView, type View } from '../view.ts';
import { embed } from './embed.ts';
import { exchangeOf, excerptOf, refsOf, type SampleRange } from './excerpt.ts';
import { clauseOf, WORST, type Reporting } from './model.ts';
import type { Excerpt, PageData, PageFinding, TrackRow } from './pagedata.ts';
import { replaysOf } from './replays.ts';
import { timelineOf } from './timeline.ts';

/** Without a trace there are findings and no excerpts. */
export type Material = { readonly reader: TraceReader; readonly truths: ReadonlyMap<string, TruthView>; /** Without them nothing is seen inside what is enciphered. */ readonly keys?: KeyRing } | null;

type Open = (asset: string) => Opened;

/** What keeps the file below eight million bytes, whatever went wrong how often. */
export const BUDGET = { results: 50_000, findings: 2000, findingBytes: 2_000_000, excerptBytes: 2_000_000, timelineBytes: 600_000 } as const;

export function assemble({ report, run, checks, requirements }: Reporting, material: Material): PageData {
  const kept = worstFirst(report.results, BUDGET.results);
  const results = report.results.filter((result) => kept.has(result));
  const formats = [...FORMAT_IDS, 'all'].filter((format) => results.some(({ subject }) => subject.format === format));
  const assets = [...new Map(results.map(({ subject, honesty }) => [subject.asset, honesty]))].map(([id, honesty]) => ({ id, honesty }));
  const ran = new Set(results.map(({ check }) => check));
  const used = checks.filter(({ id }) => ran.has(id));
  const messages = intern();
  const known = intern();
  const resultIndex = new Map(results.map(({ id }, index) => [id, index]));
  const open = material === null ? null : openAssets(material.reader, material.keys ?? NO_KEYS);
  const cutter = material === null || open === null ? null : excerptCutter(material.reader, open);
  const { findings, excerpts, left } = findingsOf(run.details, resultIndex, cutter);
  const timelines = material === null || open === null ? { rows: {}, left: 0 } : timelinesOf(material, open, formats, assets.map(({ id }) => id));
  const checkAt = new Map(used.map(({ id }, index) => [id, index]));
  const assetAt = new Map(assets.map(({ id }, index) => [id, index]));
  return {
    target: `${report.target.kind} (${report.target.profile})`,
    suite: report.suite.version,
    facts: [
      ...(run.startedAt === '' ? [] : [['started', run.startedAt] as const]),
      ['requests', String(run.requests)],
      ...Object.entries(run.environment).filter(([, value]) => value !== ''),
      ['judges', Object.entries(report.judges).map(([name, there]) => `${name}${there ? '' : ' (absent)'}`).join(', ')],
      ['registry', report.suite.registryHash],
    ],
    outcomes: OUTCOMES,
    formats,
    assets,
    checks: used.map(({ id, title, level, requirements: covered }) => ({ id, title, level, requirements: covered.map((each) => requirements.findIndex((requirement) => requirement.id === each)).filter((index) => index >= 0) })),
    requirements: requirements.map((requirement) => ({ id: requirement.id, clause: clauseOf(requirement), level: requirement.level, statement: requirement.statement, provenance: requirement.provenance, outcome: report.requirements[requirement.id] ?? 'untested', deviations: requirement.deviations ?? [] })),
    results: results.map(({ id, check, subject, outcome, messages: own, known: entry }) => [
      checkAt.get(check) ?? -1,
      assetAt.get(subject.asset) ?? -1,
      formats.indexOf(subject.format),
      OUTCOMES.indexOf(outcome),
      run.examined[id] ?? 0,
      own.map((message) => messages.at(message)),
      entry === undefined ? -1 : known.at(JSON.stringify(entry)),
    ]),
    messages: messages.list,
    known: known.list.map((text) => JSON.parse(text) as { reason: string; bug: string }),
    findings,
    excerpts,
    timelines: timelines.rows,
    replays: replaysOf(report, run),
    stale: [...report.staleExpectations, ...(run.expired ?? [])],
    left: { results: report.results.length - results.length, findings: left.findings + run.omitted, excerpts: left.excerpts, timelines: timelines.left },
  };
}

/** What does not fit is what matters least. */
function worstFirst<T extends { readonly outcome: Outcome }>(list: readonly T[], most: number): ReadonlySet<T> {
  return new Set(WORST.flatMap((outcome) => list.filter((each) => each.outcome === outcome)).slice(0, most));
}

function intern(): { readonly list: string[]; at(text: string): number } {
  const places = new Map<string, number>();
  const list: string[] = [];
  return {
    list,
    at(text) {
      const known = places.get(text);
      if (known !== undefined) return known;
      places.set(text, list.length);
      return list.push(text) - 1;
    },
  };
}

type Found = { readonly findings: Record<number, PageFinding[]>; readonly excerpts: readonly Excerpt[]; readonly left: { readonly findings: number; readonly excerpts: number } };

function findingsOf(details: readonly Detail[], resultIndex: ReadonlyMap<string, number>, cutter: Cutter | null): Found {
  const chosen = worstFirst(details, BUDGET.findings);
  const findings: Record<number, PageFinding[]> = {};
  const excerpts: Excerpt[] = [];
  const places = new Map<string, number>();
  const bytes = { findings: 0, excerpts: 0 };
  const left = { findings: details.length - chosen.size, excerpts: 0 };
  for (const detail of chosen) {
    const index = resultIndex.get(detail.result);
    if (index === undefined || bytes.findings > BUDGET.findingBytes) {
      left.findings++;
      continue;
    }
    const { outcome, path, message, wanted, actual } = detail;
    const evidence = detail.evidence.slice(0, 4).map((each) => {
      const shown = { kind: each.kind, ref: each.ref, pointer: each.pointer };
      // The value that was found is marked in the line, so it is part of the key.
      const key = JSON.stringify([each, each.kind === 'http' ? path : '', each.pointer.startsWith('line') ? actual : '']);
      const place = places.get(key);
      if (place !== undefined) return { ...shown, excerpt: place };
      if (bytes.excerpts > BUDGET.excerptBytes) {
        left.excerpts++;
        return { ...shown, excerpt: null };
      }
      const excerpt = cutter?.(each, detail) ?? null;
      if (excerpt === null) return { ...shown, excerpt: null };
      bytes.excerpts += embed(excerpt).length;
      places.set(key, excerpts.length);
      return { ...shown, excerpt: excerpts.push(excerpt) - 1 };
    });
    const finding = { outcome, path, message, ...(wanted === undefined ? {} : { wanted }), ...(actual === undefined ? {} : { actual }), evidence };
    (findings[index] ??= []).push(finding);
    bytes.findings += embed(finding).length;
  }
  return { findings, excerpts, left };
}

type Cutter = (evidence: Detail['evidence'][number], detail: Detail) => Excerpt | null;

function excerptCutter(reader: TraceReader, open: Open): Cutter {
  const byRef = refsOf(reader.trace.exchanges);
  const ranges = sampleRanges(reader, open);
  return (evidence, detail) => {
    const exchange = exchangeOf(evidence, detail, byRef);
    if (exchange === null) return null;
    // What a finding points at is inside the envelope; without a pointer the envelope itself is meant.
    const inside = evidence.pointer === '' ? null : insideEnvelope(exchange, open(exchange.role.asset));
    const excerpt = excerptOf(evidence, detail, exchange, () => inside ?? reader.body(exchange), ranges);
    return inside === null || excerpt.kind === 'http' ? excerpt : { ...excerpt, opened: true };
  };
}

function insideEnvelope(exchange: Exchange, opened: Opened): Uint8Array | null {
  return opened.isEnveloped(exchange) ? unlessLocked(() => opened.body(exchange), null) : null;
}

/** Without its key, or with another one, nothing is seen of it. */
function unlessLocked<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Locked) return otherwise;
    throw error;
  }
}

/** Where a sample lies in its segment, read only for assets and formats that a finding asks about. */
function sampleRanges(reader: TraceReader, open: Open): SampleRange {
  const views = new Map<string, View | null>();
  const viewOf = ({ role }: Exchange): View | null => {
    const key = JSON.stringify([role.asset, role.format]);
    const known = views.get(key);
    if (known !== undefined) return known;
    const target = reader.trace.manifests.find(({ asset, format }) => asset === role.asset && format === role.format);
    const view = target === undefined ? null : readView(target, reader);
    views.set(key, view);
    return view;
  };
  return (exchange, sample, ofTrack) => {
    const view = viewOf(exchange);
    const track = view?.tracks.find(({ segments }) => segments.some((segment) => segment.exchange === exchange));
    if (view === null || track === undefined) return null;
    const ranges = formatRow(view.format).container === 'ts' ? transportRanges : fragmentRanges;
    let before = 0;
    for (const segment of track.segments) {
      const own = segment.exchange === exchange;
      if (!own && !ofTrack) continue;
      const list = unlessLocked(() => ranges(open(view.asset), track, segment), []);
      if (own) return list[sample - 1 - before] ?? null;
      before += list.length;
    }
    return null;
  };
}

type Range = readonly [number, number];

function fragmentRanges(reader: TraceReader, track: TrackView, segment: SegmentView): readonly Range[] {
  return mediaSegments(reader, { ...track, segments: [segment] }).flatMap(({ facts }) => facts.fragments.flatMap(({ samples }) => samples.map(({ offset, size }): Range => [offset, offset + size])));
}

/** A video sample is a PES packet; audio frames have no place of their own. */
function transportRanges(reader: TraceReader, track: TrackView, segment: SegmentView): readonly Range[] {
  if (track.kind !== 'video') return [];
  const transport = transportOf(reader, segment);
  const pid = transport?.streams.find(({ streamType }) => streamType === 0x1b || streamType === 0x24)?.pid;
  return (transport?.pes ?? []).filter((unit) => unit.pid === pid).map(({ packet }): Range => [packet * 188, (packet + 1) * 188]);
}

function timelinesOf({ reader, truths }: NonNullable<Material>, open: Open, formats: readonly string[], assets: readonly string[]): { readonly rows: Record<string, readonly TrackRow[]>; readonly left: number } {
  const rows: Record<string, readonly TrackRow[]> = {};
  let bytes = 0;
  let left = 0;
  for (const { asset, format, url } of reader.trace.manifests) {
    const key = keyOf(assets.indexOf(asset), formats.indexOf(format));
    if (key === null || rows[key] !== undefined) continue;
    if (bytes > BUDGET.timelineBytes) {
      left++;
      continue;
    }
    const [view, truth] = [readView({ asset, format, url }, reader), truths.get(asset) ?? null];
    const tracks = unlessLocked(() => timelineOf(open(asset), view, truth), null) ?? timelineOf(reader, view, truth);
    if (tracks.length === 0) continue;
    rows[key] = tracks;
    bytes += embed(tracks).length;
  }
  return { rows, left };
}

function keyOf(asset: number, format: number): string | null {
  return asset < 0 || format < 0 ? null : `${asset}/${format}`;
}
