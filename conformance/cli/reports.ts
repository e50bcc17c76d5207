/** `report`, `diff` and `baseline`: what is done with a run that has ended. */
import { existsSync, writeFileSync } from 'node:fs';
import { openTrace } from '../capture/store.ts';
import { updateBaseline } from '../baseline.ts';
import { readExpectations } from '../expectations.ts';
import { EXIT_CODES } from '../fault.ts';
import { CHECKS, loadRequirements } from '../registry.ts';
import { diffMarkdown, diffReports, diffText } from '../report/diff.ts';
import { mergeRuns } from '../report/merge.ts';
import { reportedResults } from '../report/model.ts';
import { readReport, readRun } from '../report/read.ts';
import { writeDerived, writeReport } from '../report/write.ts';
import { keysFor } from '../subject/self.ts';
import { note, print } from './output.ts';
import { loadTruths } from './run.ts';

export type ReportOptions = { readonly out?: string; readonly trace?: string; readonly truth?: string; readonly keys?: string; readonly merge?: readonly string[] };

/** The files that derive from report.json, run.json and the trace, again: as this version of the suite makes them. */
export function rewriteReport(folder: string, options: ReportOptions): void {
  const { trace, truth, ...read } = readRun(folder);
  const merging = options.merge ?? [];
  const { report, run } = mergeRuns({ report: readReport(folder), run: read.run }, merging.map((other) => ({ report: readReport(other), run: readRun(other).run })));
  const traceFolder = options.trace ?? trace;
  const reader = traceFolder === null ? null : openTrace(traceFolder);
  if (reader === null) note('there is no trace: the reports name evidence and do not show it');
  const out = options.out ?? folder;
  const reporting = { report, run, checks: CHECKS, requirements: loadRequirements() };
  const known = options.truth ?? truth ?? undefined;
  const material = reader === null ? null : { reader, truths: loadTruths(known, reader), keys: keysFor(known, options.keys) };
  const names = merging.length === 0 ? writeDerived(out, reporting, material) : writeReport(out, reporting, material);
  print(`${out}: ${names.join(', ')}`);
}

export function diff(before: string, after: string, { json = false, markdown = false }: { readonly json?: boolean; readonly markdown?: boolean }): number {
  const found = diffReports(readReport(before), readReport(after));
  process.stdout.write(json ? `${JSON.stringify(found, null, 1)}\n` : markdown ? diffMarkdown(found) : diffText(found));
  return found.failing.length > 0 ? EXIT_CODES.failed : EXIT_CODES.ok;
}

export type BaselineOptions = { readonly expectations: string; readonly reason?: string; readonly bug?: string; readonly owner?: string; readonly dryRun?: boolean };

export function rewriteBaseline(path: string, { expectations: file, dryRun = false, ...words }: BaselineOptions): void {
  const entries = existsSync(file) ? readExpectations(file) : [];
  const { entries: next, added, removed, kept, open } = updateBaseline(reportedResults(readReport(path)), entries, { ...words, today: new Date().toISOString().slice(0, 10) });
  if (!dryRun) writeFileSync(file, `${JSON.stringify(next, null, 2)}\n`);
  for (const name of removed) print(`- ${name}`);
  for (const name of added) print(`+ ${name}`);
  print(`${kept} kept, ${removed.length} removed, ${added.length} added${dryRun ? '; nothing was written' : ''}`);
  if (open > 0) note(`${open} ${open === 1 ? 'entry has' : 'entries have'} no reason, bug or owner yet: until they are filled in, no run takes ${file}`);
}
