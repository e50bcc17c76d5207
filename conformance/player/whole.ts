/** From what a native client decoded, whole, to a verdict. Pure. */
import { PILOTS } from '../../spec/marks.ts';
import type { ReplayDetail } from '../../spec/replay.ts';
import type { Played } from '../native.ts';
import { loudestTone } from './tones.ts';
import type { ReplayTruth, Strides } from './model.ts';

export type WholeTruth = {
  /** Number of the first picture, and how many there are. */
  readonly first: number;
  readonly count: number;
  readonly renditions: readonly number[];
  readonly strides: Strides;
  /** Pilots of the tracks that this output carries. */
  readonly pilots: readonly number[];
  /** Least length of the sound; 0: none is to be heard. */
  readonly audioSeconds: number;
  readonly tones: ReplayTruth['secondTones'];
  /** Pictures that the client itself may leave out at the ends. */
  readonly edges: number;
};

type Judged = { readonly reasons: readonly string[]; readonly observation: NonNullable<ReplayDetail['observation']> };

/** Seconds of sound that an encoder's priming or a client's last frame may take away. */
const SHORT = 0.2;
/** Half a second out of each whole one: far from where the tone changes. */
const WINDOW = 0.5;

export function judgeWhole({ counters: own, renditions: owners, sound, soundRate }: Played, truth: WholeTruth): Judged {
  const counters = own.flatMap((counter, i) => {
    const stride = truth.strides[owners[i]] ?? 1;
    return counter < 0 || stride === 1 ? [counter] : Array.from({ length: stride }, (_, j) => counter * stride + j);
  });
  const renditions = [...new Set(owners)].filter((owner) => owner >= 0);
  const due = Array.from({ length: truth.count }, (_, i) => truth.first + i);
  const seen = new Set(counters);
  const missing = due.filter((counter) => !seen.has(counter));
  const atEdges = missing.filter((counter) => counter < truth.first + truth.edges || counter >= truth.first + truth.count - truth.edges);
  const unreadable = counters.filter((counter) => counter < 0).length;
  const astray = counters.flatMap((counter, i): [number, number][] => (i > 0 && counter >= 0 && counter <= counters[i - 1] ? [[counters[i - 1], counter]] : []));
  const heard = listen(sound, soundRate, truth);
  const strangers = renditions.filter((rendition) => !truth.renditions.includes(rendition));
  const reasons = [
    ...(counters.length === 0 ? ['no picture was decoded'] : []),
    ...(missing.length > Math.min(truth.edges, atEdges.length) ? [`${missing.length} of ${truth.count} pictures were not decoded: ${missing.slice(0, 5).join(', ')}`] : []),
    ...(unreadable > 0 ? [`the marks of ${unreadable} pictures cannot be read`] : []),
    ...astray.slice(0, 3).map(([before, after]) => `picture ${after} came after picture ${before}`),
    ...counters.filter((counter) => counter >= truth.first + truth.count).slice(0, 1).map((counter) => `picture ${counter} was shown; the asset has ${truth.count}`),
    ...(strangers.length > 0 ? [`rendition ${strangers.join(', ')} was shown; the asset has ${truth.renditions.join(', ')}`] : []),
    ...(truth.audioSeconds === 0 ? [] : heard.reasons),
  ];
  const shown = counters.filter((counter) => counter >= 0);
  return {
    reasons,
    observation: {
      framesSeen: due.length - missing.length,
      framesExpected: due.length,
      first: shown.at(0) ?? null,
      last: shown.at(-1) ?? null,
      missing: missing.slice(0, 20).map((counter) => [counter, counter]),
      backwards: astray.slice(0, 20),
      offsets: {},
      offset: null,
      renditions,
      pilots: heard.pilots,
      tones: heard.tones,
      sync: null,
      startup: null,
      stalls: 0,
      errors: [],
      seeks: { asked: 0, right: 0 },
      clockMoved: 0,
      unread: 0,
    },
  };
}

/** The sound's seconds have to follow one another, all under one pilot. Where the first begins is told by the tone itself. */
function listen(sound: Int16Array, rate: number, { pilots, audioSeconds, tones: { first, step, count } }: WholeTruth): { reasons: string[]; pilots: number[]; tones: { heard: number; right: number } } {
  const seconds = sound.length / rate;
  const candidates = Array.from({ length: count }, (_, i) => first + step * i);
  const start = firstChange(sound, rate, candidates);
  const readings = Array.from({ length: Math.max(0, Math.floor(seconds - start)) }, (_, i) => {
    const from = Math.round((start + i + (1 - WINDOW) / 2) * rate);
    const window = Float32Array.from(sound.subarray(from, from + Math.round(WINDOW * rate)), (value) => value / 32_768);
    return { tone: loudestTone(window, rate, candidates)?.hertz ?? null, pilot: loudestTone(window, rate, Object.values(PILOTS))?.hertz ?? null };
  });
  const begin = readings[0]?.tone ?? null;
  const indexOf = (hertz: number): number => (hertz - first) / step;
  const right = readings.filter(({ tone }, i) => tone !== null && begin !== null && indexOf(tone) === (indexOf(begin) + i) % count).length;
  const heard = readings.filter(({ tone }) => tone !== null).length;
  const own = [...new Set(readings.flatMap(({ pilot }) => (pilot === null ? [] : [pilot])))];
  const reasons = [
    ...(seconds < audioSeconds - SHORT ? [`${seconds.toFixed(2)} s of sound were decoded; the asset has ${audioSeconds.toFixed(2)} s`] : []),
    ...(right < readings.length ? [`${readings.length - right} of ${readings.length} seconds of the sound do not follow the one before`] : []),
    ...(own.length !== 1 || !pilots.includes(own[0]) ? [`pilots ${own.join(', ') || 'none'} Hz were heard; the tracks have ${pilots.join(', ')}`] : []),
  ];
  return { reasons, pilots: own, tones: { heard, right } };
}

/** Seconds at which the first tone gives way to the next: the sound may begin inside a second. */
function firstChange(sound: Int16Array, rate: number, candidates: readonly number[]): number {
  const look = 0.05;
  let before: number | null = null;
  for (let at = 0; at + look < Math.min(2, sound.length / rate); at += look / 2) {
    const window = Float32Array.from(sound.subarray(Math.round(at * rate), Math.round((at + look) * rate)), (value) => value / 32_768);
    const tone = loudestTone(window, rate, candidates)?.hertz ?? null;
    if (tone !== null && before !== null && tone !== before) return at % 1;
    before = tone ?? before;
  }
  return 0;
}
