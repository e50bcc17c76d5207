/** Cue text of recipes: words with what is said of them. Read here once, for the files that are written and for the truth about them. */
import type { CueRecipe } from '../spec/asset.ts';
import type { TextStyle, TruthCue } from '../spec/truth.ts';

/** Words that look alike. `ruby`: words with an annotation, and the annotation. */
export type Run = { readonly text: string; readonly styles: readonly TextStyle[]; readonly ruby: 'base' | 'text' | null };

const TAGS: Readonly<Record<string, TextStyle | 'base'>> = { i: 'italic', b: 'bold', u: 'underline', ruby: 'base', rt: 'ruby' };
const REFERENCES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };

export function runsOf(text: string): readonly Run[] {
  const runs: Run[] = [];
  const styles: (TextStyle | 'base')[] = [];
  for (const [token] of text.matchAll(/<[^>]*>|[^<]+/g)) {
    if (token.startsWith('</')) styles.pop();
    else if (token.startsWith('<c.')) styles.push(token.slice(3, -1) as TextStyle);
    else if (token.startsWith('<')) styles.push(TAGS[token.slice(1, -1)]);
    else {
      const ruby = styles.includes('ruby') ? 'text' : styles.includes('base') ? 'base' : null;
      runs.push({ text: token.replace(/&(?:amp|lt|gt);/g, (reference) => REFERENCES[reference]), styles: styles.filter((style) => style !== 'base'), ruby });
    }
  }
  return runs;
}

/** By the first letter that has a direction (Unicode Bidirectional Algorithm, P2 and P3); the corpus has Hebrew and Arabic. */
export function isRightToLeft(text: string): boolean {
  return /^[^\p{L}]*[\p{Script=Hebrew}\p{Script=Arabic}]/u.test(text);
}

export function truthOf({ id, start, end, text, place }: CueRecipe): TruthCue {
  const runs = runsOf(text);
  const words = runs.map((run) => run.text).join('');
  return { id, start, end, text: words, styled: styledWords(runs), rightToLeft: isRightToLeft(words), place: place ?? null };
}

/** Words of neighbouring runs of one style belong together. */
function styledWords(runs: readonly Run[]): TruthCue['styled'] {
  const found: { style: TextStyle; words: string; last: number }[] = [];
  runs.forEach(({ text, styles }, i) => {
    for (const style of styles) {
      const before = found.find((each) => each.style === style && each.last === i - 1);
      if (before === undefined) found.push({ style, words: text, last: i });
      else Object.assign(before, { words: before.words + text, last: i });
    }
  });
  return found.map(({ style, words }) => ({ style, words }));
}
