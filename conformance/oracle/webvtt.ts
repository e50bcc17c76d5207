/** WebVTT files by the grammar of authors, which is stricter than what players forgive (W3C WebVTT, 4 April 2019, clause 4). */
import type { TextPlace, TextStyle } from '../../spec/truth.ts';
import { beginsRightToLeft, plainLines, styledWords, type Run, type ServedCue, type TextFacts } from './cues.ts';

export type WebVttFacts = TextFacts & {
  /** X-TIMESTAMP-MAP of RFC 8216 3.5: the transport clock's value at a time of the cues, in milliseconds. */
  readonly map: { readonly mpegts: number; readonly local: number } | null;
};

type Problems = { line: number; message: string; actual: string }[];

const TIME = String.raw`(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})`;
const TIMING = new RegExp(`^${TIME}[ \\t]+-->[ \\t]+${TIME}(?:[ \\t]+(.*))?$`);
const MAP = new RegExp(`^X-TIMESTAMP-MAP=(?:MPEGTS:(\\d+),LOCAL:(${TIME})|LOCAL:(${TIME}),MPEGTS:(\\d+))$`);

export function readWebVtt(bytes: Uint8Array): WebVttFacts {
  const problems: Problems = [];
  const say = (line: number, message: string, actual = ''): void => void problems.push({ line, message, actual: actual.slice(0, 80) });
  let text = new TextDecoder('utf-8').decode(bytes);
  if (text.includes('\ufffd') || text.includes('\0')) say(1, 'bytes that are no UTF-8 text');
  text = text.replace(/\r\n?/g, '\n');
  const lines = text.split('\n');
  if (!/^WEBVTT(?:[ \t].*)?$/.test(lines[0])) say(1, 'the file does not begin with WEBVTT', lines[0]);
  if (lines.at(-1) !== '') say(lines.length, 'the last line does not end', lines.at(-1));
  let at = 1;
  let map: WebVttFacts['map'] = null;
  for (; at < lines.length && lines[at] !== ''; at++) {
    if (lines[at].includes('-->')) say(at + 1, 'the header holds an arrow', lines[at]);
    if (!lines[at].startsWith('X-TIMESTAMP-MAP')) continue;
    const found = MAP.exec(lines[at]);
    if (found === null || map !== null) say(at + 1, 'X-TIMESTAMP-MAP cannot be read, or stands twice', lines[at]);
    else map = { mpegts: Number(found[1] ?? found[12]), local: milliseconds(found[1] === undefined ? found.slice(8, 12) : found.slice(3, 7)) };
  }
  const cues: ServedCue[] = [];
  const ids = new Set<string>();
  while (at < lines.length) {
    while (at < lines.length && lines[at] === '') at++;
    const from = at;
    while (at < lines.length && lines[at] !== '') at++;
    const block = lines.slice(from, at);
    if (block.length === 0 || /^NOTE(?:[ \t]|$)/.test(block[0])) continue;
    if (/^(?:STYLE|REGION)[ \t]*$/.test(block[0])) {
      if (cues.length > 0) say(from + 1, 'a style or region stands behind a cue', block[0]);
      continue;
    }
    const cue = readCue(block, from + 1, say);
    if (cue === null) continue;
    if (cue.id !== '' && ids.has(cue.id)) say(from + 1, 'an identifier occurs twice', cue.id);
    ids.add(cue.id);
    if (cues.length > 0 && cue.start < cues[cues.length - 1].start) say(from + 1, 'a cue starts before the one in front of it', block[0]);
    cues.push(cue);
  }
  return { cues, problems, map };
}

type Say = (line: number, message: string, actual?: string) => void;

function milliseconds([hours, minutes, seconds, fraction]: readonly (string | undefined)[]): number {
  return ((Number(hours ?? '0') * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 + Number(fraction);
}

function readCue(block: readonly string[], line: number, say: Say): ServedCue | null {
  const hasId = !block[0].includes('-->');
  const timing = TIMING.exec(block[hasId ? 1 : 0] ?? '');
  if (timing === null) {
    say(line, 'a block is neither cue nor note, style or region', block[0]);
    return null;
  }
  const [start, end] = [milliseconds(timing.slice(1, 5)), milliseconds(timing.slice(5, 9))];
  if (end <= start) say(line, 'a cue ends before it starts', timing[0]);
  const payload = block.slice(hasId ? 2 : 1);
  if (payload.some((each) => each.includes('-->'))) say(line, 'the words of a cue hold an arrow');
  const runs = readRuns(payload.join('\n'), line, say);
  const text = runs.map((run) => run.text).join('');
  const rightToLeft = beginsRightToLeft(text);
  return { id: hasId ? block[0] : '', start, end, text: plainLines(text), styled: styledWords(runs), rightToLeft, place: readSettings(timing[9] ?? '', rightToLeft, line, say), line };
}

const PERCENT = String.raw`(?:100(?:\.0+)?|\d{1,2}(?:\.\d+)?)%`;
const SETTINGS: Readonly<Record<string, RegExp>> = {
  vertical: /^(?:rl|lr)$/,
  line: new RegExp(`^(?:-?\\d+|${PERCENT})(?:,(?:start|center|end))?$`),
  position: new RegExp(`^${PERCENT}(?:,(?:line-left|center|line-right))?$`),
  size: new RegExp(`^${PERCENT}$`),
  align: /^(?:start|center|end|left|right)$/,
  region: /^\S+$/,
};

/** Settings by 4.4, and the place that they describe by 7.2: percentages alone, since lines have no height here. */
function readSettings(text: string, rightToLeft: boolean, line: number, say: Say): TextPlace | null {
  const told = new Map<string, string>();
  for (const setting of text.split(/[ \t]+/).filter((each) => each !== '')) {
    const [name, value] = [setting.split(':', 1)[0], setting.slice(setting.indexOf(':') + 1)];
    if (!(Object.hasOwn(SETTINGS, name) && SETTINGS[name].test(value)) || told.has(name)) say(line, 'a setting is unknown, wrong, or stands twice', setting);
    told.set(name, value);
  }
  const align = told.get('align') ?? 'center';
  const [position, positionAlign] = (told.get('position') ?? '').split(',') as [string, string?];
  const side = positionAlign ?? sideOf(align, rightToLeft);
  const from = side === 'line-left' ? 0 : side === 'line-right' ? 100 : 50;
  const at = position === '' ? from : Number.parseFloat(position);
  const room = from === 0 ? 100 - at : from === 100 ? at : 2 * Math.min(at, 100 - at);
  const width = Math.min(Number.parseFloat(told.get('size') ?? '100'), room);
  const [edge, anchor = 'start'] = (told.get('line') ?? '').split(',') as [string, TextPlace['anchor']?];
  const x = at - (width * from) / 100;
  const logical = align === 'left' || align === 'right' ? ((align === 'left') !== rightToLeft ? 'start' : 'end') : (align as TextPlace['align']);
  if (!edge.endsWith('%')) return logical === 'center' && Math.abs(x + width / 2 - 50) < 0.5 ? null : { line: 100, anchor: 'end', x, width, align: logical };
  return { line: Number.parseFloat(edge), anchor, x, width, align: logical };
}

/** 6.1: the computed position alignment. */
function sideOf(align: string, rightToLeft: boolean): string {
  if (align === 'left' || (align === 'start' && !rightToLeft) || (align === 'end' && rightToLeft)) return 'line-left';
  return align === 'center' ? 'center' : 'line-right';
}

const TAGS: Readonly<Record<string, TextStyle | null>> = { i: 'italic', b: 'bold', u: 'underline', c: null, v: null, lang: null, ruby: null, rt: 'ruby' };
const COLOURS: ReadonlySet<string> = new Set(['white', 'lime', 'cyan', 'red', 'yellow', 'magenta', 'blue', 'black']);
const REFERENCES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', nbsp: '\u00a0', lrm: '\u200e', rlm: '\u200f' };
const START = /^<([a-z]+)((?:\.[^\s.<>&]+)*)(?:[ \t]+([^<>\n]*))?>$/;

/** Cue text by 4.2.2: tags close in order, and an ampersand begins a reference. */
function readRuns(text: string, line: number, say: Say): readonly Run[] {
  const runs: Run[] = [];
  const open: { tag: string; styles: readonly TextStyle[] }[] = [];
  for (const [token] of text.matchAll(/<[^<>]*>|[^<>]+|[<>]/g)) {
    if (token === '<' || token === '>') say(line, 'a bracket stands alone', token);
    else if (!token.startsWith('<')) {
      const words = token.replace(/&(?:([a-z]+)|#(\d+)|#x([\da-fA-F]+));|&/g, (whole, name?: string, decimal?: string, hexadecimal?: string) => {
        if (name !== undefined && REFERENCES[name] !== undefined) return REFERENCES[name];
        if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
        if (hexadecimal !== undefined) return String.fromCodePoint(Number.parseInt(hexadecimal, 16));
        say(line, 'an ampersand begins no reference', token);
        return whole;
      });
      runs.push({ text: words, styles: open.flatMap(({ styles }) => styles) });
    } else if (token.startsWith('</')) {
      const top = open.pop();
      if (top === undefined || `</${top.tag}>` !== token) say(line, 'a tag closes what is not open', token);
    } else if (!/^<\d/.test(token)) {
      const tag = START.exec(token);
      const style = tag === null ? undefined : TAGS[tag[1]];
      if (tag === null || style === undefined) say(line, 'a tag is unknown', token);
      else open.push({ tag: tag[1], styles: [...(style === null ? [] : [style]), ...tag[2].split('.').filter((name) => COLOURS.has(name)).map((name) => name as TextStyle)] });
    }
  }
  if (open.length > 0) say(line, 'a tag is never closed', open.map(({ tag }) => tag).join(' '));
  return runs;
}
