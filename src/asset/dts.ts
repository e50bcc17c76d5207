/** DTS whose sample entry does not say what it is: the first frame does. */
import { readDtsFrame } from '../codec/dtsframe.ts';
import { dtsSampleEntry, type DtsRates } from '../isobmff/dtsentry.ts';
import type { MovieTrack } from '../isobmff/movie.ts';
import type { AudioCodec } from '../model/codec.ts';
import { sampleDuration, samplePosition } from '../model/samples.ts';
import type { Source } from '../storage/storage.ts';

/** Largest core and extension substream together (ETSI TS 102 114: FSIZE 14 bits, nuExtSSFsize 20 bits). */
const MAX_FRAME_BYTES = 2 ** 14 + 2 ** 20;

export type Stored<T> = { readonly codec: T; readonly sampleEntry: Uint8Array };

export async function resolveDts(stored: Stored<AudioCodec>, track: MovieTrack, source: Source | undefined): Promise<Stored<AudioCodec>> {
  if (stored.codec.config.length > 0) return stored;
  const frame = new Uint8Array(Math.min(track.samples.sizes[0], MAX_FRAME_BYTES));
  await source?.read(samplePosition(track.samples, 0), frame);
  return dtsSampleEntry(readDtsFrame(frame, `first sample of track ${track.id}`), ratesOf(track));
}

/** Bits per second: of all frames, and of the largest one. */
function ratesOf({ samples, timescale }: MovieTrack): DtsRates {
  const rate = (bytes: number, ticks: number): number => (ticks === 0 ? 0 : Math.min(0xffffffff, Math.round((8 * bytes * timescale) / ticks)));
  let [bytes, ticks, largest] = [0, 0, 0];
  for (let i = 0; i < samples.count; i++) {
    const duration = sampleDuration(samples, i);
    bytes += samples.sizes[i];
    ticks += duration;
    largest = Math.max(largest, rate(samples.sizes[i], duration));
  }
  return { maxBitrate: largest, avgBitrate: rate(bytes, ticks) };
}
