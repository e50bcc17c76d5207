/**
 * The suite's own transport stream reader (ISO/IEC 13818-1:2019). It takes every packet apart, keeps going after a
 * fault and says where each one is; what a fault means is for the checks to decide.
 */

export type TsFault = {
  /** Stable name, e.g. `continuity`. */
  readonly kind:
    | 'length' | 'sync-byte' | 'transport-error' | 'scrambled' | 'adaptation' | 'continuity' | 'pat' | 'pmt' | 'section-crc'
    | 'pes' | 'pcr' | 'unknown-pid' | 'stamp-order' | 'reserved' | 'program' | 'random-access';
  /** Packet number from 0. */
  readonly packet: number;
  readonly pid: number;
  readonly message: string;
};

export type TsStream = { readonly pid: number; readonly streamType: number; readonly descriptors: readonly { readonly tag: number; readonly data: Uint8Array }[] };

export type TsPes = {
  readonly pid: number;
  readonly packet: number;
  readonly streamId: number;
  /** 90 kHz, 33 bits; null when absent. */
  readonly pts: number | null;
  readonly dts: number | null;
  readonly randomAccess: boolean;
  readonly payload: Uint8Array;
};

export type TsSegment = {
  readonly packets: number;
  readonly pcrPid: number | null;
  readonly streams: readonly TsStream[];
  readonly pes: readonly TsPes[];
  readonly pcrs: readonly { readonly packet: number; readonly value: number; readonly discontinuity: boolean }[];
  /** First and last continuity counter of each PID that carries payload. */
  readonly counters: ReadonlyMap<number, { readonly first: number; readonly last: number; readonly packets: number }>;
  /** Order of the PIDs of the first packets, for "PAT and PMT first". */
  readonly firstPids: readonly number[];
  /** Program tables as sent, in hexadecimal, each variant once. */
  readonly tables: readonly string[];
  readonly faults: readonly TsFault[];
};

const PACKET = 188;
const NULL_PID = 0x1fff;
const LEAST_PROGRAM_PID = 0x20;
const CLOCK_WRAP = 2 ** 33;

export function readTs(bytes: Uint8Array): TsSegment {
  const faults: TsFault[] = [];
  const fault = (kind: TsFault['kind'], packet: number, pid: number, message: string): void => {
    faults.push({ kind, packet, pid, message });
  };
  if (bytes.length === 0 || bytes.length % PACKET !== 0) fault('length', Math.floor(bytes.length / PACKET), -1, `${bytes.length} bytes are not whole packets of ${PACKET}`);

  const counters = new Map<number, { first: number; last: number; packets: number }>();
  /** Packets with random_access_indicator that start no PES packet themselves, by PID. */
  const promised = new Map<number, number>();
  const open = new Map<number, { packet: number; chunks: Uint8Array[]; randomAccess: boolean }>();
  const pes: TsPes[] = [];
  const pcrs: { packet: number; value: number; discontinuity: boolean }[] = [];
  const firstPids: number[] = [];
  const tables = new Set<string>();
  let program: number | null = null;
  let pmtPid: number | null = null;
  let pcrPid: number | null = null;
  let streams: readonly TsStream[] = [];

  const finish = (pid: number): void => {
    const unit = open.get(pid);
    if (unit === undefined) return;
    open.delete(pid);
    const parsed = readPes(pid, unit, fault);
    if (parsed !== null) pes.push(parsed);
  };

  const packets = Math.floor(bytes.length / PACKET);
  for (let packet = 0; packet < packets; packet++) {
    const at = packet * PACKET;
    const end = at + PACKET;
    if (bytes[at] !== 0x47) {
      fault('sync-byte', packet, -1, `0x47 expected, 0x${bytes[at].toString(16)} found`);
      continue;
    }
    const pid = ((bytes[at + 1] & 0x1f) << 8) | bytes[at + 2];
    if (firstPids.length < 8) firstPids.push(pid);
    if ((bytes[at + 1] & 0x80) !== 0) fault('transport-error', packet, pid, 'transport_error_indicator is set');
    if ((bytes[at + 3] & 0xc0) !== 0) fault('scrambled', packet, pid, `transport_scrambling_control is ${bytes[at + 3] >> 6}`);
    const unitStart = (bytes[at + 1] & 0x40) !== 0;
    const control = (bytes[at + 3] >> 4) & 3;
    const counter = bytes[at + 3] & 15;
    let from = at + 4;
    let randomAccess = false;
    let discontinuity = false;
    if (control === 0) fault('adaptation', packet, pid, 'adaptation_field_control 00 is reserved');
    if ((control & 2) !== 0) {
      const length = bytes[from];
      const most = control === 3 ? 182 : 183;
      if (length > most || (control === 2 && length !== 183)) fault('adaptation', packet, pid, `adaptation_field_length ${length}, at most ${most} expected`);
      if (length > 0) {
        const flags = bytes[from + 1];
        randomAccess = (flags & 0x40) !== 0;
        discontinuity = (flags & 0x80) !== 0;
        const fixed = 1 + ((flags & 0x10) !== 0 ? 6 : 0) + ((flags & 0x08) !== 0 ? 6 : 0) + ((flags & 0x04) !== 0 ? 1 : 0);
        if (length < fixed) fault('adaptation', packet, pid, `adaptation_field_length ${length} is too short for its flags`);
        else if ((flags & 0x10) !== 0) {
          pcrs.push({ packet, value: readPcr(bytes, from + 2), discontinuity });
          // 2.4.3.5: six reserved bits between base and extension, which counts 300 of 27 MHz.
          if ((bytes[from + 6] & 0x7e) !== 0x7e) fault('reserved', packet, pid, 'reserved bits of program_clock_reference are not 1');
          if ((((bytes[from + 6] & 1) << 8) | bytes[from + 7]) > 299) fault('reserved', packet, pid, 'program_clock_reference_extension exceeds 299');
          if (pcrPid !== null && pid !== pcrPid) fault('pcr', packet, pid, `a clock reference on PID ${pid}, PCR_PID is ${pcrPid}`);
        }
        // 2.4.3.5: OPCR stands in packets with PCR alone.
        if ((flags & 0x18) === 0x08) fault('adaptation', packet, pid, 'original_program_clock_reference without program_clock_reference');
        // 2.4.3.4: private data and the extension say their length themselves.
        let end = 1 + fixed;
        for (const bit of [0x02, 0x01]) if ((flags & bit) !== 0) end += 1 + (bytes[from + end] ?? 0);
        if ((flags & 0x03) !== 0 && end > 1 + length) fault('adaptation', packet, pid, 'private data or the extension leave the adaptation field');
        if ((flags & 0x07) === 0) {
          const stuffing = bytes.subarray(from + 1 + fixed, from + 1 + length);
          if (stuffing.some((byte) => byte !== 0xff)) fault('adaptation', packet, pid, 'a stuffing byte is not 0xFF');
        }
      }
      from = Math.min(end, from + 1 + length);
    }
    if (randomAccess && !unitStart) promised.set(pid, packet);
    if (unitStart) promised.delete(pid);
    // Table 2-3 and EN 300 468 5.1.3: PIDs below 0x20 carry tables of other systems, but for the PAT.
    if (pid === NULL_PID || (pid > 0 && pid < LEAST_PROGRAM_PID)) continue;
    const known = counters.get(pid);
    if ((control & 1) !== 0) {
      if (known === undefined) counters.set(pid, { first: counter, last: counter, packets: 1 });
      else {
        if (!discontinuity && counter !== ((known.last + 1) & 15)) fault('continuity', packet, pid, `continuity_counter ${(known.last + 1) & 15} expected, ${counter} found`);
        known.last = counter;
        known.packets++;
      }
    } else if (known !== undefined && !discontinuity && counter !== known.last) {
      fault('continuity', packet, pid, `a packet without payload repeats the counter: ${known.last} expected, ${counter} found`);
    }
    if ((control & 1) === 0) continue;

    const payload = bytes.subarray(from, end);
    if (pid === 0 || pid === pmtPid) {
      const section = readSection(payload, unitStart, pid === 0 ? 0x00 : 0x02);
      if (typeof section !== 'string') {
        const whole = payload.subarray(1 + payload[0], 1 + payload[0] + 8 + section.length);
        tables.add(Buffer.from(whole).toString('hex'));
        for (const text of sectionFaults(whole, pid === 0)) fault('reserved', packet, pid, text);
        const told = pid === 0 ? section : whole.subarray(3, 5);
        const number = (told[0] << 8) | told[1];
        if (pid === 0 && section.length > 4) fault('program', packet, pid, `${section.length / 4} programs`);
        if (number === 0) fault('program', packet, pid, 'program_number 0 is for the network information table');
        if (program !== null && number !== program) fault('program', packet, pid, `program_number ${number}, ${program} elsewhere`);
        program ??= number;
      }
      if (typeof section === 'string') fault(section.startsWith('CRC') ? 'section-crc' : pid === 0 ? 'pat' : 'pmt', packet, pid, section);
      else if (pid === 0) {
        if (section.length % 4 !== 0 || section.length < 4) fault('pat', packet, pid, `${section.length} bytes of programs`);
        else pmtPid = ((section[2] & 0x1f) << 8) | section[3];
      } else {
        const map = readProgramMap(section);
        if (typeof map === 'string') fault('pmt', packet, pid, map);
        else ({ pcrPid, streams } = map);
      }
      continue;
    }
    if (!streams.some((stream) => stream.pid === pid)) {
      fault('unknown-pid', packet, pid, 'the PMT does not list this PID (or comes later)');
      continue;
    }
    if (unitStart) {
      finish(pid);
      open.set(pid, { packet, chunks: [payload], randomAccess });
    } else {
      const unit = open.get(pid);
      if (unit === undefined) fault('pes', packet, pid, 'payload before the first payload_unit_start_indicator');
      else unit.chunks.push(payload);
    }
  }
  for (const pid of [...open.keys()]) finish(pid);
  // 2.4.3.5: it is said of the next PES packet that starts.
  for (const [pid, packet] of promised) fault('random-access', packet, pid, 'random_access_indicator is set, and no PES packet starts behind it');
  if (pmtPid === null) fault('pat', 0, 0, 'no program association table');
  else if (streams.length === 0) fault('pmt', 0, pmtPid, 'no program map table');
  if (pcrPid !== null && pcrPid !== NULL_PID && !streams.some(({ pid }) => pid === pcrPid)) fault('pcr', 0, pcrPid, 'PCR_PID is no PID of the program');
  for (const { pid, streamType } of streams) {
    const range = STREAM_IDS[streamType];
    const odd = range === undefined ? undefined : pes.find((unit) => unit.pid === pid && (unit.streamId < range[0] || unit.streamId > range[1]));
    if (odd !== undefined) fault('pes', odd.packet, pid, `stream_id 0x${odd.streamId.toString(16)} for stream_type 0x${streamType.toString(16)}`);
  }
  if (pcrPid !== null && pcrs.length === 0) fault('pcr', 0, pcrPid, 'no clock reference');
  return { packets, pcrPid, streams, pes: pes.sort((a, b) => a.packet - b.packet), pcrs, counters, firstPids, tables: [...tables], faults };
}

/** Table 2-22: video and audio streams by stream_type. */
const STREAM_IDS: Readonly<Record<number, readonly [number, number]>> = { 0x1b: [0xe0, 0xef], 0x24: [0xe0, 0xef], 0x0f: [0xc0, 0xdf] };

/** Reserved bits are 1 (2.1), and program tables of one section are in force (2.4.4.4, 2.4.4.9). */
function sectionFaults(section: Uint8Array, isAssociation: boolean): readonly string[] {
  const faults: string[] = [];
  const bits = (at: number, mask: number, wanted: number, what: string): void => {
    if ((section[at] & mask) !== wanted) faults.push(`${what} of the ${isAssociation ? 'PAT' : 'PMT'} is not as it has to be`);
  };
  bits(1, 0x7c, 0x30, 'the bits 0, 11, 00 before section_length');
  bits(5, 0xc1, 0xc1, 'reserved, or current_next_indicator,');
  bits(6, 0xff, 0, 'section_number');
  bits(7, 0xff, 0, 'last_section_number');
  bits(isAssociation ? 10 : 8, 0xe0, 0xe0, 'reserved before a PID');
  if (isAssociation) return faults;
  bits(10, 0xfc, 0xf0, 'reserved before program_info_length');
  for (let at = 12 + (((section[10] & 15) << 8) | section[11]); at + 5 <= section.length; at += 5 + (((section[at + 3] & 15) << 8) | section[at + 4])) {
    bits(at + 1, 0xe0, 0xe0, 'reserved before an elementary PID');
    bits(at + 3, 0xfc, 0xf0, 'reserved before ES_info_length');
  }
  return faults;
}

function readPcr(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  return high * 2 + (bytes[at + 4] >> 7);
}

/** The body of a section behind section_number fields, or what is wrong with it (2.4.4). */
function readSection(payload: Uint8Array, unitStart: boolean, tableId: number): Uint8Array | string {
  if (!unitStart) return 'a table that starts in an earlier packet';
  const start = 1 + payload[0];
  const section = payload.subarray(start);
  if (section.length < 12) return 'a section shorter than 12 bytes';
  if (section[0] !== tableId) return `table_id ${tableId} expected, ${section[0]} found`;
  if ((section[1] & 0x80) === 0) return 'section_syntax_indicator is 0';
  const length = ((section[1] & 0x0f) << 8) | section[2];
  if (length < 9 || 3 + length > section.length) return `section_length ${length} does not fit the packet`;
  if (crc32(section.subarray(0, 3 + length)) !== 0) return 'CRC_32 does not match';
  return section.subarray(8, 3 + length - 4);
}

function readProgramMap(body: Uint8Array): { pcrPid: number; streams: TsStream[] } | string {
  if (body.length < 4) return 'program map too short';
  const pcrPid = ((body[0] & 0x1f) << 8) | body[1];
  const streams: TsStream[] = [];
  let at = 4 + (((body[2] & 0x0f) << 8) | body[3]);
  while (at + 5 <= body.length) {
    const infoLength = ((body[at + 3] & 0x0f) << 8) | body[at + 4];
    const end = at + 5 + infoLength;
    if (end > body.length) return 'ES_info_length leaves the section';
    const descriptors: { tag: number; data: Uint8Array }[] = [];
    for (let d = at + 5; d + 2 <= end; d += 2 + body[d + 1]) descriptors.push({ tag: body[d], data: body.subarray(d + 2, d + 2 + body[d + 1]) });
    streams.push({ streamType: body[at], pid: ((body[at + 1] & 0x1f) << 8) | body[at + 2], descriptors });
    at = end;
  }
  return at === body.length ? { pcrPid, streams } : 'program map with a broken tail';
}

function readPes(pid: number, unit: { packet: number; chunks: readonly Uint8Array[]; randomAccess: boolean }, fault: (kind: TsFault['kind'], packet: number, pid: number, message: string) => void): TsPes | null {
  const data = Buffer.concat(unit.chunks);
  if (data.length < 9 || data.readUIntBE(0, 3) !== 1) {
    fault('pes', unit.packet, pid, 'packet_start_code_prefix is missing');
    return null;
  }
  const stated = data.readUInt16BE(4);
  const isVideo = (data[3] & 0xf0) === 0xe0;
  if (stated === 0 && !isVideo) fault('pes', unit.packet, pid, 'PES_packet_length 0 is for video only');
  if (stated !== 0 && stated !== data.length - 6) fault('pes', unit.packet, pid, `PES_packet_length ${stated}, ${data.length - 6} bytes follow`);
  if (data[6] >> 6 !== 2) fault('pes', unit.packet, pid, 'the bits 10 do not follow PES_packet_length');
  const flags = data[7] >> 6;
  const stamps = flags === 2 ? 5 : flags === 3 ? 10 : 0;
  if (flags === 1) fault('pes', unit.packet, pid, 'PTS_DTS_flags 01 is forbidden');
  if (data[8] < stamps || 9 + data[8] > data.length) {
    fault('pes', unit.packet, pid, `PES_header_data_length ${data[8]} does not hold ${stamps} bytes of time stamps`);
    return null;
  }
  if ((data[6] & 0x30) !== 0) fault('scrambled', unit.packet, pid, `PES_scrambling_control is ${(data[6] >> 4) & 3}`);
  // 2.4.3.7: what the flags announce, then stuffing of ones.
  const announced = stamps + ((data[7] & 0x20) !== 0 ? 6 : 0) + ((data[7] & 0x10) !== 0 ? 3 : 0) + ((data[7] & 0x08) !== 0 ? 1 : 0) + ((data[7] & 0x04) !== 0 ? 1 : 0) + ((data[7] & 0x02) !== 0 ? 2 : 0) + (data[7] & 1);
  if (announced > data[8]) fault('pes', unit.packet, pid, `PES_header_data_length ${data[8]} does not hold the ${announced} bytes that the flags announce`);
  else if ((data[7] & 1) === 0 && data.subarray(9 + announced, 9 + data[8]).some((byte) => byte !== 0xff)) fault('reserved', unit.packet, pid, 'a stuffing byte of the PES header is not 0xFF');
  for (let at = 9; at < 9 + stamps; at += 5) {
    const prefix = flags === 2 ? 2 : at === 9 ? 3 : 1;
    if (data[at] >> 4 !== prefix || (data[at] & data[at + 2] & data[at + 4] & 1) !== 1) fault('reserved', unit.packet, pid, 'the fixed bits of a time stamp are wrong');
  }
  const pts = stamps > 0 ? readStamp(data, 9) : null;
  const dts = stamps === 10 ? readStamp(data, 14) : pts;
  if (pts !== null && dts !== null && clockDistance(dts, pts) < 0) fault('stamp-order', unit.packet, pid, `DTS ${dts} after PTS ${pts}`);
  return { pid, packet: unit.packet, streamId: data[3], pts, dts, randomAccess: unit.randomAccess, payload: data.subarray(9 + data[8]) };
}

function readStamp(data: Uint8Array, at: number): number {
  return ((data[at] >> 1) & 7) * 2 ** 30 + ((data[at + 1] << 22) | ((data[at + 2] >> 1) << 15) | (data[at + 3] << 7) | (data[at + 4] >> 1));
}

/** b - a on the 33-bit circle, between -2^32 and 2^32. */
export function clockDistance(a: number, b: number): number {
  const distance = (((b - a) % CLOCK_WRAP) + CLOCK_WRAP) % CLOCK_WRAP;
  return distance > CLOCK_WRAP / 2 ? distance - CLOCK_WRAP : distance;
}

export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80000000) !== 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

/** NAL units of an Annex B byte stream (ISO/IEC 14496-10:2022 annex B), without start codes and trailing zeros. */
export function annexBUnits(bytes: Uint8Array): Uint8Array[] {
  const starts: { at: number; from: number }[] = [];
  for (let i = 0; i + 2 < bytes.length; i++) {
    if (bytes[i] === 0 && bytes[i + 1] === 0 && bytes[i + 2] === 1) {
      starts.push({ at: i > 0 && bytes[i - 1] === 0 ? i - 1 : i, from: i + 3 });
      i += 2;
    }
  }
  return starts.map(({ from }, k) => bytes.subarray(from, k + 1 < starts.length ? starts[k + 1].at : bytes.length));
}

export type AdtsFrame = { readonly objectType: number; readonly rateIndex: number; readonly channels: number; readonly payload: Uint8Array };

/** ADTS frames (ISO/IEC 14496-3:2019 1.A.2), or what is wrong and at which byte. */
export function adtsFrames(bytes: Uint8Array): AdtsFrame[] | string {
  const frames: AdtsFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 7 || bytes[at] !== 0xff || (bytes[at + 1] & 0xf6) !== 0xf0) return `no ADTS syncword at byte ${at}`;
    const header = (bytes[at + 1] & 1) === 1 ? 7 : 9;
    const length = ((bytes[at + 3] & 3) << 11) | (bytes[at + 4] << 3) | (bytes[at + 5] >> 5);
    if (length < header || at + length > bytes.length) return `aac_frame_length ${length} at byte ${at} leaves the data`;
    if ((bytes[at + 6] & 3) !== 0) return `more than one raw data block at byte ${at}`;
    frames.push({
      objectType: (bytes[at + 2] >> 6) + 1,
      rateIndex: (bytes[at + 2] >> 2) & 15,
      channels: ((bytes[at + 2] & 1) << 2) | (bytes[at + 3] >> 6),
      payload: bytes.subarray(at + header, at + length),
    });
    at += length;
  }
  return frames;
}

/** Faults at the joints of segments that are played one after the other. */
export function joinFaults(segments: readonly TsSegment[]): readonly { readonly segment: number; readonly pid: number; readonly message: string }[] {
  const faults: { segment: number; pid: number; message: string }[] = [];
  for (let i = 1; i < segments.length; i++) {
    for (const [pid, { first }] of segments[i].counters) {
      const before = segments[i - 1].counters.get(pid);
      if (before !== undefined && first !== ((before.last + 1) & 15)) faults.push({ segment: i, pid, message: `continuity_counter ${(before.last + 1) & 15} expected at the start, ${first} found` });
    }
    const last = segments[i - 1].pcrs.at(-1);
    const next = segments[i].pcrs[0];
    if (last !== undefined && next !== undefined && clockDistance(last.value, next.value) <= 0) faults.push({ segment: i, pid: segments[i].pcrPid ?? -1, message: `clock goes from ${last.value} to ${next.value}` });
  }
  return faults;
}
