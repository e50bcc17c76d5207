/** Captures good traces of the reference packager and draws mutants of them: `node run.ts --count 5000 --seed 1`. ISOMER_SEED is the seed when none is given. */
import { fork } from 'node:child_process';
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

/** Short, and each with something the others lack: 44.1 kHz and two qualities, a late start, audio inside the video file, three languages, text. */
const ASSETS = ['elst-delay', 'fps25', 'h264-multiaudio', 'muxed-mbr', 'text-webvtt'];

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
    workers: { type: 'string', default: '2' },
    /** Of a worker: which numbers are its own. */
    share: { type: 'string' },
  },
});
const [count, seed, workers] = [values.count, values.seed, values.workers].map(Number);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed) || !Number.isSafeInteger(workers) || workers < 1) throw new Error('count, seed and workers are integers');
const operators = values.only === undefined ? OPERATORS : OPERATORS.filter(({ area, name }) => `${area}/${name}`.startsWith(values.only ?? ''));

/** Every so many mutants, all checks judge all outputs, and have to say the same. */
const PROOF_EVERY = 100;

type Told = Omit<Drawn, 'operator'> & { readonly operator: number };

/** The mutants whose number leaves this rest. */
async function drawShare(share: number): Promise<readonly Told[]> {
  const schemas = process.env['ISOMER_SCHEMA_DIR'] ?? '';
  const checks = CHECKS.filter(({ id }) => !id.startsWith('decode/'));
  const judges = await openJudges({ schemaDir: schemas === '' ? null : schemas, java: false });
  const field = await openField(await goodTraces(), { checks, requirements: loadRequirements(), judges });
  const drawn: Told[] = [];
  for (let number = 1 + share; number <= count; number += workers) {
    const mutant = await drawMutant(field, operators, seed, number);
    if (number % PROOF_EVERY === 0) {
      const whole = await drawMutant(field, operators, seed, number, true);
      if (whole.verdict !== mutant.verdict || whole.by.toSorted().join() !== mutant.by.toSorted().join()) throw new Error(`mutant ${number}: ${mutant.verdict} by ${mutant.by.join()}, judged as a whole ${whole.verdict} by ${whole.by.join()}`);
    }
    drawn.push({ ...mutant, operator: OPERATORS.indexOf(mutant.operator) });
  }
  return drawn;
}

async function drawAll(): Promise<readonly Drawn[]> {
  const shares = Array.from({ length: workers }, (_, share) =>
    new Promise<readonly Told[]>((resolve, reject) => {
      const worker = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--share', String(share)], { serialization: 'advanced' });
      worker.once('message', (told) => resolve(told as readonly Told[]));
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`a worker ended with code ${code}`)));
    }),
  );
  return (await Promise.all(shares))
    .flat()
    .toSorted((a, b) => a.number - b.number)
    .map((told) => ({ ...told, operator: OPERATORS[told.operator] }));
}

if (values.share === undefined) {
  process.stdout.write(`seed ${seed}\n`);
  const summary = summaryOf(await drawAll(), { seed, count, assets: ASSETS });
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, 'mutants.json'), `${JSON.stringify(summary, null, 1)}\n`);
  writeFileSync(join(values.out, 'mutants.md'), toMarkdown(summary));
  for (const { number, operator, where, faults } of summary.faults) process.stderr.write(`the suite broke at mutant ${number}, ${operator} (${where}): ${faults.join('; ')}\n`);
  const { killed, warned, equivalent, survived } = summary.totals;
  process.stdout.write(`${killed} killed, ${warned} warned, ${equivalent} equivalent, ${survived} survived: ${summary.share} %\n`);
} else {
  const told = await drawShare(Number(values.share));
  process.send?.(told, undefined, {}, () => process.disconnect());
}
