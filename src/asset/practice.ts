/**
 * A movie of our own for practice: code that has opened one before is compiled when the first asset comes. Its tables are
 * as long as those of a film of some length, its samples of a few bytes.
 */
import { concatBytes, swapWords } from '../bytes.ts';
import { box, fourcc, fullBox, u16, u32 } from '../isobmff/write.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import type { Storage } from '../storage/storage.ts';

export const PRACTICE = { folder: 'practice', name: 'practice' } as const;

const GROUP = 8;
const VIDEO: Track = { id: 1, handler: 'vide', count: 2100 * GROUP, timescale: 30_000, delta: 1001 };
/** As long as the video. */
const AUDIO: Track = { id: 2, handler: 'soun', count: 26_277, timescale: 48_000, delta: 1024 };
const PER_CHUNK = 30;
const VIDEO_BITRATE = 500_000;
const AUDIO_BITRATE = 64_000;

const SERVER_MANIFEST = `<smil xmlns="http://www.w3.org/2001/SMIL20/Language"><head><meta name="formats" content="mp4"/></head><body><switch>${[
  `<video src="practice.mp4" systemBitrate="${VIDEO_BITRATE}"/>`,
  `<audio src="practice.mp4" systemBitrate="${AUDIO_BITRATE}"><param name="trackName" value="audio" valuetype="data"/></audio>`,
].join('')}</switch></body></smil>`;

/** The movie as an asset in memory. */
export function createPracticeStorage(): Storage {
  return createMemoryStorage({ 'practice/practice.ism': new TextEncoder().encode(SERVER_MANIFEST), 'practice/practice.mp4': practiceMovie() });
}

/** H.264 High, 320x180 (ISO/IEC 14496-15:2022 5.3.3.1.2): a profile, a level, SPS and PPS. */
const AVC_CONFIGURATION = Uint8Array.from(Buffer.from('0164000dffe100186764000dacd941419f9f011000003e90000ea600f1429960010005' + '68ebecb22cfdf8f800', 'hex'));
/** AAC-LC, 48 kHz, stereo (ISO/IEC 14496-1:2010 7.2.6). */
const AAC_DESCRIPTOR = Uint8Array.from(Buffer.from('0319000100' + '0411401500000000' + '01f400' + '0001f400' + '05021190' + '060102', 'hex'));
/** A slice of an IDR picture behind its length. */
const KEY_FRAME = Uint8Array.of(0, 0, 0, 2, 0x65, 0x88);

type Track = { readonly id: number; readonly handler: 'vide' | 'soun'; readonly count: number; readonly timescale: number; readonly delta: number };

/** Sizes that differ, so that there is an entry for each sample. */
const sizeOf = (sample: number): number => KEY_FRAME.length + (sample % 3);

/** Numbers of 32 bits in loops over one array: lists of that length would cost more than all the practice. */
function words(count: number, of: (i: number) => number): Uint8Array {
  const list = new Uint32Array(count);
  for (let i = 0; i < count; i++) list[i] = of(i);
  swapWords(list);
  return new Uint8Array(list.buffer);
}

function practiceMovie(): Uint8Array {
  const chunksOf = ({ count }: Track, start: number): Uint32Array => {
    const chunks = new Uint32Array(Math.ceil(count / PER_CHUNK) + 1);
    let at = start;
    for (let i = 0; i < count; at += sizeOf(i++)) if (i % PER_CHUNK === 0) chunks[i / PER_CHUNK] = at;
    chunks[chunks.length - 1] = at;
    return chunks;
  };
  const ftyp = box('ftyp', fourcc('isom'), u32(512), fourcc('isom'));
  // The movie box stands last: nobody need know its size.
  const video = chunksOf(VIDEO, ftyp.length + 8);
  const audio = chunksOf(AUDIO, video[video.length - 1]);
  const media = new Uint8Array(audio[audio.length - 1] - video[0]);
  media.set(KEY_FRAME);
  const moov = box('moov', fullBox('mvhd', 0, 0, u32(0, 0, 1000, 0, 0x10000), new Uint8Array(76)), trak(VIDEO, videoBoxes(), video), trak(AUDIO, audioBoxes(), audio));
  return concatBytes([ftyp, box('mdat', media), moov]);
}

/** What is of one kind alone. */
type Boxes = { readonly entry: Uint8Array; readonly header: Uint8Array; readonly tables: readonly Uint8Array[] };

/** Boxes of ISO/IEC 14496-12:2022 8.3 to 8.7. `chunks`: where they begin, and where the last one ends. */
function trak({ id, handler, count, timescale, delta }: Track, { entry, header, tables }: Boxes, chunks: Uint32Array): Uint8Array {
  const chunkCount = chunks.length - 1;
  const rest = count % PER_CHUNK;
  const runs = [1, PER_CHUNK, 1, ...(rest === 0 ? [] : [chunkCount, rest, 1])];
  const stbl = box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), entry),
    fullBox('stts', 0, 0, u32(1, count, delta)),
    ...tables,
    fullBox('stsz', 0, 0, u32(0, count), words(count, sizeOf)),
    fullBox('stsc', 0, 0, u32(runs.length / 3, ...runs)),
    fullBox('stco', 0, 0, u32(chunkCount), words(chunkCount, (i) => chunks[i])),
  );
  const minf = box('minf', header, box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1))), stbl);
  const mdia = box('mdia', fullBox('mdhd', 0, 0, u32(0, 0, timescale, count * delta), u16(0x55c4, 0)), fullBox('hdlr', 0, 0, u32(0), fourcc(handler), u32(0, 0, 0), Uint8Array.of(0)), minf);
  return box('trak', fullBox('tkhd', 0, 7, u32(0, 0, id, 0, 0, 0, 0), new Uint8Array(52)), mdia);
}

function videoBoxes(): Boxes {
  const { count, delta } = VIDEO;
  return {
    entry: box('avc1', new Uint8Array(6), u16(1), new Uint8Array(16), u16(320, 180), u32(0x480000, 0x480000, 0), u16(1), new Uint8Array(32), u16(0x18, 0xffff), box('avcC', AVC_CONFIGURATION)),
    header: fullBox('vmhd', 0, 1, u32(0, 0)),
    tables: [
      // In each group I, then P B B again and again.
      fullBox('ctts', 0, 0, u32(count), words(2 * count, (i) => (i % 2 === 0 ? 1 : delta * ((i >> 1) % GROUP === 0 ? 1 : [1, 3, 0][((i >> 1) % GROUP) % 3])))),
      fullBox('stss', 0, 0, u32(count / GROUP), words(count / GROUP, (i) => i * GROUP + 1)),
    ],
  };
}

function audioBoxes(): Boxes {
  return {
    entry: box('mp4a', new Uint8Array(6), u16(1), u32(0, 0), u16(2, 16, 0, 0), u32(48_000 * 65_536), fullBox('esds', 0, 0, AAC_DESCRIPTOR)),
    header: fullBox('smhd', 0, 0, u32(0)),
    tables: [],
  };
}
