/** A client that reads bodies and drops them. */
import { Agent, get } from 'node:http';

export type Load = { readonly requests: number; readonly bytes: number; readonly milliseconds: Float64Array };

/** Requests `urls` round and round over `clients` connections until `until` says stop. Any status but 200 is an error. */
export async function load(urls: readonly string[], clients: number, until: (requests: number, bytes: number) => boolean, now: () => number): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const latencies: number[] = [];
  let bytes = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (!until(latencies.length, bytes)) {
      const start = now();
      bytes += await fetchAndDrop(urls[next++ % urls.length], agent);
      latencies.push(now() - start);
    }
  };
  await Promise.all(Array.from({ length: clients }, worker));
  agent.destroy();
  return { requests: latencies.length, bytes, milliseconds: Float64Array.from(latencies).sort() };
}

function fetchAndDrop(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => (response.statusCode === 200 ? resolve(bytes) : reject(new Error(`${response.statusCode} for ${url}`))));
      response.on('error', reject);
    }).on('error', reject);
  });
}

/** A whole body, for setting up. */
export function fetchBytes(url: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => (response.statusCode === 200 ? resolve(Buffer.concat(chunks)) : reject(new Error(`${response.statusCode} for ${url}`))));
      response.on('error', reject);
    }).on('error', reject);
  });
}

export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}
