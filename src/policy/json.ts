/** JSON without loss: whole numbers beyond 2^53 become bigint. Time stamps of live archives and "for ever" are such numbers. */
import type { z } from 'zod';
import { IsomerError } from '../errors.ts';

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

export function parseJson(bytes: Uint8Array, file: string): unknown {
  // The type library does not know the reviver's third parameter (ECMA-262: JSON.parse source text access).
  const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return parse(text, (_, value, { source }) => (typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d{1,40}$/.test(source ?? '') ? BigInt(source ?? 0) : value));
  } catch (error) {
    throw new IsomerError('ISOMER_POLICY_FILE', { where: `${file}${placeOf(error)}`, expected: 'JSON in UTF-8', found: 'something else' });
  }
}

/** The parser's message quotes the text, which may hold keys: only the place is taken from it. */
function placeOf(error: unknown): string {
  const match = /line (\d+) column (\d+)/.exec(error instanceof Error ? error.message : '');
  return match === null ? '' : `, line ${match[1]}, column ${match[2]}`;
}

/** The value in its shape; the error names the file and the place inside, and no value: these files hold secrets. */
export function readShape<T>(schema: z.ZodType<T>, value: unknown, file: string, path: readonly PropertyKey[] = []): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first, ...more] = flatten(parsed.error.issues);
  throw misplaced(file, [...path, ...first.path], first.message, more.length);
}

export function misplaced(file: string, path: readonly PropertyKey[], expected: string, more = 0): IsomerError {
  return new IsomerError('ISOMER_POLICY_FILE', { where: `${file}: ${jsonPath(path)}`, expected: more === 0 ? expected : `${expected} (and ${more} more)` });
}

/** Issues inside unions, where the first alternative that comes nearest says most. */
function flatten(issues: readonly z.core.$ZodIssue[]): readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
    const [inner] = issue.errors.toSorted((a, b) => a.length - b.length);
    return inner.length === 0 ? [issue] : flatten(inner).map(({ path, message }) => ({ path: [...issue.path, ...path], message }));
  });
}

function jsonPath(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : /^[A-Za-z_]\w*$/.test(String(part)) ? `.${String(part)}` : `[${JSON.stringify(String(part))}]`)).join('');
  return text === '' ? 'the whole' : text.replace(/^\./, '');
}
