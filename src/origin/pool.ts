/**
 * Buffers for windows. Large fresh buffers cost page faults, so used ones are kept, a bounded number of them; those that are
 * made first lie in the kernels' memory, where loops over their bytes are fast.
 */
import assert from 'node:assert';
import { allocate } from '../kernels/kernels.ts';

export type PooledBuffer = {
  /** Exactly as long as asked for. Not zeroed. */
  readonly bytes: Uint8Array;
  /** Back to the pool; the bytes must not be touched afterwards. Exactly once. */
  give(): void;
};

export type PoolStats = {
  /** Bytes of all buffers that are out now, and the most that ever were. */
  readonly heldBytes: number;
  readonly peakBytes: number;
  /** Buffers that are out. */
  readonly held: number;
  /** Buffers that wait for use. */
  readonly idle: number;
};

export type BufferPool = {
  take(bytes: number): PooledBuffer;
  stats(): PoolStats;
};

/** Buffers come in these sizes; larger ones are made for one use. */
const SIZES = [16 * 1024, 128 * 1024, 256 * 1024];
/** Per size: dropped buffers would stay in memory until the collector comes, and the next crowd of clients would take fresh ones. */
const MAX_IDLE = 256;

/** What a buffer of `bytes` really takes. */
export function pooledSize(bytes: number): number {
  return bytes === 0 ? 0 : (SIZES.find((size) => bytes <= size) ?? bytes);
}

export function createPool(maxIdle = MAX_IDLE): BufferPool {
  const idle = SIZES.map((): Uint8Array[] => []);
  // Memory of the kernels cannot be given back: of each size a bounded number is made, and those are always kept.
  const inKernels = SIZES.map(() => new Set<Uint8Array>());
  const make = (size: number, shelf: number): Uint8Array => {
    const fast = shelf === -1 || inKernels[shelf].size >= maxIdle ? null : allocate(size);
    if (fast !== null) inKernels[shelf].add(fast);
    return fast ?? Buffer.allocUnsafeSlow(size);
  };
  let held = 0;
  let heldBytes = 0;
  let peakBytes = 0;

  return {
    take(bytes) {
      const shelf = SIZES.findIndex((size) => bytes <= size);
      const size = pooledSize(bytes);
      const whole = size === 0 ? new Uint8Array(0) : (idle[shelf]?.pop() ?? make(size, shelf));
      let out = true;
      held++;
      heldBytes += size;
      peakBytes = Math.max(peakBytes, heldBytes);
      return {
        bytes: whole.subarray(0, bytes),
        give() {
          assert(out, 'a buffer is given back once');
          out = false;
          held--;
          heldBytes -= size;
          if (size > 0 && shelf !== -1 && (idle[shelf].length < maxIdle || inKernels[shelf].has(whole))) idle[shelf].push(whole);
        },
      };
    },
    stats: () => ({ held, heldBytes, peakBytes, idle: idle.reduce((sum, shelf) => sum + shelf.length, 0) }),
  };
}
