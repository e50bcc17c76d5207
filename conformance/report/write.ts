/** Report files. Everything derives from report.json, run.json and, for evidence, the trace. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OUTCOMES, type Report } from '../../spec/report.ts';
import type { Material } from './assemble.ts';
import { badge, playersBadge } from './badge.ts';
import { compatJson, compatPage, replayPage } from './compat.ts';
import { coveragePage } from './coverage.ts';
import { htmlReport } from './html.ts';
import { junitXml } from './junit.ts';
import { markdownOutcomes, markdownSummary } from './markdown.ts';
import type { Reporting } from './model.ts';
import { sarifLog } from './sarif.ts';

type ReportFile = { readonly name: string; readonly text: (reporting: Reporting, material: Material) => string; /** Only where real players were asked. */ readonly replay?: true };

const SOURCES: readonly ReportFile[] = [
  { name: 'report.json', text: ({ report }) => `${JSON.stringify(report, null, 1)}\n` },
  { name: 'run.json', text: ({ run }) => `${JSON.stringify(run, null, 1)}\n` },
];

const DERIVED: readonly ReportFile[] = [
  { name: 'report.html', text: htmlReport },
  { name: 'summary.md', text: ({ report, run }) => markdownSummary(report, run) },
  { name: 'outcomes.md', text: ({ report }) => markdownOutcomes(report) },
  { name: 'coverage.md', text: coveragePage },
  { name: 'junit.xml', text: ({ report, run }) => junitXml(report, run) },
  { name: 'report.sarif', text: sarifLog },
  { name: 'compat.json', text: ({ report }) => compatJson(report), replay: true },
  { name: 'compatibility.md', text: ({ report }) => compatPage(report), replay: true },
  { name: 'replays.md', text: ({ report, run }) => replayPage(report, run), replay: true },
  { name: 'badge-must.svg', text: (reporting) => badge('must', reporting) },
  { name: 'badge-should.svg', text: (reporting) => badge('should', reporting) },
  { name: 'badge-players.svg', text: playersBadge, replay: true },
];

export function writeReport(folder: string, reporting: Reporting, material: Material): readonly string[] {
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of SOURCES) writeFileSync(join(folder, name), text(reporting, material));
  return [...SOURCES.map(({ name }) => name), ...writeDerived(folder, reporting, material)];
}

/** All but report.json and run.json, which are what they are. Returns the names. */
export function writeDerived(folder: string, reporting: Reporting, material: Material): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const files = DERIVED.filter(({ replay }) => replay === undefined || reporting.report.replay !== undefined);
  for (const { name, text } of files) writeFileSync(join(folder, name), text(reporting, material));
  return files.map(({ name }) => name);
}

/** `must: 812 pass, 3 fail …`, outcomes that did not occur left out. */
export function totalsLine(report: Report, level: 'must' | 'should'): string {
  const counts = OUTCOMES.filter((outcome) => report.totals[level][outcome] > 0).map((outcome) => `${report.totals[level][outcome]} ${outcome}`);
  return `${level}: ${counts.length === 0 ? 'nothing judged' : counts.join(', ')}`;
}
