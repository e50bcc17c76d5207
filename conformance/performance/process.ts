/** A server under measurement: its address, and what the kernel says of its CPU time and memory (Linux). */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export type ServerProcess = {
  readonly origin: string;
  readonly pid: number;
  /** User and system time of all threads of the process and of its children so far, in seconds. */
  cpuSeconds(): Promise<number>;
  /** The same for each child process, e.g. each worker. */
  childCpuSeconds(): Promise<readonly number[]>;
  /** Of the process and its children. */
  pids(): Promise<readonly number[]>;
  /** Resident set size of process and children in bytes. */
  residentBytes(): Promise<number>;
  /** What it has written to its error stream. */
  errors(): string;
  stop(): Promise<void>;
};

const START_MS = 60_000;
export const ROOT = resolve(import.meta.dirname, '../..');

/** The origin under test, with flags of `isomer serve`. */
export function startOrigin(root: string, ...flags: readonly string[]): Promise<ServerProcess> {
  return startServer(process.execPath, [...originArguments(root), ...flags], ROOT);
}

export function originArguments(root: string): readonly string[] {
  return [join(ROOT, 'src/cli.ts'), 'serve', '--root', root, '--port', '0'];
}

/** Starts a command and waits until it prints `listening on http://…`; `address` is for servers that print nothing. */
export async function startServer(command: string, args: readonly string[], cwd: string, address: string | null = null): Promise<ServerProcess> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const origin = await (address === null ? listening(child, `${command} ${args.join(' ')}`) : answering(child, address));
  const { pid } = child;
  if (pid === undefined) throw new Error('the server has no process id');
  const sum = async (of: (pid: number) => Promise<number>): Promise<number> => (await Promise.all([pid, ...(await childrenOf(pid))].map(of))).reduce((a, b) => a + b, 0);
  return {
    origin,
    pid,
    pids: async () => [pid, ...(await childrenOf(pid))],
    cpuSeconds: () => sum(cpuOf),
    childCpuSeconds: async () => Promise.all((await childrenOf(pid)).map(cpuOf)),
    residentBytes: () => sum(residentOf),
    errors: () => errors,
    async stop() {
      if (child.exitCode !== null) return;
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(timer);
    },
  };
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter((part) => part !== '').map(Number);
}

/** Time on a processor of every thread, in nanoseconds by the scheduler: /proc/PID/stat counts in hundredths of a second. */
export async function cpuOf(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(threads.map(async (thread) => Number((await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0')).split(' ')[0])));
  return times.reduce((a, b) => a + b, 0) / 1e9;
}

async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

function listening(child: ChildProcess, what: string): Promise<string> {
  return new Promise((done, failed) => {
    let text = '';
    const timer = setTimeout(() => failed(new Error(`${what} did not start within ${START_MS / 1000} s:\n${text}`)), START_MS);
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      const match = /listening on (http:\/\/[^\s"]+)/.exec(text);
      if (match === null) return;
      clearTimeout(timer);
      done(match[1].replace(/\/$/, ''));
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('exit', (code) => {
      clearTimeout(timer);
      failed(new Error(`${what} ended with ${code}:\n${text}`));
    });
  });
}

async function answering(child: ChildProcess, address: string): Promise<string> {
  const until = performance.now() + START_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    if (await fetch(address).then(() => true, () => false)) return address;
    if (performance.now() > until) throw new Error(`${child.spawnfile} does not answer at ${address}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
