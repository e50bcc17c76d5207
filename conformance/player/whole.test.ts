import { describe, expect, test } from 'vitest';
import { judgeWhole, type WholeTruth } from './whole.ts';

const RATE = 48_000;
const TRUTH: WholeTruth = { first: 0, count: 100, renditions: [1], strides: {}, pilots: [5000], audioSeconds: 3.9, tones: { first: 500, step: 100, count: 24 }, edges: 0 };
const counters = Array.from({ length: 100 }, (_, i) => i);

/** Tones of the given seconds under one pilot, from a place inside the first second on. */
function soundOf(seconds: readonly number[], pilot = 5000, skip = 0.2): Int16Array {
  const samples = new Int16Array(Math.round((seconds.length - skip) * RATE));
  return samples.map((_, i) => {
    const time = i / RATE + skip;
    return 8000 * (Math.sin(2 * Math.PI * (500 + 100 * seconds[Math.floor(time)]) * time) + 0.4 * Math.sin(2 * Math.PI * pilot * time));
  });
}
const good = { counters, renditions: counters.map(() => 1), sound: soundOf([0, 1, 2, 3, 4]), soundRate: RATE };

describe('what a native client decoded', () => {
  test('passes whole and in order', () => {
    const { reasons, observation } = judgeWhole(good, TRUTH);
    expect(reasons).toEqual([]);
    expect(observation).toMatchObject({ framesSeen: 100, framesExpected: 100, pilots: [5000], tones: { heard: 3, right: 3 } });
  });

  test('passes where it goes from half the rate to the whole one', () => {
    const slow = Array.from({ length: 30 }, (_, i) => i);
    const fast = counters.slice(60);
    const played = { ...good, counters: [...slow, ...fast], renditions: [...slow.map(() => 2), ...fast.map(() => 1)] };
    expect(judgeWhole(played, { ...TRUTH, renditions: [1, 2], strides: { 2: 2 } }).reasons).toEqual([]);
    expect(judgeWhole(played, { ...TRUTH, renditions: [1, 2] }).reasons.join()).toContain('30 of 100 pictures were not decoded');
  });

  test.each([
    ['a picture is missing', { counters: counters.filter((counter) => counter !== 50) }, /^1 of 100 pictures were not decoded: 50$/],
    ['a picture comes twice', { counters: [...counters.slice(0, 51), ...counters.slice(50)] }, /^picture 50 came after picture 50$/],
    ['two pictures are exchanged', { counters: counters.with(40, 41).with(41, 40) }, /^picture 40 came after picture 41$/],
    ['a picture is damaged', { counters: counters.with(7, -1) }, /^1 of 100 pictures were not decoded: 7$/],
    ['there are strange pictures', { counters: [...counters, 100] }, /^picture 100 was shown; the asset has 100$/],
    ['there is nothing', { counters: [] }, /^no picture was decoded$/],
    ['it is another rendition', { renditions: counters.map(() => 9) }, /^rendition 9 was shown; the asset has 1$/],
    ['a second of the sound is missing', { sound: soundOf([0, 1, 3, 4, 5]) }, /^2 of 3 seconds of the sound do not follow/],
    ['a second of the sound comes twice', { sound: soundOf([0, 1, 1, 2, 3]) }, /^2 of 3 seconds of the sound do not follow/],
    ['the sound is short', { sound: soundOf([0, 1, 2]) }, /^2\.80 s of sound were decoded; the asset has 3\.90 s$/],
    ['the language is wrong', { sound: soundOf([0, 1, 2, 3, 4], 6000) }, /^pilots 6000 Hz were heard; the tracks have 5000$/],
    ['there is no sound', { sound: new Int16Array(0) }, /^0\.00 s of sound were decoded/],
  ] as const)('fails when %s', (_name, change, reason) => {
    expect(judgeWhole({ ...good, ...change }, TRUTH).reasons.join('\n')).toMatch(new RegExp(reason.source, 'm'));
  });

  test('may lack what the client itself takes away at the ends, and nothing else', () => {
    const lenient = { ...TRUTH, edges: 2 };
    expect(judgeWhole({ ...good, counters: counters.slice(1, -1) }, lenient).reasons).toEqual([]);
    expect(judgeWhole({ ...good, counters: counters.slice(2, -1) }, lenient).reasons).not.toEqual([]);
    expect(judgeWhole({ ...good, counters: counters.filter((counter) => counter !== 50) }, lenient).reasons).not.toEqual([]);
  });

  test('is not asked for sound that the output does not carry', () => {
    expect(judgeWhole({ ...good, sound: new Int16Array(0) }, { ...TRUTH, audioSeconds: 0, pilots: [] }).reasons).toEqual([]);
  });
});
