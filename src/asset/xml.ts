/** Small XML documents of an asset: server and client manifests. Bytes to a bounded element tree; no DTD, no entities, no network. */
import { SaxesParser } from 'saxes';
import { IsomerError, type ErrorCode } from '../errors.ts';

export type XmlNode = {
  /** Local name. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlNode[];
  /** Line of the start tag, from 1. */
  readonly line: number;
};

export type XmlLimits = { readonly elements: number; readonly depth: number };

const LIMITS: XmlLimits = { elements: 20_000, depth: 64 };

/** `file` is named in errors, which have `code`. */
export function readXml(bytes: Uint8Array, file: string, code: ErrorCode, limits: XmlLimits = LIMITS): XmlNode {
  const text = decodeText(bytes, file, code);
  const parser = new SaxesParser({ xmlns: false, position: true });
  const fail = (expected: string, found: string): never => {
    throw new IsomerError(code, { where: `${file}, line ${parser.line}, column ${parser.column}`, expected, found });
  };
  type Building = { name: string; attributes: Map<string, string>; children: XmlNode[]; line: number };
  const open: Building[] = [];
  let root: XmlNode | null = null;
  let elements = 0;
  let line = 1;
  parser.on('error', (error) => fail('well-formed XML', error.message.replace(/^\d+:\d+: /, '').replace(/\.$/, '')));
  parser.on('doctype', () => fail('no DOCTYPE', 'one'));
  parser.on('opentagstart', () => {
    line = parser.line;
  });
  parser.on('opentag', (tag) => {
    if (++elements > limits.elements) fail(`at most ${limits.elements} elements`, 'more');
    if (open.length >= limits.depth) fail(`at most ${limits.depth} levels`, 'more');
    const attributes = new Map(Object.entries(tag.attributes).map(([name, value]) => [localName(name), value]));
    open.push({ name: localName(tag.name), attributes, children: [], line });
  });
  parser.on('closetag', () => {
    const node = open.pop();
    if (node === undefined) return;
    const parent = open.at(-1);
    if (parent === undefined) root = node;
    else parent.children.push(node);
  });
  parser.write(text).close();
  return root ?? fail('a root element', 'none');
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

const DECLARED = /^<\?xml[^>]*?\bencoding\s*=\s*["']([\w.-]+)["']/;

/** UTF-8 with or without a byte order mark, UTF-16 with one; anything else, or a declaration that contradicts the bytes, is refused. */
function decodeText(bytes: Uint8Array, file: string, code: ErrorCode): string {
  const [actual, start] = bytes[0] === 0xff && bytes[1] === 0xfe ? (['utf-16le', 2] as const) : bytes[0] === 0xfe && bytes[1] === 0xff ? (['utf-16be', 2] as const) : bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? (['utf-8', 3] as const) : (['utf-8', 0] as const);
  let text: string;
  try {
    text = new TextDecoder(actual, { fatal: true }).decode(bytes.subarray(start));
  } catch {
    throw new IsomerError(code, { what: 'encoding', where: file, expected: `text in ${actual.toUpperCase()}`, found: 'bytes that are none' });
  }
  const declared = DECLARED.exec(text)?.[1].toLowerCase();
  const agrees = declared === undefined || (actual === 'utf-8' ? ['utf-8', 'utf8', 'us-ascii', 'ascii'].includes(declared) : declared.startsWith('utf-16'));
  if (!agrees) throw new IsomerError(code, { what: 'encoding', where: `${file}, line 1`, expected: `a declaration that fits ${actual.toUpperCase()}`, found: declared });
  return text;
}
