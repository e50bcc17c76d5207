/** Requests of key delivery to others: to configured places only, with a bounded answer in bounded time, and never redirected. */

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export type Limits = { readonly maxBytes: number; readonly timeoutMs: number };
export type Fetched = { readonly status: number; readonly contentType: string | null; readonly body: Uint8Array };

/** Null for whatever goes wrong: the cause may quote what was sent. */
export async function fetchBounded(fetch: Fetch, url: string, init: RequestInit, { maxBytes, timeoutMs }: Limits): Promise<Fetched | null> {
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
    const parts: Uint8Array[] = [];
    let length = 0;
    // Leaving the loop early cancels the rest.
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      length += part.length;
      if (length > maxBytes) return null;
      parts.push(part);
    }
    return { status: response.status, contentType: response.headers.get('content-type'), body: Uint8Array.from(Buffer.concat(parts)) };
  } catch {
    return null;
  }
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Hosts are named with their port where it is not the scheme's own. Without encryption the network could answer, so that is for this machine only. */
export function isTrusted(text: string, hosts: ReadonlySet<string>): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, host, hostname, username, password } = new URL(text);
  return hosts.has(host) && username === '' && password === '' && (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname)));
}
