/** The one room with sockets: requests in, replies out, limits on what a connection may do, and a stop that finishes. */
import { once } from 'node:events';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type { Log } from '../log.ts';
import { sendBody, type Sink } from './body.ts';
import { handle, isPlan, type HandlerDeps, type Reply } from './handler.ts';
import { withoutQuery } from './url.ts';

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

/** Requests of one connection that may wait behind the first: browsers send one at a time, nobody in earnest sends more than this. */
const MAX_PIPELINED = 64;

export async function startServer(deps: HandlerDeps, options: ServerOptions, nextId: () => string): Promise<OriginServer> {
  const queues = new WeakMap<Socket, Queue>();
  let stopping = false;
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await inTurn(queues, request.socket, () => answer(request, response, deps, nextId()));
    if (stopping) setImmediate(() => app.server.closeIdleConnections());
  };
  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    // Without progress in either direction; the default action is to close the socket.
    connectionTimeout: options.stallTimeout,
    keepAliveTimeout: options.keepAliveTimeout,
    maxRequestsPerSocket: MAX_REQUESTS_PER_CONNECTION,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: options.headersTimeout, requestTimeout: options.headersTimeout, connectionsCheckingInterval: 1000 },
    forceCloseConnections: 'idle',
    // The grammar decodes and judges paths itself.
    frameworkErrors: (_error, request, reply) => {
      reply.hijack();
      void take(request.raw, reply.raw);
    },
  });
  app.server.maxConnections = options.maxConnections;
  takeEverything(app, take);
  await app.listen({ host: options.host, port: options.port });
  const { port, family, address } = app.server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    address: `http://${host}:${port}`,
    async stop() {
      stopping = true;
      const timer = setTimeout(() => app.server.closeAllConnections(), options.graceTimeout);
      try {
        await app.close();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

type Taker = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** One route for all methods and paths: find-my-way does not know the streaming grammar. */
function takeEverything(app: FastifyInstance, take: Taker): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  app.setNotFoundHandler(async (request, reply) => {
    reply.hijack();
    await take(request.raw, reply.raw);
  });
  // Only requests with bodies come here, and no method with a body is answered.
  app.setErrorHandler(async (_error, request, reply) => {
    reply.hijack();
    await take(request.raw, reply.raw);
  });
}

type Queue = { last: Promise<void>; length: number };

/** Answers a connection's requests one after another: pipelined ones hold no buffers while they wait. */
function inTurn(queues: WeakMap<Socket, Queue>, socket: Socket, work: () => Promise<void>): Promise<void> {
  const queue = queues.get(socket) ?? { last: Promise.resolve(), length: 0 };
  queues.set(socket, queue);
  if (queue.length > MAX_PIPELINED) socket.destroy();
  queue.length++;
  queue.last = queue.last.then(work).finally(() => queue.length--);
  return queue.last;
}

/** Never rejects. */
async function answer(request: IncomingMessage, response: ServerResponse, deps: HandlerDeps, id: string): Promise<void> {
  if (isGone(response)) return;
  const { log, now } = deps;
  const started = now();
  const method = request.method ?? 'GET';
  const path = originForm(request.url ?? '/');
  const reply = await handle({ method, path, headers: request.headers, id }, deps);
  const failure = await send(reply, response, deps);
  logRequest(log, { method, path: withoutQuery(path), id, status: reply.status, ms: now() - started, failure });
}

/** RFC 9112 3.2.2: a server accepts the absolute form too. */
function originForm(target: string): string {
  return target.replace(/^https?:\/\/[^/?#]*/i, '') || '/';
}

function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.socket === null || response.socket.destroyed;
}

/** Resolves, when the response is over, with what went wrong while sending, or null. Never rejects. */
async function send(reply: Reply, response: ServerResponse, deps: HandlerDeps): Promise<unknown> {
  try {
    if (isGone(response)) throw new ClientGone();
    const over = new Promise<void>((resolve) => void response.once('close', resolve));
    response.writeHead(reply.status, reply.headers['x-ms-error-code'] ?? STATUS_CODES[reply.status] ?? '', reply.headers);
    if (isPlan(reply.body)) {
      await sendBody(reply.body, sinkOf(response), deps.pool);
      response.end();
    } else response.end(reply.body ?? undefined);
    await over;
    return response.writableFinished ? null : new ClientGone();
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
        if (isGone(response)) {
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
