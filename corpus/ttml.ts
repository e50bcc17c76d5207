/** TTML documents of recipes (W3C TTML2; IMSC1 text profile), with times written in each of the ways that there are. */
import type { CueRecipe, TextRecipe } from '../spec/asset.ts';
import type { TextPlace, TextStyle } from '../spec/truth.ts';
import { isRightToLeft, runsOf, type Run } from './cues.ts';
import { clock } from './webvtt.ts';

type Shape = Pick<TextRecipe, 'times' | 'draft' | 'language'>;

const CURRENT = { tt: 'http://www.w3.org/ns/ttml', styling: 'http://www.w3.org/ns/ttml#styling', parameter: 'http://www.w3.org/ns/ttml#parameter', metadata: 'http://www.w3.org/ns/ttml#metadata' };
const DRAFT = { tt: 'http://www.w3.org/2006/10/ttaf1', styling: 'http://www.w3.org/2006/10/ttaf1#style', parameter: 'http://www.w3.org/2006/10/ttaf1#parameter', metadata: 'http://www.w3.org/2006/10/ttaf1#metadata' };
const FRAME_RATE = 25;
const TICK_RATE = 10_000_000;

/** The document of some cues; `all` are those of the whole track, whose places every part names. */
export function writeTtml({ times, draft, language }: Shape, cues: readonly CueRecipe[], all: readonly CueRecipe[]): string {
  const names = draft ? DRAFT : CURRENT;
  const places = [...new Set(all.map(({ place }) => JSON.stringify(place ?? null)))];
  const named = all.some(({ text }) => text.includes('<ruby>')) ? 'contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text"' : 'profile="http://www.w3.org/ns/ttml/profile/imsc1/text"';
  const profile = draft ? '' : ` ttp:${named}`;
  const regions = places.map((place, i) => `<region xml:id="r${i}"${regionStyle(JSON.parse(place) as TextPlace | null)}/>`);
  const write = (cue: CueRecipe, origin: number): string => paragraph(cue, `r${places.indexOf(JSON.stringify(cue.place ?? null))}`, times, origin);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<tt xmlns="${names.tt}" xmlns:tts="${names.styling}" xmlns:ttp="${names.parameter}" xmlns:ttm="${names.metadata}" xml:lang="${language}"${rates(times)}${profile}>`,
    `<head><metadata><ttm:title>A title that nobody sees</ttm:title></metadata><styling><style xml:id="base" tts:color="white" tts:fontFamily="proportionalSansSerif"/><style xml:id="italic" tts:fontStyle="italic"/><style xml:id="bold" tts:fontWeight="bold"/></styling>`,
    `<layout>${regions.join('')}</layout></head>`,
    times === 'nested' ? nestedBody(cues, write) : `<body style="base"><div>${cues.map((cue) => write(cue, 0)).join('')}</div></body>`,
    '</tt>\n',
  ].join('\n');
}

function rates(times: TextRecipe['times']): string {
  if (times === 'frames') return ` ttp:frameRate="${FRAME_RATE}"`;
  return times === 'ticks' ? ` ttp:tickRate="${TICK_RATE}"` : '';
}

/** Containers that begin late, a remark, and line breaks that mean nothing. Each div holds two cues and begins with its first. */
function nestedBody(cues: readonly CueRecipe[], write: (cue: CueRecipe, origin: number) => string): string {
  const BODY = 500;
  const groups = Array.from({ length: Math.ceil(cues.length / 2) }, (_, i) => cues.slice(2 * i, 2 * i + 2));
  const divs = groups.map((group) => {
    const origin = Math.min(...group.map(({ start }) => start));
    if (origin < BODY) throw new Error(`the body begins at ${BODY} ms, a cue at ${origin}`);
    return `  <div begin="${(origin - BODY) / 1000}s">\n    <metadata><ttm:desc>A remark that nobody sees</ttm:desc></metadata>\n${group.map((cue) => `    ${write(cue, origin)}`).join('\n')}\n  </div>`;
  });
  return `<body begin="${BODY}ms" style="base">\n${divs.join('\n')}\n</body>`;
}

function paragraph({ id, start, end, text }: CueRecipe, region: string, times: TextRecipe['times'], origin: number): string {
  const runs = runsOf(text);
  const spans = runs.map(spanText).join('');
  const direction = isRightToLeft(runs.map((run) => run.text).join('')) ? ' tts:direction="rtl" tts:unicodeBidi="embed"' : '';
  const identity = id === '' ? '' : ` xml:id="${id}"`;
  const interval = times === 'nested' ? `begin="${(start - origin) / 1000}s" dur="${end - start}ms"` : `begin="${expression(start, times)}" end="${expression(end, times)}"`;
  return times === 'nested' ? `<p${identity} region="${region}" ${interval}${direction}>\n      ${spans.replaceAll('<br/>', '<br/>\n      ')}\n    </p>` : `<p${identity} region="${region}" ${interval}${direction}>${spans}</p>`;
}

function expression(time: number, times: TextRecipe['times']): string {
  if (times === 'clock') return clock(time);
  if (times === 'offset') return time % 1000 === 0 ? `${time / 1000}s` : `${time}ms`;
  if (times === 'ticks') return `${(time * TICK_RATE) / 1000}t`;
  const frames = ((time % 1000) * FRAME_RATE) / 1000;
  if (!Number.isInteger(frames)) throw new Error(`${time} ms is no whole number of frames`);
  return `${clock(time).slice(0, 8)}:${String(frames).padStart(2, '0')}`;
}

/** By reference, and by attributes where there is no style of that name. */
const STYLES: Readonly<Partial<Record<TextStyle, string>>> = { italic: 'style="italic"', bold: 'style="bold"', underline: 'tts:textDecoration="underline"' };

/** Each annotation belongs to the one run in front of it. */
function spanText({ text, styles, ruby }: Run): string {
  const escaped = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replaceAll('\n', '<br/>');
  const span = styles.filter((style) => style !== 'ruby').toReversed().reduce((inner, style) => `<span ${STYLES[style] ?? `tts:color="${style}"`}>${inner}</span>`, escaped);
  if (ruby === 'base') return `<span tts:ruby="container"><span tts:ruby="base">${span}</span>`;
  return ruby === 'text' ? `<span tts:ruby="text">${span}</span></span>` : span;
}

function regionStyle(place: TextPlace | null): string {
  if (place === null) return ' tts:origin="10% 10%" tts:extent="80% 80%" tts:displayAlign="after" tts:textAlign="center"';
  const { line, anchor, x, width, align } = place;
  const half = Math.min(line, 100 - line);
  const [y, height, display] = anchor === 'start' ? [line, 100 - line, 'before'] : anchor === 'end' ? [0, line, 'after'] : [line - half, 2 * half, 'center'];
  return ` tts:origin="${x}% ${y}%" tts:extent="${width}% ${height}%" tts:displayAlign="${display}" tts:textAlign="${align}"`;
}
