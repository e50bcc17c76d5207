/** What fragments say and hold: times, key frames, brands, numbers (ISO/IEC 14496-12:2022, ISO/IEC 23000-19:2024). */
import { CMAF, FMP4, cantTell, inapplicable, pass, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { find, type Box } from '../oracle/boxes.ts';
import { isParameterSet, nalUnits, startsDecoding } from '../oracle/codecs.ts';
import { durationOf, isSync, presentationTimes, sampleBytes } from '../oracle/fragments.ts';
import { framingOf, headerTrack, initOf, mediaSegments, mediaTimescale, type MediaSegment } from '../media.ts';
import { fullTracks, segmentPath, timeScaleOf, trackName, type TrackView } from '../view.ts';
import { canonicalLanguage, eachSegment, eachTrack, judged, problem, trackPath } from './helpers.ts';

const WITH_INIT = ['hls-cmaf', 'dash-csf', 'dash-cmaf'] as const;

export const FRAGMENT_CHECKS: readonly FormatCheck[] = [
  {
    id: 'fmp4/named-by-time',
    requirements: ['DASH-024', 'DASH-025', 'MSS-039', 'ISO-003'],
    title: 'the earliest presentation time of a segment is the time that names it',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return eachMedia(context, (media, timescale) => {
        const { track, segment } = media;
        const path = segmentPath(track, segment);
        if (segment.time === null) return inapplicable(path, 'neither manifest nor URL says the time');
        const earliest = shownFrom(context, media);
        if (earliest === null) return track.source.kind === 'smooth' ? cantTell(path, 'the fragment tells no time') : problem(path, 'the fragment tells no time', { at: segment.exchange, pointer: 'moof/traf' });
        const scale = BigInt(timeScaleOf(track, segment));
        const floor = (earliest * scale) / BigInt(timescale);
        const difference = floor - segment.time;
        // Only the AMS contract says floor; the standards allow less than a tick either way.
        const holds = difference === 0n || (context.profile === 'generic' && difference === -1n && (earliest * scale) % BigInt(timescale) !== 0n);
        return holds ? pass(path) : problem(path, 'the media starts at another time than its name says', { wanted: String(segment.time), actual: `${floor} (${earliest}/${timescale})`, at: segment.exchange, pointer: 'moof/traf/tfdt' });
      });
    },
  },
  {
    id: 'fmp4/first-presented',
    requirements: ['CMAF-019', 'ISO-004'],
    title: 'the first presented sample of a segment is presented at its tfdt',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return eachMedia(context, (media) => {
        const path = segmentPath(media.track, media.segment);
        if (!claimsCmaf(context, media.track)) return inapplicable(path, 'the header claims no CMAF');
        const unshifted = earliestTime(media);
        if (unshifted === null || media.fragment?.decodeTime == null) return cantTell(path, 'the fragment tells no time');
        // 23000-19 7.5.13: a cmfc track may make up for its first composition offset by an edit list.
        const earliest = unshifted - shiftOf(context, media.track);
        return earliest === media.fragment.decodeTime ? pass(path) : problem(path, 'the earliest sample is not presented at tfdt', { wanted: String(media.fragment.decodeTime), actual: String(earliest), at: media.segment.exchange, pointer: 'moof/traf/trun' });
      });
    },
  },
  {
    id: 'fmp4/contiguous',
    requirements: ['CMAF-017', 'BMFF-009'],
    title: 'sample durations lead exactly from one segment to the next',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return fullTracks(context.view).flatMap((track) => {
        const list = mediaSegments(context.reader, track);
        return list.slice(1).flatMap((media, i) => {
          const before = list[i];
          if (before.segment.index + 1 !== media.segment.index) return [];
          const path = segmentPath(track, media.segment);
          const [start, next] = [before.fragment?.decodeTime, media.fragment?.decodeTime];
          if (start == null || next == null) return [cantTell(path, 'the fragment tells no time')];
          const end = start + before.facts.fragments.reduce((sum, fragment) => sum + durationOf(fragment), 0n);
          return judged(path, end === next ? [] : [problem(path, end < next ? 'there is a gap before the segment' : 'the segment overlaps the one before', { wanted: String(end), actual: String(next), at: media.segment.exchange, pointer: 'moof/traf/tfdt' })]);
        });
      });
    },
  },
  {
    id: 'fmp4/listed-duration',
    requirements: ['DASH-024', 'ISO-003'],
    title: 'sample durations sum up to the duration that the manifest lists',
    level: 'must',
    scope: 'format',
    formats: ['dash-csf', 'dash-cmaf', 'smooth'],
    run(context) {
      return eachMedia(context, ({ track, segment, facts, fragment }, timescale) => {
        const path = segmentPath(track, segment);
        const decoded = fragment?.decodeTime ?? (track.source.kind === 'smooth' ? segment.time : null);
        if (decoded == null) return cantTell(path, 'the fragment tells no time');
        // What an edit list cuts off in front is not shown: frames of encoder priming.
        const shift = trimOf(context, track);
        const start = decoded - shift < 0n ? 0n : decoded - shift;
        const end = decoded - shift + facts.fragments.reduce((sum, each) => sum + durationOf(each), 0n);
        const [scale, ticks] = [BigInt(segment.timescale), BigInt(timescale)];
        const listed = (end * scale) / ticks - (start * scale) / ticks;
        const difference = listed - segment.duration;
        const tolerance = context.profile === 'ams' ? 0n : 1n;
        return difference <= tolerance && difference >= -tolerance ? pass(path) : problem(path, 'the samples last longer or shorter than listed', { wanted: String(segment.duration), actual: String(listed), at: segment.exchange, pointer: 'moof/traf/trun' });
      });
    },
  },
  {
    id: 'fmp4/starts-with-key-frame',
    requirements: ['DASH-031', 'HLS-067', 'HLS-052'],
    title: 'the first sample of a segment is a sync sample, by its flags and by its NAL units',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return eachSegment(context, (media) => {
        const { track, segment, facts, fragment } = media;
        const path = segmentPath(track, segment);
        const first = fragment?.samples[0];
        if (first === undefined) return [problem(path, 'the segment has no samples', { at: segment.exchange })];
        if (!isSync(first)) return [problem(path, 'the first sample is not flagged as sync sample', { at: segment.exchange, pointer: 'moof/traf/trun' })];
        const framing = framingOf(context.reader, track);
        const units = framing === null ? null : nalUnits(sampleBytes(facts, first), framing.lengthSize);
        return framing === null || (units !== null && startsDecoding(units, framing.codec)) ? [] : [problem(path, 'the first sample holds no random access picture', { at: segment.exchange, pointer: 'mdat' })];
      });
    },
  },
  {
    id: 'fmp4/nal-units',
    requirements: ['BMFF-005'],
    title: 'NAL unit lengths divide every video sample without rest',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return eachSegment(context, ({ track, segment, facts, fragment }) => {
        const framing = framingOf(context.reader, track);
        const bad = framing === null ? -1 : (fragment?.samples.findIndex((sample) => nalUnits(sampleBytes(facts, sample), framing.lengthSize) === null) ?? -1);
        return bad < 0 ? [] : [problem(segmentPath(track, segment), 'a NAL unit length leaves its sample', { at: segment.exchange, pointer: `sample ${bad + 1}` })];
      });
    },
  },
  {
    id: 'fmp4/parameter-sets-out-of-band',
    requirements: ['BMFF-006', 'ISO-013', 'HLS-063'],
    title: 'CMAF video is avc1 or hvc1 with parameter sets in the sample entry only',
    level: 'must',
    scope: 'format',
    formats: CMAF,
    run(context) {
      return eachTrack(context, (track) => {
        const framing = framingOf(context.reader, track);
        if (framing === null) return null;
        const type = headerTrack(initOf(context.reader, track))?.entries[0]?.type ?? '';
        const problems = type === 'avc1' || type === 'hvc1' ? [] : [problem(trackPath(track), 'the sample entry is neither avc1 nor hvc1', { actual: type, at: track.init?.exchange ?? null })];
        for (const { segment, facts, fragment } of mediaSegments(context.reader, track)) {
          const found = fragment?.samples.findIndex((sample) => nalUnits(sampleBytes(facts, sample), framing.lengthSize)?.some((unit) => isParameterSet(unit, framing.codec)) === true) ?? -1;
          if (found >= 0) problems.push(problem(segmentPath(track, segment), 'a sample holds parameter sets', { at: segment.exchange, pointer: `sample ${found + 1}` }));
        }
        return problems;
      });
    },
  },
  {
    id: 'fmp4/no-edit-list',
    requirements: ['ISO-005'],
    title: 'initialization segments carry no edit list',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: WITH_INIT,
    run(context) {
      return eachTrack(context, (track) => {
        const init = initOf(context.reader, track);
        if (init === null) return null;
        return init.tracks.every(({ edits }) => edits === 0) ? [] : [problem(trackPath(track), 'the header has an edit list', { at: track.init?.exchange ?? null, pointer: 'moov/trak/edts/elst' })];
      });
    },
  },
  {
    id: 'fmp4/signed-offsets',
    requirements: ['ISO-006'],
    title: 'trun boxes with composition offsets have version 1',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: FMP4,
    run(context) {
      return eachSegment(context, ({ track, segment, facts }) =>
        facts.fragments.flatMap(({ trunVersion, samples }) =>
          trunVersion === 1 || samples.every(({ composition }) => composition === 0) ? [] : [problem(segmentPath(track, segment), 'trun has composition offsets and version 0', { at: segment.exchange, pointer: 'moof/traf/trun' })],
        ),
      );
    },
  },
  {
    id: 'fmp4/brand',
    requirements: ['CMAF-001'],
    title: 'CMAF headers name the brand cmfc or cmf2',
    level: 'must',
    scope: 'format',
    formats: CMAF,
    run(context) {
      return eachTrack(context, (track) => {
        const init = initOf(context.reader, track);
        if (init === null || !claimsCmaf(context, track)) return null;
        return init.brands.some((brand) => brand === 'cmfc' || brand === 'cmf2') ? [] : [problem(trackPath(track), 'no structural CMAF brand', { wanted: 'cmfc or cmf2', actual: init.brands.join(' '), at: track.init?.exchange ?? null, pointer: 'ftyp' })];
      });
    },
  },
  {
    id: 'fmp4/csf-brand',
    requirements: ['ISO-019'],
    title: 'CSF headers name the brand ccff, and iso6 for what they use of the base format',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['dash-csf'],
    run(context) {
      return eachTrack(context, (track) => {
        const init = initOf(context.reader, track);
        if (init === null) return null;
        return init.brands.includes('ccff') && init.brands.includes('iso6') ? [] : [problem(trackPath(track), 'the brand ccff or iso6 is missing', { actual: init.brands.join(' '), at: track.init?.exchange ?? null, pointer: 'ftyp' })];
      });
    },
  },
  {
    id: 'fmp4/track-ids',
    requirements: ['CMAF-015', 'DASH-056'],
    title: 'fragments name the track of the header, and all headers of a set name the same one',
    level: 'must',
    scope: 'format',
    formats: WITH_INIT,
    run(context) {
      const idsOfSet = new Map<string, number>();
      return context.view.tracks.flatMap((track) => {
        const header = headerTrack(initOf(context.reader, track));
        if (header === null) return [];
        const wanted = idsOfSet.get(track.set) ?? header.id;
        idsOfSet.set(track.set, wanted);
        const problems = header.id === wanted ? [] : [problem(trackPath(track), 'headers of one set differ in track_ID', { wanted: String(wanted), actual: String(header.id), at: track.init?.exchange ?? null })];
        for (const { segment, facts } of mediaSegments(context.reader, track)) {
          const other = facts.fragments.find(({ trackId }) => trackId !== header.id);
          if (other !== undefined) problems.push(problem(segmentPath(track, segment), 'a fragment names another track than the header', { wanted: String(header.id), actual: String(other.trackId), at: segment.exchange, pointer: 'moof/traf/tfhd' }));
        }
        return judged(trackPath(track), problems);
      });
    },
  },
  {
    id: 'fmp4/sequence-numbers',
    requirements: ['BMFF-002'],
    title: 'mfhd sequence numbers rise within a track',
    level: 'should',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return eachTrack(context, (track) => {
        const list = mediaSegments(context.reader, track).flatMap(({ segment, facts }) => facts.fragments.map(({ sequence }) => ({ segment, sequence })));
        const bad = list.findIndex(({ sequence }, i) => sequence === null || (i > 0 && sequence <= (list[i - 1].sequence ?? 0)));
        return bad < 0 ? [] : [problem(segmentPath(track, list[bad].segment), 'the sequence number does not rise', { actual: String(list[bad].sequence), at: list[bad].segment.exchange, pointer: 'moof/mfhd' })];
      });
    },
  },
  {
    id: 'fmp4/language',
    requirements: ['BMFF-004'],
    title: 'the language of the header is the language of the manifest',
    level: 'must',
    scope: 'format',
    formats: WITH_INIT,
    run(context) {
      return eachTrack(context, (track) => {
        const header = headerTrack(initOf(context.reader, track));
        if (header === null || track.kind === 'video') return null;
        // A manifest that says nothing contradicts nobody.
        if (context.profile === 'generic' && canonicalLanguage(track.language) === '') return null;
        const [wanted, actual] = [canonicalLanguage(track.language), canonicalLanguage(header.language)];
        return wanted === actual ? [] : [problem(trackPath(track), 'mdhd and manifest differ in language', { wanted, actual, at: track.init?.exchange ?? null, pointer: 'moov/trak/mdia/mdhd' })];
      });
    },
  },
  {
    id: 'fmp4/empty-tables',
    requirements: ['CMAF-007', 'CMAF-010'],
    title: 'CMAF headers have empty sample tables and no duration in tkhd',
    level: 'must',
    scope: 'format',
    formats: CMAF,
    run(context) {
      return eachTrack(context, (track) => {
        const init = initOf(context.reader, track);
        if (init === null || !claimsCmaf(context, track)) return null;
        const trak = find(init.tree.boxes, 'moov/trak');
        const faults: string[] = [];
        for (const [type, at] of [['stts', 0], ['stsc', 0], ['stsz', 4], ['stco', 0]] as const) {
          const box = trak === undefined ? undefined : find(trak.children, `mdia/minf/stbl/${type}`);
          if (box === undefined || u32(init.tree.bytes, box, 4 + at) !== 0) faults.push(`${type} is missing or not empty`);
        }
        const tkhd = trak === undefined ? undefined : find(trak.children, 'tkhd');
        if (tkhd !== undefined && tkhdDuration(init.tree.bytes, tkhd) !== 0n) faults.push('tkhd has a duration');
        return faults.map((fault) => problem(trackPath(track), fault, { at: track.init?.exchange ?? null, pointer: 'moov/trak' }));
      });
    },
  },
];

/** CMAF rules bind those who promise CMAF: by a brand, by the profile of the MPD, or as the original service does. */
export function claimsCmaf({ profile, format, reader }: FormatContext, track: TrackView): boolean {
  if (profile === 'ams' || format === 'dash-cmaf') return true;
  return initOf(reader, track)?.brands.some((brand) => brand === 'cmfc' || brand === 'cmf2') === true;
}

function shiftOf({ reader }: FormatContext, track: TrackView): bigint {
  return headerTrack(initOf(reader, track))?.editShift ?? 0n;
}

/** Sound is cut by an edit list; pictures are moved by it, since theirs makes up for composition offsets. */
function trimOf(context: FormatContext, track: TrackView): bigint {
  return track.kind === 'audio' ? shiftOf(context, track) : 0n;
}

/** Earliest presentation time on the timeline, edit list applied; null without tfdt. */
function shownFrom(context: FormatContext, media: MediaSegment): bigint | null {
  const earliest = earliestTime(media);
  if (earliest === null) return null;
  const shown = earliest - shiftOf(context, media.track);
  return shown < 0n ? 0n : shown;
}

/** One verdict per delivered segment of every track whose media timescale is known. */
function eachMedia(context: Parameters<FormatCheck['run']>[0], judge: (media: MediaSegment, timescale: number) => Finding): readonly Finding[] {
  return context.view.tracks.flatMap((track) => {
    const timescale = mediaTimescale(context.reader, track);
    if (timescale === null) return [cantTell(`track/${trackName(track)}`, 'the media timescale is unknown')];
    return mediaSegments(context.reader, track).map((media) => judge(media, timescale));
  });
}

/** Least presentation time of the segment, in media ticks. */
function earliestTime({ facts }: MediaSegment): bigint | null {
  let least: bigint | null = null;
  for (const fragment of facts.fragments) for (const time of presentationTimes(fragment)) if (least === null || time < least) least = time;
  return least;
}

/** Big-endian number in a box's payload; -1 when the box is too short. */
function u32(bytes: Uint8Array, { start, header, size }: Box, at: number): number {
  return header + at + 4 > size ? -1 : new DataView(bytes.buffer, bytes.byteOffset + start + header + at, 4).getUint32(0);
}

function tkhdDuration(bytes: Uint8Array, box: Box): bigint {
  const version = bytes[box.start + box.header];
  const at = version === 1 ? 28 : 20;
  return version === 1 ? BigInt(u32(bytes, box, at)) * 4_294_967_296n + BigInt(u32(bytes, box, at + 4)) : BigInt(u32(bytes, box, at));
}
