/** WebVTT files of recipes (W3C WebVTT, 4 April 2019, clause 4). */
import type { CueRecipe, TextRecipe } from '../spec/asset.ts';
import type { TextPlace } from '../spec/truth.ts';
import { isRightToLeft, runsOf } from './cues.ts';

export function writeWebVtt({ cues, tells, language }: TextRecipe): string {
  const head = tells === 'file' ? `WEBVTT\nLanguage: ${language}` : 'WEBVTT';
  const note = 'NOTE\nA remark that nobody sees,\nover two lines.';
  return `${[head, note, ...cues.map(cueText)].join('\n\n')}\n`;
}

function cueText({ id, start, end, text, place }: CueRecipe): string {
  const settings = settingsOf(text, place);
  return `${id === '' ? '' : `${id}\n`}${clock(start)} --> ${clock(end)}${settings === '' ? '' : ` ${settings}`}\n${text}`;
}

export function settingsOf(text: string, place: TextPlace | undefined): string {
  if (place === undefined) return '';
  const { line, anchor, x, width, align } = place;
  const isLeft = (align === 'start') !== isRightToLeft(runsOf(text).map((run) => run.text).join(''));
  const position = align === 'center' ? `${x + width / 2}%,center` : isLeft ? `${x}%,line-left` : `${x + width}%,line-right`;
  return `line:${line}%${anchor === 'start' ? '' : `,${anchor}`} position:${position} size:${width}% align:${align}`;
}

export function clock(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(11, 23);
}
