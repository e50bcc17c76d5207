import { expect, test } from 'vitest';
import { DEFECTS, defectOf, explains } from './defects.ts';
import { FORMATS } from '../outputs.ts';
import { PLAYERS } from './players.ts';
import { NATIVE_CLIENTS, WHOLE } from './native-tier.ts';
import { TEMPLATES } from './templates.ts';

const replayed = (player: string, format: string, asset: string, template: string, browser = 'chromium') => ({ player: { name: player }, browser, target: { format, content: { asset } }, template: { id: template } });

test('an entry covers what it names and nothing else', () => {
  expect(defectOf(replayed('shaka', 'hls-v3', 'elst-delay', 'sequential'))?.id).toBe('shaka-sequence-mode');
  for (const other of [replayed('hls.js', 'hls-v3', 'fps25', 'sequential'), replayed('native', 'dash-cmaf', 'elst-delay', 'sequential'), replayed('shaka', 'hls-v3', 'fps25', 'sequential'), replayed('shaka', 'hls-v3', 'elst-delay', 'pause')]) expect(defectOf(other)).toBeNull();
});

test('what a browser does by itself holds for every player in it', () => {
  for (const player of ['hls.js', 'video.js', 'native']) expect(defectOf(replayed(player, 'hls-v3', 'open-gop', 'sequential'))?.id).toBe('chromium-open-gop');
  expect(defectOf(replayed('video.js', 'hls-v3', 'open-gop', 'sequential', 'firefox'))).toBeNull();
});

test('an entry that says how it shows explains nothing else', () => {
  const defect = { ...DEFECTS[0], shows: /^1 of \d+ seeks|^picture \d+ was sought/ };
  expect(explains(defect, ['1 of 12 seeks showed another picture than the one due', 'picture 716 was sought and 240 shown'])).toBe(true);
  expect(explains(defect, ['1 of 12 seeks showed another picture than the one due', 'no pilot tone was heard'])).toBe(false);
  expect(explains(DEFECTS[0], ['no pilot tone was heard'])).toBe(true);
});

test('entries name players, outputs and templates that there are, each with a reference and an identifier of its own', () => {
  expect(new Set(DEFECTS.map(({ id }) => id)).size).toBe(DEFECTS.length);
  for (const { players = [], formats = [], templates, reference } of DEFECTS) {
    expect([...PLAYERS, ...NATIVE_CLIENTS].map(({ name }) => name)).toEqual(expect.arrayContaining([...players]));
    expect(FORMATS.map(({ id }) => id)).toEqual(expect.arrayContaining([...formats]));
    expect([...TEMPLATES.map(({ id }) => id), WHOLE.id]).toEqual(expect.arrayContaining([...templates]));
    expect(reference).toMatch(/^https:\/\/\S+$/);
  }
});
