/** Whether a bearer gets a key: the options of its policies, one after the other. */
import { IsomerError } from '../errors.ts';
import type { ContentKey } from '../protection/contentkey.ts';
import { formatGuid } from '../protection/guid.ts';
import { authorize, type Grant, type TokenReader, type TokenRestriction } from '../protection/token.ts';
import type { Keyring } from './keyring.ts';
import type { Option, System } from './options.ts';

export type Access = { readonly key: ContentKey; readonly limited: Grant['limited'] };

/** How a request's token is read for an option. */
export type Reading = (tokens: NonNullable<Option['tokens']>) => TokenReader;

/** For one request: a signature is verified once for each restriction, however many keys are asked for under it. */
export function readOnce(): Reading {
  const known = new Map<TokenRestriction, ReturnType<TokenReader>>();
  return ({ restriction, read }) => (token, keys) => {
    const found = known.get(restriction) ?? read(token, keys);
    known.set(restriction, found);
    return found;
  };
}

/** `now` is in seconds since 1970. Throws when no option of any policy gives the key; uses are not counted yet. */
export async function openAccess(keyring: Keyring, keyId: Uint8Array, system: System, token: string | null, now: number, reading: Reading): Promise<Access> {
  const holdings = await keyring.find(keyId);
  const what = `key ${formatGuid(keyId)}`;
  if (holdings.length === 0) throw new IsomerError('ISOMER_KEY_UNKNOWN', { what });
  const [{ key }] = holdings;
  const options = holdings.flatMap((holding) => holding.options).filter((option) => option.system === system);
  if (options.length === 0) throw new IsomerError('ISOMER_KEY_NOT_OFFERED', { what });
  if (options.some(({ tokens }) => tokens === null)) return { key, limited: null };
  if (token === null) throw new IsomerError('ISOMER_TOKEN_MISSING', { what });
  return { key, limited: await firstGrant(options, keyId, token, now, reading) };
}

/** An issuer that cannot be asked might have said yes: that is told before a refusal. */
async function firstGrant(options: readonly Option[], keyId: Uint8Array, token: string, now: number, reading: Reading): Promise<Grant['limited']> {
  let refusal: unknown = null;
  let unknown: unknown = null;
  for (const { tokens } of options) {
    if (tokens === null) continue;
    try {
      const { limited } = await authorize(token, tokens.restriction, keyId, now, reading(tokens));
      return limited;
    } catch (error) {
      if (!(error instanceof IsomerError)) throw error;
      if (error.code === 'ISOMER_TOKEN_REFUSED') refusal ??= error;
      else unknown ??= error;
    }
  }
  throw unknown ?? refusal;
}
