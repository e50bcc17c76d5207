/**
 * TTML documents (W3C TTML2; IMSC1 and the older DFXP) as far as cutting needs: which paragraph shows when. What a document says
 * beyond that — metadata, styles, regions, direction, foreign elements — is kept as it is written.
 */
import { IsomerError } from '../errors.ts';
import { fineClockText, MAX_CUES, textLimit, within, type Interval, type Milliseconds } from './document.ts';
import { parseTime, timeBaseOf, TTML_PARAMETER, type TimeBase } from './ttmltime.ts';
import { elementsOf, readXmlTree, startTag, valueOf, writeXml, type XmlAttribute, type XmlElement } from './xmltree.ts';

export const TTML = 'http://www.w3.org/ns/ttml';
export const XML = 'http://www.w3.org/XML/1998/namespace';
export const IMSC1_TEXT = 'http://www.w3.org/ns/ttml/profile/imsc1/text';
/** The first one with ruby. */
export const IMSC11_TEXT = 'http://www.w3.org/ns/ttml/profile/imsc1.1/text';
export const STYLING = 'http://www.w3.org/ns/ttml#styling';
const XMLNS = 'http://www.w3.org/2000/xmlns/';

export type TtmlCue = Interval & {
  readonly paragraph: XmlElement;
  /** Where the paragraph's inner times count from. */
  readonly origin: Milliseconds;
  /** body and the divs around it, without times and children. */
  readonly ancestors: readonly XmlElement[];
};

export type TtmlFile = {
  readonly root: XmlElement;
  readonly head: XmlElement | null;
  readonly base: TimeBase;
  readonly hasRuby: boolean;
  /** In order of start; those that never end do so at MAX_SAFE_INTEGER. */
  readonly cues: readonly TtmlCue[];
};

/** Drafts had namespaces of their own with the same last parts. */
const DRAFT = /^http:\/\/www\.w3\.org\/200[46]\/(?:04|10)\/ttaf1/;
const TIMES = new Set(['begin', 'end', 'dur', 'timeContainer']);
const NEVER = Number.MAX_SAFE_INTEGER;

export function readTtml(bytes: Uint8Array, where: string): TtmlFile {
  const root = withNamespaces(readXmlTree(bytes, where));
  if (root.local !== 'tt' || root.uri !== TTML) throw new IsomerError('ISOMER_TEXT_MALFORMED', { where, expected: `a tt element of ${TTML}`, found: `${root.local} of ${root.uri || 'no namespace'}` });
  const base = timeBaseOf(root, where);
  const child = (local: string): XmlElement | null => elementsOf(root).find((element) => element.local === local && element.uri === TTML) ?? null;
  const body = child('body');
  const cues: TtmlCue[] = [];
  const visit = (element: XmlElement, ancestors: readonly XmlElement[], own: Interval): void => {
    const inside = [...ancestors, { ...untimed(element), children: [] }];
    for (const { child: inner, interval } of childIntervals(element, own, base, where)) {
      if (inner.local === 'div') visit(inner, inside, interval);
      else if (inner.local === 'p' && interval.end > interval.start && hasContent(inner)) {
        if (cues.length >= MAX_CUES) throw textLimit('cues', where, MAX_CUES, 'more');
        cues.push({ ...shownInterval(inner, interval, base, where), origin: interval.start, paragraph: untimed(inner), ancestors: inside });
      }
    }
  };
  if (body !== null) visit(body, [], intervalOf(body, { start: 0, end: NEVER }, 0, base, where));
  return { root, head: child('head'), base, hasRuby: hasRuby(root), cues: cues.filter(({ start, end }) => end > start).toSorted((a, b) => a.start - b.start) };
}

function hasRuby(element: XmlElement): boolean {
  return valueOf(element, 'ruby', STYLING) !== null || elementsOf(element).some(hasRuby);
}

function withNamespaces(element: XmlElement): XmlElement {
  const current = (uri: string): string => (DRAFT.test(uri) ? uri.replace(DRAFT, TTML).replace(/#(?:style|parameter)s?(?:-extension|-attrib)?$/, (suffix) => `#${suffix.includes('style') ? 'styling' : 'parameter'}`) : uri);
  const attributes = element.attributes.map((attribute): XmlAttribute => ({ ...attribute, uri: current(attribute.uri), value: attribute.name.startsWith('xmlns') ? current(attribute.value) : attribute.value }));
  return { ...element, uri: current(element.uri), attributes, children: element.children.map((child) => (typeof child === 'string' ? child : withNamespaces(child))) };
}

function untimed(element: XmlElement): XmlElement {
  return { ...element, attributes: element.attributes.filter(({ local, uri }) => uri !== '' || !TIMES.has(local)) };
}

/** TTML2 12.2: begin and dur count from the reference, the parent's interval bounds. */
function intervalOf(element: XmlElement, parent: Interval, reference: Milliseconds, base: TimeBase, where: string): Interval {
  const time = (name: string): Milliseconds | null => {
    const text = valueOf(element, name);
    return text === null ? null : parseTime(text, base, where);
  };
  const start = reference + (time('begin') ?? 0);
  const [end, duration] = [time('end'), time('dur')];
  const ends = [parent.end, end === null ? NEVER : reference + end, duration === null ? NEVER : start + duration];
  return { start, end: Math.min(...ends) };
}

/** Children of a parallel container count from its start, those of a sequential one from where the one before ended. */
export function childIntervals(element: XmlElement, own: Interval, base: TimeBase, where: string): readonly { readonly child: XmlElement; readonly interval: Interval }[] {
  const isSequence = valueOf(element, 'timeContainer') === 'seq';
  let reference = own.start;
  return elementsOf(element)
    .filter(({ uri, local }) => uri === TTML && local !== 'metadata' && local !== 'set' && local !== 'br')
    .map((child) => {
      const interval = intervalOf(child, own, reference, base, where);
      if (isSequence) reference = Math.min(interval.end, own.end);
      return { child, interval };
    });
}

function hasContent({ children }: XmlElement): boolean {
  return children.some((child) => (typeof child === 'string' ? child.trim() !== '' : child.uri === TTML && child.local !== 'metadata' && hasContent(child)));
}

/** A paragraph whose words all stand in timed spans shows from the first to the last of them. */
function shownInterval(paragraph: XmlElement, own: Interval, base: TimeBase, where: string): Interval {
  const inner = childIntervals(paragraph, own, base, where).filter(({ child }) => hasContent(child));
  const hasOwnText = paragraph.children.some((child) => typeof child === 'string' && child.trim() !== '');
  if (hasOwnText || inner.length === 0) return own;
  return { start: Math.max(own.start, Math.min(...inner.map(({ interval }) => interval.start))), end: Math.min(own.end, Math.max(...inner.map(({ interval }) => interval.end))) };
}

type Part = { readonly language: string; readonly window: Interval | undefined; readonly where: string };

/**
 * The document with some of its paragraphs, their times made absolute or, with a window, counted from its start; in the first case a
 * paragraph with inner times keeps where these count from.
 */
export function writeTtml({ root, head, base, hasRuby: ruby }: TtmlFile, cues: readonly TtmlCue[], { language, window, where }: Part): string {
  const hasLanguage = valueOf(root, 'lang', XML) !== null;
  const attributes = [...root.attributes, ...(hasLanguage ? [] : [{ name: 'xml:lang', local: 'lang', uri: XML, value: language }]), ...profileOf(root, ruby)];
  const parts = ['<?xml version="1.0" encoding="UTF-8"?>', startTag({ name: root.name, attributes })];
  if (head !== null) parts.push(writeXml(head));
  let open: readonly XmlElement[] = [];
  for (const cue of cues) {
    const { ancestors, paragraph, end, origin } = cue;
    let common = 0;
    while (common < open.length && open[common] === ancestors[common]) common++;
    for (const element of open.slice(common).toReversed()) parts.push(`</${element.name}>`);
    for (const element of ancestors.slice(common)) parts.push(startTag(element));
    open = ancestors;
    if (!hasInnerTimes(paragraph)) parts.push(writeXml(timed(paragraph, within(cue, window))));
    else if (window === undefined) parts.push(writeXml(timed(paragraph, { start: origin, end })));
    else {
      const shown = { start: Math.max(cue.start, window.start), end: Math.min(end, window.end) };
      parts.push(writeXml(timed(clipped(paragraph, { start: origin, end }, shown, base, where), within(shown, window))));
    }
  }
  for (const element of open.toReversed()) parts.push(`</${element.name}>`);
  const prefix = root.name.includes(':') ? `${root.name.split(':')[0]}:` : '';
  if (cues.length === 0) parts.push(`<${prefix}body/>`);
  parts.push(`</${root.name}>`);
  return parts.join('');
}

function timed(element: XmlElement, { start, end }: Interval): XmlElement {
  const attribute = (name: string, time: Milliseconds): readonly XmlAttribute[] => (time === NEVER ? [] : [{ name, local: name, uri: '', value: fineClockText(time) }]);
  return { ...element, attributes: [...element.attributes, ...attribute('begin', start), ...attribute('end', end)] };
}

/** An element that lasts for `own`, with what shows of it in `shown`; the times inside count from there, each for itself. */
function clipped(element: XmlElement, own: Interval, shown: Interval, base: TimeBase, where: string): XmlElement {
  const intervals = new Map(childIntervals(element, own, base, where).map(({ child, interval }) => [child, interval]));
  const children = element.children.flatMap((child): readonly (XmlElement | string)[] => {
    if (typeof child === 'string') return [child];
    // Animation counts from its parent's start, whatever its siblings do.
    const interval = intervals.get(child) ?? (child.uri === TTML && child.local === 'set' ? intervalOf(child, own, own.start, base, where) : undefined);
    if (interval === undefined) return [child];
    const seen = { start: Math.max(interval.start, shown.start), end: Math.min(interval.end, shown.end) };
    if (seen.end <= seen.start) return [];
    const inside = clipped(child, interval, seen, base, where);
    return [seen.start === shown.start && seen.end === shown.end ? inside : timed(inside, within(seen, shown))];
  });
  return { ...untimed(element), children };
}

/** Sample entries call all TTML IMSC1 text; a document that names no profile says so too (IMSC1 6.9), with ruby that of IMSC1.1. */
function profileOf({ attributes }: XmlElement, ruby: boolean): readonly XmlAttribute[] {
  if (attributes.some(({ uri, local }) => uri === TTML_PARAMETER && (local === 'profile' || local === 'contentProfiles'))) return [];
  const prefix = attributes.find(({ name, value }) => name.startsWith('xmlns:') && value === TTML_PARAMETER)?.name.slice('xmlns:'.length);
  const declared = prefix === undefined ? [{ name: 'xmlns:ttp', local: 'ttp', uri: XMLNS, value: TTML_PARAMETER }] : [];
  const [local, value] = ruby ? ['contentProfiles', IMSC11_TEXT] : ['profile', IMSC1_TEXT];
  return [...declared, { name: `${prefix ?? 'ttp'}:${local}`, local, uri: TTML_PARAMETER, value }];
}

export function hasInnerTimes(element: XmlElement): boolean {
  return elementsOf(element).some((child) => child.attributes.some(({ local, uri }) => uri === '' && TIMES.has(local)) || hasInnerTimes(child));
}
