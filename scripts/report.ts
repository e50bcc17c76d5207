/**
 * `npm run report`: judges every corpus asset in every output, replays them in the browsers of this machine, and renews the pages
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

const PAGES = [['outcomes.md', 'conformance.md'], ['coverage.md', 'coverage.md'], ['compatibility.md', 'README.md'], ['compat.json', 'compat.json']] as const;

function run(title: string, args: readonly string[]): number | null {
  const started = performance.now();
  console.log(`== ${title}`);
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  console.log(`== ${title}: ended with ${status} after ${Math.round((performance.now() - started) / 1000)} s`);
  return status;
}

// What an earlier run left is not to be taken for this one's.
for (const [made] of PAGES) rmSync(join(OUT, made), { force: true });
let status = run('corpus', ['corpus/make.ts']);
if (status === 0) {
  status = run('run', ['conformance/cli.ts', 'run', '--root', join(ROOT, 'corpus/.assets'), '--out', OUT, ...process.argv.slice(2)]);
  if (NO_JUDGEMENT.includes(status)) console.log('reports/ stays as it is: the run came to no judgement');
  else {
    mkdirSync(REPORTS, { recursive: true });
    // Without browsers there are no compatibility pages, and what another machine has found stays.
    const renewed = PAGES.filter(([made]) => existsSync(join(OUT, made)));
    for (const [made, page] of renewed) copyFileSync(join(OUT, made), join(REPORTS, page));
    console.log(`renewed: ${renewed.map(([, page]) => `reports/${page}`).join(', ')}`);
  }
}
process.exitCode = status ?? 1;
