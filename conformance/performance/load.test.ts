import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deadline, load } from './load.ts';

const BYTES = 300_000;
let server: Server;
let origin: string;

beforeAll(async () => {
  // Answers take some time, so that those of several connections overlap.
  server = createServer((_, response) => setTimeout(() => response.writeHead(200, { 'content-length': BYTES }).end(Buffer.alloc(BYTES)), 5));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

test('every byte of every connection is counted', async () => {
  const { requests, bytes, milliseconds } = await load([`${origin}/a`, `${origin}/b`], 8, (done) => done >= 40);
  expect(requests).toBeGreaterThanOrEqual(40);
  expect(bytes).toBe(requests * BYTES);
  expect(milliseconds).toHaveLength(requests);
});

test('a deadline ends it', async () => {
  const { requests, seconds } = await load([origin], 2, deadline(0.1));
  expect(requests).toBeGreaterThan(0);
  expect(seconds).toBeGreaterThanOrEqual(0.1);
});
