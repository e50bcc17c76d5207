import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRight, judge, limitsOf } from './judge.ts';
import { readMark, STRIP_HEIGHT, STRIP_WIDTH } from './marks.ts';
import type { FrameReading, Recording, ReplayTruth, SoundReading } from './model.ts';
import { loudestTone, tonePower } from './tones.ts';

const RATE = 25;
const TRUTH: ReplayTruth = {
  frameRate: { num: RATE, den: 1 },
  first: 0,
  frames: 300,
  videoStart: 0,
  renditions: [1, 2],
  strides: {},
  pilots: [{ language: 'eng', hertz: 5000, start: 0 }, { language: 'fra', hertz: 6000, start: 0 }],
  secondTones: { first: 500, step: 100, count: 24 },
};
const LIMITS = limitsOf('chromium', 3);

/** Three flawless seconds from a picture on: each frame read once, a sound reading every 40 ms. */
function flawless(from = 0): Recording {
  const frames: FrameReading[] = [];
  const sounds: SoundReading[] = [];
  for (let n = from; n < from + 3 * RATE; n++) {
    const at = (n - from) * 40;
    frames.push({ at, counter: n % 4096, rendition: 1, clock: n / RATE, mediaTime: n / RATE });
    sounds.push({ at: at + 1, clock: n / RATE, counter: n % 4096, tone: 500 + 100 * (Math.floor(n / RATE) % 24), pilot: 5000 });
  }
  return {
    frames, sounds, cues: { known: [], active: [] }, unreadable: 0, reads: 600, events: [], clockStart: from / RATE, clockEnd: from / RATE + 3, startup: 100,
    size: { width: 320, height: 180 }, presented: 75, dropped: 0, duration: 12,
  };
}

function reasonsFor(recording: Recording, truth: ReplayTruth = TRUTH): string {
  return judge(recording, [], truth, LIMITS).verdict.reasons.join('\n');
}

function mapFrames(change: (frame: FrameReading, i: number) => FrameReading): Recording {
  const recording = flawless();
  return { ...recording, frames: recording.frames.map(change) };
}

function mapSounds(change: (sound: SoundReading, i: number) => SoundReading): Recording {
  const recording = flawless();
  return { ...recording, sounds: recording.sounds.map(change) };
}

/** Every other reading comes with the time of a later picture. */
function trailing(by: number): Recording {
  return mapFrames((frame, i) => ({ ...frame, mediaTime: (frame.counter + (i % 2) * by) / RATE }));
}

describe('a verdict comes from what was seen and heard', () => {
  test('a flawless replay passes', () => {
    const { observation, verdict } = judge(flawless(), [], TRUTH, LIMITS);
    expect(verdict).toEqual({ outcome: 'pass', reasons: [], maybeSlow: false });
    expect(observation).toMatchObject({ framesSeen: 75, framesExpected: 75, missing: [], offsets: { 0: 75 }, pilots: [5000], sync: { median: 0 } });
  });

  test('a counter that wraps passes', () => {
    expect(reasonsFor(flawless(4070), { ...TRUTH, frames: 5000 })).toBe('');
  });

  test('a clock without pictures fails', () => {
    expect(reasonsFor({ ...flawless(), frames: [], startup: null })).toContain("no picture could be read in 600 looks, while the player's clock moved by 3.0 s");
  });

  test('a picture that stands still while the clock runs fails', () => {
    expect(reasonsFor(mapFrames((frame) => ({ ...frame, counter: 3 })))).toMatch(/pictures 3 to 3 were shown; 75 in a row were wanted[^]*the timeline bends/);
  });

  test('a gap fails and is named', () => {
    const recording = flawless();
    const frames = recording.frames.filter((frame) => frame.counter < 20 || frame.counter > 29);
    expect(reasonsFor({ ...recording, frames, presented: 65 })).toContain('65 of 75 pictures were seen; missing 20-29');
    expect(reasonsFor({ ...recording, frames, presented: 68, dropped: 6 })).toContain('65 of 75 pictures were seen; missing 20-29');
  });

  test('pictures that the browser showed unread, or dropped, are neither a pass nor a fail', () => {
    const recording = flawless();
    const frames = recording.frames.filter((frame) => frame.counter < 20 || frame.counter > 29);
    for (const [presented, dropped] of [[75, 0], [65, 10], [70, 5]]) {
      expect(judge({ ...recording, frames, presented, dropped }, [], TRUTH, LIMITS).verdict).toMatchObject({ outcome: 'unclear', reasons: [expect.stringContaining('10 of 75')] });
    }
  });

  test('a slow machine does not excuse anything else', () => {
    const silent = mapSounds((sound) => ({ ...sound, tone: null, pilot: null }));
    expect(judge({ ...silent, frames: silent.frames.filter((frame) => frame.counter % 5 !== 0), presented: 75 }, [], TRUTH, LIMITS).verdict.outcome).toBe('fail');
  });

  test('one reading that raced with the next picture does not bend the timeline, four do', () => {
    const racing = (until: number) => mapFrames((frame) => ({ ...frame, mediaTime: (frame.counter - (frame.counter < until ? 1 : 0)) / RATE }));
    expect(reasonsFor(racing(1))).toBe('');
    expect(reasonsFor(racing(4))).toContain('the timeline bends');
    // Pictures that last one refresh of the screen race more often.
    const fast = (until: number) => judge(mapFrames((frame) => ({ ...frame, mediaTime: (frame.counter - (frame.counter < until ? 1 : 0)) / 50 })), [], { ...TRUTH, frameRate: { num: 50, den: 1 }, pilots: [] }, limitsOf('chromium', 1)).verdict.outcome;
    expect([fast(18), fast(20)]).toEqual(['pass', 'fail']);
    // A stream that bends does so again.
    expect(judge(racing(20), [], TRUTH, LIMITS).verdict).toMatchObject({ outcome: 'fail', maybeSlow: true });
  });

  test('in Firefox two readings of a browser that was held up do not bend the timeline, six are asked for again, and early ones fail', () => {
    const limits = limitsOf('firefox', 3);
    const late = (until: number, by: number) => judge({ ...mapFrames((frame) => ({ ...frame, mediaTime: (frame.counter + (frame.counter >= 30 && frame.counter < until ? by : 0)) / RATE })), presented: 90 }, [], TRUTH, limits).verdict;
    expect(late(32, 8).outcome).toBe('pass');
    expect(late(36, 8)).toMatchObject({ outcome: 'fail', maybeSlow: true });
    expect(late(36, -8)).toMatchObject({ outcome: 'fail', maybeSlow: false });
  });

  test('where pictures may go back at a switch, the reading of that moment says nothing of the timeline', () => {
    const frames = flawless().frames.toSpliced(40, 0, { ...flawless().frames[38], mediaTime: 36 / RATE });
    expect(judge({ ...flawless(), frames }, [], TRUTH, LIMITS, ['backwards']).verdict.outcome).toBe('pass');
    expect(judge({ ...flawless(), frames: frames.map((frame) => (frame.counter > 50 ? { ...frame, mediaTime: (frame.counter - 3) / RATE } : frame)) }, [], TRUTH, LIMITS, ['backwards']).verdict.reasons.join()).toContain('the timeline bends');
  });

  test('a player may rebase by two pictures, of the slowest rendition', () => {
    const off = (by: number, strides: ReplayTruth['strides']) => reasonsFor(mapFrames((frame) => ({ ...frame, mediaTime: (frame.counter + by) / RATE })), { ...TRUTH, strides });
    expect([off(2, {}), off(4, { 1: 2 })]).toEqual(['', '']);
    expect(off(4, {})).toContain('pictures were shown 4 frames off');
    expect(off(6, { 1: 2 })).toContain('pictures were shown 6 frames off');
  });

  test('two readings off their time fail and are asked for again, three only fail', () => {
    const off = (until: number) => judge(mapFrames((frame) => ({ ...frame, mediaTime: (frame.counter - (frame.counter >= 30 && frame.counter < until ? 3 : 0)) / RATE })), [], TRUTH, LIMITS).verdict;
    expect(off(32)).toMatchObject({ outcome: 'fail', maybeSlow: true });
    expect(off(33)).toMatchObject({ outcome: 'fail', maybeSlow: false });
  });

  test('a single lost picture is the harness, not the stream', () => {
    const recording = flawless();
    expect(reasonsFor({ ...recording, frames: recording.frames.filter((frame) => frame.counter !== 20) })).toBe('');
  });

  test('a swapped segment fails: other pictures at the right times', () => {
    expect(reasonsFor(mapFrames((frame) => (frame.counter < 50 ? frame : { ...frame, counter: frame.counter + 50 })))).toContain('between -50 and 0 frames off');
  });

  test('a picture shown after a later one fails', () => {
    expect(reasonsFor(mapFrames((frame) => (frame.counter === 40 ? { ...frame, counter: 37, mediaTime: null } : frame)))).toContain('picture 37 was shown after picture 39');
  });

  test('a timeline that starts five frames late fails, two frames pass', () => {
    expect(reasonsFor(mapFrames((frame) => ({ ...frame, mediaTime: (frame.counter + 5) / RATE })))).toContain('5 frames off');
    expect(reasonsFor(mapFrames((frame) => ({ ...frame, mediaTime: (frame.counter + 2) / RATE })))).toBe('');
  });

  test('a picture of another asset fails', () => {
    expect(reasonsFor(mapFrames((frame) => ({ ...frame, rendition: 7 })))).toContain('rendition 7 was shown');
    expect(reasonsFor(flawless(), { ...TRUTH, frames: 70 })).toContain('picture 70 was shown; the last one there is has the number 69');
    expect(reasonsFor(flawless(), { ...TRUTH, first: 30 })).toContain('picture 0 was shown; the first one there is has the number 30');
  });

  test('silence fails', () => {
    expect(reasonsFor(mapSounds((sound) => ({ ...sound, tone: null, pilot: null })))).toContain('marked sound was heard in 0 of 75 moments');
    expect(reasonsFor({ ...flawless(), sounds: [] })).toContain('marked sound was heard in 0 of 0 moments');
  });

  test('sound of another second fails', () => {
    expect(reasonsFor(mapSounds((sound) => ({ ...sound, tone: (sound.tone ?? 0) + 500 })))).toContain('belonged to another second');
  });

  test('sound 240 ms late fails, although most tones are right', () => {
    const late = mapSounds((sound, i) => ({ ...sound, tone: 500 + 100 * Math.max(0, Math.floor((i - 6) / RATE)) }));
    expect(reasonsFor(late)).toContain('the picture was 240 ms ahead of the sound');
  });

  test('sound that is due later is judged by its own start', () => {
    const later = mapSounds((sound, i) => (i < 19 ? { ...sound, tone: null, pilot: null } : { ...sound, tone: 500 + 100 * Math.floor((i - 18.75) / RATE) }));
    const delayed = { ...TRUTH, pilots: [{ language: 'eng', hertz: 5000, start: 0.75 }] };
    expect(reasonsFor(later, delayed)).toBe('');
    expect(reasonsFor(later)).toContain('belonged to another second');
    expect(reasonsFor(flawless(), delayed)).toContain('belonged to another second');
  });

  test('another language than the asset has, and a change of language, fail', () => {
    expect(reasonsFor(mapSounds((sound) => ({ ...sound, pilot: 7000 })))).toContain('pilot 7000 Hz was heard');
    expect(reasonsFor(mapSounds((sound, i) => ({ ...sound, pilot: i < 30 ? 5000 : 6000 })))).toContain('the audio track changed unasked: pilots 5000, 6000 Hz');
  });

  test('an error the player reports and a stall fail', () => {
    const error = { at: 900, name: 'error', text: 'decode', fatal: true };
    expect(reasonsFor({ ...flawless(), events: [error] })).toContain('the player reported: decode');
    expect(reasonsFor({ ...flawless(), events: [{ ...error, at: 1, name: 'playing', fatal: false }, { ...error, name: 'waiting', fatal: false }] })).toContain('playback stalled 1 times');
  });

  test('waiting before playback has started, or for a seek, is no stall', () => {
    const event = (at: number, name: string) => ({ at, name, text: '', fatal: false });
    const events = [event(1, 'waiting'), event(5, 'playing'), event(9, 'seeking'), event(10, 'waiting'), event(40, 'seeked'), event(41, 'playing')];
    expect(reasonsFor({ ...flawless(), events })).toBe('');
  });

  test('only what a busy machine can cause is worth asking again', () => {
    const { frames, ...rest } = flawless();
    const verdict = (recording: Recording) => judge(recording, [], TRUTH, LIMITS).verdict;
    expect(verdict({ ...rest, frames: frames.filter((frame) => frame.counter % 10 !== 5), presented: 67 })).toMatchObject({ outcome: 'fail', maybeSlow: true });
    expect(verdict({ ...rest, frames: frames.filter((frame) => frame.counter < 20 || frame.counter > 40), presented: 54 })).toMatchObject({ outcome: 'fail', maybeSlow: true });
    expect(verdict({ ...rest, frames: frames.map((frame) => ({ ...frame, rendition: frame.counter % 10 === 5 ? 9 : 1 })) })).toMatchObject({ outcome: 'fail', maybeSlow: false });
  });

  test('a seek that lands on another picture fails', () => {
    const seeks = [{ frame: 100, counter: 100, rendition: 1 }, { frame: 150, counter: 149, rendition: 1 }, { frame: 200, counter: null, rendition: null }];
    expect(judge(flawless(), seeks, TRUTH, LIMITS).verdict.reasons).toEqual(['2 of 3 seeks showed another picture than the one due']);
  });

  test('in Firefox a picture may trail its time by one frame, not by two', () => {
    expect(judge(trailing(1), [], TRUTH, limitsOf('firefox', 3)).verdict.outcome).toBe('pass');
    expect(judge(trailing(1), [], TRUTH, LIMITS).verdict.outcome).toBe('fail');
    expect(judge(trailing(2), [], TRUTH, limitsOf('firefox', 3)).verdict.outcome).toBe('fail');
  });

  test('in Firefox the picture that is read beside a sound may be the one before, and no more than that', () => {
    const late = (milliseconds: number, limits = limitsOf('firefox', 3)) => judge(mapSounds((sound) => ({ ...sound, counter: sound.counter === null ? null : Math.max(0, sound.counter - Math.round((milliseconds / 1000) * RATE)) })), [], TRUTH, limits).verdict.reasons.join();
    expect([late(80), late(80, LIMITS)].map((text) => text.includes('ahead of the sound'))).toEqual([false, true]);
    expect(late(160)).toContain('ahead of the sound');
  });

  test('in Firefox it is one picture of the slowest rendition, also where two kinds of readings alternate', () => {
    const truth = { ...TRUTH, strides: { 1: 2 } };
    expect(judge(trailing(2), [], truth, limitsOf('firefox', 3)).verdict.outcome).toBe('pass');
    expect(judge(trailing(4), [], truth, limitsOf('firefox', 3)).verdict.outcome).toBe('fail');
    // Of a slow picture, 41 is the second half; the reading behind it still finds the one before.
    const { frames } = flawless();
    const back = (to: number) => judge({ ...flawless(), frames: frames.toSpliced(42, 0, { ...frames[to], mediaTime: null }) }, [], truth, limitsOf('firefox', 3)).observation.backwards;
    expect([back(38), back(37)]).toEqual([[], [[41, 37]]]);
  });

  test('audio alone is judged by the clock', () => {
    const audioOnly: ReplayTruth = { ...TRUTH, frameRate: null, frames: 0, renditions: [] };
    const recording = mapSounds((sound) => ({ ...sound, counter: null }));
    expect(reasonsFor({ ...recording, frames: [] }, audioOnly)).toBe('');
  });
});

function draw(bits: number, on = 255, off = 0, complement = true): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(STRIP_WIDTH * STRIP_HEIGHT * 4).fill(128);
  for (let y = 0; y < STRIP_HEIGHT; y++) {
    for (let x = 0; x < STRIP_WIDTH; x++) {
      const bit = ((bits >> (15 - (x >> 2))) & 1) === 1;
      rgba[(y * STRIP_WIDTH + x) * 4 + 1] = (y >= 4 && complement ? !bit : bit) ? on : off;
    }
  }
  return rgba;
}

describe('marks', () => {
  test('every word is read back', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 0xffff }), (bits) => {
      expect(readMark(draw(bits))).toEqual({ rendition: bits >> 12, counter: bits & 0xfff, margin: 255 });
    }));
  });

  test('a black picture, a grey one and one without its complement are nothing', () => {
    expect(readMark(draw(0x1234, 0, 0))).toBeNull();
    expect(readMark(draw(0x1234, 150, 100))).toBeNull();
    expect(readMark(draw(0x1234, 255, 0, false))).toBeNull();
  });
});

describe('tones', () => {
  const SAMPLE_RATE = 48_000;
  const sine = (...parts: readonly (readonly [hertz: number, amplitude: number])[]) =>
    Float32Array.from({ length: 2048 }, (_, i) => parts.reduce((sum, [hertz, amplitude]) => sum + amplitude * Math.sin((2 * Math.PI * hertz * i) / SAMPLE_RATE), 0));
  const TONES = Array.from({ length: 24 }, (_, i) => 500 + 100 * i);

  test('a full-scale sine has power one half', () => {
    expect(tonePower(sine([1000, 1]), SAMPLE_RATE, 1000)).toBeCloseTo(0.5, 1);
  });

  test('each second and each pilot is told from all others', () => {
    for (const tone of TONES) {
      const samples = sine([tone, 0.25], [6000, 0.12]);
      expect(loudestTone(samples, SAMPLE_RATE, TONES)?.hertz).toBe(tone);
      expect(loudestTone(samples, SAMPLE_RATE, [5000, 6000, 7000])?.hertz).toBe(6000);
    }
  });

  test('silence and a tie are nothing', () => {
    expect(loudestTone(sine([1000, 0.001]), SAMPLE_RATE, TONES)).toBeNull();
    expect(loudestTone(sine([1000, 0.2], [1500, 0.2]), SAMPLE_RATE, TONES)).toBeNull();
  });
});

test('a seek shows the picture that was sought; WebKitGTK may miss by one, also where the counter turns', () => {
  const seek = (frame: number, counter: number | null) => ({ frame, counter, rendition: 1 });
  const right = (browser: 'chromium' | 'webkitgtk') => [seek(10, 10), seek(10, 11), seek(10, 12), seek(4096, 4095), seek(10, null)].map((each) => isRight(each, limitsOf(browser, 3)));
  expect(right('chromium')).toEqual([true, false, false, false, false]);
  expect(right('webkitgtk')).toEqual([true, true, false, true, false]);
});
