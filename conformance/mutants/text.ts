/** The specimen's text track: cues over a cut, with a style, a place and words from right to left; written as text, by nobody's writer. */
import type { TruthCue, TruthText } from '../../spec/truth.ts';
import { box, fragment, fullBox, initSegment, u16 } from './bytes.ts';

export const TEXT_NAME = 'captions';
export const TEXT_BITRATE = 8000;

const PLAIN: Pick<TruthCue, 'styled' | 'rightToLeft' | 'place'> = { styled: [], rightToLeft: false, place: null };

/** With how each is written. */
const CUES: readonly (TruthCue & { readonly vtt: string; readonly settings: string; readonly ttml: string; readonly attributes: string })[] = [
  { ...PLAIN, id: '1', start: 500, end: 1500, text: 'First', vtt: 'First', settings: '', ttml: 'First', attributes: 'region="low"' },
  {
    id: '2',
    start: 1500,
    end: 3000,
    text: 'Over a cut\nin yellow',
    styled: [{ style: 'italic', words: 'Over' }, { style: 'yellow', words: 'yellow' }],
    rightToLeft: false,
    place: { line: 10, anchor: 'start', x: 20, width: 40, align: 'start' },
    vtt: '<i>Over</i> a cut\nin <c.yellow>yellow</c>',
    settings: ' line:10% position:20% size:40% align:start',
    ttml: '<span style="italic">Over</span> a cut<br/>in <span tts:color="yellow">yellow</span>',
    attributes: 'region="high"',
  },
  { ...PLAIN, id: '3', start: 2500, end: 3500, text: 'مرحبا', rightToLeft: true, vtt: 'مرحبا', settings: '', ttml: 'مرحبا', attributes: 'region="low" tts:direction="rtl" tts:unicodeBidi="embed"' },
  {
    ...PLAIN,
    id: '4',
    start: 4500,
    end: 5000,
    text: 'Last & leastmost',
    styled: [{ style: 'ruby', words: 'most' }],
    vtt: 'Last &amp; <ruby>least<rt>most</rt></ruby>',
    settings: '',
    ttml: 'Last &amp; <span tts:ruby="container"><span tts:ruby="base">least</span><span tts:ruby="text">most</span></span>',
    attributes: 'region="low"',
  },
];

export const TEXT_TRUTH: TruthText = {
  file: 'captions.vtt',
  form: 'webvtt',
  name: TEXT_NAME,
  bitrate: TEXT_BITRATE,
  language: 'eng',
  label: 'English',
  roles: ['caption'],
  isDefault: true,
  characteristics: 'public.accessibility.transcribes-spoken-dialog',
  cues: CUES.map(({ id, start, end, text, styled, rightToLeft, place }) => ({ id, start, end, text, styled, rightToLeft, place })),
};

function shown(from: number, to: number): typeof CUES {
  return CUES.filter(({ start, end }) => start < to && end > from);
}

function clock(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(11, 23);
}

export function webVttSegment(from: number, to: number): string {
  const cues = shown(from, to).map(({ id, start, end, settings, vtt }) => `${id}\n${clock(start)} --> ${clock(end)}${settings}\n${vtt}`);
  return `${['WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000', ...cues].join('\n\n')}\n`;
}

/** The first one has no ruby. */
const PROFILES = ['profile="http://www.w3.org/ns/ttml/profile/imsc1/text"', 'contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text"'] as const;

/** `local`: times count from the segment and do not leave it, as in Smooth Streaming. */
function ttmlDocument(from: number, to: number, local: boolean): string {
  const paragraphs = shown(from, to).map(({ id, start, end, ttml, attributes }) => {
    const [begin, until] = local ? [Math.max(start, from) - from, Math.min(end, to) - from] : [start, end];
    return `<p xml:id="cue_${id}" begin="${clock(begin)}" end="${clock(until)}" ${attributes}>${ttml}</p>`;
  });
  const profile = PROFILES[paragraphs.some((paragraph) => paragraph.includes('tts:ruby')) ? 1 : 0];
  return `<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xml:lang="en" ttp:${profile}>
<head><styling><style xml:id="italic" tts:fontStyle="italic"/></styling><layout>
<region xml:id="low" tts:origin="0% 5%" tts:extent="100% 90%" tts:displayAlign="after" tts:textAlign="center"/>
<region xml:id="high" tts:origin="20% 10%" tts:extent="40% 90%" tts:displayAlign="before" tts:textAlign="start"/>
</layout></head>
<body><div>${paragraphs.join('\n')}</div></body>
</tt>
`;
}

const ENTRY = box('stpp', Buffer.alloc(6), u16(1), Buffer.from('http://www.w3.org/ns/ttml\0\0\0'), fullBox('mime', 0, 0, Buffer.from('application/ttml+xml;codecs=im1t\0')));

export function textHeader(brand: 'ccff' | 'cmfc', timescale: number): Buffer {
  return initSegment({ brand, kind: 'text', timescale, language: 'eng', width: 0, height: 0, entry: ENTRY });
}

/** Times in ticks of `timescale`. */
export function textFragment(sequence: number, from: bigint, to: bigint, timescale: number, tfxd: boolean): Buffer {
  const milliseconds = (ticks: bigint): number => (Number(ticks) * 1000) / timescale;
  const bytes = Buffer.from(ttmlDocument(milliseconds(from), milliseconds(to), tfxd));
  return fragment({ sequence, time: from, samples: [{ bytes, duration: Number(to - from), composition: 0, sync: true }], ...(tfxd ? { tfxd: { time: from, duration: to - from } } : {}) });
}
