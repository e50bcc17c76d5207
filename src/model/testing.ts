/** Sample tables for tests: made from plain lists, so that a test reads like the file it stands for. */
import type { SampleTable, TimeRuns } from './samples.ts';

export type TableFixture = {
  readonly durations: readonly number[];
  readonly compositions?: readonly number[];
  readonly sync?: readonly number[];
  readonly sizes?: readonly number[];
  readonly start?: number;
  readonly base?: bigint;
};

export function tableOf({ durations, compositions, sync, sizes, start = 0, base = 0n }: TableFixture): SampleTable {
  const first: number[] = [];
  const time: number[] = [];
  const delta: number[] = [];
  let at = start;
  durations.forEach((duration, index) => {
    if (delta.length === 0 || delta[delta.length - 1] !== duration) {
      first.push(index);
      time.push(at);
      delta.push(duration);
    }
    at += duration;
  });
  const decode: TimeRuns = { first: Uint32Array.from(first), time: Float64Array.from(time), delta: Uint32Array.from(delta) };
  const bytes = Uint32Array.from(sizes ?? durations.map(() => 10));
  return {
    count: durations.length,
    base,
    sizes: bytes,
    chunks: { first: Uint32Array.from(durations.length === 0 ? [] : [0]), offset: Float64Array.from(durations.length === 0 ? [] : [0]) },
    decode,
    composition: compositions === undefined ? null : Int32Array.from(compositions),
    sync: sync === undefined ? null : Uint32Array.from(sync),
    shift: 0,
  };
}

/** A constant-rate table with a key frame every `gop` samples. */
export function constantTable(count: number, duration: number, gop: number): SampleTable {
  const sync = Array.from({ length: Math.ceil(count / gop) }, (_, i) => i * gop);
  return tableOf({ durations: Array.from({ length: count }, () => duration), sync });
}
