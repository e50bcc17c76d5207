/** The one room with sockets: requests in, replies out, limits on what a connection may do, and a stop that finishes. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type { Log } from '../log.ts';
import { sendBody, type Sink } from './body.ts';
import { handle, isPlan, type HandlerDeps, type Reply, type Request } from './handler.ts';

export type ServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  /** Milliseconds for the whole request head to arrive. */
  readonly headersTimeout: number;
  /** Milliseconds that an idle connection is kept. */
  readonly keepAliveTimeout: number;
  /** Milliseconds without any progress after which a client that does not read is dropped. */
  readonly stallTimeout: number;
  /** Milliseconds that a stop waits for responses under way. */
  readonly graceTimeout: number;
};

export type OriginServer = {
  /** e.g. `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Takes no new connections, lets responses finish, then closes. */
  stop(): Promise<void>;
};

/** Request line and headers together; the URL's own limit is the grammar's. */
const MAX_HEADER_BYTES = 16 * 1024;
/** The data plane has no request bodies. */
const MAX_BODY_BYTES = 1024;
const MAX_REQUESTS_PER_CONNECTION = 10_000;

export async function startServer(deps: HandlerDeps, options: ServerOptions, nextId: () => string): Promise<OriginServer> {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    keepAliveTimeout: options.keepAliveTimeout,
    maxRequestsPerSocket: MAX_REQUESTS_PER_CONNECTION,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: options.headersTimeout, requestTimeout: options.headersTimeout, connectionsCheckingInterval: 1000 },
    forceCloseConnections: 'idle',
    // The grammar decodes and judges paths itself.
    frameworkErrors: (_error, request, reply) => {
      reply.hijack();
      void answer(request.raw.method ?? 'GET', request.raw.url ?? '/', request.raw.headers, reply.raw, deps, options, nextId());
    },
  });
  app.server.maxConnections = options.maxConnections;
  takeEverything(app, (method, url, headers, response) => answer(method, url, headers, response, deps, options, nextId()));
  await app.listen({ host: options.host, port: options.port });
  const { port, family, address } = app.server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    address: `http://${host}:${port}`,
    async stop() {
      const timer = setTimeout(() => app.server.closeAllConnections(), options.graceTimeout);
      await app.close();
      clearTimeout(timer);
    },
  };
}

type Taker = (method: string, url: string, headers: Request['headers'], response: ServerResponse) => Promise<void>;

/** One route for all methods and paths: find-my-way does not know the streaming grammar. */
function takeEverything(app: FastifyInstance, take: Taker): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  app.setNotFoundHandler(async (request, reply) => {
    reply.hijack();
    await take(request.raw.method ?? 'GET', request.raw.url ?? '/', request.raw.headers, reply.raw);
  });
}

async function answer(method: string, path: string, headers: Request['headers'], response: ServerResponse, deps: HandlerDeps, options: ServerOptions, id: string): Promise<void> {
  const { log, now } = deps;
  const started = now();
  const reply = await handle({ method, path, headers, id }, deps);
  const failure = await send(reply, response, deps, options.stallTimeout);
  logRequest(log, { method, path, id, status: reply.status, ms: now() - started, failure });
}

/** Resolves with what went wrong while sending, or null. Never rejects. */
async function send(reply: Reply, response: ServerResponse, deps: HandlerDeps, stallTimeout: number): Promise<unknown> {
  try {
    response.writeHead(reply.status, reply.headers);
    if (!isPlan(reply.body)) {
      response.end(reply.body ?? undefined);
      return null;
    }
    response.setTimeout(stallTimeout, () => response.destroy());
    await sendBody(reply.body, sinkOf(response), deps.pool);
    response.end();
    return null;
  } catch (error) {
    response.destroy();
    if (isPlan(reply.body)) reply.body.release();
    return error;
  }
}

/** Writes resolve when the kernel has the bytes, so a buffer is not reused before. */
function sinkOf(response: ServerResponse): Sink {
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (response.destroyed || response.socket === null || response.socket.destroyed) {
          reject(new ClientGone());
          return;
        }
        const gone = (): void => reject(new ClientGone());
        response.once('close', gone);
        response.write(chunk, (error) => {
          response.off('close', gone);
          if (error === undefined || error === null) resolve();
          else reject(new ClientGone());
        });
      }),
    abort: () => void response.destroy(),
  };
}

class ClientGone extends Error {
  constructor() {
    super('the client is gone');
    this.name = 'ClientGone';
  }
}

type Served = { readonly method: string; readonly path: string; readonly id: string; readonly status: number; readonly ms: number; readonly failure: unknown };

function logRequest(log: Log, { failure, ...fields }: Served): void {
  if (failure === null) log.info('request', fields);
  else if (failure instanceof ClientGone) log.info('request', { ...fields, aborted: true });
  else log.error('response broke off', { ...fields, reason: failure instanceof Error ? failure.message : 'unknown' });
}

/** Resolves when the process is asked to stop. */
export async function stopSignal(target: NodeJS.EventEmitter): Promise<string> {
  const [signal] = await Promise.race([once(target, 'SIGINT'), once(target, 'SIGTERM')]).then(([name]) => [String(name)]);
  return signal;
}
