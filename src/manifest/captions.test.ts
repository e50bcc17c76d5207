import { expect, test } from 'vitest';
import { hlsCaptions } from './captions.ts';
import type { TextRendition } from './hlstext.ts';
import { rowOf } from './hlsversions.ts';
import { avcCodec, parametersOf, videoSet, videoTrack } from './testing.ts';

const sets = [{ ...videoSet([videoTrack(200000, avcCodec('64000d', 320, 180))]), captions: [{ channel: 'CC1', language: 'eng' }, { channel: 'CC3', language: 'spa' }] }];
const linesBeside = (...defaults: readonly boolean[]): readonly string[] => hlsCaptions(sets, rowOf(4, parametersOf('m3u8-aapl')), { renditions: defaults.map((isDefault) => ({ isDefault }) as TextRendition) }).lines;

test('the first channel is the default, unless a text track is: players show what is the default of each type', () => {
  for (const beside of [[], [false]]) expect(linesBeside(...beside).map((line) => line.includes('DEFAULT=YES'))).toEqual([true, false]);
  expect(linesBeside(false, true).some((line) => line.includes('DEFAULT'))).toBe(false);
  expect(linesBeside(true)[0]).toContain('AUTOSELECT=YES');
});
