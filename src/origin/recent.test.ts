import { expect, test } from 'vitest';
import { createRecent } from './recent.ts';

test('results are made once while they are asked for, and forgotten behind others', () => {
  const made: string[] = [];
  const recent = createRecent(3, (text) => (made.push(text), { text }));
  const first = recent('a');
  for (const text of ['b', 'a', 'c', 'd', 'a']) recent(text);
  expect(recent('a')).toBe(first);
  expect(made).toEqual(['a', 'b', 'c', 'd']);
  for (let i = 0; i < 6; i++) recent(String(i));
  expect(recent('a')).toEqual(first);
  expect(made.filter((text) => text === 'a')).toHaveLength(2);
});

test('long texts are not kept', () => {
  let calls = 0;
  const recent = createRecent(3, () => ++calls);
  expect([recent('x'.repeat(5000)), recent('x'.repeat(5000)), recent('x'.repeat(4096)), recent('x'.repeat(4096))]).toEqual([1, 2, 3, 3]);
});

test('what fails is tried again', () => {
  let calls = 0;
  const recent = createRecent(3, () => {
    if (++calls === 1) throw new Error('no');
    return calls;
  });
  expect(() => recent('a')).toThrow('no');
  expect([recent('a'), recent('a')]).toEqual([2, 2]);
});
