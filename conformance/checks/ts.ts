/** MPEG-2 transport streams (ISO/IEC 13818-1:2019). The reader names its faults; each check owns some of the names. */
import { remembered, transportOf } from '../media.ts';
import { type Finding, type FormatCheck } from '../model.ts';
import { framedCodecOf } from '../oracle/audioframes.ts';
import { attributeOf } from '../oracle/m3u8.ts';
import { isAccessUnitDelimiter, nalType, startsDecoding, type NalCodec } from '../oracle/codecs.ts';
import { adtsFrames, annexBUnits, clockDistance, joinFaults, type TsFault, type TsPes, type TsSegment } from '../oracle/ts.ts';
import { bufferFaults } from '../oracle/target-decoder.ts';
import type { TraceReader } from '../trace.ts';
import { fullTracks, segmentPath, type View } from '../view.ts';
import { judged, problem, trackPath } from './helpers.ts';

const TRANSPORT = ['hls-v3', 'hls-v4'] as const;
/** Clock references count at 90 kHz here: their base without the extension. */
const PCR_CLOCK = 90_000;
const MOST_LEAD = 63_000;

type FaultRow = { readonly id: string; readonly requirements: readonly string[]; readonly title: string; readonly kinds: readonly TsFault['kind'][] };

const FAULT_ROWS: readonly FaultRow[] = [
  { id: 'ts/packets', requirements: ['TS-001'], title: 'a segment is whole packets of 188 bytes in sync, without error or scrambling marks', kinds: ['length', 'sync-byte', 'transport-error', 'scrambled', 'adaptation'] },
  { id: 'ts/continuity', requirements: ['TS-002'], title: 'continuity counters run on within a segment', kinds: ['continuity'] },
  { id: 'ts/tables', requirements: ['TS-003', 'HLS-054'], title: 'program tables are readable and list every stream', kinds: ['pat', 'pmt', 'section-crc', 'unknown-pid', 'program'] },
  { id: 'ts/fixed-bits', requirements: ['TS-011'], title: 'reserved bits, marker bits and section numbers have the values that the standard fixes', kinds: ['reserved'] },
  { id: 'ts/pes', requirements: ['TS-005'], title: 'PES packets are whole, and decoding stamps rise and precede presentation', kinds: ['pes', 'stamp-order'] },
  { id: 'ts/clock', requirements: ['TS-004'], title: 'clock references are on the announced PID', kinds: ['pcr'] },
];

export const TS_CHECKS: readonly FormatCheck[] = [
  ...FAULT_ROWS.map(({ id, requirements, title, kinds }): FormatCheck => ({
    id,
    requirements,
    title,
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      view.tracks.flatMap((track) =>
        track.segments.flatMap((segment) => {
          const transport = transportOf(reader, segment);
          if (transport === null) return [];
          const faults = transport.faults.filter(({ kind }) => kinds.includes(kind)).slice(0, 3);
          return judged(segmentPath(track, segment), faults.map(({ kind, packet, pid, message }) => problem(segmentPath(track, segment), `the transport stream has a fault of kind ${kind}`, { actual: message, at: segment.exchange, pointer: `packet ${packet}, PID ${pid}` })));
        }),
      ),
  })),
  {
    id: 'ts/access-units',
    requirements: ['TS-006', 'ISO-014'],
    title: 'video access units have start codes, a delimiter first, and parameter sets before key frames',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) => eachTransport(view, reader, (transport) => remembered(accessUnitFaults, transport, () => transport.pes.flatMap((unit) => accessUnitFault(transport, unit)).slice(0, 3))),
  },
  {
    id: 'ts/random-access',
    requirements: ['TS-015'],
    title: 'random_access_indicator stands where decoding can start',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      eachTransport(view, reader, (transport) => [
        ...transport.faults.filter(({ kind }) => kind === 'random-access').map(({ message, packet, pid }) => ({ message, actual: '', packet, pid })),
        ...transport.pes.flatMap((unit) => randomAccessFault(transport, unit)).slice(0, 3),
      ]),
  },
  {
    id: 'ts/adts',
    requirements: ['TS-007'],
    title: 'AAC is in ADTS frames that say what the stored configuration says',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader, truth }) => {
      const configs = (truth?.tracks ?? []).filter(({ codec }) => codec.config !== '').map(({ codec }) => Buffer.from(codec.config, 'hex'));
      return eachTransport(view, reader, (transport) => transport.pes.flatMap((unit) => adtsFault(transport, unit, configs)).slice(0, 3));
    },
  },
  {
    id: 'ts/clock-lead',
    requirements: ['TS-004'],
    title: 'the clock is behind decoding, by 700 ms at most',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      eachTransport(view, reader, ({ pes, pcrs }) =>
        pes.flatMap(({ pid, packet, dts }): Fault[] => {
          const clock = pcrs.findLast((each) => each.packet <= packet);
          if (clock === undefined || dts === null) return [];
          const lead = clockDistance(clock.value, dts);
          return lead > 0 && lead <= MOST_LEAD ? [] : [{ message: lead > 0 ? 'decoding is far ahead of the clock' : 'the clock has passed decoding', actual: `${Math.round(lead / 90)} ms`, packet, pid }];
        }).slice(0, 3),
      ),
  },
  {
    id: 'ts/decoding-order',
    requirements: ['TS-005'],
    title: 'decoding stamps of a stream rise within a segment',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      eachTransport(view, reader, ({ pes, streams }) =>
        streams.flatMap(({ pid }) => {
          const stamps = pes.filter((unit) => unit.pid === pid && unit.dts !== null);
          const bad = stamps.findIndex(({ dts }, i) => i > 0 && clockDistance(stamps[i - 1].dts ?? 0, dts ?? 0) <= 0);
          return bad < 0 ? [] : [{ message: 'a decoding stamp does not rise', actual: `${stamps[bad - 1].dts} then ${stamps[bad].dts}`, packet: stamps[bad].packet, pid }];
        }),
      ),
  },
  {
    id: 'ts/continuity-over-segments',
    requirements: ['TS-002', 'HLS-058'],
    title: 'continuity counters run on from segment to segment',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      fullTracks(view).flatMap((track) => {
        const segments = track.segments.map((segment) => transportOf(reader, segment));
        if (segments.some((segment) => segment === null)) return [];
        const faults = joinFaults(segments.filter((segment): segment is TsSegment => segment !== null)).slice(0, 3);
        return judged(trackPath(track), faults.map(({ segment, pid, message }) => problem(segmentPath(track, track.segments[segment]), 'a continuity counter jumps at a segment border', { actual: message, at: track.segments[segment].exchange, pointer: `PID ${pid}` })));
      }),
  },
  {
    id: 'ts/tables-first',
    requirements: ['HLS-054'],
    title: 'every segment has PAT and PMT before anything of the program',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      eachTransport(view, reader, ({ firstPids, streams }) => {
        const listed = new Set(streams.map(({ pid }) => pid));
        const [first, second] = firstPids.filter((pid) => pid === 0 || pid >= 0x20);
        const right = first === 0 && second !== undefined && !listed.has(second) && listed.size > 0;
        return right ? [] : [{ message: 'the segment does not begin with PAT and PMT', actual: firstPids.join(' '), packet: 0, pid: 0 }];
      }),
  },
  {
    id: 'ts/tables-in-front',
    requirements: ['HLS-090'],
    title: 'the first two packets of a segment are PAT and PMT',
    level: 'should',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      eachTransport(view, reader, ({ firstPids, streams }) =>
        firstPids[0] === 0 && !streams.some(({ pid }) => pid === firstPids[1]) && (firstPids[1] ?? 0) >= 0x20 ? [] : [{ message: 'the first two packets are not PAT and PMT', actual: firstPids.slice(0, 2).join(' '), packet: 0, pid: 0 }],
      ),
  },
  {
    id: 'ts/tables-steady',
    requirements: ['TS-012', 'HLS-058'],
    title: 'program tables are the same in all segments of a track',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      view.tracks.flatMap((track) => {
        let first: readonly string[] | null = null;
        return track.segments.flatMap((segment) => {
          const transport = transportOf(reader, segment);
          if (transport === null) return [];
          first ??= transport.tables;
          const other = transport.tables.find((table) => first?.includes(table) === false);
          return judged(segmentPath(track, segment), other === undefined ? [] : [problem(segmentPath(track, segment), 'a program table differs from those of the segments before', { wanted: first.join(' '), actual: other, at: segment.exchange })]);
        });
      }),
  },
  {
    id: 'ts/buffer-model',
    requirements: ['TS-013'],
    title: 'by the clock, every unit is whole before its decoding, and no buffer overflows',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) => eachTransport(view, reader, (transport) => remembered(bufferModels, transport, () => bufferFaults(transport).slice(0, 3))),
  },
  {
    id: 'ts/clock-gaps',
    requirements: ['TS-004'],
    title: 'clock references are at most 100 ms apart, across segments too',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      fullTracks(view).flatMap((track) => {
        let before: number | null = null;
        const findings: Finding[] = [];
        for (const segment of track.segments) {
          const transport = transportOf(reader, segment);
          if (transport === null) {
            before = null;
            continue;
          }
          let worst = 0;
          for (const { value } of transport.pcrs) {
            if (before !== null) worst = Math.max(worst, value - before);
            before = value;
          }
          const path = segmentPath(track, segment);
          if (transport.pcrs.length === 0) findings.push(problem(path, 'the segment has no clock reference', { at: segment.exchange }));
          else findings.push(...judged(path, worst <= PCR_CLOCK / 10 ? [] : [problem(path, 'clock references are too far apart', { wanted: '100 ms', actual: `${Math.round((worst * 1000) / PCR_CLOCK)} ms`, at: segment.exchange })]));
        }
        return findings;
      }),
  },
  {
    id: 'ts/muxed',
    requirements: ['TS-009'],
    title: 'every segment of a muxed variant carries audio and video',
    level: 'must',
    scope: 'format',
    formats: ['hls-v3'],
    run: ({ view, reader }) => {
      if (!view.tracks.some(({ kind }) => kind === 'audio')) return [];
      // A variant that names an audio group gets its sound from there.
      return fullTracks(view).filter(({ kind, source }) => kind === 'video' && !(source.kind === 'hls' && source.variant !== null && attributeOf(source.variant, 'AUDIO') !== null)).flatMap((track) =>
        track.segments.flatMap((segment) => {
          const transport = transportOf(reader, segment);
          if (transport === null) return [];
          // Private streams say by their descriptors that they are sound.
          const framed = new Set(transport.streams.filter((stream) => framedCodecOf(stream) !== null).map(({ pid }) => pid));
          const hasVideo = transport.pes.some(({ streamId }) => (streamId & 0xf0) === 0xe0);
          const hasSound = transport.pes.some(({ pid, streamId }) => (streamId & 0xe0) === 0xc0 || framed.has(pid));
          return judged(segmentPath(track, segment), hasVideo && hasSound ? [] : [problem(segmentPath(track, segment), 'the segment lacks audio or video', { at: segment.exchange })]);
        }),
      );
    },
  },
  {
    id: 'ts/stamps-advance',
    requirements: ['HLS-058', 'TS-005'],
    title: 'time stamps of a stream go on from segment to segment',
    level: 'must',
    scope: 'format',
    formats: TRANSPORT,
    run: ({ view, reader }) =>
      fullTracks(view).flatMap((track) =>
        track.segments.slice(1).flatMap((segment, i) => {
          const [before, after] = [transportOf(reader, track.segments[i]), transportOf(reader, segment)];
          if (before === null || after === null) return [];
          const problems = after.streams.flatMap(({ pid }) => {
            const last = before.pes.findLast((unit) => unit.pid === pid && unit.pts !== null);
            const first = after.pes.find((unit) => unit.pid === pid && unit.pts !== null);
            const [from, to] = [last?.dts ?? last?.pts ?? null, first?.dts ?? first?.pts ?? null];
            if (from === null || to === null || clockDistance(from, to) > 0) return [];
            return [problem(segmentPath(track, segment), 'decoding stamps do not rise over the segment border', { wanted: `more than ${from}`, actual: String(to), at: segment.exchange, pointer: `PID ${pid}` })];
          });
          return judged(segmentPath(track, segment), problems);
        }),
      ),
  },
];

const bufferModels = new WeakMap<TsSegment, readonly Fault[]>();
const accessUnitFaults = new WeakMap<TsSegment, readonly Fault[]>();

type Fault = { readonly message: string; readonly actual: string; readonly packet: number; readonly pid: number };

/** One verdict per delivered segment. */
function eachTransport(view: View, reader: TraceReader, judge: (transport: TsSegment) => readonly Fault[]): readonly Finding[] {
  return view.tracks.flatMap((track) =>
    track.segments.flatMap((segment) => {
      const transport = transportOf(reader, segment);
      if (transport === null) return [];
      return judged(segmentPath(track, segment), judge(transport).map(({ message, actual, packet, pid }) => problem(segmentPath(track, segment), message, { actual, at: segment.exchange, pointer: `packet ${packet}, PID ${pid}` })));
    }),
  );
}

const CODECS: Readonly<Record<number, NalCodec>> = { 0x1b: 'avc', 0x24: 'hevc' };
const AAC_TYPE = 0x0f;

function codecOf({ streams }: TsSegment, pid: number): NalCodec | undefined {
  return CODECS[streams.find((stream) => stream.pid === pid)?.streamType ?? 0];
}

function accessUnitFault(transport: TsSegment, { pid, packet, payload }: TsPes): readonly Fault[] {
  const codec = codecOf(transport, pid);
  if (codec === undefined) return [];
  const fault = (message: string, actual = ''): Fault[] => [{ message, actual, packet, pid }];
  const start = payload[0] === 0 && payload[1] === 0 && (payload[2] === 1 || (payload[2] === 0 && payload[3] === 1));
  if (!start) return fault('an access unit does not begin with a start code', Buffer.from(payload.subarray(0, 4)).toString('hex'));
  const units = annexBUnits(payload);
  const types = units.map((unit) => nalType(unit, codec)).join(' ');
  if (!isAccessUnitDelimiter(units[0], codec)) return fault('an access unit does not begin with a delimiter', types);
  const picture = startsDecoding(units, codec) ? units.findIndex((unit) => isSlice(unit, codec)) : -1;
  const wanted = codec === 'avc' ? [7, 8] : [32, 33, 34];
  const before = units.slice(0, Math.max(0, picture)).map((unit) => nalType(unit, codec));
  return picture < 0 || wanted.every((type) => before.includes(type)) ? [] : fault('a key frame lacks parameter sets', types);
}

function randomAccessFault(transport: TsSegment, { pid, packet, payload, randomAccess }: TsPes): readonly Fault[] {
  const codec = codecOf(transport, pid);
  if (!randomAccess || codec === undefined) return [];
  const units = annexBUnits(payload);
  return startsDecoding(units, codec) ? [] : [{ message: 'random_access_indicator stands at a picture that nothing can be decoded from', actual: units.map((unit) => nalType(unit, codec)).join(' '), packet, pid }];
}

/** Coded slices: types 1 to 5 of H.264, below 32 of H.265. */
function isSlice(unit: Uint8Array, codec: NalCodec): boolean {
  const type = nalType(unit, codec);
  return codec === 'avc' ? type >= 1 && type <= 5 : type < 32;
}

function adtsFault({ streams }: TsSegment, { pid, packet, payload }: TsPes, configs: readonly Buffer[]): readonly Fault[] {
  if (streams.find((stream) => stream.pid === pid)?.streamType !== AAC_TYPE) return [];
  const frames = adtsFrames(payload);
  if (typeof frames === 'string') return [{ message: 'audio is not in ADTS frames', actual: frames, packet, pid }];
  const [first] = frames;
  if (first === undefined || configs.length === 0) return [];
  const fits = configs.some((config) => config[0] >> 3 === first.objectType && (((config[0] & 7) << 1) | (config[1] >> 7)) === first.rateIndex && ((config[1] >> 3) & 15) === first.channels);
  return fits ? [] : [{ message: 'an ADTS header differs from every stored configuration', actual: `object type ${first.objectType}, rate index ${first.rateIndex}, ${first.channels} channels`, packet, pid }];
}
