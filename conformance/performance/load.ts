/** A client that reads bodies and drops them, at little cost of its own: HTTP/1.1 on bare sockets, one buffer for each connection. */
import { connect, type Socket } from 'node:net';

export type Load = { readonly requests: number; readonly bytes: number; readonly seconds: number; readonly milliseconds: Float64Array };

/** Large reads wake the server as seldom as possible. */
const READ_BYTES = 1024 * 1024;
const MAX_HEAD_BYTES = 16 * 1024;
const REQUEST_MS = 60_000;

/** Requests `urls` round and round over `clients` connections until `until` says stop. Any status but 200 is an error. */
export async function load(urls: readonly string[], clients: number, until: (requests: number, bytes: number) => boolean): Promise<Load> {
  const latencies: number[] = [];
  const started = performance.now();
  let bytes = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    const connection = await openConnection(new URL(urls[0]));
    try {
      while (!until(latencies.length, bytes)) {
        const start = performance.now();
        // Not `bytes += await …`: the sum would be read before the wait, and what other connections got meanwhile be lost.
        const length = await connection.get(urls[next++ % urls.length]);
        bytes += length;
        latencies.push(performance.now() - start);
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: clients }, worker));
  return { requests: latencies.length, bytes, seconds: (performance.now() - started) / 1000, milliseconds: Float64Array.from(latencies).sort() };
}

/** For `load`: stop after so long. */
export function deadline(seconds: number): () => boolean {
  const end = performance.now() + 1000 * seconds;
  return () => performance.now() >= end;
}

type Connection = { get(url: string): Promise<number>; close(): void };

/** Bodies must have a Content-Length, as all of the origin's have. */
function openConnection({ hostname, port }: URL): Promise<Connection> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  let waiting: { readonly url: string; readonly resolve: (bytes: number) => void; readonly reject: (error: Error) => void } | null = null;
  let head = '';
  let total = 0;
  let left = -1;
  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = null;
  };
  const take = (bytes: number): boolean => {
    let from = 0;
    if (left === -1) {
      head += buffer.toString('latin1', 0, bytes);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) {
        if (head.length > MAX_HEAD_BYTES) fail(new Error(`no end of the answer's head for ${waiting?.url}`));
        return true;
      }
      const length = /^content-length: *(\d+)/im.exec(head)?.[1];
      if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
        fail(new Error(`${head.slice(0, head.indexOf('\r\n'))} for ${waiting?.url}`));
        return true;
      }
      total = Number(length);
      left = total;
      from = bytes - (head.length - end - 4);
      head = '';
    }
    left -= bytes - from;
    if (left > 0) return true;
    left = -1;
    waiting?.resolve(total);
    waiting = null;
    return true;
  };
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true, onread: { buffer, callback: take } });
    socket.once('error', (error) => {
      reject(error);
      fail(error);
    });
    socket.once('close', () => fail(new Error(`the server closed the connection during ${waiting?.url ?? 'nothing'}`)));
    socket.setTimeout(REQUEST_MS, () => socket.destroy(new Error(`no progress for ${REQUEST_MS / 1000} s`)));
    socket.once('connect', () =>
      resolve({
        get: (url) =>
          new Promise((done, failed) => {
            waiting = { url, resolve: done, reject: failed };
            const { pathname, search, host } = new URL(url);
            socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
          }),
        close: () => socket.destroy(),
      }),
    );
  });
}

/** A client that asks and never reads. */
export function stall(url: string): Promise<Socket> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      socket.write(`GET ${pathname} HTTP/1.1\r\nHost: x\r\n\r\n`);
      socket.pause();
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** A whole body, for setting up. */
export async function fetchBytes(url: string): Promise<Buffer> {
  const response = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`${response.status} for ${url}: ${body.toString().slice(0, 200)}`);
  return body;
}

export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

export function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1];
}
