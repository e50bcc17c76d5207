/** Pictures: what manifests and headers say of them against the sequence parameter sets and the pictures themselves. */
import { framingOf, headerTrack, initOf, mediaSegments, sampleEntryOf, transportOf } from '../media.ts';
import { CMAF, DASH, HLS, inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { bodyOf } from '../oracle/boxes.ts';
import { accessPointType, nalType, nalUnits, parameterSets, type NalCodec } from '../oracle/codecs.ts';
import { presentationTimes, sampleBytes } from '../oracle/fragments.ts';
import { everyBox, number } from '../oracle/header-rules.ts';
import { readHevcSps } from '../oracle/hevcsps.ts';
import { attributeOf, type Tag } from '../oracle/m3u8.ts';
import { codecsByMp4box } from '../oracle/opinions.ts';
import { readSps, type ColourFacts } from '../oracle/sps.ts';
import { annexBUnits } from '../oracle/ts.ts';
import { fullTracks, segmentPath, trackName, type TrackView } from '../view.ts';
import { eachTrack, judged, problem, trackPath } from './helpers.ts';

type Unit = Uint8Array;

/** A segment's pictures in decoding order; few are taken apart. */
type Picture = { readonly time: bigint; readonly units: () => readonly Unit[] };

export function picturesOf(context: FormatContext, track: TrackView): readonly { readonly path: string; /** Of the segment in its track. */ readonly index: number; readonly codec: NalCodec; readonly pictures: readonly Picture[] }[] {
  const { reader } = context;
  if (track.kind !== 'video') return [];
  const framing = framingOf(reader, track);
  if (framing !== null) {
    return mediaSegments(reader, track).flatMap(({ segment, facts, fragment }) => {
      if (fragment === null) return [];
      const times = presentationTimes(fragment);
      const pictures = fragment.samples.map((sample, i) => ({ time: times[i] ?? 0n, units: () => nalUnits(sampleBytes(facts, sample), framing.lengthSize) ?? [] }));
      return [{ path: segmentPath(track, segment), index: segment.index, codec: framing.codec, pictures }];
    });
  }
  return track.segments.flatMap((segment) => {
    const transport = track.init === null ? transportOf(reader, segment) : null;
    if (transport === null) return [];
    const codec = transport.streams.some(({ streamType }) => streamType === 0x24) ? 'hevc' : 'avc';
    const pictures = transport.pes.filter(({ streamId }) => (streamId & 0xf0) === 0xe0).map(({ pts, payload }) => ({ time: BigInt(pts ?? 0), units: () => annexBUnits(payload) }));
    return [{ path: segmentPath(track, segment), index: segment.index, codec, pictures } as const];
  });
}

/** Leading pictures follow the key frame in decoding order and are presented before it. */
function accessPointOf({ codec, pictures }: { readonly codec: NalCodec; readonly pictures: readonly Picture[] }): 1 | 2 | 3 {
  const [key, ...others] = pictures;
  if (key === undefined) return 1;
  const trailing = others.findIndex(({ time }) => time >= key.time);
  const leading = others.slice(0, trailing < 0 ? others.length : trailing);
  return accessPointType(key.units(), leading.map(({ units }) => units()), codec);
}

/** By segment; null when the track has none that was delivered. */
function accessPoints(context: FormatContext, track: TrackView): readonly { readonly path: string; readonly type: 1 | 2 | 3 }[] {
  return picturesOf(context, track).map((segment) => ({ path: segment.path, type: accessPointOf(segment) }));
}

/** Pictures of a segment need the one before: no output can call its segments independent. */
export function hasOpenGops(context: FormatContext): boolean {
  return fullTracks(context.view).some((track) => accessPoints(context, track).some(({ type }) => type === 3));
}

type Facts = { readonly codec: NalCodec; readonly profile: string; readonly colour: ColourFacts | null; readonly fields: boolean };

/** From the first sequence parameter set: of the header, or of the first picture. */
function streamFacts(context: FormatContext, track: TrackView): Facts | null {
  if (track.kind !== 'video') return null;
  const entry = sampleEntryOf(context.reader, track);
  const codec = framingOf(context.reader, track)?.codec ?? 'avc';
  const stored = entry === null ? [] : (parameterSets(entry)?.units ?? []);
  const units = stored.some((unit) => isSps(unit, codec)) ? stored : (picturesOf(context, track)[0]?.pictures[0]?.units() ?? []);
  const unit = units.find((each) => isSps(each, codec));
  if (unit === undefined) return null;
  if (codec === 'hevc') {
    const sps = readHevcSps(unit);
    return sps === null ? null : { codec, profile: sps.profile, colour: sps.colour, fields: sps.fields };
  }
  const sps = readSps(unit);
  return sps === null ? null : { codec, profile: Buffer.from([sps.profile, sps.compatibility, sps.level]).toString('hex'), colour: sps.colour, fields: sps.fields };
}

function isSps(unit: Unit, codec: NalCodec): boolean {
  return nalType(unit, codec) === (codec === 'avc' ? 7 : 33);
}

/** HLS VIDEO-RANGE by transfer characteristics: 16 is SMPTE ST 2084, 18 ARIB STD-B67. */
function rangeOf(colour: ColourFacts | null): string {
  return colour?.points[1] === 16 ? 'PQ' : colour?.points[1] === 18 ? 'HLG' : 'SDR';
}

function tagsOf(track: TrackView): readonly Tag[] {
  return track.source.kind === 'hls' && track.source.variant !== null ? [track.source.variant] : [];
}

export const VIDEO_CHECKS: readonly FormatCheck[] = [
  {
    id: 'video/access-points',
    requirements: ['DASH-031'],
    title: 'startWithSAP is the type of the access points at which segments start',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run(context) {
      const sets = new Map<object, { readonly told: string; types: (1 | 2 | 3)[]; readonly path: string }>();
      for (const track of fullTracks(context.view)) {
        if (track.kind !== 'video' || track.source.kind !== 'dash') continue;
        const { adaptationSet } = track.source.representation;
        const set = sets.get(adaptationSet) ?? { told: adaptationSet.node.attributes['startWithSAP'] ?? '', types: [], path: `set/${adaptationSet.index + 1}` };
        set.types.push(...accessPoints(context, track).map(({ type }) => type));
        sets.set(adaptationSet, set);
      }
      return [...sets.values()].flatMap(({ told, types, path }): readonly Finding[] => {
        if (told === '' || types.length === 0) return [];
        const most = String(Math.max(...types));
        return judged(path, told === most ? [] : [problem(path, 'startWithSAP is another type than that of the segments', { wanted: most, actual: told, at: context.view.manifest })]);
      });
    },
  },
  {
    id: 'video/independent-segments',
    requirements: ['VID-001'],
    title: 'EXT-X-INDEPENDENT-SEGMENTS stands only where no segment needs another one',
    level: 'must',
    scope: 'format',
    formats: HLS,
    run(context) {
      const { view } = context;
      if (view.document?.kind !== 'hls') return [];
      const documents = [view.document.hls, ...view.playlists.flatMap(({ document }) => (document === null ? [] : [document]))];
      if (!documents.some(({ tags }) => tags.some(({ name }) => name === 'EXT-X-INDEPENDENT-SEGMENTS'))) return [inapplicable('manifest', 'nothing is said to be independent')];
      const needing = fullTracks(view).flatMap((track) => accessPoints(context, track)).find(({ type }) => type === 3);
      return judged('manifest', needing === undefined ? [] : [problem('manifest', 'segments are said to be independent, and pictures of one need the GOP before', { actual: needing.path, at: view.manifest })]);
    },
  },
  {
    id: 'video/closed-gops',
    requirements: ['CMAF-020'],
    title: 'CMAF fragments start with access points of type 1 or 2',
    level: 'must',
    scope: 'format',
    formats: CMAF,
    run: (context) =>
      fullTracks(context.view).flatMap((track) =>
        accessPoints(context, track).flatMap(({ path, type }) => judged(path, type < 3 ? [] : [problem(path, 'pictures that are presented first need the GOP before', { actual: 'type 3' })])),
      ),
  },
  {
    id: 'video/codec-strings',
    requirements: ['VID-002'],
    title: 'codec strings are made of the sequence parameter set, and mp4box reads the same from the header',
    level: 'must',
    scope: 'format',
    formats: [...HLS, ...DASH],
    run: (context) =>
      eachTrack(context, (track) => {
        const facts = streamFacts(context, track);
        if (facts === null || track.codecs === null) return null;
        const told = track.codecs.toLowerCase().split(',').map((codec) => codec.trim());
        const wanted = facts.profile.toLowerCase();
        const path = trackPath(track);
        const problems = told.some((codec) => codec.endsWith(`.${wanted}`)) ? [] : [problem(path, 'the codec string is not that of the sequence parameter set', { wanted, actual: track.codecs, at: context.view.manifest })];
        const exchange = track.init?.exchange ?? null;
        if (exchange !== null && headerTrack(initOf(context.reader, track)) !== null) {
          const theirs = codecsByMp4box(context.reader.body(exchange)).map((codec) => codec.toLowerCase());
          if (!theirs.some((codec) => told.includes(codec))) problems.push(problem(path, 'mp4box reads another codec string', { wanted: theirs.join(','), actual: track.codecs, at: exchange }));
        }
        return problems;
      }),
  },
  {
    id: 'video/colour',
    requirements: ['VID-003', 'HLS-077'],
    title: 'colr and VIDEO-RANGE say of colours what the sequence parameter set says',
    level: 'must',
    scope: 'format',
    formats: ['hls-cmaf', 'dash-csf', 'dash-cmaf'],
    run: (context) =>
      eachTrack(context, (track) => {
        const facts = streamFacts(context, track);
        if (facts === null) return null;
        const path = trackPath(track);
        const problems: Finding[] = [];
        const boxed = colourBox(context, track);
        const inStream = facts.colour?.points.join(' ') ?? '2 2 2';
        if (boxed !== null && boxed !== inStream && facts.colour !== null) problems.push(problem(path, 'colr and the sequence parameter set differ', { wanted: inStream, actual: boxed, at: track.init?.exchange ?? null, pointer: 'colr' }));
        for (const tag of tagsOf(track)) {
          const told = attributeOf(tag, 'VIDEO-RANGE');
          const wanted = rangeOf(facts.colour);
          if (told !== null && told !== wanted) problems.push(problem(path, 'VIDEO-RANGE is not that of the transfer characteristics', { wanted, actual: told, at: context.view.manifest, pointer: `line ${tag.line}` }));
        }
        return problems;
      }),
  },
  {
    id: 'video/hevc-header',
    requirements: ['CMAF-028'],
    title: 'HEVC in CMAF is hvc1 with complete parameter sets, colr and pasp',
    level: 'must',
    scope: 'format',
    formats: CMAF,
    run: (context) =>
      eachTrack(context, (track) => {
        const entry = sampleEntryOf(context.reader, track);
        const init = initOf(context.reader, track);
        if (entry === null || init === null || !/^h(vc|ev)1$/.test(entry.type)) return null;
        const units = parameterSets(entry)?.units ?? [];
        const lacking = [32, 33, 34].filter((type) => !units.some((unit) => nalType(unit, 'hevc') === type)).map((type) => `NAL unit type ${type}`);
        const boxes = everyBox(init.tree.boxes, '').map(({ box }) => box.type);
        const faults = [...lacking, ...['colr', 'pasp'].filter((type) => !boxes.includes(type)), ...(entry.type === 'hvc1' ? [] : ['hvc1'])];
        const sps = units.map(readHevcSps).find((each) => each !== null);
        if (sps !== undefined && (sps.width !== entry.width || sps.height !== entry.height)) faults.push(`${sps.width}x${sps.height}`);
        return faults.map((fault) => problem(trackPath(track), 'the HEVC header lacks something', { wanted: fault, at: track.init?.exchange ?? null, pointer: 'stsd' }));
      }),
  },
  {
    id: 'video/hevc-container',
    requirements: ['VID-006'],
    title: 'no transport stream holds HEVC',
    level: 'must',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    run: (context) =>
      eachTrack(context, (track) => {
        const transports = track.kind === 'video' ? track.segments.map((segment) => transportOf(context.reader, segment)).filter((each) => each !== null) : [];
        if (transports.length === 0) return null;
        const held = transports.some(({ streams }) => streams.some(({ streamType }) => streamType === 0x24));
        return held ? [problem(trackPath(track), 'HEVC is in a transport stream')] : [];
      }),
  },
  {
    id: 'video/scan-type',
    requirements: ['VID-004'],
    title: 'scanType says interlaced exactly where pictures may be fields',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        const facts = streamFacts(context, track);
        if (facts === null || track.source.kind !== 'dash') return [];
        const { node, adaptationSet } = track.source.representation;
        const told = node.attributes['scanType'] ?? adaptationSet.node.attributes['scanType'] ?? 'progressive';
        const wanted = facts.fields ? 'interlaced' : 'progressive';
        const path = `representation/${trackName(track)}`;
        return judged(path, told === wanted ? [] : [problem(path, 'scanType is not how the pictures are coded', { wanted, actual: told, at: context.view.manifest })]);
      }),
  },
  {
    id: 'video/no-false-rate',
    requirements: ['VID-005'],
    title: 'a frame rate stands only where all pictures last equally long',
    level: 'must',
    scope: 'format',
    formats: ['hls-cmaf', ...DASH],
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.kind !== 'video') return [];
        const told = track.source.kind === 'dash' ? track.source.representation.node.attributes['frameRate'] : tagsOf(track).map((tag) => attributeOf(tag, 'FRAME-RATE')).find((rate) => rate !== null);
        const steps = runsOf(picturesOf(context, track)).flatMap((times) => times.slice(1).map((time, i) => Number(time - times[i])));
        if (told == null || steps.length === 0) return [];
        const path = trackPath(track);
        // Times in 10 MHz are floors, so steps differ by one tick.
        return judged(path, Math.max(...steps) - Math.min(...steps) <= 1 ? [] : [problem(path, 'a frame rate stands where pictures last differently', { actual: told, at: context.view.manifest })]);
      }),
  },
];

/** Presentation times in order, of segments that follow each other: a capture may leave some out. */
function runsOf(segments: readonly { readonly index: number; readonly pictures: readonly Picture[] }[]): readonly (readonly bigint[])[] {
  const runs: bigint[][] = [];
  for (const [i, { index, pictures }] of segments.entries()) {
    if (i === 0 || segments[i - 1].index + 1 !== index) runs.push([]);
    runs[runs.length - 1].push(...pictures.map(({ time }) => time));
  }
  return runs.map((times) => times.toSorted((a, b) => (a < b ? -1 : 1)));
}

/** `1 1 1` of a nclx box (ISO/IEC 14496-12:2022 12.1.5); null when there is none. */
function colourBox(context: FormatContext, track: TrackView): string | null {
  const init = initOf(context.reader, track);
  const box = init === null ? undefined : everyBox(init.tree.boxes, '').find(({ box: each }) => each.type === 'colr')?.box;
  if (init === null || box === undefined) return null;
  const body = bodyOf(init.tree, box);
  return Buffer.from(body.subarray(0, 4)).toString('latin1') === 'nclx' ? [4, 6, 8].map((at) => number(body, at, 2)).join(' ') : null;
}

