/** WebVTT as IMSC1 text profile (W3C TTML Profiles for Internet Media Subtitles and Captions 1.1): positions become regions, tags spans. */
import { isRightToLeft, parseCueText, plainText, type CueNode } from './cuetext.ts';
import { fineClockText, textLimit, within, type Interval } from './document.ts';
import { foldedSpace } from './space.ts';
import { IMSC11_TEXT, IMSC1_TEXT } from './ttml.ts';
import type { VttCue } from './webvtt.ts';
import { attributeText, escapeXml } from './xmltree.ts';

/** The eight colours that WebVTT defines classes for (5.1), all of them named colours of TTML. */
const COLOURS = new Set(['white', 'lime', 'cyan', 'red', 'yellow', 'magenta', 'blue', 'black']);
const TAG_STYLES: Readonly<Record<string, string>> = { i: ' tts:fontStyle="italic"', b: ' tts:fontWeight="bold"', u: ' tts:textDecoration="underline"' };
/** Height of a line in percent: fifteen rows, as captions have. */
const ROW = 100 / 15;

/** More places than this are an attack: all of them stand in every segment. */
const MAX_REGIONS = 200;

/** A writer for parts of a file. They have one head, so that readers can put them together again. */
export function ttmlWriter(file: readonly VttCue[]): (cues: readonly VttCue[], language: string, window?: Interval) => string {
  const regions = new Map<string, string>();
  const regionOf = new Map<string, string>();
  for (const cue of file) {
    const key = placeKey(cue);
    if (regionOf.has(key)) continue;
    const style = regionStyle(cue.settings, key.startsWith(RIGHT_TO_LEFT));
    if (!regions.has(style) && regions.size >= MAX_REGIONS) throw textLimit('places of cues', 'cue settings', MAX_REGIONS, 'more');
    if (!regions.has(style)) regions.set(style, `r${regions.size + 1}`);
    regionOf.set(key, regions.get(style) ?? '');
  }
  const layout = [...regions].map(([style, id]) => `<region xml:id="${id}"${style}/>`).join('');
  // Documents of IMSC1.1 name their profile by the attribute of TTML2.
  const profile = file.some(({ payload }) => /<ruby[.\s>]/.test(payload)) ? ` ttp:contentProfiles="${IMSC11_TEXT}"` : ` ttp:profile="${IMSC1_TEXT}"`;
  return (cues, language, window) => documentText(cues, { language, layout, profile, regionOf, window });
}

const RIGHT_TO_LEFT = 'rtl ';

/** What decides a cue's region: its settings, and the direction of its words, which start and end follow. */
function placeKey({ settings, payload }: VttCue): string {
  return isRightToLeft(plainText(parseCueText(payload))) ? `${RIGHT_TO_LEFT}${settings}` : settings;
}

type Frame = { readonly language: string; readonly layout: string; readonly profile: string; readonly regionOf: ReadonlyMap<string, string>; readonly window: Interval | undefined };

function documentText(cues: readonly VttCue[], { language, layout, profile, regionOf, window }: Frame): string {
  const ids = new Set<string>();
  const paragraphs = cues.map((cue) => {
    const region = regionOf.get(placeKey(cue)) ?? '';
    const nodes = parseCueText(cue.payload);
    // Players show the words of metadata inside a paragraph.
    const id = /^[\w.-]{1,100}$/.test(cue.id) && !ids.has(cue.id) ? attributeText('xml:id', `cue_${cue.id}`) : '';
    ids.add(cue.id);
    const direction = isRightToLeft(plainText(nodes)) ? ' tts:direction="rtl" tts:unicodeBidi="embed"' : '';
    const { start, end } = within(cue, window);
    return `<p region="${region}" begin="${fineClockText(start)}" end="${fineClockText(end)}"${direction}${id}>${nodes.map((node) => spanText(node)).join('')}</p>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:tts="http://www.w3.org/ns/ttml#styling"${attributeText('xml:lang', language)} xml:space="preserve" ttp:timeBase="media" ttp:cellResolution="32 15"${profile}>`,
    '<head><styling><style xml:id="s1" tts:color="white" tts:backgroundColor="transparent" tts:fontFamily="proportionalSansSerif" tts:fontSize="100%" tts:lineHeight="normal"/></styling>',
    `<layout>${layout}</layout></head>`,
    `<body style="s1"><div>${paragraphs.join('')}</div></body>`,
    '</tt>',
  ].join('');
}

/** Without what XML 1.0 cannot hold. */
function clean(text: string): string {
  return text.toWellFormed().replace(/[^\t\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '�');
}

function spanText(node: CueNode, role = ''): string {
  if (typeof node === 'string') return escapeXml(foldedSpace(clean(node))).replaceAll('\n', '<br/>');
  const inner = node.tag === 'ruby' ? rubySpans(node.children) : node.children.map((child) => spanText(child)).join('');
  const colour = node.classes.findLast((name) => COLOURS.has(name));
  const background = node.classes.findLast((name) => name.startsWith('bg_') && COLOURS.has(name.slice(3)))?.slice(3);
  const attributes = [
    role,
    TAG_STYLES[node.tag] ?? '',
    colour === undefined ? '' : attributeText('tts:color', colour),
    background === undefined ? '' : attributeText('tts:backgroundColor', background),
    node.tag === 'lang' && /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$/.test(node.annotation) ? attributeText('xml:lang', node.annotation) : '',
  ].join('');
  // Nothing of IMSC1 names a speaker in a way that is shown.
  return attributes === '' ? inner : `<span${attributes}>${inner}</span>`;
}

function rubyRole(role: 'container' | 'base' | 'text'): string {
  return attributeText('tts:ruby', role);
}

/** Each annotation with the words in front of it is a container of its own; words without one are as any others. */
function rubySpans(children: readonly CueNode[]): string {
  let spans = '';
  let base = '';
  for (const child of children) {
    if (typeof child === 'string' || child.tag !== 'rt') base += spanText(child);
    else {
      spans += `<span${rubyRole('container')}><span${rubyRole('base')}>${base}</span>${spanText(child, rubyRole('text'))}</span>`;
      base = '';
    }
  }
  return spans + base;
}

type Box = { readonly align: string; readonly x: number; readonly width: number; readonly y: number; readonly height: number; readonly display: string; readonly writing: string };

/** Styles of the region that a cue's settings describe (W3C WebVTT 7.2 step 11 ff., in whole rows instead of measured lines). */
function regionStyle(settings: string, rightToLeft: boolean): string {
  const { align, x, width, y, height, display, writing } = boxOf(new Map(settings.split(/[ \t]+/).map((setting) => [setting.slice(0, setting.indexOf(':')), setting.slice(setting.indexOf(':') + 1)])), rightToLeft);
  const percent = (a: number, b: number): string => `${round(a)}% ${round(b)}%`;
  return [
    attributeText('tts:origin', percent(x, y)),
    attributeText('tts:extent', percent(width, height)),
    attributeText('tts:displayAlign', display),
    attributeText('tts:textAlign', align),
    writing === '' ? '' : attributeText('tts:writingMode', writing),
    attributeText('tts:overflow', 'visible'),
  ].join('');
}

function boxOf(settings: ReadonlyMap<string, string>, rightToLeft: boolean): Box {
  const align = ['start', 'end', 'left', 'right', 'center'].find((value) => value === settings.get('align')) ?? 'center';
  const [told, side] = (settings.get('position') ?? '').split(',');
  const isLeft = align === 'left' || align === (rightToLeft ? 'end' : 'start');
  // 6.1: the computed position alignment.
  const from = SIDES[side ?? ''] ?? (align === 'center' ? 50 : isLeft ? 0 : 100);
  const position = percentOf(told) ?? from;
  const room = from === 0 ? 100 - position : from === 100 ? position : 2 * Math.min(position, 100 - position);
  const size = Math.min(percentOf(settings.get('size')) ?? 100, room);
  const along = position - (size * from) / 100;
  const writing = { rl: 'tbrl', lr: 'tblr' }[settings.get('vertical') ?? ''] ?? '';
  const across = acrossOf(settings.get('line') ?? 'auto');
  if (writing !== '') return { align, x: across.start, width: across.length, y: along, height: size, display: across.display, writing };
  return { align, x: along, width: size, y: across.start, height: across.length, display: across.display, writing };
}

const SIDES: Readonly<Record<string, number | undefined>> = { 'line-left': 0, center: 50, 'line-right': 100 };

/** Where the lines stack: from `start`, before or after. The automatic place is the last rows above a margin of 5 %. */
function acrossOf(line: string): { readonly start: number; readonly length: number; readonly display: string } {
  const [place, alignment = 'start'] = line.split(',');
  const percent = percentOf(place);
  if (percent !== null) {
    if (alignment === 'end') return { start: 0, length: percent, display: 'after' };
    if (alignment === 'center') {
      const half = Math.min(percent, 100 - percent);
      return { start: percent - half, length: 2 * half, display: 'center' };
    }
    return { start: percent, length: 100 - percent, display: 'before' };
  }
  const row = /^-?\d{1,3}$/.test(place) ? Number(place) : null;
  if (row === null || row === -1) return { start: 5, length: 90, display: 'after' };
  if (row >= 0) return { start: Math.min(row * ROW, 100 - ROW), length: 100 - Math.min(row * ROW, 100 - ROW), display: 'before' };
  return { start: 0, length: Math.max(ROW, 100 + (row + 1) * ROW), display: 'after' };
}

function percentOf(text: string | undefined): number | null {
  const match = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text ?? '');
  return match === null || Number(match[1]) > 100 ? null : Number(match[1]);
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}
