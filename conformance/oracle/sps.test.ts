import { describe, expect, it } from 'vitest';
import { readSps } from './sps.ts';

const HD = Buffer.from('67640020ACD9405005BB011000003E90000EA600F1831960', 'hex');

describe('sequence parameter sets', () => {
  it.each([
    ['1280x720 High', HD, { profile: 100, compatibility: 0, level: 32, width: 1280, height: 720, pixelShape: [1, 1] }],
    ['640x360 High', Buffer.from('6764001EACD940A02FF9701100000303E90000EA600F162D96', 'hex'), { level: 30, width: 640, height: 360, pixelShape: [1, 1] }],
    ['320x180 Constrained Baseline, 25 pictures a second', Buffer.from('6742C00CDA05067E7840000003004000000CA3C50AA8', 'hex'), { profile: 66, compatibility: 0xc0, level: 12, width: 320, height: 180, frameRate: [50, 2] }],
  ])('reads %s', (_, unit, wanted) => {
    expect(readSps(unit)).toMatchObject(wanted);
  });

  it('does not read what is none, or what ends too early', () => {
    expect(readSps(Buffer.from('68EBECB22C', 'hex'))).toBeNull();
    for (let length = 0; length < 12; length++) expect(readSps(HD.subarray(0, length))).toBeNull();
  });
});
