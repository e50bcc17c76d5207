/** HLS playlists (RFC 8216): the rules of one playlist, then playlists against each other and against the media. */
import { readAmsUrl } from '../outputs.ts';
import { allDelivered, delivered, framingOf, headerTrack, initOf, isPartOfSegment, sampleEntryOf, segmentOf, transportOf } from '../media.ts';
import { HLS, inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { nalUnits, startsDecoding } from '../oracle/codecs.ts';
import { isSync, sampleBytes } from '../oracle/fragments.ts';
import { HLS_RULES, judgeByRule, type HlsRule } from '../oracle/hls-rules.ts';
import { attributeOf, nanosecondsOf, type HlsDocument } from '../oracle/m3u8.ts';
import { hlsParserComplaint, m3u8ParserWarnings } from '../oracle/opinions.ts';
import { truthOfTrack } from '../oracle/truth.ts';
import { annexBUnits } from '../oracle/ts.ts';
import type { Exchange } from '../trace.ts';
import { fullTracks, segmentPath, trackName, type TrackView, type View } from '../view.ts';
import { hasOpenGops } from './video.ts';
import { canonicalLanguage, eachTrack, exchangePath, judged, problem, renditionGroups, trackPath } from './helpers.ts';
import { bandwidths, measuredCodecs, measuredDurations, pictureSize, playlistOf, targetOf, variantsOf } from './hls-measured.ts';

const WITH_RENDITIONS = ['hls-v4', 'hls-cmaf'] as const;
const NANOSECONDS = 1_000_000_000n;
/** EXTINF is rounded to microseconds, so measured rates are a little off. */
const ROUNDING = 1e-5;

export const HLS_CHECKS: readonly FormatCheck[] = [
  ...HLS_RULES.map(ruleCheck),
  playlistCheck('hls/second-opinions', ['HLS-081'], 'hls-parser in strict mode and m3u8-parser accept the playlist', ({ text }) => {
    const strict = hlsParserComplaint(text);
    const warnings = m3u8ParserWarnings(text);
    return [...(strict === null ? [] : [{ line: 1, message: 'hls-parser refuses the playlist', actual: strict }]), ...warnings.map((warning) => ({ line: 1, message: 'm3u8-parser warns', actual: warning }))];
  }),
  {
    ...playlistCheck('hls/version-of-format', ['HLS-006'], 'the playlist declares the version of its format', ({ playlist, context }) => {
      const version = Number(playlist.tags.find(({ name }) => name === 'EXT-X-VERSION')?.value ?? '1');
      // KEYFORMAT came with version 5 (RFC 8216 7).
      const least = playlist.tags.some(({ attributes }) => attributes.has('KEYFORMAT')) ? 5 : 0;
      const right = context.format === 'hls-v3' ? version === Math.max(3, least) : context.format === 'hls-v4' ? version === Math.max(4, least) : version === 6 || version === 7;
      return right ? [] : [{ line: 1, message: 'the version is not the one of the format', actual: String(version) }];
    }),
    amsOnly: true,
  },
  {
    id: 'hls/same-target-duration',
    requirements: ['HLS-051', 'ISO-011'],
    title: 'all media playlists have one target duration',
    level: 'must',
    scope: 'format',
    formats: HLS,
    run({ view }) {
      const targets = mediaPlaylists(view).flatMap(({ document, exchange }) => (document.tags.some(({ name }) => name === 'EXT-X-I-FRAMES-ONLY') ? [] : [{ exchange, target: targetOf(document) }]));
      const [first] = targets;
      if (first === undefined) return [];
      const different = targets.find(({ target }) => target !== first.target);
      return judged('playlists', different === undefined ? [] : [problem('playlists', 'target durations differ', { wanted: String(first.target), actual: String(different.target), at: different.exchange })]);
    },
  },
  {
    id: 'hls/target-is-ceiling',
    requirements: ['ISO-011'],
    title: 'the target duration is the ceiling of the longest segment of all playlists',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: HLS,
    run({ view }) {
      const lists = mediaPlaylists(view);
      const longest = lists.flatMap(({ document }) => document.segments.map(({ duration }) => nanosecondsOf(duration ?? '') ?? 0n)).reduce((most, length) => (length > most ? length : most), 0n);
      const wanted = (longest + NANOSECONDS - 1n) / NANOSECONDS;
      return lists.flatMap(({ document, exchange }) => {
        const actual = BigInt(targetOf(document) ?? 0);
        const path = exchange === null ? 'playlist' : exchangePath(exchange);
        // Key frame lists hold shorter entries and may keep the value of the list they serve.
        return judged(path, actual === wanted ? [] : [problem(path, 'the target duration is not the ceiling of the longest segment', { wanted: String(wanted), actual: String(actual), at: exchange })]);
      });
    },
  },
  {
    id: 'hls/extinf-is-duration',
    requirements: ['HLS-012'],
    title: 'EXTINF is the duration of the segment within one frame',
    level: 'should',
    scope: 'format',
    formats: HLS,
    run(context) {
      return fullTracks(context.view).flatMap((track) =>
        measuredDurations(context, track).flatMap(({ index, seconds, frame }) => {
          const segment = track.segments[index];
          const told = Number(segment.duration) / 1e9;
          return judged(segmentPath(track, segment), Math.abs(told - seconds) <= frame + 1e-6 ? [] : [problem(segmentPath(track, segment), 'EXTINF is off by more than a frame', { wanted: seconds.toFixed(6), actual: told.toFixed(6), at: segment.exchange })]);
        }),
      );
    },
  },
  {
    id: 'hls/extinf-does-not-drift',
    requirements: ['HLS-013'],
    title: 'the sum of EXTINF stays within half a frame of the media',
    level: 'must',
    scope: 'format',
    formats: HLS,
    run: (context) =>
      eachTrack(context, (track) => {
        const measured = measuredDurations(context, track);
        // The last segment of a transport stream has no neighbour to be measured against.
        if (!allDelivered(track) || measured.length < track.segments.length - 1 || measured.length === 0) return null;
        let told = 0;
        let real = 0;
        for (const { index, seconds, frame } of measured) {
          told += Number(track.segments[index].duration) / 1e9;
          real += seconds;
          if (Math.abs(told - real) > frame / 2 + 1e-6 * measured.length) return [problem(trackPath(track), 'EXTINF drifts away from the media', { wanted: real.toFixed(6), actual: told.toFixed(6), at: playlistOf(track), pointer: `line ${track.segments[index].line}` })];
        }
        return [];
      }),
  },
  {
    id: 'hls/codecs',
    requirements: ['HLS-038'],
    title: 'CODECS lists the codecs of the variant and its renditions, as the media say them',
    level: 'should',
    scope: 'format',
    formats: HLS,
    run(context) {
      const { view } = context;
      return variantsOf(view).flatMap(({ tag, track }) => {
        const path = `variant/${trackName(track)}`;
        const [audio, text] = renditionGroups(view, tag);
        const real = [track, ...(track.keyFrames ? [] : text), ...(track.kind === 'video' && !track.keyFrames ? audio : [])].flatMap((each) => measuredCodecs(context, each));
        if (real.length === 0) return [];
        const told = new Set((attributeOf(tag, 'CODECS') ?? '').split(',').map((codec) => codec.toLowerCase()).filter((codec) => codec !== ''));
        const missing = real.filter((names) => !names.some((name) => told.has(name)));
        const extra = [...told].filter((codec) => !real.some((names) => names.includes(codec)));
        return judged(path, missing.length + extra.length === 0 ? [] : [problem(path, 'CODECS and the media differ', { wanted: [...new Set(real.map((names) => names.join(' or ')))].join(','), actual: [...told].join(','), at: view.manifest, pointer: `line ${tag.line}` })]);
      });
    },
  },
  {
    id: 'hls/resolution',
    requirements: ['HLS-039'],
    title: 'RESOLUTION stands on every video variant and is the size of the pictures',
    level: 'should',
    scope: 'format',
    formats: HLS,
    run(context) {
      return variantsOf(context.view).flatMap(({ tag, track }) => {
        if (track.kind !== 'video') return [];
        const path = `variant/${trackName(track)}`;
        const told = attributeOf(tag, 'RESOLUTION');
        const entry = sampleEntryOf(context.reader, track) ?? pictureSize(context, track);
        const real = entry === null ? null : `${entry.width}x${entry.height}`;
        return judged(path, told !== null && (real === null || told.split('x').map(Number).join('x') === real) ? [] : [problem(path, 'RESOLUTION is missing or wrong', { wanted: real ?? 'a value', actual: told ?? '', at: context.view.manifest, pointer: `line ${tag.line}` })]);
      });
    },
  },
  {
    id: 'hls/bandwidth-covers-peak',
    requirements: ['HLS-036'],
    title: 'BANDWIDTH is not below the measured peak of the variant with its renditions',
    level: 'must',
    scope: 'format',
    formats: HLS,
    run: (context) => bandwidths(context, (told, { peak }) => (told >= peak * (1 - ROUNDING) - 1 ? null : { message: 'BANDWIDTH is below the measured peak', wanted: `${peak} or more` })),
  },
  {
    id: 'hls/bandwidth-near-peak',
    requirements: ['HLS-064'],
    title: 'BANDWIDTH is at most a tenth above the measured peak',
    level: 'should',
    scope: 'format',
    formats: HLS,
    run: (context) => bandwidths(context, (told, { peak }) => (told <= peak * 1.1 + 1 ? null : { message: 'BANDWIDTH is far above the measured peak', wanted: `${Math.ceil(peak * 1.1)} or less` })),
  },
  {
    id: 'hls/average-bandwidth',
    requirements: ['HLS-037', 'HLS-069'],
    title: 'AVERAGE-BANDWIDTH stands on every variant and is the measured average within a tenth',
    level: 'should',
    scope: 'format',
    formats: ['hls-cmaf'],
    run: (context) =>
      bandwidths(context, (_, { average, tag }) => {
        const told = Number(attributeOf(tag, 'AVERAGE-BANDWIDTH') ?? '0');
        return Math.abs(told - average) <= average / 10 ? null : { message: 'AVERAGE-BANDWIDTH is missing or wrong', wanted: String(average), actual: String(told) };
      }),
  },
  {
    id: 'hls/independent-segments',
    requirements: ['HLS-069'],
    title: 'the multivariant playlist or every media playlist says EXT-X-INDEPENDENT-SEGMENTS',
    level: 'should',
    scope: 'format',
    formats: ['hls-cmaf'],
    run(context) {
      const { view } = context;
      if (view.document?.kind !== 'hls') return [];
      if (hasOpenGops(context)) return [inapplicable('manifest', 'the segments are not independent')];
      const says = (document: HlsDocument): boolean => document.tags.some(({ name }) => name === 'EXT-X-INDEPENDENT-SEGMENTS');
      const right = says(view.document.hls) || mediaPlaylists(view).every(({ document }) => says(document));
      return judged('manifest', right ? [] : [problem('manifest', 'EXT-X-INDEPENDENT-SEGMENTS is missing', { at: view.manifest })]);
    },
  },
  {
    id: 'hls/maps',
    requirements: ['HLS-030', 'HLS-055'],
    title: 'every fMP4 segment is covered by EXT-X-MAP',
    level: 'must',
    scope: 'format',
    formats: ['hls-cmaf'],
    run({ view }) {
      return mediaPlaylists(view).flatMap(({ document, exchange }) => {
        const path = exchange === null ? 'playlist' : exchangePath(exchange);
        const bare = document.segments.find(({ map }) => map === null);
        return judged(path, bare === undefined ? [] : [problem(path, 'a segment has no EXT-X-MAP', { at: exchange, pointer: `line ${bare.line}` })]);
      });
    },
  },
  {
    id: 'hls/key-frame-lists',
    requirements: ['HLS-066'],
    title: 'key-frame-only playlists are offered',
    level: 'must',
    scope: 'format',
    formats: WITH_RENDITIONS,
    run({ view }) {
      if (view.document?.kind !== 'hls' || !view.tracks.some(({ kind }) => kind === 'video')) return [];
      return judged('manifest', view.document.hls.keyFrameVariants.length > 0 ? [] : [problem('manifest', 'there is no EXT-X-I-FRAME-STREAM-INF', { at: view.manifest })]);
    },
  },
  {
    id: 'hls/key-frames',
    requirements: ['HLS-049', 'ISO-021'],
    title: 'a key-frame playlist says so, and each entry is one key frame that lasts to the next',
    level: 'must',
    scope: 'format',
    formats: WITH_RENDITIONS,
    run(context) {
      return context.view.tracks.filter(({ keyFrames }) => keyFrames).flatMap((track) => keyFrameFindings(context, track));
    },
  },
  {
    id: 'hls/child-urls',
    requirements: ['HLS-079'],
    title: 'child URIs have the form of the original service, relative to the manifest',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: HLS,
    run({ view, format }) {
      if (view.document?.kind !== 'hls') return [];
      const { hls } = view.document;
      const token = { 'hls-v3': 'm3u8-aapl-v3', 'hls-v4': 'm3u8-aapl', 'hls-cmaf': 'm3u8-cmaf' }[format as 'hls-v3' | 'hls-v4' | 'hls-cmaf'];
      const form = new RegExp(`^QualityLevels\\(\\d+\\)/Manifest\\([^,()]+,format=${token}(,[a-z-]+=[^,()]+)*\\)$`);
      const uris = [...hls.variants.map(({ tag, uri }) => ({ line: tag.line, uri })), ...[...hls.media, ...hls.keyFrameVariants].flatMap((tag) => ({ line: tag.line, uri: attributeOf(tag, 'URI') ?? '' }))];
      const masters = uris.filter(({ uri }) => uri !== '').flatMap(({ line, uri }) => judged(`manifest/line ${line}`, form.test(uri) ? [] : [problem(`manifest/line ${line}`, 'a child URI has another form', { actual: uri, at: view.manifest, pointer: `line ${line}` })]));
      const children = mediaPlaylists(view).flatMap(({ document, exchange }) =>
        document.segments.slice(0, 1).flatMap(({ uri, line }) => {
          const path = exchange === null ? 'playlist' : exchangePath(exchange);
          return judged(path, new RegExp(`^(Fragments|KeyFrames)\\([^=]+=\\d+,format=${token}(,[a-z-]+=[^,()]+)*\\)$`).test(uri) ? [] : [problem(path, 'a segment URI has another form', { actual: uri, at: exchange, pointer: `line ${line}` })]);
        }),
      );
      return [...masters, ...children];
    },
  },
  {
    id: 'hls/surround',
    requirements: ['HLS-070'],
    title: 'surround and stereo of one language are in groups apart; stereo AAC is offered where there is some',
    level: 'should',
    scope: 'format',
    formats: ['hls-v4', 'hls-cmaf'],
    run(context) {
      const { view, truth } = context;
      if (view.document?.kind !== 'hls' || view.document.hls.kind !== 'multivariant') return [];
      const sounds = audioRenditions(context);
      const surround = sounds.filter(({ channels }) => channels > 2);
      if (surround.length === 0) return [];
      const problems: Finding[] = [];
      for (const { group, language, line } of surround) if (sounds.some((other) => other.group === group && other.language === language && other.channels > 0 && other.channels <= 2)) problems.push(problem('surround', 'surround and stereo of one language are in one group', { actual: `${group}, ${language}`, at: view.manifest, pointer: `line ${line}` }));
      const hasStereo = truth !== null && truth.tracks.some(({ kind, codec }) => kind === 'audio' && codec.channels !== null && codec.channels <= 2 && codec.rfc6381.startsWith('mp4a.40.'));
      const offered = view.document.hls.variants.some(({ tag }) => /mp4a\.40\./.test(attributeOf(tag, 'CODECS') ?? '') && sounds.some(({ group, channels }) => group === attributeOf(tag, 'AUDIO') && channels <= 2));
      if (hasStereo && !offered) problems.push(problem('surround', 'no variant offers the stereo AAC', { at: view.manifest }));
      return judged('surround', problems);
    },
  },
  {
    id: 'hls/language',
    requirements: ['HLS-044'],
    title: 'LANGUAGE is a language tag in its shortest form',
    level: 'must',
    scope: 'format',
    formats: WITH_RENDITIONS,
    run({ view }) {
      if (view.document?.kind !== 'hls') return [];
      return view.document.hls.media.flatMap((tag) => {
        const told = attributeOf(tag, 'LANGUAGE');
        if (told === null) return [];
        return judged(`rendition/line ${tag.line}`, canonicalLanguage(told) === told ? [] : [problem(`rendition/line ${tag.line}`, 'LANGUAGE is not the shortest form', { wanted: canonicalLanguage(told), actual: told, at: view.manifest, pointer: `line ${tag.line}` })]);
      });
    },
  },
];

function mediaPlaylists(view: View): readonly { readonly exchange: Exchange | null; readonly document: HlsDocument }[] {
  return view.playlists.flatMap(({ exchange, document }) => (document === null ? [] : [{ exchange, document }]));
}

type PlaylistProblem = { readonly line: number; readonly message: string; readonly actual?: string };
type Playlist = { readonly playlist: HlsDocument; readonly text: string; readonly exchange: Exchange; readonly context: FormatContext };

/** One verdict for the multivariant playlist and one for each media playlist. */
function playlistCheck(id: string, requirements: readonly string[], title: string, judge: (input: Playlist) => readonly PlaylistProblem[] | null): FormatCheck {
  return {
    id,
    requirements,
    title,
    level: 'must',
    scope: 'format',
    formats: HLS,
    run(context) {
      const { view, reader } = context;
      const top = view.document?.kind === 'hls' && view.manifest !== null ? [{ exchange: view.manifest, document: view.document.hls }] : [];
      return [...top, ...mediaPlaylists(view)].flatMap(({ exchange, document }) => {
        if (exchange === null) return [];
        const problems = judge({ playlist: document, text: new TextDecoder().decode(reader.body(exchange)), exchange, context });
        if (problems === null) return [];
        return judged(exchangePath(exchange), problems.slice(0, 5).map(({ line, message, actual }) => problem(exchangePath(exchange), message, { ...(actual === undefined ? {} : { actual }), at: exchange, pointer: `line ${line}` })));
      });
    },
  };
}

function ruleCheck(rule: HlsRule): FormatCheck {
  return playlistCheck(`hls/${rule.name}`, [rule.requirement], rule.title, ({ playlist }) => (rule.kind === 'any' || rule.kind === playlist.kind ? judgeByRule(rule, playlist) : null));
}


function keyFrameFindings(context: FormatContext, track: TrackView): readonly Finding[] {
  const { reader } = context;
  const path = `playlist/${trackName(track)}`;
  const document = track.source.kind === 'hls' ? track.source.playlist.document : null;
  if (document === null) return [];
  const findings: Finding[] = [...judged(path, document.tags.some(({ name }) => name === 'EXT-X-I-FRAMES-ONLY') ? [] : [problem(path, 'EXT-X-I-FRAMES-ONLY is missing', { at: playlistOf(track) })])];
  const framing = headerTrack(initOf(reader, track)) === null ? null : framingOf(reader, track);
  track.segments.forEach((segment, i) => {
    if (!delivered(segment.exchange)) return;
    const own = segmentPath(track, segment);
    const problems: Finding[] = [];
    const fault = (message: string): void => {
      problems.push(problem(own, message, { at: segment.exchange }));
    };
    const facts = track.init === null ? null : segmentOf(reader, track, segment);
    if (facts !== null) {
      const samples = facts.fragments.flatMap((fragment) => fragment.samples);
      const alone = isPartOfSegment(track, segment) ? samples.length > 0 && samples[0].offset + samples[0].size <= facts.tree.bytes.length : samples.length === 1;
      if (!alone || !isSync(samples[0])) fault('the entry is not one sync sample');
      else if (framing !== null && !startsDecoding(nalUnits(sampleBytes(facts, samples[0]), framing.lengthSize) ?? [], framing.codec)) fault('the entry holds no random access picture');
    } else {
      const transport = transportOf(reader, segment);
      const video = (transport?.pes ?? []).filter(({ streamId }) => (streamId & 0xf0) === 0xe0);
      const codec = transport?.streams.some(({ streamType }) => streamType === 0x24) === true ? 'hevc' : 'avc';
      if (video.length !== 1) fault('the entry is not one access unit');
      else if (!startsDecoding(annexBUnits(video[0].payload), codec)) fault('the entry holds no random access picture');
    }
    const next = track.segments[i + 1];
    if (next !== undefined && segment.time !== null && next.time !== null && readAmsUrl(segment.url)?.noun === 'KeyFrames') {
      const wanted = Number(next.time - segment.time) / 1e7;
      if (Math.abs(wanted - Number(segment.duration) / 1e9) > 1e-5) problems.push(problem(own, 'EXTINF is not the time to the next key frame', { wanted: wanted.toFixed(6), actual: (Number(segment.duration) / 1e9).toFixed(6), at: segment.exchange }));
    }
    findings.push(...judged(own, problems));
  });
  return findings;
}

/** AUDIO renditions with their language and purpose, and their channels: as told, else as the content has them; 0: nobody knows. */
function audioRenditions({ view, truth, profile }: FormatContext): readonly { readonly group: string; readonly language: string; readonly channels: number; readonly line: number }[] {
  if (view.document?.kind !== 'hls' || view.document.hls.kind !== 'multivariant') return [];
  return view.document.hls.media.filter((tag) => attributeOf(tag, 'TYPE') === 'AUDIO').map((tag) => {
    const track = fullTracks(view).find(({ source }) => source.kind === 'hls' && source.media === tag);
    const told = Number.parseInt(attributeOf(tag, 'CHANNELS') ?? '', 10);
    const real = truth === null || track === undefined ? null : truthOfTrack(truth, track, profile);
    return { group: attributeOf(tag, 'GROUP-ID') ?? '', language: `${canonicalLanguage(attributeOf(tag, 'LANGUAGE') ?? '')} ${attributeOf(tag, 'CHARACTERISTICS') ?? ''}`.trim(), channels: Number.isNaN(told) ? (real?.codec.channels ?? 0) : told, line: tag.line };
  });
}
