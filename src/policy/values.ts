/** Kinds of values that the resources share. Field names everywhere in this room are those of the AMS v3 REST API. */
import { z } from 'zod';

/** Names of resources: what the service allowed, and nothing that the grammar of URLs gives a meaning. */
export const Name = z
  .string()
  .min(1)
  .max(260)
  .regex(/^[^<>%&:\\?/*+.'\p{Cc}]*$/u, "a name without < > % & : \\ ? / * + . ' and control characters");

/** Filters stand in URLs between `;` and in parentheses. */
export const FilterName = Name.regex(/^[^\s;,()=](?:[^;,()=]*[^\s;,()=])?$/u, 'a name without ; , ( ) = and outer spaces');

/** The folder of an asset below the root. */
export const AssetFolder = z
  .string()
  .max(1024)
  .regex(/^(?!\.)[^\\\p{Cc}/]+(?:\/(?!\.)[^\\\p{Cc}/]+)*$/u, 'a folder below the root: names joined by slashes, none of them empty, hidden, . or ..');

export const Guid = z
  .string()
  .regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'a GUID')
  .transform((text) => text.toLowerCase());

/** A whole number of 64 bits, as a bigint. */
export const Long = z
  .union([z.bigint(), z.number().int()], 'a whole number')
  .transform(BigInt)
  .refine((value) => value > -(2n ** 63n) && value < 2n ** 64n, 'a number of 64 bits');

/** RFC 3339; milliseconds since 1970. */
export const Instant = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i, 'a date and time with its zone, e.g. 2026-01-31T12:00:00Z')
  .transform((text) => Date.parse(text.replace(/(\.\d{3})\d+/, '$1')))
  .refine((time) => !Number.isNaN(time), 'a date that exists');

/** ISO 8601 of days and times, e.g. P1DT2H. */
export const Duration = z.string().regex(/^P(?!$)(?:\d+D)?(?:T(?!$)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$/, 'an ISO 8601 duration, e.g. PT1H');

/** Bytes in base64. Listings of the service hold null where a secret is. */
export const Base64 = z.string('base64 text: listings leave secrets out, getPolicyPropertiesWithSecrets gives them').regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'base64 text');

export const OdataType = <T extends string>(name: T): z.ZodLiteral<`#Microsoft.Media.${T}`> => z.literal(`#Microsoft.Media.${name}`);

/** What the service adds to every resource and every file may keep; it means nothing here. */
const ENVELOPE = { id: z.string().optional(), type: z.string().optional(), systemData: z.unknown().optional() };

export function resource<N extends z.ZodType, P extends z.ZodType>(name: N, properties: P): z.ZodObject<{ name: N; properties: P } & typeof ENVELOPE, z.core.$strict> {
  return z.strictObject({ name, properties, ...ENVELOPE });
}
