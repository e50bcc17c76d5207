/**
 * `npm run report`: judges every corpus asset in every output, and protected and filtered ones of a layout, replays them in the browsers of this machine, and renews the pages
 * of reports/. They hold outcomes and no measured values; the whole report, with its evidence, is reports/.run/report.html.
 * Arguments go to `isomer-conformance run` (`--no-players` leaves the browsers out). Its exit code is the command's.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const REPORTS = join(ROOT, 'reports');
const OUT = join(REPORTS, '.run');
/** RUNNING.md, exit codes: what could not be reached, and what the machine was too slow to judge, says nothing worth keeping. */
const NO_JUDGEMENT: readonly (number | null)[] = [null, 2, 3, 4];

/** Of the corpus in the clear alone: what a run over the corpus must say again (suite.e2e.test.ts). */
const CLEAR = [['outcomes.md', 'conformance.md'], ['coverage.md', 'coverage.md']] as const;
/** Of both: protected and filtered content joined in. */
const JOINED = [['coverage.md', 'coverage-all.md'], ['compatibility.md', 'README.md'], ['compat.json', 'compat.json']] as const;
const LAYOUT = [['protected/outcomes.md', 'protected.md']] as const;

function run(title: string, args: readonly string[]): number | null {
  const started = performance.now();
  console.log(`== ${title}`);
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  console.log(`== ${title}: ended with ${status} after ${Math.round((performance.now() - started) / 1000)} s`);
  return status;
}

function worse(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : NO_JUDGEMENT.includes(other) || one === 0 ? other : one;
}

/** Protected and filtered outputs are judged and replayed from a layout of their own, and join the report. Its code is the worse of the two. */
function runLayout(args: readonly string[]): number | null {
  const [layout, out] = [join(OUT, 'layout'), join(OUT, 'protected')];
  const made = run('layout', ['corpus/layout.ts', layout]);
  if (made !== 0) return made;
  const ended = run('protected and filtered', ['conformance/cli.ts', 'run', '--root', layout, '--out', out, ...args]);
  if (NO_JUDGEMENT.includes(ended)) return ended;
  const merged = run('merge', ['conformance/cli.ts', 'report', OUT, '--merge', out]);
  return merged === 0 ? ended : merged;
}

type Pages = readonly (readonly [string, string])[];

/** Without browsers there are no compatibility pages, and what another machine has found stays. */
function renew(pages: Pages): void {
  mkdirSync(REPORTS, { recursive: true });
  const made = pages.filter(([page]) => existsSync(join(OUT, page)));
  for (const [page, name] of made) copyFileSync(join(OUT, page), join(REPORTS, name));
  console.log(`renewed: ${made.map(([, name]) => `reports/${name}`).join(', ')}`);
}

// What an earlier run left is not to be taken for this one's.
for (const [made] of [...CLEAR, ...JOINED, ...LAYOUT]) rmSync(join(OUT, made), { force: true });
let status = run('corpus', ['corpus/make.ts']);
if (status === 0) {
  const args = process.argv.slice(2);
  status = run('run', ['conformance/cli.ts', 'run', '--root', join(ROOT, 'corpus/.assets'), '--out', OUT, ...args]);
  if (NO_JUDGEMENT.includes(status)) console.log('reports/ stays as it is: the run came to no judgement');
  else {
    renew(CLEAR);
    status = worse(status, runLayout(args));
    if (NO_JUDGEMENT.includes(status)) console.log('the pages of protected content stay as they are: the run came to no judgement');
    else renew([...JOINED, ...LAYOUT]);
  }
}
process.exitCode = status ?? 1;
