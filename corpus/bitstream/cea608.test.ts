/** Captions that were written here, as ffmpeg's decoder reads them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptionRecipe } from '../../spec/asset.ts';
import { FFMPEG } from '../encode.ts';
import { readTracks } from '../mp4.ts';
import { captionUnits, withCaptions } from './cea608.ts';

const CAPTIONS: readonly CaptionRecipe[] = [
  { channel: 'CC1', cues: [{ start: 1, end: 2, text: 'First field' }, { start: 3, end: 3.5, text: 'Odd' }] },
  { channel: 'CC3', cues: [{ start: 1.5, end: 3, text: 'Segundo' }] },
  { channel: 'SERVICE1', cues: [{ start: 1, end: 2, text: 'Window' }] },
];

describe('captions in pictures', () => {
  let folder: string;
  let plain: Buffer;
  let file: Buffer;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'isomer-captions-'));
    execFileSync(FFMPEG, ['-v', 'error', '-nostdin', '-f', 'lavfi', '-i', 'testsrc2=s=64x36:r=30:d=4', '-c:v', 'libx264', '-bf', '2', '-g', '30', '-crf', '40', join(folder, 'plain.mp4')]);
    plain = readFileSync(join(folder, 'plain.mp4'));
    file = withCaptions(plain, CAPTIONS, 30);
    writeFileSync(join(folder, 'cc.mp4'), file);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['first', ['00:00:01,000 --> 00:00:02,000 First field', '00:00:03,000 --> 00:00:03,500 Odd']],
    ['second', ['00:00:01,500 --> 00:00:03,000 Segundo']],
  ])('of the %s field come at their times', (field, wanted) => {
    const srt = execFileSync(FFMPEG, ['-v', 'error', '-nostdin', '-data_field', field, '-f', 'lavfi', '-i', 'movie=cc.mp4[out0+subcc]', '-map', '0:s', '-f', 'srt', '-'], { cwd: folder, encoding: 'utf8' });
    const cues = srt.trim().split(/\n\s*\n/).map((cue) => cue.split('\n').slice(1).join(' ').replace(/<[^>]*>|\{[^}]*\}/g, ''));
    expect(cues).toEqual(wanted);
  });

  it('leave pictures and times as they were', () => {
    const hashes = (name: string): string => execFileSync(FFMPEG, ['-v', 'error', '-nostdin', '-i', join(folder, name), '-f', 'framemd5', '-'], { encoding: 'utf8' });
    expect(hashes('cc.mp4')).toBe(hashes('plain.mp4'));
    const [[before], [after]] = [readTracks(plain), readTracks(file)];
    expect([after.dts, after.composition, after.sync]).toEqual([before.dts, before.composition, before.sync]);
  });

  it('are never too close together', () => {
    expect(() => captionUnits([{ channel: 'CC1', cues: [{ start: 1, end: 2, text: 'One' }, { start: 2.01, end: 3, text: 'Two' }] }], 120, 30)).toThrow(/no room/);
    expect(() => captionUnits([{ channel: 'SERVICE1', cues: [{ start: 0, end: 1, text: 'x'.repeat(24) }] }], 30, 30)).toThrow(/does not fit/);
  });
});
