/** AAC whose configuration leaves open whether there is spectral band replication: the first access units say it, as they do to decoders. */
import { aacFacts, readAacConfiguration, SAMPLING_FREQUENCIES, withImplicitSbr } from '../codec/aac.ts';
import { holdsSbr } from '../codec/aacframe.ts';
import { IsomerError } from '../errors.ts';
import type { MovieTrack } from '../isobmff/movie.ts';
import type { AudioCodec } from '../model/codec.ts';
import { samplePosition } from '../model/samples.ts';
import type { Source } from '../storage/storage.ts';

/** Encoders write SBR into every unit; the first may be start-up. */
const PROBED_UNITS = 3;
/** Of an access unit: 6144 bits per channel (ISO/IEC 14496-3:2019 4.5.3.1), 8 channels. */
const MAX_UNIT_BYTES = (6144 / 8) * 8;

export async function resolveAac(codec: AudioCodec, { samples }: MovieTrack, source: Source | undefined): Promise<AudioCodec> {
  const configuration = readAacConfiguration(codec.config);
  if (!configuration.open) return codec;
  const rateIndex = SAMPLING_FREQUENCIES.indexOf(configuration.coreSampleRate);
  for (let i = 0; i < Math.min(PROBED_UNITS, samples.count); i++) {
    const unit = new Uint8Array(Math.min(samples.sizes[i], MAX_UNIT_BYTES));
    await source?.read(samplePosition(samples, i), unit);
    if (!mayHoldSbr(unit, rateIndex)) continue;
    return { ...codec, ...aacFacts(withImplicitSbr(configuration)) };
  }
  return codec;
}

/** A unit that cannot be followed is delivered as it is, like any other. */
function mayHoldSbr(unit: Uint8Array, rateIndex: number): boolean {
  try {
    return rateIndex >= 0 && holdsSbr(unit, rateIndex);
  } catch (error) {
    if (error instanceof IsomerError) return false;
    throw error;
  }
}
