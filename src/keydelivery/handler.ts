/** Requests for keys and licences to replies (spec/keys.md). Pure but for the licence servers: no sockets here. */
import { IsomerError, row } from '../errors.ts';
import type { Log } from '../log.ts';
import { formatGuid } from '../protection/guid.ts';
import { openAccess, readOnce, type Access } from './access.ts';
import type { Fetch } from './fetching.ts';
import type { Keyring } from './keyring.ts';
import { askLicenceServer, type LicenceServers } from './licence.ts';
import { MAX_BODY_BYTES, readRequest, serviceOf, type KeyRequest, type Request } from './request.ts';
import type { Uses } from './uses.ts';

export type KeyDeps = {
  readonly keyring: Keyring;
  readonly uses: Uses;
  readonly servers: LicenceServers;
  readonly fetch: Fetch;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

export type Reply = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array | string | null };

/** No cache keeps anything, and any page may ask: who may have a key is the token's affair, never the origin's. */
const COMMON_HEADERS: Reply['headers'] = {
  'Cache-Control': 'no-store',
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Content-Length, Date, WWW-Authenticate, x-ms-error-code, x-ms-request-id',
  'X-Content-Type-Options': 'nosniff',
};

/** Never rejects, and is the only place that logs: nothing of the request but its method, its service and the keys' identifiers. */
export async function handleKeyRequest(request: Request, deps: KeyDeps): Promise<Reply> {
  const started = deps.now();
  const asked: { keyIds: readonly Uint8Array[] } = { keyIds: [] };
  const { reply, error } = await answer(request, deps, asked).then(
    (made) => ({ reply: made, error: null }),
    (thrown: unknown) => ({ reply: replyToError(thrown, request), error: thrown }),
  );
  const known = error instanceof IsomerError ? error : null;
  const fields = {
    method: METHODS.has(request.method) ? request.method : 'other',
    service: serviceOf(request.path)?.name ?? 'none',
    keys: asked.keyIds.map(formatGuid).join(' '),
    id: request.id,
    status: reply.status,
    ms: deps.now() - started,
  };
  if (error === null) deps.log.info('key request', fields);
  else if (known === null) deps.log.error('key request', { ...fields, code: 'ISOMER_INTERNAL', ...placeOf(error) });
  else if (known.status >= 500) deps.log.error('key request', { ...fields, code: known.code });
  else deps.log.info('key request', { ...fields, code: known.code, reason: reasonOf(known) });
  return { ...reply, headers: { ...COMMON_HEADERS, 'x-ms-request-id': request.id, ...reply.headers } };
}

async function answer(request: Request, deps: KeyDeps, asked: { keyIds: readonly Uint8Array[] }): Promise<Reply> {
  const { method } = request;
  if (/^\/healthz(?:\?|$)/.test(request.path) && method === 'GET') return { status: 200, headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': '3' }, body: 'ok\n' };
  const service = serviceOf(request.path);
  if (method === 'OPTIONS') return preflight(request, service?.methods ?? []);
  if (service !== null && !service.methods.includes(method)) throw new IsomerError('ISOMER_METHOD_NOT_ALLOWED', { what: 'method', expected: service.methods.join(', ') });
  if (request.body.length > MAX_BODY_BYTES) throw new IsomerError('ISOMER_KEY_REQUEST_LENGTH');
  const wanted = readRequest(request);
  asked.keyIds = wanted.keyIds;
  return FORMS[wanted.form](wanted, request, deps);
}

const FORMS: Readonly<Record<KeyRequest['form'], (wanted: KeyRequest, request: Request, deps: KeyDeps) => Promise<Reply>>> = {
  async key(wanted, _, deps) {
    const [{ key }] = await grant(wanted, deps);
    return { status: 200, headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': String(key.reveal().length) }, body: key.reveal() };
  },

  /** Encrypted Media Extensions 9.1.4: a set of symmetric keys (RFC 7517). */
  async licence(wanted, _, deps) {
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
    const keys = (await grant(wanted, deps)).map(({ key }) => ({ kty: 'oct', kid: text(key.id), k: text(key.reveal()) }));
    const body = JSON.stringify({ keys, type: 'temporary' });
    return { status: 200, headers: { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }, body };
  },

  async proxy(wanted, request, deps) {
    const { system, keyIds } = wanted;
    const server = system === 'clearKey' ? null : deps.servers[system];
    // Who may not have the key does not learn what is configured.
    const opened = await openAll(wanted, deps);
    if (server === null) throw new IsomerError('ISOMER_LICENCE_NOT_ISSUED', { what: system });
    count(opened, deps);
    const { status, contentType, body } = await askLicenceServer(server, keyIds[0], request, deps.fetch);
    // RFC 9110 7.6.3: who answers is another.
    return { status, headers: { Via: '1.1 isomer', 'Content-Length': String(body.length), ...(contentType === null ? {} : { 'Content-Type': contentType }) }, body };
  },
};

async function grant(wanted: KeyRequest, deps: KeyDeps): Promise<readonly Access[]> {
  const opened = await openAll(wanted, deps);
  count(opened, deps);
  return opened;
}

/** The keys that the bearer may have; when that is none, the first refusal. */
async function openAll({ keyIds, system, token }: KeyRequest, { keyring, now }: KeyDeps): Promise<readonly Access[]> {
  const seconds = Math.floor(now() / 1000);
  const reading = readOnce();
  const tried = await Promise.allSettled(keyIds.map((keyId) => openAccess(keyring, keyId, system, token, seconds, reading)));
  const opened = tried.filter((one) => one.status === 'fulfilled').map(({ value }) => value);
  if (opened.length > 0) return opened;
  const [refusal] = tried.filter((one) => one.status === 'rejected').map(({ reason }) => reason as Error);
  throw refusal;
}

/** A request is one use, however many keys it is for. */
function count(opened: readonly Access[], { uses, now }: KeyDeps): void {
  const limits = new Map(opened.flatMap(({ limited }) => (limited === null ? [] : [[limited.signature, limited] as const])));
  for (const limited of limits.values()) uses.take(limited, Math.floor(now() / 1000));
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'OPTIONS', 'HEAD', 'PUT', 'DELETE', 'PATCH']);

/** Fetch standard, "CORS-preflight fetch". `*` would leave Authorization out, so the asked-for names are repeated. */
function preflight({ headers }: Request, methods: readonly string[]): Reply {
  const wanted = headers['access-control-request-headers'];
  const names = typeof wanted === 'string' && /^[\w!#$%&'*+.^`|~, -]{1,1024}$/.test(wanted) ? wanted : 'Authorization, Content-Type';
  const allowed = [...methods, 'OPTIONS'].join(', ');
  return {
    status: 204,
    headers: { Allow: allowed, 'Access-Control-Allow-Methods': allowed, 'Access-Control-Allow-Headers': names, 'Access-Control-Max-Age': '86400', Vary: 'Access-Control-Request-Headers' },
    body: null,
  };
}

/** The words of a refusal that anybody may hear: neither what the policy expects nor what the token holds. */
function reasonOf({ code, detail }: IsomerError): string | undefined {
  return code === 'ISOMER_TOKEN_REFUSED' || code === 'ISOMER_KEY_REQUEST' || code === 'ISOMER_METHOD_NOT_ALLOWED' ? detail.what : undefined;
}

function replyToError(error: unknown, { id, path, method }: Request): Reply {
  const known = error instanceof IsomerError ? error : new IsomerError('ISOMER_INTERNAL');
  const { code, status, detail } = known;
  const reason = reasonOf(known);
  const expected = code === 'ISOMER_KEY_REQUEST' || code === 'ISOMER_METHOD_NOT_ALLOWED' ? detail.expected : undefined;
  const body = `${JSON.stringify({ code, message: row(code).message, reason, expected, requestId: id })}\n`;
  const headers: Record<string, string> = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': String(Buffer.byteLength(body)), 'x-ms-error-code': code };
  // RFC 6750 3: a request without a token is told of no error.
  if (status === 401) headers['WWW-Authenticate'] = code === 'ISOMER_TOKEN_MISSING' ? 'Bearer realm="keys"' : `Bearer realm="keys", error="invalid_token", error_description="${reason ?? ''}"`;
  if (status === 405) headers['Allow'] = [...(serviceOf(path)?.methods ?? []), 'OPTIONS'].join(', ');
  if (status === 503) headers['Retry-After'] = '30';
  return { status, headers, body: method === 'HEAD' ? null : body };
}

/** Where something impossible happened; its message could quote a key. */
function placeOf(error: unknown): { readonly kind: string; readonly stack: string } {
  if (!(error instanceof Error)) return { kind: typeof error, stack: '' };
  return { kind: error.name, stack: (error.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line)).join('\n') };
}

