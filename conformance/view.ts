/**
 * A view is one output of one asset, read from what was served: its manifests, tracks and the segments that they list, each with
 * the exchange that fetched it. Capture uses the same code to learn what to fetch next.
 */
import type { FormatId } from '../spec/requirement.ts';
import { formatRow, readAmsUrl } from './outputs.ts';
import { readDash, type DashDocument, type DashRepresentation, type Problem } from './oracle/dash.ts';
import { attributeOf, nanosecondsOf, readM3u8, type HlsDocument, type HlsSegment, type Tag } from './oracle/m3u8.ts';
import { readSmooth, type SmoothDocument, type SmoothQuality, type SmoothStream } from './oracle/smooth.ts';
import { decodeXml } from './oracle/xml.ts';
import type { ByteRange, Exchange, ManifestTarget, TraceReader } from './trace.ts';

export type SegmentView = {
  readonly url: string;
  readonly index: number;
  /** From the manifest, or from the URL where the playlist gives none; null when neither says it. */
  readonly time: bigint | null;
  readonly duration: bigint;
  readonly timescale: number;
  readonly line: number;
  /** Where a playlist addresses a part of the resource. */
  readonly range: ByteRange | null;
  readonly exchange: Exchange | null;
};

export type InitView = { readonly url: string; readonly range: ByteRange | null; readonly exchange: Exchange | null };

/** What a manifest said about the track, in its own form. */
export type TrackSource =
  | { readonly kind: 'dash'; readonly representation: DashRepresentation }
  | { readonly kind: 'hls'; readonly playlist: PlaylistView; readonly variant: Tag | null; readonly media: Tag | null }
  | { readonly kind: 'smooth'; readonly stream: SmoothStream; readonly quality: SmoothQuality };

export type TrackView = {
  /** Name of the switching set: the AMS track name, else what the manifest calls it. */
  readonly set: string;
  /** Bits per second of AMS URLs, else as declared; null when nothing says it. */
  readonly bitrate: number | null;
  readonly kind: 'video' | 'audio' | 'text' | 'other';
  readonly codecs: string | null;
  readonly language: string;
  /** Key-frame-only (trick play) tracks list one sample per segment. */
  readonly keyFrames: boolean;
  readonly init: InitView | null;
  readonly segments: readonly SegmentView[];
  readonly source: TrackSource;
};

export type PlaylistView = { readonly url: string; readonly exchange: Exchange | null; readonly document: HlsDocument | null };

export type ManifestDocument = { readonly kind: 'dash'; readonly dash: DashDocument } | { readonly kind: 'hls'; readonly hls: HlsDocument } | { readonly kind: 'smooth'; readonly smooth: SmoothDocument };

export type View = {
  readonly asset: string;
  readonly format: FormatId;
  readonly url: string;
  /** Null when the manifest was not fetched. */
  readonly manifest: Exchange | null;
  /** Null when the manifest is unreadable; `problems` says why. */
  readonly document: ManifestDocument | null;
  readonly text: string;
  /** HLS media playlists, each URL once. */
  readonly playlists: readonly PlaylistView[];
  readonly tracks: readonly TrackView[];
  readonly problems: readonly Problem[];
};

/** `video@640000`, or the name alone where no bitrate is known. */
export function trackName({ set, bitrate, keyFrames }: Pick<TrackView, 'set' | 'bitrate' | 'keyFrames'>): string {
  return `${set}${bitrate === null ? '' : `@${bitrate}`}${keyFrames ? '/keyframes' : ''}`;
}

export function segmentPath(track: TrackView, segment: SegmentView): string {
  return `segment/${trackName(track)}/${segment.time === null ? `n=${segment.index}` : `t=${segment.time}`}`;
}

/** Tracks that hold all samples: not the key-frame-only ones. */
export function fullTracks(view: View): readonly TrackView[] {
  return view.tracks.filter(({ keyFrames }) => !keyFrames);
}

export function readView(target: ManifestTarget, reader: Pick<TraceReader, 'find' | 'body'>): View {
  const { asset, format, url } = target;
  const manifest = reader.find(url);
  const empty = { asset, format, url, manifest, document: null, text: '', playlists: [], tracks: [] };
  if (manifest === null || manifest.body === null || manifest.status !== 200) return { ...empty, problems: [{ line: 0, message: 'the manifest was not delivered' }] };
  const bytes = reader.body(manifest);
  const { kind } = formatRow(format);
  if (kind === 'hls') return readHlsView(target, manifest, bytes, reader);
  const text = decodeXml(bytes);
  if (kind === 'dash') {
    const dash = readDash(text, url);
    if (!('root' in dash)) return { ...empty, text, problems: [dash] };
    return { ...empty, text, document: { kind, dash }, tracks: dash.representations.map((representation) => dashTrack(representation, reader)), problems: dash.problems };
  }
  const smooth = readSmooth(text, url);
  if (!('root' in smooth)) return { ...empty, text, problems: [smooth] };
  const tracks = smooth.streams.flatMap((stream) => stream.qualities.map((quality) => smoothTrack(stream, quality, reader)));
  return { ...empty, text, document: { kind, smooth }, tracks, problems: smooth.problems };
}

type Find = Pick<TraceReader, 'find'>;

function dashTrack(representation: DashRepresentation, reader: Find): TrackView {
  const { adaptationSet, segments, timescale, init } = representation;
  const ams = readAmsUrl(segments[0]?.url ?? init ?? '');
  return {
    set: ams?.track ?? (adaptationSet.node.attributes['id'] === undefined ? `set-${adaptationSet.index + 1}` : `set-${adaptationSet.node.attributes['id']}`),
    bitrate: ams?.bitrate ?? representation.bandwidth,
    kind: adaptationSet.kind,
    codecs: representation.codecs,
    language: adaptationSet.language,
    keyFrames: false,
    init: init === null ? null : { url: init, range: null, exchange: reader.find(init) },
    segments: segments.map(({ url, time, duration, line }, index) => ({ url, index, time, duration, timescale, line, range: null, exchange: reader.find(url) })),
    source: { kind: 'dash', representation },
  };
}

function smoothTrack(stream: SmoothStream, quality: SmoothQuality, reader: Find): TrackView {
  const { timescale, fragments, name, type } = stream;
  return {
    set: name,
    bitrate: quality.bitrate,
    kind: type === 'video' || type === 'audio' || type === 'text' ? type : 'other',
    codecs: quality.node.attributes['FourCC'] ?? null,
    language: stream.node.attributes['Language'] ?? '',
    keyFrames: false,
    init: null,
    segments: fragments.map(({ time, duration, line }, index) => ({ url: quality.urls[index], index, time, duration, timescale, line, range: null, exchange: reader.find(quality.urls[index]) })),
    source: { kind: 'smooth', stream, quality },
  };
}

/** Nanoseconds: EXTINF is decimal text, so this is exact for up to nine decimals. */
const EXTINF_TIMESCALE = 1_000_000_000;

function readHlsView({ asset, format, url }: ManifestTarget, manifest: Exchange, bytes: Uint8Array, reader: Pick<TraceReader, 'find' | 'body'>): View {
  const text = new TextDecoder().decode(bytes);
  const hls = readM3u8(bytes);
  const playlists = new Map<string, PlaylistView>();
  const problems: Problem[] = [];
  const tracks: TrackView[] = [];
  const open = (uri: string, base: string, line: number): PlaylistView | null => {
    if (!URL.canParse(uri, base)) {
      problems.push({ line, message: 'a URI of the playlist cannot be resolved' });
      return null;
    }
    const absolute = new URL(uri, base).href;
    const known = playlists.get(absolute);
    if (known !== undefined) return known;
    const exchange = reader.find(absolute);
    const readable = exchange !== null && exchange.status === 200 && exchange.body !== null;
    const playlist = { url: absolute, exchange, document: readable ? readM3u8(reader.body(exchange)) : null };
    playlists.set(absolute, playlist);
    return playlist;
  };
  const add = (playlist: PlaylistView | null, facts: Pick<TrackView, 'kind' | 'keyFrames' | 'language' | 'codecs'> & { name: string; bandwidth: number | null; variant: Tag | null; media: Tag | null }): void => {
    // The audio-only variant and the rendition may share one playlist: it is one track.
    if (playlist === null || tracks.some(({ source, keyFrames }) => source.kind === 'hls' && source.playlist === playlist && keyFrames === facts.keyFrames)) return;
    tracks.push(hlsTrack(playlist, facts, reader));
  };
  if (hls.kind === 'media') {
    const self = { url, exchange: manifest, document: hls };
    playlists.set(url, self);
    add(self, { kind: 'video', keyFrames: false, language: '', codecs: null, name: 'media', bandwidth: null, variant: null, media: null });
  }
  for (const media of hls.media) {
    const uri = attributeOf(media, 'URI');
    const type = attributeOf(media, 'TYPE');
    if (uri === null) continue;
    const kind = type === 'AUDIO' ? 'audio' : type === 'VIDEO' ? 'video' : type === 'SUBTITLES' ? 'text' : 'other';
    add(open(uri, url, media.line), { kind, keyFrames: false, language: attributeOf(media, 'LANGUAGE') ?? '', codecs: null, name: attributeOf(media, 'NAME') ?? '', bandwidth: null, variant: null, media });
  }
  for (const { tag, uri } of hls.variants) {
    const codecs = attributeOf(tag, 'CODECS');
    const audioOnly = codecs !== null && codecs.split(',').every((codec) => /^(mp4a|ac-3|ec-3|dts|fLaC|Opus)/.test(codec.trim()));
    add(open(uri, url, tag.line), { kind: audioOnly ? 'audio' : 'video', keyFrames: false, language: '', codecs, name: audioOnly ? 'audio' : 'video', bandwidth: Number(attributeOf(tag, 'BANDWIDTH')), variant: tag, media: null });
  }
  for (const tag of hls.keyFrameVariants) {
    add(open(attributeOf(tag, 'URI') ?? '', url, tag.line), { kind: 'video', keyFrames: true, language: '', codecs: attributeOf(tag, 'CODECS'), name: 'video', bandwidth: Number(attributeOf(tag, 'BANDWIDTH')), variant: tag, media: null });
  }
  return { asset, format, url, manifest, document: { kind: 'hls', hls }, text, playlists: [...playlists.values()], tracks, problems };
}

function hlsTrack(playlist: PlaylistView, facts: Pick<TrackView, 'kind' | 'keyFrames' | 'language' | 'codecs'> & { name: string; bandwidth: number | null; variant: Tag | null; media: Tag | null }, reader: Find): TrackView {
  const ams = readAmsUrl(playlist.url);
  const listed = playlist.document?.segments ?? [];
  const resolve = (uri: string): string => (URL.canParse(uri, playlist.url) ? new URL(uri, playlist.url).href : '');
  const mapTag = listed[0]?.map ?? null;
  const mapUri = mapTag === null ? null : attributeOf(mapTag, 'URI');
  const map = mapTag === null || mapUri === null ? null : { url: resolve(mapUri), range: rangeOf(attributeOf(mapTag, 'BYTERANGE'), 0) };
  const ranges = rangesOf(listed);
  return {
    set: ams?.track ?? facts.name,
    bitrate: ams?.bitrate ?? facts.bandwidth,
    kind: facts.kind,
    codecs: facts.codecs,
    language: facts.language,
    keyFrames: facts.keyFrames,
    init: map === null ? null : { ...map, exchange: reader.find(map.url, map.range) },
    segments: listed.map((segment, index) => hlsSegment(segment, index, resolve(segment.uri), ranges[index], reader)),
    source: { kind: 'hls', playlist, variant: facts.variant, media: facts.media },
  };
}

function hlsSegment({ duration, line }: HlsSegment, index: number, url: string, range: ByteRange | null, reader: Find): SegmentView {
  const time = readAmsUrl(url)?.time ?? null;
  return { url, index, time: time === 'i' ? null : time, duration: nanosecondsOf(duration ?? '') ?? 0n, timescale: EXTINF_TIMESCALE, line, range, exchange: reader.find(url, range) };
}

/** `n[@o]`; without an offset the range begins at `next`. Null when it is none, or empty. */
function rangeOf(text: string | null, next: number): ByteRange | null {
  const match = /^(\d{1,15})(?:@(\d{1,15}))?$/.exec(text ?? '');
  if (match === null || Number(match[1]) === 0) return null;
  const first = match[2] === undefined ? next : Number(match[2]);
  return { first, last: first + Number(match[1]) - 1 };
}

/** RFC 8216 4.3.2.2: a range without an offset follows that of the segment before, of the same resource. */
function rangesOf(segments: readonly HlsSegment[]): readonly (ByteRange | null)[] {
  const ranges: (ByteRange | null)[] = [];
  for (const [i, { uri, byteRange }] of segments.entries()) {
    const before = i > 0 && segments[i - 1].uri === uri ? ranges[i - 1] : null;
    ranges.push(rangeOf(byteRange, before === null ? 0 : before.last + 1));
  }
  return ranges;
}

/** Units of `SegmentView.time` per second: AMS URLs count 100-ns units, manifests say it themselves. */
export function timeScaleOf({ source }: TrackView, segment: SegmentView): number {
  return source.kind === 'hls' ? 10_000_000 : segment.timescale;
}
