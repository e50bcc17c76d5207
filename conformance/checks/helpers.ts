/** What checks share: paths, evidence, and the rule that a pass is something that was looked at. */
import { fail, pass, type Finding, type FormatContext } from '../model.ts';
import type { Evidence } from '../../spec/report.ts';
import type { Exchange, Role } from '../trace.ts';
import { fullTracks, segmentPath, trackName, type TrackView, type View } from '../view.ts';
import { mediaSegments, type MediaSegment } from '../media.ts';
import { attributeOf, type Tag } from '../oracle/m3u8.ts';

const KINDS: Readonly<Record<Role['kind'], Evidence['kind']>> = { manifest: 'manifest', playlist: 'playlist', init: 'init', segment: 'segment', keyframe: 'segment', probe: 'http' };

export function evidenceOf(exchange: Exchange | null, pointer = ''): readonly Evidence[] {
  if (exchange === null) return [];
  const { pathname, search } = new URL(exchange.url);
  return [{ kind: KINDS[exchange.role.kind], sha256: exchange.body?.sha256 ?? null, ref: pathname + search, pointer }];
}

export type ProblemDetail = { readonly wanted?: string; readonly actual?: string; readonly at?: Exchange | null; readonly pointer?: string };

export function problem(path: string, message: string, { wanted, actual, at = null, pointer = '' }: ProblemDetail = {}): Finding {
  return fail(path, message, { ...(wanted === undefined ? {} : { wanted }), ...(actual === undefined ? {} : { actual }), evidence: evidenceOf(at, pointer) });
}

/** A pass for the thing at `path` unless there are problems. */
export function judged(path: string, problems: readonly Finding[]): readonly Finding[] {
  return problems.length === 0 ? [pass(path)] : problems;
}

/** Where a request stands in its output. */
export function exchangePath({ role }: Exchange): string {
  if (role.kind === 'probe') return `probe/${role.probe}`;
  if (role.kind === 'manifest') return 'manifest';
  return `${role.kind}/${role.track === '' ? role.set : role.track}${role.time === null ? '' : `/t=${role.time}`}`;
}

/** Exchanges of one output, probes left out. */
export function exchangesOf({ asset, format, reader }: FormatContext): readonly Exchange[] {
  return reader.trace.exchanges.filter(({ role }) => role.asset === asset && role.format === format && role.kind !== 'probe');
}

export function probesOf({ asset, format, reader }: FormatContext, kind: string): readonly Exchange[] {
  return reader.trace.exchanges.filter(({ role }) => role.asset === asset && role.format === format && role.kind === 'probe' && role.probe === kind);
}

export function trackPath(track: TrackView): string {
  return `track/${trackName(track)}`;
}

/** One verdict per delivered media segment. `judge` returns problems only. */
export function eachSegment(context: FormatContext, judge: (media: MediaSegment) => readonly Finding[]): readonly Finding[] {
  return context.view.tracks.flatMap((track) => mediaSegments(context.reader, track).flatMap((media) => judged(segmentPath(track, media.segment), judge(media))));
}

/** One verdict per track that holds all samples. `judge` returns problems, or null when the track gives nothing to judge. */
export function eachTrack(context: FormatContext, judge: (track: TrackView) => readonly Finding[] | null): readonly Finding[] {
  return fullTracks(context.view).flatMap((track) => {
    const problems = judge(track);
    return problems === null ? [] : judged(trackPath(track), problems);
  });
}

/** Renditions that may be played beside a variant, sound and text apart: of each a client takes one. */
export function renditionGroups({ tracks }: View, variant: Tag): readonly (readonly TrackView[])[] {
  return ['AUDIO', 'SUBTITLES'].map((type) => {
    const group = attributeOf(variant, type);
    return group === null ? [] : tracks.filter(({ source }) => source.kind === 'hls' && source.media !== null && attributeOf(source.media, 'TYPE') === type && attributeOf(source.media, 'GROUP-ID') === group);
  });
}

/** Shortest form of a language tag (RFC 5646 2.2.1): `eng` and `en` are the same. Empty and `und` say nothing. */
export function canonicalLanguage(language: string): string {
  if (language === '' || language === 'und') return '';
  try {
    return Intl.getCanonicalLocales(language)[0];
  } catch {
    return language;
  }
}
