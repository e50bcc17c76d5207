/** A cue as it was served, whatever it was written in. */
import type { TextPlace, TextStyle } from '../../spec/truth.ts';

/** Words that look alike. */
export type Run = { readonly text: string; readonly styles: readonly TextStyle[] };

export type ServedCue = {
  readonly id: string;
  /** Milliseconds on the presentation's timeline; may be fractions. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly styled: readonly { readonly style: TextStyle; readonly words: string }[];
  readonly rightToLeft: boolean;
  /** Null: where it stands by itself, at the lower edge in the middle. */
  readonly place: TextPlace | null;
  readonly line: number;
};

/** What a text segment says; `problems` are faults of its form, with the line they are on. */
export type TextFacts = { readonly cues: readonly ServedCue[]; readonly problems: readonly { readonly line: number; readonly message: string; readonly actual: string }[] };

/** Words of neighbouring runs of one style belong together; white space around them is nobody's. */
export function styledWords(runs: readonly Run[]): ServedCue['styled'] {
  const found: { style: TextStyle; words: string; last: number }[] = [];
  runs.forEach(({ text, styles }, i) => {
    for (const style of new Set(styles)) {
      const open = found.find((each) => each.style === style && each.last === i - 1);
      if (open === undefined) found.push({ style, words: text, last: i });
      else Object.assign(open, { words: open.words + text, last: i });
    }
  });
  return found.map(({ style, words }) => ({ style, words: words.trim() })).filter(({ words }) => words !== '');
}

/** Unicode Bidirectional Algorithm, P2 and P3, for the scripts that are written from right to left. */
export function beginsRightToLeft(text: string): boolean {
  const first = /[\p{L}\u200e\u200f]/u.exec(text)?.[0] ?? '';
  return first === '\u200f' || /^[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]$/u.test(first);
}

/** Lines without what only the layout of the source says: blanks at their ends. */
export function plainLines(text: string): string {
  return text.split('\n').map((line) => line.trim()).join('\n').trim();
}
