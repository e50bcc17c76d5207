/**
 * Plans of segments that were asked for before: heads, subsample maps and the layout of packets, which cost more at low bit rates than
 * moving the bytes does. A plan holds no media.
 */
import type { SegmentPlan } from '../formats.ts';
import { createMemory } from './memory.ts';

/** Of all plans together, about: the oldest go first. A plan takes 3 to 70 KB. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;
const ENTRY_BYTES = 500;
const RANGE_BYTES = 64;

const memory = createMemory(MAX_KEPT_BYTES);

/** The plan for `key`, made once as long as there is room. `owner` and `others` decide it: values that never change, and of which `owner` lives as long as the asset. */
export function keptPlan(owner: object, others: readonly object[], key: string, make: () => SegmentPlan): SegmentPlan {
  let whole = key;
  for (const other of others) whole += ` ${memory.nameOf(other)}`;
  const found = memory.find<SegmentPlan>(owner, whole);
  if (found !== undefined) return found;
  const keep = (plan: SegmentPlan): SegmentPlan => {
    const bytes = heldBytes(plan);
    if (bytes !== null) memory.keep(owner, whole, plan, ENTRY_BYTES + bytes);
    return plan;
  };
  const plan = make();
  return plan.kind === 'look' ? { kind: 'look', look: async (stored) => keep(await plan.look(stored)) } : keep(plan);
}

function heldBytes(plan: SegmentPlan): number | null {
  if (plan.kind === 'look') return null;
  return plan.kind === 'copy' ? plan.head.length + RANGE_BYTES * plan.ranges.length : (plan.held ?? null);
}
