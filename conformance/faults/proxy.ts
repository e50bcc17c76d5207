/** A proxy between the suite and an origin that spoils chosen answers on the wire, so that capture and judge see them as a player would. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the origin answered; a fault may put anything else in its place. */
export type Wire = { status: number; readonly headers: Record<string, string>; body: Buffer };

export type Asked = {
  readonly method: string;
  /** Decoded path behind the host. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** How often the same was asked since the fault was set. */
  readonly before: number;
  /** Another resource of the origin. */
  fetch(path: string): Promise<Buffer>;
};

export type Fault = {
  readonly name: string;
  /** Requirements that failing results have to name, each of them. */
  readonly requirements: readonly string[];
  /** Returns whether it changed something. `cut`: the connection ends in the middle of the body. */
  readonly spoil: (asked: Asked, wire: Wire) => Promise<boolean | 'cut'> | boolean | 'cut';
};

export type Proxy = {
  readonly url: string;
  /** Starts to spoil, or with null stops. */
  spoilWith(fault: Fault | null): void;
  /** Answers that were spoiled since. */
  spoiled(): number;
  stop(): Promise<void>;
};

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date']);

export async function startProxy(origin: string): Promise<Proxy> {
  let spoiled = 0;
  let fault: Fault | null = null;
  const times = new Map<string, number>();
  const relay = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = request.url ?? '/';
    const method = request.method ?? 'GET';
    const headers = Object.fromEntries(Object.entries(request.headers).flatMap(([name, value]) => (typeof value === 'string' && name !== 'host' && !HOP_BY_HOP.has(name) ? [[name, value] as const] : [])));
    const answer = await fetch(`${origin}${url}`, { method, headers: { ...headers, 'accept-encoding': 'identity' }, redirect: 'manual' });
    const wire: Wire = { status: answer.status, headers: Object.fromEntries([...answer.headers].filter(([name]) => !HOP_BY_HOP.has(name))), body: Buffer.from(await answer.arrayBuffer()) };
    const told = wire.headers['content-length'];
    const size = wire.body.length;
    const key = `${method} ${url} ${headers['range'] ?? ''} ${headers['if-none-match'] ?? ''}`;
    const before = times.get(key) ?? 0;
    times.set(key, before + 1);
    const asked: Asked = { method, path: decodeURIComponent(url), headers, before, fetch: async (path) => Buffer.from(await (await fetch(`${origin}${encodeURI(path)}`)).arrayBuffer()) };
    const result = (await fault?.spoil(asked, wire)) ?? false;
    if (result !== false) spoiled++;
    // A changed body has a changed length, unless the length is the fault.
    if (wire.body.length !== size && wire.headers['content-length'] === told && result !== 'cut') wire.headers['content-length'] = String(wire.body.length);
    response.writeHead(wire.status, wire.headers);
    if (result === 'cut') {
      response.write(wire.body);
      response.destroy();
    } else response.end(method === 'HEAD' ? undefined : wire.body);
  };
  const server = createServer((request, response) => {
    relay(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spoilWith(next) {
      fault = next;
      spoiled = 0;
      times.clear();
    },
    spoiled: () => spoiled,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
