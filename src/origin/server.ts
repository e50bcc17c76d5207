/** The one room with sockets: requests in, replies out, limits on what a connection may do, and a stop that finishes. */
import { once } from 'node:events';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { IsomerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { sendBody, type Sink } from './body.ts';
import { handle, isPlan, replyToError, type HandlerDeps, type Reply } from './handler.ts';
import type { Meter } from './metrics.ts';
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
  /** Bytes of request line and headers together; the URL's own limit is the grammar's. */
  readonly maxHeaderBytes: number;
  /** PEM texts; null: no encryption. With `http2`, clients that offer it get HTTP/2, the others HTTP/1.1. */
  readonly tls: { readonly cert: string; readonly key: string; readonly http2: boolean } | null;
  /** Hears of every request. */
  readonly meter: Meter | null;
};

export type OriginServer = {
  /** e.g. `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Takes no new connections, lets responses finish, then closes. */
  stop(): Promise<void>;
};

/** The data plane has no request bodies. */
const MAX_BODY_BYTES = 1024;
const MAX_REQUESTS_PER_CONNECTION = 10_000;

/** Requests of one connection that may wait behind the first: browsers send one at a time, nobody in earnest sends more than this. */
const MAX_PIPELINED = 64;

/** HTTP/2: each stream holds its own buffers, so this bounds what one connection can hold. */
const MAX_STREAMS = 32;

type Incoming = IncomingMessage | Http2ServerRequest;
type Outgoing = ServerResponse | Http2ServerResponse;
type Taker = (request: Incoming, response: Outgoing) => Promise<void>;

export async function startServer(deps: HandlerDeps, options: ServerOptions, nextId: () => string): Promise<OriginServer> {
  const queues = new WeakMap<Socket, Queue>();
  let stopping = false;
  const serve = (request: Incoming, response: Outgoing): Promise<void> => answer(request, response, deps, { id: nextId(), meter: options.meter });
  const take: Taker = async (request, response) => {
    await (isHttp2(response) ? serve(request, response) : inTurn(queues, request.socket, () => serve(request, response)));
    if (stopping) setImmediate(() => app.server.closeIdleConnections());
  };
  const app = createApp(options, take);
  app.server.maxConnections = options.maxConnections;
  takeEverything(app, take);
  await app.listen({ host: options.host, port: options.port });
  const { port, family, address } = app.server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    address: `${options.tls === null ? 'http' : 'https'}://${host}:${port}`,
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

function createApp({ stallTimeout, keepAliveTimeout, headersTimeout, maxHeaderBytes, tls }: ServerOptions, take: Taker): FastifyInstance {
  const limits = { maxHeaderSize: maxHeaderBytes, headersTimeout, requestTimeout: headersTimeout, connectionsCheckingInterval: 1000 };
  const common = {
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    // Without progress in either direction; the default action is to close the socket.
    connectionTimeout: stallTimeout,
    keepAliveTimeout,
    maxRequestsPerSocket: MAX_REQUESTS_PER_CONNECTION,
    forceCloseConnections: 'idle',
    // The grammar decodes and judges paths itself.
    frameworkErrors: (_error: unknown, request: { readonly raw: Incoming }, reply: { readonly raw: Outgoing; hijack(): unknown }) => {
      reply.hijack();
      void take(request.raw, reply.raw);
    },
  } as const;
  if (tls === null) return fastify({ ...common, http: limits });
  const https = { cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' } as const;
  // The rooms below know both kinds of request and response; the type of the framework's instance tells them apart.
  if (!tls.http2) return fastify({ ...common, https: { ...https, ...limits } });
  const settings = { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: maxHeaderBytes };
  return fastify({ ...common, http2: true, http2SessionTimeout: stallTimeout, https: { ...https, ...limits, allowHTTP1: true, settings } }) as unknown as FastifyInstance;
}

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
async function answer(request: Incoming, response: Outgoing, deps: HandlerDeps, { id, meter }: { readonly id: string; readonly meter: Meter | null }): Promise<void> {
  if (isGone(response)) return;
  const { log, now } = deps;
  const started = now();
  meter?.begin();
  const method = request.method ?? 'GET';
  const path = originForm(request.url ?? '/');
  let reply = await handle({ method, path, headers: request.headers, id }, deps);
  let failure = await send(reply, response, deps);
  // Stored content that only its first bytes show to be damaged.
  if (failure instanceof IsomerError && !response.headersSent) {
    reply = replyToError(failure, { id, method, path }, deps);
    failure = await send(reply, response, deps);
  }
  const bytes = method === 'HEAD' ? 0 : Number(reply.headers['Content-Length'] ?? 0);
  const served = { method, path: withoutQuery(path), id, status: reply.status, bytes, ms: now() - started, failure };
  meter?.end({ ...served, aborted: failure !== null });
  logRequest(log, served);
}

/** RFC 9112 3.2.2: a server accepts the absolute form too. */
function originForm(target: string): string {
  return target.replace(/^https?:\/\/[^/?#]*/i, '') || '/';
}

function isHttp2(response: Outgoing): response is Http2ServerResponse {
  return 'stream' in response;
}

function isGone(response: Outgoing): boolean {
  // A compatibility response has no stream any more once that was torn down.
  if (isHttp2(response)) return (response.stream as typeof response.stream | undefined)?.destroyed !== false || response.stream.closed;
  return response.destroyed || response.socket === null || response.socket.destroyed;
}

/** Resolves, when the response is over, with what went wrong while sending, or null. Never rejects. */
async function send(reply: Reply, response: Outgoing, deps: HandlerDeps): Promise<unknown> {
  try {
    if (isGone(response)) throw new ClientGone();
    const over = new Promise<void>((resolve) => void response.once('close', resolve));
    const begin = (): void => {
      if (!response.headersSent) writeHead(reply, response);
    };
    if (isPlan(reply.body)) {
      await sendBody(reply.body, sinkOf(response, begin), deps.pool);
      begin();
      response.end();
      await over;
      return response.writableFinished ? null : new ClientGone();
    }
    begin();
    if (reply.body === null) response.end();
    else response.end(reply.body);
    await over;
    return response.writableFinished ? null : new ClientGone();
  } catch (error) {
    if (response.headersSent || !(error instanceof IsomerError)) abort(response);
    if (isPlan(reply.body)) reply.body.release();
    return error;
  }
}

/** Errors tell their code in the reason phrase too, as AMS did; HTTP/2 has neither that nor `Connection` (RFC 9113 8.2.2, 8.3.2). */
function writeHead({ status, headers }: Reply, response: Outgoing): void {
  if (!isHttp2(response)) {
    response.writeHead(status, headers['x-ms-error-code'] ?? STATUS_CODES[status] ?? '', headers);
    return;
  }
  const { Connection: _, ...rest } = headers;
  response.writeHead(status, rest);
}

/** A length that was promised and not kept must not look like an end. */
function abort(response: Outgoing): void {
  if (!isHttp2(response)) response.destroy();
  else if (!isGone(response)) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
}

/** Writes resolve when the kernel has the bytes, so a buffer is not reused before. `begin` sends the head, with the first bytes. */
function sinkOf(response: Outgoing, begin: () => void): Sink {
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (isGone(response)) {
          reject(new ClientGone());
          return;
        }
        begin();
        const gone = (): void => reject(new ClientGone());
        response.once('close', gone);
        const done = (error?: Error | null): void => {
          response.off('close', gone);
          if (error === undefined || error === null) resolve();
          else reject(new ClientGone());
        };
        if (isHttp2(response)) response.stream.write(chunk, done);
        else response.write(chunk, done);
      }),
    abort: () => {
      if (response.headersSent) abort(response);
    },
  };
}

class ClientGone extends Error {
  constructor() {
    super('the client is gone');
    this.name = 'ClientGone';
  }
}

type Line = { readonly method: string; readonly path: string; readonly id: string; readonly status: number; readonly bytes: number; readonly ms: number; readonly failure: unknown };

function logRequest(log: Log, { failure, ...fields }: Line): void {
  if (failure === null) log.info('request', fields);
  else if (failure instanceof ClientGone) log.info('request', { ...fields, aborted: true });
  else log.error('response broke off', { ...fields, reason: failure instanceof Error ? failure.message : 'unknown' });
}

/** Resolves when the process is asked to stop. */
export async function stopSignal(target: NodeJS.EventEmitter): Promise<string> {
  const [signal] = await Promise.race([once(target, 'SIGINT'), once(target, 'SIGTERM')]).then(([name]) => [String(name)]);
  return signal;
}
