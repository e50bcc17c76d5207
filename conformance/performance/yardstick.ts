/**
 * The yardsticks: how cheaply Node serves files when it does nothing else, and what its ciphers cost alone.
 * `static`: a read stream of 1 MiB chunks piped into the response. `pooled`: 1 MiB reads into reused buffers.
 * Run as a child: node yardstick.ts static|pooled FOLDER, or node yardstick.ts cipher NAME GIGABYTES, which prints CPU seconds per 10^9 bytes.
 */
import { createCipheriv } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';

const CHUNK = 1024 * 1024;
/** What is given to a cipher at a time. */
const CIPHER_CHUNK = 64 * 1024;
const [kind, folder, amount] = process.argv.slice(2);
const pool: Buffer[] = [];

async function pooled(path: string, size: number, response: ServerResponse): Promise<void> {
  const file = await open(path);
  const buffer = pool.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
  try {
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, size - at), at);
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
    const path = join(folder, basename(decodeURIComponent(request.url ?? '')));
    stat(path).then(
      ({ size }) => {
        response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': size });
        if (kind === 'static') createReadStream(path, { highWaterMark: CHUNK }).pipe(response);
        else pooled(path, size, response).catch(() => response.destroy());
      },
      () => response.writeHead(404).end(),
    );
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
