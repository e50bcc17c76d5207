/** Captures good traces of the reference packager and draws mutants of them: `node run.ts --count 5000 --seed 1`. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { capture } from '../../capture/capture.ts';
import { traceReader, type BodyStore } from '../../capture/store.ts';
import { openJudges } from '../../oracle/judges.ts';
import { CHECKS, loadRequirements } from '../../registry.ts';
import { assetsIn, startOrigin, targetsOf } from '../../subject/self.ts';
import { drawMutant, openField, type Drawn } from './draw.ts';
import { OPERATORS } from './operators.ts';
import { summaryOf, toMarkdown } from './report.ts';
import { subjectOf, type Subject } from './subject.ts';

/** Short, and each with something the others lack: 44.1 kHz and two qualities, a late start, audio inside the video file, three languages. */
const ASSETS = ['elst-delay', 'fps25', 'h264-multiaudio', 'muxed-mbr'];

const ROOT = fileURLToPath(new URL('../../../corpus/.assets', import.meta.url));
const ENTRY = fileURLToPath(new URL('../../../src/cli.ts', import.meta.url));

function storeInMemory(): BodyStore {
  const bodies = new Map<string, Uint8Array>();
  return {
    put(bytes) {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      bodies.set(sha256, bytes);
      return { sha256, size: bytes.length };
    },
    get: (sha256) => bodies.get(sha256) ?? new Uint8Array(),
  };
}

async function goodTraces(): Promise<readonly Subject[]> {
  const assets = assetsIn(ROOT, ASSETS);
  const origin = await startOrigin(ROOT, ENTRY);
  const store = storeInMemory();
  try {
    const trace = await capture(store, { kind: 'self', profile: 'ams', manifests: targetsOf(origin.url, assets), concurrency: 8 });
    const reader = traceReader(trace, ({ body }) => store.get(body?.sha256 ?? ''));
    return assets.map(({ id, truth }) => {
      if (truth === null) throw new Error(`${id} has no truth`);
      return subjectOf(id, reader, truth);
    });
  } finally {
    await origin.stop();
  }
}

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '5000' },
    seed: { type: 'string', default: process.env['ISOMER_SEED'] ?? '1' },
    out: { type: 'string', default: fileURLToPath(new URL('../../../reports', import.meta.url)) },
    only: { type: 'string' },
  },
});
const [count, seed] = [Number(values.count), Number(values.seed)];
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) throw new Error('count and seed are integers');

const schemas = process.env['ISOMER_SCHEMA_DIR'] ?? '';
const checks = CHECKS.filter(({ id }) => !id.startsWith('decode/'));
const judges = await openJudges({ schemaDir: schemas === '' ? null : schemas, java: false });
const field = await openField(await goodTraces(), { checks, requirements: loadRequirements(), judges });
const operators = values.only === undefined ? OPERATORS : OPERATORS.filter(({ area, name }) => `${area}/${name}`.startsWith(values.only ?? ''));
const drawn: Drawn[] = [];
const started = performance.now();
for (let number = 1; number <= count; number++) {
  drawn.push(await drawMutant(field, operators, seed, number));
  if (number % 500 === 0) process.stderr.write(`${number} of ${count}, ${Math.round(performance.now() - started)} ms\n`);
}
const summary = summaryOf(drawn, { seed, count, assets: ASSETS });
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, 'mutants.json'), `${JSON.stringify(summary, null, 1)}\n`);
writeFileSync(join(values.out, 'mutants.md'), toMarkdown(summary));
for (const { number, operator, where, faults } of summary.faults) process.stderr.write(`the suite broke at mutant ${number}, ${operator} (${where}): ${faults.join('; ')}\n`);
process.stdout.write(`seed ${seed}: ${summary.totals.killed} killed, ${summary.totals.warned} warned, ${summary.totals.equivalent} equivalent, ${summary.totals.survived} survived: ${summary.share} %\n`);
