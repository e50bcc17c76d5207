/** Several processes behind one port (node:cluster): the first one starts, counts, replaces and stops the others. */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Log } from '../log.ts';
import type { CliDeps } from './deps.ts';

/** A worker that ends sooner than this after its start is not replaced at once. */
const CRASH_MS = 1000;
const MAX_CRASHES = 5;

type Message = { readonly isomer: 'listening'; readonly address: string } | { readonly isomer: 'metrics'; readonly ticket: number; readonly text?: string };

const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null && 'isomer' in value;

/** What the first process does for its workers. */
export type Foreman = { readonly metrics: (() => Promise<string>) | null };

/** Runs in the first process until it is told to stop; 1 when workers cannot be kept alive. */
export async function runWorkers(count: number, { metrics }: Foreman, log: Log, deps: CliDeps): Promise<number> {
  const failed = Promise.withResolvers<number>();
  const born = new WeakMap<Worker, number>();
  let stopping = false;
  let crashes = 0;
  let listening = 0;

  const start = (): void => void born.set(cluster.fork(), deps.now());
  cluster.on('message', (worker, message: unknown) => {
    if (!isMessage(message)) return;
    if (message.isomer === 'listening' && ++listening === count) deps.out(`listening on ${message.address}\n`);
    if (message.isomer === 'metrics') {
      const answer = (text: string): void => void (worker.isConnected() && worker.send({ isomer: 'metrics', ticket: message.ticket, text }));
      (metrics?.() ?? Promise.resolve('')).then(answer, () => answer(''));
    }
  });
  cluster.on('exit', (worker, code, signal) => {
    if (stopping) return;
    crashes = deps.now() - (born.get(worker) ?? 0) < CRASH_MS ? crashes + 1 : 0;
    log.error('a worker ended', { worker: worker.id, code, signal });
    // The worker has said why on its own error stream.
    if (listening < count || crashes > MAX_CRASHES) failed.resolve(code === 0 ? 1 : code);
    else start();
  });
  for (let i = 0; i < count; i++) start();

  const ended = await Promise.race([failed.promise, deps.stopped()]);
  stopping = true;
  await Promise.all(Object.values(cluster.workers ?? {}).flatMap((worker) => (worker === undefined ? [] : [stopWorker(worker)])));
  return typeof ended === 'number' ? ended : 0;
}

async function stopWorker(worker: Worker): Promise<void> {
  if (worker.isDead()) return;
  const gone = once(worker, 'exit');
  worker.process.kill('SIGTERM');
  await gone;
}

/** A worker's side. Null in a process that is nobody's worker. */
export type Workplace = {
  announce(address: string): void;
  metrics(): Promise<string>;
  /** The process ends when nothing else keeps it. */
  leave(): void;
};

export function workplace(): Workplace | null {
  if (!cluster.isWorker || process.send === undefined) return null;
  const send = process.send.bind(process);
  const waiting = new Map<number, (text: string) => void>();
  let tickets = 0;
  process.on('message', (message: unknown) => {
    if (!isMessage(message) || message.isomer !== 'metrics') return;
    waiting.get(message.ticket)?.(message.text ?? '');
    waiting.delete(message.ticket);
  });
  return {
    leave: () => cluster.worker?.disconnect(),
    announce: (address) => void send({ isomer: 'listening', address }),
    metrics: () =>
      new Promise((resolve) => {
        const ticket = ++tickets;
        waiting.set(ticket, resolve);
        send({ isomer: 'metrics', ticket });
      }),
  };
}
