/** What lets a client change between tracks: the same borders and times, and headers that fit. */
import { formatRow } from '../outputs.ts';
import { headerTrack, initOf, mediaSegments, mediaTimescale, transportOf } from '../media.ts';
import { ALL, CMAF, DASH, HLS, pass, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { find, type Box } from '../oracle/boxes.ts';
import { annexBUnits } from '../oracle/ts.ts';
import { nalType, parameterSets, startsDecoding } from '../oracle/codecs.ts';
import { durationOf, presentationTimes } from '../oracle/fragments.ts';
import { readSps } from '../oracle/sps.ts';
import { fullTracks, segmentPath, trackName, type TrackView } from '../view.ts';
import { claimsCmaf } from './fragments.ts';
import { eachTrack, exchangePath, judged, problem, trackPath } from './helpers.ts';

type Border = { readonly index: number; readonly start: bigint; readonly duration: bigint | null };

export const SWITCHING_CHECKS: readonly FormatCheck[] = [
  {
    id: 'media/switching-set',
    requirements: ['CMAF-023', 'DASH-032', 'DASH-057', 'HLS-050'],
    title: 'tracks of one set have the same segments: as many, with the same starts and durations',
    level: 'must',
    scope: 'format',
    formats: ALL,
    run(context) {
      const bySet = Map.groupBy(fullTracks(context.view).filter(({ kind }) => kind === 'video'), ({ set, source }) => (source.kind === 'dash' ? `${source.representation.adaptationSet.index}` : set));
      return [...bySet.values()].flatMap(([first, ...others]) => others.flatMap((other) => judged(trackPath(other), differences(context, first, other))));
    },
  },
  {
    id: 'mpd/bitstream-switching',
    requirements: ['DASH-033'],
    title: 'where bitstreamSwitching is true, one header serves all representations of the set',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run: (context) =>
      context.view.tracks.flatMap((track) => {
        if (track.source.kind !== 'dash') return [];
        const { adaptationSet } = track.source.representation;
        const told = adaptationSet.node.attributes['bitstreamSwitching'];
        if (told === undefined) return [];
        if (told !== 'true') return [pass(trackPath(track))];
        const first = context.view.tracks.find(({ source }) => source.kind === 'dash' && source.representation.adaptationSet === adaptationSet);
        const [wanted, actual] = [first, track].map((each) => (each === undefined ? null : configurationOf(context, each)));
        if (wanted === null || actual === null) return [];
        return judged(trackPath(track), wanted === actual ? [] : [problem(trackPath(track), 'the header does not serve the other representations', { at: track.init?.exchange ?? null, pointer: 'moov/trak/mdia/minf/stbl/stsd' })]);
      }),
  },
  {
    id: 'header/cmaf-order',
    requirements: ['CMAF-002', 'CMAF-006'],
    title: 'CMAF headers have their boxes in order, and nothing but ftyp and moov on top',
    level: 'must',
    scope: 'format',
    formats: CMAF,
    run: (context) =>
      eachTrack(context, (track) => {
        const init = initOf(context.reader, track);
        if (init === null || !claimsCmaf(context, track)) return null;
        const top = init.tree.boxes.filter(({ type }) => type === 'meta' || type === 'udta').map(({ type }) => `${type} at the top`);
        return [...top, ...orderFaults(init.tree.boxes)].slice(0, 3).map((fault) => problem(trackPath(track), 'the boxes of the header stand in another order', { actual: fault, at: track.init?.exchange ?? null }));
      }),
  },
  {
    id: 'hls/avc-level',
    requirements: ['HLS-061'],
    title: 'H.264 is High profile of level 4.2 at most',
    level: 'must',
    scope: 'format',
    formats: HLS,
    run: (context) =>
      eachTrack(context, (track) => {
        if (track.kind !== 'video') return null;
        const transport = track.segments.map((segment) => (track.init === null ? transportOf(context.reader, segment) : null)).find((each) => each !== null);
        const entry = headerTrack(initOf(context.reader, track))?.entries[0];
        const units = entry === undefined ? annexBUnits(transport?.pes.find(({ streamId }) => (streamId & 0xf0) === 0xe0)?.payload ?? new Uint8Array()) : (parameterSets(entry)?.units ?? []);
        const unit = entry !== undefined && !/^avc/.test(entry.type) ? undefined : units.find((each) => nalType(each, 'avc') === 7);
        const sps = unit === undefined ? null : readSps(unit);
        if (sps === null) return null;
        return sps.profile <= 100 && sps.level <= 42 ? [] : [problem(trackPath(track), 'profile or level is beyond what every device plays', { wanted: 'profile 100, level 42', actual: `profile ${sps.profile}, level ${sps.level}` })];
      }),
  },
  {
    id: 'hls/no-discontinuity',
    requirements: ['HLS-023'],
    title: 'EXT-X-DISCONTINUITY stands nowhere, as one asset has one timeline',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: HLS,
    run: ({ view }) =>
      view.playlists.flatMap(({ document, exchange }) => {
        if (document === null || exchange === null) return [];
        const bad = document.segments.find(({ discontinuity }) => discontinuity);
        return judged(exchangePath(exchange), bad === undefined ? [] : [problem(exchangePath(exchange), 'a discontinuity where everything goes on', { at: exchange, pointer: `line ${bad.line}` })]);
      }),
  },
  {
    id: 'ts/starts-with-key-frame',
    requirements: ['HLS-052', 'HLS-067'],
    title: 'the first access unit of a video segment is a random access picture',
    level: 'must',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    run: ({ view, reader }) =>
      view.tracks.filter(({ kind }) => kind === 'video').flatMap((track) =>
        track.segments.flatMap((segment) => {
          const transport = transportOf(reader, segment);
          const first = transport?.pes.find(({ streamId }) => (streamId & 0xf0) === 0xe0);
          if (transport === null || first === undefined) return [];
          const codec = transport.streams.find(({ pid }) => pid === first.pid)?.streamType === 0x24 ? 'hevc' : 'avc';
          const path = segmentPath(track, segment);
          return judged(path, startsDecoding(annexBUnits(first.payload), codec) ? [] : [problem(path, 'the segment begins with a picture that needs others', { at: segment.exchange, pointer: `packet ${first.packet}` })]);
        }),
      ),
  },
  {
    id: 'mpd/periods',
    requirements: ['DASH-008'],
    title: 'periods follow one another without gap',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run({ view }) {
      if (view.document?.kind !== 'dash') return [];
      const { periods } = view.document.dash;
      if (periods.length === 0) return [problem('manifest', 'there is no Period', { at: view.manifest })];
      const bad = periods.findIndex(({ start, duration }, i) => {
        const next = periods[i + 1];
        return next !== undefined && next.start !== null && start !== null && duration !== null && next.start !== start + duration;
      });
      const late = (periods[0].start ?? 0n) !== 0n;
      return judged('manifest', bad < 0 && !late ? [] : [problem('manifest', late ? 'the first Period starts late' : 'a Period does not start where the one before ends', { at: view.manifest })]);
    },
  },
];

function differences(context: FormatContext, first: TrackView, other: TrackView): readonly Finding[] {
  const [wanted, actual] = [first, other].map((track) => bordersOf(context, track));
  if (wanted === null || actual === null) return [];
  const fault = (message: string, index: number): Finding[] => {
    const segment = other.segments[Math.min(index, other.segments.length - 1)];
    if (segment === undefined) return [problem(trackPath(other), message, { wanted: trackName(first) })];
    return [problem(segmentPath(other, segment), message, { wanted: trackName(first), at: segment.exchange })];
  };
  if (first.segments.length !== other.segments.length) return fault('the tracks have different numbers of segments', 0);
  for (const { index, start, duration } of actual) {
    const same = wanted.find((each) => each.index === index);
    if (same === undefined) continue;
    if (same.start !== start) return fault('the segment starts at another time than in the other track', index);
    if (same.duration !== null && duration !== null && same.duration !== duration) return fault('the segment lasts longer or shorter than in the other track', index);
  }
  return [];
}

/** Starts and durations in one clock for all tracks of an output: nanoseconds, or 90 kHz in transport streams. Null where a track cannot be measured. */
function bordersOf({ reader, format }: FormatContext, track: TrackView): readonly Border[] | null {
  if (formatRow(format).container === 'ts') {
    return track.segments.flatMap((segment): Border[] => {
      const stamps = (transportOf(reader, segment)?.pes ?? []).flatMap(({ pts, streamId }) => (pts === null || (streamId & 0xf0) !== 0xe0 ? [] : [pts]));
      return stamps.length === 0 ? [] : [{ index: segment.index, start: BigInt(Math.min(...stamps)), duration: null }];
    });
  }
  const timescale = mediaTimescale(reader, track);
  if (timescale === null) return null;
  const shift = headerTrack(initOf(reader, track))?.editShift ?? 0n;
  return mediaSegments(reader, track).flatMap(({ segment, facts }): Border[] => {
    const times = facts.fragments.flatMap((fragment) => presentationTimes(fragment));
    if (times.length === 0) return [];
    const least = times.reduce((a, b) => (b < a ? b : a)) - shift;
    const scale = (ticks: bigint): bigint => (ticks * 1_000_000_000n) / BigInt(timescale);
    return [{ index: segment.index, start: scale(least), duration: scale(facts.fragments.reduce((sum, each) => sum + durationOf(each), 0n)) }];
  });
}

/** What a decoder is set up with; null when samples bring it along (avc3, hev1). */
function configurationOf({ reader }: FormatContext, track: TrackView): string | null {
  const entry = headerTrack(initOf(reader, track))?.entries[0];
  if (entry === undefined || /^(avc3|hev1)$/.test(entry.type)) return null;
  const config = ['avcC', 'hvcC', 'esds'].map((type) => Buffer.from(entry.config(type) ?? []).toString('hex')).join(' ');
  return `${entry.type} ${entry.width}x${entry.height} ${config}`;
}

/** 23000-19 7.3.1: in this order, where present. */
const ORDERS: readonly (readonly [string, readonly string[]])[] = [
  ['moov', ['mvhd', 'trak', 'mvex', 'pssh']],
  ['trak', ['tkhd', 'edts', 'mdia', 'udta']],
  ['mdia', ['mdhd', 'hdlr', 'elng', 'minf']],
  ['minf', ['vmhd', 'smhd', 'sthd', 'dinf', 'stbl']],
  ['stbl', ['stsd', 'stts', 'stsc', 'stsz', 'stco']],
];

function orderFaults(boxes: readonly Box[]): readonly string[] {
  const faults = boxes[0]?.type === 'ftyp' ? [] : ['ftyp is not first'];
  const visit = (list: readonly Box[]): void => {
    for (const { type, children } of list) {
      const order = ORDERS.find(([parent]) => parent === type)?.[1];
      const ranks = order === undefined ? [] : children.map((child) => order.indexOf(child.type)).filter((rank) => rank >= 0);
      if (ranks.some((rank, i) => i > 0 && rank < ranks[i - 1])) faults.push(`${type}: ${children.map((child) => child.type).join(' ')}`);
      visit(children);
    }
  };
  visit(boxes);
  return find(boxes, 'moov') === undefined ? ['there is no moov'] : faults;
}
