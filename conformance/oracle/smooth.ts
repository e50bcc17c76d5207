/** Reads a Smooth client manifest (MS-SSTR 2.2.2) into addressed fragments, leniently; problems carry lines. */
import type { Problem } from './dash.ts';
import { childrenOf, integerOf, misencodedLine, readXml, type XmlNode } from './xml.ts';

export type SmoothFragment = { readonly time: bigint; readonly duration: bigint; readonly line: number };

export type SmoothQuality = { readonly node: XmlNode; readonly bitrate: number; readonly urls: readonly string[] };

export type SmoothStream = {
  readonly node: XmlNode;
  readonly type: string;
  readonly name: string;
  readonly timescale: number;
  readonly urlTemplate: string;
  readonly fragments: readonly SmoothFragment[];
  readonly qualities: readonly SmoothQuality[];
};

export type SmoothDocument = { readonly root: XmlNode; readonly timescale: number; readonly duration: bigint | null; readonly streams: readonly SmoothStream[]; readonly problems: readonly Problem[] };

const DEFAULT_TIMESCALE = 10_000_000;
const MAX_FRAGMENTS = 500_000;

export function readSmooth(text: string, url: string): SmoothDocument | Problem {
  const parsed = readXml(text);
  if ('problem' in parsed) return { line: parsed.line, message: parsed.problem };
  const { root } = parsed;
  if (root.name !== 'SmoothStreamingMedia') return { line: root.line, message: 'the root is not SmoothStreamingMedia' };
  const problems: Problem[] = [];
  const misencoded = misencodedLine(text);
  if (misencoded !== null) problems.push({ line: misencoded, message: 'the document holds bytes that are no UTF-8' });
  const timescale = timescaleOf(root, DEFAULT_TIMESCALE, problems);
  const streams = childrenOf(root, 'StreamIndex').map((node): SmoothStream => {
    const fragments = expandFragments(childrenOf(node, 'c'), problems);
    const urlTemplate = node.attributes['Url'] ?? '';
    const qualities = childrenOf(node, 'QualityLevel').map((quality): SmoothQuality => {
      const bitrate = Number(integerOf(quality, 'Bitrate') ?? 0n);
      return { node: quality, bitrate, urls: fragments.map(({ time }) => fragmentUrl(urlTemplate, bitrate, time, url)) };
    });
    const type = node.attributes['Type'] ?? '';
    return { node, type, name: node.attributes['Name'] ?? nameInTemplate(urlTemplate) ?? type, timescale: timescaleOf(node, timescale, problems), urlTemplate, fragments, qualities };
  });
  return { root, timescale, duration: integerOf(root, 'Duration'), streams, problems };
}

function timescaleOf(node: XmlNode, inherited: number, problems: Problem[]): number {
  const told = node.attributes['TimeScale'];
  if (told === undefined) return inherited;
  const value = Number(integerOf(node, 'TimeScale') ?? 0n);
  if (value > 0 && Number.isSafeInteger(value)) return value;
  problems.push({ line: node.line, message: 'TimeScale is no positive integer' });
  return inherited;
}

/** MS-SSTR 2.2.2.6: t starts, d lasts, r counts the fragments of a run, the first included. An absent d lasts to the next t. */
export function expandFragments(nodes: readonly XmlNode[], problems: Problem[]): SmoothFragment[] {
  const fragments: SmoothFragment[] = [];
  let time = 0n;
  for (const [i, node] of nodes.entries()) {
    const { line } = node;
    time = integerOf(node, 't') ?? time;
    const next = nodes[i + 1] === undefined ? null : integerOf(nodes[i + 1], 't');
    const duration = integerOf(node, 'd') ?? (next === null ? null : next - time);
    const count = integerOf(node, 'r') ?? 1n;
    if (duration === null || duration <= 0n) problems.push({ line, message: 'c has neither a positive d nor a next t' });
    if (count < 1n || count > BigInt(MAX_FRAGMENTS - fragments.length)) {
      problems.push({ line, message: 'c@r is out of range' });
      continue;
    }
    for (let k = 0n; k < count; k++, time += duration ?? 0n) fragments.push({ time, duration: duration ?? 0n, line });
  }
  return fragments;
}

/** MS-SSTR 2.2.2.4: two placeholders, each with two spellings in the wild. */
function fragmentUrl(template: string, bitrate: number, time: bigint, base: string): string {
  const filled = template.replace(/\{bitrate\}|\{Bitrate\}/g, String(bitrate)).replace(/\{start time\}|\{start_time\}/g, String(time)).replace(/\{CustomAttributes\}/g, '');
  return URL.canParse(filled, base) ? new URL(filled, base).href : '';
}

function nameInTemplate(template: string): string | null {
  return /Fragments\(([^=)]+)=/i.exec(template)?.[1] ?? null;
}
