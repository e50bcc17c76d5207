import { expect, test } from 'vitest';
import type { FrameReading, Recording, SeekReading, SoundReading } from './model.ts';
import { atOneRate } from './strides.ts';

const EMPTY: Recording = { frames: [], unreadable: 0, reads: 0, sounds: [], cues: { known: [], active: [] }, events: [], clockStart: 0, clockEnd: 0, startup: 0, size: { width: 1, height: 1 }, presented: 0, dropped: 0, duration: null };
/** Rendition 1 has half the rate of rendition 2. */
const STRIDES = { 1: 2 };
const shown = (at: number, rendition: number, counter: number, mediaTime: number | null = null): FrameReading => ({ at, rendition, counter, clock: at / 1000, mediaTime });
const numbers = (...frames: readonly FrameReading[]): number[] => atOneRate({ recording: { ...EMPTY, frames: [...frames] }, seeks: [] }, STRIDES).recording.frames.map(({ counter }) => counter);

test('a slow picture stands for the fast ones of its time, the last of them once it has gone', () => {
  expect(numbers(shown(0, 1, 0), shown(40, 1, 1), shown(80, 1, 2))).toEqual([0, 1, 2, 3, 4, 5]);
  expect(numbers(shown(0, 1, 7), shown(10, 1, 7, 0.28), shown(40, 1, 8))).toEqual([14, 14, 15, 16, 17]);
  expect(numbers(shown(0, 2, 3), shown(20, 2, 4))).toEqual([3, 4]);
});

test('at a switch no picture comes twice, and one that is left out stays out', () => {
  expect(numbers(shown(0, 1, 3), shown(40, 2, 8), shown(60, 2, 9), shown(80, 1, 5))).toEqual([6, 7, 8, 9, 10, 11]);
  expect(numbers(shown(0, 2, 6), shown(20, 1, 3))).toEqual([6, 6, 7]);
  expect(numbers(shown(0, 2, 5), shown(60, 1, 4))).toEqual([5, 8, 9]);
  expect(numbers(shown(0, 2, 9), shown(20, 1, 3))).toEqual([9, 6, 7]);
});

test('times stay with the picture that came with them', () => {
  const { recording } = atOneRate({ recording: { ...EMPTY, frames: [shown(0, 1, 7, 0.28)] }, seeks: [] }, STRIDES);
  expect(recording.frames.map(({ counter, mediaTime }) => [counter, mediaTime])).toEqual([[14, 0.28], [15, null]]);
});

test('sounds are beside the picture that was on show', () => {
  const sound = (at: number, counter: number | null): SoundReading => ({ at, clock: at / 1000, counter, tone: null, pilot: null });
  const { recording } = atOneRate({ recording: { ...EMPTY, frames: [shown(0, 1, 3), shown(100, 2, 8)], sounds: [sound(0, null), sound(50, 3), sound(120, 8)] }, seeks: [] }, STRIDES);
  expect(recording.sounds.map(({ counter }) => counter)).toEqual([null, 6, 8]);
});

test('a seek is right where the slow picture stands for the one that was sought', () => {
  const read = (frame: number, counter: number | null, rendition: number | null): SeekReading => ({ frame, counter, rendition });
  const { seeks } = atOneRate({ recording: EMPTY, seeks: [read(145, 72, 1), read(144, 72, 1), read(146, 72, 1), read(145, 145, 2), read(1, null, null)] }, STRIDES);
  expect(seeks.map(({ counter }) => counter)).toEqual([145, 144, 144, 145, null]);
});

test('where all have one rate nothing changes', () => {
  const read = { recording: { ...EMPTY, frames: [shown(0, 1, 7)] }, seeks: [] };
  expect(atOneRate(read, {})).toBe(read);
});
