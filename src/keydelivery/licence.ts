/**
 * Licences of PlayReady, Widevine and FairPlay are made by their owners' servers. Here the token is checked; then the
 * challenge goes to the configured server, without the token, and its answer comes back as it is.
 */
import { IsomerError } from '../errors.ts';
import { formatGuid } from '../protection/guid.ts';
import { fillTemplate } from '../protection/urls.ts';
import { fetchBounded, type Fetch, type Fetched } from './fetching.ts';
import type { System } from './options.ts';
import type { Request } from './request.ts';

export type LicenceServers = Readonly<Record<Exclude<System, 'clearKey'>, string | null>>;

const LIMITS = { maxBytes: 1024 * 1024, timeoutMs: 10_000 };
/** Of the request, what the server needs to read the challenge. */
const FORWARDED = ['content-type', 'soapaction'];

/** `template` may hold {ContentKeyId}: the key that was asked for and allowed, which the server must hold the challenge to. */
export async function askLicenceServer(template: string, keyId: Uint8Array, { headers, body }: Request, fetch: Fetch): Promise<Fetched> {
  const forwarded = FORWARDED.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  const url = fillTemplate(template, { keyId, alternativeMediaId: '' });
  const answer = await fetchBounded(fetch, url, { method: 'POST', headers: Object.fromEntries(forwarded), body: Buffer.from(body) }, LIMITS);
  // What the server refuses, the player learns by the status; why is the server's affair.
  if (answer === null || answer.status < 200 || answer.status >= 500) throw new IsomerError('ISOMER_LICENCE_SERVER', { what: `licence for key ${formatGuid(keyId)}` });
  return answer;
}

/** Throws ISOMER_CONFIG at the start instead of failing at each request. */
export function checkServer(template: string, setting: string): void {
  let url = '';
  try {
    url = fillTemplate(template, { keyId: new Uint8Array(16), alternativeMediaId: '' });
  } catch {
    // A token that nobody knows: said below.
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new IsomerError('ISOMER_CONFIG', { what: setting, expected: 'an http or https URL, in which only {ContentKeyId} stands in braces' });
}
