/** Fragmented MP4 as bytes: boxes, headers, the form of fragments (ISO/IEC 14496-12:2022, ISO/IEC 23000-19:2024). */
import { FMP4, inapplicable, type Finding, type FormatCheck } from '../model.ts';
import { find, findAll, readBoxes } from '../oracle/boxes.ts';
import { fragmentFormFaults, NON_SYNC } from '../oracle/fragments.ts';
import { differenceFromMp4box, readWithMp4box } from '../oracle/opinions.ts';
import { delivered, headerTrack, initOf, mdatRanges, mediaSegments, remembered } from '../media.ts';
import type { Exchange } from '../trace.ts';
import { segmentPath } from '../view.ts';
import { eachSegment, eachTrack, exchangePath, exchangesOf, judged, problem, trackPath } from './helpers.ts';

const opinions = new WeakMap<Exchange, string | null>();
const WITH_INIT = ['hls-cmaf', 'dash-csf', 'dash-cmaf'] as const;

export const FMP4_CHECKS: readonly FormatCheck[] = [
  {
    id: 'fmp4/boxes-fit',
    requirements: ['BMFF-001'],
    title: 'every box fits into its parent and nothing trails the last one',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return mediaExchanges(context).flatMap((exchange) =>
        judged(
          exchangePath(exchange),
          readBoxes(context.reader.body(exchange)).problems.map((text) => problem(exchangePath(exchange), 'the box structure is broken', { actual: text, at: exchange, pointer: text })),
        ),
      );
    },
  },
  {
    id: 'fmp4/mp4box-agrees',
    requirements: ['BMFF-001'],
    title: 'mp4box sees the same boxes and complains of none',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return mediaExchanges(context).flatMap((exchange) => {
        const difference = remembered(opinions, exchange, () => {
          const bytes = context.reader.body(exchange);
          return differenceFromMp4box(readBoxes(bytes).boxes, readWithMp4box(bytes));
        });
        return judged(exchangePath(exchange), difference === null ? [] : [problem(exchangePath(exchange), 'mp4box reads the boxes differently', { actual: difference, at: exchange })]);
      });
    },
  },
  {
    id: 'fmp4/init-header',
    requirements: ['DASH-053', 'CMAF-003'],
    title: 'the initialization segment is ftyp and moov with one track, mvex and no samples',
    level: 'must',
    scope: 'format',
    formats: WITH_INIT,
    run(context) {
      return eachTrack(context, (track) => {
        const init = initOf(context.reader, track);
        if (init === null) return [problem(trackPath(track), 'the track has no readable initialization segment')];
        const types = init.tree.boxes.map(({ type }) => type);
        const header = headerTrack(init);
        const faults: string[] = [];
        if (types[0] !== 'ftyp' || types.filter((type) => type === 'moov').length !== 1) faults.push('ftyp followed by one moov is missing');
        if (types.some((type) => type === 'moof' || type === 'mdat')) faults.push('it holds media');
        if (init.tracks.length !== 1) faults.push('it does not hold exactly one track');
        if (header === null || !init.defaults.has(header.id)) faults.push('mvex has no trex for the track');
        if (header !== null && header.storedSamples > 0) faults.push('its sample table is not empty');
        if (header !== null && header.entries.length === 0) faults.push('it has no sample entry');
        return faults.map((fault) => problem(trackPath(track), fault, { actual: types.join(' '), at: track.init?.exchange ?? null }));
      });
    },
  },
  {
    id: 'fmp4/segment-shape',
    requirements: ['DASH-054', 'CMAF-014', 'CMAF-021'],
    title: 'a media segment is pairs of moof and mdat, with one traf at least',
    level: 'must',
    scope: 'format',
    formats: WITH_INIT,
    run(context) {
      return eachSegment(context, ({ track, segment, facts }) => {
        const types = facts.tree.boxes.map(({ type }) => type);
        const media = types.filter((type) => !['styp', 'sidx', 'prft', 'emsg', 'ssix'].includes(type));
        const paired = media.length > 0 && media.every((type, i) => type === (i % 2 === 0 ? 'moof' : 'mdat')) && media.length % 2 === 0;
        const problems = paired && facts.fragments.length > 0 ? [] : [problem(segmentPath(track, segment), 'the segment is not made of moof and mdat pairs', { wanted: 'moof mdat', actual: types.join(' '), at: segment.exchange })];
        // 8.16.2: a segment type box is the first box, once.
        if (types.lastIndexOf('styp') > 0) problems.push(problem(segmentPath(track, segment), 'styp is not the first box, or stands twice', { actual: types.join(' '), at: segment.exchange }));
        return [...problems, ...facts.problems.map((text) => problem(segmentPath(track, segment), 'a fragment is unreadable', { actual: text, at: segment.exchange }))];
      });
    },
  },
  {
    id: 'fmp4/fragment-form',
    requirements: ['BMFF-019', 'CMAF-016', 'CMAF-018'],
    title: 'boxes of a fragment have the versions, flags and lengths of the standard',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return eachSegment(context, ({ track, segment, facts }) => {
        const faults = fragmentFormFaults(facts);
        // Smooth needs no time in its fragments by its document; the packager promises one everywhere.
        const bare = (track.source.kind !== 'smooth' || context.profile === 'ams') && facts.fragments.some(({ decodeTime }) => decodeTime === null) ? ['traf tells no time'] : [];
        // ISO/IEC 23009-1:2022 6.3.4.2, RFC 8216 3.3: every fragment that has a header has a tfdt, whatever else tells its time.
        const untimed = context.format !== 'smooth' && facts.fragments.some(({ traf }) => find(traf.children, 'tfdt') === undefined) ? ['traf holds no tfdt'] : [];
        return [...faults, ...bare, ...untimed].slice(0, 3).map((fault) => problem(segmentPath(track, segment), 'a box of the fragment has another form', { actual: fault, at: segment.exchange, pointer: 'moof' }));
      });
    },
  },
  {
    id: 'fmp4/sample-flags',
    requirements: ['BMFF-020'],
    title: 'sample flags do not contradict each other, and reserved bits are 0',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return eachSegment(context, ({ track, segment, facts }) => {
        const samples = facts.fragments.flatMap((fragment) => fragment.samples);
        const bad = samples.findIndex(({ flags }) => {
          const dependsOn = (flags >>> 24) & 3;
          const contradicts = (flags & NON_SYNC) === 0 ? dependsOn === 1 : dependsOn === 2;
          // The packager tells dependence and nothing else.
          return flags >>> 28 !== 0 || contradicts || dependsOn === 3 || (context.profile === 'ams' && (flags & 0x0cfeffff) !== 0);
        });
        return bad < 0 ? [] : [problem(segmentPath(track, segment), 'the flags of a sample cannot be', { actual: `0x${samples[bad].flags.toString(16)}`, at: segment.exchange, pointer: `sample ${bad + 1}` })];
      });
    },
  },
  {
    id: 'fmp4/base-is-moof',
    requirements: ['DASH-054', 'CMAF-015'],
    title: 'track fragments address their samples from the moof',
    level: 'must',
    scope: 'format',
    formats: WITH_INIT,
    run(context) {
      return eachSegment(context, ({ track, segment, facts }) =>
        facts.fragments.flatMap(({ defaultBaseIsMoof, baseDataOffset, moof }) =>
          defaultBaseIsMoof && !baseDataOffset ? [] : [problem(segmentPath(track, segment), 'tfhd lacks default-base-is-moof or has a base-data-offset', { at: segment.exchange, pointer: `moof@${moof.start}/traf/tfhd` })],
        ),
      );
    },
  },
  {
    id: 'fmp4/mdat-covered',
    requirements: ['BMFF-003', 'CMAF-018'],
    title: 'samples cover the payload of mdat exactly, without overlap',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run(context) {
      return eachSegment(context, ({ track, segment, facts }) => {
        const path = segmentPath(track, segment);
        const samples = facts.fragments.flatMap((fragment) => fragment.samples).toSorted((a, b) => a.offset - b.offset);
        const problems: Finding[] = [];
        let next = 0;
        for (const { from, to } of mdatRanges(facts)) {
          let at = from;
          while (next < samples.length && samples[next].offset < to) {
            if (samples[next].offset !== at) problems.push(problem(path, 'a sample does not start where the one before ends', { wanted: String(at), actual: String(samples[next].offset), at: segment.exchange, pointer: `mdat@${from}` }));
            at = samples[next].offset + samples[next].size;
            next++;
          }
          if (at !== to) problems.push(problem(path, 'the samples do not end where mdat ends', { wanted: String(to), actual: String(at), at: segment.exchange, pointer: `mdat@${from}` }));
        }
        if (next < samples.length) problems.push(problem(path, 'a sample lies outside mdat', { actual: String(samples[next].offset), at: segment.exchange }));
        return problems.slice(0, 3);
      });
    },
  },
  {
    id: 'fmp4/one-fragment',
    requirements: ['MSS-031'],
    title: 'a Smooth fragment is one moof with one traf, then one mdat',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run(context) {
      return eachSegment(context, ({ track, segment, facts }) => {
        const types = facts.tree.boxes.map(({ type }) => type).join(' ');
        const trafs = findAll(find(facts.tree.boxes, 'moof')?.children ?? [], 'traf').length;
        return types === 'moof mdat' && trafs === 1 ? [] : [problem(segmentPath(track, segment), 'the fragment is not one moof with one traf and one mdat', { wanted: 'moof mdat', actual: types, at: segment.exchange })];
      });
    },
  },
  {
    id: 'fmp4/self-described',
    requirements: ['MSS-032'],
    title: 'tfhd and trun give duration, size and flags of all samples',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run(context) {
      return eachSegment(context, ({ track, segment, fragment }) =>
        fragment !== null && !fragment.leansOnTrex ? [] : [problem(segmentPath(track, segment), 'a sample value is given nowhere in the fragment', { at: segment.exchange, pointer: 'moof/traf' })],
      );
    },
  },
  {
    id: 'fmp4/tfxd',
    requirements: ['MSS-033'],
    title: 'tfxd, where present, carries the time and duration of the manifest',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run(context) {
      const found = context.view.tracks.flatMap((track) => mediaSegments(context.reader, track)).filter(({ fragment }) => fragment?.tfxd != null);
      if (found.length === 0) return [inapplicable('segments', 'no fragment carries tfxd, which clients of stored media can do without')];
      return found.flatMap(({ track, segment, fragment }) => {
        const tfxd = fragment?.tfxd;
        const right = tfxd?.time === segment.time && tfxd?.duration === segment.duration;
        return judged(segmentPath(track, segment), right ? [] : [problem(segmentPath(track, segment), 'tfxd differs from the manifest', { wanted: `${segment.time}+${segment.duration}`, actual: `${tfxd?.time}+${tfxd?.duration}`, at: segment.exchange, pointer: 'moof/traf/uuid' })]);
      });
    },
  },
];

/** Delivered initialization and media segments, key-frame segments included. */
function mediaExchanges(context: Parameters<FormatCheck['run']>[0]) {
  return exchangesOf(context).filter((exchange) => (exchange.role.kind === 'init' || exchange.role.kind === 'segment' || (exchange.role.kind === 'keyframe' && exchange.requestHeaders['range'] === undefined)) && delivered(exchange));
}
