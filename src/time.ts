/**
 * Ticks and timescales. The one place where media time becomes the 10 MHz time that URLs and manifests carry.
 *
 * Absolute times are bigint, because live archives count 100-ns units since 1970 and exceed 2^53.
 * Times relative to a track's base are safe-integer numbers.
 */

/** Absolute media time in some timescale. */
export type Ticks = bigint;

/** 100-ns units per second: the timescale of Smooth Streaming (MS-SSTR 2.2.2.1), of CSF and of every URL. */
export const HNS_PER_SECOND = 10_000_000;
const HNS = BigInt(HNS_PER_SECOND);

/** Floor division that also floors negative values (BigInt division truncates towards zero). */
export function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor !== 0n && dividend < 0n !== divisor < 0n ? quotient - 1n : quotient;
}

/** Media time to 100-ns units, by floor: the time that names a segment in all outputs. */
export function toHns(time: Ticks, timescale: number): Ticks {
  return floorDivide(time * HNS, BigInt(timescale));
}

/**
 * The same for a time relative to the track's base. Exact for every safe integer: whole seconds and the rest are
 * converted apart, so no product exceeds 2^53; timescales for which one would take the slow way.
 */
export function toHnsRelative(time: number, timescale: number): number {
  if (timescale > 900_000_000) return Number(toHns(BigInt(time), timescale));
  const seconds = Math.floor(time / timescale);
  return seconds * HNS_PER_SECOND + Math.floor(((time - seconds * timescale) * HNS_PER_SECOND) / timescale);
}

/** MPEG-2 system clock base, ticks per second (ISO/IEC 13818-1:2019 2.4.2.2). */
export const CLOCK_RATE = 90_000;

/** Time relative to a track's base to 90 kHz, rounded half up; exact like `toHnsRelative`. */
export function toClockRelative(time: number, timescale: number): number {
  const seconds = Math.floor(time / timescale);
  return seconds * CLOCK_RATE + Math.floor((2 * (time - seconds * timescale) * CLOCK_RATE + timescale) / (2 * timescale));
}

export function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

export function leastCommonMultiple(a: number, b: number): number {
  return (a / greatestCommonDivisor(a, b)) * b;
}

/** Seconds as decimal text with `digits` decimals, rounded half up, from integers only. Time must not be negative. */
export function secondsText(time: Ticks, timescale: number, digits: number): string {
  const unit = 10n ** BigInt(digits);
  const scaled = (2n * time * unit + BigInt(timescale)) / (2n * BigInt(timescale));
  if (digits === 0) return String(scaled);
  return `${scaled / unit}.${String(scaled % unit).padStart(digits, '0')}`;
}

/** Long work gives way: resolves when others have had a turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
