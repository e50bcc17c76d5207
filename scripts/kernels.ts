/** `node scripts/kernels.ts` renews src/kernels/wasm.ts from kernels.wat; a test holds the two together. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import makeWabt from 'wabt';

const FOLDER = join(import.meta.dirname, '../src/kernels');

/** The text of wasm.ts. */
export async function assembleKernels(): Promise<string> {
  const wabt = await makeWabt();
  const module = wabt.parseWat('kernels.wat', readFileSync(join(FOLDER, 'kernels.wat'), 'utf8'), { simd: true });
  module.validate();
  const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64');
  const lines = (base64.match(/.{1,140}/g) ?? []).map((line) => `  '${line}'`);
  return `/** kernels.wat, assembled by \`node scripts/kernels.ts\`. */\nexport const WASM: string =\n${lines.join(' +\n')};\n`;
}

if (import.meta.main) writeFileSync(join(FOLDER, 'wasm.ts'), await assembleKernels());
