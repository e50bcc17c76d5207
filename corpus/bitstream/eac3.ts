/**
 * Enhanced AC-3 that no encoder at hand makes, rewritten from frames that one did (ETSI TS 102 366 V1.4.1 Annex E): the signalling of joint
 * object coding, without objects, and a dependent substream that brings 5.1 to 7.1. Frames of 6 blocks at 48 kHz without metadata.
 */
import { BitReader, BitWriter, crc16 } from './bits.ts';

const SYNC = 0x0b77;
const DEPENDENT = 1;
const BLOCKS = 6;
/** chanmap (table E.1.7), bits from the left: Ls 3, Rs 4, Lrs/Rrs 6. */
const SURROUNDS = [3, 4, 6].reduce((map, bit) => map | (1 << (15 - bit)), 0);
/** nfchans by acmod (table 4.3). */
const CHANNELS: readonly number[] = [2, 1, 2, 3, 3, 4, 4, 5];

/** Frames of an elementary stream. */
export function eac3Frames(stream: Uint8Array): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 6 <= stream.length; ) {
    const reader = new BitReader(stream.subarray(at));
    if (reader.u(16) !== SYNC) throw new Error(`no frame at byte ${at}`);
    reader.position += 5;
    const bytes = 2 * (reader.u(11) + 1);
    frames.push(Buffer.from(stream.subarray(at, at + bytes)));
    at += bytes;
  }
  return frames;
}

/** bsi up to addbsie, which is read (E.1.2.2). */
function readInformation(reader: BitReader): { readonly acmod: number; readonly lfeon: number } {
  const expect = (what: string, width: number, value: number): void => {
    const found = reader.u(width);
    if (found !== value) throw new Error(`${what} is ${found}, not ${value}`);
  };
  reader.position = 32;
  expect('fscod', 2, 0);
  expect('numblkscod', 2, 3);
  const acmod = reader.u(3);
  const lfeon = reader.u(1);
  expect('bsid', 5, 16);
  reader.position += 5; // dialnorm
  expect('compre', 1, 0);
  expect('mixmdate', 1, 0);
  expect('infomdate', 1, 0);
  expect('addbsie', 1, 0);
  return { acmod, lfeon };
}

/** A frame of another size with its checksum: of the bits before, then zeros, then auxdatae and crcrsv as they were. */
function closeFrame(writer: BitWriter, frame: Uint8Array, words: number): Buffer {
  const source = new BitReader(frame);
  source.position = 8 * frame.length - 18;
  const last = source.u(2);
  const bits = 16 * words - 18;
  if (writer.position > bits) throw new Error('the frame is too small');
  while (writer.position < bits) writer.u(1, 0);
  const bytes = writer.u(2, last).u(16, 0).toBytes();
  bytes.writeUInt16BE(crc16(bytes.subarray(2, -2), 0x8005, 0), bytes.length - 2);
  return bytes;
}

/** addbsi of ETSI TS 103 420 8.3: flag_ec3_extension_type_a and the complexity index. The frame grows by two words. */
export function withObjectSignalling(frame: Uint8Array, complexity: number): Buffer {
  const reader = new BitReader(frame);
  readInformation(reader);
  const before = reader.position - 1;
  const words = frame.length / 2 + 2;
  const writer = new BitWriter().fields([16, SYNC], [2, 0], [3, 0], [11, words - 1]);
  reader.position = 32;
  reader.copyTo(writer, before);
  writer.fields([1, 1], [6, 1], [7, 0], [1, 1], [8, complexity]);
  reader.position = before + 1;
  reader.copyTo(writer, 8 * frame.length - 18);
  return closeFrame(writer, frame, words);
}

/**
 * An independent frame of four uncoupled channels (2/2) as a dependent one, which holds the side and rear surrounds of a 7.1 programme: the
 * sides of the independent one are then a downmix, and replaced. The frame is one word longer, and what is too much is filled with zeros.
 * Dependent frames have no convexpstr in audfrm and no convsnroffste in each audblk: the former goes; the latter, a 0, stands where skiple
 * stands when skipflde says that it is there, so it is called that.
 */
export function surroundFrame(frame: Uint8Array): Buffer {
  const reader = new BitReader(frame);
  const { acmod, lfeon } = readInformation(reader);
  if (acmod !== 6 || lfeon !== 0) throw new Error('the frame is not of four channels');
  const audfrm = reader.position;
  const { skipflde, convexpstr } = readAudioFrame(reader, CHANNELS[acmod]);
  const words = frame.length / 2 + 1;
  const writer = new BitWriter().fields([16, SYNC], [2, DEPENDENT], [3, 0], [11, words - 1]);
  reader.position = 32;
  // compre is followed by chanmape and chanmap, then mixmdate, infomdate and addbsie.
  reader.copyTo(writer, audfrm - 3);
  writer.fields([1, 1], [16, SURROUNDS]);
  reader.copyTo(writer, skipflde);
  writer.u(1, 1);
  reader.position = skipflde + 1;
  reader.copyTo(writer, convexpstr);
  reader.position = convexpstr + 5 * CHANNELS[acmod];
  reader.copyTo(writer, 8 * frame.length - 18);
  return closeFrame(writer, frame, words);
}

/** Positions in audfrm (E.1.2.3) of uncoupled channels; the reader stands at its start. */
function readAudioFrame(reader: BitReader, channels: number): { readonly skipflde: number; readonly convexpstr: number } {
  const expstre = reader.u(1);
  reader.position += 1 + 2 + 1 + 1 + 1 + 1 + 1; // ahte, snroffststr, transproce, blkswe, dithflage, bamode, frmfgaincode
  if (reader.u(1) !== 0) throw new Error('dbaflde is 1');
  const skipflde = reader.position;
  if (reader.u(1) !== 0) throw new Error('skipflde is 1');
  reader.position += 1; // spxattene
  for (let block = 0; block < BLOCKS; block++) {
    const restated = block === 0 || reader.u(1) === 1;
    if (restated && reader.u(1) === 1) throw new Error('the channels are coupled');
  }
  // chexpstr of each block, or frmchexpstr.
  reader.position += channels * (expstre === 1 ? 2 * BLOCKS : 5);
  return { skipflde, convexpstr: reader.position };
}

export type Dec3 = { readonly kbps: number; readonly acmod: number; readonly lfe: boolean; readonly rear: boolean; readonly complexity: number | null };

/** Body of a dec3 box (F.6), one independent substream at 48 kHz; chan_loc bit 1 is Lrs/Rrs (F.6.2.13). */
export function dec3Body({ kbps, acmod, lfe, rear, complexity }: Dec3): Buffer {
  const writer = new BitWriter().fields([13, kbps], [3, 0], [2, 0], [5, 16], [1, 0], [1, 0], [3, 0], [3, acmod], [1, lfe ? 1 : 0], [3, 0], [4, rear ? 1 : 0]);
  if (rear) writer.u(9, 1 << 1);
  else writer.u(1, 0);
  if (complexity !== null) writer.fields([7, 0], [1, 1], [8, complexity]);
  return writer.toBytes();
}
