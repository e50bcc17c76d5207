/**
 * The seed document's example as an asset, written byte by byte: the tables and codec configurations are the
 * document's, the payload is filler. What can be learnt from it is in manifests and boxes, never in pictures.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AssetRecipe } from '../spec/asset.ts';

/** CodecPrivateData of the seed's client manifest, per file. */
const VIDEO: Readonly<Record<string, { width: number; height: number; sets: string }>> = {
  'ignite_1280x720_3579.mp4': { width: 1280, height: 720, sets: '0000000167640020ACD9405005BB011000003E90000EA600F18319600000000168EBECB22C' },
  'ignite_960x540_2217.mp4': { width: 960, height: 540, sets: '000000016764001FACD940F0117EF01100000303E90000EA600F1831960000000168EBECB22C' },
  'ignite_640x360_1154.mp4': { width: 640, height: 360, sets: '000000016764001EACD940A02FF9701100000303E90000EA600F162D960000000168EBECB22C' },
  'ignite_480x270_721.mp4': { width: 480, height: 270, sets: '0000000167640015ACD941E08FEB011000003E90000EA600F162D9600000000168EBECB22C' },
  'ignite_320x180_381.mp4': { width: 320, height: 180, sets: '000000016764000DACD941419F9F011000003E90000EA600F14299600000000168EBECB22C' },
};
const FRAMES = { video: 2107, audio: 3296, gop: 60 } as const;
const VIDEO_SAMPLE = Buffer.from('00000003' + '0c' + 'ff80', 'hex');
const AUDIO_SAMPLE = Buffer.from('21004990021900238021', 'hex');

export async function writeSeedAsset(recipe: AssetRecipe, folder: string): Promise<void> {
  for (const src of new Set(recipe.elements.map((element) => element.src))) {
    const video = VIDEO[src];
    await writeFile(join(folder, src), video === undefined ? audioFile() : videoFile(video));
  }
}

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => bytes.writeUInt16BE(value, 2 * i));
  return bytes;
}

function box(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(8 + body.length), Buffer.from(type, 'latin1'), body]);
}

const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

type FileParts = { readonly video: boolean; readonly timescale: number; readonly delta: number; readonly count: number; readonly sample: Buffer; readonly entry: Buffer; readonly width: number; readonly height: number; readonly sync: readonly number[] | null };

/** ftyp, moov, mdat with one chunk; ISO/IEC 14496-12:2022 box order. */
function mp4(parts: FileParts): Buffer {
  const { video, timescale, delta, count, sample, entry, width, height, sync } = parts;
  const duration = count * delta;
  const movieDuration = Math.floor((duration * 1000) / timescale);
  const language = (5 << 10) | (14 << 5) | 7;
  // The first sample carries the NAL type of its place; all have one size, so stsz holds it once.
  const samples = Buffer.concat(Array.from({ length: count }, (_, i) => (video && sync?.includes(i) === true ? Buffer.from(sample).fill(0x65, 4, 5) : sample)));
  const ftyp = box('ftyp', Buffer.from('isom', 'latin1'), u32(0x200), Buffer.from('isomiso2avc1mp41', 'latin1'));
  const moov = (chunk: number): Buffer =>
    box(
      'moov',
      box('mvhd', u32(0, 0, 0, 1000, movieDuration, 0x10000), u16(0x100, 0), u32(0, 0), MATRIX, u32(0, 0, 0, 0, 0, 0, 2)),
      box(
        'trak',
        box('tkhd', u32(7, 0, 0, 1, 0, movieDuration, 0, 0), u16(0, 0, video ? 0 : 0x100, 0), MATRIX, u32(width * 65536, height * 65536)),
        box(
          'mdia',
          box('mdhd', u32(0, 0, 0, timescale, duration), u16(language, 0)),
          box('hdlr', u32(0, 0), Buffer.from(video ? 'vide' : 'soun', 'latin1'), u32(0, 0, 0), Buffer.from(video ? 'VideoHandler\0' : 'SoundHandler\0', 'latin1')),
          box(
            'minf',
            video ? box('vmhd', u32(1), u16(0, 0, 0, 0)) : box('smhd', u32(0), u16(0, 0)),
            box('dinf', box('dref', u32(0, 1), box('url ', u32(1)))),
            box(
              'stbl',
              box('stsd', u32(0, 1), entry),
              box('stts', u32(0, 1, count, delta)),
              ...(sync === null ? [] : [box('stss', u32(0, sync.length, ...sync.map((i) => i + 1)))]),
              box('stsc', u32(0, 1, 1, count, 1)),
              box('stsz', u32(0, sample.length, count)),
              box('stco', u32(0, 1, chunk)),
            ),
          ),
        ),
      ),
    );
  const start = ftyp.length + moov(0).length + 8;
  return Buffer.concat([ftyp, moov(start), box('mdat', samples)]);
}

function videoFile({ width, height, sets }: { width: number; height: number; sets: string }): Buffer {
  const [sps, pps] = sets.split('00000001').filter((set) => set !== '').map((set) => Buffer.from(set, 'hex'));
  // High profile: chroma format 4:2:0 and 8 bits follow the sets (ISO/IEC 14496-15:2022 5.3.3.1.2).
  const avcC = box('avcC', Buffer.from([1, sps[1], sps[2], sps[3], 0xff, 0xe1]), u16(sps.length), sps, Buffer.from([1]), u16(pps.length), pps, Buffer.from([0xfd, 0xf8, 0xf8, 0]));
  const compressor = Buffer.alloc(32);
  const entry = box('avc1', Buffer.alloc(6), u16(1), Buffer.alloc(16), u16(width, height), u32(0x480000, 0x480000, 0), u16(1), compressor, u16(0x18, 0xffff), avcC);
  const sync = Array.from({ length: Math.ceil(FRAMES.video / FRAMES.gop) }, (_, i) => i * FRAMES.gop);
  return mp4({ video: true, timescale: 30000, delta: 1001, count: FRAMES.video, sample: VIDEO_SAMPLE, entry, width, height, sync });
}

function audioFile(): Buffer {
  const specific = Buffer.from('1190', 'hex');
  const decoder = Buffer.concat([Buffer.from([0x40, 0x15, 0, 0, 0]), u32(128041, 128041), Buffer.from([5, specific.length]), specific]);
  const descriptor = Buffer.concat([Buffer.from([0, 1, 0, 4, decoder.length]), decoder, Buffer.from([6, 1, 2])]);
  const esds = box('esds', u32(0), Buffer.from([3, descriptor.length]), descriptor);
  const entry = box('mp4a', Buffer.alloc(6), u16(1), u32(0, 0), u16(2, 16, 0, 0), u32(48000 * 65536), esds);
  return mp4({ video: false, timescale: 48000, delta: 1024, count: FRAMES.audio, sample: AUDIO_SAMPLE, entry, width: 0, height: 0, sync: null });
}
