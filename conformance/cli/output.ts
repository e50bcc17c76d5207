/** Results go to standard output, everything else to standard error. */
import { constants } from 'node:os';

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

let shown = '';

export function showProgress(done: number, known: number): void {
  const text = `${done} of ${known} requests`;
  if ((done !== known && done % 500 !== 0) || text === shown) return;
  shown = text;
  note(text);
}

/** A reader that has seen enough (`… | head`) is no fault. */
export function tolerateClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

/** Browsers' drivers take signals for themselves and let the process live on. Whoever has started another process ends it when this one exits. */
export function endWhenInterrupted(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(128 + constants.signals[signal]));
}
