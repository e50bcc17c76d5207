/** The addresses of key delivery (spec/keys.md): those of the old service, and /ClearKey/ for the licences of W3C Clear Key. */
import { z } from 'zod';
import { IsomerError } from '../errors.ts';
import { parseGuid } from '../protection/guid.ts';
import { tokenOf } from '../protection/token.ts';
import type { System } from './options.ts';
import { readChallenge } from './playready.ts';

export type Request = {
  readonly method: string;
  /** As it arrived, with its query. */
  readonly path: string;
  /** Names in lower case, as node:http gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
  readonly id: string;
};

/** `key`: the bytes. `licence`: JSON of Encrypted Media Extensions. `proxy`: another server answers the challenge. */
export type KeyRequest = {
  readonly form: 'key' | 'licence' | 'proxy';
  readonly system: System;
  readonly keyIds: readonly Uint8Array[];
  readonly token: string | null;
};

export const MAX_BODY_BYTES = 64 * 1024;
const MAX_KEYS = 64;

type Service = { readonly name: string; readonly system: System; readonly methods: readonly string[]; readonly read: (request: Request, query: URLSearchParams) => Pick<KeyRequest, 'form' | 'keyIds'> & { readonly token?: string | null } };

const inQuery = (form: 'key' | 'proxy'): Service['read'] => (_, query) => ({ form, keyIds: [keyIdOf(query)] });

const SERVICES: readonly Service[] = [
  { name: '', system: 'clearKey', methods: ['GET', 'POST'], read: inQuery('key') },
  { name: 'clearkey', system: 'clearKey', methods: ['GET', 'POST'], read: (request, query) => (request.method === 'GET' ? { form: 'key', keyIds: [keyIdOf(query)] } : { form: 'licence', keyIds: readLicenceRequest(request.body) }) },
  { name: 'playready', system: 'playReady', methods: ['POST'], read: ({ body }) => ({ form: 'proxy', ...readChallenge(body) }) },
  { name: 'widevine', system: 'widevine', methods: ['POST'], read: inQuery('proxy') },
  { name: 'fairplay', system: 'fairPlay', methods: ['POST'], read: inQuery('proxy') },
];

/** The service that a path names, in any case and with or without its closing slash; null: none. */
export function serviceOf(path: string): Pick<Service, 'name' | 'methods'> | null {
  return findService(path) ?? null;
}

function findService(path: string): Service | undefined {
  const match = /^\/(?:([a-z]+)\/?)?$/i.exec(path.replace(/\?.*$/s, ''));
  return match === null ? undefined : SERVICES.find((service) => service.name === (match[1] ?? '').toLowerCase());
}

/** Throws ISOMER_KEY_REQUEST; what was found is not repeated, since tokens go astray. */
export function readRequest(request: Request): KeyRequest {
  const service = findService(request.path);
  if (service === undefined) throw malformed('path', '/?kid=GUID, /ClearKey/, /PlayReady/, /Widevine/?kid=GUID or /FairPlay/?kid=GUID');
  const [, text = ''] = request.path.split(/\?(.*)/s);
  const query = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(text)) {
    if (query.has(name.toLowerCase())) throw malformed('query', 'each parameter once');
    query.set(name.toLowerCase(), value);
  }
  const { authorization } = request.headers;
  const { form, keyIds, token } = service.read(request, query);
  return { form, system: service.system, keyIds, token: tokenOf(typeof authorization === 'string' ? authorization : undefined, query) ?? token ?? null };
}

function keyIdOf(query: URLSearchParams): Uint8Array {
  try {
    return parseGuid(query.get('kid') ?? '');
  } catch {
    throw malformed('parameter kid', 'a GUID');
  }
}

/** Encrypted Media Extensions (W3C Recommendation 2017) 9.1.3: identifiers in base64url without padding. */
const LicenceRequest = z.object({
  kids: z.array(z.string().regex(/^[\w-]{21}[AQgw]$/)).min(1).max(MAX_KEYS),
  type: z.enum(['temporary', 'persistent-license']).optional(),
});

function readLicenceRequest(body: Uint8Array): readonly Uint8Array[] {
  let json: unknown = null;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // Answered below like any other value.
  }
  const parsed = LicenceRequest.safeParse(json);
  if (!parsed.success) throw malformed('body', `a licence request of Clear Key: {"kids": [...], "type": "temporary"} with 1 to ${MAX_KEYS} identifiers of 16 bytes in base64url`);
  return [...new Set(parsed.data.kids)].map((kid) => Uint8Array.from(Buffer.from(kid, 'base64url')));
}

function malformed(what: string, expected: string): IsomerError {
  return new IsomerError('ISOMER_KEY_REQUEST', { what, expected });
}
