/** GitHub workflow commands: what failed stands beside the change. GitHub shows ten of a kind per step, so the rest is counted. */
import type { Detail } from '../../spec/report.ts';
import { isNewFailure, replayReasons, reportedResults, type Reported, type Reporting } from './model.ts';

const SHOWN = 10;

export function annotations({ report, run }: Pick<Reporting, 'report' | 'run'>): readonly string[] {
  const details = new Map<string, Detail>();
  for (const detail of run.details) if (!details.has(detail.result)) details.set(detail.result, detail);
  const results = reportedResults(report);
  const reasons = replayReasons(run);
  const stale = [...report.staleExpectations, ...(report.replay?.staleDefects ?? [])];
  const open = results.filter(({ outcome }) => outcome === 'cantTell');
  return [
    ...commands('error', results.filter(isNewFailure), details, reasons),
    ...stale.slice(0, SHOWN).map((entry) => command('error', 'stale expectation', entry)),
    ...commands('warning', results.filter(({ outcome, expected }) => outcome === 'warn' && !expected), details, reasons),
    ...(open.length === 0 ? [] : [command('notice', 'no verdict', `${open.length} results have no verdict, e.g. ${open[0].id}: ${open[0].messages.join('; ')}`)]),
  ];
}

function commands(kind: 'error' | 'warning', results: readonly Reported[], details: ReadonlyMap<string, Detail>, reasons: ReadonlyMap<string, string>): string[] {
  const shown = results.length > SHOWN ? results.slice(0, SHOWN - 1) : results;
  const lines = shown.map(({ id, messages, requirements, known }) => {
    const { path = '', wanted, actual } = details.get(id) ?? {};
    const values = `${wanted === undefined ? '' : `, wanted ${wanted}`}${actual === undefined ? '' : `, found ${actual}`}`;
    const about = requirements.length > 0 ? ` (${requirements.join(', ')})` : known === undefined ? '' : ` (known: ${known.reason}, ${known.bug})`;
    return command(kind, id, `${reasons.get(id) ?? messages.join('; ')}${about}${path === '' ? '' : ` at ${path}`}${values}`);
  });
  return shown.length === results.length ? lines : [...lines, command(kind, 'and more', `${results.length - shown.length} more of this kind are in the report`)];
}

/** Data and properties are escaped as the runner reads them back (actions/toolkit, command.ts). */
function command(kind: string, title: string, message: string): string {
  const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return `::${kind} title=${data(title).replaceAll(':', '%3A').replaceAll(',', '%2C')}::${data(message)}`;
}
