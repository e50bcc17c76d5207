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
  { channel: 'CC1', mode: 'pop', cues: [{ start: 1, end: 2, text: 'First field' }, { start: 3, end: 3.5, text: 'Odd' }] },
  { channel: 'CC3', mode: 'pop', cues: [{ start: 1.5, end: 3, text: 'Segundo' }] },
  { channel: 'SERVICE1', mode: 'pop', cues: [{ start: 1, end: 2, text: 'Window' }] },
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

  it('roll up and are painted', () => {
    const rolling: readonly CaptionRecipe[] = [
      { channel: 'CC1', mode: 'roll', cues: [{ start: 0.5, end: 1, text: 'Rolling one' }, { start: 1.5, end: 3, text: 'Rolling two' }] },
      { channel: 'CC3', mode: 'paint', cues: [{ start: 1.5, end: 3, text: 'Painted' }] },
    ];
    writeFileSync(join(folder, 'roll.mp4'), withCaptions(plain, rolling, 30));
    const words = (field: string): string => execFileSync(FFMPEG, ['-v', 'error', '-nostdin', '-data_field', field, '-f', 'lavfi', '-i', 'movie=roll.mp4[out0+subcc]', '-map', '0:s', '-f', 'srt', '-'], { cwd: folder, encoding: 'utf8' }).replace(/<[^>]*>|\{[^}]*\}/g, '');
    expect(words('first')).toMatch(/Rolling one[^]*Rolling two/);
    expect(words('second')).toMatch(/Painted/);
  });

  it('have extended data beside them in field 2 alone, whose bytes and sum make 0', () => {
    const units = captionUnits([], 60, 30, { extendedData: 'Isomer' });
    const pairs = units.map((unit) => unit.subarray(unit.indexOf(Buffer.from('GA94')) + 7)).map((triples) => [triples[4] & 0x7f, triples[5] & 0x7f]).filter((pair) => pair.some((byte) => byte !== 0));
    expect(pairs.slice(0, 5).map((pair) => pair.map((byte) => String.fromCharCode(byte)).join(''))).toEqual(['\u0001\u0003', 'Is', 'om', 'er', expect.stringMatching(/^\u000f/)]);
    expect(pairs.slice(0, 5).flat().reduce((sum, byte) => sum + byte, 0) & 0x7f).toBe(0);
    expect(pairs).toHaveLength(10);
  });

  it('leave pictures and times as they were', () => {
    const hashes = (name: string): string => execFileSync(FFMPEG, ['-v', 'error', '-nostdin', '-i', join(folder, name), '-f', 'framemd5', '-'], { encoding: 'utf8' });
    expect(hashes('cc.mp4')).toBe(hashes('plain.mp4'));
    const [[before], [after]] = [readTracks(plain), readTracks(file)];
    expect([after.dts, after.composition, after.sync]).toEqual([before.dts, before.composition, before.sync]);
  });

  it('open a window of CEA-708, and delete it where the cue ends or the next one opens it anew', () => {
    const units = captionUnits([{ channel: 'SERVICE1', mode: 'pop', cues: [{ start: 0, end: 1, text: 'One' }, { start: 1, end: 1.5, text: 'Two' }] }], 60, 30);
    const packets = units.map((unit) => {
      // Behind identifier, type, flags, count, and two triples of CEA-608.
      const triples = unit.subarray(unit.indexOf(Buffer.from('GA94')) + 7 + 6);
      return Array.from({ length: 18 }, (_, i) => triples.subarray(3 * i, 3 * i + 3)).filter(([head]) => (head & 4) !== 0).map((triple) => triple.subarray(1).toString('hex')).join('');
    });
    const opened = '8c019838460a601f11';
    expect(packets.flatMap((packet, i) => (packet === '' ? [] : [`${i} ${packet}`]))).toEqual([
      `0 082d${opened}${Buffer.from('One').toString('hex')}0300`,
      '1 4100',
      `30 882d${opened}${Buffer.from('Two').toString('hex')}0300`,
      '31 c100',
      '45 02228c01',
      '46 4100',
    ]);
  });

  it('are never too close together', () => {
    expect(() => captionUnits([{ channel: 'CC1', mode: 'pop', cues: [{ start: 1, end: 2, text: 'One' }, { start: 2.01, end: 3, text: 'Two' }] }], 120, 30)).toThrow(/no room/);
    expect(() => captionUnits([{ channel: 'SERVICE1', mode: 'pop', cues: [{ start: 0, end: 1, text: 'x'.repeat(24) }] }], 30, 30)).toThrow(/does not fit/);
  });
});
