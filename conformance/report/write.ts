/** Report files. Everything derives from report.json and run.json. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OUTCOMES, type Report, type Run } from '../../spec/report.ts';
import { junitXml } from './junit.ts';
import { markdownSummary } from './markdown.ts';

export function writeReport(folder: string, report: Report, run: Run): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(join(folder, 'run.json'), `${JSON.stringify(run, null, 1)}\n`);
  writeFileSync(join(folder, 'summary.md'), markdownSummary(report, run));
  writeFileSync(join(folder, 'junit.xml'), junitXml(report, run));
}

/** `must: 812 pass, 3 fail …`, outcomes that did not occur left out. */
export function totalsLine(report: Report, level: 'must' | 'should'): string {
  const counts = OUTCOMES.filter((outcome) => report.totals[level][outcome] > 0).map((outcome) => `${report.totals[level][outcome]} ${outcome}`);
  return `${level}: ${counts.length === 0 ? 'nothing judged' : counts.join(', ')}`;
}
