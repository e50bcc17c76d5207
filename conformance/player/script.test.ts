/** The scripts that are put into pages are joined from modules: what is left has to be a script, and nothing of a module. */
import { Script } from 'node:vm';
import { expect, test } from 'vitest';
import { observerScript, remoteScript } from './script.ts';

test.each([['observers', observerScript], ['remote', remoteScript]] as const)('%s: one classic script without imports, whose names do not meet', async (_, make) => {
  const text = await make();
  expect(() => new Script(text)).not.toThrow();
  expect(text).not.toMatch(/^(?:import|export)\s/m);
  expect(text).toContain('globalThis.isomerObservers = {');
});

test('the observers are in both, the contract by messages in one', async () => {
  expect(await remoteScript()).toContain(await observerScript());
  expect(await observerScript()).not.toContain("isomer: 'call'");
});
