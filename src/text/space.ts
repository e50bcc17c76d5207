/**
 * White space that counts (xml:space="preserve", TTML2): players fold it in WebVTT cues, which are shown as by `white-space: pre-line`
 * (W3C WebVTT 7.4), all but no-break spaces.
 */

/** Stands for a blank until the whole line is known; no XML document can hold it. */
const KEPT = '\u0001';

/** Line feeds break the line, blanks stay. */
export function keptSpace(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(/[ \t]/g, KEPT);
}

/** Blanks that would be folded away, those at the start of a line and behind others, become no-break spaces. */
export function shownSpace(text: string): string {
  if (!text.includes(KEPT)) return text;
  let isBlank = true;
  return text.replace(/<[^>]*>|[^]/g, (token) => {
    if (token.length > 1) return token;
    const shown = token !== KEPT ? token : isBlank ? '&nbsp;' : ' ';
    isBlank = token === KEPT || token === ' ' || token === '\n';
    return shown;
  });
}

/** What players make of blanks in cue text, said outright. */
export function foldedSpace(text: string): string {
  return text.replace(/[ \t]+/g, ' ').replace(/ ?\n ?/g, '\n');
}
