/** Traces on disk: `trace.json` and bodies by hash. A body that does not match its name is refused. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { formatIdSchema } from '../../spec/requirement.ts';
import { SuiteFault } from '../fault.ts';
import { findIn, PROBE_KINDS, type Exchange, type Trace, type TraceReader } from '../trace.ts';

const roleSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.enum(['manifest', 'playlist', 'init', 'segment', 'keyframe']),
    asset: z.string(),
    format: formatIdSchema,
    set: z.string(),
    track: z.string(),
    time: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal('probe'), asset: z.string(), format: formatIdSchema, probe: z.enum(PROBE_KINDS), of: z.string() }),
]);

const headersSchema = z.record(z.string(), z.string());

const traceSchema = z.strictObject({
  schema: z.literal('isomer-trace/1'),
  target: z.strictObject({ kind: z.enum(['self', 'origin']), profile: z.enum(['ams', 'generic']) }),
  manifests: z.array(z.strictObject({ asset: z.string(), format: formatIdSchema, url: z.url() })),
  exchanges: z.array(
    z.strictObject({
      id: z.int(),
      method: z.string(),
      url: z.url(),
      requestHeaders: headersSchema,
      status: z.int(),
      headers: headersSchema,
      body: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().nonnegative() }).nullable(),
      error: z.string().nullable(),
      role: roleSchema,
    }),
  ),
});

export type BodyStore = {
  put(bytes: Uint8Array): { readonly sha256: string; readonly size: number };
  get(sha256: string): Uint8Array;
};

function bodyPath(folder: string, sha256: string): string {
  return join(folder, 'bodies', sha256.slice(0, 2), sha256.slice(2));
}

export function openStore(folder: string): BodyStore {
  mkdirSync(join(folder, 'bodies'), { recursive: true });
  return {
    put(bytes) {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const path = bodyPath(folder, sha256);
      if (!existsSync(path)) {
        mkdirSync(join(folder, 'bodies', sha256.slice(0, 2)), { recursive: true });
        writeFileSync(`${path}.part`, bytes);
        renameSync(`${path}.part`, path);
      }
      return { sha256, size: bytes.length };
    },
    get: (sha256) => readFileSync(bodyPath(folder, sha256)),
  };
}

export function writeTrace(folder: string, trace: Trace): void {
  writeFileSync(join(folder, 'trace.json'), `${JSON.stringify(trace, null, 1)}\n`);
}

/** Bytes of bodies kept in memory: segments are read by several checks, one after the other. */
const CACHE_BYTES = 256 * 1024 * 1024;

export function openTrace(folder: string): TraceReader {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(join(folder, 'trace.json'), 'utf8'));
  } catch (error) {
    throw new SuiteFault('usage', `no readable trace.json in ${folder}`, { cause: error });
  }
  const result = traceSchema.safeParse(parsed);
  if (!result.success) throw new SuiteFault('usage', `${folder}/trace.json: ${z.prettifyError(result.error)}`);
  return traceReader(result.data, (exchange) => {
    const bytes = readFileSync(bodyPath(folder, exchange.body?.sha256 ?? ''));
    if (createHash('sha256').update(bytes).digest('hex') !== exchange.body?.sha256) throw new SuiteFault('usage', `body ${exchange.body?.sha256} does not match its hash: the trace is damaged`);
    return bytes;
  });
}

export function traceReader(trace: Trace, load: (exchange: Exchange) => Uint8Array): TraceReader {
  const cache = new Map<string, Uint8Array>();
  let cached = 0;
  return {
    trace,
    find: findIn(trace.exchanges),
    body(exchange) {
      if (exchange.body === null) return new Uint8Array();
      const { sha256 } = exchange.body;
      const known = cache.get(sha256);
      if (known !== undefined) return known;
      const bytes = load(exchange);
      cached += bytes.length;
      cache.set(sha256, bytes);
      for (const [key, old] of cache) {
        if (cached <= CACHE_BYTES || key === sha256) break;
        cache.delete(key);
        cached -= old.length;
      }
      return bytes;
    },
  };
}
