/**
 * One transport stream segment from a run of samples (media-rules 5). Sizes are known from the sample tables alone;
 * the bytes are made in bounded windows, so a stalled client holds one window and not a segment.
 *
 * Each elementary PID's continuity counter starts at 0 and ends at 15 in every segment, by stretching its last PES
 * packet with stuffing: segments that are made alone then join without a gap.
 */
import { IsomerError } from '../errors.ts';
import { PACKET_BYTES } from '../kernels/kernels.ts';
import type { AudioStream } from './audio.ts';
import type { NalForm } from './nalform.ts';
import { ADTS_BYTES, AVC_ACCESS_UNIT_DELIMITER, CLOCK_WRAP, pesHeaderBytes, VIDEO_STREAM_ID, writeAdtsHeader, writePesHeader } from './pes.ts';
import { Packetizer, packetsFor, type Layout } from './packet.ts';
import { ENCRYPTED_VIDEO, encryptedAudio, type AudioSetup } from './protect.ts';
import { AUDIO_PID, programTables, STREAM_TYPES, VIDEO_PID } from './psi.ts';

/** Samples of one elementary stream in decoding order; times in 90 kHz, already offset and not wrapped. */
export type TsSamples = {
  readonly source: string;
  readonly sizes: Uint32Array;
  /** Bytes from the start of the source. */
  readonly offsets: Float64Array;
  readonly pts: Float64Array;
  readonly dts: Float64Array;
};

/** Samples that are not sent as they are: their bytes on the wire, how far those may run ahead of the stored ones, and what makes them. */
export type TsForm = { readonly sizes: Uint32Array; readonly growth: Uint32Array; open(): NalForm };

/** Without a form: samples with 4-byte NAL length fields, without access unit delimiters and parameter sets. */
export type TsVideo = TsSamples & {
  readonly form?: TsForm;
  readonly sync: (sample: number) => boolean;
  /** In stored order, without start code: repeated before each key frame. */
  readonly parameterSets: readonly Uint8Array[];
  /** The samples are encrypted with SAMPLE-AES. */
  readonly encrypted?: boolean;
};

/** What the program map table says of frames that are encrypted with SAMPLE-AES, and what encrypts frames in place. */
export type TsAudioEncryption = { readonly setup: AudioSetup; open(): (payload: Uint8Array, sizes: Uint32Array) => void };

export type TsAudio = TsSamples & { readonly stream: AudioStream; readonly language: string; readonly encryption?: TsAudioEncryption };

export type TsInput = {
  readonly video: TsVideo | null;
  readonly audio: TsAudio | null;
  readonly segment: number;
  /** No segment follows: the clock runs on as long as there is audio. Before others it must not run into theirs. */
  readonly last?: boolean;
};

export type TsRead = { readonly source: string; readonly offset: number; readonly length: number; readonly at: number };

/** Bytes of a segment that are made together: the reads land in a buffer of `capacity` bytes, `make` returns a view of it. */
export type TsWindow = { readonly capacity: number; readonly reads: readonly TsRead[]; make(buffer: Uint8Array): Uint8Array };

/** `held`: about the memory that it takes. It may be used again. */
export type TsPlan = { readonly length: number; readonly held: number; windows(): Iterable<TsWindow> };

/** Of a window's buffer: all that a stalled client holds. */
const WINDOW_BYTES = 256 * 1024;
/** Samples are cut into pieces of this size where a window ends. */
const PIECE_BYTES = 16 * 1024;
/** Packets are moved forward in 16-byte steps: output stays this far behind the input that it is made of. */
const STEP_BYTES = 32;
/** 100 ms: the longest distance between clock references (ISO/IEC 13818-1:2019 2.7.2). */
const PCR_DISTANCE = 9000;
/** Of clock references alone in a row: ten minutes without an access unit. */
const MAX_CLOCKS = 6000;
/** Ticks per second of all times here. */
const CLOCK_RATE = 90_000;
/** 700 ms: the furthest that a clock reference may lie ahead of its access unit (media-rules 5). */
const MAX_PCR_LEAD = 63000;
/** Audio is sent this long before its presentation at the latest. */
const AUDIO_LEAD = 4500;
/** Longest run of audio frames in one PES packet: the clock references of audio-only segments stand on them. */
const AUDIO_PES_TICKS = PCR_DISTANCE;
const AUDIO_PES_BYTES = 2800;
/** aac_frame_length has 13 bits and counts the header (ISO/IEC 14496-3:2019 1.A.2.2). */
const MAX_ADTS_PAYLOAD = 0x1fff - ADTS_BYTES;
/** PES_packet_length has 16 bits and counts the header behind it. */
const MAX_PES_PAYLOAD = 0xffff - 8;
/** Of a unit, its piece, its reads and the numbers of its samples in memory, about. */
const UNIT_BYTES = 320;
const NO_TIMES = new Float64Array(0);
const NO_BYTES = new Uint8Array(0);

/** One PES packet, or a packet that carries the clock alone. */
type Unit = Layout & {
  readonly stream: 'video' | 'audio' | 'clock';
  readonly first: number;
  readonly end: number;
};

export function planTsSegment(input: TsInput): TsPlan {
  const { video, audio } = input;
  const units = stretchLast(interleave(video === null ? [] : withAudioClock(videoUnits(video), audio?.pts ?? NO_TIMES, input.last === true), audio === null ? [] : audioUnits(audio, video === null), audio?.pts ?? NO_TIMES));
  const tables = programTables(
    [
      ...(video === null ? [] : [{ pid: VIDEO_PID, streamType: STREAM_TYPES.avc, language: '', ...(video.encrypted === true ? ENCRYPTED_VIDEO : {}) }]),
      ...(audio === null ? [] : [{ pid: AUDIO_PID, streamType: audio.stream.streamType, descriptors: audio.stream.descriptors, language: audio.language, ...(audio.encryption === undefined ? {} : encryptedAudio(audio.encryption.setup)) }]),
    ],
    video === null ? AUDIO_PID : VIDEO_PID,
    input.segment,
  );
  const packets = units.reduce((sum, unit) => sum + packetsOf(unit), 0);
  let laid: readonly Laid[] | null = null;
  return {
    length: tables.length + packets * PACKET_BYTES,
    held: tables.length + UNIT_BYTES * units.length,
    windows() {
      laid ??= layWindows(input, units, tables);
      return makeWindows(input, laid, tables);
    },
  };
}

function packetsOf(unit: Unit): number {
  return unit.stream === 'clock' ? 1 : packetsFor(unit.bytes, unit.pcr >= 0) + unit.extra;
}

const wrap = (time: number): number => ((time % CLOCK_WRAP) + CLOCK_WRAP) % CLOCK_WRAP;

function videoUnits(video: TsVideo): Unit[] {
  const count = video.sizes.length;
  const setBytes = video.parameterSets.reduce((sum, set) => sum + 4 + set.length, 0);
  let longest = 0;
  for (let i = 1; i < count; i++) longest = Math.max(longest, video.dts[i] - video.dts[i - 1]);
  const lead = Math.min(MAX_PCR_LEAD, Math.max(PCR_DISTANCE, Math.ceil(longest * 1.5)));
  const units: Unit[] = [];
  for (let i = 0; i < count; i++) {
    const key = video.sync(i);
    const bytes = pesHeaderBytes(video.pts[i], video.dts[i]) + AVC_ACCESS_UNIT_DELIMITER.length + (key ? setBytes : 0) + (video.form?.sizes ?? video.sizes)[i];
    const pcr = video.dts[i] - lead;
    units.push({ stream: 'video', pid: VIDEO_PID, pcr, randomAccess: key, bytes, extra: 0, first: i, end: i + 1 });
  }
  return units;
}

/** The clock also runs while there is only audio: before the first picture and after the last one. */
function withAudioClock(units: readonly Unit[], audio: Float64Array, last: boolean): Unit[] {
  if (audio.length === 0) return withClock(units);
  const [first] = units;
  const start = audio[0] - PCR_DISTANCE;
  const before: Unit[] = start < first.pcr - PCR_DISTANCE ? [{ ...first, stream: 'clock', pcr: start, randomAccess: false, bytes: 0, end: first.first }] : [];
  return withClock([...before, ...units], last ? audio[audio.length - 1] - AUDIO_LEAD : -Infinity);
}

/** Adds packets with the clock alone where two clock references would be too far apart, and up to the time `until`. */
function withClock(units: readonly Unit[], until = -Infinity): Unit[] {
  return units.flatMap((unit, i) => {
    const next = i + 1 < units.length ? units[i + 1].pcr : Math.max(unit.pcr, until);
    const clocks = Math.max(0, Math.ceil((next - unit.pcr) / PCR_DISTANCE) - 1);
    if (clocks > MAX_CLOCKS) throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'decode times in a segment', expected: `at most ${(MAX_CLOCKS * PCR_DISTANCE) / CLOCK_RATE} s apart`, found: `${Math.round((next - unit.pcr) / CLOCK_RATE)} s` });
    const clock = (k: number): Unit => ({ stream: 'clock', pid: unit.pid, pcr: unit.pcr + (k + 1) * PCR_DISTANCE, randomAccess: false, bytes: 0, extra: 0, first: unit.first, end: unit.first });
    return [unit, ...Array.from({ length: clocks }, (_, k) => clock(k))];
  });
}

function audioUnits({ sizes, pts, stream: { adts } }: TsAudio, alone: boolean): Unit[] {
  const headerBytes = adts === null ? 0 : ADTS_BYTES;
  // The first frame of each packet repeats a layout that the header has no number for.
  const layoutBytes = adts === null ? 0 : adts.layout.length;
  const most = adts === null ? MAX_PES_PAYLOAD : MAX_ADTS_PAYLOAD - layoutBytes;
  const largest = sizes.reduce((longest, size) => Math.max(longest, size), 0);
  if (largest > most) throw new IsomerError('MPE_AUDIO_ENCODING_NOT_SUPPORTED', { what: 'audio frame in a transport stream', expected: `at most ${most} bytes`, found: String(largest) });
  const units: Unit[] = [];
  for (let first = 0; first < sizes.length; ) {
    let end = first;
    let payload = layoutBytes;
    do payload += sizes[end++] + headerBytes;
    while (end < sizes.length && 2 * pts[end] - pts[end - 1] - pts[first] <= AUDIO_PES_TICKS && payload + sizes[end] + headerBytes <= AUDIO_PES_BYTES);
    units.push({ stream: 'audio', pid: AUDIO_PID, pcr: alone ? pts[first] - PCR_DISTANCE : -1, randomAccess: true, bytes: pesHeaderBytes(0, 0) + payload, extra: 0, first, end });
    first = end;
  }
  return alone ? withClock(units) : units;
}

/** Merges by the clock: an audio packet stands before the video packet during which its time comes near. */
function interleave(video: readonly Unit[], audio: readonly Unit[], times: Float64Array): Unit[] {
  if (video.length === 0) return [...audio];
  const merged: Unit[] = [];
  let next = 0;
  video.forEach((unit, i) => {
    const until = (i + 1 < video.length ? video[i + 1].pcr : unit.pcr) + AUDIO_LEAD;
    for (; next < audio.length && times[audio[next].first] <= until; next++) merged.push(audio[next]);
    merged.push(unit);
  });
  return [...merged, ...audio.slice(next)];
}

/** Raises the packets of each PID to a multiple of 16 by stretching its last PES packet. */
function stretchLast(unwrapped: readonly Unit[]): Unit[] {
  const units = unwrapped.map((unit) => ({ ...unit, pcr: unit.pcr === -1 ? -1 : wrap(unit.pcr) }));
  for (const stream of ['video', 'audio'] as const) {
    const last = units.findLastIndex((unit) => unit.stream === stream);
    if (last < 0) continue;
    const packets = units.reduce((sum, unit) => (unit.stream === stream ? sum + packetsOf(unit) : sum), 0);
    units[last] = { ...units[last], extra: (16 - (packets % 16)) % 16 };
  }
  return units;
}

/** A stretch of one unit's samples that a window reads: bytes [from, to) of the unit's sample bytes. */
type Piece = { readonly unit: Unit; readonly from: number; readonly to: number };

/** A window as it is for every client: pieces with the place in the buffer where each one is read to. */
type Laid = { readonly capacity: number; readonly reads: readonly TsRead[]; readonly pieces: readonly Piece[]; readonly starts: readonly number[] };

function layWindows(input: TsInput, units: readonly Unit[], tables: Uint8Array): readonly Laid[] {
  const windows: Laid[] = [];
  let room = roomFor(tables);
  let pieces: Piece[] = [];
  const flush = (): void => {
    windows.push(layWindow(input, pieces, room));
    pieces = [];
    room = roomFor(null);
  };
  for (const unit of units) {
    const total = sampleBytes(input, unit);
    // A clock has no bytes and is still one piece.
    for (let from = 0, done = false; !done; ) {
      // Frames that are encrypted are needed whole: a unit of them fits into any window.
      const to = unit.stream === 'audio' && input.audio?.encryption !== undefined ? total : Math.min(total, from + PIECE_BYTES);
      const wanted = withPiece(room, input, { unit, from, to }, total);
      if (pieces.length > 0 && capacityOf(wanted) > WINDOW_BYTES) {
        flush();
        continue;
      }
      const last = pieces[pieces.length - 1];
      if (last?.unit === unit) pieces[pieces.length - 1] = { unit, from: last.from, to };
      else pieces.push({ unit, from, to });
      room = wanted;
      from = to;
      done = to === total;
    }
  }
  flush();
  return windows;
}

/**
 * What a window needs. Its packets are made at the buffer's start of samples that were read behind them: `overhead` is how far
 * packets may get ahead of the samples that are used up, from above.
 */
type Room = { readonly video: number; readonly audio: number; readonly overhead: number };

/** A packet that was begun in the window before is in front. */
function roomFor(tables: Uint8Array | null): Room {
  return { video: 0, audio: 0, overhead: PACKET_BYTES + (tables?.length ?? 0) };
}

function withPiece({ video, audio, overhead }: Room, input: TsInput, { unit, from, to }: Piece, total: number): Room {
  const bytes = to - from;
  const form = unit.stream === 'video' ? input.video?.form : undefined;
  const sent = form === undefined ? total : form.sizes[unit.first];
  // What a sample grows by counts where it begins, in full.
  const headers = from === 0 ? unit.bytes - sent + (form?.growth[unit.first] ?? 0) : 0;
  const packets = unit.stream === 'clock' ? 1 : packetsFor(headers + bytes, true) + 2 + (to === total ? unit.extra : 0);
  const isAudio = unit.stream === 'audio';
  return { video: video + (isAudio ? 0 : bytes), audio: audio + (isAudio ? bytes : 0), overhead: overhead + packets * PACKET_BYTES - bytes };
}

/** Audio that is sent among the video before it lies behind all of it, so its output needs room of its own. */
function headRoom({ video, audio, overhead }: Room): number {
  return overhead + STEP_BYTES + (video > 0 ? audio : 0);
}

function capacityOf(room: Room): number {
  return headRoom(room) + room.video + room.audio;
}

function samplesOf({ video, audio }: TsInput, stream: Unit['stream']): TsSamples | null {
  return stream === 'audio' ? audio : video;
}

function sampleBytes(input: TsInput, unit: Unit): number {
  const samples = samplesOf(input, unit.stream);
  let bytes = 0;
  for (let i = unit.first; i < unit.end; i++) bytes += samples?.sizes[i] ?? 0;
  return bytes;
}

function layWindow(input: TsInput, pieces: readonly Piece[], room: Room): Laid {
  const reads: TsRead[] = [];
  const starts: number[] = [];
  let at = headRoom(room);
  for (const stream of ['video', 'audio'] as const) {
    const samples = samplesOf(input, stream);
    pieces.forEach((piece, i) => {
      if (piece.unit.stream !== stream || samples === null) return;
      starts[i] = at;
      at = addReads(reads, samples, piece, at);
    });
  }
  return { capacity: capacityOf(room), reads, pieces, starts };
}

function* makeWindows(input: TsInput, windows: readonly Laid[], tables: Uint8Array): Generator<TsWindow> {
  const packetizer = new Packetizer();
  const feed = makeFeeder(input, packetizer);
  for (const window of windows) {
    const { capacity, reads, pieces, starts } = window;
    yield {
      capacity,
      reads,
      make(buffer) {
        packetizer.setOutput(buffer);
        if (window === windows[0]) packetizer.append(tables);
        for (let i = 0; i < pieces.length; i++) feed(pieces[i], buffer, starts[i]);
        return buffer.subarray(0, packetizer.finishOutput());
      },
    };
  }
}

/** Adds the reads of a piece, joined with the one before where the file and the buffer are both contiguous. */
function addReads(reads: TsRead[], samples: TsSamples, { unit, from, to }: Piece, at: number): number {
  let position = 0;
  for (let i = unit.first; i < unit.end && position < to; i++) {
    const start = Math.max(from, position);
    const end = Math.min(to, position + samples.sizes[i]);
    if (end > start) {
      const offset = samples.offsets[i] + start - position;
      const last = reads[reads.length - 1];
      if (last !== undefined && last.source === samples.source && last.offset + last.length === offset && last.at + last.length === at) {
        reads[reads.length - 1] = { ...last, length: last.length + end - start };
      } else reads.push({ source: samples.source, offset, length: end - start, at });
      at += end - start;
    }
    position += samples.sizes[i];
  }
  return at;
}

type Feeder = (piece: Piece, buffer: Uint8Array, at: number) => void;

const START_CODE = Uint8Array.of(0, 0, 0, 1);
const NAL_LENGTH_BYTES = 4;

function makeFeeder(input: TsInput, packetizer: Packetizer): Feeder {
  const scratch = new Uint8Array(64);
  const form = input.video?.form?.open() ?? null;
  const startCodes = makeStartCodes();
  const encrypt = input.audio?.encryption?.open() ?? null;
  const put = (bytes: Uint8Array, from: number, to: number): void => packetizer.put(bytes, from, to);
  return ({ unit, from, to }, buffer, at) => {
    if (unit.stream === 'clock') return packetizer.clock(unit.pid, unit.pcr);
    if (from === 0) packetizer.open(unit);
    if (unit.stream === 'video' && input.video !== null) {
      const { video } = input;
      if (from === 0) {
        const end = writePesHeader(scratch, 0, VIDEO_STREAM_ID, 0, wrap(video.pts[unit.first]), wrap(video.dts[unit.first]));
        packetizer.put(scratch, 0, end);
        packetizer.put(AVC_ACCESS_UNIT_DELIMITER, 0, AVC_ACCESS_UNIT_DELIMITER.length);
        if (unit.randomAccess) {
          for (const set of video.parameterSets) {
            packetizer.put(START_CODE, 0, 4);
            packetizer.put(set, 0, set.length);
          }
        }
      }
      const left = video.sizes[unit.first] - to;
      if (form !== null) return form(buffer, at, at + to - from, left, put);
      startCodes(buffer, at, at + to - from, left);
      put(buffer, at, at + to - from);
    } else if (input.audio !== null) {
      encrypt?.(buffer.subarray(at, at + to - from), input.audio.sizes.subarray(unit.first, unit.end));
      feedAudio(input.audio, unit, from, to, buffer, at);
    }
  };

  function feedAudio(audio: TsAudio, unit: Unit, from: number, to: number, buffer: Uint8Array, at: number): void {
    let position = 0;
    for (let i = unit.first; i < unit.end; i++) {
      const size = audio.sizes[i];
      if (position >= from && position < to) {
        let end = 0;
        if (i === unit.first) {
          const pts = wrap(audio.pts[i]);
          end = writePesHeader(scratch, 0, audio.stream.streamId, unit.bytes - pesHeaderBytes(0, 0), pts, pts);
        }
        const { adts } = audio.stream;
        const layout = adts !== null && i === unit.first ? adts.layout : NO_BYTES;
        if (adts !== null) end = writeAdtsHeader(scratch, end, adts, size + layout.length);
        packetizer.put(scratch, 0, end);
        packetizer.put(layout, 0, layout.length);
      }
      const start = Math.max(from, position);
      const stop = Math.min(to, position + size);
      if (stop > start) {
        packetizer.put(buffer, at, at + stop - start);
        at += stop - start;
      }
      position += size;
    }
  }
}

/** NAL length fields become start codes in place, also where a field lies across two windows. */
function makeStartCodes(): (bytes: Uint8Array, from: number, to: number, leftInSample: number) => void {
  let field = 0;
  let length = 0;
  let left = 0;
  return (bytes, from, to, leftInSample) => {
    for (let at = from; at < to; ) {
      if (left > 0) {
        const skipped = Math.min(left, to - at);
        at += skipped;
        left -= skipped;
        continue;
      }
      length = (length << 8) | bytes[at];
      bytes[at] = START_CODE[field];
      at++;
      if (++field < NAL_LENGTH_BYTES) continue;
      left = length >>> 0;
      if (left > to - at + leftInSample) {
        throw new IsomerError('MPE_INVALID_NALU_SIZE', { expected: `at most ${to - at + leftInSample} bytes`, found: String(left) });
      }
      field = 0;
      length = 0;
    }
    if (leftInSample === 0 && (field > 0 || left > 0)) throw new IsomerError('MPE_INVALID_NALU_SIZE', { expected: 'NAL units that fill the sample', found: `${field} bytes of a length field` });
  };
}
