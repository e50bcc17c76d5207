import { describe, expect, test } from 'vitest';
import type { TruthCue } from '../../spec/truth.ts';
import { judgeCues } from './cues.ts';
import type { CueReadings } from './model.ts';

const cue = (start: number, end: number, text: string): TruthCue => ({ id: '', start, end, text, styled: [], rightToLeft: false, place: null });
const CUES = [cue(1000, 3000, 'first\ncue'), cue(2000, 8500, 'over a cut'), cue(10_000, 11_000, 'third'), cue(19_000, 30_000, 'until the end')];
const FRAME = { until: 20, offset: 0, frameRate: 25, videoStart: 0 };

type Given = CueReadings['known'][number];

/** What a browser tells that has these cues, picture by picture; `shift`: seconds by which it shows them late. */
function readings(known: readonly Given[], shift = 0): CueReadings {
  const active: CueReadings['active'] = [];
  for (let frame = 0; frame < 20 * 25; frame++) {
    const time = frame / 25 - shift;
    const cues = known.flatMap(({ start, end }, i) => (time >= start && time < (end ?? Infinity) ? [i] : []));
    if (cues.join() !== (active.at(-1)?.cues ?? []).join()) active.push({ at: frame * 40, counter: frame, cues });
  }
  return { known: [...known], active };
}
const given = (cues: readonly TruthCue[]): Given[] => cues.map(({ start, end, text }) => ({ start: start / 1000, end: end / 1000, text, copies: 1, drawn: false }));
const changed = (at: number, change: Partial<Given>): Given[] => given(CUES).map((each, i) => (i === at ? { ...each, ...change } : each));
const more = (start: number, end: number, text: string): Given[] => [...given(CUES), { start, end, text, copies: 1, drawn: false }];

describe('cues', () => {
  test('that come at their times are right, also in pieces that meet, with lines broken otherwise, and on a timeline that is moved', () => {
    expect(judgeCues(readings(given(CUES)), CUES, FRAME)).toEqual({ wrong: [], untimely: [] });
    const pieces = given(CUES).flatMap((each) => (each.text === 'over a cut' ? [{ ...each, end: 6.006 }, { ...each, start: 6.006 }] : [{ ...each, text: each.text.replace('\n', ' ') }]));
    expect(judgeCues(readings(pieces), CUES, FRAME)).toEqual({ wrong: [], untimely: [] });
    const drawn = given(CUES).flatMap((each) => (each.text === 'over a cut' ? [{ ...each, end: 3 }, { ...each, start: 3, end: 7 }, { ...each, start: 6.5 }] : [each])).map((each) => ({ ...each, drawn: true }));
    expect(judgeCues(readings(drawn), CUES, FRAME)).toEqual({ wrong: [], untimely: [] });
    const moved = given(CUES).map((each) => ({ ...each, start: each.start + 0.067, end: (each.end ?? 0) + 0.067 }));
    expect(judgeCues(readings(moved), CUES, { ...FRAME, offset: 0.067 }).wrong).toEqual([]);
    expect(judgeCues(readings(more(0, 20, ' ')), CUES, FRAME).wrong, 'one without words is none').toEqual([]);
  });

  test.each([
    ['one that is lost', readings(given(CUES).toSpliced(2, 1)), 'the cue of 10 s is lost'],
    ['one that comes again', readings(more(15, 16, 'third')), 'the cue of 10 s is there 2 times: 10.000 to 11.000 s, 15.000 to 16.000 s'],
    ['one that comes again beside itself', readings(more(10.2, 11, 'third')), 'the cue of 10 s is there 2 times: 10.000 to 11.000 s, 10.200 to 11.000 s'],
    ['one that comes twice at once', readings(changed(2, { copies: 2 })), 'the cue of 10 s is there twice at once'],
    ['one that is a picture late', readings(changed(2, { start: 10.04 })), 'the cue of 10 s begins at 10.040 s; 10.000 s is right'],
    ['one that ends too early', readings(changed(1, { end: 6 })), 'the cue of 2 s ends at 6.000 s; 8.500 s is right'],
    ['one of somebody else', readings(more(5, 6, 'stranger')), 'a cue is there at 5.0 s that the asset does not have: stranger'],
    ['none at all', { known: [], active: [] }, 'the cue of 1 s is lost'],
  ] satisfies readonly [string, CueReadings, string][])('%s is seen', (_name, seen, reason) => {
    expect(judgeCues(seen, CUES, FRAME).wrong).toContain(reason);
  });

  test('that are right and shown at other times leave it open', () => {
    const cases: readonly (readonly [CueReadings, string])[] = [
      [readings(given(CUES), 1.5), 'the cue of 1 s came up with the picture of 2.52 s'],
      [readings(given(CUES), -1.5), 'the cue of 10 s came up with the picture of 8.52 s'],
      [{ ...readings(given(CUES)), active: [] }, 'the cue of 1 s was never shown'],
    ];
    for (const [seen, doubt] of cases) {
      const { wrong, untimely } = judgeCues(seen, CUES, FRAME);
      expect(wrong).toEqual([]);
      expect(untimely).toContain(doubt);
    }
  });
});
