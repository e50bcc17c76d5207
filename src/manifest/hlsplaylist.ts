/** HLS media playlists of on-demand presentations (RFC 8216 4.3.3), and I-frame playlists (4.3.3.6). */
import { IsomerError } from '../errors.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import { lowerBound, presentationTime } from '../model/samples.ts';
import { secondsText, toHns, type Ticks } from '../time.ts';
import { carriedSets, carries, type ManifestParameters } from './common.ts';
import { muxedAudio, withAudioTrack } from './hlsaudio.ts';
import { dateText, quoted, tag } from './hlstags.ts';
import { mediaParameters, HLS, rowOf, type HlsRow, type HlsVersion } from './hlsversions.ts';
import { checkMuxedKey, keyTags, NO_KEY, type HlsKeyTags } from './protection.ts';
import { ceilSeconds, longestSegment } from './rates.ts';
import { segmentUrls } from './urls.ts';

export function writeMediaPlaylist(presentation: Presentation, set: SwitchingSet, track: Track, asked: ManifestParameters, version: HlsVersion): string {
  const row = rowOf(version, asked);
  const sets = playableSets(presentation, set, track, row);
  const parameters = set.kind === 'text' ? asked : mediaParameters(asked);
  const audio = row.muxed && set.kind === 'video' ? muxedAudio(sets, parameters) : null;
  const heard = row.muxed ? heardWith(sets, set.kind === 'audio' ? set : audio) : sets;
  const isFile = set.kind === 'text' && row.webVtt;
  if (audio !== null) checkMuxedKey(track, { set: audio, track: audio.tracks[0] });
  const own = row.muxed ? withAudioTrack(parameters, audio) : parameters;
  const url = segmentUrls(set.name, own);
  const { names, first } = set.timeline;
  return playlist(isFile ? { ...row, suffix: WEBVTT_SUFFIX, map: false } : row, heard, names, own, set.name, { url, first, extra: [], keys: keyTags(track, row.container), clear: clearOf(track, track.cuts) });
}

const WEBVTT_SUFFIX = { segment: '.vtt', init: '' };

/** One entry per key frame, each until the next one. `track` is a video track. */
export function writeKeyFramePlaylist(presentation: Presentation, set: SwitchingSet, track: Track, parameters: ManifestParameters, version: HlsVersion): string {
  const row = HLS[version];
  const sets = playableSets(presentation, set, track, row);
  if (!row.keyFrames || set.kind !== 'video') {
    throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', { what: 'type=keyframes', expected: 'a video track, in HLS version 4 or CMAF', found: `${set.kind} in version ${version}` });
  }
  const { edges, first } = keyFramesOf(set, track);
  const { sync } = track.samples;
  const samples = Array.from({ length: edges.length - 1 }, (_, i) => sync?.[first + i] ?? first + i);
  return playlist(row, sets, edges, parameters, set.name, { url: segmentUrls(set.name, parameters, 'KeyFrames'), first, extra: ['#EXT-X-I-FRAMES-ONLY'], keys: keyTags(track, row.container), clear: clearOf(track, samples) });
}

/** Times of the listed segments' key frames in 10 MHz, floors like all names, then the end of the set; `first` counts the track's key frames before. */
export function keyFramesOf({ timeline }: SwitchingSet, { samples, timescale, cuts }: Track): { readonly edges: BigInt64Array; readonly first: number } {
  const before = (sample: number): number => (samples.sync === null ? sample : lowerBound(samples.sync, sample));
  const first = before(cuts[0]);
  const count = before(cuts[cuts.length - 1]) - first;
  const edges = new BigInt64Array(count + 1);
  for (let i = 0; i < count; i++) edges[i] = toHns(samples.base + BigInt(presentationTime(samples, samples.sync?.[first + i] ?? first + i)), timescale);
  edges[count] = timeline.names[timeline.names.length - 1];
  return { edges, first };
}

/** How many entries lie in a clear lead; `samples`: the first one of each entry. */
function clearOf({ protection }: Track, samples: ArrayLike<number>): number {
  return protection === undefined ? 0 : lowerBound(samples, protection.clearSamples);
}

/** What counts for the target duration: of the sound of muxed segments the one that is heard. */
function heardWith(sets: readonly SwitchingSet[], audio: SwitchingSet | null): readonly SwitchingSet[] {
  return audio === null ? sets : sets.filter((set) => set.kind !== 'audio' || set === audio);
}

/** All sets of the output, among which the playlist's must be. */
function playableSets(presentation: Presentation, set: SwitchingSet, { codec }: Track, { version, families }: HlsRow): readonly SwitchingSet[] {
  const sets = carriedSets(presentation, `HLS version ${version}`, families);
  if (carries(families, set)) return sets;
  throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', { what: `track ${set.name}`, expected: families.join(', '), found: codec.rfc6381 });
}

/** SAMPLE-AES and KEYFORMAT (RFC 8216 7). */
const KEY_FORMATS_VERSION = 5;

/** `first`: entries of the unfiltered playlist before the first one here. */
type Entries = { readonly url: (time: Ticks) => string; readonly first: number; readonly extra: readonly string[]; readonly keys: HlsKeyTags; readonly clear: number };

function playlist(row: HlsRow, sets: readonly SwitchingSet[], edges: BigInt64Array, parameters: ManifestParameters, name: string, { url, first, extra, keys, clear }: Entries): string {
  const suffix = parameters.segmentSuffix === true ? row.suffix : { segment: '', init: '' };
  const lines = [
    '#EXTM3U',
    `#EXT-X-VERSION:${keys.whole || keys.lines.length === 0 ? row.version : Math.max(row.version, KEY_FORMATS_VERSION)}`,
    '#EXT-X-PLAYLIST-TYPE:VOD',
    ...(row.cachingForbidden ? ['#EXT-X-ALLOW-CACHE:NO'] : []),
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
    `#EXT-X-TARGETDURATION:${ceilSeconds(longestSegment(sets))}`,
    ...extra,
    `#EXT-X-PROGRAM-DATE-TIME:${dateText(edges[0])}`,
    ...(keys.whole ? keys.lines : []),
    ...(row.map ? [tag('EXT-X-MAP', { URI: quoted(segmentUrls(name, parameters)('i') + suffix.init) })] : []),
    ...(keys.whole ? [] : clear > 0 ? [NO_KEY] : keys.lines),
  ];
  let start = toMicroseconds(edges[0]);
  for (let i = 0; i + 1 < edges.length; i++) {
    const end = toMicroseconds(edges[i + 1]);
    if (i === clear && clear > 0) lines.push(...keys.lines);
    lines.push(`#EXTINF:${secondsText(end - start, 1_000_000, 6)},${row.title}`, url(edges[i]) + suffix.segment);
    start = end;
  }
  lines.push('#EXT-X-ENDLIST', '');
  return lines.join('\n');
}

/** Rounded. Durations are differences of rounded times, so their sum does not drift from the media. */
function toMicroseconds(hns: Ticks): bigint {
  return (hns + 5n) / 10n;
}
