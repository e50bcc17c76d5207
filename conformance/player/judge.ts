/**
 * From what was seen and heard to a verdict. Pure. The player's own word counts only against it: an error that it
 * reports fails the replay, a clock that it moves proves nothing.
 */
import { COUNTER_MODULUS } from './marks.ts';
import type { BrowserName, Limits, Observation, ReasonKind, Recording, ReplayTruth, SeekReading, SoundReading, Verdict } from './model.ts';
import { hundredths, offsetOf } from './offset.ts';
import { THRESHOLDS } from './thresholds.ts';

/**
 * Chromium names the shown picture's time exactly; in Firefox a picture read in a frame callback may still be the one
 * before. Offsets of up to two frames are players that rebase on the reordering delay or on the earliest of audio and video.
 */
export function limitsOf(browser: BrowserName | 'device', seconds: number): Limits {
  return {
    seconds,
    frameShare: THRESHOLDS.frameShare.value,
    pixelLag: pixelLagOf(browser),
    seekSlack: browser === 'webkitgtk' ? THRESHOLDS.seekSlack.value : 0,
    raceShare: THRESHOLDS.raceShare.value,
    offsetSpread: THRESHOLDS.offsetSpread.value,
    offsetLimit: THRESHOLDS.offsetLimit.value,
    toneShare: THRESHOLDS.toneShare.value,
    syncBias: THRESHOLDS.syncBias.value,
    syncLimit: THRESHOLDS.syncLimit.value,
    startupLimit: THRESHOLDS.startup.value,
  };
}

/** Frames by which pixels may trail their time; a browser that nobody has measured is trusted less. */
export function pixelLagOf(browser: string): number {
  return browser === 'chromium' ? 0 : 1;
}

/** Pictures; what goes back further is no machine's hiccup. */
const SHORT_GAP = 12;
/** Milliseconds between two sound readings: as a rule, and what still places a change of tone. */
const USUAL_READINGS = 40;
const NEAR_READINGS = 100;

export type Judged = { readonly observation: Observation; readonly verdict: Verdict };

/** `slow`: a busy machine can be the cause. */
type Reason = { readonly kind: ReasonKind; readonly text: string; readonly slow: boolean };

const hard = (kind: ReasonKind, text: string): Reason => ({ kind, text, slow: false });

/** `tolerated`: kinds of reasons that what the replay was asked to do brings about by itself. */
export function judge(recording: Recording, seeks: readonly SeekReading[], truth: ReplayTruth, usual: Limits, tolerated: readonly ReasonKind[] = []): Judged {
  // Pictures are counted at the fastest rendition's rate; what trails is one of whichever is shown.
  const limits = { ...usual, pixelLag: usual.pixelLag * slowestOf(truth) };
  const observation = observe(recording, seeks, truth, limits);
  const reasons = [
    ...judgePlayer(observation, limits),
    ...(truth.frameRate === null ? [] : judgePictures(recording, observation, truth, limits)),
    ...(truth.pilots.length === 0 ? [] : judgeSound(recording, observation, truth, limits)),
  ].filter(({ kind }) => !tolerated.includes(kind));
  const unclear = reasons.length === 0 && !tolerated.includes('gap') ? judgeMachine(observation, limits) : [];
  const outcome = reasons.length > 0 ? 'fail' : unclear.length > 0 ? 'unclear' : 'pass';
  const all = [...reasons, ...unclear];
  return { observation, verdict: { outcome, reasons: all.map(({ text }) => text), maybeSlow: outcome !== 'pass' && all.every(({ slow }) => slow) } };
}

function observe(recording: Recording, seeks: readonly SeekReading[], truth: ReplayTruth, limits: Limits): Observation {
  const rate = rateOf(truth);
  const numbers = unwrap(recording, truth);
  const distinct = [...new Set(numbers)].toSorted((a, b) => a - b);
  const first = distinct.at(0) ?? null;
  const last = distinct.at(-1) ?? null;
  const offsets: number[] = [];
  // At a switch the picture at the play position is put up again, under the time of the one before or after it.
  const back = limits.pixelLag === 0 ? 0 : limits.pixelLag + slowestOf(truth) - 1;
  const isTurning = (i: number): boolean => i > 0 && numbers[i] < numbers[i - 1] - back;
  recording.frames.forEach((reading, i) => {
    if (reading.mediaTime !== null && !isTurning(i) && !isTurning(i + 1)) offsets.push((reading.mediaTime - truth.videoStart) * rate - numbers[i]);
  });
  const backwards: [number, number][] = [];
  for (let i = 1; i < numbers.length; i++) if (isTurning(i)) backwards.push([numbers[i - 1], numbers[i]]);
  const offset = offsetOf(offsets, limits.pixelLag);
  return {
    framesSeen: distinct.length,
    framesExpected: first === null || last === null ? 0 : last - first + 1,
    first,
    last,
    missing: gaps(distinct),
    backwards,
    offsets: histogram(settle(offsets, offset, 1000 / rate < THRESHOLDS.fastPicture.value ? { ...limits, raceShare: THRESHOLDS.fastRaceShare.value } : limits)),
    offset,
    renditions: [...new Set(recording.frames.map((reading) => reading.rendition))].toSorted((a, b) => a - b),
    pilots: sequence(recording.sounds),
    tones: countTones(recording, truth),
    sync: measureSync(recording, truth),
    startup: recording.startup,
    stalls: countStalls(recording),
    errors: recording.events.filter((event) => event.fatal).map((event) => event.text),
    seeks: { asked: seeks.length, right: seeks.filter((seek) => isRight(seek, limits)).length },
    clockMoved: recording.clockEnd - recording.clockStart,
    unread: Math.max(0, recording.presented - distinct.length) + recording.dropped,
  };
}

export function isRight({ frame, counter }: SeekReading, { seekSlack }: Pick<Limits, 'seekSlack'>): boolean {
  if (counter === null) return false;
  const off = Math.abs(counter - (frame % COUNTER_MODULUS));
  return Math.min(off, COUNTER_MODULUS - off) <= seekSlack;
}

function judgePlayer(seen: Observation, limits: Limits): Reason[] {
  const reasons = seen.errors.map((text) => hard('error', `the player reported: ${text}`));
  if (seen.startup !== null && seen.startup > limits.startupLimit) reasons.push({ kind: 'startup', text: `the first picture came after ${seen.startup} ms`, slow: true });
  if (seen.stalls > 0) reasons.push({ kind: 'stall', text: `playback stalled ${seen.stalls} times after it had started`, slow: true });
  return reasons;
}

function judgePictures(recording: Recording, seen: Observation, truth: ReplayTruth, limits: Limits): Reason[] {
  if (seen.framesSeen === 0) {
    return [hard('nothing', `no picture could be read in ${recording.reads} looks, while the player's clock moved by ${seen.clockMoved.toFixed(1)} s`)];
  }
  const reasons: Reason[] = [];
  const wanted = Math.min(limits.seconds * rateOf(truth), truth.frames - (seen.first ?? 0));
  if (seen.framesExpected < wanted * 0.9) reasons.push(hard('short', `pictures ${seen.first} to ${seen.last} were shown; ${Math.round(wanted)} in a row were wanted`));
  const lost = seen.framesExpected - seen.framesSeen;
  if (tooMany(seen, limits) && lost > seen.unread) {
    // A browser may stand on one picture for seconds while sound and clock go on; what a stream lacks is missing each time.
    reasons.push({ kind: 'gap', text: `${seen.framesSeen} of ${seen.framesExpected} pictures were seen; missing ${ranges(seen.missing)}`, slow: true });
  }
  // Where pixels trail their time, one that is held up also reads a picture again that was on show before.
  for (const [from, to] of seen.backwards) reasons.push({ kind: 'backwards', text: `picture ${to} was shown after picture ${from}`, slow: limits.pixelLag > 0 && from - to < SHORT_GAP });
  const beyond = recording.frames.find((reading) => reading.counter >= truth.frames);
  if (beyond !== undefined) reasons.push(hard('stranger', `picture ${beyond.counter} was shown; the last one there is has the number ${truth.frames - 1}`));
  if (seen.first !== null && seen.first < truth.first) reasons.push(hard('stranger', `picture ${seen.first} was shown; the first one there is has the number ${truth.first}`));
  const strangers = seen.renditions.filter((rendition) => !truth.renditions.includes(rendition));
  if (strangers.length > 0) reasons.push(hard('stranger', `rendition ${strangers.join(', ')} was shown; the asset has ${truth.renditions.join(', ')}`));
  // What a player rebases by is reckoned in pictures of the slowest rendition.
  reasons.push(...judgeOffsets(seen, { ...limits, offsetLimit: limits.offsetLimit * slowestOf(truth) }).map((text): Reason => ({ kind: 'time', text, slow: isHeldUp(seen, limits) })));
  if (seen.seeks.right < seen.seeks.asked) reasons.push(hard('seek', `${seen.seeks.asked - seen.seeks.right} of ${seen.seeks.asked} seeks showed another picture than the one due`));
  return reasons;
}

/**
 * Where pixels trail their time, a browser that is held up shows some pictures late, and leaves others out; elsewhere a reading or two may fall into a
 * switch of quality, and a reading that comes late finds the next picture.
 */
function isHeldUp({ offsets, offset, unread }: Observation, { pixelLag, offsetSpread, raceShare }: Limits): boolean {
  const readings = Object.entries(offsets).map(([value, count]) => ({ off: Number(value) - (offset ?? 0), count }));
  const countOf = (is: (off: number) => boolean): number => readings.reduce((sum, { off, count }) => sum + (is(off) ? count : 0), 0);
  if (pixelLag === 0) return countOf((off) => Math.abs(off) > offsetSpread && Math.abs(off + 1) > offsetSpread) <= countOf(() => true) * raceShare;
  return unread > 0 && countOf((off) => off > pixelLag + offsetSpread) <= countOf(() => true) * THRESHOLDS.unreadShare.value;
}

function judgeMachine(seen: Observation, limits: Limits): Reason[] {
  if (!tooMany(seen, limits)) return [];
  const lost = seen.framesExpected - seen.framesSeen;
  return [{ kind: 'gap', text: `${lost} of ${seen.framesExpected} pictures were not read; the browser says that it showed or dropped ${seen.unread} more than were read`, slow: true }];
}

function tooMany(seen: Observation, limits: Limits): boolean {
  return seen.framesSeen < seen.framesExpected * limits.frameShare;
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

function judgeSound(recording: Recording, seen: Observation, truth: ReplayTruth, limits: Limits): Reason[] {
  if (seen.tones.heard < recording.sounds.length * 0.5 || seen.tones.heard === 0) {
    return [hard('silence', `marked sound was heard in ${seen.tones.heard} of ${recording.sounds.length} moments`)];
  }
  const reasons: Reason[] = [];
  if (seen.tones.right < seen.tones.heard * limits.toneShare) {
    // Beside a picture that stands still, every tone is another second's.
    reasons.push({ kind: 'tone', text: `${seen.tones.heard - seen.tones.right} of ${seen.tones.heard} tones belonged to another second than the picture`, slow: tooMany(seen, limits) });
  }
  if (seen.pilots.length === 0) reasons.push(hard('silence', 'no pilot tone was heard'));
  if (seen.pilots.length > 1) reasons.push(hard('audio-change', `the audio track changed unasked: pilots ${seen.pilots.join(', ')} Hz`));
  const strangers = seen.pilots.filter((hertz) => !truth.pilots.some((pilot) => pilot.hertz === hertz));
  if (strangers.length > 0) reasons.push(hard('stranger', `pilot ${strangers.join(', ')} Hz was heard; no track of the asset has it`));
  const ahead = truth.frameRate === null || seen.sync === null ? 0 : seen.sync.median - limits.syncBias;
  // Where pixels trail their time, the picture that is read beside a sound may be the one before.
  const trail = ahead < 0 ? (1000 * limits.pixelLag) / rateOf(truth) : 0;
  const off = Math.max(0, Math.abs(ahead) - trail);
  if (off > limits.syncLimit) reasons.push({ kind: 'sync', text: `the picture was ${seen.sync?.median} ms ahead of the sound`, slow: off <= limits.syncLimit * 1.5 });
  return reasons;
}

/** Pictures of the fastest rendition that one of the slowest stands for. */
function slowestOf({ strides }: ReplayTruth): number {
  return Math.max(1, ...Object.values(strides));
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

/** Leaves out the few readings that raced with the next picture: one frame off; where pixels trail their time, also further behind: that is how long the browser was held up. */
function settle(offsets: readonly number[], offset: number | null, limits: Limits): readonly number[] {
  if (offset === null) return offsets;
  const isRace = (value: number): boolean => {
    const off = value - offset;
    return limits.pixelLag === 0 ? Math.abs(Math.abs(off) - 1) < 0.1 : Math.abs(off + 1) < 0.1 || off > limits.pixelLag + limits.offsetSpread;
  };
  const races = offsets.filter(isRace).length;
  return races <= offsets.length * limits.raceShare ? offsets.filter((value) => !isRace(value)) : offsets;
}

/** Each pilot in the order heard, repeats dropped; one stray reading at a switch does not count. */
function sequence(sounds: readonly SoundReading[]): number[] {
  const heard = sounds.map((sound) => sound.pilot).filter((pilot) => pilot !== null);
  const steady = heard.filter((pilot, i) => pilot === heard[i - 1] || pilot === heard[i + 1]);
  return steady.filter((pilot, i) => i === 0 || pilot !== steady[i - 1]);
}

/** Where in its own track a sound was due when it was heard, by the picture on show, else by the element's clock. */
function soundTime(sound: SoundReading, truth: ReplayTruth): number {
  const start = (truth.pilots.find(({ hertz }) => hertz === sound.pilot) ?? truth.pilots.at(0))?.start ?? 0;
  if (sound.counter === null || truth.frameRate === null) return sound.clock - start;
  const rate = rateOf(truth);
  const turn = COUNTER_MODULUS / rate;
  const time = sound.counter / rate + truth.videoStart;
  return time + Math.round((sound.clock - time) / turn) * turn - start;
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
    const time = soundTime(sound, truth);
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
    const late = heard[i].at - heard[i - 1].at;
    const before = toneIndex(heard[i - 1].tone ?? 0, truth);
    const now = toneIndex(heard[i].tone ?? 0, truth);
    if (now !== (before + 1) % count || late > NEAR_READINGS) continue;
    const time = soundTime(heard[i], truth);
    const second = now + Math.round((time - now) / count) * count;
    // The bias of a reading in time is half of what lies between two (LISTEN_EVERY_MS); what was later adds half of that.
    differences.push(Math.round((time - second) * 1000 - Math.max(0, late - USUAL_READINGS) / 2));
  }
  if (differences.length === 0) return null;
  const sorted = differences.toSorted((a, b) => a - b);
  const middle = Math.round((sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2);
  return { min: sorted[0], median: middle, max: sorted[sorted.length - 1], count: sorted.length };
}

/** `waiting` between the start of playback and the last picture; what a player's own seek makes wait is no stall. */
function countStalls(recording: Recording): number {
  const last = recording.frames.at(-1)?.at ?? -Infinity;
  let playing = false;
  let seeking = false;
  let stalls = 0;
  for (const { name, at } of recording.events) {
    if (name === 'playing') playing = true;
    else if (name === 'seeking') seeking = true;
    else if (name === 'seeked') seeking = false;
    else if (name === 'waiting' && playing && !seeking && at < last) stalls++;
  }
  return stalls;
}
