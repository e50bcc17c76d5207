/** What a replay is asked, what it saw, and what that means. Plain JSON values: they cross from the page to the suite. */
import * as z from 'zod';
import { evidenceSchema } from '../../spec/replay.ts';
import type { Access } from './protection.ts';

export type ManifestFormat = 'dash' | 'hls' | 'smooth';
export type PlayerName = 'hls.js' | 'dash.js' | 'shaka' | 'shaka-4' | 'rx-player' | 'video.js' | 'native';
export type BrowserName = 'chromium' | 'firefox' | 'webkitgtk';

export type Strides = Readonly<Record<number, number>>;

/** What the content is, as far as a player can show it. Comes from the corpus, never from what was served. */
export type ReplayTruth = {
  /** Pictures per second, exact: 30000/1001 is { num: 30000, den: 1001 }. Null: no video. */
  readonly frameRate: { readonly num: number; readonly den: number } | null;
  /** The first picture that there is: what a filter leaves may begin later. */
  readonly first: number;
  /** One more than the number of the last picture; picture n carries n mod 4096 and is due at n / frameRate + videoStart. */
  readonly frames: number;
  /** Seconds at which picture 0 is due, or would be. */
  readonly videoStart: number;
  /** Rendition ids that the marks may carry. */
  readonly renditions: readonly number[];
  /** Renditions at a lower rate count their own pictures: picture c of one with stride k stands where k pictures from c × k on do. Absent: 1. */
  readonly strides: Strides;
  /** Pilot tone of each audio track, and where its second 0 is due, in seconds; empty: no audio marks. */
  readonly pilots: readonly { readonly language: string; readonly hertz: number; readonly start: number }[];
  /** Tone of second s is `first + step × (s mod count)` hertz. */
  readonly secondTones: { readonly first: number; readonly step: number; readonly count: number };
};

/** One reading of the picture. `mediaTime` is the compositor's, where the reading came with a frame callback. */
const frameReading = z.strictObject({
  at: z.number(),
  counter: z.int(),
  rendition: z.int(),
  clock: z.number(),
  mediaTime: z.number().nullable(),
});

const soundReading = z.strictObject({
  at: z.number(),
  clock: z.number(),
  /** The last picture number read before this instant. */
  counter: z.int().nullable(),
  tone: z.number().nullable(),
  pilot: z.number().nullable(),
});

/** The cues that the browser was given, as they say of themselves, and which of them (by index) it held for active, whenever that changed, beside the picture on show. */
const cueReadings = z.strictObject({
  known: z.array(z.strictObject({ start: z.number(), end: z.number().nullable(), text: z.string().max(1000), /** Copies at one moment. */ copies: z.int(), /** By the player itself, which keeps what is on show between two changes: one text is in many, and they may overlap. */ drawn: z.boolean() })).max(500),
  active: z.array(z.strictObject({ at: z.number(), counter: z.int().nullable(), cues: z.array(z.int().nonnegative()).max(50) })).max(1000),
});

const playerEvent = z.strictObject({ at: z.number(), name: z.string(), text: z.string(), fatal: z.boolean() });

/** A picture asked for by seeking, and what was shown. */
export const seekReading = z.strictObject({ frame: z.int(), counter: z.int().nullable(), rendition: z.int().nullable() });

/** What the observers in the page wrote down. Nothing in here was said by the player except in `events`. */
export const recording = z.strictObject({
  /** Changes of the picture's number, and every frame callback, in order. */
  frames: z.array(frameReading),
  /** Readings after the first good one that showed no marks. */
  unreadable: z.int(),
  /** Readings in all. */
  reads: z.int(),
  sounds: z.array(soundReading),
  cues: cueReadings,
  events: z.array(playerEvent),
  /** The element's clock when observation began and ended, in seconds. */
  clockStart: z.number(),
  clockEnd: z.number(),
  /** Milliseconds from load to the first readable picture; null: never. */
  startup: z.number().nullable(),
  size: z.strictObject({ width: z.number(), height: z.number() }),
  /** Pictures that the browser itself says it put on show from the first callback to the last, and those it left out for want of time. */
  presented: z.int(),
  dropped: z.int(),
  duration: z.number().nullable(),
});

export type FrameReading = Readonly<z.infer<typeof frameReading>>;
export type SoundReading = Readonly<z.infer<typeof soundReading>>;
export type CueReadings = Readonly<z.infer<typeof cueReadings>>;
export type PlayerEvent = Readonly<z.infer<typeof playerEvent>>;
export type SeekReading = Readonly<z.infer<typeof seekReading>>;
export type Recording = Readonly<z.infer<typeof recording>>;

/** What a device or a page is asked to do, step by step; it decides nothing. */
export type Step =
  | { readonly do: 'watch'; /** Distinct pictures to be shown; where there are none, the clock counts. */ readonly pictures: number; readonly seconds: number }
  | { readonly do: 'ended' }
  | { readonly do: 'run'; /** At this speed, until the element's clock is there. */ readonly rate: number; readonly until: number }
  | { readonly do: 'quality'; readonly choose: 'lowest' | 'highest'; /** Mark of the rendition that has to show up. */ readonly rendition: number }
  | { readonly do: 'audio'; /** Names of the language, the exact one first. */ readonly languages: readonly string[]; readonly pilot: number }
  | { readonly do: 'pause'; readonly milliseconds: number }
  | { readonly do: 'seek'; /** Picture numbers, in this order, read while paused. */ readonly frames: readonly number[] };

export type Task = {
  readonly url: string;
  readonly format: ManifestFormat;
  readonly player: string;
  /** Module of a player that the suite does not know; null: one of its own. */
  readonly module: string | null;
  readonly from: number;
  readonly pilots: readonly number[];
  readonly tones: readonly number[];
  readonly frameRate: number;
  readonly strides: Strides;
  readonly videoStart: number;
  /** Null: clear, or opened without being asked. */
  readonly protection: Access | null;
  /** Names of the language of the text to be shown, the exact one first; null: none. */
  readonly text: readonly string[] | null;
  readonly steps: readonly Step[];
};

const act = z.strictObject({ step: z.string(), ok: z.boolean(), text: z.string() });

/** What comes back of a task. From a device it is a stranger's input. */
export const taskResult = z.strictObject({
  recording,
  seeks: z.array(seekReading).max(10_000),
  acts: z.array(act).max(100),
  version: z.string().max(200),
  ended: z.boolean(),
  evidence: evidenceSchema,
});
export type TaskResult = Readonly<z.infer<typeof taskResult>>;

/** What kind of thing was wrong, so that a template can say which its own doing explains. */
export type ReasonKind = 'error' | 'startup' | 'stall' | 'nothing' | 'short' | 'gap' | 'backwards' | 'stranger' | 'time' | 'seek' | 'silence' | 'tone' | 'audio-change' | 'sync';

export type Limits = {
  /** Seconds of the asset that have to be seen in the window. */
  readonly seconds: number;
  /** Least share of the window's distinct pictures. */
  readonly frameShare: number;
  /** Frames by which the pixels of a reading may trail the time that came with it. */
  readonly pixelLag: number;
  /** Pictures by which a seek may miss. */
  readonly seekSlack: number;
  /** Largest share of readings that may be one frame off because the picture changed between callback and reading. */
  readonly raceShare: number;
  /** Most frames between the smallest and the largest (shown time − due time). */
  readonly offsetSpread: number;
  /** Most frames by which all pictures may be early or late: a player may rebase on the reordering delay. */
  readonly offsetLimit: number;
  readonly toneShare: number;
  /** Milliseconds: |median A/V difference − bias|. */
  readonly syncBias: number;
  readonly syncLimit: number;
  readonly startupLimit: number;
};

export type Observation = {
  readonly framesSeen: number;
  readonly framesExpected: number;
  readonly first: number | null;
  readonly last: number | null;
  /** Inclusive picture number ranges. */
  readonly missing: readonly (readonly [from: number, to: number])[];
  readonly backwards: readonly (readonly [from: number, to: number])[];
  /** Frames that the picture was late against its due time, rounded to hundredths → count. */
  readonly offsets: Readonly<Record<string, number>>;
  readonly offset: number | null;
  readonly renditions: readonly number[];
  readonly pilots: readonly number[];
  readonly tones: { readonly heard: number; readonly right: number };
  /** Milliseconds that the picture is ahead of the sound, at each change of the second's tone. */
  readonly sync: { readonly min: number; readonly median: number; readonly max: number; readonly count: number } | null;
  readonly startup: number | null;
  readonly stalls: number;
  readonly errors: readonly string[];
  readonly seeks: { readonly asked: number; readonly right: number };
  readonly clockMoved: number;
  /** Pictures that the browser showed and the observer missed, or that the browser itself dropped. */
  readonly unread: number;
};

/**
 * `unclear`: nothing but pictures that this machine was too slow to show or to read. `maybeSlow`: every reason is of a kind
 * that a busy machine can cause as well as a bad stream, so asking again tells them apart.
 */
export type Verdict = { readonly outcome: 'pass' | 'fail' | 'unclear'; readonly reasons: readonly string[]; readonly maybeSlow: boolean };
