/** TTML in samples (ISO/IEC 14496-30:2018 clause 5): one whole document per stretch of time. */
import { box, fullBox, u16 } from '../movie.ts';
import type { TextSample } from './textmovie.ts';

/** Three strings, each with its end: namespace, schema location, auxiliary types; then what kind of TTML it is. */
export function stppEntry(mimeType: string): Buffer {
  return box('stpp', Buffer.alloc(6), u16(1), Buffer.from('http://www.w3.org/ns/ttml\0\0\0', 'latin1'), fullBox('mime', 0, 0, Buffer.from(`${mimeType}\0`, 'latin1')));
}

/** Samples of `step` ticks from 0 to `end`; `write` makes the document of what shows in [from, to). */
export function stppSamples(step: number, end: number, write: (from: number, to: number) => string): readonly TextSample[] {
  return Array.from({ length: Math.ceil(end / step) }, (_, i) => {
    const [from, to] = [i * step, Math.min(end, (i + 1) * step)];
    return { bytes: Buffer.from(write(from, to)), duration: to - from };
  });
}
