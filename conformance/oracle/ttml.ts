/**
 * TTML documents as IMSC1 text profile wants them (W3C TTML Profiles for Internet Media Subtitles and Captions 1.1; TTML2): faults of
 * form, and what shows when. Shares nothing with the packager, neither code nor way: intervals come from a walk that hands times down.
 */
import { SaxesParser } from 'saxes';
import type { TextPlace, TextStyle } from '../../spec/truth.ts';
import { beginsRightToLeft, plainLines, styledWords, type Run, type ServedCue, type TextFacts } from './cues.ts';

const TT = 'http://www.w3.org/ns/ttml';
const [STYLING, PARAMETER, METADATA] = ['styling', 'parameter', 'metadata'].map((part) => `${TT}#${part}`);
const XML = 'http://www.w3.org/XML/1998/namespace';
const SMPTE = 'http://www.smpte-ra.org/schemas/2052-1/2010/smpte-tt';
/** IMSC1 and IMSC1.1 name themselves by either attribute; ruby came with the latter. */
const PROFILES = /^http:\/\/www\.w3\.org\/ns\/ttml\/profile\/imsc1(?:\.1)?\/text$/;

export type TtmlFacts = TextFacts & { readonly language: string | null; readonly profile: string | null };

type Node = { readonly local: string; readonly uri: string; readonly attributes: ReadonlyMap<string, string>; readonly children: (Node | string)[]; readonly line: number };
type Say = (line: number, message: string, actual?: string) => void;

export function readTtml(bytes: Uint8Array): TtmlFacts {
  const problems: { line: number; message: string; actual: string }[] = [];
  const say: Say = (line, message, actual = '') => void problems.push({ line, message, actual: actual.slice(0, 80) });
  const root = readTree(new TextDecoder('utf-8').decode(bytes), say);
  if (root === null) return { cues: [], problems, language: null, profile: null };
  if (root.local !== 'tt' || root.uri !== TT) say(root.line, 'the root is no tt element of TTML', `${root.uri} ${root.local}`);
  const language = root.attributes.get(`${XML} lang`) ?? null;
  if (language === null) say(root.line, 'xml:lang is missing');
  const profile = root.attributes.get(`${PARAMETER} profile`) ?? root.attributes.get(`${PARAMETER} contentProfiles`) ?? null;
  if ((root.attributes.get(`${PARAMETER} timeBase`) ?? 'media') !== 'media') say(root.line, 'the time base is not media', root.attributes.get(`${PARAMETER} timeBase`));
  const named = namedElements(root, say);
  checkTree(root, root, say);
  checkRuby(root, null, profile?.endsWith('/imsc1/text') === true, say);
  const body = elements(root).find(({ local }) => local === 'body');
  const cues = body === undefined ? [] : cuesOf(body, clockOf(root), named, say);
  if (elements(root).some(({ local, uri }) => uri === TT && local !== 'head' && local !== 'body')) say(root.line, 'tt holds more than head and body');
  return { cues, problems, language, profile };
}

export function isImscText(profile: string): boolean {
  return PROFILES.test(profile);
}

function readTree(source: string, say: Say): Node | null {
  if (source.includes('\ufffd')) say(1, 'bytes that are no UTF-8 text');
  const parser = new SaxesParser({ xmlns: true, position: true });
  const stack: Node[] = [];
  let root: Node | null = null;
  let broken = false;
  parser.on('error', (error) => {
    if (!broken) say(parser.line, 'the document is not well-formed XML', error.message.replace(/^\d+:\d+: /, ''));
    broken = true;
  });
  parser.on('xmldecl', ({ encoding }) => {
    if (encoding !== undefined && encoding.toUpperCase() !== 'UTF-8') say(1, 'the encoding is not UTF-8', encoding);
  });
  parser.on('doctype', () => say(parser.line, 'the document has a DOCTYPE'));
  parser.on('opentag', ({ local, uri, attributes }) => {
    const node: Node = { local, uri, line: parser.line, children: [], attributes: new Map(Object.values(attributes).map((attribute) => [attribute.uri === '' ? attribute.local : `${attribute.uri} ${attribute.local}`, attribute.value])) };
    stack.at(-1)?.children.push(node);
    root ??= node;
    stack.push(node);
  });
  parser.on('text', (text) => void stack.at(-1)?.children.push(text));
  parser.on('cdata', (text) => void stack.at(-1)?.children.push(text));
  parser.on('closetag', () => void stack.pop());
  parser.write(source).close();
  return broken ? null : root;
}

function elements({ children }: Node): readonly Node[] {
  return children.filter((child) => typeof child !== 'string');
}

function namedElements(root: Node, say: Say): ReadonlyMap<string, Node> {
  const named = new Map<string, Node>();
  const visit = (node: Node): void => {
    const id = node.attributes.get(`${XML} id`);
    if (id !== undefined && named.has(id)) say(node.line, 'an xml:id occurs twice', id);
    if (id !== undefined) named.set(id, node);
    elements(node).forEach(visit);
  };
  visit(root);
  return named;
}

/** What each element may hold (TTML2 8.1, 9.1, 10.1), as far as documents of the text profile use it. */
const CONTENT: Readonly<Record<string, readonly string[]>> = {
  tt: ['head', 'body'],
  head: ['metadata', 'profile', 'styling', 'layout', 'resources'],
  styling: ['metadata', 'initial', 'style'],
  layout: ['metadata', 'region'],
  region: ['metadata', 'style', 'set'],
  style: ['metadata'],
  body: ['metadata', 'set', 'div'],
  div: ['metadata', 'set', 'div', 'p'],
  p: ['metadata', 'set', 'span', 'br'],
  span: ['metadata', 'set', 'span', 'br'],
  br: ['metadata', 'set'],
};
const MIXED = new Set(['p', 'span', 'metadata']);
/** Attributes without a namespace, by element. */
const CORE: Readonly<Record<string, readonly string[]>> = { region: ['begin', 'end', 'dur', 'style', 'timeContainer'], style: ['style'], body: ['begin', 'end', 'dur', 'timeContainer', 'style', 'region'], div: ['begin', 'end', 'dur', 'timeContainer', 'style', 'region'], p: ['begin', 'end', 'dur', 'timeContainer', 'style', 'region'], span: ['begin', 'end', 'dur', 'timeContainer', 'style', 'region'], br: ['style'], set: ['begin', 'end', 'dur'] };
const STYLES: Readonly<Record<string, RegExp>> = {
  color: /^(?:#[\da-f]{6}(?:[\da-f]{2})?|[a-z]+|rgba?\([\d, ]+\))$/i,
  backgroundColor: /^(?:#[\da-f]{6}(?:[\da-f]{2})?|[a-z]+|rgba?\([\d, ]+\))$/i,
  direction: /^(?:ltr|rtl)$/,
  display: /^(?:auto|none)$/,
  displayAlign: /^(?:before|center|after|justify)$/,
  extent: /^(?:auto|(?:\d+(?:\.\d+)?(?:%|px|c|rw|rh) +\d+(?:\.\d+)?(?:%|px|c|rw|rh)))$/,
  origin: /^(?:auto|(?:\d+(?:\.\d+)?(?:%|px|c|rw|rh) +\d+(?:\.\d+)?(?:%|px|c|rw|rh)))$/,
  fontFamily: /^.+$/,
  fontSize: /^\d+(?:\.\d+)?(?:%|px|c|em|rh|rw)(?: +\d+(?:\.\d+)?(?:%|px|c|em|rh|rw))?$/,
  fontStyle: /^(?:normal|italic|oblique)$/,
  fontWeight: /^(?:normal|bold)$/,
  lineHeight: /^(?:normal|\d+(?:\.\d+)?(?:%|px|c|em|rh))$/,
  lineShear: /^.+$/,
  opacity: /^[\d.]+$/,
  overflow: /^(?:visible|hidden)$/,
  padding: /^.+$/,
  position: /^.+$/,
  ruby: /^(?:none|container|base|baseContainer|text|textContainer|delimiter)$/,
  rubyAlign: /^.+$/,
  rubyPosition: /^.+$/,
  rubyReserve: /^.+$/,
  shear: /^.+$/,
  showBackground: /^(?:always|whenActive)$/,
  textAlign: /^(?:left|center|right|start|end|justify)$/,
  textCombine: /^.+$/,
  textDecoration: /^(?:none|(?:no)?(?:[Uu]nderline|[Ll]ineThrough|[Oo]verline)(?: +(?:no)?(?:[Uu]nderline|[Ll]ineThrough|[Oo]verline))*)$/,
  textEmphasis: /^.+$/,
  textOutline: /^.+$/,
  textShadow: /^.+$/,
  unicodeBidi: /^(?:normal|embed|bidiOverride|isolate)$/,
  visibility: /^(?:visible|hidden)$/,
  wrapOption: /^(?:wrap|noWrap)$/,
  writingMode: /^(?:lrtb|rltb|tbrl|tblr|lr|rl|tb)$/,
  zIndex: /^.+$/,
};
const PARAMETERS = new Set(['profile', 'contentProfiles', 'contentProfileCombination', 'timeBase', 'frameRate', 'frameRateMultiplier', 'subFrameRate', 'tickRate', 'cellResolution', 'aspectRatio', 'displayAspectRatio', 'dropMode', 'markerMode', 'clockMode', 'pixelAspectRatio']);

function allowed(table: Readonly<Record<string, readonly string[]>>, element: string, name: string): boolean {
  return Object.hasOwn(table, element) && table[element].includes(name);
}

function checkTree(node: Node, root: Node, say: Say): void {
  for (const [name, value] of node.attributes) {
    const [uri, local] = name.includes(' ') ? name.split(' ') : ['', name];
    if (uri === '' && local !== 'xmlns' && node.uri === TT && node !== root && !allowed(CORE, node.local, local)) say(node.line, 'an element has an attribute that it may not have', `${node.local}@${local}`);
    if (uri === STYLING && !(Object.hasOwn(STYLES, local) && STYLES[local].test(value))) say(node.line, 'a style is unknown or has a wrong value', `${local}="${value}"`);
    if (node === root && uri !== '' && uri !== PARAMETER && PARAMETERS.has(local)) say(node.line, 'an attribute has the name of a parameter of TTML, and another namespace', `${uri} ${local}`);
    if (uri === PARAMETER && (node !== root || !PARAMETERS.has(local))) say(node.line, 'a parameter is unknown, or stands elsewhere than on tt', local);
    if (uri === SMPTE && local === 'backgroundImage') say(node.line, 'the text profile has no images');
    if (uri === XML && local === 'space' && value !== 'default' && value !== 'preserve') say(node.line, 'xml:space is neither default nor preserve', value);
  }
  for (const child of node.children) {
    if (typeof child === 'string') {
      if (child.trim() !== '' && node.uri === TT && !MIXED.has(node.local)) say(node.line, 'words stand where none may', child.trim());
      continue;
    }
    if (child.uri === TT && node.uri === TT && node.local !== 'metadata' && !allowed(CONTENT, node.local, child.local)) say(child.line, 'an element stands where it may not', `${node.local}/${child.local}`);
    if (child.uri === METADATA || (child.uri !== TT && node.uri !== TT)) continue;
    checkTree(child, root, say);
  }
}

/** Roles that may stand in a role (TTML2, tts:ruby): an annotation is nothing without what it belongs to. */
const RUBY_PARENT: Readonly<Record<string, readonly string[]>> = {
  base: ['container', 'baseContainer'],
  text: ['container', 'textContainer'],
  delimiter: ['container', 'textContainer'],
  baseContainer: ['container'],
  textContainer: ['container'],
};

/** Roles by attribute alone; a parent that refers to a style may have its role from there. */
function checkRuby(node: Node, parent: Node | null, isFirstEdition: boolean, say: Say): void {
  const roleOf = (each: Node | null): string => each?.attributes.get(`${STYLING} ruby`) ?? 'none';
  const role = roleOf(node);
  if (role !== 'none' && isFirstEdition) say(node.line, 'the profile that is named has no ruby', role);
  if (Object.hasOwn(RUBY_PARENT, role) && parent?.attributes.has('style') !== true && !RUBY_PARENT[role].includes(roleOf(parent))) say(node.line, 'a part of ruby stands outside of it', role);
  if (role === 'container' && node.children.some((child) => (typeof child === 'string' ? child.trim() !== '' : roleOf(child) === 'none' && !child.attributes.has('style')))) say(node.line, 'ruby holds what is no part of it');
  for (const child of elements(node)) checkRuby(child, node, isFirstEdition, say);
}

type Clock = { readonly frameRate: number; readonly tickRate: number };

function clockOf({ attributes }: Node): Clock {
  const number = (name: string): number | null => (attributes.has(`${PARAMETER} ${name}`) ? Number(attributes.get(`${PARAMETER} ${name}`)) : null);
  const [numerator, denominator] = (attributes.get(`${PARAMETER} frameRateMultiplier`) ?? '1 1').split(/\s+/).map(Number);
  const frames = number('frameRate');
  const frameRate = ((frames ?? 30) * numerator) / denominator;
  return { frameRate, tickRate: number('tickRate') ?? (frames === null ? 1 : frameRate * (number('subFrameRate') ?? 1)) };
}

/** Milliseconds; null when the expression is none (TTML2 12.3.1). */
function timeOf(text: string, { frameRate, tickRate }: Clock): number | null {
  const clock = /^(\d{2,}):([0-5]\d):([0-5]\d|60)(?:\.(\d+)|:(\d{2,}))?$/.exec(text);
  if (clock !== null) return ((Number(clock[1]) * 60 + Number(clock[2])) * 60 + Number(clock[3])) * 1000 + (clock[4] === undefined ? 0 : Number(`0.${clock[4]}`) * 1000) + (clock[5] === undefined ? 0 : (Number(clock[5]) * 1000) / frameRate);
  const offset = /^(\d+(?:\.\d+)?)(h|m|s|ms|f|t)$/.exec(text);
  if (offset === null) return null;
  const unit: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, f: 1000 / frameRate, t: 1000 / tickRate };
  return Number(offset[1]) * unit[offset[2]];
}

type Inherited = { readonly start: number; readonly end: number; readonly styles: ReadonlyMap<string, string>; readonly region: Node | null; readonly preserve: boolean };

function cuesOf(body: Node, clock: Clock, named: ReadonlyMap<string, Node>, say: Say): readonly ServedCue[] {
  const cues: ServedCue[] = [];
  const visit = (node: Node, from: number, inherited: Inherited): number => {
    const own = entered(node, from, inherited, clock, named, say);
    if (node.local === 'p') {
      const cue = cueOf(node, own, clock, named, say);
      if (cue !== null) cues.push(cue);
      return own.end;
    }
    const isSequence = node.attributes.get('timeContainer') === 'seq';
    let next = own.start;
    for (const child of elements(node)) {
      if (child.uri !== TT || (child.local !== 'div' && child.local !== 'p')) continue;
      const end = visit(child, isSequence ? next : own.start, own);
      next = Math.min(end, own.end);
    }
    return own.end;
  };
  visit(body, 0, { start: 0, end: Infinity, styles: new Map(), region: null, preserve: false });
  return cues.toSorted((a, b) => a.start - b.start);
}

/** Times, styles and region that hold inside an element. */
function entered(node: Node, from: number, inherited: Inherited, clock: Clock, named: ReadonlyMap<string, Node>, say: Say): Inherited {
  const time = (name: string): number | null => {
    const text = node.attributes.get(name);
    const value = text === undefined ? null : timeOf(text, clock);
    if (text !== undefined && value === null) say(node.line, 'a time cannot be read', `${name}="${text}"`);
    return value;
  };
  const start = from + (time('begin') ?? 0);
  const [end, duration] = [time('end'), time('dur')];
  const regionId = node.attributes.get('region');
  const region = regionId === undefined ? inherited.region : (named.get(regionId) ?? null);
  if (regionId !== undefined && region?.local !== 'region') say(node.line, 'a region is not defined', regionId);
  const space = node.attributes.get(`${XML} space`);
  return {
    start,
    end: Math.min(inherited.end, end === null ? Infinity : from + end, duration === null ? Infinity : start + duration),
    styles: new Map([...(region === inherited.region || region === null ? [] : regionStyles(region, named, say)), ...inherited.styles, ...stylesOf(node, named, say)]),
    region,
    preserve: space === undefined ? inherited.preserve : space === 'preserve',
  };
}

function regionStyles(region: Node, named: ReadonlyMap<string, Node>, say: Say): ReadonlyMap<string, string> {
  return new Map([...elements(region).filter(({ local }) => local === 'style').flatMap((style) => [...stylesOf(style, named, say)]), ...stylesOf(region, named, say)]);
}

function stylesOf(node: Node, named: ReadonlyMap<string, Node>, say: Say, depth = 0): ReadonlyMap<string, string> {
  const styles = new Map<string, string>();
  for (const id of (node.attributes.get('style') ?? '').split(/\s+/).filter((each) => each !== '')) {
    const style = named.get(id);
    if (style?.local !== 'style' || depth > 8) say(node.line, 'a style is not defined', id);
    else for (const [name, value] of stylesOf(style, named, say, depth + 1)) styles.set(name, value);
  }
  for (const [name, value] of node.attributes) if (name.startsWith(`${STYLING} `)) styles.set(name.slice(STYLING.length + 1), value);
  return styles;
}

/** Words in spans with times of their own are taken for the whole: none of the corpus has them. */
function cueOf(paragraph: Node, own: Inherited, clock: Clock, named: ReadonlyMap<string, Node>, say: Say): ServedCue | null {
  const runs: Run[] = [];
  const visit = (node: Node, inherited: Inherited): void => {
    for (const child of node.children) {
      if (typeof child === 'string') runs.push({ text: inherited.preserve ? child : child.replace(/[\t\r\n ]+/g, ' '), styles: styleNames(inherited.styles) });
      else if (child.uri === TT && child.local === 'br') runs.push({ text: '\n', styles: [] });
      else if (child.uri === TT && child.local === 'span') visit(child, entered(child, inherited.start, inherited, clock, named, say));
    }
  };
  visit(paragraph, own);
  const text = plainLines(runs.map((run) => run.text).join(''));
  if (text === '') return null;
  if (!(own.end > own.start) || own.end === Infinity) say(paragraph.line, 'a paragraph ends before it begins, or never', text);
  const rightToLeft = own.styles.get('direction') === 'rtl';
  if (beginsRightToLeft(text) !== rightToLeft) say(paragraph.line, 'the direction of the words is not said', text);
  return { id: (paragraph.attributes.get(`${XML} id`) ?? '').replace(/^cue_/, ''), start: own.start, end: own.end, text, styled: styledWords(runs), rightToLeft, place: placeOf(own, paragraph, say), line: paragraph.line };
}

/** White words are what there is without a style. */
function styleNames(styles: ReadonlyMap<string, string>): readonly TextStyle[] {
  const names: TextStyle[] = [];
  if (/italic|oblique/.test(styles.get('fontStyle') ?? '')) names.push('italic');
  if (styles.get('fontWeight') === 'bold') names.push('bold');
  if (/(?:^| )underline/.test(styles.get('textDecoration') ?? '')) names.push('underline');
  if (styles.get('ruby') === 'text') names.push('ruby');
  const colour = COLOURS.get((styles.get('color') ?? '').toLowerCase());
  return colour === undefined ? names : [...names, colour];
}

const COLOURS: ReadonlyMap<string, TextStyle> = new Map([['lime', 'lime'], ['cyan', 'cyan'], ['aqua', 'cyan'], ['red', 'red'], ['yellow', 'yellow'], ['magenta', 'magenta'], ['fuchsia', 'magenta'], ['blue', 'blue'], ['black', 'black']]);

/** A document without regions shows at the lower edge only by custom: IMSC1 writers name one. */
function placeOf({ styles, region }: Inherited, paragraph: Node, say: Say): TextPlace | null {
  if (region === null) {
    say(paragraph.line, 'a paragraph has no region');
    return null;
  }
  const pair = (name: string): readonly number[] => /^(\d+(?:\.\d+)?)% +(\d+(?:\.\d+)?)%$/.exec(styles.get(name) ?? '')?.slice(1).map(Number) ?? [];
  const [x, y] = pair('origin');
  const [width, height] = pair('extent');
  if (x === undefined || width === undefined) {
    say(region.line, 'a region has no place in percent');
    return null;
  }
  if (x + width > 100.01 || y + height > 100.01) say(region.line, 'a region leaves the picture', `${x}+${width}, ${y}+${height}`);
  const told = styles.get('textAlign') ?? 'start';
  const rightToLeft = styles.get('direction') === 'rtl';
  const align = told === 'left' || told === 'right' ? ((told === 'left') !== rightToLeft ? 'start' : 'end') : (told as TextPlace['align']);
  const display = styles.get('displayAlign') ?? 'before';
  const [line, anchor] = display === 'before' ? ([y, 'start'] as const) : display === 'center' ? ([y + height / 2, 'center'] as const) : ([y + height, 'end'] as const);
  const isUsual = anchor === 'end' && line >= 80 && align === 'center' && Math.abs(x + width / 2 - 50) < 0.5;
  return isUsual ? null : { line, anchor, x, width, align };
}
