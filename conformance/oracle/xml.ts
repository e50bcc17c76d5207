/** A small XML tree with line numbers, through saxes: strict about well-formedness, loads nothing from outside. */
import { SaxesParser } from 'saxes';

export type XmlNode = {
  /** Local name. */
  readonly name: string;
  readonly namespace: string;
  /** By name as written, prefixes included. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlNode[];
  readonly text: string;
  readonly line: number;
};

export type XmlResult = { readonly root: XmlNode } | { readonly problem: string; readonly line: number };

const MAX_DEPTH = 64;
const MAX_NODES = 2_000_000;

type OpenNode = { name: string; namespace: string; attributes: Record<string, string>; children: OpenNode[]; text: string; line: number };

export function readXml(source: string): XmlResult {
  const parser = new SaxesParser({ xmlns: true, position: true });
  const stack: OpenNode[] = [];
  let root: OpenNode | null = null;
  let problem: { problem: string; line: number } | null = null;
  let nodes = 0;
  const refuse = (text: string): void => {
    problem ??= { problem: text, line: parser.line };
  };
  parser.on('error', (error) => refuse(error.message.replace(/^\d+:\d+: /, '')));
  parser.on('opentag', (tag) => {
    const attributes: Record<string, string> = {};
    for (const [name, value] of Object.entries(tag.attributes)) attributes[name] = value.value;
    const node: OpenNode = { name: tag.local, namespace: tag.uri, attributes, children: [], text: '', line: parser.line };
    if (++nodes > MAX_NODES) refuse('too many elements');
    if (stack.length >= MAX_DEPTH) refuse('elements nest too deeply');
    if (problem !== null) return;
    stack.at(-1)?.children.push(node);
    root ??= node;
    stack.push(node);
  });
  parser.on('text', (text) => {
    const top = stack.at(-1);
    if (top !== undefined) top.text += text;
  });
  parser.on('closetag', () => {
    stack.pop();
  });
  parser.write(source).close();
  if (problem !== null) return problem;
  return root === null ? { problem: 'no root element', line: 1 } : { root };
}

/** Text of a served document: UTF-8 with or without a mark, UTF-16 with one (XML 1.0 4.3.3). */
export function decodeXml(bytes: Uint8Array): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

/** Where bytes are not of the encoding they are read in, a decoder writes U+FFFD; nobody writes it on purpose. */
export function misencodedLine(text: string): number | null {
  const at = text.indexOf('\ufffd');
  return at < 0 ? null : text.slice(0, at).split('\n').length;
}

export function childrenOf(node: XmlNode, name: string): readonly XmlNode[] {
  return node.children.filter((child) => child.name === name);
}

export function childOf(node: XmlNode, name: string): XmlNode | undefined {
  return node.children.find((child) => child.name === name);
}

/** A non-negative integer attribute; null when absent or not one. */
export function integerOf(node: XmlNode, name: string): bigint | null {
  const value = node.attributes[name];
  return value !== undefined && /^\d+$/.test(value) ? BigInt(value) : null;
}

/** The whole tree, the node itself first. */
export function descendants(node: XmlNode): readonly XmlNode[] {
  return [node, ...node.children.flatMap(descendants)];
}
