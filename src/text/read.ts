/** From stored text to documents: files of their own, and samples of stpp and wvtt tracks (ISO/IEC 14496-30). */
import { IsomerError } from '../errors.ts';
import { MAX_CUES, textLimit, type Interval, type Milliseconds, type TextDocument } from './document.ts';
import { readTtml, writeTtml, XML, type TtmlCue, type TtmlFile } from './ttml.ts';
import { cuesOfTtml } from './ttmlvtt.ts';
import { ttmlWriter } from './vttttml.ts';
import { readWebVtt, writeWebVtt, type VttCue, type VttFile } from './webvtt.ts';
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
    writeTtml: (cues, language) => write(chosen(cues), language),
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
    writeTtml: (cues, language) => writeTtml(file, chosen(cues), language),
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
  for (const [index, { start, end, bytes }] of samples.entries()) {
    if (bytes.length === 0) continue;
    const file = readTtml(bytes, `${where}, sample ${index + 1}`);
    const own = JSON.stringify([file.root.attributes.map(({ uri, local, value }) => [uri, local, value]), file.head === null ? '' : writeXml(file.head)]);
    if (first === null) [first, identity] = [file, own];
    else if (own !== identity) throw new IsomerError('ISOMER_TEXT_MALFORMED', { what: 'head of a TTML document', where: `${where}, sample ${index + 1}`, expected: 'that of the first sample', found: 'another' });
    for (const cue of file.cues) {
      const shown = { ...cue, start: Math.max(cue.start + shift, start, 0), end: Math.min(cue.end + shift, end), origin: cue.origin + shift };
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
  return ttmlDocument({ ...first, cues: cues.toSorted((a, b) => a.start - b.start) }, where);
}

function sameAncestors(a: TtmlCue, b: TtmlCue): boolean {
  return JSON.stringify(a.ancestors) === JSON.stringify(b.ancestors);
}
