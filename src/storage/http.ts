/**
 * Files behind HTTP as storage: a web folder, or a blob store whose list service is known (listing.ts). Only the configured root is asked:
 * redirects are not followed, and what is read must be the version that was opened.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool, type Dispatcher } from 'undici';
import { IsomerError, type ErrorCode } from '../errors.ts';
import { readBounded, type Listing } from './listing.ts';
import { outOfRange, pathSegments } from './paths.ts';
import type { Source, Storage } from './storage.ts';
import { readWhole } from './whole.ts';

export type HttpStorageOptions = {
  /** How folders are listed; null: they are not, and assets need server manifests. */
  readonly listing: Listing | null;
  /** Headers that make a request known to the store; null: none are needed. */
  readonly sign: Signer | null;
  /** Connections to the store. */
  readonly connections: number;
  /** Milliseconds for a response to begin, and between parts of its body. */
  readonly timeout: number;
  /** Milliseconds before the first repetition; each further one waits twice as long. */
  readonly backoff: number;
};

export const HTTP_DEFAULTS: HttpStorageOptions = { listing: null, sign: null, connections: 64, timeout: 10_000, backoff: 100 };

export type HttpStorage = Storage & { close(): Promise<void> };

/** At one request; a part whose body breaks off is requested as many times. */
const ATTEMPTS = 3;
/** Answers that another attempt may better (RFC 9110 15.5.9, 15.6; RFC 6585 4). */
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const NO_SUCH_METHOD: ReadonlySet<number> = new Set([405, 501]);

type Method = 'GET' | 'HEAD';
type Answer = Dispatcher.ResponseData;
type Headers = Readonly<Record<string, string>>;
/** Headers for a request; `path` with its query, encoded. */
export type Signer = (request: { readonly method: Method; readonly host: string; readonly path: string }) => Headers;

/** What a response says of a file. */
type Facts = { readonly size: number; readonly etag: string | null; readonly version: string };

/** `root`: http or https, its query is sent with every request and told to nobody. */
export function openHttpStorage(root: URL, options: HttpStorageOptions): HttpStorage {
  const pool = new Pool(root.origin, { connections: options.connections, headersTimeout: options.timeout, bodyTimeout: options.timeout, connect: { timeout: options.timeout } });
  const base = root.pathname.replace(/\/+$/, '');

  const once = (method: Method, pathname: string, query: URLSearchParams, headers: Headers): Promise<Answer> => {
    // A space is %20 to everybody.
    const text = query.toString().replaceAll('+', '%20');
    const path = `${pathname === '' ? '/' : pathname}${text === '' ? '' : `?${text}`}`;
    return pool.request({ method, path, headers: { 'accept-encoding': 'identity', ...headers, ...options.sign?.({ method, host: root.host, path }) } });
  };
  /** The first answer that counts; passing faults are asked again. `path` stands in errors. */
  const ask = async (path: string, ...request: Parameters<typeof once>): Promise<Answer> => {
    for (let attempt = 1; ; attempt++) {
      const last = attempt === ATTEMPTS;
      const answer = await once(...request).catch((error: unknown) => {
        if (last) throw storageError(path, error);
        return null;
      });
      if (answer !== null && (last || !PASSING.has(answer.statusCode))) return answer;
      await answer?.body.dump().catch(() => undefined);
      await sleep(options.backoff * 2 ** (attempt - 1));
    }
  };
  const get = (method: Method, path: string, headers: Headers): Promise<Answer> =>
    ask(path, method, [base, ...pathSegments(path).map(encodeURIComponent)].join('/'), root.searchParams, headers);

  const factsOf = async (path: string): Promise<Facts> => {
    const head = await get('HEAD', path, {});
    await head.body.dump();
    if (!NO_SUCH_METHOD.has(head.statusCode)) {
      refuse(path, head, 200);
      return readFacts(path, head, header(head, 'content-length'));
    }
    const one = await get('GET', path, { range: 'bytes=0-0' });
    await discard(one);
    refuse(path, one, 206);
    return readFacts(path, one, /\/(\d+)$/.exec(header(one, 'content-range') ?? '')?.[1] ?? null);
  };

  const openSource = async (path: string): Promise<Source> => {
    const { size, etag, version } = await factsOf(path);
    return {
      size,
      version,
      // A strong tag is another one for other bytes.
      ...(etag === null ? {} : { identity: etag }),
      async read(offset, target) {
        if (offset < 0 || offset + target.length > size) throw outOfRange(path, offset + target.length, size);
        // What came before a connection broke is kept: the next attempt asks for the rest.
        let done = 0;
        let failure: unknown = null;
        for (let attempt = 1; done < target.length; attempt++) {
          if (attempt > ATTEMPTS) throw storageError(path, failure);
          if (attempt > 1) await sleep(options.backoff * 2 ** (attempt - 2));
          const [from, to] = [offset + done, offset + target.length - 1];
          const answer = await get('GET', path, { range: `bytes=${from}-${to}`, ...(etag === null ? {} : { 'if-match': etag }) });
          await checkPart(path, answer, { from, to, size, etag });
          try {
            for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
              if (done + chunk.length > target.length) throw new IsomerError('MPE_STORAGE_INTERNAL_ERROR', { where: path, expected: `${to + 1 - from} bytes`, found: 'more' });
              target.set(chunk, done);
              done += chunk.length;
            }
            failure = new Error('the body was too short');
          } catch (error) {
            if (error instanceof IsomerError) throw error;
            failure = error;
          }
        }
      },
      close: () => Promise.resolve(),
    };
  };

  return {
    open: openSource,
    async list(path) {
      const names = pathSegments(path);
      if (options.listing === null) return null;
      return options.listing(names, async (pathname, query) => {
        const all = new URLSearchParams([...root.searchParams, ...query.map(([name, value]): [string, string] => [name, value])]);
        const answer = await ask(path, 'GET', pathname, all, {});
        if (REFUSALS[answer.statusCode] === 'MPE_STORAGE_RESOURCE_NOT_FOUND') {
          await discard(answer);
          return null;
        }
        if (answer.statusCode !== 200) await discard(answer);
        refuse(path, answer, 200);
        return readBounded(path, answer.body as AsyncIterable<Uint8Array>);
      });
    },
    readAll: (path, limit) => readWhole(openSource, path, limit),
    close: () => pool.close(),
  };
}

function header({ headers }: Answer, name: string): string | null {
  const value = headers[name];
  return value === undefined ? null : Array.isArray(value) ? value.join(', ') : value;
}

/** An answer that is not wanted may be as long as a film: the connection is given up where it is more than a little. */
async function discard(answer: Answer): Promise<void> {
  await answer.body.dump({ limit: 16 * 1024 }).catch(() => undefined);
}

const REFUSALS: Readonly<Record<number, ErrorCode>> = {
  // Azure: no container or blob can have this name.
  400: 'MPE_STORAGE_RESOURCE_NOT_FOUND',
  401: 'MPE_STORAGE_AUTHENTICATION_FAILURE',
  403: 'MPE_STORAGE_AUTHENTICATION_FAILURE',
  404: 'MPE_STORAGE_RESOURCE_NOT_FOUND',
  408: 'MPE_STORAGE_OPERATION_TIMED_OUT',
  410: 'MPE_STORAGE_RESOURCE_NOT_FOUND',
  412: 'MPE_STORAGE_PRECONDITION_FAILED',
  416: 'MPE_STORAGE_INVALID_RANGE',
  429: 'MPE_STORAGE_SERVER_BUSY',
  503: 'MPE_STORAGE_SERVER_BUSY',
  504: 'MPE_STORAGE_OPERATION_TIMED_OUT',
};

function refuse(path: string, { statusCode }: Answer, wanted: number): void {
  if (statusCode === wanted) return;
  throw new IsomerError(REFUSALS[statusCode] ?? 'MPE_STORAGE_INTERNAL_ERROR', { where: path, expected: `status ${wanted} from storage`, found: String(statusCode) });
}

function readFacts(path: string, answer: Answer, length: string | null): Facts {
  const size = length === null ? Number.NaN : Number(length);
  if (!Number.isSafeInteger(size) || size < 0) throw new IsomerError('MPE_STORAGE_INTERNAL_ERROR', { what: 'length of a stored file', where: path, expected: 'bytes', found: length ?? 'none' });
  const told = header(answer, 'etag');
  // A weak tag may stand for other bytes (RFC 9110 8.8.1).
  const etag = told === null || told.startsWith('W/') ? null : told;
  const version = createHash('sha256').update(JSON.stringify([size, etag ?? header(answer, 'last-modified')])).digest('hex').slice(0, 16);
  return { size, etag, version };
}

/** A part must be the one that was asked for, of the file that was opened: servers that know no conditions are checked by what they tell. */
async function checkPart(path: string, answer: Answer, { from, to, size, etag }: { readonly from: number; readonly to: number; readonly size: number; readonly etag: string | null }): Promise<void> {
  try {
    refuse(path, answer, 206);
    const now = header(answer, 'etag');
    if (etag !== null && now !== null && now !== etag) throw new IsomerError('MPE_STORAGE_PRECONDITION_FAILED', { where: path, expected: etag, found: now });
    const range = header(answer, 'content-range');
    const wanted = `bytes ${from}-${to}/${size}`;
    if (range !== wanted) throw new IsomerError(range?.endsWith(`/${size}`) === false ? 'MPE_STORAGE_PRECONDITION_FAILED' : 'MPE_STORAGE_INTERNAL_ERROR', { where: path, expected: wanted, found: range ?? 'no Content-Range' });
  } catch (error) {
    await discard(answer);
    throw error;
  }
}

/** Addresses and their secrets stay here: only the code goes on. */
function storageError(path: string, error: unknown): IsomerError {
  if (error instanceof IsomerError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const timedOut = code !== undefined && /TIMEOUT|ETIMEDOUT/.test(code);
  return new IsomerError(timedOut ? 'MPE_STORAGE_OPERATION_TIMED_OUT' : 'MPE_STORAGE_INTERNAL_ERROR', { where: path, found: code ?? 'no answer' });
}
