/**
 * HLS multivariant playlists (RFC 8216 4.3.4). Versions 3 and 4 are literal: the shape and the bandwidth formula of
 * spec/golden/hls-v4-master.m3u8 and its relatives. CMAF keeps the URLs and the attribute order, with measured values.
 */
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import { hlsCaptions } from './captions.ts';
import { hlsChannels } from './channels.ts';
import { accessPointOf, carriedSets, type ManifestParameters } from './common.ts';
import { audioGroups, muxedAudio, withAudioTrack, type AudioGroup, type Rendition } from './hlsaudio.ts';
import { codecsText, frameRateText, optionallyQuoted, quoted, tag, type TagAttributes } from './hlstags.ts';
import { mediaParameters, rowOf, type HlsRow } from './hlsversions.ts';
import { keyFramesOf } from './hlsplaylist.ts';
import { subtitlesLine, textGroup, type TextGroup } from './hlstext.ts';
import { checkMuxedKey, keyTags, protectionsOf } from './protection.ts';
import { bitRates, ceilSeconds, longestSegment, oncePerTrack, type BitRates, type Sizes } from './rates.ts';
import { playlistUrl } from './urls.ts';

export { writeKeyFramePlaylist, writeMediaPlaylist } from './hlsplaylist.ts';
export { CMAF_WEBVTT, type HlsVersion } from './hlsversions.ts';

/** Sizes are read for version 7 only, whose bandwidths are measured. */
export type MasterOptions = { readonly version: 3 | 4 } | { readonly version: 7; readonly sizes: Sizes };

export function writeMaster(presentation: Presentation, asked: ManifestParameters, options: MasterOptions): string {
  const row = rowOf(options.version, asked);
  const parameters = mediaParameters(asked);
  const sets = carriedSets(presentation, `HLS version ${row.version}`, row.families);
  const rates = options.version === 7 ? measuredRates(sets, options.sizes, row) : FORMULA_RATES;
  const wanted = presentation.view?.firstQuality ?? null;
  const text = textGroup(sets, row);
  const captions = hlsCaptions(sets, row, text);
  const output: Output = { row, rates, text, captions: captions.attributes };
  const subtitles = text.renditions.map((rendition) => subtitlesLine(rendition, playlistLine(rendition.track, rendition.set, withAudioTrack(asked, null))));
  const lines = [...captions.lines, ...subtitles, ...(row.muxed ? muxedVariants(sets, output, parameters, wanted) : demuxedVariants(sets, output, parameters, wanted))];
  return ['#EXTM3U', `#EXT-X-VERSION:${row.version}`, ...(row.strict ? [...independence(sets), ...sessionKeys(sets, row)] : []), ...lines, ''].join('\n');
}

/** RFC 8216 4.3.5.1: not where pictures of a segment refer to the one before (open GOPs). */
function independence(sets: readonly SwitchingSet[]): readonly string[] {
  return sets.some((set) => accessPointOf(set) === 3) ? [] : ['#EXT-X-INDEPENDENT-SEGMENTS'];
}

/** Keys of all streams, so that players can ask for them early; the old service had none of these tags. */
function sessionKeys(sets: readonly SwitchingSet[], { container }: HlsRow): readonly string[] {
  return protectionsOf(sets).flatMap((protection) => keyTags({ protection }, container, 'EXT-X-SESSION-KEY').lines);
}

/** The old service's estimate of one stream's rate in a transport stream: 2.2 % and 8160 bit/s more than its bitrate. */
export function bandwidthTerm(bitrate: number): number {
  return Math.floor((bitrate * 1022) / 1000) + 8160;
}

type Output = { readonly row: HlsRow; readonly rates: Rates; readonly text: TextGroup; readonly captions: TagAttributes };

type Rates = {
  stream(set: SwitchingSet, track: Track): BitRates;
  /** The I-frame playlist of a video track, whose variant has the rates `variant`. */
  keyFrames(set: SwitchingSet, track: Track, variant: BitRates): BitRates;
};

const FORMULA_RATES: Rates = {
  stream: (_, { bitrate }) => ({ peak: bandwidthTerm(bitrate), average: bandwidthTerm(bitrate) }),
  keyFrames: (_set, _track, variant) => variant,
};

function measuredRates(sets: readonly SwitchingSet[], sizes: Sizes, { webVtt }: HlsRow): Rates {
  const target = ceilSeconds(longestSegment(sets));
  const files = (track: Track): Uint32Array | null => (webVtt ? (track.webvtt?.sizes ?? null) : null);
  return {
    stream: (set, track) =>
      oncePerTrack(sizes, set, track, `${files(track) === null ? 'segments' : 'files'} ${target}`, () => bitRates(set.timeline.names, (segment) => files(track)?.[segment] ?? sizes.segmentBytes(track, segment), target)),
    keyFrames: (set, track) =>
      oncePerTrack(sizes, set, track, `key frames ${target}`, () => {
        const { edges, first } = keyFramesOf(set, track);
        return bitRates(edges, (keyFrame) => sizes.keyFrameBytes(track, first + keyFrame), target);
      }),
  };
}

/** What a variant plays at most together. */
function sumRates(a: BitRates, b: BitRates | null): BitRates {
  return b === null ? a : { peak: a.peak + b.peak, average: a.average + b.average };
}

/** Of several streams of which one plays at a time. */
function largestRates(all: readonly BitRates[]): BitRates {
  return { peak: Math.max(...all.map(({ peak }) => peak)), average: Math.max(...all.map(({ average }) => average)) };
}

type Stream = { readonly set: SwitchingSet; readonly track: Track };

function streamsOf(sets: readonly SwitchingSet[], kind: SwitchingSet['kind']): readonly Stream[] {
  return sets
    .filter((set) => set.kind === kind)
    .flatMap((set) => set.tracks.map((track) => ({ set, track })))
    .toSorted((a, b) => a.track.bitrate - b.track.bitrate);
}

/** Clients start with the variant that is listed first: of the wanted bitrate or, without one, of the nearest. Only that one changes its place. */
function withFirst<T>(variants: readonly T[], trackOf: (variant: T) => Track, wanted: number | null): readonly T[] {
  if (wanted === null || variants.length === 0) return variants;
  const tracks = variants.map(trackOf);
  const nearest = tracks.reduce((best, track) => (Math.abs(track.bitrate - wanted) < Math.abs(best.bitrate - wanted) ? track : best));
  return [...variants.filter((_, i) => tracks[i] === nearest), ...variants.filter((_, i) => tracks[i] !== nearest)];
}

/** Version 3: audio inside the video segments, so variants name it in their URLs; there is nothing to choose in the playlist. */
function muxedVariants(sets: readonly SwitchingSet[], output: Output, parameters: ManifestParameters, wanted: number | null): string[] {
  const { row, rates } = output;
  const audio = muxedAudio(sets, parameters);
  const audioTrack = audio?.tracks[0] ?? null;
  const audioCodecs = audioTrack === null ? [] : [row.codecsOf(audioTrack)];
  const audioRates = audio === null || audioTrack === null ? null : rates.stream(audio, audioTrack);
  const videos = withFirst(streamsOf(sets, 'video'), ({ track }) => track, wanted);
  if (audio !== null && audioTrack !== null) videos.forEach(({ track }) => checkMuxedKey(track, { set: audio, track: audioTrack }));
  const withName = withAudioTrack(parameters, audio);
  const lines = videos.flatMap(({ set, track }) => [
    streamInf({ output, rates: sumRates(rates.stream(set, track), audioRates), track, codecs: [row.codecsOf(track), ...audioCodecs], group: null }),
    playlistLine(track, set, withName),
  ]);
  if (audio === null || audioTrack === null || (videos.length > 0 && !parameters.audioOnly)) return lines;
  const alone = videos.length > 0 ? [audioTrack] : audio.tracks.toReversed();
  const withoutName = withAudioTrack(parameters, null);
  return [
    ...lines,
    ...alone.flatMap((track) => [streamInf({ output, rates: rates.stream(audio, track), track, codecs: [row.codecsOf(track)], group: null }), playlistLine(track, audio, withoutName)]),
  ];
}

/** Versions 4 and 7: audio in groups of its own. */
function demuxedVariants(sets: readonly SwitchingSet[], output: Output, parameters: ManifestParameters, wanted: number | null): string[] {
  const { row, rates } = output;
  const groups = audioGroups(sets.filter(({ kind }) => kind === 'audio'), row);
  const media = groups.flatMap(({ id, renditions }) => renditions.map((rendition) => mediaLine(id, rendition, row, parameters)));
  const videos = streamsOf(sets, 'video');
  const variants = videos.flatMap((video) => {
    const own = rates.stream(video.set, video.track);
    return (groups.length > 0 ? groups : [null]).map((group) => ({ video, group, rates: sumRates(own, group === null ? null : groupRates(group, rates)) }));
  });
  const seen = new Set<Track>();
  const ascending = variants.toSorted((a, b) => a.rates.peak - b.rates.peak);
  const lines = withFirst(ascending, ({ video }) => video.track, wanted).flatMap(({ video: { set, track }, group, rates: variant }) => {
    const codecs = [row.codecsOf(track), ...(group?.renditions.map((rendition) => row.codecsOf(rendition.track)) ?? [])];
    const both = [streamInf({ output, rates: variant, track, codecs, group }), playlistLine(track, set, parameters)];
    if (seen.has(track)) return both;
    seen.add(track);
    return [...both, keyFrameLine(row, rates.keyFrames(set, track, variant), set, track, parameters)];
  });
  if (videos.length > 0 && !parameters.audioOnly) return [...media, ...lines];
  return [...media, ...lines, ...audioVariants(groups, videos.length === 0, output, parameters)];
}

function groupRates({ renditions }: AudioGroup, rates: Rates): BitRates {
  return largestRates(renditions.map(({ set, track }) => rates.stream(set, track)));
}

/** The default rendition as a variant: after the video variants one, for the first group; without video one per group and quality. */
function audioVariants(groups: readonly AudioGroup[], alone: boolean, output: Output, parameters: ManifestParameters): string[] {
  const { row, rates } = output;
  const wanted = (alone ? groups : groups.slice(0, 1)).flatMap((group) => {
    const main = group.renditions.find(({ isDefault }) => isDefault) ?? group.renditions[0];
    const tracks = alone && groups.length === 1 ? main.set.tracks : [main.track];
    return tracks.map((track) => ({ group, set: main.set, track, rates: row.strict ? groupRates(group, rates) : rates.stream(main.set, track) }));
  });
  return wanted
    .toSorted((a, b) => a.rates.peak - b.rates.peak)
    .flatMap(({ group, set, track, rates: variant }) => {
      const codecs = group.renditions.map((rendition) => row.codecsOf(rendition.track));
      return [streamInf({ output, rates: variant, track, codecs, group }), playlistLine(track, set, parameters)];
    });
}

function mediaLine(group: string, { set, track, name, language, characteristics, isDefault, autoselect }: Rendition, row: HlsRow, parameters: ManifestParameters): string {
  return tag('EXT-X-MEDIA', {
    TYPE: 'AUDIO',
    'GROUP-ID': quoted(group),
    NAME: quoted(name),
    LANGUAGE: optionallyQuoted(language),
    DEFAULT: isDefault ? 'YES' : 'NO',
    AUTOSELECT: autoselect ? 'YES' : undefined,
    CHARACTERISTICS: optionallyQuoted(characteristics),
    CHANNELS: row.strict && track.codec.kind === 'audio' ? quoted(hlsChannels(track.codec)) : undefined,
    URI: quoted(playlistLine(track, set, parameters)),
  });
}

type Variant = { readonly output: Output; readonly rates: BitRates; readonly track: Track; readonly codecs: readonly string[]; readonly group: AudioGroup | null };

function streamInf({ output: { row, rates: all, text, captions }, rates: media, track, codecs, group }: Variant): string {
  const isMeasured = row.strict && text.renditions.length > 0;
  const rates = isMeasured ? sumRates(media, largestRates(text.renditions.map((rendition) => all.stream(rendition.set, rendition.track)))) : media;
  return tag('EXT-X-STREAM-INF', {
    BANDWIDTH: rates.peak,
    'AVERAGE-BANDWIDTH': row.strict ? rates.average : undefined,
    RESOLUTION: resolution(track),
    'FRAME-RATE': row.strict ? frameRateText(track.frameRate) : undefined,
    CODECS: codecsText(codecs, text.codecs),
    'VIDEO-RANGE': row.strict ? videoRange(track) : undefined,
    AUDIO: optionallyQuoted(group?.id),
    ...text.attributes,
    // NONE would have to stand on all variants.
    ...('CLOSED-CAPTIONS' in captions ? { 'CLOSED-CAPTIONS': track.codec.kind === 'video' ? captions['CLOSED-CAPTIONS'] : undefined } : {}),
  });
}

function keyFrameLine(row: HlsRow, rates: BitRates, set: SwitchingSet, track: Track, parameters: ManifestParameters): string {
  return tag('EXT-X-I-FRAME-STREAM-INF', {
    BANDWIDTH: rates.peak,
    'AVERAGE-BANDWIDTH': row.strict ? rates.average : undefined,
    RESOLUTION: resolution(track),
    CODECS: codecsText([row.codecsOf(track)]),
    'VIDEO-RANGE': row.strict ? videoRange(track) : undefined,
    URI: quoted(playlistLine(track, set, parameters, true)),
  });
}

function resolution({ codec }: Track): string | undefined {
  return codec.kind === 'video' ? `${codec.width}x${codec.height}` : undefined;
}

function videoRange({ codec }: Track): string | undefined {
  return codec.kind === 'video' ? codec.videoRange : undefined;
}

function playlistLine({ bitrate }: Track, { name }: SwitchingSet, parameters: ManifestParameters, keyFrames = false): string {
  return playlistUrl(bitrate, name, parameters, keyFrames) + (parameters.segmentSuffix === true ? '.m3u8' : '');
}
