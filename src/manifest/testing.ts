/** Presentations for the tests of this room: the golden asset, and parts to vary it with. */
import type { AudioCodec, VideoCodec } from '../model/codec.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import { constantTable } from '../model/testing.ts';
import { timelineOf } from '../model/timeline.ts';
import type { ManifestParameters } from './common.ts';
import type { Sizes } from './rates.ts';

export function parametersOf(format: string, more: Partial<ManifestParameters> = {}): ManifestParameters {
  return { format, extra: [], audioOnly: false, ...more };
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Boundaries every `step` of `total` units of `unit` ticks each. */
export function boundariesOf(total: number, step: number, unit: number, start = 0): BigInt64Array {
  const count = Math.ceil(total / step);
  return BigInt64Array.from({ length: count + 1 }, (_, i) => BigInt(start + Math.min(i * step, total) * unit));
}

export function cutsOf(total: number, step: number): Uint32Array {
  return Uint32Array.from({ length: Math.ceil(total / step) + 1 }, (_, i) => Math.min(i * step, total));
}

export function avcCodec(profile: string, width: number, height: number, parameterSets: readonly Uint8Array[] = []): VideoCodec {
  return {
    kind: 'video',
    family: 'avc',
    sampleEntry: 'avc1',
    rfc6381: `avc1.${profile}`,
    width,
    height,
    sampleAspectRatio: { numerator: 1, denominator: 1 },
    parameterSets,
    nalLengthSize: 4,
    videoRange: 'SDR',
  };
}

export function hevcCodec(width: number, height: number): VideoCodec {
  return { ...avcCodec('', width, height), family: 'hevc', sampleEntry: 'hev1', rfc6381: 'hev1.2.4.L120.90', videoRange: 'PQ' };
}

export function aacCodec(config = '1190', more: Partial<AudioCodec> = {}): AudioCodec {
  return { kind: 'audio', family: 'aac', sampleEntry: 'mp4a', rfc6381: 'mp4a.40.2', sampleRate: 48000, channels: 2, config: bytesOf(config), ...more };
}

/** dec3 of 5.1 at 384 kbit/s; the two bytes more say joint object coding of complexity 16. */
export function eac3Codec(objects = false): AudioCodec {
  return aacCodec(objects ? '0c00200f000110' : '0c00200f00', { family: 'eac3', sampleEntry: 'ec-3', rfc6381: 'ec-3', channels: 6 });
}

export const PICTURES = 2107;
export const PICTURES_PER_SEGMENT = 180;
export const AUDIO_FRAMES = 3296;
export const AUDIO_FRAMES_PER_SEGMENT = 282;

export function videoTrack(bitrate: number, codec: VideoCodec): Track {
  return {
    bitrate,
    codec,
    timescale: 30000,
    sampleEntry: new Uint8Array(),
    samples: constantTable(PICTURES, 1001, 60),
    cuts: cutsOf(PICTURES, PICTURES_PER_SEGMENT),
    frameRate: { numerator: 30000, denominator: 1001 },
    inBandSets: false,
    source: `${bitrate}.mp4`,
  };
}

export function audioTrack(bitrate: number, codec: AudioCodec): Track {
  return {
    bitrate,
    codec,
    timescale: 48000,
    sampleEntry: new Uint8Array(),
    samples: { ...constantTable(AUDIO_FRAMES, 1024, 1), sync: null },
    cuts: cutsOf(AUDIO_FRAMES, AUDIO_FRAMES_PER_SEGMENT),
    frameRate: null,
    inBandSets: false,
    source: `${bitrate}.mp4`,
  };
}

export function videoSet(tracks: readonly Track[], more: Partial<SwitchingSet> = {}): SwitchingSet {
  return {
    name: 'video',
    kind: 'video',
    language: 'und',
    label: null,
    roles: [],
    accessibility: [],
    timeline: timelineOf(boundariesOf(PICTURES, PICTURES_PER_SEGMENT, 1001), 30000),
    tracks,
    ...more,
  };
}

export function audioSet(name: string, tracks: readonly Track[], more: Partial<SwitchingSet> = {}): SwitchingSet {
  return {
    name,
    kind: 'audio',
    language: 'eng',
    label: null,
    roles: [],
    accessibility: [],
    timeline: timelineOf(boundariesOf(AUDIO_FRAMES, AUDIO_FRAMES_PER_SEGMENT, 1024), 48000),
    tracks,
    ...more,
  };
}

export function presentationOf(...switchingSets: readonly SwitchingSet[]): Presentation {
  return { asset: 'ignite', version: '1', switchingSets };
}

/** Bitrate, size and CodecPrivateData of the golden asset's qualities. */
const QUALITIES: readonly (readonly [bitrate: number, profile: string, width: number, height: number, sets: string])[] = [
  [3579827, '640020', 1280, 720, '67640020ACD9405005BB011000003E90000EA600F18319600000000168EBECB22C'],
  [2217354, '64001f', 960, 540, '6764001FACD940F0117EF01100000303E90000EA600F1831960000000168EBECB22C'],
  [1154816, '64001e', 640, 360, '6764001EACD940A02FF9701100000303E90000EA600F162D960000000168EBECB22C'],
  [721495, '640015', 480, 270, '67640015ACD941E08FEB011000003E90000EA600F162D9600000000168EBECB22C'],
  [381048, '64000d', 320, 180, '6764000DACD941419F9F011000003E90000EA600F14299600000000168EBECB22C'],
];

export const GOLDEN_AUDIO = 'aac_eng_2_128041_2_1';

export function goldenVideo(): SwitchingSet {
  return videoSet(QUALITIES.map(([bitrate, profile, width, height, sets]) => videoTrack(bitrate, avcCodec(profile, width, height, sets.split('00000001').map(bytesOf)))));
}

export function goldenAudio(more: Partial<SwitchingSet> = {}): SwitchingSet {
  return audioSet(GOLDEN_AUDIO, [audioTrack(128041, aacCodec())], more);
}

export function goldenPresentation(): Presentation {
  return presentationOf(goldenAudio(), goldenVideo());
}

export function descriptionSet(): SwitchingSet {
  return audioSet('aac_eng_audio_description', [audioTrack(128000, aacCodec())], { roles: ['alternate'], accessibility: ['description'] });
}

/** Segments of exactly the track's bitrate, plus 100 bytes of headers; key frames of a fifth of a second's bits. */
export const NOMINAL_SIZES: Sizes = {
  segmentBytes: ({ bitrate, cuts, codec }, segment) => {
    const samples = cuts[segment + 1] - cuts[segment];
    const seconds = codec.kind === 'video' ? (samples * 1001) / 30000 : (samples * 1024) / 48000;
    return Math.ceil((bitrate * seconds) / 8) + 100;
  },
  keyFrameBytes: ({ bitrate }) => Math.ceil(bitrate / 40) + 100,
};
