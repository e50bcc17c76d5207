/** Reports read back: from a folder that a run has written, or from a report.json. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import { reportSchema, runSchema, type Report, type Run } from '../../spec/report.ts';
import { messageOf, SuiteFault } from '../fault.ts';

export function readReport(path: string): Report {
  const report = readJson(fileIn(path, 'report.json'), reportSchema);
  // A report that was cut off, or put together by hand, is none.
  if (report.results.length !== report.footer.results) throw new SuiteFault('usage', `${path}: the footer counts ${report.footer.results} results, and there are ${report.results.length}`);
  return report;
}

/** What `run.json` says, and where the trace and the truth files are that it names. */
export function readRun(path: string): { readonly run: Run; readonly trace: string | null; readonly truth: string | null } {
  const file = fileIn(path, 'run.json');
  const run = readJson(file, runSchema);
  const place = (named: string | undefined): string | null => {
    const folder = named === undefined ? null : resolve(dirname(file), named);
    return folder !== null && existsSync(folder) ? folder : null;
  };
  return { run, trace: place(run.trace ?? 'trace'), truth: place(run.truth) };
}

function fileIn(path: string, name: string): string {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, name) : path;
  if (!existsSync(file)) throw new SuiteFault('usage', `${file}: no such file`);
  return file;
}

function readJson<T>(file: string, schema: z.ZodType<T>): T {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SuiteFault('usage', `${file}: ${messageOf(error)}`);
  }
  const result = schema.safeParse(parsed);
  if (!result.success) throw new SuiteFault('usage', `${file}: ${z.prettifyError(result.error)}`);
  return result.data;
}
