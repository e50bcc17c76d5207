import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addCaptionChannels } from './captions.ts';
import type { NalFamily } from './nal.ts';

/** A SEI message in front of the one that counts, with a size of more than 255 bytes. */
const LONG = [5, 255, 45, ...Array.from({ length: 300 }, () => 7)];
const HEADS: Readonly<Record<NalFamily, readonly number[]>> = { avc: [6], hevc: [78, 1] };

/** emulation_prevention_three_byte (ISO/IEC 14496-10:2022 7.4.1.1). */
function escaped(raw: readonly number[]): readonly number[] {
  return raw.reduce<number[]>((out, byte) => [...out, ...(byte <= 3 && out.length >= 2 && out.at(-1) === 0 && out.at(-2) === 0 ? [3, byte] : [byte])], []);
}

/** cc_data with these triples. */
function captionMessage(triples: readonly (readonly [number, number, number])[], flags = 0xc0): readonly number[] {
  const data = [0xb5, 0, 0x31, 0x47, 0x41, 0x39, 0x34, 3, flags | triples.length, 0xff, ...triples.flat(), 0xff];
  return [4, data.length, ...data];
}

function sample(family: NalFamily, ...messages: readonly (readonly number[])[]): Uint8Array {
  const unit = escaped([...HEADS[family], ...messages.flat(), 0x80]);
  return Uint8Array.from([0, 0, unit.length >> 8, unit.length & 255, ...unit, 0, 0, 0, 3, ...(family === 'avc' ? [0x41, 1, 2] : [2, 1, 2])]);
}

function channelsIn(bytes: Uint8Array, family: NalFamily): { readonly present: boolean; readonly channels: readonly string[] } {
  const channels = new Set<string>();
  const present = addCaptionChannels(bytes, 4, family, channels);
  return { present, channels: [...channels] };
}

describe.each(['avc', 'hevc'] as const)('captions in %s', (family) => {
  it.each<[string, readonly (readonly [number, number, number])[], readonly string[]]>([
    ['padding says nothing', [[0xfc, 0x80, 0x80], [0xfd, 0x80, 0x80], [0xfa, 0, 0]], []],
    ['a control code of field 1', [[0xfc, 0x94, 0x20]], ['CC1']],
    ['its second channel', [[0xfc, 0x1c, 0x20]], ['CC2']],
    ['a control code of field 2', [[0xfd, 0x15, 0x20]], ['CC3']],
    ['its second channel', [[0xfd, 0x9d, 0x20]], ['CC4']],
    ['extended data is no caption', [[0xfd, 0x01, 0x03], [0xfd, 0x41, 0x42]], []],
    ['a triple that is not valid', [[0xf8, 0x94, 0x20]], []],
    ['a service', [[0xff, 0x02, 0x22], [0xfe, 0x41, 0x03]], ['SERVICE1']],
    ['two services in one packet', [[0xff, 0x03, 0x21], [0xfe, 0x41, 0x41], [0xfe, 0x42, 0]], ['SERVICE1', 'SERVICE2']],
    ['an extended service', [[0xff, 0x03, 0xe1], [0xfe, 0x09, 0x41]], ['SERVICE9']],
    ['a null block ends the packet', [[0xff, 0x03, 0x00], [0xfe, 0x21, 0x41]], []],
  ])('%s', (_, triples, wanted) => {
    expect(channelsIn(sample(family, LONG, captionMessage(triples)), family)).toEqual({ present: true, channels: wanted });
  });

  it('is not to be looked at without process_cc_data_flag', () => {
    expect(channelsIn(sample(family, captionMessage([[0xfc, 0x94, 0x20]], 0x80)), family)).toEqual({ present: true, channels: [] });
  });

  it('user data of others is none', () => {
    expect(channelsIn(sample(family, [4, 9, 0xb5, 0, 0x31, 0x44, 0x54, 0x47, 0x31, 0x41, 0xf8], LONG), family)).toEqual({ present: false, channels: [] });
  });

  it('ends with every content of a message', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255), { maxLength: 80 }), fc.boolean(), (bytes, named) => {
        const content = named ? [4, bytes.length + 8, 0xb5, 0, 0x31, 0x47, 0x41, 0x39, 0x34, 3, ...bytes] : bytes;
        for (const channel of channelsIn(sample(family, content), family).channels) expect(channel).toMatch(/^(CC[1-4]|SERVICE[1-9]\d?)$/);
      }),
      { numRuns: 300 },
    );
  });
});
