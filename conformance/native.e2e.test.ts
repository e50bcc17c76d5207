/** Every corpus asset in every output, decoded by ffmpeg and GStreamer and compared with the source, frame by frame. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Truth, type TruthTrack } from '../spec/truth.ts';
import { decodeSound, decodeWithFfmpeg, hlsOptions, nativeVersion, playWithGStreamer, playWithVlc, soundDifference, toneAmplitude } from './native.ts';
import { startServer, type ServerProcess } from './performance/process.ts';

const ROOT = join(import.meta.dirname, '..');
const ASSETS = join(ROOT, 'corpus/.assets');
const IDS = ['classic-ismc', 'elst-delay', 'elst-midgop', 'fps25', 'fragmented', 'h264-aac-mbr3', 'h264-multiaudio', 'muxed-mbr', 'negative-cts', 'no-ism', 'single-mp4', 'smooth-ismv', 'live-archive'];
const OUTPUTS = [
  { id: 'dash-csf', suffix: '(format=mpd-time-csf)', ffmpeg: true, ascending: false, muxed: false, fragments: true },
  { id: 'dash-cmaf', suffix: '(format=mpd-time-cmaf)', ffmpeg: true, ascending: false, muxed: false, fragments: true },
  { id: 'hls-cmaf', suffix: '(format=m3u8-cmaf)', ffmpeg: true, ascending: true, muxed: false, fragments: true },
  { id: 'hls-v4', suffix: '(format=m3u8-aapl,audio-only=false)', ffmpeg: true, ascending: true, muxed: false, fragments: false },
  { id: 'hls-v3', suffix: '(format=m3u8-aapl-v3,audio-only=false)', ffmpeg: true, ascending: true, muxed: true, fragments: false },
  // ffmpeg has no Smooth Streaming client.
  { id: 'smooth', suffix: '', ffmpeg: false, ascending: false, muxed: false, fragments: true },
] as const;

/** Pictures that VLC's transcoder may leave out at the two ends together. */
const VLC_EDGES = 2;
const vlc = nativeVersion('vlc');

let server: ServerProcess;
let hls: readonly string[];
beforeAll(async () => {
  server = await startServer(process.execPath, [join(ROOT, 'src/cli.ts'), 'serve', '--root', ASSETS, '--port', '0'], ROOT);
  hls = await hlsOptions();
});
afterAll(() => server?.stop());

/** Sources stand against several outputs, and a stream that was decoded for its pictures also tells when it starts: nothing is decoded twice. */
function remembered<T>(decode: (input: string, map: string, options?: readonly string[]) => Promise<T>): typeof decode {
  const kept = new Map<string, Promise<T>>();
  return (input, map, options) => {
    const key = `${input} ${map}`;
    const found = kept.get(key) ?? decode(input, map, options);
    kept.set(key, found);
    return found;
  };
}
const decodeFrames = remembered(decodeWithFfmpeg);
const decodeSource = remembered(decodeSound);

const truthOf = (id: string): Truth => Truth.parse(JSON.parse(readFileSync(join(ASSETS, id, 'truth.json'), 'utf8')));
const startOf = ({ samples, editedOut, timescale }: TruthTrack): number => Math.min(...samples.pt.slice(editedOut)) / timescale;
/**
 * ffmpeg 5 presents fragments with negative composition offsets late by the largest of them (its own CMAF files too); other
 * clients do not.
 */
const shiftOfFfmpeg = ({ samples, editedOut, timescale }: TruthTrack): number => {
  const kept = samples.composition.slice(editedOut);
  return Math.max(0, kept[0] - Math.min(...kept)) / timescale;
};
const manifestOf = (truth: Truth, suffix: string): string => `${server.origin}/${truth.asset}/${truth.manifest}/manifest${suffix}`;

// Two at a time (vitest.config.ts): clients that load, decode and close are seldom on both cores.
describe.each(IDS)('%s', { concurrent: true }, (id) => {
  const truth = truthOf(id);
  // Its tracks are folders, which no client opens: GStreamer plays what is delivered of them.
  const hasFiles = id !== 'live-archive';
  const videos = truth.tracks.filter(({ kind }) => kind === 'video');
  const audios = truth.tracks.filter(({ kind }) => kind === 'audio');
  const source = ({ file }: TruthTrack): string => join(ASSETS, id, file);
  // Streams of one file are told apart by their place among those of their kind; files of the corpus have one of each.
  const size = ({ codec }: TruthTrack): number => (codec.width ?? 0) * (codec.height ?? 0);

  test.each(OUTPUTS.filter(({ ffmpeg }) => ffmpeg && hasFiles))('$id: ffmpeg decodes every picture of every quality as from the source', async ({ suffix, ascending, id: output }) => {
    const ordered = videos.toSorted((a, b) => (ascending ? size(a) - size(b) : size(b) - size(a)));
    const options = output.startsWith('hls') ? hls : [];
    for (const [i, track] of ordered.entries()) {
      const [delivered, stored] = await Promise.all([decodeFrames(manifestOf(truth, suffix), `0:v:${i}`, options), decodeFrames(source(track), '0:v:0', ['-ignore_editlist', '1'])]);
      const wanted = stored.frames.slice(track.editedOut).map(({ hash }) => hash);
      expect(delivered.frames.map(({ hash }) => hash)).toEqual(wanted);
    }
  });

  test.each(OUTPUTS.filter(({ ffmpeg }) => ffmpeg && hasFiles))('$id: sound is the source’s, and as far from the pictures as there', async ({ suffix, muxed, fragments, ascending, id: output }) => {
    const options = output.startsWith('hls') ? hls : [];
    const manifest = manifestOf(truth, suffix);
    for (const [i, track] of (muxed ? audios.slice(0, 1) : audios).entries()) {
      const [delivered, whole] = await Promise.all([decodeSound(manifest, `0:a:${i}`, options), decodeSource(source(track), '0:a:0')]);
      // PIFF files have no edit list that would hide the encoder's priming, and ffmpeg applies none to fragmented files.
      const stored = id === 'smooth-ismv' || id === 'fragmented' ? whole.subarray(1024 * track.editedOut) : whole;
      // An edit that moves the start back brings sound in front of what the file's own edit list shows.
      const moved = id === 'elst-midgop' ? delivered.length - stored.length : 0;
      // The first frame lacks the overlap of the priming that is not delivered.
      expect(soundDifference(delivered.subarray(moved), stored, 4096)).toBeLessThan(60);
      expect(Math.abs(delivered.length - moved - stored.length)).toBeLessThanOrEqual(2048);
    }
    const [picture, sound] = await Promise.all([decodeFrames(manifest, '0:v:0', options), decodeFrames(manifest, '0:a:0', options)]);
    const frame = 1024 / (audios[0].codec.sampleRate ?? 48000);
    const [shown] = videos.toSorted((a, b) => (ascending ? size(a) - size(b) : size(b) - size(a)));
    const late = fragments ? shiftOfFfmpeg(shown) : 0;
    expect(Math.abs(picture.frames[0].seconds - late - sound.frames[0].seconds - (startOf(videos[0]) - startOf(audios[0])))).toBeLessThanOrEqual(frame);
  });

  test.each(OUTPUTS)('$id: GStreamer shows every picture once and in order, and plays a language of the asset', async ({ suffix }) => {
    const { counters, renditions, sound, soundRate } = await playWithGStreamer(manifestOf(truth, suffix));
    const { first, count } = videos[0].pictures ?? { first: 0, count: 0 };
    expect(counters).toEqual(Array.from({ length: count }, (_, i) => first + i));
    expect(new Set(renditions).size).toBeLessThanOrEqual(videos.length);
    const middle = sound.subarray(soundRate * 2, soundRate * 3);
    const amplitudes = [5000, 6000, 7000, 8000].map((pilot) => toneAmplitude(middle, soundRate, pilot));
    // Which of several languages starts is the client's choice.
    expect(audios.map(({ pilot }) => pilot)).toContain([5000, 6000, 7000, 8000][amplitudes.indexOf(Math.max(...amplitudes))]);
    expect(Math.max(...amplitudes)).toBeGreaterThan(1000);
  });

  test.for(OUTPUTS)('$id: VLC shows the pictures once and in order, but for its own losses at the edges', async ({ suffix }, context) => {
    if ((await vlc) === null) context.skip('VLC is not installed');
    // Of all variants the lowest would be the one without pictures.
    const [lowest] = videos.toSorted((a, b) => size(a) - size(b));
    const { counters } = await playWithVlc(manifestOf(truth, suffix.replace('m3u8-cmaf)', 'm3u8-cmaf,audio-only=false)')), { width: lowest.codec.width ?? 0, height: lowest.codec.height ?? 0 });
    const { first, count } = videos[0].pictures ?? { first: 0, count: 0 };
    expect(counters.length).toBeGreaterThanOrEqual(count - VLC_EDGES);
    expect(counters).toEqual(Array.from({ length: counters.length }, (_, i) => counters[0] + i));
    expect(counters[0] - first).toBeLessThanOrEqual(VLC_EDGES);
  });
});
