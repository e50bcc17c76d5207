/** WebVTT files (W3C WebVTT, 4 April 2019): the parser of clause 6, and writing parts of a file again as they stood. */
import { IsomerError } from '../errors.ts';
import { clockText, decodeText, MAX_CUES, textLimit, type Interval, type Milliseconds } from './document.ts';

export type VttCue = Interval & {
  /** Empty without one. */
  readonly id: string;
  /** As written, e.g. `line:10% align:start`. */
  readonly settings: string;
  /** Cue text with its tags, lines apart by \n. */
  readonly payload: string;
};

export type VttFile = {
  /** STYLE and REGION blocks as written, without the empty line behind them. */
  readonly blocks: readonly string[];
  /** In order of start. */
  readonly cues: readonly VttCue[];
  /** Of a `Language:` header line, which the old service asked for. */
  readonly language: string | null;
  /** Blocks that are no cue. */
  readonly skipped: number;
};

const TIMING = /^[ \t]*(?:(\d{2,9}):)?([0-5]\d):([0-5]\d)\.(\d{3})[ \t]*-->[ \t]*(?:(\d{2,9}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?:[ \t]+(.*))?$/;

export function readWebVtt(bytes: Uint8Array, where: string): VttFile {
  const lines = decodeText(bytes, where).replaceAll('\0', '�').replace(/\r\n?/g, '\n').split('\n');
  if (!/^WEBVTT(?:[ \t]|$)/.test(lines[0])) {
    throw new IsomerError('ISOMER_TEXT_MALFORMED', { where: `${where}, line 1`, expected: 'WEBVTT', found: JSON.stringify(lines[0].slice(0, 40)) });
  }
  const [header, ...groups] = blocksOf(lines);
  const blocks: string[] = [];
  const cues: VttCue[] = [];
  let skipped = 0;
  for (const group of groups) {
    const cue = readCue(group);
    if (cue !== null) {
      if (cues.length >= MAX_CUES) throw textLimit('cues', where, MAX_CUES, 'more');
      cues.push(cue);
    } else if (/^(?:STYLE|REGION)[ \t]*$/.test(group[0]) && cues.length === 0) blocks.push(group.join('\n'));
    else if (!/^NOTE(?:[ \t]|$)/.test(group[0])) skipped++;
  }
  return { blocks, cues: sortedCues(cues), language: languageOf(header), skipped };
}

export function sortedCues<T extends Interval>(cues: readonly T[]): readonly T[] {
  return cues.toSorted((a, b) => a.start - b.start);
}

/** Runs of lines that are not empty. */
function blocksOf(lines: readonly string[]): string[][] {
  const groups: string[][] = [];
  let group: string[] = [];
  for (const line of [...lines, '']) {
    if (line !== '') group.push(line);
    else if (group.length > 0) {
      groups.push(group);
      group = [];
    }
  }
  return groups;
}

function languageOf(header: readonly string[]): string | null {
  for (const line of header) {
    const match = /^Language:[ \t]*([A-Za-z0-9-]{2,35})[ \t]*$/i.exec(line);
    if (match !== null) return match[1];
  }
  return null;
}

/** Null for what is no cue, or one that never shows. */
function readCue(group: readonly string[]): VttCue | null {
  const at = group[0].includes('-->') ? 0 : 1;
  const timing = TIMING.exec(group[at] ?? '');
  if (timing === null) return null;
  const [start, end] = [timeOf(timing, 1), timeOf(timing, 5)];
  if (end <= start) return null;
  return { start, end, id: at === 1 ? group[0] : '', settings: (timing[9] ?? '').trim(), payload: group.slice(at + 1).join('\n') };
}

function timeOf(match: RegExpExecArray, first: number): Milliseconds {
  const [hours, minutes, seconds, milliseconds] = [match[first] ?? '0', match[first + 1], match[first + 2], match[first + 3]].map(Number);
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
}

/** The line in front of everything, alone: headers can be put behind it. */
export const SIGNATURE = 'WEBVTT\n';

/** Identifiers and payloads are those of a file that was read: they hold no empty line and no `-->`. */
export function writeWebVtt(file: Pick<VttFile, 'blocks' | 'cues'>): string {
  return SIGNATURE + [...file.blocks, ...file.cues.map(cueText)].map((block) => `\n${block}\n`).join('');
}

function cueText({ start, end, id, settings, payload }: VttCue): string {
  const timing = `${clockText(start)} --> ${clockText(end)}${settings === '' ? '' : ` ${settings}`}`;
  return [...(id === '' ? [] : [id]), timing, ...(payload === '' ? [] : [payload])].join('\n');
}
