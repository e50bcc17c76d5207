/**
 * The seed document's example as an asset, written byte by byte: the tables and codec configurations are the
 * document's, the payload is filler. What can be learnt from it is in manifests and boxes, never in pictures.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AssetRecipe } from '../spec/asset.ts';
import { audioEntry, box, esds, movie, u16, u32, type Track } from './movie.ts';

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

type FileParts = Pick<Track, 'size' | 'timescale' | 'delta' | 'entry' | 'sync'> & { readonly count: number; readonly sample: Buffer };

/** The first sample carries the NAL type of its place. */
function mp4({ count, sample, ...track }: FileParts): Buffer {
  const { size, sync } = track;
  const samples = Array.from({ length: count }, (_, i) => (size !== null && sync?.includes(i) === true ? Buffer.from(sample).fill(0x65, 4, 5) : sample));
  return movie({ ...track, samples, language: 'eng', mediaTime: 0 });
}

function videoFile({ width, height, sets }: { width: number; height: number; sets: string }): Buffer {
  const [sps, pps] = sets.split('00000001').filter((set) => set !== '').map((set) => Buffer.from(set, 'hex'));
  // High profile: chroma format 4:2:0 and 8 bits follow the sets (ISO/IEC 14496-15:2022 5.3.3.1.2).
  const avcC = box('avcC', Buffer.from([1, sps[1], sps[2], sps[3], 0xff, 0xe1]), u16(sps.length), sps, Buffer.from([1]), u16(pps.length), pps, Buffer.from([0xfd, 0xf8, 0xf8, 0]));
  const compressor = Buffer.alloc(32);
  const entry = box('avc1', Buffer.alloc(6), u16(1), Buffer.alloc(16), u16(width, height), u32(0x480000, 0x480000, 0), u16(1), compressor, u16(0x18, 0xffff), avcC);
  const sync = Array.from({ length: Math.ceil(FRAMES.video / FRAMES.gop) }, (_, i) => i * FRAMES.gop);
  return mp4({ size: [width, height], timescale: 30000, delta: 1001, count: FRAMES.video, sample: VIDEO_SAMPLE, entry, sync });
}

function audioFile(): Buffer {
  const entry = audioEntry('mp4a', 2, 48000, esds(0x40, 128041, Buffer.from('1190', 'hex')));
  return mp4({ size: null, timescale: 48000, delta: 1024, count: FRAMES.audio, sample: AUDIO_SAMPLE, entry, sync: null });
}
