/** Replays in every format for machines and people, and what they do to the end of a run. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { ReplayRow } from '../../spec/replay.ts';
import { updateBaseline } from '../baseline.ts';
import { replayExitCode, withExpectations } from '../cli/replay.ts';
import type { Expectation } from '../expectations.ts';
import { EXIT_CODES } from '../fault.ts';
import { readXml } from '../oracle/xml.ts';
import { annotations } from './annotations.ts';
import { playersBadge } from './badge.ts';
import { diffReports, diffText } from './diff.ts';
import { junitXml } from './junit.ts';
import { markdownOutcomes, markdownSummary } from './markdown.ts';
import { mergeRuns } from './merge.ts';
import { reportedResults } from './model.ts';
import { sarifLog } from './sarif.ts';
import { judged, specimenReplays, withReplays, type Judged } from './testing.ts';

const FAIL = 'replay/sequential specimen/dash-csf dash.js chromium';
const known: Expectation = { check: 'replay/sequential', subject: 'specimen/dash-csf dash.js *', reason: 'not mended before the next release', bug: 'https://example.org/9', owner: 'tests', since: '2026-11-24' };
let plain: Judged;
let played: Judged;
beforeAll(async () => {
  plain = await judged(undefined, [], (id) => id.startsWith('mpd/'));
  played = withReplays(plain);
});

const section = (...rows: readonly Partial<ReplayRow>[]) => ({ ...specimenReplays().section, rows: rows.map((row, i) => ({ ...specimenReplays().section.rows[0], messages: [], id: `sequential a${i}/dash-csf p b`, ...row })) });
const ended = (...outcomes: readonly ReplayRow['outcome'][]): number => replayExitCode({ section: section(...outcomes.map((outcome) => ({ outcome }))), details: [] });

describe('a replay that fails', () => {
  it('fails its case in JUnit; what gave no verdict is skipped, never passed', () => {
    const xml = junitXml(played.report, played.run);
    expect('root' in readXml(xml)).toBe(true);
    expect(xml).toContain('<testsuite name="dash.js chromium" tests="2" failures="1" skipped="0">');
    expect(xml).toMatch(/<testcase classname="dash.js chromium" name="replay\/sequential specimen\/dash-csf"><failure message="n of n pictures were seen; missing n">70 of 75/);
    expect(xml).toMatch(/<testcase classname="shaka chromium" name="replay\/slow specimen\/dash-csf"><skipped message="cantTell: the machine/);
    expect(xml).toMatch(/<testcase classname="native firefox"[^>]+><skipped message="inapplicable/);
    expect(xml).toContain('<testcase classname="shaka chromium" name="replay/sequential specimen/dash-csf"/>');
  });

  it('is an error in SARIF under the rule of its template, with a print that has no values in it', () => {
    type Log = { readonly runs: readonly [{ readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } }; readonly results: readonly { readonly ruleId: string; readonly ruleIndex: number; readonly level: string; readonly kind: string; readonly message: { readonly text: string }; readonly partialFingerprints: object }[] }] };
    const read = (text: string) => (JSON.parse(text) as Log).runs[0];
    const { tool, results } = read(sarifLog(played));
    const own = results.filter(({ ruleId }) => ruleId.startsWith('replay/'));
    expect(own.map(({ ruleId, kind, level }) => `${ruleId} ${kind} ${level}`).toSorted()).toEqual(['replay/sequential fail error', 'replay/slow fail warning', 'replay/slow open none']);
    for (const { ruleId, ruleIndex } of own) expect(tool.driver.rules[ruleIndex].id).toBe(ruleId);
    const other = { ...played, run: { ...played.run, replays: played.run.replays?.map((detail) => ({ ...detail, reasons: ['69 of 75 pictures were seen; missing 20-25'] })) } };
    expect(read(sarifLog(other)).results.map(({ partialFingerprints }) => partialFingerprints)).toEqual(results.map(({ partialFingerprints }) => partialFingerprints));
  });

  it('is annotated and summed up with its values; the committed page has none of it', () => {
    expect(annotations(played)).toContain(`::error title=${FAIL}::70 of 75 pictures were seen; missing 20-24`);
    expect(annotations(played).some((line) => line.startsWith('::warning title=replay/slow'))).toBe(true);
    const summary = markdownSummary(played.report, played.run);
    expect(summary).toContain(`- \`${FAIL}\`: 70 of 75 pictures`);
    expect(summary).toContain('| dash.js@chromium | **fail** 1 of 2 |');
    expect(summary).toContain('1 pass, 1 fail, 1 warn, 1 inapplicable, 1 cantTell.');
    expect(markdownOutcomes(played.report)).toBe(markdownOutcomes(plain.report));
  });

  it('turns the badge red; what came to no verdict is not counted', () => {
    expect(playersBadge(played)).toContain('PLAYERS: 1/3');
    expect(playersBadge(played)).toContain('#b4232c');
    expect(playersBadge(plain)).toContain('not judged');
  });

  it('shows in a diff, and other clients are said to be others', () => {
    const mended = { ...played.report, replay: { ...specimenReplays().section, rows: specimenReplays().section.rows.map((row) => (row.outcome === 'fail' ? { ...row, outcome: 'pass' as const, messages: [] } : row)) } };
    expect(diffReports(mended, played.report).failing.map(({ id }) => id)).toEqual([FAIL]);
    expect(diffReports(played.report, mended).mended.map(({ id }) => id)).toEqual([FAIL]);
    expect(diffReports(plain.report, played.report).caveats).toEqual(['only one of the two has replays']);
    const newer = { ...played.report, replay: { ...specimenReplays().section, players: { ...specimenReplays().section.players, 'dash.js': '6.0.0' } } };
    expect(diffText(diffReports(played.report, newer))).toContain('note: clients differ: dash.js 5.2.1 → 6.0.0');
  });
});

describe('expectations', () => {
  it('know a replay by its template, and no longer when it passes or was not there', () => {
    const { section: whole, details } = specimenReplays();
    const expected = withExpectations({ section: whole, details, infrastructure: 0 }, [known]);
    expect(expected.stale).toEqual([]);
    const row = expected.replays.section.rows.find(({ id }) => `replay/${id}` === FAIL);
    expect(row).toMatchObject({ outcome: 'fail', expected: true, known: { bug: 'https://example.org/9' } });
    expect(replayExitCode(expected.replays)).not.toBe(EXIT_CODES.failed);
    expect(junitXml({ ...played.report, replay: expected.replays.section }, played.run)).toMatch(/name="replay\/sequential specimen\/dash-csf"><skipped message="known, not mended/);
    const stale = (entry: Expectation) => withExpectations({ section: whole, details, infrastructure: 0 }, [entry]).stale;
    expect(stale({ ...known, subject: '* shaka *' })).toEqual(['replay/sequential * shaka *: no longer fails, delete the entry']);
    expect(stale({ ...known, subject: '* nobody *' })).toEqual(['replay/sequential * nobody *: matches no result']);
    expect(stale({ ...known, subject: '*' })[0]).toMatch(/^replay\/sequential \*: no longer fails in .*, narrow the entry$/);
  });

  it('about replays are none of the checks’ business, and the other way round', async () => {
    expect((await judged(undefined, [known], (id) => id.startsWith('mpd/'))).report.staleExpectations).toEqual([]);
    const { section: whole, details } = specimenReplays();
    expect(withExpectations({ section: whole, details, infrastructure: 0 }, [{ ...known, check: 'mpd/codecs' }]).stale).toEqual([]);
  });

  it('can be made from a report', () => {
    const { added, entries } = updateBaseline(reportedResults(played.report), [], { today: '2026-11-29' });
    expect(added).toContain('replay/sequential specimen/dash-csf dash.js chromium');
    expect(updateBaseline(reportedResults(played.report), entries, { today: '2026-11-30' })).toMatchObject({ added: [], removed: [] });
  });
});

describe('replays of several runs', () => {
  const device = (rows: readonly ReplayRow[], version = '5.9.9') => ({ report: { ...plain.report, replay: { ...specimenReplays().section, players: { 'dash.js': version }, browsers: { tv: { version: 'TV/3', mediaSource: {}, native: {} } }, rows: [...rows] } }, run: { ...plain.run, replays: [] } });

  it('join in one report; the later one wins', () => {
    const [first] = specimenReplays().section.rows;
    const onTv: ReplayRow = { ...first, id: 'sequential specimen/dash-csf dash.js tv', browser: 'tv', outcome: 'pass' };
    const again: ReplayRow = { ...first, outcome: 'pass', messages: [] };
    const { report, run } = mergeRuns(played, [device([onTv]), device([again], '')]);
    expect(report.replay?.rows.map(({ id }) => id)).toEqual([...specimenReplays().section.rows.map(({ id }) => id), onTv.id].toSorted());
    expect(report.replay?.rows.find(({ id }) => id === again.id)?.outcome).toBe('pass');
    expect(run.replays?.some(({ id }) => id === again.id)).toBe(false);
    expect(Object.keys(report.replay?.browsers ?? {})).toEqual(['chromium', 'firefox', 'tv']);
    expect(report.replay?.players['dash.js']).toBe('5.9.9');
    expect(report.results).toBe(played.report.results);
  });

  it('bring results of other assets, counted and in their requirements', () => {
    const strange = plain.report.results.slice(0, 2).map((result) => ({ ...result, id: `${result.check} other/dash-csf`, subject: { ...result.subject, asset: 'other' }, outcome: 'fail' as const }));
    const other: Judged = { ...plain, report: { ...plain.report, results: [...plain.report.results, ...strange] } };
    const { report } = mergeRuns(plain, [other]);
    expect(report.results.map(({ id }) => id)).toEqual([...plain.report.results, ...strange].map(({ id }) => id));
    expect(report.footer.results).toBe(report.results.length);
    expect(report.totals[strange[0].level].fail).toBe(plain.report.totals[strange[0].level].fail + strange.filter(({ level }) => level === strange[0].level).length);
    for (const id of strange[0].requirements) expect(report.requirements[id]).toBe('fail');
  });

  it('are what they were where there is nothing to join', () => {
    expect(mergeRuns(plain, [])).toBe(plain);
    expect(mergeRuns(plain, [device([])]).report.replay?.rows).toEqual([]);
  });
});

describe('the end of a run', () => {
  it.each<[string, number, number]>([
    ['all pass', ended('pass', 'pass'), EXIT_CODES.ok],
    ['one fails', ended('pass', 'fail', 'cantTell'), EXIT_CODES.failed],
    ['nothing applies', ended('inapplicable', 'inapplicable'), EXIT_CODES.harness],
    ['nothing was seen', ended('cantTell'), EXIT_CODES.harness],
    ['one of twenty was starved', ended(...Array.from({ length: 19 }, () => 'pass' as const), 'cantTell'), EXIT_CODES.ok],
    ['three of twenty were starved', ended(...Array.from({ length: 17 }, () => 'pass' as const), 'cantTell', 'cantTell', 'cantTell'), EXIT_CODES.harness],
    ['the run was cut short', ended('pass', 'untested'), EXIT_CODES.harness],
    ['a defect no longer shows', replayExitCode({ section: { ...section({ outcome: 'pass' }), staleDefects: ['x'] }, details: [] }), EXIT_CODES.stale],
    ['an expectation is stale', replayExitCode({ section: section({ outcome: 'pass' }), details: [] }, ['y']), EXIT_CODES.stale],
    ['all that fails is known', replayExitCode({ section: section({ outcome: 'fail', expected: true }), details: [] }), EXIT_CODES.ok],
  ])('%s', (_, code, wanted) => {
    expect(code).toBe(wanted);
  });
});
