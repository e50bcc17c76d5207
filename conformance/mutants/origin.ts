/**
 * The good specimen: an origin in memory that serves one asset in all six outputs and answers every probe as it has to. Mutants
 * change one thing about it.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Answer, Ask } from '../capture/request.ts';
import { aacEntry, avcConfiguration, fragment, initSegment, visualEntry } from './bytes.ts';
import {
  ASSET,
  AUDIO_BITRATE,
  AUDIO_CONFIG,
  AUDIO_NAME,
  AUDIO_PER_SEGMENT,
  AUDIO_RATE,
  audioSamples,
  FRAME,
  FRAMES_PER_SEGMENT,
  PRIMING,
  QUALITIES,
  videoSamples,
  VIDEO_TIMESCALE,
  type Quality,
  type Sample,
} from './content.ts';
import { mpdCmaf, mpdCsf, multivariant, mediaPlaylist, keyFramePlaylist, smoothManifest, type Listing } from './manifests.ts';
import { TEXT_BITRATE, TEXT_NAME, textFragment, textHeader, webVttSegment } from './text.ts';
import { audioTransport, keyFrameTransport, muxedTransport, videoTransport } from './streams.ts';

export type Resource = { body: Buffer; headers: Record<string, string>; status: number };

/** Paths below `…/specimen.ism/`. */
export type Origin = { readonly resources: Map<string, Resource>; readonly overrides: ((path: string, method: string, headers: Readonly<Record<string, string>>) => Answer | null)[]; readonly ask: Ask; readonly ism: string };

export const HNS = 10_000_000;
const HOST = 'http://127.0.0.1:1';

/** 100-ns units, floored. */
export function hns(ticks: number, timescale: number): bigint {
  return (BigInt(ticks) * BigInt(HNS)) / BigInt(timescale);
}

/** Samples of one segment with the times that fragments carry. */
function segmentSamples(samples: readonly Sample[], timescale: number, scaled: boolean): { time: bigint; samples: { bytes: Buffer; duration: number; composition: number; sync: boolean }[] } {
  const tick = (value: number): number => (scaled ? Number(hns(value, timescale)) : value);
  const start = Math.min(...samples.map(({ time }) => time));
  let decode = start;
  const list = samples.map(({ bytes, duration, sync, time }) => {
    const from = tick(decode);
    const composition = tick(time) - from;
    decode += duration;
    return { bytes, duration: tick(decode) - from, composition, sync };
  });
  return { time: BigInt(tick(start)), samples: list };
}

export function goodOrigin(): Origin {
  const resources = new Map<string, Resource>();
  const put = (path: string, type: string, body: Buffer | string): void => {
    const bytes = Buffer.from(body);
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`;
    resources.set(path, {
      body: bytes,
      status: 200,
      headers: { 'content-type': type, 'content-length': String(bytes.length), etag, 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Content-Length, Content-Range, Date, ETag', 'cache-control': 'public, max-age=259200', 'x-content-type-options': 'nosniff' },
    });
  };
  const videos = QUALITIES.map((quality) => ({ quality, samples: videoSamples(quality) }));
  const audio = audioSamples().slice(PRIMING);
  const videoCuts = cut(videos[0].samples, FRAMES_PER_SEGMENT);
  const audioCuts = cut(audio, AUDIO_PER_SEGMENT);
  const videoNames = names(videoCuts, VIDEO_TIMESCALE);
  const audioNames = names(audioCuts, AUDIO_RATE);

  for (const { quality, samples } of videos) putTrack(put, 'video', quality.bitrate, VIDEO_TIMESCALE, cut(samples, FRAMES_PER_SEGMENT), 'video', quality);
  putTrack(put, AUDIO_NAME, AUDIO_BITRATE, AUDIO_RATE, audioCuts, 'audio', null);
  putText(put, videoNames);

  const size = (path: string): number => resources.get(path)?.body.length ?? 0;
  const listing: Listing = { videoNames, audioNames, keyNames: videoNames.slice(0, -1), size };
  putTransports(put, videos, audio, videoNames, audioNames);
  put('manifest(format=mpd-time-csf)', 'application/dash+xml', mpdCsf(listing));
  put('manifest(format=mpd-time-cmaf)', 'application/dash+xml', mpdCmaf(listing));
  put('manifest', 'application/vnd.ms-sstr+xml', smoothManifest(listing));
  const hls = 'application/vnd.apple.mpegurl';
  for (const format of ['m3u8-aapl-v3', 'm3u8-aapl', 'm3u8-cmaf'] as const) {
    for (const { bitrate } of QUALITIES) {
      put(`QualityLevels(${bitrate})/Manifest(video,format=${format}${format === 'm3u8-aapl-v3' ? `,audiotrack=${AUDIO_NAME}` : ''})`, hls, mediaPlaylist(listing, format, 'video'));
      if (format !== 'm3u8-aapl-v3') put(`QualityLevels(${bitrate})/Manifest(video,format=${format},type=keyframes)`, hls, keyFramePlaylist(listing, format));
    }
    put(`QualityLevels(${AUDIO_BITRATE})/Manifest(${AUDIO_NAME},format=${format})`, hls, mediaPlaylist(listing, format, 'audio'));
    put(`QualityLevels(${TEXT_BITRATE})/Manifest(${TEXT_NAME},format=${format})`, hls, mediaPlaylist(listing, format, 'text'));
    put(`manifest(format=${format})`, hls, multivariant(listing, format));
  }
  const overrides: Origin['overrides'] = [];
  return { resources, overrides, ism: `${HOST}/${ASSET}/specimen.ism`, ask: (url, method, headers) => Promise.resolve(answer(resources, overrides, url, method, headers)) };
}

type Put = (path: string, type: string, body: Buffer | string) => void;

function cut<T>(samples: readonly T[], count: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(samples.length / count) }, (_, i) => samples.slice(i * count, (i + 1) * count));
}

/** Names of the segments, and the end. */
function names(cuts: readonly (readonly Sample[])[], timescale: number): readonly bigint[] {
  const starts = cuts.map((samples) => Math.min(...samples.map(({ time }) => time)));
  const last = cuts[cuts.length - 1];
  return [...starts, starts[starts.length - 1] + last.reduce((sum, { duration }) => sum + duration, 0)].map((ticks) => hns(ticks, timescale));
}

/** All fMP4 forms of one track. */
function putTrack(put: Put, name: string, bitrate: number, timescale: number, cuts: readonly (readonly Sample[])[], kind: 'video' | 'audio', quality: Quality | null): void {
  const level = `QualityLevels(${bitrate})`;
  const entry = quality === null ? aacEntry(AUDIO_RATE, 2, AUDIO_CONFIG) : visualEntry('avc1', quality.width, quality.height, avcConfiguration(quality.sps, quality.pps));
  const facts = { kind, language: kind === 'audio' ? 'eng' : 'und', width: quality?.width ?? 0, height: quality?.height ?? 0, entry };
  const mime = `${kind}/mp4`;
  put(`${level}/Fragments(${name}=i,format=mpd-time-csf)`, mime, initSegment({ ...facts, brand: 'ccff', timescale: HNS }));
  for (const format of ['mpd-time-cmaf', 'm3u8-cmaf']) put(`${level}/Fragments(${name}=i,format=${format})`, mime, initSegment({ ...facts, brand: 'cmfc', timescale }));
  cuts.forEach((samples, i) => {
    const scaled = segmentSamples(samples, timescale, true);
    const own = segmentSamples(samples, timescale, false);
    const csf = fragment({ sequence: i + 1, ...scaled });
    const cmaf = fragment({ sequence: i + 1, ...own });
    put(`${level}/Fragments(${name}=${scaled.time},format=mpd-time-csf)`, mime, csf);
    const duration = BigInt(scaled.samples.reduce((sum, sample) => sum + sample.duration, 0));
    put(`${level}/Fragments(${name}=${scaled.time})`, mime, fragment({ sequence: i + 1, ...scaled, tfxd: { time: scaled.time, duration } }));
    for (const format of ['mpd-time-cmaf', 'm3u8-cmaf']) put(`${level}/Fragments(${name}=${scaled.time},format=${format})`, mime, cmaf);
    if (quality === null) return;
    const key = { ...own.samples[0], composition: 0, duration: FRAMES_PER_SEGMENT * FRAME };
    put(`${level}/KeyFrames(${name}=${scaled.time},format=m3u8-cmaf)`, mime, fragment({ sequence: i + 1, time: own.time, samples: [key] }));
  });
}

/** All forms of the text track, cut where the video is. */
function putText(put: Put, videoNames: readonly bigint[]): void {
  const at = (name: string, format: string): string => `QualityLevels(${TEXT_BITRATE})/Fragments(${TEXT_NAME}=${name}${format === '' ? '' : `,format=${format}`})`;
  const mime = 'application/mp4';
  put(at('i', 'mpd-time-csf'), mime, textHeader('ccff', HNS));
  for (const format of ['mpd-time-cmaf', 'm3u8-cmaf']) put(at('i', format), mime, textHeader('cmfc', HNS));
  videoNames.slice(0, -1).forEach((from, i) => {
    const to = videoNames[i + 1];
    for (const format of ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-cmaf']) put(at(String(from), format), mime, textFragment(i + 1, from, to, HNS, false));
    put(at(String(from), ''), mime, textFragment(i + 1, from, to, HNS, true));
    for (const format of ['m3u8-aapl', 'm3u8-aapl-v3']) put(at(String(from), format), 'text/vtt', webVttSegment(Number(from) / 10_000, Number(to) / 10_000));
  });
}

function putTransports(put: Put, videos: readonly { readonly quality: Quality; readonly samples: readonly Sample[] }[], audio: readonly Sample[], videoNames: readonly bigint[], audioNames: readonly bigint[]): void {
  for (const { quality, samples } of videos) {
    const level = `QualityLevels(${quality.bitrate})`;
    const muxed = new Map<number, number>();
    const alone = new Map<number, number>();
    cut(samples, FRAMES_PER_SEGMENT).forEach((part, i) => {
      const time = videoNames[i];
      const from = part[0].time / VIDEO_TIMESCALE;
      const to = i === videoNames.length - 2 ? Infinity : from + (FRAMES_PER_SEGMENT * FRAME) / VIDEO_TIMESCALE;
      const sound = audio.filter((frame) => frame.time / AUDIO_RATE >= from && frame.time / AUDIO_RATE < to);
      put(`${level}/Fragments(video=${time},format=m3u8-aapl-v3,audiotrack=${AUDIO_NAME})`, 'video/mp2t', muxedTransport(part, quality, sound, muxed));
      put(`${level}/Fragments(video=${time},format=m3u8-aapl)`, 'video/mp2t', videoTransport(part, quality, alone));
      put(`${level}/KeyFrames(video=${time},format=m3u8-aapl)`, 'video/mp2t', keyFrameTransport(part[0], quality));
    });
  }
  for (const format of ['m3u8-aapl', 'm3u8-aapl-v3']) {
    const counters = new Map<number, number>();
    cut(audio, AUDIO_PER_SEGMENT).forEach((part, i) => {
      put(`QualityLevels(${AUDIO_BITRATE})/Fragments(${AUDIO_NAME}=${audioNames[i]},format=${format})`, 'video/mp2t', audioTransport(part, counters));
    });
  }
}

/** Keywords as the resources have them: they are known in any case. */
function withKeywords(path: string): string {
  return path.replace(/^qualitylevels\(/i, 'QualityLevels(').replace(/\/fragments\(/i, '/Fragments(').replace(/^manifest(?=\(|$)/i, 'manifest');
}

const REFUSAL = Buffer.from('refused');

function answer(resources: Origin['resources'], overrides: Origin['overrides'], url: string, method: string, headers: Readonly<Record<string, string>>): Answer {
  const path = decodeURIComponent(new URL(url).pathname).replace(`/${ASSET}/specimen.ism/`, '');
  for (const override of overrides) {
    const changed = override(path, method, headers);
    if (changed !== null) return changed;
  }
  const refuse = (status: number): Answer => ({ status, headers: { 'access-control-allow-origin': '*' }, body: REFUSAL, error: null });
  const resource = resources.get(withKeywords(path));
  if (resource === undefined) return refuse(/format=m3u9/.test(path) ? 415 : /^(QualityLevels\(\d+\)\/)?(Fragments|KeyFrames|Manifest|manifest)(\(|$)/.test(path) ? 404 : 400);
  const { body, status } = resource;
  if (method === 'OPTIONS') return { status: 204, headers: { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, HEAD', 'access-control-allow-headers': 'range' }, body: Buffer.alloc(0), error: null };
  if (method === 'HEAD') return { status, headers: resource.headers, body: Buffer.alloc(0), error: null };
  if (headers['accept-encoding'] === 'gzip' && resource.headers['content-type'].endsWith('mpegurl')) return { status, headers: { ...resource.headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding', etag: resource.headers['etag'].replace(/"$/, '-gzip"'), 'content-length': String(gzipSync(body).length) }, body, error: null };
  if (headers['if-none-match'] === resource.headers['etag'] && headers['if-none-match'] !== undefined) return { status: 304, headers: resource.headers, body: Buffer.alloc(0), error: null };
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers['range'] ?? '');
  if (range === null) return { status, headers: resource.headers, body, error: null };
  const first = Number(range[1]);
  if (first >= body.length) return refuse(416);
  const last = range[2] === '' ? body.length - 1 : Math.min(Number(range[2]), body.length - 1);
  return { status: 206, headers: { ...resource.headers, 'content-range': `bytes ${first}-${last}/${body.length}` }, body: body.subarray(first, last + 1), error: null };
}

