import { describe, expect, test } from 'vitest';
import { EVIDENCE_LIMITS } from '../../spec/evidence.ts';
import { evidenceSchema, type ReplayEvidence } from '../../spec/replay.ts';
import { specimenEvidence, specimenReplays } from '../report/testing.ts';
import { starvation, thinness } from './doubt.ts';
import { FIXTURE_TRUTH } from './fixture.ts';
import type { Observation, SoundReading } from './model.ts';
import { detailOf } from './outcome.ts';

const seen = (more: Partial<Observation> = {}): Observation => ({ ...(specimenReplays().details[0].observation as Observation), ...more });
const busy = (share: number): Pick<ReplayEvidence, 'lag'> => ({ lag: { worst: 800, share } });
const sounds = (count: number): { readonly sounds: readonly SoundReading[] } => ({ sounds: Array.from({ length: count }, (_, i) => ({ at: 40 * i, clock: i / 25, counter: i, tone: 500, pilot: 5000 })) });
const plain = { tolerates: [], seconds: 3 };

describe('a machine that was too busy', () => {
  test('is told from how late the page was, or from what the browser dropped', () => {
    expect(starvation(seen(), busy(0.02))).toBeNull();
    expect(starvation(seen(), busy(0.21))).toBe("the machine was too busy: the page's own timer was late for 21 % of the time");
    expect(starvation(seen({ framesSeen: 40, unread: 30 }), busy(0))).toMatch(/30 pictures were dropped or not read beside 40/);
  });

  test('is no excuse for what the player itself reports, nor for showing nothing in peace', () => {
    expect(starvation(seen({ errors: ['code 3'] }), busy(0.9))).toBeNull();
    expect(starvation(seen({ framesSeen: 0, unread: 0 }), busy(0))).toBeNull();
  });
});

describe('evidence that is too thin for a pass', () => {
  test.each<[string, Partial<Observation>, number, string | null]>([
    ['enough', {}, 75, null],
    ['few pictures', { framesSeen: 9 }, 75, 'only 9 pictures were read'],
    ['few sounds', {}, 9, 'sound was read only 9 times'],
    ['no change of tone', { sync: null }, 75, 'picture and sound could be compared 0 times'],
  ])('%s', (_, observation, heard, doubt) => {
    expect(thinness(seen(observation), sounds(heard), FIXTURE_TRUTH, plain)).toBe(doubt);
  });

  test('asks for nothing that a template leaves out or content does not have', () => {
    expect(thinness(seen({ framesSeen: 0 }), sounds(0), FIXTURE_TRUTH, { tolerates: ['nothing'], seconds: 3 })).toBeNull();
    expect(thinness(seen({ sync: null }), sounds(0), FIXTURE_TRUTH, { tolerates: ['silence'], seconds: 3 })).toBeNull();
    expect(thinness(seen({ sync: null }), sounds(30), FIXTURE_TRUTH, { tolerates: [], seconds: 1 })).toBeNull();
    expect(thinness(seen({ framesSeen: 0, sync: null }), sounds(0), { ...FIXTURE_TRUTH, frameRate: null, pilots: [] }, plain)).toBeNull();
  });
});

describe('what is kept', () => {
  const { strip, requests } = specimenEvidence();
  test.each<[string, unknown]>([
    ['more thumbnails than agreed', specimenEvidence({ strip: Array.from({ length: EVIDENCE_LIMITS.pictures + EVIDENCE_LIMITS.jumps + 1 }, () => strip[0]) })],
    ['a thumbnail that is an address', specimenEvidence({ strip: [{ ...strip[0], image: 'https://example.org/x.png' }] })],
    ['a thumbnail that is a document', specimenEvidence({ strip: [{ ...strip[0], image: 'data:image/svg+xml;base64,AAAA' }] })],
    ['a thumbnail that is too large', specimenEvidence({ strip: [{ ...strip[0], image: `data:image/png;base64,${'A'.repeat(EVIDENCE_LIMITS.imageBytes)}` }] })],
    ['too many requests', specimenEvidence({ requests: Array.from({ length: EVIDENCE_LIMITS.requests + 1 }, () => requests[0]) })],
    ['a time before the beginning', specimenEvidence({ buffer: [{ at: -1, clock: 0, ahead: 0 }] })],
    ['a share above one', specimenEvidence({ lag: { worst: 1, share: 1.5 } })],
    ['a field that nobody knows', { ...specimenEvidence(), more: 1 }],
  ])('is not %s', (_, evidence) => {
    expect(evidenceSchema.safeParse(specimenEvidence()).success).toBe(true);
    expect(evidenceSchema.safeParse(evidence).success).toBe(false);
  });

  test('of a pass is a third, evenly spread; of anything else everything', () => {
    const many = specimenEvidence({ strip: Array.from({ length: 20 }, (_, counter) => ({ ...strip[0], counter })), requests: Array.from({ length: 100 }, () => requests[0]), requestsLeftOut: 2 });
    const detail = (outcome: 'pass' | 'fail') => detailOf('id', { judged: { observation: seen(), verdict: { outcome, reasons: [], maybeSlow: false } }, evidence: many }, { attempts: 1, infrastructure: 0, milliseconds: 1 }).evidence;
    expect(detail('fail')).toEqual(many);
    expect(detail('pass')?.strip.map(({ counter }) => counter)).toEqual([0, 5, 10, 15]);
    expect(detail('pass')).toMatchObject({ requestsLeftOut: 52 });
  });
});
