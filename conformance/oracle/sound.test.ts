import { describe, expect, it } from 'vitest';
import { coreOf, mayBeCalled, mayHaveRate, soundOf, type Sound } from './sound.ts';

const read = (type: string, box: string, hex: string): Sound | null => {
  const bytes = Buffer.from(hex, 'hex');
  return soundOf({ type, width: 0, height: 0, channels: 2, sampleRate: 0, config: (name) => (name === box ? bytes : null) });
};
/** esds around an AudioSpecificConfig. */
const aac = (hex: string): Sound | null => {
  const length = hex.length / 2;
  const part = (value: number): string => value.toString(16).padStart(2, '0');
  return read('mp4a', 'esds', `0000000003${part(length + 23)}00010004${part(length + 15)}4015000000000000000000000005${part(length)}${hex}060102`);
};

describe('AudioSpecificConfig', () => {
  it.each([
    ['1190', 'mp4a.40.2', 48_000, 2, false],
    ['119056e500', 'mp4a.40.2', 48_000, 2, false],
    ['1310', 'mp4a.40.2', 24_000, 2, true],
    ['2b118800', 'mp4a.40.5', 48_000, 2, false],
    ['2b920800', 'mp4a.40.5', 44_100, 2, false],
    ['131056e598', 'mp4a.40.5', 48_000, 2, false],
    ['130856e59d4880', 'mp4a.40.29', 48_000, 2, false],
    ['eb098800', 'mp4a.40.29', 48_000, 2, false],
  ])('%s', (hex, codec, sampleRate, channels, open) => {
    const sound = aac(hex);
    expect(sound === null ? null : [sound.codec, sound.sampleRate, sound.channels, sound.open]).toEqual([codec, sampleRate, channels, open]);
  });

  it.each([
    ['1190', 48_000, 2],
    ['131056e598', 24_000, 2],
    ['130856e59d4880', 24_000, 1],
    ['eb098800', 24_000, 1],
    ['2b118800', 24_000, 2],
    ['17800bb808', 6000, 1],
  ])('%s has a core', (hex, sampleRate, channels) => {
    expect(coreOf(Buffer.from(hex, 'hex'))).toEqual({ sampleRate, channels });
  });

  it('that leaves SBR open may be called either way, others may not', () => {
    const [open, plain] = [aac('1310'), aac('1190')] as [Sound, Sound];
    expect([mayBeCalled(open, 'mp4a.40.5'), mayBeCalled(open, 'mp4a.40.29'), mayHaveRate(open, 48_000)]).toEqual([true, true, true]);
    expect([mayBeCalled(plain, 'mp4a.40.5'), mayHaveRate(plain, 96_000), mayBeCalled(open, 'ec-3')]).toEqual([false, false, false]);
  });
});

describe('dec3 and ddts', () => {
  it.each([
    ['0400200400', 2, null, 'A000'],
    ['0800200f00', 6, null, 'F801'],
    ['0800200f0202', 8, null, 'FA01'],
    ['0808200f000110', 6, 16, 'F801'],
  ])('dec3 %s', (hex, channels, objects, speakers) => {
    expect(read('ec-3', 'dec3', hex)).toEqual({ codec: 'ec-3', sampleRate: 48_000, channels, objects, speakers, open: false });
  });

  it.each([
    ['dtsc', '0000bb80000bb800000bb8001803244000000f00', 6],
    ['dtsl', '0000bb80000000000000000018627c0000000200', 2],
  ])('%s', (type, hex, channels) => {
    expect(read(type, 'ddts', hex)).toEqual({ codec: type, sampleRate: 48_000, channels, objects: null, speakers: null, open: false });
    expect(read(type, 'ddts', '00')).toBeNull();
  });
});
