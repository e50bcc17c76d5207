/**
 * Cues that a browser was given against those of the asset: each at its time, none lost, none twice. A cue that
 * is cut at a segment's boundary may come in pieces that meet.
 */
import type { TruthCue } from '../../spec/truth.ts';
import type { CueReadings } from './model.ts';
import { THRESHOLDS } from './thresholds.ts';

/** `until`: where playing stopped. `offset`: seconds by which the player shifts its whole timeline. */
export type CueFrame = { readonly until: number; readonly offset: number; readonly frameRate: number; readonly videoStart: number };

/** `untimely`: when the browser showed what is right. That is its own doing, and a busy machine's. */
export type JudgedCues = { readonly wrong: readonly string[]; readonly untimely: readonly string[] };

type Given = { readonly text: string; readonly start: number; end: number; readonly indexes: number[] };

/** Where lines break, and with which blanks, is the player's own affair. Players hand TTML's words on as WebVTT without escaping them: then what stands in angle brackets is not drawn. */
const plain = (text: string): string => text.normalize('NFC').replace(/<[^>]*>|\s+/gu, '');

export function judgeCues(readings: CueReadings, cues: readonly TruthCue[], frame: CueFrame): JudgedCues {
  const { until, offset } = frame;
  const given = joined(readings);
  const wrong: string[] = [];
  const untimely: string[] = [];
  for (const cue of cues.filter(({ start }) => start / 1000 < until - THRESHOLDS.cueLate.value)) {
    const own = given.filter(({ text }) => text === plain(cue.text));
    const name = `the cue of ${cue.start / 1000} s`;
    if (own.length !== 1) {
      wrong.push(own.length === 0 ? `${name} is lost` : `${name} is there ${own.length} times: ${own.map(({ start, end }) => `${start.toFixed(3)} to ${end.toFixed(3)} s`).join(', ')}`);
      continue;
    }
    const [{ start, end, indexes }] = own;
    const [from, to] = [cue.start / 1000 + offset, cue.end / 1000 + offset];
    if (differ(start, from)) wrong.push(`${name} begins at ${start.toFixed(3)} s; ${from.toFixed(3)} s is right`);
    if (to < until && differ(end, to)) wrong.push(`${name} ends at ${end.toFixed(3)} s; ${to.toFixed(3)} s is right`);
    if (indexes.some((index) => readings.known[index].copies > 1 && !readings.known[index].drawn)) wrong.push(`${name} is there twice at once`);
    const when = shownWhen(readings, indexes, cue, frame);
    if (when !== null) untimely.push(`${name} ${when}`);
  }
  const known = new Set(cues.map(({ text }) => plain(text)));
  for (const { text, start } of given) if (!known.has(text)) wrong.push(`a cue is there at ${start.toFixed(1)} s that the asset does not have: ${text.slice(0, 60)}`);
  return { wrong, untimely };
}

const differ = (one: number, other: number): boolean => Math.abs(one - other) > THRESHOLDS.cueTime.value;

/** Pieces that meet are one cue. One without words is none: players keep such beside their own drawing. */
function joined({ known }: CueReadings): readonly Given[] {
  const given: Given[] = [];
  const inOrder = known.map(({ start, end, text, drawn }, index) => ({ start, end: end ?? Infinity, text: plain(text), drawn, index })).filter(({ text }) => text !== '').toSorted((a, b) => a.start - b.start);
  for (const { start, end, text, drawn, index } of inOrder) {
    const before = given.find((each) => each.text === text && (!differ(each.end, start) || (drawn && start < each.end)));
    if (before === undefined) given.push({ text, start, end, indexes: [index] });
    else {
      before.end = Math.max(before.end, end);
      before.indexes.push(index);
    }
  }
  return given;
}

/** Against the pictures on show when the browser took the cue for active; null: in time. */
function shownWhen({ active }: CueReadings, indexes: readonly number[], { start, end }: TruthCue, { frameRate, videoStart, until }: CueFrame): string | null {
  const pictureAt = (counter: number | null | undefined): number | null => (counter === null || counter === undefined ? null : counter / frameRate + videoStart);
  const has = (cues: readonly number[]): boolean => cues.some((cue) => indexes.includes(cue));
  const first = active.findIndex(({ cues }) => has(cues));
  if (first < 0) return 'was never shown';
  const [up, down] = [pictureAt(active[first].counter), pictureAt(active[active.findLastIndex(({ cues }) => has(cues)) + 1]?.counter)];
  const far = (picture: number, due: number): boolean => Math.abs(picture - due) > THRESHOLDS.cueLate.value;
  if (up !== null && far(up, start / 1000)) return `came up with the picture of ${up.toFixed(2)} s`;
  return down !== null && end / 1000 < until && far(down, end / 1000) ? `went with the picture of ${down.toFixed(2)} s` : null;
}
