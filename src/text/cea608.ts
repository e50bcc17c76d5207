/**
 * Line 21 captions (ANSI/CTA-608-E) as WebVTT cues: pop-on, roll-up and paint-on, four channels. Captions that build up letter by
 * letter become cues that begin with their first letter and hold all that comes until the screen changes otherwise.
 */
import { COLOURS, furtherCharacter, PREAMBLE_ROWS, standardCharacter } from './cea608chars.ts';
import { escapeCue } from './cuetext.ts';
import { MAX_CUES, textLimit, type Milliseconds } from './document.ts';
import type { VttCue } from './webvtt.ts';

export const LINE_CHANNELS = ['CC1', 'CC2', 'CC3', 'CC4'] as const;
export type LineChannel = (typeof LINE_CHANNELS)[number];

/** Two bytes of one field with their parity bits, in the order of presentation. */
export type LinePair = { readonly time: Milliseconds; readonly bytes: readonly [number, number] };

const ROWS = 15;
const COLUMNS = 32;
/** Control codes are sent twice, in pictures that follow each other; padding between is not seen here. */
const REPEAT_MS = 100;
/** After such a pause what stands there was a caption of its own. */
const PAUSE_MS = 1000;

type Style = { readonly colour: string; readonly italic: boolean; readonly underline: boolean };
type Cell = { readonly character: string; readonly style: Style };
type Screen = (Cell | null)[][];
type Mode = 'none' | 'pop' | 'roll' | 'paint' | 'text';

const PLAIN: Style = { colour: '', italic: false, underline: false };
const empty = (): Screen => Array.from({ length: ROWS }, () => emptyRow());
const emptyRow = (): (Cell | null)[] => Array.from({ length: COLUMNS }, () => null);
const isBlank = (screen: Screen): boolean => screen.every((row) => row.every((cell) => cell === null || cell.character.trim() === ''));

/** 1: the first field, with CC1 and CC2. */
export function fieldOf(channel: LineChannel): 1 | 2 {
  return channel === 'CC1' || channel === 'CC2' ? 1 : 2;
}

/** The captions of one channel; what still shows at the end of the pairs does so until `end`. */
export function decodeLine21(pairs: Iterable<LinePair>, channel: LineChannel, end: Milliseconds, where: string): readonly VttCue[] {
  const decoder = new Decoder(channel === 'CC2' || channel === 'CC4', where);
  for (const { time, bytes } of pairs) decoder.take(time, bytes[0], bytes[1]);
  return decoder.finish(end);
}

class Decoder {
  readonly #second: boolean;
  readonly #where: string;
  readonly #cues: VttCue[] = [];
  #shown = empty();
  #hidden = empty();
  #mode: Mode = 'none';
  #depth = 2;
  #row = ROWS - 1;
  #column = 0;
  #style = PLAIN;
  /** Whose characters come: those of this channel, or another's, or data about programmes. */
  #isOurs = false;
  #isExtendedData = false;
  #last = { code: -1, time: -1 };
  /** Since when the shown screen is as it is, but for letters that joined; null: there is nothing on it. */
  #since: Milliseconds | null = null;
  #written: Milliseconds = 0;

  constructor(second: boolean, where: string) {
    this.#second = second;
    this.#where = where;
  }

  finish(end: Milliseconds): readonly VttCue[] {
    this.#show(end);
    return this.#cues;
  }

  take(time: Milliseconds, a: number, b: number): void {
    const [first, second] = [a & 0x7f, b & 0x7f];
    const isWhole = isOdd(a) && isOdd(b);
    if (first >= 0x10 && first < 0x20) {
      if (!isWhole || second < 0x20) return;
      this.#isExtendedData = false;
      const code = (first << 8) | second;
      const isRepeated = code === this.#last.code && time - this.#last.time <= REPEAT_MS;
      this.#last = isRepeated ? { code: -1, time } : { code, time };
      this.#isOurs = ((first & 8) !== 0) === this.#second;
      if (!isRepeated && this.#isOurs) this.#control(time, first & 0x17, second);
      return;
    }
    this.#last = { code: -1, time };
    // Extended data (XDS) begins and goes on with codes below 0x0f, and ends with that one.
    if (first > 0 && first < 0x10) this.#isExtendedData = first !== 0x0f;
    else if (this.#isOurs && !this.#isExtendedData) for (const [byte, code] of [[a, first], [b, second]]) if (code >= 0x20) this.#write(time, isOdd(byte) ? standardCharacter(code) : standardCharacter(0x7f));
  }

  #control(time: Milliseconds, first: number, second: number): void {
    if (second >= 0x40) this.#preamble(time, first & 7, second);
    else if ((first === 0x14 || first === 0x15) && second < 0x30) this.#commands[second & 0x0f]?.(time);
    else if (first === 0x17 && second >= 0x21 && second <= 0x23) this.#column = Math.min(COLUMNS - 1, this.#column + second - 0x20);
    else if (first === 0x11 && second < 0x30) this.#midRow(time, second);
    else if (first >= 0x11 && first <= 0x13) {
      const character = furtherCharacter(first & 3, second);
      if (character === undefined) return;
      // Extended characters stand in place of one that older decoders show instead.
      if (first !== 0x11) this.#back();
      this.#write(time, character);
    }
  }

  /** Mid-row codes take a column, and their colour turns italics off. */
  #midRow(time: Milliseconds, second: number): void {
    const colour = (second >> 1) & 7;
    const underline = (second & 1) !== 0;
    this.#write(time, ' ');
    this.#style = colour === 7 ? { ...this.#style, italic: true, underline } : { colour: COLOURS[colour], italic: false, underline };
  }

  #preamble(time: Milliseconds, first: number, second: number): void {
    const row = PREAMBLE_ROWS[first][(second >> 5) & 1];
    if (this.#mode === 'roll' && row !== this.#row) this.#moveRoll(time, row);
    this.#row = row;
    const isIndent = (second & 0x10) !== 0;
    const value = (second >> 1) & 7;
    this.#column = isIndent ? 4 * value : 0;
    this.#style = { colour: isIndent || value === 7 ? '' : COLOURS[value], italic: !isIndent && value === 7, underline: (second & 1) !== 0 };
  }

  /** Miscellaneous control codes (table 52), by the last four bits; those that nothing has to be done for are not here. */
  readonly #commands: Readonly<Record<number, ((time: Milliseconds) => void) | undefined>> = {
    0x0: () => void (this.#mode = 'pop'),
    0x1: () => this.#back(),
    0x4: () => void this.#screen()[this.#row].fill(null, this.#column),
    0x5: (time) => this.#roll(time, 2),
    0x6: (time) => this.#roll(time, 3),
    0x7: (time) => this.#roll(time, 4),
    0x9: () => void (this.#mode = 'paint'),
    0xa: () => void (this.#mode = 'text'),
    0xb: () => void (this.#mode = 'text'),
    0xc: (time) => this.#erase(time),
    0xd: (time) => this.#newLine(time),
    0xe: () => void (this.#hidden = empty()),
    0xf: (time) => this.#flip(time),
  };

  #roll(time: Milliseconds, depth: number): void {
    if (this.#mode !== 'roll') {
      this.#erase(time);
      this.#hidden = empty();
      this.#mode = 'roll';
      this.#row = ROWS - 1;
      this.#column = 0;
    }
    this.#depth = depth;
  }

  #newLine(time: Milliseconds): void {
    if (this.#mode !== 'roll') return;
    const top = Math.max(0, this.#row - this.#depth + 1);
    const kept = this.#shown.slice(top + 1, this.#row + 1);
    this.#change(time, empty().map((row, i) => kept[i - top] ?? row));
    this.#column = 0;
    this.#style = PLAIN;
  }

  #flip(time: Milliseconds): void {
    const next = this.#hidden;
    this.#hidden = this.#shown;
    this.#change(time, next);
    this.#mode = 'pop';
  }

  #erase(time: Milliseconds): void {
    this.#change(time, empty());
  }

  /** The lines go along to another base row. */
  #moveRoll(time: Milliseconds, row: number): void {
    const lines = this.#shown.slice(Math.max(0, this.#row - this.#depth + 1), this.#row + 1);
    const from = row - lines.length + 1;
    this.#change(time, empty().map((none, i) => lines[i - from] ?? none));
  }

  #change(time: Milliseconds, next: Screen): void {
    this.#show(time);
    this.#shown = next;
    this.#since = isBlank(next) ? null : time;
    this.#written = time;
  }

  #screen(): Screen {
    return this.#mode === 'pop' ? this.#hidden : this.#shown;
  }

  #write(time: Milliseconds, character: string): void {
    if (this.#mode === 'none' || this.#mode === 'text') return;
    if (this.#mode !== 'pop') {
      if (this.#since !== null && time - this.#written >= PAUSE_MS) {
        this.#show(time);
        this.#since = time;
      }
      if (character.trim() !== '') this.#since ??= time;
      this.#written = time;
    }
    this.#screen()[this.#row][this.#column] = { character, style: this.#style };
    this.#column = Math.min(COLUMNS - 1, this.#column + 1);
  }

  #back(): void {
    this.#column = Math.max(0, this.#column - 1);
    this.#screen()[this.#row][this.#column] = null;
  }

  /** What stood there until `time` becomes cues, one for each block of rows. */
  #show(time: Milliseconds): void {
    const since = this.#since;
    this.#since = null;
    if (since === null || time <= since) return;
    let block: { row: number; lines: Line[] } | null = null;
    for (const [row, cells] of [...this.#shown, emptyRow()].entries()) {
      const line = lineOf(cells);
      if (line === null && block !== null) {
        if (this.#cues.length >= MAX_CUES) throw textLimit('cues', this.#where, MAX_CUES, 'more');
        this.#cues.push({ start: since, end: time, id: '', settings: settingsOf(block.row, Math.min(...block.lines.map(({ column }) => column))), payload: block.lines.map(({ text }) => text).join('\n') });
        block = null;
      } else if (line !== null) {
        block ??= { row, lines: [] };
        block.lines.push(line);
      }
    }
  }
}

type Line = { readonly column: number; readonly text: string };

/** Null for a row without a letter. */
function lineOf(cells: readonly (Cell | null)[]): Line | null {
  const isLetter = (cell: Cell | null): boolean => cell !== null && cell.character.trim() !== '';
  const column = cells.findIndex(isLetter);
  if (column < 0) return null;
  const seen = cells.slice(column, cells.findLastIndex(isLetter) + 1);
  let text = '';
  for (let i = 0, next = 0; i < seen.length; i = next) {
    const style = seen[i]?.style ?? PLAIN;
    let words = '';
    for (next = i; next < seen.length && sameStyle(seen[next]?.style ?? PLAIN, style); next++) words += seen[next]?.character ?? ' ';
    text += tagged(escapeCue(words), style);
  }
  return { column, text };
}

function sameStyle(a: Style, b: Style): boolean {
  return a.colour === b.colour && a.italic === b.italic && a.underline === b.underline;
}

function tagged(words: string, { colour, italic, underline }: Style): string {
  if (words.trim() === '') return words;
  const underlined = underline ? `<u>${words}</u>` : words;
  const slanted = italic ? `<i>${underlined}</i>` : underlined;
  return colour === '' ? slanted : `<c.${colour}>${slanted}</c>`;
}

/** Rows and columns fill the safe area: the middle 80 % of the picture each way. */
function settingsOf(row: number, column: number): string {
  const [line, left] = [10 + (80 * row) / ROWS, 10 + (80 * column) / COLUMNS].map((percent) => Math.round(percent * 100) / 100);
  return `line:${line}% position:${left}% size:${Math.round((100 - left) * 100) / 100}% align:start`;
}

/** CTA-608-E 4: seven bits and odd parity. */
function isOdd(byte: number): boolean {
  let bits = byte;
  bits ^= bits >> 4;
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1) === 1;
}
