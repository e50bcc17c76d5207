/**
 * Reads the sound marks of the corpus: a constant pilot tone that names the audio track, and a tone that changes every
 * second and so names the second. Runs inside the page too (see script.ts).
 */

export type Tone = { readonly hertz: number; readonly power: number };

/** Quietest tone that counts (power of a sine with amplitude 0.003). */
const SILENCE = 5e-6;
/** By how much the winner must exceed the second; less means that the window straddles a change. */
const CLEAR_LEAD = 4;

/** By length. It is the same for dozens of frequencies, many times a second. */
const hannWindows = new Map<number, Float64Array>();

function hannWindow(count: number): Float64Array {
  const known = hannWindows.get(count);
  if (known !== undefined) return known;
  const made = Float64Array.from({ length: count }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / count));
  hannWindows.set(count, made);
  return made;
}

/** Power of one frequency: Goertzel's algorithm over a Hann window. A full-scale sine gives 0.5. */
export function tonePower(samples: ArrayLike<number>, sampleRate: number, hertz: number): number {
  const count = samples.length;
  const weights = hannWindow(count);
  const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / sampleRate);
  let before = 0;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const next = samples[i] * weights[i] + coefficient * last - before;
    before = last;
    last = next;
  }
  const energy = before * before + last * last - coefficient * before * last;
  return (8 * energy) / (count * count);
}

/** The candidate that is clearly the loudest, or null for silence and for a tie. */
export function loudestTone(samples: ArrayLike<number>, sampleRate: number, candidates: readonly number[]): Tone | null {
  let best: Tone = { hertz: 0, power: 0 };
  let second = 0;
  for (const hertz of candidates) {
    const power = tonePower(samples, sampleRate, hertz);
    if (power > best.power) {
      second = best.power;
      best = { hertz, power };
    } else if (power > second) {
      second = power;
    }
  }
  return best.power >= SILENCE && best.power >= second * CLEAR_LEAD ? best : null;
}
