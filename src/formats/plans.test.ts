import { describe, expect, test } from 'vitest';
import type { SegmentPlan } from '../formats.ts';
import { createMemory } from './memory.ts';
import { keptPlan } from './plans.ts';

const windows = (held?: number): SegmentPlan => ({ kind: 'windows', length: 0, ...(held === undefined ? {} : { held }), windows: () => [] });
const copy: SegmentPlan = { kind: 'copy', head: new Uint8Array(8), ranges: [] };
const again = (): never => {
  throw new Error('made again');
};
const stored = { buffer: new Uint8Array(0), read: () => Promise.resolve() };

describe('kept plans', () => {
  test('a plan is made once for each owner, each other value and each key', () => {
    const [owner, form, other] = [{}, {}, {}];
    expect(keptPlan(owner, [form], '1', () => copy)).toBe(copy);
    expect(keptPlan(owner, [form], '1', again)).toBe(copy);
    for (const [who, what, key] of [[other, form, '1'], [owner, other, '1'], [owner, form, '2'], [owner, form, '11']] as const) expect(() => keptPlan(who, [what], key, again)).toThrow('made again');
    expect(() => keptPlan(owner, [], '1', again)).toThrow('made again');
  });

  test('what a look gave is kept, and no look is taken again', async () => {
    const owner = {};
    const made = windows(10);
    const plan = keptPlan(owner, [], '1', () => ({ kind: 'look', look: () => Promise.resolve(made) }));
    expect(plan.kind).toBe('look');
    if (plan.kind === 'look') await expect(plan.look(stored)).resolves.toBe(made);
    expect(keptPlan(owner, [], '1', again)).toBe(made);
  });

  test('a look that fails is taken again; plans that are not worth keeping, or too large, are not kept', async () => {
    const owner = {};
    const failing = keptPlan(owner, [], '1', () => ({ kind: 'look', look: () => Promise.reject(new Error('damaged')) }));
    if (failing.kind === 'look') await expect(failing.look(stored)).rejects.toThrow('damaged');
    expect(() => keptPlan(owner, [], '1', again)).toThrow('made again');
    for (const plan of [windows(), windows(2 ** 30)]) {
      keptPlan(owner, [], '1', () => plan);
      expect(() => keptPlan(owner, [], '1', again)).toThrow('made again');
    }
  });
});

describe('the memory', () => {
  test('what was not used for longest goes first', () => {
    const memory = createMemory(30);
    const [a, b] = [{}, {}];
    memory.keep(a, 'x', 1, 10);
    memory.keep(b, 'x', 2, 10);
    memory.keep(a, 'y', 3, 10);
    expect(memory.find(a, 'x')).toBe(1);
    memory.keep(b, 'y', 4, 10);
    expect([memory.find(a, 'x'), memory.find(b, 'x'), memory.find(a, 'y'), memory.find(b, 'y')]).toEqual([1, undefined, 3, 4]);
    expect(memory.bytes).toBe(30);
  });

  test('what lies there stays, and what is too large is not taken', () => {
    const memory = createMemory(30, 20);
    const owner = {};
    memory.keep(owner, 'x', 1, 10);
    memory.keep(owner, 'x', 2, 10);
    memory.keep(owner, 'y', 3, 21);
    expect([memory.find(owner, 'x'), memory.find(owner, 'y'), memory.bytes]).toEqual([1, undefined, 10]);
  });

  test('objects keep their numbers', () => {
    const memory = createMemory(1);
    const [a, b] = [{}, {}];
    expect(memory.nameOf(a)).not.toBe(memory.nameOf(b));
    expect(memory.nameOf(a)).toBe(memory.nameOf(a));
  });
});
