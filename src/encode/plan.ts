/** From a source and a preset to ffmpeg command lines and a server manifest: pure, so a plan can be shown before it runs. */
import { IsomerError } from '../errors.ts';
import { evenFloor, fitLadder, type EncodePreset, type Layer } from './presets.ts';
import type { SourceAudio, SourceFacts, SourceVideo } from './probe.ts';

export type EncodeJob = {
  /** File name inside the target folder. */
  readonly file: string;
  readonly kind: 'video' | 'audio';
  readonly title: string;
  /** ffmpeg arguments between the input and the output. */
  readonly arguments: readonly string[];
  readonly language: string;
  readonly description: boolean;
  readonly channels: number;
};

export type EncodePlan = { readonly jobs: readonly EncodeJob[]; readonly notes: readonly string[] };

export function planEncode(source: SourceFacts, preset: EncodePreset, baseName: string): EncodePlan {
  const notes: string[] = [];
  const jobs: EncodeJob[] = [];
  if (source.video !== null && preset.layers.length > 0) {
    const { video } = source;
    const layers = fitLadder(preset, video);
    const dropped = preset.layers.length - layers.length;
    if (dropped > 0) notes.push(`${dropped} of ${preset.layers.length} qualities are above the source (${video.width}x${video.height}) and left out`);
    if (video.variable) notes.push('variable frame rate: time stamps are kept, key frames are placed by time');
    jobs.push(...layers.map((layer) => videoJob(video, layer, preset, baseName)));
  }
  if (preset.audio !== null) jobs.push(...source.audio.map((audio, i) => audioJob(audio, i, preset, baseName)));
  if (jobs.length === 0) throw new IsomerError('ISOMER_ENCODE_INPUT', { what: `preset ${preset.name}`, expected: 'something in the source to encode', found: source.video === null ? 'audio only' : 'video only' });
  const names = new Set<string>();
  for (const { file } of jobs) {
    if (names.has(file)) throw new IsomerError('ISOMER_ENCODE_PRESET', { what: 'filenamePattern', expected: 'a different name for every output', found: `${file} twice` });
    names.add(file);
  }
  return { jobs, notes };
}

/** Closed GOPs at fixed times in every quality; nothing else makes a key frame, so all qualities are aligned. */
function videoJob(video: SourceVideo, layer: Layer, preset: EncodePreset, baseName: string): EncodeJob {
  const { width, height } = fitSize(video, layer);
  const kbps = Math.round(layer.bitrate / 1000);
  const filters = [...(video.interlaced ? ['yadif'] : []), `scale=${width}:${height}:flags=bicubic`, 'setsar=1', 'format=yuv420p'];
  const gop = preset.gopSeconds;
  return {
    file: fileName(preset.filenamePattern, baseName, { Width: width, Height: height, Bitrate: kbps, Label: layer.label }, '.mp4'),
    kind: 'video',
    title: `${width}x${height} at ${kbps} kbit/s`,
    language: 'und',
    description: false,
    channels: 0,
    arguments: [
      ...['-map', `0:${video.index}`, '-an', '-sn', '-dn', '-vf', filters.join(',')],
      ...['-c:v', 'libx264', '-profile:v', layer.profile, '-preset', 'medium', '-b:v', `${kbps}k`, '-maxrate', `${Math.round(kbps * 1.1)}k`, '-bufsize', `${kbps * 5}k`],
      ...['-bf', String(layer.bFrames), '-refs', '3', '-sc_threshold', '0', '-flags', '+cgop'],
      ...['-g', String(Math.ceil(video.frameRate * gop * 4)), '-force_key_frames', `expr:gte(t,n_forced*${gop})`],
      ...(video.variable ? ['-fps_mode', 'vfr', '-video_track_timescale', '90000'] : ['-fps_mode', 'cfr', '-r', nominalRate(video.frameRate)]),
    ],
  };
}

function audioJob(audio: SourceAudio, index: number, preset: EncodePreset, baseName: string): EncodeJob {
  const { bitrate, sampleRate, channels: wanted } = preset.audio ?? { bitrate: 128_000, sampleRate: 48_000, channels: 2 };
  const channels = Math.min(wanted, audio.channels);
  const kbps = Math.round(bitrate / 1000);
  return {
    file: fileName('{Basename}_AACAudio_{Label}{Bitrate}{Extension}', baseName, { Bitrate: kbps, Label: `${audio.language}_${index + 1}_` }, '.mp4'),
    kind: 'audio',
    title: `${audio.title ?? audio.language}, ${channels} channels at ${kbps} kbit/s`,
    language: audio.language,
    description: audio.description,
    channels,
    arguments: [
      ...['-map', `0:${audio.index}`, '-vn', '-sn', '-dn', '-c:a', 'aac', '-b:a', `${kbps}k`, '-ar', String(sampleRate), '-ac', String(channels)],
      ...['-metadata:s:a:0', `language=${audio.language}`],
    ],
  };
}

/** The layer's box, filled as far as the source's shape allows, with even sides. */
function fitSize(video: SourceVideo, layer: Layer): { width: number; height: number } {
  const ratio = video.width / video.height;
  const height = evenFloor(Math.min(layer.height, video.height));
  if (layer.width !== null && height * ratio > layer.width) return { width: evenFloor(layer.width), height: evenFloor(layer.width / ratio) };
  return { width: Math.max(2, 2 * Math.round((height * ratio) / 2)), height };
}

/** Rates of ffprobe are decimals of these fractions. */
function nominalRate(rate: number): string {
  const base = Math.round(rate * 1.001);
  return Math.abs(rate - (base * 1000) / 1001) < 0.005 ? `${base * 1000}/1001` : String(Math.round(rate * 1000) / 1000);
}

const RESERVED = /[!*'();:@&=+$,/?%#[\]"\\\s]/g;

function fileName(pattern: string, baseName: string, values: Readonly<Record<string, string | number>>, extension: string): string {
  const all: Record<string, string | number> = { Basename: baseName.replace(RESERVED, '_').slice(0, 64), Extension: extension, Index: 1, ...values };
  return pattern.replace(/\{(\w+)\}/g, (whole, key: string) => {
    if (!(key in all)) throw new IsomerError('ISOMER_ENCODE_PRESET', { what: 'filenamePattern', expected: `only {${Object.keys(all).join('}, {')}}`, found: whole });
    return String(all[key]);
  });
}

/** What was encoded, as measured: bitrates of the elementary streams become the URLs' numbers. */
export type EncodedTrack = { readonly job: EncodeJob; readonly bitrate: number; readonly trackId: number };

/** A server manifest in the encoder's own form (spec/url.md, mapping of .ism). */
export function writeServerManifest(tracks: readonly EncodedTrack[]): string {
  const param = (name: string, value: string | number): string => `        <param name="${name}" value="${escape(String(value))}" valuetype="data" />`;
  const elements = tracks.map(({ job, bitrate, trackId }, i) => {
    const name = job.kind === 'video' ? 'video' : `aac_${job.language}_${job.channels}_${bitrate}_${trackId}_${i + 1}`;
    const extra = job.description ? [param('accessibility', 'description'), param('role', 'alternate')] : [];
    const params = [param('systemBitrate', bitrate), param('trackID', trackId), param('trackName', name), ...(job.kind === 'audio' ? [param('systemLanguage', job.language)] : []), ...extra];
    return `      <${job.kind} src="${escape(job.file)}" systemBitrate="${bitrate}"${job.kind === 'audio' ? ` systemLanguage="${job.language}"` : ''}>\n${params.join('\n')}\n      </${job.kind}>`;
  });
  return `<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<smil xmlns="http://www.w3.org/2001/SMIL20/Language">
  <head>
    <meta name="formats" content="mp4-v3" />
  </head>
  <body>
    <switch>
${elements.join('\n')}
    </switch>
  </body>
</smil>
`;
}

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
}
