/** Reads an MPD into addressed segments (ISO/IEC 23009-1:2022 5.3). Reading is lenient: what is wrong becomes a problem with a line. */
import { childOf, childrenOf, integerOf, misencodedLine, readXml, type XmlNode } from './xml.ts';

export const MPD_NAMESPACE = 'urn:mpeg:dash:schema:mpd:2011';

export type DashSegment = { readonly url: string; readonly time: bigint; readonly duration: bigint; readonly line: number };

export type DashTimelineEntry = { readonly t: bigint | null; readonly d: bigint; readonly r: bigint; readonly line: number };

export type DashRepresentation = {
  readonly id: string;
  readonly bandwidth: number | null;
  readonly adaptationSet: DashAdaptationSet;
  readonly node: XmlNode;
  readonly mimeType: string;
  readonly codecs: string | null;
  readonly timescale: number;
  readonly presentationTimeOffset: bigint;
  readonly timeline: readonly DashTimelineEntry[] | null;
  readonly media: string | null;
  readonly initialization: string | null;
  readonly init: string | null;
  readonly segments: readonly DashSegment[];
};

export type DashAdaptationSet = { readonly node: XmlNode; readonly index: number; readonly period: number; readonly kind: 'video' | 'audio' | 'text' | 'other'; readonly language: string };

export type Problem = { readonly line: number; readonly message: string };

export type DashDocument = {
  readonly root: XmlNode;
  readonly duration: bigint | null;
  readonly minBufferTime: bigint | null;
  /** As far as they say it, in nanoseconds. */
  readonly periods: readonly { readonly start: bigint | null; readonly duration: bigint | null }[];
  readonly adaptationSets: readonly DashAdaptationSet[];
  readonly representations: readonly DashRepresentation[];
  readonly problems: readonly Problem[];
};

const MAX_SEGMENTS = 500_000;
const NANOSECONDS = 1_000_000_000n;

export function readDash(text: string, url: string): DashDocument | Problem {
  const parsed = readXml(text);
  if ('problem' in parsed) return { line: parsed.line, message: parsed.problem };
  const { root } = parsed;
  if (root.name !== 'MPD' || root.namespace !== MPD_NAMESPACE) return { line: root.line, message: 'the root is not MPD of the DASH namespace' };
  const problems: Problem[] = [];
  const misencoded = misencodedLine(text);
  if (misencoded !== null) problems.push({ line: misencoded, message: 'the document holds bytes that are no UTF-8' });
  const adaptationSets: DashAdaptationSet[] = [];
  const representations: DashRepresentation[] = [];
  const duration = durationOf(root.attributes['mediaPresentationDuration']);
  const rootBase = baseOf(root, url, problems);
  const periods = childrenOf(root, 'Period').map(({ attributes }) => ({ start: durationOf(attributes['start']), duration: durationOf(attributes['duration']) }));
  childrenOf(root, 'Period').forEach((period, periodIndex) => {
    const periodBase = baseOf(period, rootBase, problems);
    const periodDuration = durationOf(period.attributes['duration']) ?? duration;
    for (const node of childrenOf(period, 'AdaptationSet')) {
      const adaptationSet = { node, index: adaptationSets.length, period: periodIndex, kind: kindOf(node), language: node.attributes['lang'] ?? '' };
      adaptationSets.push(adaptationSet);
      const setBase = baseOf(node, periodBase, problems);
      for (const representation of childrenOf(node, 'Representation')) {
        const base = baseOf(representation, setBase, problems);
        representations.push(readRepresentation(representation, adaptationSet, [period, node, representation], base, periodDuration, problems));
      }
    }
  });
  return { root, duration, minBufferTime: durationOf(root.attributes['minBufferTime']), periods, adaptationSets, representations, problems };
}

function baseOf(node: XmlNode, above: string, problems: Problem[]): string {
  const base = childOf(node, 'BaseURL');
  if (base === undefined) return above;
  if (!URL.canParse(base.text.trim(), above)) {
    problems.push({ line: base.line, message: 'BaseURL is no URL reference' });
    return above;
  }
  return new URL(base.text.trim(), above).href;
}

function kindOf(node: XmlNode): DashAdaptationSet['kind'] {
  const told = node.attributes['contentType'] ?? (node.attributes['mimeType'] ?? childOf(node, 'Representation')?.attributes['mimeType'] ?? '').split('/')[0];
  return told === 'video' || told === 'audio' || told === 'text' ? told : 'other';
}

/** SegmentTemplate attributes are inherited from Period and AdaptationSet (5.3.9.1). */
function readRepresentation(node: XmlNode, adaptationSet: DashAdaptationSet, levels: readonly XmlNode[], base: string, periodDuration: bigint | null, problems: Problem[]): DashRepresentation {
  const templates = levels.map((level) => childOf(level, 'SegmentTemplate')).filter((template) => template !== undefined);
  const inherited: Readonly<Record<string, string>> = Object.fromEntries(templates.flatMap((template) => Object.entries(template.attributes)));
  const timelineNode = templates.map((template) => childOf(template, 'SegmentTimeline')).findLast((timeline) => timeline !== undefined);
  const id = node.attributes['id'] ?? '';
  const bandwidth = integerOf(node, 'bandwidth');
  const fill = (template: string, time: bigint, number: bigint): string | null => {
    const filled = fillTemplate(template, { RepresentationID: id, Bandwidth: bandwidth ?? 0n, Time: time, Number: number });
    return filled !== null && URL.canParse(filled, base) ? new URL(filled, base).href : null;
  };
  const told = inherited['timescale'] ?? '1';
  if (!TIMESCALE.test(told)) problems.push({ line: node.line, message: 'timescale is no positive integer' });
  const timescale = TIMESCALE.test(told) ? Number(told) : 1;
  const offset = BigInt(/^\d+$/.test(inherited['presentationTimeOffset'] ?? '') ? inherited['presentationTimeOffset'] : '0');
  const timeline = timelineNode === undefined ? null : childrenOf(timelineNode, 'S').map(readEntry);
  const media = inherited['media'] ?? null;
  const segments: DashSegment[] = [];
  if (media === null) problems.push({ line: node.line, message: 'the Representation has no SegmentTemplate@media: other addressing is not read' });
  else {
    const startNumber = BigInt(/^\d+$/.test(inherited['startNumber'] ?? '') ? inherited['startNumber'] : '1');
    const periodEnd = periodDuration === null ? null : (periodDuration * BigInt(timescale)) / NANOSECONDS + offset;
    const entries = timeline === null ? constantTimeline(inherited['duration'], periodEnd, offset, node.line) : expandTimeline(timeline, periodEnd, problems);
    entries.forEach((entry, i) => {
      const url = fill(media, entry.time, startNumber + BigInt(i));
      if (url === null) problems.push({ line: node.line, message: 'SegmentTemplate@media has an unknown identifier or gives no URL' });
      else segments.push({ url, ...entry });
    });
  }
  return {
    id,
    bandwidth: bandwidth === null ? null : Number(bandwidth),
    adaptationSet,
    node,
    mimeType: node.attributes['mimeType'] ?? adaptationSet.node.attributes['mimeType'] ?? '',
    codecs: node.attributes['codecs'] ?? adaptationSet.node.attributes['codecs'] ?? null,
    timescale,
    presentationTimeOffset: offset,
    timeline,
    media,
    initialization: inherited['initialization'] ?? null,
    init: inherited['initialization'] === undefined ? null : fill(inherited['initialization'], 0n, 0n),
    segments,
  };
}

/** xs:unsignedInt; zero divides nothing. */
const TIMESCALE = /^0*[1-9]\d{0,9}$/;

function readEntry(node: XmlNode): DashTimelineEntry {
  const r = node.attributes['r'] ?? '0';
  return { t: integerOf(node, 't'), d: integerOf(node, 'd') ?? 0n, r: /^-?\d+$/.test(r) ? BigInt(r) : 0n, line: node.line };
}

/** 5.3.9.6.2: an absent t continues, r repeats, r = -1 repeats until the next S or the end. */
export function expandTimeline(entries: readonly DashTimelineEntry[], end: bigint | null, problems: Problem[]): { time: bigint; duration: bigint; line: number }[] {
  const segments: { time: bigint; duration: bigint; line: number }[] = [];
  let time = 0n;
  for (const [i, { t, d, r, line }] of entries.entries()) {
    if (t !== null) time = t;
    if (d === 0n) {
      problems.push({ line, message: 'S without a positive @d' });
      continue;
    }
    const until = entries[i + 1]?.t ?? end;
    let count = r + 1n;
    if (r < 0n) {
      if (until === null) problems.push({ line, message: 'S@r is negative and nothing says where it ends' });
      count = until === null ? 1n : (until - time + d - 1n) / d;
    }
    if (count > BigInt(MAX_SEGMENTS - segments.length)) {
      problems.push({ line, message: `more than ${MAX_SEGMENTS} segments` });
      return segments;
    }
    for (let k = 0n; k < count; k++, time += d) segments.push({ time, duration: d, line });
  }
  return segments;
}

function constantTimeline(duration: string | undefined, end: bigint | null, offset: bigint, line: number): { time: bigint; duration: bigint; line: number }[] {
  if (duration === undefined || !/^[1-9]\d*$/.test(duration) || end === null) return [];
  const d = BigInt(duration);
  const count = (end - offset + d - 1n) / d;
  return Array.from({ length: Number(count > BigInt(MAX_SEGMENTS) ? BigInt(MAX_SEGMENTS) : count) }, (_, i) => ({ time: offset + BigInt(i) * d, duration: d, line }));
}

const IDENTIFIER = /\$(?:(RepresentationID)|(Number|Bandwidth|Time|SubNumber)(?:%0(\d+)d)?)?\$/g;

/** 5.3.9.4.4. Null when an identifier is unknown. */
export function fillTemplate(template: string, values: { RepresentationID: string; Number: bigint; Bandwidth: bigint; Time: bigint }): string | null {
  if (template.replace(IDENTIFIER, '').includes('$')) return null;
  return template.replace(IDENTIFIER, (_, id: string | undefined, name: 'Number' | 'Bandwidth' | 'Time' | undefined, width: string | undefined) => {
    if (id !== undefined) return values.RepresentationID;
    if (name === undefined) return '$';
    return String(values[name]).padStart(Number(width ?? '1'), '0');
  });
}

/** Identifiers of a template in order, e.g. ['Bandwidth', 'Time']; unknown ones keep their dollars. */
export function identifiersOf(template: string): readonly string[] {
  return [...template.matchAll(/\$([^$]*)\$/g)].map(([whole, name]) => (new RegExp(`^(?:${IDENTIFIER.source})$`).test(whole) ? name.replace(/%0\d+d$/, '') : whole));
}

/** xs:duration to nanoseconds; years and months have no fixed length and are not accepted. */
export function durationOf(text: string | undefined): bigint | null {
  const match = /^P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9})\d*)?S)?)?$/.exec(text ?? '');
  if (match === null || text === 'P') return null;
  const [, days = '0', hours = '0', minutes = '0', seconds = '0', fraction = ''] = match;
  return (((BigInt(days) * 24n + BigInt(hours)) * 60n + BigInt(minutes)) * 60n + BigInt(seconds)) * NANOSECONDS + BigInt(fraction.padEnd(9, '0'));
}
