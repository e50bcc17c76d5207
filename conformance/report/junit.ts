/**
 * JUnit XML: a suite per asset and format with a case per check, and a suite per player and browser with a case per replay;
 * expectations that are no longer true, and client defects that no longer show, fail in a suite of their own.
 */
import type { Report, Run } from '../../spec/report.ts';
import { subjectOf } from '../expectations.ts';
import { isNewFailure, replayReasons, replayResult, type Reported } from './model.ts';

type Case = { readonly suite: string; readonly name: string; readonly result: Reported; readonly text: string };

export function junitXml({ results, replay, staleExpectations }: Report, run: Run): string {
  const stale = [...staleExpectations, ...(run.expired ?? []), ...(replay?.staleDefects ?? [])];
  const details = Map.groupBy(run.details, ({ result }) => result);
  const reasons = replayReasons(run);
  const cases: Case[] = [
    ...results.map((result) => ({
      suite: `${result.subject.asset}/${result.subject.format}`,
      name: result.check,
      result,
      text: (details.get(result.id) ?? []).map(({ path, message, wanted = '', actual = '' }) => `${path}: ${message}${wanted === '' ? '' : `; wanted ${wanted}`}${actual === '' ? '' : `; found ${actual}`}`).join('\n'),
    })),
    ...(replay?.rows ?? []).map((row) => {
      const result = replayResult(row);
      return { suite: `${row.player} ${row.browser}`, name: `${result.check} ${subjectOf(result).split(' ', 1)[0]}`, result, text: reasons.get(result.id) ?? '' };
    }),
  ];
  const body = [...Map.groupBy(cases, ({ suite }) => suite)].map(([name, own]) => {
    const failures = own.filter(({ result }) => isNewFailure(result)).length;
    const skipped = own.filter(({ result }) => isSkipped(result)).length;
    return `<testsuite name="${escape(name)}" tests="${own.length}" failures="${failures}" skipped="${skipped}">\n${own.map(testCase).join('\n')}\n</testsuite>`;
  });
  if (stale.length > 0) body.push(`<testsuite name="expectations" tests="${stale.length}" failures="${stale.length}" skipped="0">\n${stale.map((entry) => `<testcase classname="expectations" name="${escape(entry)}"><failure message="${escape(entry)}"/></testcase>`).join('\n')}\n</testsuite>`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="isomer-conformance" tests="${cases.length + stale.length}" failures="${cases.filter(({ result }) => isNewFailure(result)).length + stale.length}">\n${body.join('\n')}\n</testsuites>\n`;
}

function isSkipped({ outcome, expected }: Reported): boolean {
  return outcome === 'inapplicable' || outcome === 'cantTell' || outcome === 'untested' || (outcome === 'fail' && expected);
}

function testCase({ suite, name, result, text }: Case): string {
  const head = `<testcase classname="${escape(suite)}" name="${escape(name)}"`;
  if (isNewFailure(result)) return `${head}><failure message="${escape(result.messages.join('; '))}">${escape(text)}</failure></testcase>`;
  if (isSkipped(result)) return `${head}><skipped message="${escape(`${result.known === undefined ? result.outcome : `known, ${result.known.reason} (${result.known.bug})`}: ${result.messages.join('; ')}`)}"/></testcase>`;
  return result.outcome === 'warn' ? `${head}><system-out>${escape(text)}</system-out></testcase>` : `${head}/>`;
}

function escape(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '?').replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char);
}
