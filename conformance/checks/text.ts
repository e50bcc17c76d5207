/** Text tracks: every cue of the content, in every output, at its time, with its words, styles and place; and the form of what carries it. */
import type { TextPlace, TruthCue, TruthText } from '../../spec/truth.ts';
import { allDelivered, mediaSegments, mediaTimescale } from '../media.ts';
import { ALL, cantTell, FMP4, inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import type { ServedCue } from '../oracle/cues.ts';
import { durationOf } from '../oracle/fragments.ts';
import { isImscText } from '../oracle/ttml.ts';
import { formatRow } from '../outputs.ts';
import { cueShift, isTextFile, subtitleEntry, TRANSPORT_ORIGIN, textSegments, textTracks, type TextSegment } from '../text.ts';
import { segmentPath, timeScaleOf, trackName, type TrackView } from '../view.ts';
import { judged, problem, trackPath } from './helpers.ts';

const WITH_HEADER = ['hls-cmaf', 'dash-csf', 'dash-cmaf'] as const;

export const TEXT_CHECKS: readonly FormatCheck[] = [
  {
    id: 'text/offered',
    requirements: ['TEXT-001'],
    title: 'every text track of the asset is offered, and no other',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ALL,
    run({ truth, view }) {
      if (truth === null || view.document === null) return [inapplicable('text', 'the content is unknown')];
      const wanted = truth.texts.map((text) => trackName({ set: text.name, bitrate: text.bitrate, keyFrames: false }));
      const actual = textTracks(view).map(trackName);
      return [...new Set([...wanted, ...actual])].flatMap((name) => {
        const counts = [wanted, actual].map((names) => names.filter((each) => each === name).length);
        return judged(`track/${name}`, counts[0] === counts[1] ? [] : [problem(`track/${name}`, counts[0] > counts[1] ? 'a text track is not offered' : 'there is a text track that the asset has not, or one twice', { wanted: String(counts[0]), actual: String(counts[1]), at: view.manifest })]);
      });
    },
  },
  {
    id: 'text/cues',
    requirements: ['TEXT-002', 'TEXT-013', 'HLS-057'],
    title: 'each segment holds the cues that show in it, with their times and their words, and no others',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ALL,
    run: (context) => eachSegmentOfTruth(context, ({ shown, cues }) => differences(shown, cues)),
  },
  {
    id: 'text/styles',
    requirements: ['TEXT-003'],
    title: 'words keep their styles and colours, and cues their direction',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ALL,
    run: (context) =>
      eachSegmentOfTruth(context, ({ shown, cues }) =>
        pairs(shown, cues).flatMap(([real, cue]): Difference[] => {
          const [wanted, actual] = [real, cue].map(({ styled }) => styled.map(({ style, words }) => `${style}: ${words}`).toSorted().join('; '));
          if (wanted !== actual) return [{ message: 'words have another style', wanted, actual, line: cue.line }];
          return real.rightToLeft === cue.rightToLeft ? [] : [{ message: 'words run the other way', wanted: real.rightToLeft ? 'rtl' : 'ltr', actual: cue.rightToLeft ? 'rtl' : 'ltr', line: cue.line }];
        }),
      ),
  },
  {
    id: 'text/places',
    requirements: ['TEXT-004'],
    title: 'cues stand where the content has them',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ALL,
    run: (context) =>
      eachSegmentOfTruth(context, ({ shown, cues }) => pairs(shown, cues).flatMap(([real, cue]): Difference[] => (samePlace(real.place, cue.place) ? [] : [{ message: 'a cue stands elsewhere', wanted: placeText(real.place), actual: placeText(cue.place), line: cue.line }]))),
  },
  {
    id: 'text/cuts',
    requirements: ['TEXT-005'],
    title: 'text is cut where the video is',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ALL,
    run({ view }) {
      const video = view.tracks.find(({ kind, keyFrames }) => kind === 'video' && !keyFrames);
      if (video === undefined) return [inapplicable('text', 'there is no video')];
      const wanted = video.segments.map(({ time, duration }) => `${time} for ${duration}`);
      return textTracks(view).flatMap((track) => {
        const actual = track.segments.map(({ time, duration }) => `${time} for ${duration}`);
        const bad = wanted.findIndex((each, i) => each !== actual[i]);
        return judged(trackPath(track), bad < 0 && wanted.length === actual.length ? [] : [problem(trackPath(track), 'a text segment is not that of a video segment', { wanted: wanted[bad] ?? `${wanted.length} segments`, actual: actual[bad] ?? `${actual.length} segments`, at: track.segments[Math.max(0, bad)]?.exchange ?? null })]);
      });
    },
  },
  {
    id: 'text/webvtt-form',
    requirements: ['TEXT-006', 'HLS-057'],
    title: 'WebVTT segments follow the grammar of the standard to the letter',
    level: 'must',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4', 'hls-cmaf'],
    run: (context) => eachText(context, (track, segments) => (isTextFile(track) ? segments.flatMap(formFindings(track)) : [])),
  },
  {
    id: 'text/timestamp-map',
    requirements: ['HLS-057'],
    title: 'X-TIMESTAMP-MAP lays the time of cues on the clock of the media, alike in all segments',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    run: (context) =>
      eachText(context, (track, segments) =>
        segments.flatMap(({ segment, exchange, content }) => {
          const path = segmentPath(track, segment);
          const map = content?.form === 'webvtt' ? content.facts.map : null;
          const actual = map === null ? 'none' : String(map.mpegts - map.local * 90);
          return judged(path, actual === String(TRANSPORT_ORIGIN) ? [] : [problem(path, 'the time of cues is not on the clock of the transport streams', { wanted: String(TRANSPORT_ORIGIN), actual, at: exchange })]);
        }),
      ),
  },
  {
    id: 'text/ttml-form',
    requirements: ['TEXT-007'],
    title: 'TTML is well-formed and holds the elements, attributes, times, styles and regions of IMSC1 text',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run: (context) => eachText(context, (track, segments) => (isTextFile(track) ? [] : segments.flatMap(formFindings(track)))),
  },
  {
    id: 'text/ttml-profile',
    requirements: ['TEXT-008'],
    title: 'TTML names IMSC1 text as its profile, and its language is that of the manifest',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      eachText(context, (track, segments) =>
        segments.flatMap(({ segment, exchange, content }) => {
          if (content?.form !== 'ttml') return [];
          const path = segmentPath(track, segment);
          const { profile, language } = content.facts;
          const faults: Finding[] = [];
          if (profile !== null && !isImscText(profile)) faults.push(problem(path, 'the profile is not IMSC1 text', { actual: profile, at: exchange }));
          if (profile === null && context.format.endsWith('-cmaf')) faults.push(problem(path, 'the document names no profile', { at: exchange }));
          if (language !== null && primary(language) !== primary(track.language)) faults.push(problem(path, 'the language of the document is not that of the manifest', { wanted: track.language, actual: language, at: exchange }));
          return judged(path, faults);
        }),
      ),
  },
  {
    id: 'text/header',
    requirements: ['CMAF-035', 'TEXT-009'],
    title: 'headers of TTML tracks: subtitle handler and media header, stpp with namespace, media type and brand',
    level: 'must',
    scope: 'format',
    formats: WITH_HEADER,
    run: (context) =>
      eachText(context, (track) => {
        const entry = isTextFile(track) ? null : subtitleEntry(context.reader, track);
        if (entry === null) return [];
        const wanted: [string, string, string][] = [
          ['the handler', 'subt', entry.handler],
          ['the media header', 'sthd', entry.mediaHeader ? 'sthd' : ''],
          ['the sample entry', 'stpp', entry.entries.join(' ')],
          ['the namespace', 'http://www.w3.org/ns/ttml', entry.namespace.split(' ')[0]],
          ['the media type', 'application/ttml+xml;codecs=im1t', entry.mime],
        ];
        if (context.format !== 'dash-csf') wanted.push(['the brand', 'im1t', entry.brands.includes('im1t') ? 'im1t' : entry.brands.join(' ')]);
        return judged(trackPath(track), wanted.filter(([, should, is]) => should !== is).map(([what, should, is]) => problem(trackPath(track), `${what} is another`, { wanted: should, actual: is, at: track.init?.exchange ?? null })));
      }),
  },
  {
    id: 'text/samples',
    requirements: ['TEXT-009'],
    title: 'each fragment of a TTML track holds one sample that lasts as long as the segment',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      eachText(context, (track) =>
        mediaSegments(context.reader, track).flatMap(({ segment, facts }) => {
          const path = segmentPath(track, segment);
          const counts = facts.fragments.flatMap(({ samples }) => samples).length;
          if (facts.fragments.length !== 1 || counts !== 1) return [problem(path, 'the fragment does not hold one sample', { wanted: '1', actual: String(counts), at: segment.exchange })];
          const timescale = mediaTimescale(context.reader, track);
          const interval = intervalOf(track, segment.index);
          if (timescale === null || interval === null) return [cantTell(path, 'the timescale or the interval is unknown')];
          const [wanted, actual] = [interval.end - interval.start, (Number(durationOf(facts.fragments[0])) * 1000) / timescale];
          return judged(path, Math.abs(wanted - actual) <= 1 ? [] : [problem(path, 'the sample does not last as long as the segment', { wanted: `${wanted} ms`, actual: `${actual} ms`, at: segment.exchange })]);
        }),
      ),
  },
];

type Difference = { readonly message: string; readonly wanted: string; readonly actual: string; readonly line: number };

/** Findings about each delivered text track. Nothing of the kind means that there is nothing to judge. */
function eachText(context: FormatContext, judge: (track: TrackView, segments: readonly TextSegment[]) => readonly Finding[]): readonly Finding[] {
  return textTracks(context.view).flatMap((track) => judge(track, textSegments(context.reader, track)));
}

function formFindings(track: TrackView): (segment: TextSegment) => readonly Finding[] {
  return ({ segment, exchange, content }) => {
    const path = segmentPath(track, segment);
    if (content === null) return [problem(path, 'the segment holds no text', { at: exchange })];
    return judged(path, content.facts.problems.slice(0, 5).map(({ line, message, actual }) => problem(path, message, { actual, at: exchange, pointer: `line ${line}` })));
  };
}

type Judged = { readonly shown: readonly TruthCue[]; readonly cues: readonly ServedCue[] };

/** One verdict per segment of each text track whose truth is known. */
function eachSegmentOfTruth(context: FormatContext, judge: (segment: Judged) => readonly Difference[]): readonly Finding[] {
  const { truth, view, reader } = context;
  if (truth === null) return [inapplicable('text', 'the content is unknown')];
  const { localText } = formatRow(view.format);
  return textTracks(view).flatMap((track): readonly Finding[] => {
    const real = truthOfText(truth.texts, track);
    if (real === null) return [problem(trackPath(track), 'the asset has no such text')];
    if (!allDelivered(track)) return [cantTell(trackPath(track), 'not all segments were captured')];
    return textSegments(reader, track).flatMap(({ segment, exchange, content }) => {
      const path = segmentPath(track, segment);
      const interval = intervalOf(track, segment.index);
      if (content === null || interval === null) return [problem(path, 'the segment holds no text', { at: exchange })];
      const shift = localText === true ? interval.start : cueShift(view, content);
      const cues = content.facts.cues.map((cue) => ({ ...cue, start: cue.start + shift, end: cue.end + shift }));
      const whole = real.cues.filter(({ start, end }) => start < interval.end && end > interval.start);
      const shown = localText === true ? whole.map((cue) => ({ ...cue, start: Math.max(cue.start, interval.start), end: Math.min(cue.end, interval.end) })) : whole;
      return judged(path, judge({ shown, cues }).slice(0, 5).map(({ message, wanted, actual, line }) => problem(path, message, { wanted, actual, at: exchange, pointer: `line ${line}` })));
    });
  });
}

function truthOfText(texts: readonly TruthText[], track: TrackView): TruthText | null {
  return texts.find(({ name, bitrate }) => name === track.set && bitrate === track.bitrate) ?? null;
}

/** In milliseconds; the last segment ends with what the manifest says of it. */
function intervalOf(track: TrackView, index: number): { readonly start: number; readonly end: number } | null {
  const segment = track.segments[index];
  if (segment.time === null) return null;
  const start = (Number(segment.time) * 1000) / timeScaleOf(track, segment);
  const next = track.segments[index + 1]?.time ?? null;
  const end = next === null ? start + (Number(segment.duration) * 1000) / segment.timescale : (Number(next) * 1000) / timeScaleOf(track, segment);
  return { start, end };
}

/** Times are told in milliseconds: half of one is rounding. */
const ROUNDING = 0.5;

function isSame(real: TruthCue, cue: ServedCue): boolean {
  return Math.abs(real.start - cue.start) <= ROUNDING && Math.abs(real.end - cue.end) <= ROUNDING && real.text === cue.text && (real.id === '' || real.id === cue.id);
}

function cueText({ id, start, end, text }: { readonly id: string; readonly start: number; readonly end: number; readonly text: string }): string {
  return `${id} ${start}-${end} ${text}`;
}

function differences(shown: readonly TruthCue[], cues: readonly ServedCue[]): readonly Difference[] {
  const left = [...cues];
  const found: Difference[] = [];
  for (const real of shown) {
    const at = left.findIndex((cue) => isSame(real, cue));
    if (at >= 0) left.splice(at, 1);
    else {
      const near = left.find(({ text, id }) => text === real.text || (id !== '' && id === real.id));
      found.push({ message: near === undefined ? 'a cue is missing' : 'a cue has another time, identifier or other words', wanted: cueText(real), actual: near === undefined ? '' : cueText(near), line: near?.line ?? 0 });
      if (near !== undefined) left.splice(left.indexOf(near), 1);
    }
  }
  return [...found, ...left.map((cue) => ({ message: 'there is a cue that does not show here', wanted: '', actual: cueText(cue), line: cue.line }))];
}

/** Cues of the content with what was served of them; what is missing is found elsewhere. */
function pairs(shown: readonly TruthCue[], cues: readonly ServedCue[]): readonly (readonly [TruthCue, ServedCue])[] {
  return shown.flatMap((real) => cues.filter((cue) => isSame(real, cue)).slice(0, 1).map((cue) => [real, cue] as const));
}

const HALF_PERCENT = 0.5;

/** The room's width matters where words are at its edge or could wrap: half a percent is rounding. */
function samePlace(a: TextPlace | null, b: TextPlace | null): boolean {
  if (a === null || b === null) return a === b;
  return a.anchor === b.anchor && a.align === b.align && [a.line - b.line, a.x - b.x, a.width - b.width].every((distance) => Math.abs(distance) <= HALF_PERCENT);
}

function placeText(place: TextPlace | null): string {
  return place === null ? 'by itself' : `line ${place.line}% ${place.anchor}, from ${place.x}%, ${place.width}% wide, ${place.align}`;
}

/** The language without region and script, in its shortest form. */
function primary(language: string): string {
  try {
    return new Intl.Locale(language).language;
  } catch {
    return language;
  }
}
