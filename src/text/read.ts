/** From stored text to documents: files of their own, and samples of stpp and wvtt tracks (ISO/IEC 14496-30). */
import { IsomerError } from '../errors.ts';
import { MAX_CUES, textLimit, type Interval, type Milliseconds, type TextDocument } from './document.ts';
import { readTtml, writeTtml, XML, type TtmlCue, type TtmlFile } from './ttml.ts';
import { cuesOfTtml } from './ttmlvtt.ts';
import { ttmlWriter } from './vttttml.ts';
import { readWebVtt, sortedCues, writeWebVtt, type VttCue, type VttFile } from './webvtt.ts';
import { valueOf, writeXml } from './xmltree.ts';

export type TextForm = 'webvtt' | 'ttml';

/** Text as one file. `shift` is added to its times; what then ends at or before 0 is not there. */
export function readTextFile(form: TextForm, bytes: Uint8Array, where: string, shift: Milliseconds = 0): TextDocument {
  if (form === 'webvtt') {
    const file = readWebVtt(bytes, where);
    return webVttDocument({ ...file, cues: moved(file.cues, shift) });
  }
  const file = readTtml(bytes, where);
  return ttmlDocument({ ...file, cues: moved(file.cues, shift).map((cue) => ({ ...cue, origin: Math.max(0, cue.origin + shift) })) }, where);
}

/** Captions that were decoded from pictures. */
export function captionDocument(cues: readonly VttCue[], shift: Milliseconds): TextDocument {
  return webVttDocument({ blocks: [], cues: sortedCues(moved(cues, shift)), language: null, skipped: 0 });
}

function moved<T extends Interval>(cues: readonly T[], shift: Milliseconds): readonly T[] {
  return cues.map((cue) => ({ ...cue, start: Math.max(0, cue.start + shift), end: Math.min(cue.end + shift, Number.MAX_SAFE_INTEGER) })).filter(({ end }) => end > 0);
}

export function webVttDocument(file: VttFile): TextDocument {
  const chosen = (cues: readonly number[]): readonly VttCue[] => cues.map((index) => file.cues[index]);
  const write = ttmlWriter(file.cues);
  return {
    cues: file.cues,
    language: file.language,
    notes: file.skipped === 0 ? [] : [`${file.skipped} blocks that are no cue were skipped`],
    writeTtml: (cues, language, window) => write(chosen(cues), language, window),
    writeWebVtt: (cues) => writeWebVtt({ blocks: file.blocks, cues: chosen(cues) }),
  };
}

function ttmlDocument(file: TtmlFile, where: string): TextDocument {
  const toCues = cuesOfTtml(file, where);
  const chosen = (cues: readonly number[]): readonly TtmlCue[] => cues.map((index) => file.cues[index]);
  return {
    cues: file.cues,
    language: valueOf(file.root, 'lang', XML) || null,
    notes: [],
    writeTtml: (cues, language, window) => writeTtml(file, chosen(cues), { language, window, where }),
    writeWebVtt: (cues) => writeWebVtt({ blocks: [], cues: chosen(cues).flatMap(toCues) }),
  };
}

/** A sample and when it is presented; its document shows nothing outside of that (ISO/IEC 14496-30:2018 5.2). */
export type TextSample = Interval & { readonly bytes: Uint8Array };

/**
 * The documents of a stpp track as one. They must agree in their root's attributes and in their head, since one head serves all
 * paragraphs; a paragraph that goes on over a sample's end is put together again.
 * `shift`: added to the times inside the documents, which count from the track's start.
 */
export function readStppSamples(samples: readonly TextSample[], shift: Milliseconds, where: string): TextDocument {
  let first: TtmlFile | null = null;
  let identity = '';
  const cues: TtmlCue[] = [];
  const going = new Map<string, number>();
  const read = samples.flatMap(({ start, end, bytes }, index) => (bytes.length === 0 ? [] : [{ start, end, index, file: readTtml(bytes, `${where}, sample ${index + 1}`) }]));
  const isLocal = countsFromSamples(read, shift);
  for (const { start, end, index, file } of read) {
    const own = JSON.stringify([file.root.attributes.map(({ uri, local, value }) => [uri, local, value]), file.head === null ? '' : writeXml(file.head)]);
    if (first === null) [first, identity] = [file, own];
    else if (own !== identity) throw new IsomerError('ISOMER_TEXT_MALFORMED', { what: 'head of a TTML document', where: `${where}, sample ${index + 1}`, expected: 'that of the first sample', found: 'another' });
    for (const cue of file.cues) {
      const from = isLocal ? start : shift;
      const shown = { ...cue, start: Math.max(cue.start + from, start, 0), end: Math.min(cue.end + from, end), origin: cue.origin + from };
      if (shown.end <= shown.start) continue;
      const key = JSON.stringify([cue.ancestors.map(({ attributes }) => attributes), writeXml(cue.paragraph)]);
      const before = going.get(key);
      if (before !== undefined && cues[before].end === shown.start) cues[before] = { ...cues[before], end: shown.end };
      else {
        if (cues.length >= MAX_CUES) throw textLimit('cues', where, MAX_CUES, 'more');
        going.set(key, cues.length);
        cues.push({ ...shown, ancestors: cues.length > 0 && sameAncestors(cues[cues.length - 1], cue) ? cues[cues.length - 1].ancestors : cue.ancestors });
      }
    }
  }
  if (first === null) throw new IsomerError('ISOMER_TEXT_MALFORMED', { where, expected: 'a TTML document', found: 'none' });
  const document = ttmlDocument({ ...first, cues: cues.toSorted((a, b) => a.start - b.start) }, where);
  return isLocal ? { ...document, notes: [...document.notes, 'times count from each sample, as in Smooth Streaming'] } : document;
}

/**
 * Text written for Smooth Streaming (`.ismt`) counts from each sample instead of the track. No box says so: it is taken for such when
 * otherwise a sample would show nothing of its own cues, and this way each shows some.
 */
function countsFromSamples(samples: readonly (Interval & { readonly file: TtmlFile })[], shift: Milliseconds): boolean {
  const allShow = (fromOf: (sample: Interval) => Milliseconds): boolean =>
    samples.every((sample) => sample.file.cues.length === 0 || sample.file.cues.some((cue) => cue.start + fromOf(sample) < sample.end && cue.end + fromOf(sample) > sample.start));
  return !allShow(() => shift) && allShow(({ start }) => start);
}

function sameAncestors(a: TtmlCue, b: TtmlCue): boolean {
  return JSON.stringify(a.ancestors) === JSON.stringify(b.ancestors);
}
