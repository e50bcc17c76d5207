/** A hundred clients that never read: what the origin's process really holds, and that the next hundred use the same memory again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mp4File, nalSample, videoTrack } from '../isobmff/testing.ts';

const CLIENTS = 100;
const MIB = 1024 * 1024;
const SAMPLES = 60;

let root: string;
let child: ChildProcess;
let port: number;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-memory-'));
  await mkdir(join(root, 'big'));
  const samples = Array.from({ length: SAMPLES }, (_, i) => nalSample(i === 0 ? 0x65 : 0x41, Math.ceil((64 * MIB) / SAMPLES), i));
  await writeFile(join(root, 'big/big.mp4'), mp4File({ tracks: [videoTrack(SAMPLES, SAMPLES, { samples })] }));
  child = spawn(process.execPath, [join(import.meta.dirname, '../cli.ts'), 'serve', '--root', root, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  port = await new Promise((resolve) => child.stdout?.on('data', (text: Buffer) => resolve(Number(/:(\d+)\s/.exec(text.toString())?.[1]))));
});
afterAll(async () => {
  child?.kill();
  await rm(root, { recursive: true, force: true });
});

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}

function stall(path: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      socket.pause();
      resolve(socket);
    });
    socket.on('error', () => undefined);
  });
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(process.platform !== 'linux')('stalled clients (skipped: needs /proc)', () => {
  test.each([
    ['fragments', 'mpd-time-cmaf'],
    ['transport streams', 'm3u8-aapl'],
  ])('of %s cost less than 64 MiB together, and another hundred after them no more', async (_, format) => {
    const manifest = await (await fetch(`http://127.0.0.1:${port}/big/big.ism/manifest(format=${format})`)).text();
    const bitrate = /QualityLevels\((\d+)\)/.exec(manifest)?.[1];
    const path = `/big/big.ism/QualityLevels(${bitrate})/Fragments(video=0,format=${format})`;
    const whole = await (await fetch(`http://127.0.0.1:${port}${path}`)).arrayBuffer();
    expect(whole.byteLength).toBeGreaterThan(64 * MIB);
    await pause(500);
    const before = await residentBytes();
    const held: number[] = [];
    for (let round = 0; round < 2; round++) {
      const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => stall(path)));
      await pause(2500);
      held.push((await residentBytes()) - before);
      for (const socket of sockets) socket.destroy();
      await pause(1000);
    }
    console.log(`${format}: ${CLIENTS} stalled clients hold ${held.map((bytes) => (bytes / MIB).toFixed(1)).join(' MiB, then ')} MiB`);
    for (const bytes of held) expect(bytes).toBeLessThan(64 * MIB);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });
});
