/** Time expressions of TTML (W3C TTML2 12.3.1, clause 7 parameters): clock times and offsets, to milliseconds. */
import { IsomerError } from '../errors.ts';
import type { Milliseconds } from './document.ts';
import { valueOf, type XmlElement } from './xmltree.ts';

export const TTML_PARAMETER = 'http://www.w3.org/ns/ttml#parameter';

export type TimeBase = { readonly frameRate: number; readonly subFrameRate: number; readonly tickRate: number };

const CLOCK = /^(\d{2,9}):([0-5]\d):([0-5]\d|60)(?:\.(\d{1,12})|:(\d{2,9})(?:\.(\d{1,6}))?)?$/;
const OFFSET = /^(\d{1,15}(?:\.\d{1,12})?)(h|m|s|ms|f|t)$/;
/** 28 years: times of live archives fit, and sums of them stay exact. */
const LATEST = 2 ** 53 / 8;

export function timeBaseOf(root: XmlElement, where: string): TimeBase {
  const base = valueOf(root, 'timeBase', TTML_PARAMETER) ?? 'media';
  if (base !== 'media') throw new IsomerError('ISOMER_TEXT_MALFORMED', { what: 'ttp:timeBase', where, expected: 'media', found: base });
  const integer = (name: string): number | null => {
    const text = valueOf(root, name, TTML_PARAMETER);
    if (text === null) return null;
    if (!/^[1-9]\d{0,9}$/.test(text.trim())) throw new IsomerError('ISOMER_TEXT_MALFORMED', { what: `ttp:${name}`, where, expected: 'a whole number above 0', found: JSON.stringify(text.slice(0, 40)) });
    return Number(text);
  };
  const frames = integer('frameRate');
  const match = /^\s*([1-9]\d{0,8})[\s:]+([1-9]\d{0,8})\s*$/.exec(valueOf(root, 'frameRateMultiplier', TTML_PARAMETER) ?? '1 1');
  const frameRate = ((frames ?? 30) * Number(match?.[1] ?? 1)) / Number(match?.[2] ?? 1);
  const subFrameRate = integer('subFrameRate') ?? 1;
  return { frameRate, subFrameRate, tickRate: integer('tickRate') ?? (frames === null ? 1 : frameRate * subFrameRate) };
}

export function parseTime(text: string, { frameRate, subFrameRate, tickRate }: TimeBase, where: string): Milliseconds {
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, f: 1000 / frameRate, t: 1000 / tickRate };
  const offset = OFFSET.exec(text.trim());
  const clock = CLOCK.exec(text.trim());
  let time = Number.NaN;
  if (offset !== null) time = Number(offset[1]) * units[offset[2]];
  else if (clock !== null) {
    const [hours, minutes, seconds] = clock.slice(1, 4).map(Number);
    const frames = clock[5] === undefined ? 0 : (Number(clock[5]) + Number(clock[6] ?? 0) / subFrameRate) / frameRate;
    time = ((hours * 60 + minutes) * 60 + seconds + Number(`0.${clock[4] ?? 0}`) + frames) * 1000;
  }
  if (time <= LATEST) return Math.round(time);
  throw new IsomerError('ISOMER_TEXT_MALFORMED', { what: 'time expression', where, expected: 'a clock time or an offset', found: JSON.stringify(text.slice(0, 40)) });
}
