/**
 * What a PlayReady licence request (SOAP) says in the clear: the key that it is for, and the token that applications put
 * into its custom data. The rest belongs to the licence server. No XML parser: three elements are looked for in bounded text.
 */
import { IsomerError } from '../errors.ts';
import { littleEndianGuid } from '../protection/guid.ts';

/** WRMHEADER 4.0 has `<KID>…</KID>`, later ones `<KID ALGID="…" VALUE="…"/>` (PlayReady Header Specification). */
const KID = /<KID(?:>|\s[^<>]*?VALUE=")([A-Za-z0-9+/]{22}==)["<]/g;
const CUSTOM_DATA = /<CustomData>([^<]*)<\/CustomData>/;
const TOKEN = /<Token(?:\s[^<>]*)?>([^<]*)<\/Token>/;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

export function readChallenge(body: Uint8Array): { readonly keyIds: readonly Uint8Array[]; readonly token: string | null } {
  const text = Buffer.from(body).toString('utf8');
  const kids = new Set([...text.matchAll(KID)].map(([, kid]) => kid));
  if (kids.size !== 1) throw new IsomerError('ISOMER_KEY_REQUEST', { what: 'body', expected: 'a PlayReady licence request for one KID' });
  const [kid] = kids;
  const custom = unescape(CUSTOM_DATA.exec(text)?.[1] ?? '');
  const token = TOKEN.exec(custom)?.[1];
  return { keyIds: [littleEndianGuid(Buffer.from(kid, 'base64'))], token: token === undefined ? null : unescape(token).replace(/^Bearer[ =]/i, '') };
}

function unescape(text: string): string {
  return text.replaceAll(/&(\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}
