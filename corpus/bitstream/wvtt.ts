/** WebVTT in samples (ISO/IEC 14496-30:2018 clause 7): a sample per stretch in which the same cues show. */
import { box, u16, u32 } from '../movie.ts';
import type { TextSample } from './textmovie.ts';

/** `id` and `settings` may be empty; times in ticks. */
export type WvttCue = { readonly start: number; readonly end: number; readonly id: string; readonly settings: string; readonly payload: string };

export function wvttEntry(configuration: string): Buffer {
  return box('wvtt', Buffer.alloc(6), u16(1), box('vttC', Buffer.from(configuration)));
}

/** Samples from 0 to `end` without a gap. Cues that go on carry a source identifier, so that readers know them again (7.4). */
export function wvttSamples(cues: readonly WvttCue[], end: number): readonly TextSample[] {
  const edges = [...new Set([0, end, ...cues.flatMap((cue) => [cue.start, cue.end])])].filter((edge) => edge <= end).sort((a, b) => a - b);
  return edges.slice(1).map((until, i) => {
    const shown = cues.flatMap((cue, index) => (cue.start < until && cue.end > edges[i] ? [{ cue, index }] : []));
    const boxes = shown.map(({ cue, index }) => {
      const goesOn = cue.start < edges[i] || cue.end > until;
      return box('vttc', ...(goesOn ? [box('vsid', u32(1 + index))] : []), ...textBox('iden', cue.id), ...textBox('sttg', cue.settings), ...textBox('payl', cue.payload));
    });
    return { bytes: Buffer.concat(boxes.length === 0 ? [box('vtte')] : boxes), duration: until - edges[i] };
  });
}

function textBox(type: string, text: string): readonly Buffer[] {
  return text === '' ? [] : [box(type, Buffer.from(text))];
}
