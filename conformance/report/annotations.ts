/** GitHub workflow commands: what failed stands beside the change. GitHub shows ten of a kind per step, so the rest is counted. */
import type { Detail, Result } from '../../spec/report.ts';
import { isNewFailure, type Reporting } from './model.ts';

const SHOWN = 10;

export function annotations({ report, run }: Pick<Reporting, 'report' | 'run'>): readonly string[] {
  const details = new Map<string, Detail>();
  for (const detail of run.details) if (!details.has(detail.result)) details.set(detail.result, detail);
  const open = report.results.filter(({ outcome }) => outcome === 'cantTell');
  return [
    ...commands('error', report.results.filter(isNewFailure), details),
    ...report.staleExpectations.slice(0, SHOWN).map((entry) => command('error', 'stale expectation', entry)),
    ...commands('warning', report.results.filter(({ outcome, expected }) => outcome === 'warn' && !expected), details),
    ...(open.length === 0 ? [] : [command('notice', 'no verdict', `${open.length} results have no verdict, e.g. ${open[0].id}: ${open[0].messages.join('; ')}`)]),
  ];
}

function commands(kind: 'error' | 'warning', results: readonly Result[], details: ReadonlyMap<string, Detail>): string[] {
  const shown = results.length > SHOWN ? results.slice(0, SHOWN - 1) : results;
  const lines = shown.map(({ id, messages, requirements }) => {
    const { path = '', wanted, actual } = details.get(id) ?? {};
    const values = `${wanted === undefined ? '' : `, wanted ${wanted}`}${actual === undefined ? '' : `, found ${actual}`}`;
    return command(kind, id, `${messages.join('; ')} (${requirements.join(', ')})${path === '' ? '' : ` at ${path}`}${values}`);
  });
  return shown.length === results.length ? lines : [...lines, command(kind, 'and more', `${results.length - shown.length} more of this kind are in the report`)];
}

/** Data and properties are escaped as the runner reads them back (actions/toolkit, command.ts). */
function command(kind: string, title: string, message: string): string {
  const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return `::${kind} title=${data(title).replaceAll(':', '%3A').replaceAll(',', '%2C')}::${data(message)}`;
}
