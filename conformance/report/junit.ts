/** JUnit XML: a suite per asset and format, a case per check; expectations that are no longer true fail in a suite of their own. */
import type { Report, Result, Run } from '../../spec/report.ts';
import { isNewFailure } from './model.ts';

export function junitXml({ results, staleExpectations }: Report, run: Run): string {
  const stale = [...staleExpectations, ...(run.expired ?? [])];
  const suites = new Map<string, Result[]>();
  for (const result of results) {
    const name = `${result.subject.asset}/${result.subject.format}`;
    suites.set(name, [...(suites.get(name) ?? []), result]);
  }
  const body = [...suites].map(([name, cases]) => {
    const failures = cases.filter(isNewFailure).length;
    const skipped = cases.filter(isSkipped).length;
    return `<testsuite name="${escape(name)}" tests="${cases.length}" failures="${failures}" skipped="${skipped}">\n${cases.map((result) => testCase(result, name, run)).join('\n')}\n</testsuite>`;
  });
  if (stale.length > 0) body.push(`<testsuite name="expectations" tests="${stale.length}" failures="${stale.length}" skipped="0">\n${stale.map((entry) => `<testcase classname="expectations" name="${escape(entry)}"><failure message="${escape(entry)}"/></testcase>`).join('\n')}\n</testsuite>`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="isomer-conformance" tests="${results.length + stale.length}" failures="${results.filter(isNewFailure).length + stale.length}">\n${body.join('\n')}\n</testsuites>\n`;
}

function isSkipped({ outcome, expected }: Result): boolean {
  return outcome === 'inapplicable' || outcome === 'cantTell' || outcome === 'untested' || (outcome === 'fail' && expected);
}

function testCase(result: Result, suite: string, run: Run): string {
  const head = `<testcase classname="${escape(suite)}" name="${escape(result.check)}"`;
  const text = run.details
    .filter((detail) => detail.result === result.id)
    .map(({ path, message, wanted = '', actual = '' }) => `${path}: ${message}${wanted === '' ? '' : `; wanted ${wanted}`}${actual === '' ? '' : `; found ${actual}`}`)
    .join('\n');
  if (isNewFailure(result)) return `${head}><failure message="${escape(result.messages.join('; '))}">${escape(text)}</failure></testcase>`;
  if (isSkipped(result)) return `${head}><skipped message="${escape(`${result.known === undefined ? result.outcome : `known, ${result.known.reason} (${result.known.bug})`}: ${result.messages.join('; ')}`)}"/></testcase>`;
  return result.outcome === 'warn' ? `${head}><system-out>${escape(text)}</system-out></testcase>` : `${head}/>`;
}

function escape(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '?').replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char);
}
