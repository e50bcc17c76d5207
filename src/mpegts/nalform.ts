/**
 * Stored samples to the form that a transport stream wants, piece by piece: start codes for length fields of any size,
 * parameter sets and delimiters left out, slices enciphered with SAMPLE-AES. A piece may end anywhere.
 */
import { isAccessUnitDelimiter, isParameterSet, nalType } from '../codec/nal.ts';
import { IsomerError } from '../errors.ts';
import { allocate, copyBlocks, findZeros } from '../kernels/kernels.ts';
import { BLOCK, isEncryptedNal, NAL_LEADER_BYTES, SKIPPED_BYTES, type BlockCipher } from './protect.ts';

/** Takes bytes [from, to); they may be overwritten afterwards. */
export type Put = (bytes: Uint8Array, from: number, to: number) => void;

/** Feeds bytes [from, to) of a sample of which `left` bytes follow. Bytes are changed in place. */
export type NalForm = (bytes: Uint8Array, from: number, to: number, left: number, put: Put) => void;

const START_CODE = Uint8Array.of(0, 0, 0, 1);
const EMULATION_PREVENTION = Uint8Array.of(3);
const STRIDE = BLOCK + SKIPPED_BYTES;
const CHUNK_BLOCKS = 2048;
/** Used from the beginning to the end of one call, so all responses share it. */
const gathered = allocate(BLOCK * CHUNK_BLOCKS) ?? new Uint8Array(BLOCK * CHUNK_BLOCKS);

/** AVC samples with length fields of `lengthSize` bytes; `cipher`: null in the clear. `dropped` hears of stored bytes that are left out. */
export function openNalForm(lengthSize: number, cipher: BlockCipher | null, dropped: (bytes: number) => void = () => undefined): NalForm {
  /** Bytes of the length field that were seen, and their value. */
  let field = 0;
  let length = 0;
  /** Bytes of the open NAL unit that are still to come, and what is done with them. */
  let open = 0;
  let isDropped = false;
  let slice: ((bytes: Uint8Array, from: number, to: number, put: Put) => void) | null = null;

  const begin = (first: number, put: Put): void => {
    const type = nalType('avc', first);
    isDropped = isParameterSet('avc', type) || isAccessUnitDelimiter('avc', type);
    if (isDropped) return dropped(lengthSize + length);
    put(START_CODE, 0, START_CODE.length);
    slice = cipher !== null && isEncryptedNal(type, length) ? openSlice(length, cipher) : null;
  };

  return (bytes, from, to, left, put) => {
    for (let at = from; at < to; ) {
      if (open === 0) {
        length = length * 256 + bytes[at++];
        if (++field < lengthSize) continue;
        if (length === 0 || length > to - at + left) throw new IsomerError('MPE_INVALID_NALU_SIZE', { expected: `1 to ${to - at + left} bytes`, found: String(length) });
        open = length;
        continue;
      }
      if (field > 0) {
        begin(bytes[at], put);
        field = 0;
        length = 0;
      }
      const taken = Math.min(open, to - at);
      if (!isDropped) (slice ?? put)(bytes, at, at + taken, put);
      open -= taken;
      at += taken;
    }
    if (left === 0 && (field > 0 || open > 0)) throw new IsomerError('MPE_INVALID_NALU_SIZE', { expected: 'NAL units that fill the sample', found: `${field} bytes of a length field` });
  };
}

/** A slice of `length` bytes, enciphered and with emulation prevention put in once more over all of it. */
function openSlice(length: number, cipher: BlockCipher): (bytes: Uint8Array, from: number, to: number, put: Put) => void {
  /** Enciphered blocks; the last one only when a byte follows it. */
  const count = Math.ceil((length - NAL_LEADER_BYTES - BLOCK) / STRIDE);
  const escape = openEscape();
  /** A block that a piece's end has cut: its first bytes. */
  const held = new Uint8Array(BLOCK);
  let heldBytes = 0;
  let place = 0;
  let done = 0;
  return (bytes, from, to, put) => {
    let at = from;
    if (heldBytes > 0) {
      const taken = Math.min(BLOCK - heldBytes, to - at);
      held.set(bytes.subarray(at, at + taken), heldBytes);
      [heldBytes, at, place] = [heldBytes + taken, at + taken, place + taken];
      if (heldBytes < BLOCK) return;
      escape(cipher(held, done++ === 0), 0, BLOCK, put);
      heldBytes = 0;
    }
    // Whole blocks of what is left, together.
    const first = at + NAL_LEADER_BYTES + STRIDE * done - place;
    const blocks = Math.max(0, Math.min(count - done, Math.floor((to - first - BLOCK) / STRIDE) + 1));
    for (let i = 0; i < blocks; i += CHUNK_BLOCKS) {
      const some = Math.min(CHUNK_BLOCKS, blocks - i);
      copyBlocks(gathered, 0, BLOCK, bytes, first + STRIDE * i, STRIDE, some);
      copyBlocks(bytes, first + STRIDE * i, STRIDE, cipher(gathered.subarray(0, BLOCK * some), done === 0), 0, BLOCK, some);
      done += some;
    }
    const next = first + STRIDE * blocks;
    const end = done < count && next < to ? next : to;
    escape(bytes, at, end, put);
    held.set(bytes.subarray(end, to));
    heldBytes = to - end;
    place += to - at;
  };
}

/** emulation_prevention_three_byte (ISO/IEC 14496-10:2022 7.4.1.1) for one NAL unit. Looks from two zeros in a row to the next, which are rare. */
function openEscape(): (bytes: Uint8Array, from: number, to: number, put: Put) => void {
  let zeros = 0;
  return (bytes, from, to, put) => {
    let start = from;
    for (let at = from; at < to; at++) {
      if (zeros === 0) {
        at = findZeros(bytes, at, to);
        if (at < to) zeros = 2;
        else zeros = from < to && bytes[to - 1] === 0 ? 1 : 0;
        // The second of them: the loop goes on behind it.
        at++;
        continue;
      }
      const byte = bytes[at];
      if (zeros === 2 && byte <= 3) {
        put(bytes, start, at);
        put(EMULATION_PREVENTION, 0, 1);
        start = at;
        zeros = 0;
      }
      zeros = byte === 0 ? zeros + 1 : 0;
    }
    if (start < to) put(bytes, start, to);
  };
}

