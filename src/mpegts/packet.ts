/** Transport stream packets (ISO/IEC 13818-1:2019 2.4.3.2 and 2.4.3.4). */
import { copyPackets, PACKET_BYTES } from '../kernels/kernels.ts';

/** Bytes of a packet behind its 4-byte header. */
export const PACKET_PAYLOAD = 184;
const SYNC_BYTE = 0x47;
const STUFFING = 0xff;
/** Length byte, flags and the 6 bytes of a PCR. */
const PCR_FIELD = 8;
/** Packets over which the last PES packet of a PID is spread, so that its continuity counter ends at 15. */
const STRETCHED = 16;

/** 13 bits. */
const PIDS = 0x2000;
/** From so many bytes on a call of the engine's own copy costs less than a loop. */
const LEAST_COPY = 48;

/** `out` and `bytes` may be one array. */
function copyBytes(out: Uint8Array, to: number, bytes: Uint8Array, from: number, count: number): void {
  if (out === bytes && count >= LEAST_COPY) out.copyWithin(to, from, from + count);
  else for (let i = 0; i < count; i++) out[to + i] = bytes[from + i];
}

/** How one PES packet is laid over transport packets. */
export type Layout = {
  readonly pid: number;
  /** PCR base in 90 kHz carried by the first packet, or -1. */
  readonly pcr: number;
  readonly randomAccess: boolean;
  /** Bytes of the PES packet with its header. */
  readonly bytes: number;
  /** Packets beyond the least possible number; the tail is stretched by adaptation-field stuffing. */
  readonly extra: number;
};

/** The least number of packets that hold a PES packet. */
export function packetsFor(bytes: number, withPcr: boolean): number {
  const first = withPcr ? PACKET_PAYLOAD - PCR_FIELD : PACKET_PAYLOAD;
  return bytes <= first ? 1 : 1 + Math.ceil((bytes - first) / PACKET_PAYLOAD);
}

/**
 * Writes packets from pushed bytes. A PES packet is announced by `open` and filled by `put`, in as many pieces as the
 * caller likes; the packet in progress survives a change of output buffer.
 */
export class Packetizer {
  #out: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Bytes still wanted by the packet in progress; 0 when none is open. */
  #wanted = 0;
  #layout: Layout | null = null;
  #left = 0;
  #index = 0;
  #naturals = 0;
  #tailBytes = 0;
  /** The packet in progress between two outputs. */
  readonly #kept = new Uint8Array(PACKET_BYTES);
  #keptBytes = 0;
  /** By PID. */
  readonly #counters = new Uint8Array(PIDS);

  /** Continues in `out` from its start, with what `finishOutput` kept. */
  setOutput(out: Uint8Array): void {
    out.set(this.#kept.subarray(0, this.#keptBytes));
    this.#out = out;
    this.#at = this.#keptBytes;
    this.#keptBytes = 0;
  }

  /** Bytes of complete packets in the current output, which is not looked at any more: its buffer may be used again. */
  finishOutput(): number {
    const started = this.#wanted > 0 ? PACKET_BYTES - this.#wanted : 0;
    this.#kept.set(this.#out.subarray(this.#at - started, this.#at));
    this.#keptBytes = started;
    return this.#at - started;
  }

  /** Appends whole packets made elsewhere. */
  append(packets: Uint8Array): void {
    this.#out.set(packets, this.#at);
    this.#at += packets.length;
  }

  /** A packet with a PCR and no payload: its continuity counter does not advance (2.4.3.3). */
  clock(pid: number, pcr: number): void {
    const counter = (this.#counters[pid] + 15) & 15;
    this.#header(pid, false, 0x20, counter);
    this.#adaptation(PACKET_PAYLOAD, pcr, false);
  }

  open(layout: Layout): void {
    const packets = packetsFor(layout.bytes, layout.pcr >= 0);
    this.#layout = layout;
    this.#left = layout.bytes;
    this.#index = 0;
    this.#naturals = layout.extra === 0 ? packets : packets - Math.min(packets, STRETCHED);
    this.#tailBytes = 0;
  }

  /** Feeds bytes [from, to) of `bytes` to the open PES packet. */
  put(bytes: Uint8Array, from: number, to: number): void {
    while (from < to) {
      if (this.#wanted === 0) {
        const packets = this.#plainPackets(to - from);
        if (packets > 0) {
          this.#copyPlain(packets, bytes, from);
          from += PACKET_PAYLOAD * packets;
          continue;
        }
        this.#start();
      }
      const taken = Math.min(this.#wanted, to - from);
      copyBytes(this.#out, this.#at, bytes, from, taken);
      this.#at += taken;
      this.#wanted -= taken;
      this.#left -= taken;
      from += taken;
    }
  }

  /** How many of the next packets are a header and 184 bytes of payload, out of `available` ones. */
  #plainPackets(available: number): number {
    const layout = this.#layout;
    if (layout === null || this.#index === 0) return 0;
    const stretched = layout.extra === 0 ? Infinity : this.#naturals - this.#index;
    return Math.max(0, Math.min(Math.floor(Math.min(available, this.#left) / PACKET_PAYLOAD), stretched));
  }

  /** Nine packets of ten: all at once. */
  #copyPlain(packets: number, bytes: Uint8Array, from: number): void {
    const { pid } = this.#layout as Layout;
    const counter = this.#counters[pid];
    copyPackets(this.#out, this.#at, bytes, from, packets, pid, counter);
    this.#counters[pid] = (counter + packets) & 15;
    this.#at += PACKET_BYTES * packets;
    this.#left -= PACKET_PAYLOAD * packets;
    this.#index += packets;
  }

  #start(): void {
    const layout = this.#layout;
    if (layout === null || this.#left === 0) throw new Error('no PES packet is open');
    const first = this.#index === 0;
    const pcr = first ? layout.pcr : -1;
    const payload = this.#share(pcr);
    const counter = this.#counters[layout.pid];
    this.#counters[layout.pid] = (counter + 1) & 15;
    const field = PACKET_PAYLOAD - payload;
    this.#header(layout.pid, first, field > 0 ? 0x30 : 0x10, counter);
    if (field > 0) this.#adaptation(field, pcr, first && layout.randomAccess);
    this.#wanted = payload;
    this.#index++;
  }

  /** Payload bytes of the next packet: all it can take, or in the stretched tail an even share. */
  #share(pcr: number): number {
    const { bytes, extra, pcr: withPcr } = this.#layout as Layout;
    if (this.#index < this.#naturals || extra === 0) return Math.min(this.#left, pcr >= 0 ? PACKET_PAYLOAD - PCR_FIELD : PACKET_PAYLOAD);
    const packets = packetsFor(bytes, withPcr >= 0) - this.#naturals + extra;
    const k = this.#index - this.#naturals;
    if (k === 0) this.#tailBytes = this.#left;
    return Math.floor((this.#tailBytes * (k + 1)) / packets) - Math.floor((this.#tailBytes * k) / packets);
  }

  #header(pid: number, unitStart: boolean, control: number, counter: number): void {
    const out = this.#out;
    out[this.#at] = SYNC_BYTE;
    out[this.#at + 1] = (unitStart ? 0x40 : 0) | (pid >>> 8);
    out[this.#at + 2] = pid & 0xff;
    out[this.#at + 3] = control | counter;
    this.#at += 4;
  }

  /** An adaptation field of exactly `bytes` bytes, its length byte included (2.4.3.4). */
  #adaptation(bytes: number, pcr: number, randomAccess: boolean): void {
    const out = this.#out;
    const end = this.#at + bytes;
    out[this.#at++] = bytes - 1;
    if (bytes > 1) {
      out[this.#at++] = (randomAccess ? 0x40 : 0) | (pcr >= 0 ? 0x10 : 0);
      if (pcr >= 0) {
        // 33 bits of base, 6 reserved ones, 9 bits of extension (always 0): 2.4.3.5.
        const high = Math.floor(pcr / 2);
        out[this.#at++] = high >>> 24;
        out[this.#at++] = high >>> 16;
        out[this.#at++] = high >>> 8;
        out[this.#at++] = high;
        out[this.#at++] = ((pcr % 2) << 7) | 0x7e;
        out[this.#at++] = 0;
      }
      for (let at = this.#at; at < end; at++) out[at] = STUFFING;
      this.#at = end;
    }
  }
}
