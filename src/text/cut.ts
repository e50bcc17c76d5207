/** Cues into segments: what crosses a cut is in every segment that it shows in (media-rules 2.5). */
import { textLimit, type Interval, type TextDocument } from './document.ts';

/** All forms of one track together; text is kept in memory. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** `relative`: TTML whose times count from the start of its segment and do not leave it, as Smooth Streaming has them. */
export type CutText = Readonly<Record<'ttml' | 'relative' | 'webvtt', readonly Uint8Array[]>>;

/** Indexes of the cues that show in each of the segments between `edges` (milliseconds, ascending). Cues are in order of start. */
export function cutCues(cues: readonly Interval[], edges: readonly number[], where: string): readonly (readonly number[])[] {
  let next = 0;
  let active: number[] = [];
  let entries = 0;
  return edges.slice(1).map((end, i) => {
    active = active.filter((index) => cues[index].end > edges[i]);
    for (; next < cues.length && cues[next].start < end; next++) if (cues[next].end > edges[i]) active.push(next);
    entries += active.length;
    if (entries > MAX_ENTRIES) throw textLimit('cues in all segments', where, MAX_ENTRIES, 'more');
    return active;
  });
}

/** Cues that are repeated over hundreds of cuts are no subtitles. */
const MAX_ENTRIES = 1_000_000;

export function writeSegments(document: TextDocument, edges: readonly number[], language: string, where: string): CutText {
  const encoder = new TextEncoder();
  const made = { ttml: [] as Uint8Array[], relative: [] as Uint8Array[], webvtt: [] as Uint8Array[] };
  let bytes = 0;
  const add = (list: Uint8Array[], text: string): void => {
    list.push(encoder.encode(text));
    bytes += list[list.length - 1].length;
    if (bytes > MAX_OUTPUT_BYTES) throw textLimit('bytes of all segments', where, MAX_OUTPUT_BYTES, 'more');
  };
  for (const [i, cues] of cutCues(document.cues, edges, where).entries()) {
    add(made.ttml, document.writeTtml(cues, language));
    add(made.relative, document.writeTtml(cues, language, { start: edges[i], end: edges[i + 1] }));
    add(made.webvtt, document.writeWebVtt(cues));
  }
  return made;
}
