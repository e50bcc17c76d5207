/** Captures good traces of the reference packager and draws mutants of them: `node run.ts --count 5000 --seed 1`. ISOMER_SEED is the seed when none is given. */
import { execFile, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { capture } from '../../capture/capture.ts';
import { traceReader, type BodyStore } from '../../capture/store.ts';
import { openJudges } from '../../oracle/judges.ts';
import { loadTruth } from '../../oracle/truth.ts';
import { CHECKS, loadRequirements } from '../../registry.ts';
import { assetsIn, clearLeadsIn, keysFor, startOrigin, subjectsIn, targetsOf, targetsOfSubjects } from '../../subject/self.ts';
import { drawMutant, openField, type Drawn, type Panel } from './draw.ts';
import { OPERATORS } from './operators.ts';
import { PROTECTION_OPERATORS } from './protections.ts';
import { summaryOf, toMarkdown } from './report.ts';
import { subjectOf, type Subject } from './subject.ts';

/** Short, and each with something the others lack: 44.1 kHz and two qualities, a late start, audio inside the video file, three languages, text. */
const ASSETS = ['elst-delay', 'fps25', 'h264-multiaudio', 'muxed-mbr', 'text-webvtt'];

/** Subjects of the layout: envelope with two keys, counter mode with two keys, pattern with every system in both containers, PIFF, a clear lead. */
const PROTECTED = ['aes-keys', 'cenc-keys', 'cbcs-everywhere', 'piff', 'lead-cenc'];

const ROOT = fileURLToPath(new URL('../../../corpus/.assets', import.meta.url));
const LAYOUT = fileURLToPath(new URL('../../../corpus/layout.ts', import.meta.url));
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

type Good = { readonly subjects: readonly Subject[]; readonly locks?: Panel['locks'] };

async function goodTraces(): Promise<Good> {
  const assets = assetsIn(ROOT, ASSETS);
  const origin = await startOrigin(ROOT, ENTRY);
  const store = storeInMemory();
  try {
    const trace = await capture(store, { kind: 'self', profile: 'ams', manifests: targetsOf(origin.url, assets), concurrency: 8 });
    const reader = traceReader(trace, ({ body }) => store.get(body?.sha256 ?? ''));
    const subjects = assets.map(({ id, truth }) => {
      if (truth === null) throw new Error(`${id} has no truth`);
      return subjectOf(id, reader, truth);
    });
    return { subjects };
  } finally {
    await origin.stop();
  }
}

async function protectedTraces(): Promise<Good> {
  const root = mkdtempSync(join(tmpdir(), 'isomer-layout-'));
  await promisify(execFile)(process.execPath, [LAYOUT, root]);
  const origin = await startOrigin(root, ENTRY);
  const store = storeInMemory();
  try {
    const listed = subjectsIn(root);
    if (listed === null) throw new Error('the layout lists no subjects');
    const chosen = { ...listed, subjects: listed.subjects.filter(({ id }) => PROTECTED.includes(id)) };
    const trace = await capture(store, { kind: 'self', profile: 'ams', manifests: targetsOfSubjects(origin.url, chosen), concurrency: 8 });
    const reader = traceReader(trace, ({ body }) => store.get(body?.sha256 ?? ''));
    const subjects = chosen.subjects.map(({ id, truth: folder }) => {
      const truth = loadTruth(join(root, folder));
      if (truth === null) throw new Error(`${id} has no truth`);
      return subjectOf(id, reader, truth);
    });
    return { subjects, locks: { keys: keysFor(root, undefined), clearLeads: clearLeadsIn(root) } };
  } finally {
    await origin.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '5000' },
    seed: { type: 'string', default: process.env['ISOMER_SEED'] ?? '1' },
    out: { type: 'string', default: fileURLToPath(new URL('../../../reports', import.meta.url)) },
    only: { type: 'string' },
    /** Traces of protected content, and operators on what protects it. */
    protected: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
    /** Of a worker: which numbers are its own. */
    share: { type: 'string' },
  },
});
const [count, seed, workers] = [values.count, values.seed, values.workers].map(Number);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed) || !Number.isSafeInteger(workers) || workers < 1) throw new Error('count, seed and workers are integers');
const all = values.protected ? PROTECTION_OPERATORS : OPERATORS;
const operators = values.only === undefined ? all : all.filter(({ area, name }) => `${area}/${name}`.startsWith(values.only ?? ''));

/** Every so many mutants, all checks judge all outputs, and have to say the same. */
const PROOF_EVERY = 100;

type Told = Omit<Drawn, 'operator'> & { readonly operator: number };

/** The mutants whose number leaves this rest. */
async function drawShare(share: number): Promise<readonly Told[]> {
  const schemas = process.env['ISOMER_SCHEMA_DIR'] ?? '';
  const checks = CHECKS.filter(({ id }) => !id.startsWith('decode/'));
  const judges = await openJudges({ schemaDir: schemas === '' ? null : schemas, java: false });
  const { subjects, locks } = values.protected ? await protectedTraces() : await goodTraces();
  const field = await openField(subjects, { checks, requirements: loadRequirements(), judges, ...(locks === undefined ? {} : { locks }) });
  const drawn: Told[] = [];
  for (let number = 1 + share; number <= count; number += workers) {
    const mutant = await drawMutant(field, operators, seed, number);
    if (number % PROOF_EVERY === 0) {
      const whole = await drawMutant(field, operators, seed, number, true);
      if (whole.verdict !== mutant.verdict || whole.by.toSorted().join() !== mutant.by.toSorted().join()) throw new Error(`mutant ${number}: ${mutant.verdict} by ${mutant.by.join()}, judged as a whole ${whole.verdict} by ${whole.by.join()}`);
    }
    drawn.push({ ...mutant, operator: all.indexOf(mutant.operator) });
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
    .map((told) => ({ ...told, operator: all[told.operator] }));
}

if (values.share === undefined) {
  process.stdout.write(`seed ${seed}\n`);
  const summary = summaryOf(await drawAll(), { seed, count, assets: values.protected ? PROTECTED : ASSETS });
  const name = values.protected ? 'mutants-protected' : 'mutants';
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, `${name}.json`), `${JSON.stringify(summary, null, 1)}\n`);
  writeFileSync(join(values.out, `${name}.md`), toMarkdown(summary, values.protected ? ' --protected' : ''));
  for (const { number, operator, where, faults } of summary.faults) process.stderr.write(`the suite broke at mutant ${number}, ${operator} (${where}): ${faults.join('; ')}\n`);
  const { killed, warned, equivalent, survived } = summary.totals;
  process.stdout.write(`${killed} killed, ${warned} warned, ${equivalent} equivalent, ${survived} survived: ${summary.share} %\n`);
} else {
  const told = await drawShare(Number(values.share));
  process.send?.(told, undefined, {}, () => process.disconnect());
}
