/**
 * The yardsticks: how cheaply Node serves files when it does nothing else, and what its ciphers cost alone.
 * `static`: a read stream of 1 MiB chunks piped into the response. `pooled`: 1 MiB reads into reused buffers. Both serve
 * /FILE?start=BYTE&length=BYTES: how a stored file lies in the page cache decides much of the cost, so it is the one that the origin reads.
 * Run as a child: node yardstick.ts static|pooled FOLDER, or node yardstick.ts cipher NAME GIGABYTES, which prints CPU seconds per 10^9 bytes.
 */
import { createCipheriv } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';

const CHUNK = 1024 * 1024;
/** What is given to a cipher at a time. */
const CIPHER_CHUNK = 64 * 1024;
const [kind, folder, amount] = process.argv.slice(2);
const pool: Buffer[] = [];

async function pooled(path: string, start: number, length: number, response: ServerResponse): Promise<void> {
  const file = await open(path);
  const buffer = pool.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
  try {
    for (let at = start; at < start + length; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, start + length - at), at);
      if (bytesRead === 0) throw new Error(`${path} ends at ${at}`);
      at += bytesRead;
      await new Promise<void>((resolve, reject) => response.write(buffer.subarray(0, bytesRead), (error) => (error ? reject(error) : resolve())));
    }
    response.end();
  } finally {
    pool.push(buffer);
    await file.close();
  }
}

function serve(): void {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://yardstick');
    const path = join(folder, basename(pathname));
    const [start, length] = ['start', 'length'].map((name) => Number(searchParams.get(name)));
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': length });
    if (kind === 'static') createReadStream(path, { start, end: start + length - 1, highWaterMark: CHUNK }).on('error', () => response.destroy()).pipe(response);
    else pooled(path, start, length, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  process.once('SIGTERM', () => process.exit(0));
}

function encipher(name: string, bytes: number): number {
  const cipher = createCipheriv(name, Buffer.alloc(16, 7), name.includes('ecb') ? null : Buffer.alloc(16, 9)).setAutoPadding(false);
  const chunk = Buffer.alloc(CIPHER_CHUNK, 1);
  const start = process.cpuUsage();
  for (let done = 0; done < bytes; done += CIPHER_CHUNK) cipher.update(chunk);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6 / (bytes / 1e9);
}

if (kind === 'cipher') console.log(encipher(folder, Number(amount) * 1e9));
else serve();
