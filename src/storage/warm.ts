/**
 * Which parts of a file were read a short time ago. Those lie in the system's page cache: copying them takes less than asking another
 * thread to. What was not read before may be on a slow disk, which must not stop everybody, and goes to the thread pool.
 */

export type WarmParts = {
  /** All of the range was read within the last half minute or so, and nothing has shown since that the cache was given up. */
  has(offset: number, length: number): boolean;
  mark(offset: number, length: number): void;
  /** What reading a warm range took. Slow ones, more than a few among others, take all marks away. */
  took(ms: number): void;
};

/** The kernel reads ahead at least as much as an edge of a range leaves of it. */
const PART_BYTES = 64 * 1024;
/** Marks live for one to two of these. */
const KEEP_MS = 30_000;
/** A copy of a window from the page cache takes a tenth of this; more is a disk, or another process that had the processor meanwhile. */
const SLOW_MS = 1;
/** Longer than a process is kept from the processor on a machine that is not lost. Network file systems may count no blocks. */
const LONG_MS = 20;
/** One slow read weighs as much as so many quick ones, and marks are lost at this weight: by two in a row, or by a fifth of all. */
const SLOW_WEIGHT = 5;
const MOST_WEIGHT = 9;

/** `now`: milliseconds of a clock that does not jump. `blocksRead`: what the process has read from disks so far, asked for after slow reads only. */
export function createWarmParts(size: number, now: () => number, blocksRead: () => number): WarmParts {
  const bytes = Math.ceil(size / PART_BYTES / 8);
  let young: Uint8Array | null = null;
  let old: Uint8Array | null = null;
  let since = now();
  let weight = 0;
  let blocks = -1;
  /** With more processes than processors a quick copy may look like a disk: no block was read for it. */
  const isDisk = (ms: number): boolean => {
    if (ms <= SLOW_MS) return false;
    const before = blocks;
    blocks = blocksRead();
    return blocks !== before || ms > LONG_MS;
  };
  const age = (): void => {
    const passed = now() - since;
    if (passed < KEEP_MS) return;
    old = passed < 2 * KEEP_MS ? young : null;
    young = null;
    since = now();
  };
  const holds = (marks: Uint8Array | null, part: number): boolean => marks !== null && (marks[part >>> 3] & (1 << (part & 7))) !== 0;
  return {
    has(offset, length) {
      age();
      const last = Math.floor((offset + length - 1) / PART_BYTES);
      for (let part = Math.floor(offset / PART_BYTES); part <= last; part++) if (!holds(young, part) && !holds(old, part)) return false;
      return true;
    },
    mark(offset, length) {
      age();
      young ??= new Uint8Array(bytes);
      const last = Math.floor((offset + length - 1) / PART_BYTES);
      for (let part = Math.floor(offset / PART_BYTES); part <= last; part++) young[part >>> 3] |= 1 << (part & 7);
    },
    took(ms) {
      weight = isDisk(ms) ? weight + SLOW_WEIGHT : Math.max(0, weight - 1);
      if (weight < MOST_WEIGHT) return;
      young = null;
      old = null;
      weight = 0;
    },
  };
}

/** So many in one turn of the event loop: others wait meanwhile. */
export type Turns = { take(): boolean };

export function createTurns(perTurn: number): Turns {
  let left = perTurn;
  return {
    take() {
      if (left === perTurn) setImmediate(() => (left = perTurn));
      return left-- > 0;
    },
  };
}
