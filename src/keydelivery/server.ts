/** The listener of key delivery: small requests in, small replies out, with limits of its own. HTTP/1.1 alone. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { handleKeyRequest, type KeyDeps, type Reply } from './handler.ts';
import { MAX_BODY_BYTES } from './request.ts';

export type KeyServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  /** Milliseconds for a whole request to arrive. */
  readonly headersTimeout: number;
  /** Milliseconds that an idle connection is kept. */
  readonly keepAliveTimeout: number;
  /** Milliseconds without any progress after which a connection is dropped. */
  readonly stallTimeout: number;
  /** Milliseconds that a stop waits for replies under way. */
  readonly graceTimeout: number;
  /** PEM texts; null: no encryption. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
};

export type KeyServer = {
  readonly address: string;
  /** Takes no new connections, lets replies finish, then closes. */
  stop(): Promise<void>;
};

/** A token at its longest, in the header or the query, and the rest of the head. */
const MAX_HEADER_BYTES = 32 * 1024;
const MAX_REQUESTS_PER_CONNECTION = 1000;

export async function startKeyServer(deps: KeyDeps, options: KeyServerOptions, nextId: () => string): Promise<KeyServer> {
  const app = createApp(options);
  const take = async (request: IncomingMessage, response: ServerResponse, body: Uint8Array): Promise<void> => {
    const { method = 'GET', url = '/', headers } = request;
    send(await handleKeyRequest({ method, path: originForm(url), headers, body, id: nextId() }, deps), response);
  };
  app.server.maxConnections = options.maxConnections;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES }, (_request, body, done) => done(null, body));
  app.setNotFoundHandler(async (request, reply) => {
    reply.hijack();
    await take(request.raw, reply.raw, request.body instanceof Uint8Array ? request.body : new Uint8Array(0));
  });
  app.setErrorHandler(async (error, request, reply) => {
    reply.hijack();
    // The rest of a body that is too long, or never came, is not waited for.
    request.raw.resume();
    reply.raw.shouldKeepAlive = false;
    const tooLong = (error as { readonly code?: string }).code === 'FST_ERR_CTP_BODY_TOO_LARGE';
    await take(request.raw, reply.raw, new Uint8Array(tooLong ? MAX_BODY_BYTES + 1 : 0));
  });
  await app.listen({ host: options.host, port: options.port });
  const { port, family, address } = app.server.address() as AddressInfo;
  return {
    address: `${options.tls === null ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async stop() {
      const timer = setTimeout(() => app.server.closeAllConnections(), options.graceTimeout);
      try {
        await app.close();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function createApp({ headersTimeout, keepAliveTimeout, stallTimeout, tls }: KeyServerOptions): FastifyInstance {
  const limits = { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout, connectionsCheckingInterval: 1000 };
  const common = {
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    connectionTimeout: stallTimeout,
    // The framework sets its own over that of the http options.
    requestTimeout: headersTimeout,
    keepAliveTimeout,
    maxRequestsPerSocket: MAX_REQUESTS_PER_CONNECTION,
    forceCloseConnections: 'idle',
    // Paths are judged by their own grammar.
    frameworkErrors: (_error: unknown, request: { readonly raw: IncomingMessage }, reply: { readonly raw: ServerResponse; hijack(): unknown }) => {
      reply.hijack();
      reply.raw.writeHead(400, { 'Cache-Control': 'no-store', 'Content-Length': '0', Connection: 'close' }).end();
      request.raw.resume();
    },
  } as const;
  return tls === null ? fastify({ ...common, http: limits }) : fastify({ ...common, https: { cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2', ...limits } });
}

/** RFC 9112 3.2.2: a server accepts the absolute form too. */
function originForm(target: string): string {
  return target.replace(/^https?:\/\/[^/?#]*/i, '').replace(/^(?!\/)/, '/');
}

function send({ status, headers, body }: Reply, response: ServerResponse): void {
  if (response.destroyed) return;
  response.writeHead(status, headers);
  response.end(body ?? undefined);
}
