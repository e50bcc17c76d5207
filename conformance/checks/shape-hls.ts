/** HLS playlists against the asset and the literal forms of the original service (spec/mapping-hls.md). */
import { readAmsUrl, type AmsUrl } from '../outputs.ts';
import { allDelivered } from '../media.ts';
import { HLS, inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { attributeOf, type Tag } from '../oracle/m3u8.ts';
import type { TruthTrackView } from '../oracle/truth.ts';
import { fullTracks, type TrackView, type View } from '../view.ts';
import { exchangePath, judged, problem, renditionGroups, trackPath } from './helpers.ts';
import { plain, realOf } from './shape.ts';

const HNS = 10_000_000n;

export const SHAPE_HLS_CHECKS: readonly FormatCheck[] = [
  {
    id: 'hls/playlist-header',
    requirements: ['HLS-083'],
    title: 'playlists have the header lines of the original service',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: HLS,
    run: ({ view, format }) =>
      [...view.playlists, ...(view.document?.kind === 'hls' && view.document.hls.kind === 'multivariant' ? [{ document: view.document.hls, exchange: view.manifest }] : [])].flatMap(({ document, exchange }) => {
        if (document === null || exchange === null) return [];
        const valuesOf = (name: string): string => document.tags.filter((tag) => tag.name === name).map(({ value }) => value).join(' and ');
        const keyed = document.tags.some(({ attributes }) => attributes.has('KEYFORMAT'));
        const version = format === 'hls-cmaf' ? '7' : keyed ? '5' : format === 'hls-v3' ? '3' : '4';
        const first = document.kind === 'multivariant' || document.segments.length === 0 ? null : (readAmsUrl(absolute(document.segments[0].uri, exchange.url))?.time ?? null);
        const wanted: Readonly<Record<string, string>> = document.kind === 'multivariant' ? { 'EXT-X-VERSION': version } : document.segments.length === 0 ? {} : {
          'EXT-X-VERSION': version,
          'EXT-X-PLAYLIST-TYPE': 'VOD',
          // A filter cuts off the start and keeps the numbers of what is left.
          ...(first === 0n ? { 'EXT-X-MEDIA-SEQUENCE': '0' } : {}),
          'EXT-X-ALLOW-CACHE': format === 'hls-cmaf' ? '' : 'NO',
          'EXT-X-PROGRAM-DATE-TIME': dateOf(first),
        };
        const different = Object.entries(wanted).filter(([name, value]) => valuesOf(name) !== value);
        return judged(exchangePath(exchange), different.map(([name, value]) => problem(exchangePath(exchange), 'a header line differs from the original service', { wanted: `${name}:${value}`, actual: valuesOf(name), at: exchange })));
      }),
  },
  {
    id: 'hls/extinf-exact',
    requirements: ['HLS-086', 'ISO-003'],
    title: 'EXTINF is the time to the next segment, or to the end of the set, to the microsecond',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: HLS,
    run: (context) =>
      context.view.tracks.flatMap((track) =>
        judged(
          trackPath(track),
          track.segments.flatMap((segment, i): Finding[] => {
            const next = track.segments[i + 1]?.time ?? endOf(context, track);
            if (segment.time === null || next === null) return [];
            const wanted = (next - segment.time) * 100n;
            const difference = segment.duration - wanted;
            return difference <= 1000n && difference >= -1000n ? [] : [problem(trackPath(track), 'EXTINF is not the time to the next segment', { wanted: String(wanted), actual: String(segment.duration), at: track.source.kind === 'hls' ? track.source.playlist.exchange : null, pointer: `line ${segment.line}` })];
          }),
        ),
      ),
  },
  {
    id: 'hls/literal-bandwidth',
    requirements: ['HLS-087'],
    title: 'BANDWIDTH of versions 3 and 4 is the sum that the original service writes',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    // The bitrates of the sum are those of the stored tracks.
    run: ({ view, truth }) => truth === null ? [inapplicable('variant', 'the stored bitrates are not known')] : eachVariant(view, (tag, url) => {
      const own = readAmsUrl(url);
      if (own === null) return null;
      const isKeyFrames = tag.name === 'EXT-X-I-FRAME-STREAM-INF';
      const group = attributeOf(isKeyFrames ? firstVariant(view, own) ?? tag : tag, 'AUDIO');
      const named = own.parameters.get('audiotrack');
      const stored = truth.tracks;
      const isAudio = stored.some(({ kind, name }) => kind === 'audio' && name === own.track);
      const audio = isAudio ? [] : named !== undefined ? stored.filter(({ name }) => name === named).map(({ bitrate }) => bitrate) : groupBitrates(view, group);
      const wanted = term(own.bitrate) + (audio.length === 0 ? 0 : term(Math.max(...audio)));
      return plain(attributeOf(tag, 'BANDWIDTH') ?? '') === String(wanted) ? [] : [{ message: 'BANDWIDTH is another sum', wanted: String(wanted), actual: attributeOf(tag, 'BANDWIDTH') ?? '' }];
    }),
  },
  {
    id: 'hls/measured-rates',
    requirements: ['HLS-088'],
    title: 'AVERAGE-BANDWIDTH of CMAF is the measured average to a thousandth',
    level: 'should',
    amsOnly: true,
    scope: 'format',
    formats: ['hls-cmaf'],
    run: ({ view }) => eachVariant(view, (tag, url) => {
      const track = view.tracks.find(({ source, keyFrames }) => source.kind === 'hls' && source.playlist.url === url && keyFrames === (tag.name === 'EXT-X-I-FRAME-STREAM-INF'));
      if (track === undefined || !allDelivered(track)) return null;
      const [audio, text] = renditionGroups(view, tag);
      const groups = track.keyFrames ? [] : [track.kind === 'audio' ? [] : audio, text];
      const wanted = groups.reduce((sum, group) => sum + Math.max(0, ...group.map(averageOf)), averageOf(track));
      const actual = Number(attributeOf(tag, 'AVERAGE-BANDWIDTH') ?? '0');
      return Math.abs(actual - wanted) <= wanted / 1000 + 2 ? [] : [{ message: 'AVERAGE-BANDWIDTH is not the measured average', wanted: wanted.toFixed(0), actual: String(actual) }];
    }),
  },
  {
    id: 'hls/frame-rate',
    requirements: ['HLS-039', 'HLS-069'],
    title: 'FRAME-RATE of CMAF variants is the stored rate to three decimals',
    level: 'should',
    scope: 'format',
    formats: ['hls-cmaf'],
    run: (context) => eachVariant(context.view, (tag, url) => {
      if (tag.name !== 'EXT-X-STREAM-INF') return null;
      const track = fullTracks(context.view).find(({ source }) => source.kind === 'hls' && source.playlist.url === url);
      const rate = track === undefined ? null : realOf(context, track)?.codec.frameRate;
      if (rate == null) return null;
      const wanted = (rate[0] / rate[1]).toFixed(3);
      const actual = attributeOf(tag, 'FRAME-RATE') ?? '';
      return Number(actual).toFixed(3) === wanted ? [] : [{ message: 'FRAME-RATE is not the stored rate', wanted, actual }];
    }),
  },
  {
    id: 'hls/video-range',
    requirements: ['HLS-077'],
    title: 'VIDEO-RANGE stands on the video variants of CMAF',
    level: 'should',
    amsOnly: true,
    scope: 'format',
    formats: ['hls-cmaf'],
    run: ({ view, truth }) => eachVariant(view, (tag, url) => {
      if (attributeOf(tag, 'RESOLUTION') === null) return null;
      const own = readAmsUrl(url);
      const real = truth?.tracks.find(({ kind, name, bitrate }) => kind === 'video' && name === own?.track && bitrate === own.bitrate);
      const wanted = real === undefined ? null : (real.codec.range ?? 'SDR');
      const actual = attributeOf(tag, 'VIDEO-RANGE') ?? '';
      if (wanted === null) return /^(SDR|HLG|PQ)$/.test(actual) ? [] : [{ message: 'VIDEO-RANGE is missing or wrong', wanted: 'SDR, HLG or PQ', actual }];
      return actual === wanted ? [] : [{ message: 'VIDEO-RANGE is missing or wrong', wanted, actual }];
    }),
  },
  {
    id: 'hls/default-rendition',
    requirements: ['HLS-082'],
    title: 'every audio group has one default rendition',
    level: 'should',
    scope: 'format',
    formats: ['hls-v4', 'hls-cmaf'],
    run({ view }) {
      if (view.document?.kind !== 'hls') return [];
      const audio = view.document.hls.media.filter((tag) => attributeOf(tag, 'TYPE') === 'AUDIO');
      return [...new Set(audio.map((tag) => attributeOf(tag, 'GROUP-ID')))].flatMap((group) => {
        const defaults = audio.filter((tag) => attributeOf(tag, 'GROUP-ID') === group && attributeOf(tag, 'DEFAULT') === 'YES').length;
        return judged(`group/${group}`, defaults === 1 ? [] : [problem(`group/${group}`, 'the group has no default rendition', { actual: String(defaults), at: view.manifest })]);
      });
    },
  },
  {
    id: 'hls/renditions',
    requirements: ['HLS-089', 'HLS-040', 'HLS-046'],
    title: 'variants name their audio group, and renditions have the name, language and channels of the asset',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['hls-v4', 'hls-cmaf'],
    run(context) {
      const { view, format } = context;
      if (view.document?.kind !== 'hls') return [];
      const { hls } = view.document;
      const bare = hls.media.length === 0 ? [] : hls.variants.filter(({ tag }) => attributeOf(tag, 'AUDIO') === null).map(({ tag }) => problem('manifest', 'a variant names no audio group', { at: view.manifest, pointer: `line ${tag.line}` }));
      const renditions = fullTracks(view).flatMap((track) => {
        const media = track.source.kind === 'hls' ? track.source.media : null;
        const real = media === null ? null : realOf(context, track);
        if (media === null || real === null) return [];
        const name = (real.label ?? real.name).replaceAll('"', "'");
        const told = (attributeOf(media, 'NAME') ?? '').replace(/ \(\d+\)$/, '');
        // RFC 8216 4.3.4.2.1: members of groups for other codecs share their names.
        const shared = hls.media.some((other) => ['NAME', 'LANGUAGE'].every((key) => attributeOf(other, key) === attributeOf(media, key)) && attributeOf(other, 'GROUP-ID') === 'audio' && attributeOf(media, 'GROUP-ID') !== 'audio');
        const isMixed = new Set(context.truth?.tracks.filter(({ kind }) => kind === 'audio').map(({ codec }) => codec.rfc6381.slice(0, 4))).size > 1;
        const faults = [
          ['NAME', shared ? told : name, told],
          ['CHANNELS', format === 'hls-cmaf' && real.codec.channels !== null ? (real.codec.objects === undefined ? String(real.codec.channels) : `${real.codec.objects}/JOC`) : '', attributeOf(media, 'CHANNELS') ?? ''],
          ['AUTOSELECT', attributeOf(media, 'DEFAULT') === 'YES' ? 'YES' : (attributeOf(media, 'AUTOSELECT') ?? ''), attributeOf(media, 'AUTOSELECT') ?? ''],
          ['GROUP-ID', format === 'hls-v4' && !isMixed ? 'audio' : (attributeOf(media, 'GROUP-ID') ?? ''), attributeOf(media, 'GROUP-ID') ?? ''],
        ].filter(([, wanted, actual]) => wanted !== actual);
        return judged(trackPath(track), faults.map(([attribute, wanted, actual]) => problem(trackPath(track), `${attribute} is not the one of the asset`, { wanted, actual, at: view.manifest, pointer: `line ${media.line}` })));
      });
      return [...judged('manifest', bare), ...renditions];
    },
  },
  {
    id: 'hls/key-frame-variants',
    requirements: ['ISO-021', 'HLS-066'],
    title: 'every video track has one key-frame playlist',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['hls-v4', 'hls-cmaf'],
    run({ view }) {
      if (view.document?.kind !== 'hls') return [];
      const keys = view.tracks.filter(({ keyFrames }) => keyFrames);
      return fullTracks(view).filter(({ kind }) => kind === 'video').flatMap((track) => {
        const count = keys.filter(({ set, bitrate }) => set === track.set && bitrate === track.bitrate).length;
        return judged(trackPath(track), count === 1 ? [] : [problem(trackPath(track), 'the video track has not one key-frame playlist', { actual: String(count), at: view.manifest })]);
      });
    },
  },
];

/** Bitrates of the renditions of a group. Groups share playlists, so this goes by what is listed. */
function groupBitrates({ document, url }: View, group: string | null): readonly number[] {
  if (document?.kind !== 'hls') return [];
  return document.hls.media.filter((media) => attributeOf(media, 'GROUP-ID') === group && attributeOf(media, 'TYPE') === 'AUDIO').map((media) => readAmsUrl(absolute(attributeOf(media, 'URI') ?? '', url))?.bitrate ?? 0);
}

function absolute(uri: string, base: string): string {
  return URL.canParse(uri, base) ? new URL(uri, base).href : '';
}

/** Milliseconds only when there are any. */
function dateOf(time: bigint | 'i' | null): string {
  if (time === null || time === 'i') return '';
  return new Date(Number(time / 10_000n)).toISOString().replace('.000Z', 'Z');
}

/** End of the set in 100-ns units; null when the content is unknown. */
function endOf(context: FormatContext, track: TrackView): bigint | null {
  const real = realOf(context, track);
  if (real === null) return null;
  return (endOfSamples(real.samples) * HNS) / BigInt(real.timescale);
}

/** The last GOP lasts as long as its samples do together, and no less than to the end of the picture that is presented last. */
function endOfSamples(samples: TruthTrackView['samples']): bigint {
  const gop = samples.slice(samples.findLastIndex(({ sync }) => sync));
  const start = gop.reduce((least, { time }) => (time < least ? time : least), gop[0]?.time ?? 0n);
  const latest = gop.reduce((most, sample) => (sample.time > most.time ? sample : most), gop[0]);
  const [together, presented] = [gop.reduce((sum, { duration }) => sum + duration, start), latest === undefined ? 0n : latest.time + latest.duration];
  return together > presented ? together : presented;
}

/** floor(b × 1022 / 1000) + 8160 (spec/mapping-hls.md). */
function term(bitrate: number): number {
  return Math.floor((bitrate * 1022) / 1000) + 8160;
}

function averageOf(track: TrackView): number {
  const bits = track.segments.reduce((sum, { exchange }) => sum + 8 * (exchange?.body?.size ?? 0), 0);
  const seconds = track.segments.reduce((sum, { duration }) => sum + Number(duration) / 1e9, 0);
  return seconds === 0 ? 0 : bits / seconds;
}

type VariantFault = { readonly message: string; readonly wanted: string; readonly actual: string };

/** One verdict per variant and key-frame variant; null where there is nothing to compare. */
function eachVariant(view: View, judge: (tag: Tag, url: string) => readonly VariantFault[] | null): readonly Finding[] {
  if (view.document?.kind !== 'hls' || view.document.hls.kind !== 'multivariant') return [];
  const { hls } = view.document;
  return [...hls.variants, ...hls.keyFrameVariants.map((tag) => ({ tag, uri: attributeOf(tag, 'URI') ?? '' }))].flatMap(({ tag, uri }) => {
    const faults = judge(tag, absolute(uri, view.url));
    const path = `variant/line ${tag.line}`;
    return faults === null ? [] : judged(path, faults.map(({ message, wanted, actual }) => problem(path, message, { wanted, actual, at: view.manifest, pointer: `line ${tag.line}` })));
  });
}

/** The variant of the same video that is listed first: the I-frame playlist repeats its numbers. */
function firstVariant(view: View, { track, bitrate }: AmsUrl): Tag | undefined {
  if (view.document?.kind !== 'hls') return undefined;
  return view.document.hls.variants.find(({ uri }) => {
    const other = readAmsUrl(absolute(uri, view.url));
    return other?.track === track && other.bitrate === bitrate;
  })?.tag;
}
