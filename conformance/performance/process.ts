/** A server under measurement: its address, and what the kernel says of its CPU time and memory (Linux). */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';

export type ServerProcess = {
  readonly origin: string;
  /** User and system time of all threads so far, in seconds. */
  cpuSeconds(): Promise<number>;
  /** Resident set size in bytes. */
  residentBytes(): Promise<number>;
  stop(): Promise<void>;
};

/** USER_HZ: the unit of utime and stime in /proc/PID/stat on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const START_MS = 20_000;

/** Starts a command and waits until it prints `listening on http://…`. */
export async function startServer(command: string, args: readonly string[], cwd: string): Promise<ServerProcess> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const origin = await listening(child, `${command} ${args.join(' ')}`);
  const { pid } = child;
  if (pid === undefined) throw new Error('the server has no process id');
  return {
    origin,
    async cpuSeconds() {
      // The command name may hold spaces and parentheses: fields are counted from behind the last one.
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    async residentBytes() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    },
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(timer);
    },
  };
}

function listening(child: ChildProcess, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`${what} did not start within ${START_MS / 1000} s:\n${text}`)), START_MS);
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      const match = /listening on (http:\/\/[^\s"]+)/.exec(text);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match[1].replace(/\/$/, ''));
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${what} ended with ${code}:\n${text}`));
    });
  });
}
