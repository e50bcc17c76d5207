/** CPU time and context switches of a server's threads, as the kernel counts them (Linux). */
import { readdir, readFile } from 'node:fs/promises';
import { cpuOf } from './process.ts';

/** CPU seconds, and context switches; `cpu` is finer than the sum of the others. */
export type Threads = { readonly cpu: number; readonly mainUser: number; readonly mainSystem: number; readonly othersUser: number; readonly othersSystem: number; readonly switches: number };

/** Hundredths of a second, as /proc counts them (proc(5): fields 14 and 15 of stat). */
export async function threadsOf(pid: number): Promise<Threads> {
  const sum = { cpu: await cpuOf(pid), mainUser: 0, mainSystem: 0, othersUser: 0, othersSystem: 0, switches: 0 };
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system] = [Number(fields[11] ?? 0) / 100, Number(fields[12] ?? 0) / 100];
    if (Number(thread) === pid) {
      sum.mainUser += user;
      sum.mainSystem += system;
    } else {
      sum.othersUser += user;
      sum.othersSystem += system;
    }
    const status = await readFile(`/proc/${pid}/task/${thread}/status`, 'utf8').catch(() => '');
    for (const [, count] of status.matchAll(/ctxt_switches:\s+(\d+)/g)) sum.switches += Number(count);
  }
  return sum;
}

export async function threadsOfAll(pids: readonly number[]): Promise<Threads> {
  const all = await Promise.all(pids.map(threadsOf));
  return eachCount((of) => all.reduce((total, threads) => total + threads[of], 0));
}

/** Seconds per 10^9 bytes, switches per 10^6. */
export function perByte(before: Threads, after: Threads, bytes: number): Threads {
  return eachCount((of) => (after[of] - before[of]) / (bytes / (of === 'switches' ? 1e6 : 1e9)));
}

export function eachCount(make: (of: keyof Threads) => number): Threads {
  return { cpu: make('cpu'), mainUser: make('mainUser'), mainSystem: make('mainSystem'), othersUser: make('othersUser'), othersSystem: make('othersSystem'), switches: make('switches') };
}
