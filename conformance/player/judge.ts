/**
 * From what was seen and heard to a verdict. Pure. The player's own word counts only against it: an error that it
 * reports fails the replay, a clock that it moves proves nothing.
 */
import { COUNTER_MODULUS } from './marks.ts';
import type { BrowserName, Limits, Observation, Recording, ReplayTruth, SeekReading, SoundReading, Verdict } from './model.ts';

/**
 * Chromium names the shown picture's time exactly; in Firefox a picture read in a frame callback may still be the one
 * before. Offsets of up to two frames are players that rebase on the reordering delay or on the earliest of audio and video.
 */
export function limitsOf(browser: BrowserName, seconds: number): Limits {
  return {
    seconds,
    frameShare: 0.97,
    pixelLag: browser === 'firefox' ? 1 : 0,
    offsetSpread: 0.25,
    offsetLimit: 2.6,
    toneShare: 0.95,
    syncBias: 20,
    syncLimit: 80,
    startupLimit: 15_000,
  };
}

export type Judged = { readonly observation: Observation; readonly verdict: Verdict };

export function judge(recording: Recording, seeks: readonly SeekReading[], truth: ReplayTruth, limits: Limits): Judged {
  const observation = observe(recording, seeks, truth, limits);
  const reasons = [
    ...judgePlayer(observation, limits),
    ...(truth.frameRate === null ? [] : judgePictures(recording, observation, truth, limits)),
    ...(truth.pilots.length === 0 ? [] : judgeSound(recording, observation, truth, limits)),
  ];
  return { observation, verdict: { outcome: reasons.length === 0 ? 'pass' : 'fail', reasons } };
}

function observe(recording: Recording, seeks: readonly SeekReading[], truth: ReplayTruth, limits: Limits): Observation {
  const rate = rateOf(truth);
  const numbers = unwrap(recording, truth);
  const distinct = [...new Set(numbers)].toSorted((a, b) => a - b);
  const first = distinct.at(0) ?? null;
  const last = distinct.at(-1) ?? null;
  const offsets: number[] = [];
  recording.frames.forEach((reading, i) => {
    if (reading.mediaTime !== null) offsets.push((reading.mediaTime - truth.videoStart) * rate - numbers[i]);
  });
  const backwards: [number, number][] = [];
  for (let i = 1; i < numbers.length; i++) if (numbers[i] < numbers[i - 1] - limits.pixelLag) backwards.push([numbers[i - 1], numbers[i]]);
  const offset = limits.pixelLag > 0 ? leastRepeated(offsets) : median(offsets);
  return {
    framesSeen: distinct.length,
    framesExpected: first === null || last === null ? 0 : last - first + 1,
    first,
    last,
    missing: gaps(distinct),
    backwards,
    offsets: histogram(offsets),
    offset,
    renditions: [...new Set(recording.frames.map((reading) => reading.rendition))].toSorted((a, b) => a - b),
    pilots: sequence(recording.sounds),
    tones: countTones(recording, truth),
    sync: measureSync(recording, truth),
    startup: recording.startup,
    stalls: countStalls(recording),
    errors: recording.events.filter((event) => event.fatal).map((event) => event.text),
    seeks: { asked: seeks.length, right: seeks.filter((seek) => seek.counter === seek.frame % COUNTER_MODULUS).length },
    clockMoved: recording.clockEnd - recording.clockStart,
  };
}

function judgePlayer(seen: Observation, limits: Limits): string[] {
  const reasons = seen.errors.map((text) => `the player reported: ${text}`);
  if (seen.startup !== null && seen.startup > limits.startupLimit) reasons.push(`the first picture came after ${seen.startup} ms`);
  if (seen.stalls > 0) reasons.push(`playback stalled ${seen.stalls} times after it had started`);
  return reasons;
}

function judgePictures(recording: Recording, seen: Observation, truth: ReplayTruth, limits: Limits): string[] {
  if (seen.framesSeen === 0) {
    return [`no picture could be read in ${recording.reads} looks, while the player's clock moved by ${seen.clockMoved.toFixed(1)} s`];
  }
  const reasons: string[] = [];
  const wanted = Math.min(limits.seconds * rateOf(truth), truth.frames - (seen.first ?? 0));
  if (seen.framesExpected < wanted * 0.9) reasons.push(`pictures ${seen.first} to ${seen.last} were shown; ${Math.round(wanted)} in a row were wanted`);
  if (seen.framesSeen < seen.framesExpected * limits.frameShare) {
    reasons.push(`${seen.framesSeen} of ${seen.framesExpected} pictures were seen; missing ${ranges(seen.missing)}`);
  }
  for (const [from, to] of seen.backwards) reasons.push(`picture ${to} was shown after picture ${from}`);
  const beyond = [...recording.frames].filter((reading) => reading.counter >= truth.frames);
  if (beyond.length > 0) reasons.push(`picture ${beyond[0].counter} was shown; the asset has ${truth.frames}`);
  const strangers = seen.renditions.filter((rendition) => !truth.renditions.includes(rendition));
  if (strangers.length > 0) reasons.push(`rendition ${strangers.join(', ')} was shown; the asset has ${truth.renditions.join(', ')}`);
  reasons.push(...judgeOffsets(seen, limits));
  if (seen.seeks.right < seen.seeks.asked) reasons.push(`${seen.seeks.asked - seen.seeks.right} of ${seen.seeks.asked} seeks showed another picture than the one due`);
  return reasons;
}

function judgeOffsets(seen: Observation, limits: Limits): string[] {
  const values = Object.keys(seen.offsets).map(Number);
  if (values.length === 0 || seen.offset === null) return ['no picture came with its presentation time'];
  const least = Math.min(...values);
  const most = Math.max(...values);
  const reasons: string[] = [];
  if (most - least > limits.offsetSpread + limits.pixelLag) {
    reasons.push(`pictures were between ${least} and ${most} frames off their presentation times: the timeline bends`);
  }
  if (Math.abs(seen.offset) > limits.offsetLimit) reasons.push(`pictures were shown ${seen.offset} frames off their presentation times`);
  return reasons;
}

function judgeSound(recording: Recording, seen: Observation, truth: ReplayTruth, limits: Limits): string[] {
  const reasons: string[] = [];
  if (seen.tones.heard < recording.sounds.length * 0.5 || seen.tones.heard === 0) {
    return [`marked sound was heard in ${seen.tones.heard} of ${recording.sounds.length} moments`];
  }
  if (seen.tones.right < seen.tones.heard * limits.toneShare) {
    reasons.push(`${seen.tones.heard - seen.tones.right} of ${seen.tones.heard} tones belonged to another second than the picture`);
  }
  if (seen.pilots.length === 0) reasons.push('no pilot tone was heard');
  if (seen.pilots.length > 1) reasons.push(`the audio track changed unasked: pilots ${seen.pilots.join(', ')} Hz`);
  const strangers = seen.pilots.filter((hertz) => !truth.pilots.some((pilot) => pilot.hertz === hertz));
  if (strangers.length > 0) reasons.push(`pilot ${strangers.join(', ')} Hz was heard; no track of the asset has it`);
  if (truth.frameRate !== null && seen.sync !== null && Math.abs(seen.sync.median - limits.syncBias) > limits.syncLimit) {
    reasons.push(`the picture was ${seen.sync.median} ms ahead of the sound`);
  }
  return reasons;
}

function rateOf(truth: ReplayTruth): number {
  return truth.frameRate === null ? 0 : truth.frameRate.num / truth.frameRate.den;
}

/** Counters are 12 bits; the element's clock says which turn the first one is in, continuity says it for the rest. */
function unwrap(recording: Recording, truth: ReplayTruth): number[] {
  const rate = rateOf(truth);
  let near: number | null = null;
  return recording.frames.map((reading) => {
    const around = near ?? (reading.mediaTime ?? reading.clock) * rate;
    near = reading.counter + Math.round((around - reading.counter) / COUNTER_MODULUS) * COUNTER_MODULUS;
    return near;
  });
}

function gaps(sorted: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (let i = 1; i < sorted.length; i++) if (sorted[i] > sorted[i - 1] + 1) found.push([sorted[i - 1] + 1, sorted[i] - 1]);
  return found;
}

function ranges(list: readonly (readonly [number, number])[]): string {
  const shown = list.slice(0, 5).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
  return shown.join(', ') + (list.length > 5 ? ' …' : '');
}

function histogram(values: readonly number[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) {
    const key = String(hundredths(value));
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100 + 0;
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return hundredths(sorted[sorted.length >> 1]);
}

/** Where pixels lag, late readings are the browser's and the earliest ones true; one alone may be a race. */
function leastRepeated(values: readonly number[]): number | null {
  const sorted = values.map(hundredths).toSorted((a, b) => a - b);
  return sorted.find((value, i) => i + 1 < sorted.length && sorted[i + 1] - value < 0.1) ?? median(values);
}

/** Each pilot in the order heard, repeats dropped; one stray reading at a switch does not count. */
function sequence(sounds: readonly SoundReading[]): number[] {
  const heard = sounds.map((sound) => sound.pilot).filter((pilot) => pilot !== null);
  const steady = heard.filter((pilot, i) => pilot === heard[i - 1] || pilot === heard[i + 1]);
  return steady.filter((pilot, i) => i === 0 || pilot !== steady[i - 1]);
}

/** Seconds of the asset at which a sound was heard, by the picture on show, else by the element's clock. */
function pictureTime(sound: SoundReading, truth: ReplayTruth): number {
  if (sound.counter === null || truth.frameRate === null) return sound.clock;
  const rate = rateOf(truth);
  const turn = COUNTER_MODULUS / rate;
  const time = sound.counter / rate + truth.videoStart;
  return time + Math.round((sound.clock - time) / turn) * turn;
}

function toneIndex(hertz: number, truth: ReplayTruth): number {
  return (hertz - truth.secondTones.first) / truth.secondTones.step;
}

function countTones(recording: Recording, truth: ReplayTruth): { heard: number; right: number } {
  const { count } = truth.secondTones;
  let heard = 0;
  let right = 0;
  for (const sound of recording.sounds) {
    if (sound.tone === null) continue;
    heard++;
    const time = pictureTime(sound, truth);
    // A window of 43 ms and one picture's length make the edges of a second uncertain.
    const near = [time - 0.15, time, time + 0.15].map((t) => ((Math.floor(t) % count) + count) % count);
    if (near.includes(toneIndex(sound.tone, truth))) right++;
  }
  return { heard, right };
}

function measureSync(recording: Recording, truth: ReplayTruth): Observation['sync'] {
  if (truth.frameRate === null) return null;
  const { count } = truth.secondTones;
  const heard = recording.sounds.filter((sound) => sound.tone !== null && sound.counter !== null);
  const differences: number[] = [];
  for (let i = 1; i < heard.length; i++) {
    const before = toneIndex(heard[i - 1].tone ?? 0, truth);
    const now = toneIndex(heard[i].tone ?? 0, truth);
    if (now !== (before + 1) % count || heard[i].at - heard[i - 1].at > 150) continue;
    const time = pictureTime(heard[i], truth);
    const second = now + Math.round((time - now) / count) * count;
    differences.push(Math.round((time - second) * 1000));
  }
  if (differences.length === 0) return null;
  const sorted = differences.toSorted((a, b) => a - b);
  return { min: sorted[0], median: sorted[sorted.length >> 1], max: sorted[sorted.length - 1], count: sorted.length };
}

/** `waiting` between the first picture and the last one. */
function countStalls(recording: Recording): number {
  const first = recording.frames.at(0)?.at ?? Infinity;
  const last = recording.frames.at(-1)?.at ?? -Infinity;
  return recording.events.filter((event) => event.name === 'waiting' && event.at > first && event.at < last).length;
}
