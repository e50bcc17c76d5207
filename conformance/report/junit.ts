/** JUnit XML: a suite per asset and format, a case per check. */
import type { Report, Result, Run } from '../../spec/report.ts';

export function junitXml({ results }: Report, run: Run): string {
  const suites = new Map<string, Result[]>();
  for (const result of results) {
    const name = `${result.subject.asset}/${result.subject.format}`;
    suites.set(name, [...(suites.get(name) ?? []), result]);
  }
  const body = [...suites].map(([name, cases]) => {
    const failures = cases.filter(isFailure).length;
    const skipped = cases.filter(isSkipped).length;
    return `<testsuite name="${escape(name)}" tests="${cases.length}" failures="${failures}" skipped="${skipped}">\n${cases.map((result) => testCase(result, name, run)).join('\n')}\n</testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="isomer-conformance" tests="${results.length}" failures="${results.filter(isFailure).length}">\n${body.join('\n')}\n</testsuites>\n`;
}

function isFailure({ outcome, expected }: Result): boolean {
  return outcome === 'fail' && !expected;
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
  if (isFailure(result)) return `${head}><failure message="${escape(result.messages.join('; '))}">${escape(text)}</failure></testcase>`;
  if (isSkipped(result)) return `${head}><skipped message="${escape(`${result.outcome}: ${result.messages.join('; ')}`)}"/></testcase>`;
  return result.outcome === 'warn' ? `${head}><system-out>${escape(text)}</system-out></testcase>` : `${head}/>`;
}

function escape(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '?').replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char);
}
