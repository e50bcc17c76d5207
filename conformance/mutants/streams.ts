/** Transport stream segments of the specimen. */
import { adts, annexB, u8 } from './bytes.ts';
import { AUDIO_RATE, FRAME, VIDEO_TIMESCALE, type Quality, type Sample } from './content.ts';
import { AUDIO_PID, transportSegment, VIDEO_PID, type Counters, type PesUnit } from './transport.ts';

const BASE = 900_000;
const VIDEO = { pid: VIDEO_PID, type: 0x1b };
const AUDIO = { pid: AUDIO_PID, type: 0x0f, language: 'eng' };
const DELIMITER = u8(0x09, 0xf0);
/** Reordering needs decoding this many frames before presentation. */
const DELAY = 2;
const FRAMES_PER_PES = 4;

function stampOf(ticks: number, timescale: number): number {
  return BASE + Math.floor((2 * ticks * 90_000 + timescale) / (2 * timescale));
}

function videoUnits(samples: readonly Sample[], { sps, pps }: Quality): PesUnit[] {
  return samples.map(({ units, sync, time, composition }) => {
    const pts = stampOf(time, VIDEO_TIMESCALE);
    const data = annexB(DELIMITER, ...(sync ? [sps, pps] : []), ...units);
    return { pid: VIDEO_PID, streamId: 0xe0, pts, dts: stampOf(time - composition - DELAY * FRAME, VIDEO_TIMESCALE), data, randomAccess: sync };
  });
}

function audioUnits(samples: readonly Sample[]): PesUnit[] {
  return Array.from({ length: Math.ceil(samples.length / FRAMES_PER_PES) }, (_, i) => {
    const frames = samples.slice(i * FRAMES_PER_PES, (i + 1) * FRAMES_PER_PES);
    const pts = stampOf(frames[0].time, AUDIO_RATE);
    return { pid: AUDIO_PID, streamId: 0xc0, pts, dts: pts, data: Buffer.concat(frames.map(({ bytes }) => adts(bytes))), randomAccess: true };
  });
}

export function videoTransport(samples: readonly Sample[], quality: Quality, counters: Counters): Buffer {
  return transportSegment(videoUnits(samples, quality), [VIDEO], counters);
}

export function audioTransport(samples: readonly Sample[], counters: Counters): Buffer {
  return transportSegment(audioUnits(samples), [AUDIO], counters);
}

export function muxedTransport(samples: readonly Sample[], quality: Quality, sound: readonly Sample[], counters: Counters): Buffer {
  const units = [...videoUnits(samples, quality), ...audioUnits(sound)].toSorted((a, b) => a.dts - b.dts);
  return transportSegment(units, [VIDEO, AUDIO], counters);
}

export function keyFrameTransport(sample: Sample, quality: Quality): Buffer {
  return transportSegment(videoUnits([sample], quality), [VIDEO], new Map());
}

