/** The beginning of encrypted tracks that is sent in the clear, so that playback starts before a licence is there: where it is, and how long. */
import { delivered, mediaSegments } from '../media.ts';
import { inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { encryptionOf, isEnciphered, SAMPLE_AES_TYPES } from '../opened.ts';
import { sealingOf, sealingOfTrack } from '../oracle/signalled.ts';
import { formatRow } from '../outputs.ts';
import { segmentPath, type SegmentView, type TrackView } from '../view.ts';
import { judged, problem } from './helpers.ts';
import { sentTransport } from './protection.ts';

const FORMATS = ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf'] as const;

export const CLEAR_LEAD_CHECKS: readonly FormatCheck[] = [
  {
    id: 'protection/clear-lead',
    requirements: ['CENC-011'],
    title: 'what is clear of an encrypted track is its beginning; playlists tell keys for the rest alone',
    level: 'must',
    scope: 'format',
    formats: FORMATS,
    run: (context) => tracksOf(context).flatMap((track) => placeFindings(context, track)),
  },
  {
    id: 'protection/clear-lead-length',
    requirements: ['CENC-012'],
    title: 'the clear lead of a track holds the segments that begin before its declared end, and no others',
    level: 'must',
    scope: 'format',
    formats: FORMATS,
    run(context) {
      const { clearLead } = context;
      if (clearLead === null) return [inapplicable('tracks', 'nobody says how long the lead is')];
      // A key frame is as clear as the segment that it is of.
      return tracksOf(context).flatMap((track) => (track.keyFrames ? [] : lengthFindings(context, track, clearLead)));
    },
  },
];

/** Tracks whose samples are enciphered, or said to be; whole resources in an envelope have no lead. */
function tracksOf({ view, wire }: FormatContext): readonly TrackView[] {
  return view.tracks.filter((track) => {
    const sealing = sealingOfTrack(view, track);
    return sealing?.kind !== 'envelope' && (sealing !== null || encryptionOf(wire, track) !== null);
  });
}

/** Enciphered or not, as the bytes of each segment say; both when its fragments differ. */
function statesOf({ view, reader, wire }: FormatContext, track: TrackView): readonly { readonly segment: SegmentView; readonly kinds: readonly boolean[] }[] {
  if (formatRow(view.format).container === 'ts') {
    return track.segments.flatMap((segment) => (delivered(segment.exchange) ? [{ segment, kinds: [sentTransport(wire, segment.exchange).streams.some(({ streamType }) => SAMPLE_AES_TYPES[streamType] !== undefined)] }] : []));
  }
  const encryption = encryptionOf(wire, track);
  return mediaSegments(reader, track).map(({ segment, facts }) => ({ segment, kinds: [...new Set(facts.fragments.map((fragment) => encryption !== null && isEnciphered(encryption, fragment)))] }));
}

function placeFindings(context: FormatContext, track: TrackView): readonly Finding[] {
  let hidden = false;
  return statesOf(context, track).flatMap(({ segment, kinds }) => {
    const path = segmentPath(track, segment);
    const fault = (message: string): readonly Finding[] => [problem(path, message, { at: segment.exchange })];
    const [isHidden = false] = kinds;
    if (kinds.length > 1) return fault('the segment is clear in part');
    if (hidden && !isHidden) return fault('a segment is clear behind one that is not');
    hidden = isHidden;
    const isSaid = track.source.kind === 'hls' ? sealingOf(context.view, track, segment.index) !== null : isHidden;
    return judged(path, isSaid === isHidden ? [] : fault(isHidden ? 'no key is told for a segment that is enciphered' : 'a key is told for a segment that is clear'));
  });
}

/** Seconds: EXTINF and floors of 10 MHz are not exact. */
const TOLERANCE = 0.001;

function lengthFindings(context: FormatContext, track: TrackView, lead: number): readonly Finding[] {
  const starts: number[] = [];
  let elapsed = 0;
  for (const { duration, timescale } of track.segments) {
    starts.push(elapsed);
    elapsed += Number(duration) / timescale;
  }
  return statesOf(context, track).flatMap(({ segment, kinds }) => {
    const start = starts[segment.index];
    if (Math.abs(start - lead) < TOLERANCE) return [];
    const path = segmentPath(track, segment);
    const wanted = start >= lead;
    return judged(path, kinds.every((hidden) => hidden === wanted) ? [] : [problem(path, wanted ? 'a segment behind the declared lead is clear' : 'a segment of the declared lead is enciphered', { wanted: `a lead of ${lead} s`, actual: `the segment begins at ${start.toFixed(3)} s`, at: segment.exchange })]);
  });
}
