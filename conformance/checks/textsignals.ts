/** What manifests say of text tracks, against what the asset says. */
import type { TruthText } from '../../spec/truth.ts';
import { DASH, HLS, inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { attributeOf } from '../oracle/m3u8.ts';
import { childrenOf } from '../oracle/xml.ts';
import { textTracks } from '../text.ts';
import type { TrackView } from '../view.ts';
import { canonicalLanguage, judged, problem, trackPath } from './helpers.ts';

/** What is said, what should be, what is. */
type Row = readonly [what: string, wanted: string, actual: string];

export const TEXT_SIGNAL_CHECKS: readonly FormatCheck[] = [
  {
    id: 'text/hls-renditions',
    requirements: ['TEXT-010', 'HLS-042'],
    title: 'SUBTITLES renditions have name, language, default, forced and characteristics of the asset',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: HLS,
    run: (context) =>
      eachKnown(context, ({ source }, real, all): readonly Row[] => {
        if (source.kind !== 'hls' || source.media === null) return [['TYPE', 'SUBTITLES', 'none']];
        const { media } = source;
        const told = (name: string): string => attributeOf(media, name) ?? '';
        return [
          ['TYPE', 'SUBTITLES', told('TYPE')],
          ['NAME', real.label ?? real.name, told('NAME')],
          ['LANGUAGE', canonicalLanguage(real.language), canonicalLanguage(told('LANGUAGE'))],
          ['DEFAULT', yes(real.isDefault), yes(told('DEFAULT') === 'YES')],
          ['AUTOSELECT', yes(real === selectedOf(all.filter((other) => purposeOf(other) === purposeOf(real)))), yes(told('AUTOSELECT') === 'YES')],
          ['FORCED', yes(isForced(real)), yes(told('FORCED') === 'YES')],
          ['CHARACTERISTICS', characteristicsOf(real), told('CHARACTERISTICS')],
        ];
      }),
  },
  {
    id: 'text/hls-groups',
    requirements: ['TEXT-010', 'HLS-040'],
    title: 'every variant names the group of subtitles, and where there are none no variant does',
    level: 'must',
    scope: 'format',
    formats: HLS,
    run({ view }) {
      if (view.document?.kind !== 'hls' || view.document.hls.kind !== 'multivariant') return [];
      const { media, variants } = view.document.hls;
      const groups = [...new Set(media.filter((tag) => attributeOf(tag, 'TYPE') === 'SUBTITLES').map((tag) => attributeOf(tag, 'GROUP-ID') ?? ''))];
      return variants.flatMap(({ tag, uri }) => {
        const named = attributeOf(tag, 'SUBTITLES');
        const isRight = groups.length === 0 ? named === null : named !== null && groups.includes(named);
        return judged(`variant/${uri}`, isRight ? [] : [problem(`variant/${uri}`, 'the variant does not name the group of subtitles', { wanted: groups.join(' or '), actual: named ?? '', at: view.manifest, pointer: `line ${tag.line}` })]);
      });
    },
  },
  {
    id: 'text/dash-sets',
    requirements: ['TEXT-011', 'DASH-039'],
    title: 'adaptation sets of text have media type, codec, language, label and role of the asset',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: DASH,
    run: (context) =>
      eachKnown(context, ({ source, codecs }, real): readonly Row[] => {
        if (source.kind !== 'dash') return [];
        const { node, language } = source.representation.adaptationSet;
        const own = (name: string): string => source.representation.node.attributes[name] ?? node.attributes[name] ?? '';
        const descriptors = (name: string): string => childrenOf(node, name).filter(({ attributes }) => attributes['schemeIdUri'] === 'urn:mpeg:dash:role:2011').map(({ attributes }) => attributes['value']).join(' ');
        return [
          ['contentType', 'text', own('contentType')],
          ['mimeType', 'application/mp4', own('mimeType')],
          ['codecs', 'stpp.ttml.im1t', codecs ?? ''],
          ['lang', canonicalLanguage(real.language), canonicalLanguage(language)],
          ['Label', real.label ?? '', childrenOf(node, 'Label').map(({ text }) => text.trim()).join(' ')],
          ['Role', real.roles.join(' '), descriptors('Role')],
          ['Accessibility', '', descriptors('Accessibility')],
        ];
      }),
  },
  {
    id: 'text/smooth-streams',
    requirements: ['TEXT-012', 'MSS-009'],
    title: 'text streams have subtype, codec, name, language and role of the asset',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['smooth'],
    run: (context) =>
      eachKnown(context, ({ source }, real): readonly Row[] => {
        if (source.kind !== 'smooth') return [];
        const { stream, quality } = source;
        const own = (name: string): string => stream.node.attributes[name] ?? '';
        return [
          ['Type', 'text', own('Type')],
          ['Subtype', real.roles.includes('caption') ? 'CAPT' : 'SUBT', own('Subtype')],
          ['Name', real.name, own('Name')],
          ['Language', canonicalLanguage(real.language), canonicalLanguage(own('Language'))],
          ['Role', real.roles[0] ?? '', own('Role')],
          ['FourCC', 'TTML', quality.node.attributes['FourCC'] ?? ''],
          ['CodecPrivateData', '', quality.node.attributes['CodecPrivateData'] ?? 'none'],
        ];
      }),
  },
];

/** One verdict per text track that the asset has; strangers are another check's. */
function eachKnown(context: FormatContext, rowsOf: (track: TrackView, real: TruthText, all: readonly TruthText[]) => readonly Row[]): readonly Finding[] {
  const { truth, view } = context;
  if (truth === null) return [inapplicable('text', 'the content is unknown')];
  return textTracks(view).flatMap((track) => {
    const real = truth.texts.find(({ name, bitrate }) => name === track.set && bitrate === track.bitrate);
    if (real === undefined) return [];
    const path = trackPath(track);
    return judged(path, rowsOf(track, real, truth.texts).filter(([, wanted, actual]) => wanted !== actual).map(([what, wanted, actual]) => problem(path, `${what} is another`, { wanted, actual, at: view.manifest })));
  });
}

function yes(value: boolean): string {
  return value ? 'YES' : 'NO';
}

function isForced({ roles }: TruthText): boolean {
  return roles.includes('forced-subtitle');
}

/** HLS Authoring Specification for Apple Devices 4.9: both characteristics say that a rendition stands in for the sound. */
function characteristicsOf({ characteristics, roles }: TruthText): string {
  return characteristics ?? (roles.includes('caption') ? 'public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound' : '');
}

/** Renditions that are chosen by themselves differ in what they are for (RFC 8216 4.3.4.1.1). */
/** Of renditions that differ in nothing that selects them one alone says AUTOSELECT (RFC 8216 4.3.4.1.1): the default one, else the first. */
function selectedOf(alike: readonly TruthText[]): TruthText | undefined {
  return alike.find(({ isDefault }) => isDefault) ?? alike[0];
}

function purposeOf(text: TruthText): string {
  return [canonicalLanguage(text.language), characteristicsOf(text), isForced(text)].join(' ');
}
