/**
 * A paragraph for each output and protection: what it costs, what its floor is, and where the rest goes; for two workers and for the
 * event loop as well. The figures are those of the run; what was tried on the way is told by hand, for no run shows it.
 */
import type { LoopDelay } from './eventloop.ts';
import { median } from './load.ts';
import { OUTPUTS } from './matrix.ts';
import type { ProfileRow } from './profile.ts';
import type { Rounds } from './segments.ts';
import type { Workers } from './workers.ts';

/** What no server of ours can do without: yardsticks that are added up, with a factor each. */
type Floor = { readonly words: string; readonly parts: readonly (readonly [yardstick: 'pooled' | 'aes-128-cbc' | 'aes-128-ecb', factor: number])[] };
type Kind = 'fmp4' | 'ts';

/** One block in ten is enciphered (ISO/IEC 23001-7:2023 10.4.2). */
const PATTERN = 1 / 10;
const FLOORS: Readonly<Record<string, Floor>> = {
  clear: { words: 'the pooled loop', parts: [['pooled', 1]] },
  aes128: { words: 'the pooled loop and AES-CBC over every byte', parts: [['pooled', 1], ['aes-128-cbc', 1]] },
  cenc: { words: 'the pooled loop and a keystream from AES-ECB', parts: [['pooled', 1], ['aes-128-ecb', 1]] },
  piff: { words: 'the pooled loop and a keystream from AES-ECB', parts: [['pooled', 1], ['aes-128-ecb', 1]] },
  cbcs: { words: 'the pooled loop and AES-CBC over a tenth of the bytes', parts: [['pooled', 1], ['aes-128-cbc', PATTERN]] },
  'sample-aes': { words: 'the pooled loop and AES-CBC over a tenth of the bytes', parts: [['pooled', 1], ['aes-128-cbc', PATTERN]] },
};

/** What is above the floor by nature, and what was tried. */
const TRIED: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  fmp4: {
    clear: 'Above it by nature: a window holds 256 KiB where the loop reads 1 MiB, and the head of each segment. Tried: four windows in one `readv` (as cheap as 1 MiB, but a client that stalls would have to give three of them back); larger windows for quick clients (a stalled one would keep its 1 MiB). Kept: the plan of a segment, head and reads, from the first request on, a fifth of the CPU without sockets at 360p.',
    aes128: 'The cipher is serial. Tried and kept: pieces of 32 KiB whose memory is given back at once, a third of all CPU.',
    cenc: 'Above it by nature: the XOR, and one copy of the keystream into the kernels’ memory. Tried: a CTR cipher for each sample (25 µs each, more than a sample of 60 KB costs). Kept: many samples’ counters in one call, one cipher for each key, subsample maps with the segment’s plan.',
    piff: 'As cenc.',
    cbcs: 'Above it by nature: gathering and scattering the blocks, and the calls of the cipher, about 0.6 µs each beside its own work, which weigh at low bit rates. A chain starts anew in each NAL unit, but one call of CBC cannot. Kept: short NAL units of a window side by side, a block of each in one call of ECB (48 calls for 60 in a window of 360p, each of them cheaper: 0.76 of the ciphers’ CPU); all across a segment would need it read twice. Reckoned, not built: AES in WebAssembly, without tables that betray the key by their timing about as dear as the calls are.',
  },
  ts: {
    clear: 'Above it by nature: each 184 bytes are moved behind a header, PES headers and start codes. Kept: all whole packets of a run in 128-bit steps within the buffer that was read into; the plan, an object for each access unit, with all reads from the first request on (a third of the CPU without sockets at 360p). `hls-v3` reads two files for each window.',
    aes128: 'The cipher is serial, over the packets of the clear stream. Tried and kept: pieces of 32 KiB whose memory is given back at once, a sixth of all CPU.',
    'sample-aes': 'Above it by nature: as TS in the clear, a call of the cipher for each NAL unit and audio frame, and all of a slice is searched for what needs emulation prevention once more. Kept: the search for two zeros in a row in 128-bit steps (with the plan 0.6 of the CPU without sockets at 360p).',
  },
};

type Group = { readonly words: string; readonly holds: (room: string) => boolean };
/** In order: the first that holds a room counts it. */
const GROUPS: readonly Group[] = [
  { words: 'ciphers', holds: (room) => room === 'node: ciphers' || room === 'src/protection' || room === 'native: update' },
  { words: 'system calls and native code', holds: (room) => room.startsWith('native: ') || room === '(program)' },
  { words: 'our code', holds: (room) => room.startsWith('src/') },
  { words: 'kernels', holds: (room) => room.startsWith('kernels') },
  { words: 'Node’s HTTP, files and timers', holds: (room) => room.startsWith('node: ') },
  { words: 'the collector', holds: (room) => room === '(garbage collector)' },
  { words: 'packages', holds: () => true },
];

/** Seconds per GB of the main thread by group, the greatest first, each with its rooms. */
function divided({ threads, shares }: ProfileRow): string {
  const main = threads.mainUser + threads.mainSystem;
  const sums = GROUPS.map(({ words }) => ({ words, sum: 0, rooms: [] as string[] }));
  for (const [room, share] of shares) {
    const group = sums[GROUPS.findIndex(({ holds }) => holds(room))];
    group.sum += share * main;
    group.rooms.push(`${room.replace('native: ', '')} ${(share * main).toFixed(2)}`);
  }
  const told = sums.filter(({ sum }) => sum >= 0.005).toSorted((a, b) => b.sum - a.sum).map(({ words, sum, rooms }) => `${words} ${sum.toFixed(2)} (${rooms.join(', ')})`);
  const others = threads.othersUser + threads.othersSystem;
  return `${told.join('; ')}; other threads ${others.toFixed(2)}`;
}

const middle = (rounds: Rounds, key: string): number | null => {
  const list = rounds.get(key);
  return list === undefined ? null : median(list);
};

/** Of one quality: null where it was not measured. */
function told(rounds: Rounds, profiles: readonly ProfileRow[], key: string, ladder: string, floor: Floor): string | null {
  const cost = middle(rounds, `${key}.${ladder}`);
  const still = middle(rounds, `static.${ladder}`);
  if (cost === null || still === null) return null;
  const parts = floor.parts.map(([yardstick, factor]) => factor * (middle(rounds, yardstick === 'pooled' ? `pooled.${ladder}` : yardstick) ?? Number.NaN));
  const least = parts.reduce((sum, part) => sum + part, 0);
  const profile = profiles.find((row) => row.key === `${key}.${ladder}`);
  const above = Number.isNaN(least) ? '' : `, ${(cost / least).toFixed(2)} times its floor (${floor.words}: ${least.toFixed(2)})`;
  return `${ladder}: ${cost.toFixed(2)} s/GB, ${(cost / still).toFixed(2)} times \`static\`${above}.${profile === undefined ? '' : ` The profile divides ${(profile.threads.mainUser + profile.threads.mainSystem).toFixed(2)} s/GB of the main thread: ${divided(profile)}.`}`;
}

/** Markdown, an item for each output and protection that was measured. */
export function paragraphs(rounds: Rounds, profiles: readonly ProfileRow[], ladders: readonly string[]): string {
  return OUTPUTS.flatMap(({ id, protections }) => {
    const kind: Kind = id.startsWith('hls-v') ? 'ts' : 'fmp4';
    return protections.flatMap((protection) => {
      const lines = ladders.map((ladder) => told(rounds, profiles, `${id}.${protection}`, ladder, FLOORS[protection])).filter((line) => line !== null);
      return lines.length === 0 ? [] : [`- **${id}, ${protection}.** ${[...lines, TRIED[kind][protection]].join('\n  ')}`];
    });
  }).join('\n');
}

const TEAMS: readonly (readonly [kind: keyof Workers['cost'], words: string])[] = [['one', 'one worker'], ['two', 'two workers'], ['strangers', 'two servers with a port each']];

/** Against two servers that share nothing: what two processes cost on this machine is not the price of sharing a port. */
export function workersText({ cost, ratio, threads }: Workers): string {
  const rows = TEAMS.map(([kind, words]) => {
    const { mainUser, mainSystem, othersUser, othersSystem, switches } = threads[kind];
    return `| ${words} | ${cost[kind].toFixed(2)} | ${ratio[kind].toFixed(2)} | ${[mainUser, mainSystem, othersUser, othersSystem].map((value) => value.toFixed(2)).join(' | ')} | ${switches.toFixed(1)} |`;
  });
  const grown = (['mainUser', 'mainSystem', 'othersUser', 'othersSystem'] as const).map((of) => threads.two[of] - threads.one[of]);
  const [user, system, ...others] = grown.map((value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`);
  return `16 clients, clear fMP4, rounds that take turns; s/GB of all processes, medians, and ratios within a round.

| | CPU | ratio | main threads, user | system | others, user | system | switches per MB |
|---|---|---|---|---|---|---|---|
${rows.join('\n')}

From one to two the main threads take ${user} s/GB in user and ${system} in system time, all others ${others.join(' and ')}. Two servers that know nothing of each other
cost ${ratio.strangers.toFixed(2)} times as much as one: so much is the price of two busy processes beside a client on this machine, each with caches, heap and code of its own.
What is above that (${(ratio.two - ratio.strangers).toFixed(2)}) is the workers': a first process that hands out connections, none of it once for a request. Tried: connections by the kernel
instead (\`NODE_CLUSTER_SCHED_POLICY=none\`), and two threads for files and one for the compiler in each process: no difference beyond that of the rounds.
Kept: a copy that was slow though no block was read from a disk is that of a busy processor, and the next one is made without the thread pool all the same: with more
processes than processors that took more than half of the context switches away.`;
}

/** What is said of the loop: the figures, and the longest stretches of a run under the profiler. */
export function loopText({ p99, max, idle, stretches }: LoopDelay): string {
  const told = stretches.map(({ milliseconds, rooms }) => `${milliseconds.toFixed(1)} ms (${rooms.slice(0, 3).map(([room, part]) => `${room} ${part.toFixed(1)}`).join(', ')})`);
  return `Event-loop delay at half load (the worse of two mixes: segments of three kinds; manifests of the 2-hour asset while four others, up to ten hours and 64 tracks, are
opened): p99 ${p99.toFixed(1)} ms, longest ${max.toFixed(1)} ms. Both are beyond the interval of the timer that the process watches itself with (${idle.toFixed(1)} ms in an idle one), which the figures of
\`/metrics\` hold.
The longest stretches of the main thread while those four assets are opened at once, under the profiler: ${told.join('; ')}.
Kept: tables of more than 2048 chunks and sizes of more than 128 segments are reckoned in turns; a fragment's size is looked up by the shape of its head, a tenth of the CPU of
making the head, which was the longest stretch before.`;
}
