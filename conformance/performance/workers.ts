/** Two workers behind one port, against one, and against two servers that know nothing of each other. */
import { pause, SETTLE_MS, urlsOf } from './capacity.ts';
import { deadline, load, median } from './load.ts';
import type { Media } from './media.ts';
import { startOrigin, type ServerProcess } from './process.ts';
import { eachCount, perByte, threadsOfAll, type Threads } from './threads.ts';

const CLIENTS = 16;
const ROUNDS = 5;

/** `strangers`: what two processes beside a client cost on this machine, whoever gives them their connections. */
const KINDS = ['one', 'two', 'strangers'] as const;
type Kind = (typeof KINDS)[number];
type Team = { readonly servers: readonly ServerProcess[]; readonly lists: readonly (readonly string[])[] };

/** CPU seconds per 10^9 body bytes, the middle of the rounds; ratios to `one` are of the same round. `shares`: of the requests, as the log tells who answered. */
export type Workers = {
  readonly cost: Readonly<Record<Kind, number>>;
  readonly ratio: Readonly<Record<Kind, number>>;
  readonly threads: Readonly<Record<Kind, Threads>>;
  readonly shares: readonly number[];
};

export async function measureWorkers({ ladder }: Media, seconds: number): Promise<Workers> {
  const [one, two, first, second] = [await startOrigin(ladder), await startOrigin(ladder, '--workers', '2'), await startOrigin(ladder), await startOrigin(ladder)];
  try {
    const team = async (...servers: readonly ServerProcess[]): Promise<Team> => ({ servers, lists: await Promise.all(servers.map((server) => urlsOf(server, 4, 'clear'))) });
    const teams: Readonly<Record<Kind, Team>> = { one: await team(one), two: await team(two), strangers: await team(first, second) };
    const rounds: Record<Kind, Threads[]> = { one: [], two: [], strangers: [] };
    for (const kind of KINDS) await serveFor(teams[kind], seconds / 3);
    for (let round = 0; round < ROUNDS; round++) {
      // Who is first in a round is another one each time.
      for (let i = 0; i < KINDS.length; i++) {
        const kind = KINDS[(round + i) % KINDS.length];
        rounds[kind].push(await serveFor(teams[kind], seconds / 3));
      }
    }
    const of = <T>(make: (kind: Kind) => T): Record<Kind, T> => ({ one: make('one'), two: make('two'), strangers: make('strangers') });
    return {
      cost: of((kind) => median(rounds[kind].map(({ cpu }) => cpu))),
      ratio: of((kind) => median(rounds[kind].map(({ cpu }, i) => cpu / rounds.one[i].cpu))),
      threads: of((kind) => eachCount((count) => median(rounds[kind].map((round) => round[count])))),
      shares: await measureShares(ladder),
    };
  } finally {
    await Promise.all([one, two, first, second].map((server) => server.stop()));
  }
}

async function serveFor({ servers, lists }: Team, seconds: number): Promise<Threads> {
  const pids = (await Promise.all(servers.map((server) => server.pids()))).flat();
  const before = await threadsOfAll(pids);
  const loads = await Promise.all(lists.map((list) => load(list, CLIENTS / lists.length, deadline(seconds))));
  return perByte(before, await threadsOfAll(pids), loads.reduce((sum, { bytes }) => sum + bytes, 0));
}

async function measureShares(ladder: string): Promise<readonly number[]> {
  const server = await startOrigin(ladder, '--workers', '2', '--log-level', 'info');
  try {
    const [url] = await urlsOf(server, 5, 'clear');
    await load([url.replace(/video=\d+/, 'video=0')], 32, (requests) => requests >= 1000);
    await pause(SETTLE_MS);
    // A request's id begins with its process (x-ms-request-id).
    const counts = new Map<string, number>();
    for (const [, pid] of server.errors().matchAll(/"id":"([0-9a-z]+)-[0-9a-z]+"/g)) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    const total = [...counts.values()].reduce((a, b) => a + b, 0);
    return [...counts.values()].map((count) => count / total).toSorted((a, b) => a - b);
  } finally {
    await server.stop();
  }
}
