/** One HTTP request, with limits on time and size. A refused or broken answer is an observation, not an exception. */
import { messageOf } from '../fault.ts';

export type Limits = { readonly timeoutMs: number; readonly maxBytes: number };

export const DEFAULT_LIMITS: Limits = { timeoutMs: 30_000, maxBytes: 256 * 1024 * 1024 };

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  readonly error: string | null;
};

export type Ask = (url: string, method: string, headers: Readonly<Record<string, string>>, limits: Limits) => Promise<Answer>;

/** Headers that differ from run to run and say nothing about the subject. */
const VOLATILE_HEADERS = new Set(['date', 'connection', 'keep-alive']);

export const request: Ask = async (url, method, headers, limits) => {
  try {
    // `identity`: sizes and ranges are judged as they are on the wire.
    const response = await fetch(url, { method, headers: { 'accept-encoding': 'identity', ...headers }, redirect: 'manual', signal: AbortSignal.timeout(limits.timeoutMs) });
    const received = Object.fromEntries([...response.headers].filter(([name]) => !VOLATILE_HEADERS.has(name)));
    const body = await readBody(response, limits.maxBytes);
    return { status: response.status, headers: received, body: body === 'too-large' ? null : body, error: body === 'too-large' ? `the body exceeds ${limits.maxBytes} bytes` : null };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return { status: 0, headers: {}, body: null, error: `${messageOf(error)}${cause}` };
  }
};

async function readBody(response: Response, maxBytes: number): Promise<Uint8Array | 'too-large'> {
  if (response.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) return 'too-large';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
