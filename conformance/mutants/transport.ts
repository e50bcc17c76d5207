/** A small transport stream writer for the specimen (ISO/IEC 13818-1:2019). Counters run on through the state that is passed in. */
import { crc32 } from '../oracle/ts.ts';
import { u16, u32, u8 } from './bytes.ts';

export type PesUnit = { readonly pid: number; readonly streamId: number; readonly pts: number; readonly dts: number; readonly data: Buffer; readonly randomAccess: boolean };

export type Counters = Map<number, number>;

export const VIDEO_PID = 0x100;
export const AUDIO_PID = 0x101;
type Stream = { readonly pid: number; readonly type: number; readonly language?: string };

const PMT_PID = 0x1000;
const PAYLOAD = 184;
const PCR_LEAD = 9_000;
const PCR_EVERY = 6_000;

export function transportSegment(units: readonly PesUnit[], streams: readonly Stream[], counters: Counters): Buffer {
  const pcrPid = streams[0].pid;
  const packets = [section(0, patSection(), counters), section(PMT_PID, pmtSection(streams, pcrPid), counters)];
  let lastPcr = -Infinity;
  for (const unit of units) {
    let pcr: number | null = null;
    if (unit.pid === pcrPid && unit.dts - lastPcr >= PCR_EVERY) {
      pcr = unit.dts - PCR_LEAD;
      lastPcr = unit.dts;
    }
    packets.push(...pes(unit, pcr, counters));
  }
  return Buffer.concat(packets);
}

function next(counters: Counters, pid: number): number {
  const value = counters.get(pid) ?? 0;
  counters.set(pid, (value + 1) & 15);
  return value;
}

function header(pid: number, start: boolean, control: number, counters: Counters): Buffer {
  return u8(0x47, (start ? 0x40 : 0) | (pid >> 8), pid & 255, (control << 4) | next(counters, pid));
}

function section(pid: number, body: Buffer, counters: Counters): Buffer {
  const checked = Buffer.concat([body, u32(crc32(body))]);
  return Buffer.concat([header(pid, true, 1, counters), u8(0), checked, Buffer.alloc(PAYLOAD - 1 - checked.length, 0xff)]);
}

function table(id: number, extension: number, content: Buffer): Buffer {
  const length = 5 + content.length + 4;
  return Buffer.concat([u8(id, 0xb0 | (length >> 8), length & 255), u16(extension), u8(0xc1, 0, 0), content]);
}

function patSection(): Buffer {
  return table(0, 1, Buffer.concat([u16(1), u16(0xe000 | PMT_PID)]));
}

/** With an ISO_639_language_descriptor where there is a language. */
function pmtSection(streams: readonly Stream[], pcrPid: number): Buffer {
  const entries = streams.map(({ pid, type, language }) => {
    const descriptors = language === undefined ? Buffer.alloc(0) : Buffer.concat([u8(0x0a, 4), Buffer.from(language, 'latin1'), u8(0)]);
    return Buffer.concat([u8(type), u16(0xe000 | pid), u16(0xf000 | descriptors.length), descriptors]);
  });
  return table(2, 1, Buffer.concat([u16(0xe000 | pcrPid), u16(0xf000), ...entries]));
}

function stamp(mark: number, value: number): Buffer {
  return u8((mark << 4) | (Math.floor(value / 2 ** 30) << 1) | 1, (value >> 22) & 255, ((value >> 14) & 254) | 1, (value >> 7) & 255, ((value << 1) & 254) | 1);
}

function pes({ pid, streamId, pts, dts, data, randomAccess }: PesUnit, pcr: number | null, counters: Counters): Buffer[] {
  const stamps = pts === dts ? stamp(2, pts) : Buffer.concat([stamp(3, pts), stamp(1, dts)]);
  const length = streamId === 0xe0 ? 0 : data.length + stamps.length + 3;
  let rest = Buffer.concat([u8(0, 0, 1, streamId), u16(length), u8(0x84, pts === dts ? 0x80 : 0xc0, stamps.length), stamps, data]);
  const packets: Buffer[] = [];
  for (let first = true; rest.length > 0; first = false) {
    const clock = first && pcr !== null ? Buffer.concat([u32(Math.floor(pcr / 2)), u8(((pcr & 1) << 7) | 0x7e, 0)]) : Buffer.alloc(0);
    const flags = (first && randomAccess ? 0x40 : 0) | (clock.length > 0 ? 0x10 : 0);
    const needsField = flags !== 0 || rest.length < PAYLOAD;
    const fixed = flags === 0 ? 0 : 1 + clock.length;
    const taken = Math.min(rest.length, needsField ? PAYLOAD - 1 - fixed : PAYLOAD);
    const fieldLength = PAYLOAD - 1 - taken;
    const field = !needsField ? Buffer.alloc(0) : fieldLength === 0 ? u8(0) : Buffer.concat([u8(fieldLength, flags), clock, Buffer.alloc(fieldLength - 1 - clock.length, 0xff)]);
    packets.push(Buffer.concat([header(pid, first, needsField ? 3 : 1, counters), field, rest.subarray(0, taken)]));
    rest = rest.subarray(taken);
  }
  return packets;
}
