/** TTML paragraphs as WebVTT cues: words, the simple styles that tags can say, and the place of the region. */
import { textLimit, type Interval, type Milliseconds } from './document.ts';
import { escapeCue, isRightToLeft, plainText, parseCueText } from './cuetext.ts';
import { childIntervals, STYLING, TTML, XML, type TtmlCue, type TtmlFile } from './ttml.ts';
import { groupText, RUBY_ROLES, rubyText, type RubyPart } from './ruby.ts';
import { keptSpace, shownSpace } from './space.ts';
import { elementsOf, valueOf, type XmlElement } from './xmltree.ts';
import type { VttCue } from './webvtt.ts';

/** Times inside one paragraph. */
const MAX_STEPS = 500;

type Styles = ReadonlyMap<string, string>;

export function cuesOfTtml(file: TtmlFile, where: string): (cue: TtmlCue) => readonly VttCue[] {
  const named = new Map<string, XmlElement>();
  const collect = (element: XmlElement): void => {
    const id = valueOf(element, 'id', XML);
    if (id !== null) named.set(id, element);
    elementsOf(element).forEach(collect);
  };
  if (file.head !== null) collect(file.head);
  return (cue) => {
    const chain = [...cue.ancestors, cue.paragraph];
    const regionId = chain.map((element) => valueOf(element, 'region')).findLast((id) => id !== null);
    const region = regionId === undefined || regionId === null ? undefined : named.get(regionId);
    const inherited = new Map([...(region === undefined ? [] : [region, ...elementsOf(region)]), ...chain].flatMap((element) => [...stylesOf(element, named)]));
    const preserve = [file.root, ...cue.ancestors].reduce((outer, element) => keepsSpace(element, outer), false);
    const steps = stepsOf(cue, file, where);
    return steps.flatMap(({ start, end }) => {
      const payload = directed(linesOf(content(cue.paragraph, { start: cue.origin, end: cue.end }, start, { outer: new Map(), inherited, preserve }, { file, named, where })), inherited.get('direction'));
      const settings = settingsOf(region === undefined ? new Map() : stylesOf(region, named), inherited, isRightToLeft(wordsOf(payload)));
      return payload === '' ? [] : [{ start, end, id: valueOf(cue.paragraph, 'id', XML) ?? '', settings, payload }];
    });
  };
}

/** Own attributes over referenced styles, which have references too (TTML2 10.4.2). */
function stylesOf(element: XmlElement, named: ReadonlyMap<string, XmlElement>, depth = 0): Styles {
  const styles = new Map<string, string>();
  const references = depth > 8 ? [] : (valueOf(element, 'style') ?? '').split(/\s+/).slice(0, 16);
  for (const id of references) {
    const style = named.get(id);
    if (style !== undefined && style.local === 'style') for (const [name, value] of stylesOf(style, named, depth + 1)) styles.set(name, value);
  }
  for (const { local, uri, value } of element.attributes) if (uri === STYLING) styles.set(local, value);
  return styles;
}

/** The paragraph's interval, apart at every time inside it. */
function stepsOf({ paragraph, start, end, origin }: TtmlCue, { base }: TtmlFile, where: string): readonly Interval[] {
  const times = new Set<Milliseconds>([start, end]);
  const visit = (element: XmlElement, own: Interval): void => {
    for (const { child, interval } of childIntervals(element, own, base, where)) {
      for (const time of [interval.start, interval.end]) if (time > start && time < end) times.add(time);
      if (times.size > MAX_STEPS) throw textLimit('times in one paragraph', where, MAX_STEPS, 'more');
      visit(child, interval);
    }
  };
  visit(paragraph, { start: origin, end });
  const sorted = [...times].sort((a, b) => a - b);
  return sorted.slice(1).map((time, i) => ({ start: sorted[i], end: time }));
}

/** Tags for what a span changes against its parent. */
const TAGS: readonly (readonly [style: string, test: RegExp, tag: string])[] = [
  ['fontStyle', /^(?:italic|oblique)$/, 'i'],
  ['fontWeight', /^bold$/, 'b'],
  ['textDecoration', /\bunderline\b/, 'u'],
];

/** The eight colours that WebVTT has classes for (5.1); TTML knows them by these names and numbers (TTML2 8.3.10). */
const COLOURS: ReadonlyMap<string, string> = new Map(
  [
    ['white', '#ffffff'],
    ['lime', '#00ff00'],
    ['cyan', '#00ffff', 'aqua'],
    ['red', '#ff0000'],
    ['yellow', '#ffff00'],
    ['magenta', '#ff00ff', 'fuchsia'],
    ['blue', '#0000ff'],
    ['black', '#000000'],
  ].flatMap((names) => names.flatMap((name) => [[name, names[0]] as const, [`${name}ff`, names[0]] as const])),
);

function colourOf(styles: Styles, name: string): string | undefined {
  return COLOURS.get((styles.get(name) ?? '').trim().toLowerCase());
}

/** Classes for what is seen of colours: white words on black are what players show by themselves. */
function classesOf(styles: Styles, outer: Styles): string {
  const colour = colourOf(styles, 'color') ?? 'white';
  const background = colourOf(styles, 'backgroundColor') ?? 'black';
  return (colour === (colourOf(outer, 'color') ?? 'white') ? '' : `.${colour}`) + (background === (colourOf(outer, 'backgroundColor') ?? 'black') ? '' : `.bg_${background}`);
}

/** `outer`: what tags around it say already; `inherited`: what holds for the paragraph as a whole; `preserve`: white space counts. */
type Around = { readonly outer: Styles; readonly inherited: Styles; readonly preserve: boolean };
type Source = { readonly file: TtmlFile; readonly named: ReadonlyMap<string, XmlElement>; readonly where: string };

/** xml:space holds for what is inside, too (XML 1.0 2.10). */
function keepsSpace(element: XmlElement, outer: boolean): boolean {
  const space = valueOf(element, 'space', XML);
  return space === null ? outer : space === 'preserve';
}

/** What shows at `time`. */
function content(element: XmlElement, own: Interval, time: Milliseconds, { outer, inherited, preserve: outerSpace }: Around, source: Source): string {
  const { file, named, where } = source;
  const styles = new Map([...inherited, ...stylesOf(element, named)]);
  const role = styles.get('ruby');
  // Of all styles that mean something here only this one is not inherited (TTML2, tts:ruby).
  styles.delete('ruby');
  const isGroup = role === 'baseContainer' || role === 'textContainer';
  const preserve = keepsSpace(element, outerSpace);
  const intervals = new Map(childIntervals(element, own, file.base, where).map(({ child, interval }) => [child, interval]));
  const parts: RubyPart[] = [];
  for (const child of element.children) {
    if (typeof child === 'string') parts.push({ role: 'none', text: preserve ? keptSpace(escapeCue(child)) : escapeCue(child.replace(/[\t\r\n ]+/g, ' ')) });
    else if (child.uri === TTML && child.local === 'br') parts.push({ role: 'none', text: '\n' });
    else {
      const interval = intervals.get(child);
      // The members of a group are put apart: each has its own tags.
      const around = { outer: isGroup ? outer : styles, inherited: styles, preserve };
      if (interval !== undefined && interval.start <= time && time < interval.end) parts.push({ role: roleOf(child, named), text: content(child, interval, time, around, source) });
    }
  }
  const inner = role === 'container' ? rubyText(parts) : isGroup ? groupText(parts) : parts.map(({ text }) => text).join('');
  if (isGroup || inner.trim() === '') return inner;
  const language = element.local === 'span' ? valueOf(element, 'lang', XML) : null;
  const simple = TAGS.reduce((text, [style, test, tag]) => (test.test(styles.get(style) ?? '') && !test.test(outer.get(style) ?? '') ? `<${tag}>${text}</${tag}>` : text), inner);
  const classes = classesOf(styles, outer);
  const tagged = classes === '' ? simple : `<c${classes}>${simple}</c>`;
  return language === null || !/^[\w-]{1,35}$/.test(language) ? tagged : `<lang ${language}>${tagged}</lang>`;
}

/** Lines without outer white space, but for what counts; an empty one would end the cue. */
function linesOf(text: string): string {
  return shownSpace(text)
    .split('\n')
    .map((line) => line.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((line) => line.trim() !== '')
    .join('\n');
}

function roleOf(element: XmlElement, named: ReadonlyMap<string, XmlElement>): RubyPart['role'] {
  const role = stylesOf(element, named).get('ruby');
  return RUBY_ROLES.find((each) => each === role) ?? 'none';
}

function wordsOf(payload: string): string {
  return plainText(parseCueText(payload));
}

/** WebVTT takes the direction of a line from its first strong letter: where a paragraph says another, an invisible mark stands in front. */
function directed(payload: string, direction: string | undefined): string {
  if (direction !== 'rtl' && direction !== 'ltr') return payload;
  const isRight = (line: string): boolean => !/\p{L}/u.test(wordsOf(line)) || isRightToLeft(wordsOf(line)) === (direction === 'rtl');
  return payload.split('\n').map((line) => (isRight(line) ? line : `${direction === 'rtl' ? '&rlm;' : '&lrm;'}${line}`)).join('\n');
}

/** Place and alignment (WebVTT 4.4) of a region in percent; other units have no meaning without the video's size. */
function settingsOf(region: Styles, inherited: Styles, rightToLeft: boolean): string {
  const align = { left: 'left', right: 'right', start: 'start', end: 'end', center: 'center' }[inherited.get('textAlign') ?? 'start'] ?? 'start';
  const [x, y] = percents(region.get('origin'));
  const [width, height] = percents(region.get('extent'));
  const parts: string[] = [];
  const display = region.get('displayAlign') ?? 'before';
  if (y !== null && height !== null) {
    if (display === 'before') parts.push(`line:${round(y)}%`);
    else if (display === 'center') parts.push(`line:${round(y + height / 2)}%,center`);
    // The automatic place is above the lower edge.
    else if (y + height < 80) parts.push(`line:${round(y + height)}%,end`);
  }
  // The edge that a position counts from follows the direction of the words (6.1, computed position alignment).
  const isAtRight = align === 'right' || align === (rightToLeft ? 'start' : 'end');
  if (x !== null && width !== null && align !== 'center') parts.push(`position:${round(isAtRight ? Math.min(100, x + width) : x)}%`);
  if (x !== null && width !== null && align === 'center' && Math.abs(x + width / 2 - 50) > 1) parts.push(`position:${round(Math.min(100, x + width / 2))}%`);
  if (width !== null && width < 100) parts.push(`size:${round(width)}%`);
  if (align !== 'center') parts.push(`align:${align}`);
  return parts.join(' ');
}

function percents(text: string | undefined): readonly [number | null, number | null] {
  const match = /^\s*(\d{1,3}(?:\.\d{1,9})?)%\s+(\d{1,3}(?:\.\d{1,9})?)%\s*$/.exec(text ?? '');
  const value = (digits: string | undefined): number | null => (digits === undefined || Number(digits) > 100 ? null : Number(digits));
  return [value(match?.[1]), value(match?.[2])];
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}
