/**
 * Real decoders as judges: a packager does not transcode, so what ffmpeg and GStreamer decode from a delivered URL equals what they
 * decode from the stored file, frame by frame. Both use the same libav decoders, so one reference serves both.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fullTracks, trackName, type View } from '../view.ts';
import { adtsFrames } from './ts.ts';
import type { TruthTrackView } from './truth.ts';

export type Frames = { readonly kind: 'video' | 'audio'; readonly hashes: readonly string[] };
export type Decoded = { readonly frames: readonly Frames[] } | { readonly fault: string };

export type Decoder = {
  /** Clients that this machine has. */
  readonly clients: ReadonlySet<'ffmpeg' | 'gstreamer'>;
  /** The stored track from its first presented sample on. */
  reference(track: TruthTrackView): Promise<Decoded>;
  /** What ffmpeg decodes of each track that it can address alone, by `trackName`; muxed tracks give two lists. */
  ffmpeg(view: View): Promise<ReadonlyMap<string, Decoded>>;
  /** What GStreamer plays from a captured URL when it chooses for itself, adaptation included. */
  gstreamer(url: string, kind: 'video' | 'audio'): Promise<Decoded>;
};

const LIMIT_MS = 60_000;
/** gst-launch loses a race at start-up now and then, whatever it plays. */
const GST_ATTEMPTS = 3;
const MAX_OUTPUT = 64 * 1024 * 1024;
/** Forms that both clients give without loss for eight-bit 4:2:0 video and libav's float audio. */
const FFMPEG_FORM = ['-pix_fmt', 'nv12', '-c:a', 'pcm_f32le', '-fps_mode', 'passthrough', '-f', 'framehash', '-hash', 'md5', '-'];
const GST_FORM = { video: ['videoconvert', '!', 'video/x-raw,format=NV12'], audio: ['audioconvert', '!', 'audio/x-raw,format=F32LE,layout=interleaved'] } as const;
/** Other decoders round otherwise, or know the core of DTS alone. */
const GST_RANKS = 'faad:NONE,fdkaacdec:NONE,dtsdec:NONE,avdec_aac:MAX,avdec_h264:MAX,openh264dec:NONE,vaapih264dec:NONE';

type Output = { readonly ok: boolean; readonly stdout: Buffer; readonly stderr: string };

function run(command: string, args: readonly string[], input: Buffer | null = null): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { encoding: 'buffer', timeout: LIMIT_MS, maxBuffer: MAX_OUTPUT, env: { ...process.env, GST_PLUGIN_FEATURE_RANK: GST_RANKS } }, (error, stdout, stderr) => {
      resolve({ ok: error === null, stdout, stderr: stderr.toString().trim() === '' && error !== null ? (error.killed === true ? `no end within ${LIMIT_MS} ms` : error.message) : stderr.toString() });
    });
    // A decoder that gives up early closes its input; its exit tells why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? undefined);
  });
}

/** `local` maps a captured URL to one that answers on this machine. */
export async function openDecoder(local: (url: string) => string): Promise<Decoder> {
  const [ffmpeg, gstreamer, help] = await Promise.all([run('ffmpeg', ['-version']), run('gst-inspect-1.0', ['checksumsink']), run('ffmpeg', ['-h', 'demuxer=hls'])]);
  const clients = new Set<'ffmpeg' | 'gstreamer'>([...(ffmpeg.ok ? (['ffmpeg'] as const) : []), ...(gstreamer.ok ? (['gstreamer'] as const) : [])]);
  // AMS URLs have no extension, which newer builds of ffmpeg refuse unless told otherwise.
  const picky = help.stdout.includes('extension_picky') ? ['-extension_picky', '0'] : [];
  const references = new Map<string, Promise<Decoded>>();
  return {
    clients,
    reference(track) {
      const key = `${track.file} ${track.trackId} ${track.editedOut}`;
      const known = references.get(key) ?? decodeStored(track);
      references.set(key, known);
      return known;
    },
    async ffmpeg(view) {
      const results = new Map<string, Decoded>();
      const seen = { video: 0, audio: 0 };
      for (const track of fullTracks(view)) {
        if (track.kind !== 'video' && track.kind !== 'audio') continue;
        // Representations are streams of one input, numbered by kind in document order. Each is read alone: ffmpeg stops at the end
        // of the shortest of those it reads together.
        if (track.source.kind === 'dash') results.set(trackName(track), await framehash(['-i', local(view.url), '-map', `0:${track.kind[0]}:${seen[track.kind]++}`]));
        else if (track.source.kind === 'hls') results.set(trackName(track), await framehash([...picky, '-i', local(track.source.playlist.url), '-map', '0']));
      }
      return results;
    },
    async gstreamer(url, kind) {
      let fault = '';
      for (let attempt = 0; attempt < GST_ATTEMPTS; attempt++) {
        const output = await run('gst-launch-1.0', ['-q', 'uridecodebin3', `uri=${local(url)}`, `caps=${kind}/x-raw`, '!', ...GST_FORM[kind], '!', 'checksumsink', 'hash=md5', 'sync=false']);
        const hashes = [...output.stdout.toString().matchAll(/^\d+:\d+:[\d.]+ ([0-9a-f]{32})$/gm)].map(([, hash]) => hash);
        if (hashes.length > 0 && output.ok) return { frames: [{ kind, hashes }] };
        fault = firstLines(output.stderr);
      }
      return { fault };
    },
  };
}

function firstLines(text: string): string {
  return text.trim().split('\n').slice(0, 3).join(' ').slice(0, 300);
}

async function framehash(args: readonly string[], input: Buffer | null = null): Promise<Decoded> {
  const output = await run('ffmpeg', ['-v', 'error', ...args, ...FFMPEG_FORM], input);
  const text = output.stdout.toString();
  const streams = new Map<number, { kind: 'video' | 'audio'; hashes: string[] }>();
  for (const [, index, type] of text.matchAll(/^#media_type (\d+): (video|audio)$/gm)) streams.set(Number(index), { kind: type as 'video' | 'audio', hashes: [] });
  for (const [, index, hash] of text.matchAll(/^(\d+),.*, ([0-9a-f]{32})$/gm)) streams.get(Number(index))?.hashes.push(hash);
  if (!output.ok || streams.size === 0) return { fault: firstLines(output.stderr) || 'no streams' };
  if (output.stderr.trim() !== '') return { fault: firstLines(output.stderr) };
  return { frames: [...streams].toSorted(([a], [b]) => a - b).map(([, frames]) => frames) };
}

/**
 * Samples that the edit list removes are removed before decoding: AAC noise substitution goes on from frame to frame, so a decoder
 * that has seen one frame more gives other samples for the whole track.
 */
async function decodeStored(track: TruthTrackView): Promise<Decoded> {
  const [input, bytes] = statSync(track.file).isDirectory() ? ['pipe:0', archiveBytes(track.file)] as const : [track.file, null] as const;
  const source = ['-ignore_editlist', '1', '-i', input, '-map', `0:i:${track.trackId}`];
  if (track.kind === 'audio' && track.editedOut > 0 && track.codec.sampleEntry === 'mp4a') {
    const copied = await run('ffmpeg', ['-v', 'error', ...source, '-c', 'copy', '-f', 'adts', '-'], bytes);
    const frames = adtsFrames(copied.stdout);
    if (!copied.ok || typeof frames === 'string') return { fault: typeof frames === 'string' ? frames : firstLines(copied.stderr) };
    const dropped = frames.slice(0, track.editedOut).reduce((sum, { payload }) => sum + payload.length + 7, 0);
    return framehash(['-f', 'aac', '-i', 'pipe:0'], copied.stdout.subarray(dropped));
  }
  const decoded = await framehash(source, bytes);
  if ('fault' in decoded) return decoded;
  return { frames: decoded.frames.map(({ kind, hashes }) => ({ kind, hashes: hashes.slice(track.editedOut) })) };
}

/** A live archive keeps one file per fragment, named by its time, beside the header. */
function archiveBytes(folder: string): Buffer {
  const fragments = readdirSync(folder).filter((name) => /^\d+$/.test(name)).toSorted((a, b) => Number(a) - Number(b));
  return Buffer.concat(['header', ...fragments].map((name) => readFileSync(join(folder, name))));
}
