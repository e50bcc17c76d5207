import { describe, expect, it } from 'vitest';
import { pass, type Check } from './model.ts';
import { CHECKS, loadRequirements, registryFaults, registryHash } from './registry.ts';

const requirements = loadRequirements();

describe('the registry', () => {
  it('obeys its own rules', () => {
    expect(registryFaults(CHECKS, requirements)).toEqual([]);
  });

  it('sees modal verbs, long titles, doubles and loose ends', () => {
    const check = (id: string, title: string, covered: readonly string[]): Check => ({ id, title, requirements: covered, level: 'must', scope: 'asset', run: () => [pass('')] });
    const faults = registryFaults([check('a/b', 'the thing must hold', ['HLS-003']), check('a/b', 'x'.repeat(101), ['XYZ-999']), check('a/c', 'y', [])], requirements.filter(({ id }) => id === 'HLS-003' || id === 'HLS-004'));
    expect(faults).toEqual([
      'check id occurs twice: a/b',
      'a/b: a title states a fact',
      'a/b: the title is longer than 100 characters',
      'a/b: unknown requirement XYZ-999',
      'a/c: no requirement',
      'HLS-004: no check',
    ]);
  });

  it('knows every requirement that is open, why, and what will close it', () => {
    const open = requirements.filter((requirement) => requirement.open !== undefined);
    expect(open.length).toBeGreaterThan(50);
    // On-demand clear delivery is not left for later: what is open there, no program can judge, or needs what no asset has.
    const parts = new Set(open.map((requirement) => requirement.open?.until));
    expect([...parts].filter((part) => !['codecs', 'filters', 'live', 'manual', 'players'].includes(part ?? ''))).toEqual([]);
    const [first] = open;
    const checked: Check = { id: 'a/d', title: 'z', requirements: [first.id], level: 'must', scope: 'asset', run: () => [pass('')] };
    expect(registryFaults([checked], [first])).toEqual([`${first.id}: has a check, and a reason to have none`]);
  });

  it('has a hash that changes with a title', () => {
    const [first, ...rest] = CHECKS;
    expect(registryHash([{ ...first, title: `${first.title} indeed` }, ...rest], requirements)).not.toBe(registryHash(CHECKS, requirements));
  });
});
