/**
 * A set of renditions may hold some at half the picture rate (CMAF 7.3.4.1 leaves rates to the encoder), and each counts its own pictures. Here
 * readings of all of them come to the numbers of the fastest.
 */
import { COUNTER_MODULUS } from './marks.ts';
import type { FrameReading, Recording, SeekReading, SoundReading, Strides } from './model.ts';

type Read = { readonly recording: Recording; readonly seeks: readonly SeekReading[] };

export function atOneRate<T extends Read>(read: T, strides: Strides): T {
  if (Object.keys(strides).length === 0) return read;
  const { frames, sounds } = read.recording;
  return { ...read, recording: { ...read.recording, frames: spread(frames, strides), sounds: beside(sounds, frames, strides) }, seeks: read.seeks.map((seek) => sought(seek, strides)) };
}

/** A slow picture is all the fast ones that it stands for: the first when it comes, the others when it has been there. */
function spread(frames: readonly FrameReading[], strides: Strides): FrameReading[] {
  return frames.flatMap((reading, i): FrameReading[] => {
    const stride = strides[reading.rendition] ?? 1;
    const first = reading.counter * stride;
    const before = frames.at(i - 1);
    const known = i === 0 || before === undefined ? -1 : (before.counter + 1) * (strides[before.rendition] ?? 1) - 1;
    // At a switch it may stand for a picture that has been shown at the other rate.
    const hasBegun = before?.rendition !== reading.rendition && known >= first && known < first + stride;
    const own = hasBegun ? { ...reading, counter: known, mediaTime: null } : { ...reading, counter: first };
    const next = frames.at(i + 1);
    if (next?.rendition === reading.rendition && next.counter === reading.counter) return [own];
    const rest = Array.from({ length: first + stride - 1 - own.counter }, (_, j) => ({ ...own, counter: own.counter + 1 + j, mediaTime: null }));
    return [own, ...rest];
  });
}

/** Of a sound it is known which picture was last on show, not which rendition's. */
function beside(sounds: readonly SoundReading[], frames: readonly FrameReading[], strides: Strides): SoundReading[] {
  let next = 0;
  return sounds.map((sound) => {
    while (next < frames.length && frames[next].at <= sound.at) next++;
    const shown = frames.at(Math.max(0, next - 1));
    return sound.counter === null || shown === undefined ? sound : { ...sound, counter: sound.counter * (strides[shown.rendition] ?? 1) };
  });
}

function sought(seek: SeekReading, strides: Strides): SeekReading {
  if (seek.counter === null || seek.rendition === null) return seek;
  const stride = strides[seek.rendition] ?? 1;
  const first = seek.counter * stride;
  const due = seek.frame % COUNTER_MODULUS;
  return { ...seek, counter: due >= first && due < first + stride ? due : first };
}
