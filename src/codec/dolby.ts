/** Enhanced AC-3: the body of dec3 (ETSI TS 102 366 V1.4.1 F.6). */
import { Bits } from '../bits.ts';

export type Eac3Configuration = {
  /** kbit/s. */
  readonly data_rate: number;
  /** Hz; null when the reduced rates are used, which the box does not tell apart. */
  readonly sampleRate: number | null;
  /** Of the first independent substream with its dependent ones. */
  readonly channels: number;
  /** Joint object coding (Dolby Atmos), from the extension after the substreams (F.6.2.14). */
  readonly joc: boolean;
};

const RATES: readonly (number | null)[] = [48000, 44100, 32000, null];
/** Channels by acmod (4.4.2.3). */
const MODE_CHANNELS: readonly number[] = [2, 1, 2, 3, 3, 4, 4, 5];
/** chan_loc, from its highest bit (F.6.2.13): how many channels each location adds. */
const LOCATION_CHANNELS: readonly number[] = [1, 1, 2, 2, 2, 1, 1, 2, 2];

export function readEac3Configuration(bytes: Uint8Array, where = 'dec3'): Eac3Configuration {
  const bits = new Bits(bytes, { code: 'ISOMER_CODEC_MALFORMED', where });
  const data_rate = bits.u(13);
  const substreams = bits.u(3) + 1;
  let sampleRate: number | null = null;
  let channels = 0;
  for (let substream = 0; substream < substreams; substream++) {
    const fscod = bits.u(2);
    bits.skip(5 + 1 + 1 + 3); // bsid, reserved, asvc, bsmod
    const acmod = bits.u(3);
    const lfeon = bits.u(1);
    bits.skip(3);
    const dependent = bits.u(4);
    const chan_loc = dependent > 0 ? bits.u(9) : 0;
    if (dependent === 0) bits.skip(1);
    if (substream > 0) continue;
    sampleRate = RATES[fscod];
    channels = MODE_CHANNELS[acmod] + lfeon;
    LOCATION_CHANNELS.forEach((count, i) => (channels += (chan_loc >>> (8 - i)) & 1 ? count : 0));
  }
  const joc = bits.left >= 16 && bits.u(8) % 2 === 1;
  return { data_rate, sampleRate, channels, joc };
}
