/** Sound beyond its syntax: configuration boxes against the frames, and manifests and program maps against both. */
import { delivered, mediaSegments, sampleEntryOf, transportOf } from '../media.ts';
import { ALL, DASH, inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { dolbyHead, dtsEntryOf, dtsHead, framedCodecOf } from '../oracle/audioframes.ts';
import { sampleBytes } from '../oracle/fragments.ts';
import { attributeOf } from '../oracle/m3u8.ts';
import { fieldsOf, soundOf, type Sound } from '../oracle/sound.ts';
import { truthOfTrack, type TruthTrackView } from '../oracle/truth.ts';
import type { TsStream } from '../oracle/ts.ts';
import { childrenOf } from '../oracle/xml.ts';
import { fullTracks, segmentPath, trackName, type TrackView, type View } from '../view.ts';
import { canonicalLanguage, eachTrack, judged, problem, trackPath } from './helpers.ts';

export const SOUND_CHECKS: readonly FormatCheck[] = [
  {
    id: 'sound/boxes',
    requirements: ['BMFF-007', 'BMFF-008'],
    title: 'dec3 and ddts describe the frames that follow',
    level: 'must',
    scope: 'format',
    formats: ['hls-cmaf', 'dash-csf', 'dash-cmaf'],
    run: (context) =>
      eachTrack(context, (track) => {
        const entry = track.kind === 'audio' ? sampleEntryOf(context.reader, track) : null;
        if (entry === null || entry.type === 'mp4a') return null;
        const [first] = mediaSegments(context.reader, track);
        const sample = first?.fragment?.samples[0];
        if (first === undefined || sample === undefined || first.facts.locked) return null;
        const unit = sampleBytes(first.facts, sample);
        const faults = entry.type === 'ec-3' ? dolbyFaults(entry.config('dec3'), unit) : dtsFaults(entry.type, entry.config('ddts'), unit);
        return faults.map((fault) => problem(trackPath(track), 'the configuration box differs from the frames', { actual: fault, at: track.init?.exchange ?? null, pointer: 'moov/trak/mdia/minf/stbl/stsd' }));
      }),
  },
  {
    id: 'sound/told',
    requirements: ['DASH-030', 'HLS-038', 'MSS-021'],
    title: 'manifests name the codecs that are heard, also where only the payload tells them',
    level: 'must',
    scope: 'format',
    formats: ALL,
    run: (context) => {
      const { truth, view } = context;
      if (truth === null) return [inapplicable('manifest', 'the content is unknown')];
      return fullTracks(view).flatMap((track) => {
        const real = realOf(context, track);
        const told = real === null ? null : toldOf(track, view);
        if (real === null || told === null) return [];
        const path = trackPath(track);
        const wanted = track.source.kind === 'smooth' ? (SMOOTH_NAMES[real.codec.rfc6381] ?? null) : real.codec.rfc6381;
        if (wanted === null) return [];
        return judged(path, told.includes(wanted) && !told.some((name) => isOther(name, wanted, context)) ? [] : [problem(path, 'the codec is not the one that is heard', { wanted, actual: told.join(','), at: view.manifest })]);
      });
    },
  },
  {
    id: 'sound/channels',
    requirements: ['DASH-036', 'DASH-037'],
    title: 'descriptors of channels and objects say what the configuration of their codec says',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        const entry = track.kind === 'audio' ? sampleEntryOf(context.reader, track) : null;
        const sound = entry === null ? null : soundOf(entry);
        if (sound === null || track.source.kind !== 'dash') return [];
        const { node, adaptationSet } = track.source.representation;
        const valuesOf = (element: string, scheme: RegExp): readonly string[] => [node, adaptationSet.node].flatMap((level) => childrenOf(level, element)).filter(({ attributes }) => scheme.test(attributes['schemeIdUri'] ?? '')).map(({ attributes }) => attributes['value'] ?? '');
        const { scheme, values } = channelRule(sound);
        const channels = valuesOf('AudioChannelConfiguration', scheme).filter((value) => values.length > 0 && !values.includes(value.toUpperCase()));
        const objects = [valuesOf('SupplementalProperty', /EC3_ExtensionType/), valuesOf('SupplementalProperty', /EC3_ExtensionComplexityIndex/)].map((each) => each.join(' and '));
        const wanted = sound.objects === null ? ['', ''] : ['JOC', String(sound.objects)];
        const path = `representation/${trackName(track)}`;
        return judged(path, [
          ...channels.map((value) => problem(path, 'AudioChannelConfiguration has another value', { wanted: values.join(' or '), actual: value, at: context.view.manifest, pointer: `line ${node.line}` })),
          ...(objects.join(' ') === wanted.join(' ') ? [] : [problem(path, 'the properties of object audio differ from the configuration', { wanted: wanted.join(' '), actual: objects.join(' '), at: context.view.manifest, pointer: `line ${node.line}` })]),
        ]);
      }),
  },
  {
    id: 'ts/sound-descriptors',
    requirements: ['TS-008'],
    title: 'E-AC-3 and DTS stand in private streams that descriptors name',
    level: 'should',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    run: ({ view, reader }) =>
      fullTracks(view).flatMap((track) =>
        track.segments.slice(0, 1).flatMap((segment): readonly Finding[] => {
          const transport = delivered(segment.exchange) ? transportOf(reader, segment) : null;
          const privates = (transport?.streams ?? []).filter((stream) => stream.streamType === 0x87 || stream.streamType === 0x06);
          if (transport === null || privates.length === 0) return [];
          const faults = privates.flatMap((stream) => {
            const unit = transport.pes.find(({ pid }) => pid === stream.pid);
            return unit === undefined ? ['a stream without packets'] : [...(unit.streamId === 0xbd ? [] : [`stream_id 0x${unit.streamId.toString(16)}`]), ...descriptorFaults(stream, unit.payload)];
          });
          return judged(segmentPath(track, segment), faults.map((fault) => problem(segmentPath(track, segment), 'the program map does not name the sound', { actual: fault, at: segment.exchange, pointer: 'packet 1' })));
        }),
      ),
  },
  {
    id: 'ts/language',
    requirements: ['TS-014'],
    title: 'the program map tells the language of the sound',
    level: 'should',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    run: (context) =>
      fullTracks(context.view).flatMap((track) =>
        track.segments.slice(0, 1).flatMap((segment): readonly Finding[] => {
          const transport = delivered(segment.exchange) ? transportOf(context.reader, segment) : null;
          const wanted = languagesOf(context, track);
          const sounds = (transport?.streams ?? []).filter(({ pid }) => transport?.pes.some((unit) => unit.pid === pid && (unit.streamId === 0xbd || (unit.streamId & 0xe0) === 0xc0)));
          if (wanted.length === 0 || sounds.length === 0) return [];
          const faults = sounds.flatMap(({ descriptors }) => {
            const told = Buffer.from(descriptors.find(({ tag }) => tag === LANGUAGE_DESCRIPTOR)?.data.subarray(0, 3) ?? []).toString('latin1');
            return wanted.includes(canonicalLanguage(told)) ? [] : [told];
          });
          return judged(segmentPath(track, segment), faults.map((told) => problem(segmentPath(track, segment), 'the program map tells another language, or none', { wanted: wanted.join(' or '), actual: told, at: segment.exchange, pointer: 'packet 1' })));
        }),
      ),
  },
];

/** ISO/IEC 13818-1:2019 2.6.18. */
const LANGUAGE_DESCRIPTOR = 0x0a;

/** Of the sound in a track's segments: its own, or that of what may be muxed into its pictures. None where one of these has no language of two or three letters. */
function languagesOf(context: FormatContext, track: TrackView): readonly string[] {
  const { truth, format } = context;
  const own = realOf(context, track);
  const muxed = track.kind === 'video' && format === 'hls-v3' ? (truth?.tracks ?? []).filter(({ kind }) => kind === 'audio') : [];
  const languages = (own === null ? muxed : [own]).map(({ language }) => (/^[a-z]{2,3}$/i.test(language) ? canonicalLanguage(language) : ''));
  return languages.includes('') ? [] : [...new Set(languages)];
}

function realOf({ truth, profile }: FormatContext, track: TrackView): TruthTrackView | null {
  return truth === null || track.kind !== 'audio' ? null : truthOfTrack(truth, track, profile);
}

/** MS-SSTR 2.2.2.5: AACH with spectral band replication. */
const SMOOTH_NAMES: Readonly<Record<string, string | undefined>> = { 'mp4a.40.2': 'AACL', 'mp4a.40.5': 'AACH', 'mp4a.40.29': 'AACH' };

/** Codecs that are said of a track: of a rendition, what every variant of its group lists, and all AAC that one of them lists. */
function toldOf({ source, codecs }: TrackView, { document }: View): readonly string[] | null {
  if (source.kind === 'dash') return [source.representation.codecs ?? ''];
  if (source.kind === 'smooth') return [codecs ?? ''];
  if (document?.kind !== 'hls') return null;
  const group = source.media === null ? null : attributeOf(source.media, 'GROUP-ID');
  const variants = source.media === null ? [source.variant] : document.hls.variants.map(({ tag }) => tag).filter((tag) => attributeOf(tag, 'AUDIO') === group);
  // That a variant has none at all is a matter of hls/codecs.
  const lists = variants.flatMap((tag) => {
    const codecs = tag === null ? null : attributeOf(tag, 'CODECS');
    return codecs === null ? [] : [codecs.split(',')];
  });
  return lists.length === 0 ? null : [...new Set(lists.flat())].filter((name) => name.startsWith('mp4a.40.') || lists.every((list) => list.includes(name)));
}

/** Another kind of AAC than the one that is heard, unless another track of the content is of that kind. */
function isOther(name: string, wanted: string, { truth }: FormatContext): boolean {
  return name !== wanted && name.startsWith('mp4a.40.') && !(truth?.tracks ?? []).some(({ codec }) => codec.rfc6381 === name);
}

/** Body of dec3 (ETSI TS 102 366 F.6) against the first access unit. */
function dolbyFaults(dec3: Uint8Array | null, unit: Uint8Array): readonly string[] {
  const head = dolbyHead(unit);
  if (dec3 === null || head === null) return [dec3 === null ? 'no dec3' : 'the first sample is no E-AC-3'];
  const u = fieldsOf(dec3);
  const rate = u(13);
  const substreams = u(3) + 1;
  const [fscod, bsid] = [u(2), u(5)];
  u(5); // reserved, asvc, bsmod
  const told = { fscod, bsid, acmod: u(3), lfeon: u(1) };
  u(3);
  const dependent = u(4);
  // Frames of 6 blocks: 1536 samples.
  const real = (head.bytes * 8 * ([48, 44.1, 32][head.fscod] ?? 48)) / 1536;
  const faults: string[] = [];
  for (const key of ['fscod', 'bsid', 'acmod', 'lfeon'] as const) if (told[key] !== head[key]) faults.push(`${key} ${told[key]}, in the frame ${head[key]}`);
  if (substreams !== head.independent || (substreams === 1 && dependent !== head.dependent)) faults.push(`${substreams} and ${dependent} substreams, in the sample ${head.independent} and ${head.dependent}`);
  if (Math.abs(rate - real) > Math.max(2, real / 50)) faults.push(`data_rate ${rate}, in the sample ${Math.round(real)}`);
  return faults;
}

/** Sample entry and body of ddts (ETSI TS 102 114 E.2.2) against the first access unit. */
function dtsFaults(type: string, ddts: Uint8Array | null, unit: Uint8Array): readonly string[] {
  const head = dtsHead(unit);
  if (ddts === null || ddts.length < 20 || head === null) return [head === null ? 'the first sample is no DTS' : 'no ddts'];
  const u = fieldsOf(ddts);
  const rate = u(32);
  const rates = [u(32), u(32)];
  u(8);
  const duration = 512 << u(2);
  const faults: string[] = [];
  if (type !== dtsEntryOf(unit)) faults.push(`${type}, the frames ask for ${dtsEntryOf(unit)}`);
  if (head.rate !== null && rate !== head.rate) faults.push(`DTSSamplingFrequency ${rate}, in the frame ${head.rate}`);
  if (duration !== head.samples) faults.push(`FrameDuration ${duration}, in the frame ${head.samples}`);
  if (rates[0] < rates[1]) faults.push(`maxBitrate ${rates[0]} below avgBitrate ${rates[1]}`);
  return faults;
}

/** The scheme of each codec, and the values that fit; none: what fits cannot be told. */
function channelRule({ codec, channels, speakers, open }: Sound): { readonly scheme: RegExp; readonly values: readonly string[] } {
  if (codec === 'ec-3') return { scheme: /^(tag:dolby\.com,2014|urn:dolby):dash:audio_channel_configuration:2011$/, values: [speakers ?? ''] };
  if (codec.startsWith('dts')) return { scheme: /^tag:dts\.com,2014:dash:audio_channel_configuration:2012$/, values: channels === null ? [] : [String(channels)] };
  const layouts = channels === null ? [] : channels === 7 ? ['11'] : channels === 8 ? ['7', '12', '14'] : [String(channels)];
  return { scheme: /^urn:mpeg:/, values: open && channels === 1 ? ['1', '2'] : layouts };
}

/** Registration by ETSI TS 101 154 and EN 300 468: EAC3; DTS1, DTS2, DTS3 by the samples of a frame. DVB's own descriptors beside it. */
function descriptorFaults(stream: TsStream, payload: Uint8Array): readonly string[] {
  const codec = framedCodecOf(stream);
  const named = (tag: number): Uint8Array | undefined => stream.descriptors.find((each) => each.tag === tag)?.data;
  const identifier = Buffer.from(named(5)?.subarray(0, 4) ?? []).toString('latin1');
  if (codec === null) return [`stream_type 0x${stream.streamType.toString(16)} with registration "${identifier}"`];
  if (codec === 'ec-3') return [...(identifier === 'EAC3' ? [] : [`registration "${identifier}", not EAC3`]), ...(named(0x7a) === undefined ? ['no enhanced AC-3 descriptor'] : [])];
  const head = dtsHead(payload);
  if (head === null) return ['the stream is no DTS'];
  const wanted = head.samples <= 512 ? 'DTS1' : head.samples <= 1024 ? 'DTS2' : 'DTS3';
  return identifier === wanted ? [] : [`registration "${identifier}", not ${wanted}`];
}
