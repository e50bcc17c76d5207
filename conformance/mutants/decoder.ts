/** A decoder for the specimen, whose samples are no pictures: what it "decodes" is the samples themselves. */
import { transportSamples } from '../checks/transport-samples.ts';
import { samplesOf } from '../media.ts';
import type { Decoded, Decoder, Frames } from '../oracle/decode.ts';
import { formatRow } from '../outputs.ts';
import type { TraceReader } from '../trace.ts';
import { fullTracks, trackName, type TrackView, type View } from '../view.ts';

export function specimenDecoder(reader: TraceReader, views: () => readonly View[]): Decoder {
  const frames = (track: TrackView, view: View): readonly Frames[] => {
    if (formatRow(view.format).container === 'ts') return transportSamples(reader, track).map(({ kind, samples }) => ({ kind, hashes: samples.map(({ hash }) => hash) }));
    const hashes = samplesOf(reader, track).map((sample) => (track.kind === 'video' ? (sample.normalised ?? '') : sample.raw));
    return track.kind === 'video' || track.kind === 'audio' ? [{ kind: track.kind, hashes }] : [];
  };
  return {
    clients: new Set(['ffmpeg', 'gstreamer']),
    reference({ kind, samples }) {
      return Promise.resolve<Decoded>({ frames: [{ kind, hashes: samples.map((sample) => (kind === 'video' ? (sample.normalised ?? '') : sample.raw)) }] });
    },
    ffmpeg: (view) => Promise.resolve(new Map(fullTracks(view).map((track) => [trackName(track), { frames: frames(track, view) }]))),
    gstreamer(url, kind) {
      const view = views().find((each) => each.url === url || each.playlists.some((playlist) => playlist.url === url));
      const list = view === undefined ? [] : fullTracks(view).flatMap((track) => frames(track, view)).filter((each) => each.kind === kind);
      return Promise.resolve<Decoded>(list[0] === undefined ? { fault: 'nothing to play' } : { frames: [list[0]] });
    },
  };
}
