import { expect, test } from 'vitest';
import { readClientFile } from './clients.ts';

test('a player of modules comes as one script that sets its name, made once', async () => {
  const [first, second] = await Promise.all([readClientFile('rx-player.js'), readClientFile('rx-player.js')]);
  expect(second).toBe(first);
  const text = Buffer.from(first ?? []).toString();
  expect(text).toMatch(/^var RxPlayer=/);
  expect(text).not.toMatch(/^\s*(?:import|export)\s/m);
});

test('a name that is none gets nothing', async () => {
  expect(await readClientFile('../package.json')).toBeNull();
  expect(await readClientFile('toString')).toBeNull();
});
