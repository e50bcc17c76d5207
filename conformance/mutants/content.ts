/** What the specimen holds: two qualities of one video and one audio track, made by rule, with the truth about them. */
import { createHash } from 'node:crypto';
import type { Truth } from '../../spec/truth.ts';
import { normalisedHash, shortHash, truthView, type TruthView } from '../oracle/truth.ts';
import { nalSample, u8 } from './bytes.ts';
import { TEXT_TRUTH } from './text.ts';

export const ASSET = 'specimen';
export const VIDEO_TIMESCALE = 30_000;
export const FRAME = 1001;
export const FRAMES_PER_SEGMENT = 60;
export const SEGMENTS = 3;
export const AUDIO_RATE = 48_000;
export const AUDIO_FRAME = 1024;
/** ceil(2.002 s / 21.33 ms) */
export const AUDIO_PER_SEGMENT = 94;
export const AUDIO_FRAMES = 270;
/** Encoder priming that the edit list removes. */
export const PRIMING = 1;
export const AUDIO_NAME = 'aac_eng_2_64000_1_1';
export const AUDIO_BITRATE = 64_000;
export const AUDIO_CONFIG = Buffer.from('1190', 'hex');

/** Parameter sets of real encodes: 1280x720 and 640x360, High profile. */
export const QUALITIES = [
  { bitrate: 120_000, width: 1280, height: 720, frameBytes: 480, sps: Buffer.from('67640020ACD9405005BB011000003E90000EA600F1831960', 'hex'), pps: Buffer.from('68EBECB22C', 'hex') },
  { bitrate: 60_000, width: 640, height: 360, frameBytes: 230, sps: Buffer.from('6764001EACD940A02FF9701100000303E90000EA600F162D96', 'hex'), pps: Buffer.from('68EBECB22C', 'hex') },
] as const;
export type Quality = (typeof QUALITIES)[number];

export type Sample = { readonly units: readonly Buffer[]; readonly bytes: Buffer; readonly duration: number; readonly composition: number; readonly sync: boolean; readonly time: number };

/** Bytes that look random and are always the same; none is 0, so no start code can occur by chance. */
function filler(seed: string, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; 32 * blocks.length < length; i++) blocks.push(createHash('sha256').update(`${seed} ${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length).map((byte) => byte | 1) as Buffer;
}

/** Display positions of a group of four in decoding order: one reference ahead, then the pictures between. */
const REORDER = [0, 3, 1, 2];

/** Presented one frame after decoding in order; composition offsets are relative to the first picture, so they may be negative. */
export function videoSamples({ bitrate, frameBytes }: Quality): readonly Sample[] {
  return Array.from({ length: FRAMES_PER_SEGMENT * SEGMENTS }, (_, i) => {
    const sync = i % FRAMES_PER_SEGMENT === 0;
    const display = i - (i % 4) + REORDER[i % 4];
    const unit = Buffer.concat([u8(sync ? 0x65 : 0x41), filler(`${bitrate} ${i}`, sync ? 4 * frameBytes : frameBytes)]);
    return { units: [unit], bytes: nalSample(unit), duration: FRAME, composition: (display - i) * FRAME, sync, time: display * FRAME };
  });
}

/** The first frame is priming: it ends at 0. */
export function audioSamples(): readonly Sample[] {
  return Array.from({ length: AUDIO_FRAMES + PRIMING }, (_, i) => {
    const bytes = filler(`audio ${i}`, 150 + (i % 40));
    return { units: [], bytes, duration: AUDIO_FRAME, composition: 0, sync: true, time: (i - PRIMING) * AUDIO_FRAME };
  });
}

export function specimenTruth(): TruthView {
  const common = { label: null, roles: [], accessibility: [], pictures: null, pilot: null };
  const video = QUALITIES.map((quality): Truth['tracks'][number] => {
    const samples = videoSamples(quality);
    return {
      ...common,
      file: `video-${quality.bitrate}.mp4`,
      trackId: 1,
      kind: 'video',
      name: 'video',
      bitrate: quality.bitrate,
      language: '',
      codec: { sampleEntry: 'avc1', rfc6381: `avc1.${quality.sps.toString('hex', 1, 4)}`, width: quality.width, height: quality.height, frameRate: [30_000, 1001], sampleRate: null, channels: null, config: '', parameterSets: [quality.sps.toString('hex'), quality.pps.toString('hex')] },
      timescale: VIDEO_TIMESCALE,
      samples: columns(samples, (sample) => normalisedHash(sample.bytes, 4, 'avc') ?? ''),
      sync: samples.flatMap(({ sync }, i) => (sync ? [i] : [])),
      editedOut: 0,
    };
  });
  const audio: Truth['tracks'][number] = {
    ...common,
    file: 'audio.mp4',
    trackId: 1,
    kind: 'audio',
    name: AUDIO_NAME,
    bitrate: AUDIO_BITRATE,
    language: 'eng',
    roles: ['alternate'],
    accessibility: ['description'],
    codec: { sampleEntry: 'mp4a', rfc6381: 'mp4a.40.2', width: null, height: null, frameRate: null, sampleRate: AUDIO_RATE, channels: 2, config: '1190', parameterSets: [] },
    timescale: AUDIO_RATE,
    samples: columns(audioSamples(), null),
    sync: null,
    editedOut: PRIMING,
  };
  return truthView({ schema: 'isomer-truth/1', asset: ASSET, title: 'Specimen', class: 'bitstream-written', manifest: 'specimen.ism', tracks: [audio, ...video], texts: [TEXT_TRUTH] }, '/');
}

function columns(samples: readonly Sample[], normalised: ((sample: Sample) => string) | null): Truth['tracks'][number]['samples'] {
  return {
    size: samples.map(({ bytes }) => bytes.length),
    raw: samples.map(({ bytes }) => shortHash(bytes)),
    normalised: normalised === null ? null : samples.map(normalised),
    dts: samples.map(({ duration }, i) => i * duration),
    duration: samples.map(({ duration }) => duration),
    composition: samples.map(({ composition }) => composition),
    pt: samples.map(({ time }) => time),
  };
}
