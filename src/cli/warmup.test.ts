import { expect, test } from 'vitest';
import { openAsset } from '../asset/open.ts';
import { createPracticeStorage, PRACTICE } from '../asset/practice.ts';
import { createMovieReader } from '../asset/reader.ts';
import { FORMATS } from '../formats.ts';
import { segmentCount } from '../model/timeline.ts';
import { warmUp } from './warmup.ts';

test('what is practised on is an asset like others', async () => {
  const asset = await openAsset(createPracticeStorage(), PRACTICE.folder, PRACTICE.name, { segmentSeconds: 6, readMovie: createMovieReader(null) });
  expect(asset.notes).toEqual([]);
  const sets = asset.presentation.switchingSets;
  expect(sets.map(({ kind, tracks: [{ codec, bitrate, samples }] }) => [kind, codec.kind === 'text' ? '' : codec.rfc6381, bitrate, samples.count])).toEqual([
    ['video', 'avc1.64000d', 500_000, 16_800],
    ['audio', 'mp4a.40.2', 64_000, 26_277],
  ]);
  expect(sets.map(({ timeline }) => segmentCount(timeline) > 90)).toEqual([true, true]);
  await asset.close();
});

test('practice does all that it does when there is time', async () => {
  const used = new Set<string>();
  const formats = FORMATS.map((format) => ({
    ...format,
    writeManifest(...args: Parameters<typeof format.writeManifest>) {
      const text = format.writeManifest(...args);
      if (text.length > 100) used.add(format.title);
      return text;
    },
  }));
  await warmUp(1, formats, () => 0);
  expect([...used]).toEqual(FORMATS.map(({ title }) => title));
});

test('practice ends when its time is over', async () => {
  let time = 0;
  const written: string[] = [];
  const formats = FORMATS.map((format) => ({ ...format, writeManifest: () => (written.push(format.title), '') }));
  await warmUp(25, formats, () => (time += 10));
  expect(written).toEqual([]);
});
