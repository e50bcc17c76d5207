import { describe, expect, test } from 'vitest';
import { createMemoryStorage } from '../storage/memory.ts';
import { sendBody } from './body.ts';
import { folderCatalog } from './catalog.ts';
import { parseDownload } from './download.ts';
import { handle, isPlan, type Reply } from './handler.ts';
import { makeWorld } from './testing.ts';

const FILM = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
const files = createMemoryStorage({ 'films/ignite/ignite.mp4': FILM, 'films/ignite/ignite.ism': FILM, 'films/ignite/isomer.json': FILM, '.hidden/film.mp4': FILM, 'films/ignite/a b.m4a': FILM });

async function ask(path: string, headers: Record<string, string> = {}, allowed = true): Promise<{ readonly reply: Reply; readonly bytes: Buffer }> {
  const { deps } = makeWorld({ deps: { files, catalog: folderCatalog(allowed) } });
  const reply = await handle({ method: 'GET', path, headers, id: 'id' }, deps);
  const chunks: Buffer[] = [];
  if (isPlan(reply.body)) await sendBody(reply.body, { write: (chunk) => Promise.resolve(void chunks.push(Buffer.from(chunk))), abort: () => undefined }, deps.pool);
  return { reply, bytes: Buffer.concat(chunks) };
}

describe('downloads', () => {
  test('a file of an asset, whole and in part, when the publication allows it', async () => {
    const { reply, bytes } = await ask('/films/ignite/ignite.mp4?sv=token');
    expect([reply.status, reply.headers['Content-Type'], reply.headers['Content-Length']]).toEqual([200, 'video/mp4', '1000']);
    expect(bytes.equals(FILM)).toBe(true);
    const part = await ask('/films/ignite/ignite.mp4', { range: 'bytes=300-599' });
    expect([part.reply.status, part.reply.headers['Content-Range'], part.bytes.equals(FILM.subarray(300, 600))]).toEqual([206, 'bytes 300-599/1000', true]);
    expect((await ask('/films/ignite/ignite.mp4', { 'if-none-match': reply.headers['ETag'] })).reply.status).toBe(304);
    expect((await ask('/films/ignite/a%20b.m4a')).reply.headers['Content-Type']).toBe('audio/mp4');
    expect((await ask('/films/ignite/ignite.mp4', { range: 'bytes=1000-' })).reply.status).toBe(416);
  });

  test.each(['/films/ignite/ignite.ism', '/films/ignite/isomer.json', '/.hidden/film.mp4', '/films/ignite/none.mp4', '/ignite.mp4', '/films/ignite.mp4', '/films/ignite/ignite.ism/x.mp4', '/films/ignite/.mp4'])('%s is not there', async (path) => {
    const { reply, bytes } = await ask(path);
    expect([reply.status >= 400 && reply.status < 416, bytes.length]).toEqual([true, 0]);
  });

  test('nothing is there when the publication does not allow it', async () => {
    const { reply } = await ask('/films/ignite/ignite.mp4', {}, false);
    expect([reply.status, reply.headers['x-ms-error-code']]).toEqual([404, 'MPE_RESOURCE_NOT_FOUND']);
  });

  test.each(['/a/../b/x.mp4', '/a/%2e%2e/x.mp4', '/a/b%2fx.mp4', '/a/b\\x.mp4', '//x.mp4'])('%s is no path', (path) => {
    expect(() => parseDownload(path)).toThrow(expect.objectContaining({ code: 'MPE_BAD_URL_SYNTAX' }) as Error);
  });
});
