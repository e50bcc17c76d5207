/** Ways to make the good specimen wrong. Each refuses to change nothing: such a mutant would prove nothing. */
import type { Answer } from '../capture/request.ts';
import { readBoxes, type Box } from '../oracle/boxes.ts';
import type { Origin } from './origin.ts';

type Change = (origin: Origin) => void;

function matching(origin: Origin, pattern: RegExp, most = Infinity): string[] {
  const paths = [...origin.resources.keys()].filter((path) => pattern.test(path)).slice(0, most);
  if (paths.length === 0) throw new Error(`no resource matches ${pattern.source}`);
  return paths;
}

function update(origin: Origin, path: string, body: Buffer): void {
  const resource = origin.resources.get(path);
  if (resource === undefined) throw new Error(`no resource ${path}`);
  if (resource.body.equals(body)) throw new Error(`the change leaves ${path} as it is`);
  origin.resources.set(path, { ...resource, body, headers: { ...resource.headers, 'content-length': String(body.length) } });
}

/** Changes the text of every matching resource. */
export function text(pattern: RegExp, from: string | RegExp, to: string): Change {
  return (origin) => {
    for (const path of matching(origin, pattern)) update(origin, path, Buffer.from((origin.resources.get(path)?.body.toString() ?? '').replace(from, to)));
  };
}

/** Changes the bytes of the first matching resources. */
export function bytes(pattern: RegExp, change: (body: Buffer) => Buffer, most = Infinity): Change {
  return (origin) => {
    for (const path of matching(origin, pattern, most)) update(origin, path, change(Buffer.from(origin.resources.get(path)?.body ?? [])));
  };
}

/** Changes the payload of the first box of a type, wherever it is. */
export function boxBody(pattern: RegExp, type: string, change: (body: Buffer) => void, most = 1): Change {
  return bytes(
    pattern,
    (body) => {
      const found = findBox(readBoxes(body).boxes, type);
      if (found === null) throw new Error(`no box ${type}`);
      change(body.subarray(found.start + found.header, found.start + found.size));
      return body;
    },
    most,
  );
}

function findBox(boxes: readonly Box[], type: string): Box | null {
  for (const box of boxes) {
    const found = box.type === type ? box : findBox(box.children, type);
    if (found !== null) return found;
  }
  return null;
}

export function header(pattern: RegExp, name: string, value: string | null): Change {
  return (origin) => {
    for (const path of matching(origin, pattern)) {
      const resource = origin.resources.get(path);
      if (resource === undefined) continue;
      const headers = { ...resource.headers };
      if (value === null) delete headers[name];
      else headers[name] = value;
      origin.resources.set(path, { ...resource, headers });
    }
  };
}

export function remove(pattern: RegExp): Change {
  return (origin) => {
    for (const path of matching(origin, pattern, 1)) origin.resources.delete(path);
  };
}

/** Serves one resource under the name of another. */
export function copy(from: string, to: string): Change {
  return (origin) => {
    const source = origin.resources.get(from);
    if (source === undefined || !origin.resources.has(to)) throw new Error(`no resource ${from} or ${to}`);
    update(origin, to, source.body);
  };
}

/** Answers certain requests otherwise. */
export function answer(when: (path: string, method: string, headers: Readonly<Record<string, string>>) => boolean, given: Partial<Answer>): Change {
  return ({ overrides }) => {
    overrides.push((path, method, headers) => (when(path, method, headers) ? { status: 200, headers: { 'access-control-allow-origin': '*' }, body: Buffer.from('other'), error: null, ...given } : null));
  };
}
