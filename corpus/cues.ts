/** Cue text of recipes: words with what is said of them. Read here once, for the files that are written and for the truth about them. */
import type { CueRecipe } from '../spec/asset.ts';
import type { TextStyle, TruthCue } from '../spec/truth.ts';

/** Words that look alike. */
export type Run = { readonly text: string; readonly styles: readonly TextStyle[] };

const TAGS: Readonly<Record<string, TextStyle>> = { i: 'italic', b: 'bold', u: 'underline' };
const REFERENCES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };

export function runsOf(text: string): readonly Run[] {
  const runs: Run[] = [];
  const styles: TextStyle[] = [];
  for (const [token] of text.matchAll(/<[^>]*>|[^<]+/g)) {
    if (token.startsWith('</')) styles.pop();
    else if (token.startsWith('<c.')) styles.push(token.slice(3, -1) as TextStyle);
    else if (token.startsWith('<')) styles.push(TAGS[token.slice(1, -1)]);
    else runs.push({ text: token.replace(/&(?:amp|lt|gt);/g, (reference) => REFERENCES[reference]), styles: [...styles] });
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
  return { id, start, end, text: words, styled: runs.flatMap((run) => run.styles.map((style) => ({ style, words: run.text }))), rightToLeft: isRightToLeft(words), place: place ?? null };
}
