/** Serves a trace again on this machine, so that real clients can be asked about it offline. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TraceReader } from '../trace.ts';

export type ReplayServer = { local(url: string): string; stop(): Promise<void> };

export async function serveTrace(reader: TraceReader): Promise<ReplayServer> {
  const keyOf = (path: string): string => decodeURIComponent(path);
  const byPath = new Map(
    reader.trace.exchanges.filter(({ method, role, status }) => method === 'GET' && role.kind !== 'probe' && status === 200).map((exchange) => [keyOf(new URL(exchange.url).pathname), exchange] as const),
  );
  const server = createServer((request, response) => {
    const exchange = byPath.get(keyOf(new URL(request.url ?? '/', 'http://localhost').pathname));
    if (exchange === undefined) {
      response.writeHead(404).end();
      return;
    }
    const body = reader.body(exchange);
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const first = range === null ? 0 : Number(range[1]);
    const last = range === null || range[2] === '' ? body.length - 1 : Math.min(Number(range[2]), body.length - 1);
    const headers = { 'content-type': exchange.headers['content-type'] ?? 'application/octet-stream', 'accept-ranges': 'bytes', 'content-length': String(Math.max(0, last - first + 1)) };
    if (range !== null && first >= body.length) {
      response.writeHead(416).end();
      return;
    }
    response.writeHead(range === null ? 200 : 206, range === null ? headers : { ...headers, 'content-range': `bytes ${first}-${last}/${body.length}` });
    response.end(request.method === 'HEAD' ? undefined : body.subarray(first, last + 1));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    local(url) {
      const { pathname, search } = new URL(url);
      return `http://127.0.0.1:${port}${pathname}${search}`;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
