import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assembleKernels } from './kernels.ts';

test('src/kernels/wasm.ts is what kernels.wat assembles to', async () => {
  expect(readFileSync(new URL('../src/kernels/wasm.ts', import.meta.url), 'utf8')).toBe(await assembleKernels());
});
