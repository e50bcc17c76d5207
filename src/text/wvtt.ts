/** WebVTT in movie samples (ISO/IEC 14496-30:2018 clause 7): boxes with one cue each, whose times are the sample's. */
import { fourccAt, viewOf } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { MAX_CUES, textLimit, type TextDocument } from './document.ts';
import { webVttDocument, type TextSample } from './read.ts';
import { readWebVtt, sortedCues, type VttCue } from './webvtt.ts';

/** `configuration` is the text of the sample entry's vttC box: the file's head, with its STYLE and REGION blocks. */
export function readWvttSamples(samples: readonly TextSample[], configuration: string, where: string): TextDocument {
  const head = readWebVtt(new TextEncoder().encode(configuration === '' ? 'WEBVTT' : configuration), where);
  const cues: VttCue[] = [];
  const going = new Map<string, number>();
  for (const [index, { start, end, bytes }] of samples.entries()) {
    if (end <= start) continue;
    for (const { type, body } of boxes(bytes, `${where}, sample ${index + 1}`)) {
      if (type !== 'vttc') continue;
      const parts = new Map(boxes(body, `${where}, sample ${index + 1}`).map((box) => [box.type, box.body]));
      const [id, settings, payload] = ['iden', 'sttg', 'payl'].map((name) => textOf(parts.get(name)));
      const cue = { start, end, id: oneLine(id), settings: oneLine(settings), payload: payload.replace(/\n{2,}/g, '\n').replace(/^\n|\n$/g, '').replaceAll('-->', '--&gt;') };
      // A cue that goes on in the next sample is repeated there, with the same source identifier where it has one (7.4).
      const key = JSON.stringify([textOf(parts.get('vsid'), 'latin1'), cue.id, cue.settings, cue.payload]);
      const before = going.get(key);
      if (before !== undefined && cues[before].end === start) cues[before] = { ...cues[before], end };
      else {
        if (cues.length >= MAX_CUES) throw textLimit('cues', where, MAX_CUES, 'more');
        going.set(key, cues.length);
        cues.push(cue);
      }
    }
  }
  return webVttDocument({ ...head, cues: sortedCues(cues) });
}

function boxes(bytes: Uint8Array, where: string): { readonly type: string; readonly body: Uint8Array }[] {
  const view = viewOf(bytes);
  const found: { type: string; body: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.length - at >= 8 ? view.getUint32(at) : 0;
    if (size < 8 || size > bytes.length - at) throw new IsomerError('ISOMER_TEXT_MALFORMED', { what: 'box of a WebVTT sample', where: `${where}, byte ${at}`, expected: 'a size from 8 to what is left', found: String(size) });
    found.push({ type: fourccAt(bytes, at + 4), body: bytes.subarray(at + 8, at + size) });
    at += size;
  }
  return found;
}

function textOf(bytes: Uint8Array | undefined, encoding = 'utf-8'): string {
  return bytes === undefined ? '' : new TextDecoder(encoding).decode(bytes).replaceAll('\0', '�').replace(/\r\n?/g, '\n');
}

function oneLine(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('-->', '→').trim();
}
