/**
 * The transport stream system target decoder (ISO/IEC 13818-1:2019 2.4.2) as far as a segment by itself can break it: bytes arrive
 * when the clock references say, and leave when their unit is decoded. The transport buffers of 512 bytes are left out: they
 * judge a multiplexer with a constant rate, and segments over HTTP have none.
 */
import { annexBUnits, clockDistance, type TsPes, type TsSegment } from './ts.ts';

export type BufferFault = { readonly message: string; readonly actual: string; readonly packet: number; readonly pid: number };

const PACKET = 188;
const CLOCK = 90_000;
/** 2.14.3.1: data of H.264 and H.265 stay ten seconds at most; 2.4.2.7: of anything else one second. */
const LONGEST_STAY: Readonly<Record<number, number>> = { 0x1b: 10 * CLOCK, 0x24: 10 * CLOCK };
const OTHER_STAY = CLOCK;
/** ISO/IEC 14496-10:2022 table A-1: MaxCPB in units of 1200 bits (NAL) per level_idc. */
const MAX_CPB: Readonly<Record<number, number>> = { 10: 175, 11: 500, 12: 1000, 13: 2000, 20: 2000, 21: 4000, 22: 4000, 30: 10_000, 31: 14_000, 32: 20_000, 40: 25_000, 41: 62_500, 42: 62_500, 50: 135_000, 51: 240_000, 52: 240_000 };
/** A profile with 8-bit pictures that is not High counts 1000 bits; 1200 + 20 % covers every such profile, and headers. */
const BITS_PER_UNIT = 1440;

export function bufferFaults({ packets, pcrs, pes, streams }: TsSegment): readonly BufferFault[] {
  if (pcrs.length < 2) return [];
  const arrival = arrivals(pcrs);
  const faults: BufferFault[] = [];
  for (const { pid, streamType } of streams) {
    const units = pes.filter((unit) => unit.pid === pid);
    const level = streamType === 0x1b ? levelOf(units) : null;
    const capacity = level === null ? null : (MAX_CPB[level] ?? null);
    const stay = LONGEST_STAY[streamType] ?? OTHER_STAY;
    const held: { readonly decode: number; readonly size: number }[] = [];
    let fullness = 0;
    units.forEach((unit, i) => {
      if (unit.dts === null) return;
      const size = unit.payload.length;
      // The unit ends at the latest where the next one of its stream begins.
      const last = Math.min(unit.packet + Math.ceil(size / PACKET), (units[i + 1]?.packet ?? packets) - 1, packets - 1);
      const whole = arrival(Math.max(unit.packet, last));
      const fault = (message: string, actual: string): void => {
        faults.push({ message, actual, packet: unit.packet, pid });
      };
      const early = clockDistance(whole, unit.dts);
      if (early < 0) fault('a unit is decoded before it is whole', `${Math.round(-early / 90)} ms late`);
      const wait = clockDistance(arrival(unit.packet), unit.dts);
      if (wait > stay) fault('a unit waits too long in the buffer', `${Math.round(wait / 90)} ms`);
      while (held.length > 0 && clockDistance(held[0].decode, whole) >= 0) fullness -= held.shift()?.size ?? 0;
      held.push({ decode: unit.dts, size });
      fullness += size;
      if (capacity !== null && 8 * fullness > capacity * BITS_PER_UNIT) fault('the coded picture buffer of the level overflows', `${fullness} bytes`);
    });
  }
  return faults;
}

/** When a packet arrives, at 90 kHz: straight lines between clock references. What follows the last one is not timed: the next segment would tell. */
function arrivals(pcrs: TsSegment['pcrs']): (packet: number) => number {
  return (packet) => {
    const i = Math.max(0, pcrs.findLastIndex((each) => each.packet <= packet));
    const [from, to] = [pcrs[i], pcrs[i + 1]];
    if (to === undefined) return from.value;
    const packets = to.packet - from.packet;
    const rate = packets <= 0 ? 0 : Math.max(0, clockDistance(from.value, to.value)) / packets;
    return from.value + Math.round(rate * (packet - from.packet));
  };
}

function levelOf(units: readonly TsPes[]): number | null {
  for (const { payload } of units.slice(0, 1)) {
    const sps = annexBUnits(payload).find((unit) => (unit[0] & 31) === 7);
    if (sps !== undefined && sps.length > 3) return sps[3];
  }
  return null;
}
