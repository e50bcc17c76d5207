/** What decoders make of a delivered URL against what they make of the stored files. Run only when asked: decoding takes seconds. */
import type { FormatId } from '../../spec/requirement.ts';
import type { Decoded, Decoder } from '../oracle/decode.ts';
import type { TruthTrackView, TruthView } from '../oracle/truth.ts';
import { truthOfTrack } from '../oracle/truth.ts';
import { WITH_SBR } from '../oracle/sound.ts';
import { ALL, cantTell, inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { fullTracks, trackName, type TrackView } from '../view.ts';
import { judged, problem } from './helpers.ts';

export const DECODE_CHECKS: readonly FormatCheck[] = [
  {
    id: 'decode/ffmpeg',
    requirements: ['ISO-017', 'BMFF-009'],
    title: 'ffmpeg decodes every track to the frames of the stored file',
    level: 'must',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf'],
    run: (context) =>
      withDecoder(context, 'ffmpeg', async (decoder, truth) => {
        const results = await decoder.ffmpeg(context.view);
        const findings: Finding[] = [];
        for (const track of fullTracks(context.view)) {
          const path = `decode/${trackName(track)}`;
          const decoded = results.get(trackName(track));
          if (decoded === undefined) continue;
          if ('fault' in decoded) {
            findings.push(problem(path, 'the client cannot decode the track', { actual: decoded.fault, at: context.view.manifest }));
            continue;
          }
          for (const { kind, hashes } of decoded.frames) {
            const real = kind === track.kind ? truthOfTrack(truth, track, context.profile) : muxedTruth(truth, track, kind);
            findings.push(...(real === null ? [cantTell(`${path}/${kind}`, 'the content of the track is unknown')] : await compare(decoder, `${path}/${kind}`, hashes, [real], context)));
          }
        }
        return findings;
      }),
  },
  {
    id: 'decode/gstreamer',
    requirements: ['ISO-017', 'MSS-042'],
    title: 'GStreamer plays the frames of the stored files, each once and in order, whichever qualities it takes',
    level: 'must',
    scope: 'format',
    formats: ALL,
    run: (context) =>
      withDecoder(context, 'gstreamer', async (decoder, truth) => {
        const findings: Finding[] = [];
        for (const kind of ['video', 'audio'] as const) {
          const tracks = truth.tracks.filter((track) => track.kind === kind);
          if (tracks.length === 0) continue;
          const gap = gapOf(context, kind, truth);
          if (gap !== undefined) {
            findings.push(inapplicable(`decode/${kind}`, gap.reason));
            continue;
          }
          const decoded = await decoder.gstreamer(soundUrl(context, kind) ?? context.view.url, kind);
          const path = `decode/${kind}`;
          if ('fault' in decoded) findings.push(problem(path, 'the client cannot play the output', { actual: decoded.fault, at: context.view.manifest }));
          else for (const { hashes } of decoded.frames) findings.push(...(await compare(decoder, path, hashes, tracks, context)));
        }
        return findings;
      }),
  },
];

async function withDecoder(context: FormatContext, client: 'ffmpeg' | 'gstreamer', judge: (decoder: Decoder, truth: TruthView) => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  const { decoder } = context.judges;
  if (decoder === null || !decoder.clients.has(client)) return [cantTell('decode', 'the client is not installed')];
  if (context.truth === null) return [inapplicable('decode', 'the content is unknown')];
  if (context.view.document === null) return [];
  // The trace is what is served again: a client cannot play over what was not asked for.
  if (fullTracks(context.view).some(({ segments }) => segments.some(({ exchange }) => exchange === null))) return [inapplicable('decode', 'the capture left segments out')];
  if (await isFiller(decoder, context.truth)) return [inapplicable('decode', 'the stored samples are filler')];
  return judge(decoder, context.truth);
}

/** Flags may stand over sound that is real, as those of Dolby Atmos do over its bed, or over nothing at all. */
async function isFiller(decoder: Decoder, { honesty, tracks }: TruthView): Promise<boolean> {
  if (honesty !== 'signalling-only') return honesty === 'malformed';
  const references = await Promise.all(tracks.map((track) => decoder.reference(track)));
  return references.some((reference) => 'fault' in reference);
}

type Sounds = readonly TruthTrackView['codec'][];
type Gap = { readonly kind: 'video' | 'audio'; readonly formats: readonly FormatId[]; readonly of: (sounds: Sounds) => boolean; readonly reason: string };

const all = (codecs: RegExp) => (sounds: Sounds): boolean => sounds.length > 0 && sounds.every(({ rfc6381 }) => codecs.test(rfc6381));
const isDts = all(/^dts/);

/**
 * What GStreamer 1.22 cannot take. Its tsdemux knows DTS by its registration descriptor and hands it on as a
 * private stream without caps, which decodebin3 leaves aside; in one stream with pictures it waits for it for ever. Its mssdemux2 knows no other
 * FourCC of AAC than AACL. Its parser hands the decoder of E-AC-3 the independent substreams alone: of 7.1 come six channels.
 */
const GAPS: readonly Gap[] = [
  { kind: 'audio', formats: ['hls-v3', 'hls-v4'], of: isDts, reason: 'the client takes DTS in transport streams for no sound' },
  { kind: 'video', formats: ['hls-v3'], of: isDts, reason: 'the client waits for the DTS beside the pictures' },
  { kind: 'audio', formats: ['smooth'], of: all(WITH_SBR), reason: 'the client knows no FourCC AACH' },
  { kind: 'audio', formats: ALL, of: (sounds) => sounds.some(({ rfc6381, channels }) => rfc6381 === 'ec-3' && (channels ?? 0) > 6), reason: 'the client decodes six channels of eight' },
];

function gapOf({ format }: FormatContext, kind: string, { tracks }: TruthView): Gap | undefined {
  const sounds = tracks.flatMap(({ kind: of, codec }) => (of === 'audio' ? [codec] : []));
  return GAPS.find((gap) => gap.kind === kind && gap.formats.includes(format) && gap.of(sounds));
}

/**
 * Muxed audio restarts with every change of quality, and AAC noise substitution depends on what was decoded before: such audio is
 * compared in one quality.
 */
function soundUrl({ view }: FormatContext, kind: string): string | null {
  if (kind !== 'audio' || view.format !== 'hls-v3') return null;
  const track = fullTracks(view).find((each) => each.kind === 'video');
  return track?.source.kind === 'hls' ? track.source.playlist.url : null;
}

function muxedTruth(truth: TruthView, track: TrackView, kind: string): TruthTrackView | null {
  const named = /audiotrack=([^,)]+)/i.exec(decodeURIComponent(track.source.kind === 'hls' ? track.source.playlist.url : ''))?.[1];
  return truth.tracks.find((each) => each.kind === kind && (named === undefined || each.name === named)) ?? null;
}

/** Every frame is the stored one at its place, in one of the tracks that the client may have taken. */
async function compare(decoder: Decoder, path: string, hashes: readonly string[], tracks: readonly TruthTrackView[], { view }: FormatContext): Promise<readonly Finding[]> {
  const references = await Promise.all(tracks.map((track) => decoder.reference(track)));
  const faulty = references.find((reference): reference is Extract<Decoded, { fault: string }> => 'fault' in reference);
  if (faulty !== undefined) return [cantTell(path, 'the stored file cannot be decoded', { actual: faulty.fault })];
  const lists = references.flatMap((reference) => ('frames' in reference ? reference.frames.map((frames) => frames.hashes) : []));
  const longest = Math.max(...lists.map(({ length }) => length));
  const wrong = hashes.findIndex((hash, i) => !lists.some((list) => list[i] === hash));
  if (wrong < 0 && lists.some(({ length }) => length === hashes.length)) return judged(path, []);
  if (wrong < 0) return [problem(path, 'the client gets another number of frames', { wanted: String(longest), actual: String(hashes.length), at: view.manifest })];
  return [problem(path, 'a decoded frame differs from the stored one', { wanted: `${longest} frames`, actual: `${hashes.length} frames, first difference at ${wrong + 1}`, at: view.manifest })];
}
