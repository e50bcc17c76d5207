/** What is written, as text: `vitest run src/isobmff/golden.test.ts -u` renews it, the diff shows what changed. */
import { describe, expect, it } from 'vitest';
import { dumpText } from './dump.ts';
import { writeFragmentHead, type FragmentHead } from './fragment.ts';
import { writeInit, type Init } from './init.ts';
import type { Subsamples, TrackEncryption } from './protection.ts';
import { aacEntry, avcEntry } from './testing.ts';
import { box, text, u16 } from './write.ts';

const video: Init = { brand: 'cmfc', kind: 'video', timescale: 30000, language: 'und', sampleEntry: avcEntry(), width: 320, height: 180 };
const audio: Init = { brand: 'ccff', kind: 'audio', timescale: 10_000_000, language: 'fra', sampleEntry: aacEntry(), width: 0, height: 0 };
const subtitles = box('stpp', new Uint8Array(6), u16(1), text('http://www.w3.org/ns/ttml'), text(''), text(''));
const captions = box('wvtt', new Uint8Array(6), u16(1), box('vttC', Buffer.from('WEBVTT')));

const KEY_ID = Uint8Array.from({ length: 16 }, (_, i) => i);
const cenc: TrackEncryption = { scheme: 'cenc', keyId: KEY_ID, ivBytes: 8, constantIv: null, pattern: { crypt: 0, skip: 0 } };

const INITS: readonly (readonly [string, Init])[] = [
  ['init-cmfc-video', video],
  ['init-cmfc-audio', { ...audio, brand: 'cmfc', timescale: 48000 }],
  ['init-ccff-video', { ...video, brand: 'ccff', timescale: 10_000_000, duration: 703_035_666n }],
  ['init-ccff-audio', audio],
  ['init-cmfc-stpp', { ...video, kind: 'text', timescale: 1000, language: 'por', extendedLanguage: 'pt-BR', sampleEntry: subtitles, width: 0, height: 0 }],
  ['init-cmfc-video-cenc', { ...video, encryption: cenc, systems: [Buffer.from('0000003470737368010000001077efecc0b24d02ace33c1e52e2fb4b00000001000102030405060708090a0b0c0d0e0f00000000', 'hex')] }],
  ['init-cmfc-video-cbcs', { ...video, encryption: { ...cenc, scheme: 'cbcs', ivBytes: 0, constantIv: KEY_ID, pattern: { crypt: 1, skip: 9 } } }],
  ['init-ccff-audio-cenc', { ...audio, encryption: cenc }],
  ['init-cmfc-wvtt', { ...video, kind: 'text', timescale: 1000, language: 'eng', sampleEntry: captions, width: 0, height: 0, trackId: 3 }],
];

const closed: FragmentHead = {
  sequence: 1,
  trackId: 1,
  baseMediaDecodeTime: 60_060_000n,
  durations: Uint32Array.of(333667, 333667, 333666, 333667),
  sizes: Uint32Array.of(9000, 120, 80, 81),
  compositions: Int32Array.of(0, 667334, -333667, -333667),
  sync: (sample) => sample === 0,
  styp: null,
};

const subsamples: Subsamples = { counts: Uint32Array.of(2, 1, 1, 1), clear: Uint16Array.of(40, 24, 24, 80, 33), protectedBytes: Uint32Array.of(4448, 4488, 96, 0, 48) };

const HEADS: readonly (readonly [string, FragmentHead])[] = [
  ['fragment-video', closed],
  ['fragment-audio', { ...closed, durations: Uint32Array.of(1024, 1024, 1024, 1024), compositions: null, sync: null, styp: 'cmfs' }],
  ['fragment-keys', { ...closed, sizes: Uint32Array.of(5, 5, 5, 5), sync: (sample) => sample % 2 === 0 }],
  ['fragment-video-cenc', { ...closed, encryption: { form: 'cenc', ivs: Uint8Array.from({ length: 32 }, (_, i) => i), ivBytes: 8, subsamples } }],
  ['fragment-video-cbcs', { ...closed, styp: 'cmfs', encryption: { form: 'cenc', ivs: new Uint8Array(0), ivBytes: 0, subsamples } }],
  ['fragment-audio-cenc', { ...closed, compositions: null, sync: null, encryption: { form: 'cenc', ivs: Uint8Array.from({ length: 32 }, (_, i) => i), ivBytes: 8, subsamples: null } }],
  ['fragment-video-piff', { ...closed, encryption: { form: 'piff', ivs: Uint8Array.from({ length: 32 }, (_, i) => i), ivBytes: 8, subsamples } }],
  ['fragment-smooth', { ...closed, tfxd: { fragment_absolute_time: 60_060_000n, fragment_duration: 1_334_667n } }],
];

describe('goldens', () => {
  it.each(INITS)('%s', async (name, init) => {
    await expect(await dumpText(writeInit(init))).toMatchFileSnapshot(`goldens/${name}.txt`);
  });

  it.each(HEADS)('%s', async (name, head) => {
    const bytes = writeFragmentHead(head);
    const payload = new Uint8Array(head.sizes.reduce((sum, size) => sum + size, 0));
    await expect(await dumpText(Buffer.concat([bytes, payload]))).toMatchFileSnapshot(`goldens/${name}.txt`);
  });
});
