/**
 * Manifests against the asset and the literal forms of the original service (spec/mapping-*.md): what the standards leave free and
 * old clients rely on.
 */
import { readAmsUrl, type AmsUrl } from '../outputs.ts';
import { allDelivered, sampleEntryOf } from '../media.ts';
import { DASH, HLS, inapplicable, type AssetCheck, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { nalType, parameterSets } from '../oracle/codecs.ts';
import { attributeOf, type Tag } from '../oracle/m3u8.ts';
import { readSps } from '../oracle/sps.ts';
import { truthOfTrack, type TruthTrackView } from '../oracle/truth.ts';
import { childrenOf, type XmlNode } from '../oracle/xml.ts';
import { fullTracks, trackName, type TrackView, type View } from '../view.ts';
import { exchangePath, judged, problem, renditionGroups, trackPath } from './helpers.ts';

const HNS = 10_000_000n;
const ROLE_SCHEME = 'urn:mpeg:dash:role:2011';
const CHANNEL_SCHEMES = new Set(['urn:mpeg:mpegB:cicp:ChannelConfiguration', 'urn:mpeg:dash:23003:3:audio_channel_configuration:2011', 'tag:dolby.com,2014:dash:audio_channel_configuration:2011', 'urn:dolby:dash:audio_channel_configuration:2011', 'tag:dts.com,2014:dash:audio_channel_configuration:2012']);

export const SHAPE_CHECKS: readonly FormatCheck[] = [
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
  {
    id: 'mpd/frame-rate',
    requirements: ['DASH-034', 'DASH-013'],
    title: 'frameRate is the stored rate, and maxFrameRate the largest',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.source.kind !== 'dash' || track.kind !== 'video') return [];
        const { node, adaptationSet } = track.source.representation;
        const [told, most] = [node.attributes['frameRate'] ?? adaptationSet.node.attributes['frameRate'], adaptationSet.node.attributes['maxFrameRate']];
        const real = realOf(context, track)?.codec.frameRate ?? null;
        if (real === null || (told === undefined && most === undefined)) return [];
        const path = `representation/${trackName(track)}`;
        const problems = told === undefined || sameRate(told, real) ? [] : [problem(path, 'frameRate is not the stored rate', { wanted: real.join('/'), actual: told, at: context.view.manifest })];
        if (most !== undefined && !(rateOf(most) >= real[0] / real[1] - 1e-9)) problems.push(problem(path, 'maxFrameRate is below a rate of the set', { wanted: real.join('/'), actual: most, at: context.view.manifest }));
        return judged(path, problems);
      }),
  },
  {
    id: 'mpd/pixel-shape',
    requirements: ['DASH-034'],
    title: 'sar is the pixel shape of the stream, and par the shape of its pictures',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.source.kind !== 'dash' || track.kind !== 'video') return [];
        const { node, adaptationSet } = track.source.representation;
        const entry = sampleEntryOf(context.reader, track);
        const unit = entry === null ? undefined : parameterSets(entry)?.units.find((each) => nalType(each, 'avc') === 7);
        const sps = entry !== null && /^avc/.test(entry.type) && unit !== undefined ? readSps(unit) : null;
        const [sar, par] = [ratioOf(node.attributes['sar'] ?? adaptationSet.node.attributes['sar']), ratioOf(adaptationSet.node.attributes['par'])];
        if (sps === null || (sar === null && par === null)) return [];
        const real = sps.pixelShape === null ? 1 : sps.pixelShape[0] / sps.pixelShape[1];
        const path = `representation/${trackName(track)}`;
        const problems = sar === null || Math.abs(sar - real) < 1e-6 ? [] : [problem(path, 'sar is not the pixel shape of the stream', { wanted: String(real), actual: String(sar), at: context.view.manifest })];
        // par belongs to the best quality; lower ones round their sizes.
        const shape = (real * sps.width) / sps.height;
        if (par !== null && Math.abs(par - shape) / shape > 0.02) problems.push(problem(path, 'par is not the shape of the pictures', { wanted: String(shape), actual: String(par), at: context.view.manifest }));
        return judged(path, problems);
      }),
  },
  {
    id: 'mpd/measured-bandwidth',
    requirements: ['DASH-065'],
    title: 'bandwidth of the CMAF MPD is at most a tenth above the measured peak',
    level: 'should',
    amsOnly: true,
    scope: 'format',
    formats: ['dash-cmaf'],
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.source.kind !== 'dash' || !allDelivered(track)) return [];
        const path = `representation/${trackName(track)}`;
        const told = track.source.representation.bandwidth ?? 0;
        const most = 1.1 * Math.max(...track.segments.map(({ exchange, duration, timescale }) => (8 * (exchange?.body?.size ?? 0) * timescale) / Math.max(1, Number(duration))));
        return judged(path, told <= most + 1 ? [] : [problem(path, 'bandwidth is far above the measured peak', { wanted: `${Math.ceil(most)} or less`, actual: String(told), at: context.view.manifest })]);
      }),
  },
  {
    id: 'mpd/channels',
    requirements: ['DASH-036'],
    title: 'AudioChannelConfiguration has a scheme of its codec and the channels of the media',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.source.kind !== 'dash' || track.kind !== 'audio') return [];
        const { node, adaptationSet } = track.source.representation;
        const path = `representation/${trackName(track)}`;
        const all = [node, adaptationSet.node].flatMap((level) => childrenOf(level, 'AudioChannelConfiguration'));
        return all.flatMap(({ attributes, line }, i) => {
          if (all.slice(0, i).some((before) => before.attributes['schemeIdUri'] === attributes['schemeIdUri'])) return [problem(path, 'AudioChannelConfiguration of one scheme stands twice', { at: context.view.manifest, pointer: `line ${line}` })];
          const [scheme, value] = [attributes['schemeIdUri'] ?? '', attributes['value'] ?? ''];
          const channels = realOf(context, track)?.codec.channels ?? null;
          // Both MPEG schemes count 1 and 2 channels as 1 and 2; beyond that they number layouts.
          const right = CHANNEL_SCHEMES.has(scheme) && value !== '' && (!scheme.startsWith('urn:mpeg') || channels === null || channels > 2 || plain(value) === String(channels));
          return judged(path, right ? [] : [problem(path, 'AudioChannelConfiguration does not fit', { wanted: channels === null ? 'a known scheme' : String(channels), actual: `${scheme} ${value}`, at: context.view.manifest, pointer: `line ${line}` })]);
        });
      }),
  },
  {
    id: 'mpd/literal-ids',
    requirements: ['DASH-064'],
    title: 'ids, groups, profiles and descriptors of the MPD are the ones that the asset gives',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: DASH,
    run(context) {
      const { view, format } = context;
      if (view.document?.kind !== 'dash') return [];
      const { adaptationSets, representations } = view.document.dash;
      return adaptationSets.flatMap((set, index) => {
        const path = `set/${index + 1}`;
        const members = view.tracks.filter(({ source }) => source.kind === 'dash' && source.representation.adaptationSet === set);
        const name = members[0]?.set ?? '';
        const real = members[0] === undefined ? null : realOf(context, members[0]);
        const [group, letter] = { audio: ['5', 'A'], text: ['3', 'T'], video: ['1', 'V'], other: ['', ''] }[set.kind];
        const csf = format === 'dash-csf';
        const wanted: [string, string, string][] = [['@id', String(index + 1), set.node.attributes['id'] ?? '']];
        if (csf) wanted.push(['@group', group, set.node.attributes['group'] ?? ''], ['@profiles', 'ccff', set.node.attributes['profiles'] ?? '']);
        if (set.kind === 'video') {
          for (const [most, name] of [['maxWidth', 'width'], ['maxHeight', 'height']]) wanted.push([`@${most}`, String(Math.max(...representations.filter(({ adaptationSet }) => adaptationSet === set).map(({ node }) => Number(node.attributes[name] ?? '0')))), set.node.attributes[most] ?? '']);
        }
        // Of pictures, video/access-points tells the type.
        if (!csf && set.kind !== 'video') wanted.push(['@startWithSAP', '1', set.node.attributes['startWithSAP'] ?? '']);
        if (real !== null) {
          wanted.push(['Role', rolesOf(real, !csf).join(' '), descriptorsOf(set.node, 'Role')], ['Accessibility', real.accessibility.join(' '), descriptorsOf(set.node, 'Accessibility')]);
          wanted.push(['Label', real.label ?? '', childrenOf(set.node, 'Label').map(({ text }) => text.trim()).join(' ')]);
        }
        members.forEach(({ source, bitrate }, i) => {
          const id = source.kind === 'dash' ? source.representation.id : '';
          wanted.push(['Representation@id', csf ? `${group}_${letter}_${name}_${i + 1}` : `${name}_${bitrate}`, decoded(id)]);
        });
        if (index === 0 && representations.length !== view.tracks.length) wanted.push(['Representation', String(view.tracks.length), String(representations.length)]);
        const different = wanted.filter(([, should, is]) => should !== plain(is));
        return judged(path, different.map(([what, should, is]) => problem(path, `${what} is another`, { wanted: should, actual: is, at: view.manifest, pointer: `line ${set.node.line}` })));
      });
    },
  },
  {
    id: 'smooth/level-values',
    requirements: ['MSS-018', 'MSS-019', 'MSS-043'],
    title: 'levels tell the size, rate and channels that are stored, and the constants of the original service',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run(context) {
      if (context.truth === null) return [inapplicable('manifest', 'the content is unknown')];
      const literal = context.profile === 'ams';
      return fullTracks(context.view).flatMap((track) => {
        const real = realOf(context, track);
        if (real === null || track.source.kind !== 'smooth') return [];
        const { attributes, line } = track.source.quality.node;
        const { width, height, sampleRate, channels, sampleEntry } = real.codec;
        const wanted: Record<string, string | null> = track.kind === 'video' ? { MaxWidth: text(width), MaxHeight: text(height) } : { SamplingRate: text(sampleRate), Channels: text(channels), ...(literal && sampleEntry === 'mp4a' ? { BitsPerSample: '16', PacketSize: '4', AudioTag: '255' } : {}) };
        const different = Object.entries(wanted).filter(([name, value]) => value !== null && plain(attributes[name] ?? '') !== value);
        const path = `level/${trackName(track)}`;
        return judged(path, different.map(([name, value]) => problem(path, `${name} is not what is stored`, { wanted: value ?? '', actual: attributes[name] ?? '', at: context.view.manifest, pointer: `line ${line}` })));
      });
    },
  },
  {
    id: 'smooth/literal-names',
    requirements: ['MSS-044'],
    title: 'streams have the names of the asset, but for a lone video, and their first fragment says its time',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['smooth'],
    run({ view }) {
      if (view.document?.kind !== 'smooth') return [];
      const { streams } = view.document.smooth;
      const videos = streams.filter(({ type }) => type === 'video').length;
      return streams.flatMap(({ node, name, type }) => {
        const silent = type === 'video' && videos === 1 && name === 'video';
        const faults = silent || node.attributes['Name'] !== undefined ? [] : ['the stream has no Name'];
        if (childrenOf(node, 'c')[0]?.attributes['t'] === undefined) faults.push('the first fragment has no time');
        return judged(`stream/${name}`, faults.map((fault) => problem(`stream/${name}`, fault, { at: view.manifest, pointer: `line ${node.line}` })));
      });
    },
  },
];

export const ORDER_CHECK: AssetCheck = {
  id: 'cross/set-order',
  requirements: ['XPROT-005'],
  title: 'MPD and Smooth manifest list the sets in the order of the asset',
  level: 'must',
  amsOnly: true,
  scope: 'asset',
  run({ truth, views }) {
    if (truth === null) return [inapplicable('all', 'the content is unknown')];
    const stored = [...new Set([...truth.tracks, ...truth.texts].map(({ name }) => name))];
    return [...views.values()].flatMap((view) => {
      if (view.document === null || view.document.kind === 'hls') return [];
      const listed = [...new Set(view.tracks.map(({ set }) => set))];
      const wanted = stored.filter((name) => listed.includes(name));
      return judged(view.format, wanted.join(' ') === listed.join(' ') ? [] : [problem(view.format, 'sets stand in another order', { wanted: wanted.join(' '), actual: listed.join(' '), at: view.manifest })]);
    });
  },
};

/** Bitrates of the renditions of a group. Groups share playlists, so this goes by what is listed. */
function groupBitrates({ document, url }: View, group: string | null): readonly number[] {
  if (document?.kind !== 'hls') return [];
  return document.hls.media.filter((media) => attributeOf(media, 'GROUP-ID') === group && attributeOf(media, 'TYPE') === 'AUDIO').map((media) => readAmsUrl(absolute(attributeOf(media, 'URI') ?? '', url))?.bitrate ?? 0);
}

/** A number without zeros in front: the same value to a schema. */
function plain(told: string): string {
  return /^\d+$/.test(told) ? String(BigInt(told)) : told;
}

function text(value: number | null): string | null {
  return value === null ? null : String(value);
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function realOf({ truth, profile }: FormatContext, track: TrackView): TruthTrackView | null {
  return truth === null ? null : truthOfTrack(truth, track, profile);
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

/** `16:9` as a number; null when it is absent or of another form, which the schema judges. */
function ratioOf(told: string | undefined): number | null {
  const match = /^([1-9]\d*):([1-9]\d*)$/.exec(told ?? '');
  return match === null ? null : Number(match[1]) / Number(match[2]);
}

function rateOf(told: string): number {
  const match = /^(\d+)(?:\/([1-9]\d*))?$/.exec(told);
  return match === null ? Number.NaN : Number(match[1]) / Number(match[2] ?? '1');
}

function sameRate(told: string, [numerator, denominator]: readonly [number, number]): boolean {
  return Math.abs(rateOf(told) - numerator / denominator) < 1e-6;
}

function descriptorsOf(node: XmlNode, name: string): string {
  return childrenOf(node, name).filter(({ attributes }) => attributes['schemeIdUri'] === ROLE_SCHEME).map(({ attributes }) => attributes['value'] ?? '').join(' ');
}

/** CMAF says `main` of what says nothing. */
function rolesOf({ roles, accessibility }: TruthTrackView, strict: boolean): readonly string[] {
  return strict && roles.length === 0 && accessibility.length === 0 ? ['main'] : roles;
}
