/** All outputs of one asset against each other: the same atoms, arranged differently. */
import type { FormatId } from '../../spec/requirement.ts';
import { carriesCodec, formatRow } from '../outputs.ts';
import { allDelivered, comparableHash, delivered, samplesOf } from '../media.ts';
import { inapplicable, type AssetCheck, type Context, type Finding } from '../model.ts';
import { encryptionOf } from '../opened.ts';
import { attributeOf } from '../oracle/m3u8.ts';
import { sealingOf } from '../oracle/signalled.ts';
import type { TraceReader } from '../trace.ts';
import { fullTracks, segmentPath, trackName, type TrackView, type View } from '../view.ts';
import { canonicalLanguage, judged, problem } from './helpers.ts';

export const CROSS_CHECKS: readonly AssetCheck[] = [
  {
    id: 'cross/same-tracks',
    requirements: ['XPROT-001'],
    title: 'all outputs offer the same tracks, as far as they carry their codecs; muxed HLS the same video',
    level: 'must',
    amsOnly: true,
    scope: 'asset',
    run: (context) =>
      eachPair(context, (first, other) => {
        const lacking = (format: FormatId): ReadonlySet<string> => new Set((context.truth?.tracks ?? []).filter(({ codec }) => !carriesCodec(format, codec.rfc6381)).map(({ name, bitrate }) => `${name}@${bitrate}`));
        const [beyondFirst, beyondOther] = [lacking(first.format), lacking(other.format)];
        const wanted = namesOf(first, other.format).filter((name) => !beyondOther.has(name));
        const actual = namesOf(other, other.format).filter((name) => !beyondFirst.has(name));
        const missing = wanted.filter((name) => !actual.includes(name));
        const extra = actual.filter((name) => !wanted.includes(name));
        if (missing.length + extra.length === 0) return [];
        return [problem(pairPath(first, other), 'the outputs offer different tracks', { wanted: wanted.join(' '), actual: actual.join(' '), at: other.manifest })];
      }),
  },
  {
    id: 'cross/same-times',
    requirements: ['XPROT-001', 'ISO-003'],
    title: 'the same times name the segments of a track in all outputs',
    level: 'must',
    amsOnly: true,
    scope: 'asset',
    run: (context) =>
      eachTrackPair(context, isAlways, (a, b, path) => {
        const [wanted, actual] = [a, b].map(({ segments }) => segments.map(({ time }) => String(time)));
        const bad = wanted.findIndex((time, i) => actual[i] !== time);
        if (bad < 0 && wanted.length === actual.length) return [];
        return [problem(path, 'segments have different names', { wanted: wanted.slice(Math.max(0, bad)).slice(0, 3).join(' '), actual: actual.slice(Math.max(0, bad)).slice(0, 3).join(' '), at: b.segments[0]?.exchange ?? null })];
      }),
  },
  {
    id: 'cross/same-languages',
    requirements: ['XPROT-001'],
    title: 'a track has the same language in all outputs',
    level: 'must',
    amsOnly: true,
    scope: 'asset',
    run: (context) =>
      eachTrackPair(context, ({ kind }) => kind !== 'video', (a, b, path) => {
        // An audio-only variant without rendition says no language.
        if (b.source.kind === 'hls' && b.source.media === null) return null;
        if (a.source.kind === 'hls' && a.source.media === null) return null;
        const [wanted, actual] = [canonicalLanguage(a.language), canonicalLanguage(b.language)];
        return wanted === actual ? [] : [problem(path, 'the outputs differ in language', { wanted, actual })];
      }),
  },
  {
    id: 'cross/same-samples',
    requirements: ['XPROT-001', 'BMFF-009'],
    title: 'outputs of one sample form hold the same samples, segment by segment',
    level: 'must',
    scope: 'asset',
    run: (context) =>
      eachTrackPair(context, isAlways, (a, b, path, [first, other]) => {
        if (!comparable(first, other, a) || !allDelivered(a) || !allDelivered(b)) return null;
        const [wanted, actual] = [samplesOf(context.reader, a), samplesOf(context.reader, b)];
        const bad = wanted.findIndex((sample, i) => actual[i] === undefined || comparableHash(first, a, sample) !== comparableHash(other, b, actual[i]) || sample.segment.index !== actual[i].segment.index);
        if (bad < 0 && wanted.length === actual.length) return [];
        const where = actual[bad]?.segment ?? b.segments[0];
        return [problem(path, 'the outputs hold different samples', { wanted: `${wanted.length} samples`, actual: `${actual.length}, first difference at ${bad + 1}`, at: where.exchange, pointer: segmentPath(b, where) })];
      }),
  },
  {
    id: 'cross/audio-description',
    requirements: ['DASH-039', 'HLS-047', 'MSS-038'],
    title: 'audio description is signalled in DASH, Smooth and HLS with CMAF',
    level: 'must',
    amsOnly: true,
    scope: 'asset',
    run({ truth, views }) {
      const described = truth?.tracks.filter(({ accessibility }) => accessibility.includes('description')) ?? [];
      if (described.length === 0) return [inapplicable('all', 'the asset is not known to have audio description')];
      return described.flatMap(({ name }) =>
        [...views.values()].flatMap((view) => {
          const track = fullTracks(view).find(({ set }) => set === name);
          const told = track === undefined ? null : signalsDescription(track, view.format);
          const path = `${view.format}/${name}`;
          return told === null ? [] : judged(path, told ? [] : [problem(path, 'the track is not signalled as audio description', { at: view.manifest })]);
        }),
      );
    },
  },
  {
    id: 'cross/cmaf-bytes',
    requirements: ['XPROT-002', 'ISO-015'],
    title: 'CMAF headers and segments have the same bytes under DASH and HLS URLs',
    level: 'must',
    amsOnly: true,
    scope: 'asset',
    run(context) {
      const [dash, hls] = [context.views.get('dash-cmaf'), context.views.get('hls-cmaf')];
      if (dash === undefined || hls === undefined) return [inapplicable('all', 'not both CMAF outputs were captured')];
      return fullTracks(dash).flatMap((track) => {
        const other = sameTrack(hls, track);
        if (other === undefined || schemeOf(context.wire, dash, track) !== schemeOf(context.wire, hls, other)) return [];
        const pairs = [[track.init, other.init] as const, ...track.segments.map((segment) => [segment, other.segments.find(({ time }) => time === segment.time)] as const)];
        return pairs.flatMap(([a, b], i) => {
          if (a == null || b == null || !delivered(a.exchange) || !delivered(b.exchange)) return [];
          const path = i === 0 ? `init/${trackName(track)}` : segmentPath(track, track.segments[i - 1]);
          return judged(path, a.exchange.body.sha256 === b.exchange.body.sha256 ? [] : [problem(path, 'DASH and HLS deliver different bytes', { wanted: a.exchange.body.sha256, actual: b.exchange.body.sha256, at: b.exchange })]);
        });
      });
    },
  },
];

/** Under different schemes the bytes have to differ. */
function schemeOf(wire: TraceReader, view: View, track: TrackView): string {
  return sealingOf(view, track, 0)?.kind === 'envelope' ? 'envelope' : (encryptionOf(wire, track)?.scheme ?? '');
}

/** Null where the format has no way to say it: HLS in transport streams (the original service signalled it from version 7 on). */
function signalsDescription({ source }: TrackView, format: FormatId): boolean | null {
  if (source.kind === 'dash') {
    const { children } = source.representation.adaptationSet.node;
    const says = (name: string, value: string): boolean => children.some((child) => child.name === name && child.attributes['schemeIdUri'] === 'urn:mpeg:dash:role:2011' && child.attributes['value'] === value);
    return says('Accessibility', 'description') && says('Role', 'alternate');
  }
  if (source.kind === 'smooth') return source.stream.node.attributes['Accessibility'] === 'description' && source.stream.node.attributes['Role'] === 'alternate';
  if (format !== 'hls-cmaf' || source.media === null) return null;
  return (attributeOf(source.media, 'CHARACTERISTICS') ?? '').split(',').includes('public.accessibility.describes-video') && attributeOf(source.media, 'AUTOSELECT') === 'YES';
}

function isAlways(): boolean {
  return true;
}

/** HLS v3 carries its audio inside the video: of audio it lists at most an audio-only variant. */
function isMuxed(format: FormatId): boolean {
  return format === 'hls-v3';
}

function namesOf(view: View, against: FormatId): readonly string[] {
  const tracks = fullTracks(view).filter(({ kind }) => (isMuxed(against) ? kind === 'video' : true));
  return [...new Set(tracks.map(trackName))].toSorted();
}

function pairPath(first: View, other: View): string {
  return `${first.format}/${other.format}`;
}

/** The first readable output against every other. */
function eachPair(context: Context, judge: (first: View, other: View) => readonly Finding[]): readonly Finding[] {
  const views = [...context.views.values()].filter(({ document }) => document !== null);
  const reference = views.find(({ format }) => !isMuxed(format)) ?? views[0];
  if (reference === undefined || views.length < 2) return [inapplicable('all', 'fewer than two outputs were captured')];
  return views.filter((view) => view !== reference).flatMap((other) => judged(pairPath(reference, other), judge(reference, other)));
}

/** Every track that two outputs share, each pair of outputs once. Null: nothing to compare. */
function eachTrackPair(context: Context, wanted: (track: TrackView) => boolean, judge: (a: TrackView, b: TrackView, path: string, views: readonly [View, View]) => readonly Finding[] | null): readonly Finding[] {
  const views = [...context.views.values()].filter(({ document }) => document !== null);
  const findings = views.flatMap((first, i) =>
    views.slice(i + 1).flatMap((other) =>
      fullTracks(first).filter(wanted).flatMap((track) => {
        if ((isMuxed(first.format) || isMuxed(other.format)) && track.kind !== 'video') return [];
        const match = sameTrack(other, track);
        if (match === undefined) return [];
        const path = `${pairPath(first, other)}/${trackName(track)}`;
        const problems = judge(track, match, path, [first, other]);
        return problems === null ? [] : judged(path, problems);
      }),
    ),
  );
  return findings.length === 0 ? [inapplicable('all', 'no two outputs share a track')] : findings;
}

function sameTrack(view: View, track: TrackView): TrackView | undefined {
  return fullTracks(view).find(({ set, bitrate }) => set === track.set && bitrate === track.bitrate);
}

/** Sound has the same samples in all fMP4 outputs; video where the sample form is the same, text where its times count from the same. */
function comparable(a: View, b: View, { kind }: TrackView): boolean {
  const [x, y] = [formatRow(a.format), formatRow(b.format)];
  const isSameForm = { audio: true, video: x.samples === y.samples, text: x.localText === y.localText, other: true };
  return x.container === 'fmp4' && y.container === 'fmp4' && isSameForm[kind];
}
