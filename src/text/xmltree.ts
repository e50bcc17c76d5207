/** XML documents of text tracks as a bounded tree that keeps prefixes, text and foreign elements, and writes them again. */
import { SaxesParser } from 'saxes';
import { IsomerError } from '../errors.ts';
import { decodeText, textLimit } from './document.ts';

export type XmlAttribute = { readonly name: string; readonly local: string; readonly uri: string; readonly value: string };

export type XmlElement = {
  /** With its prefix. */
  readonly name: string;
  readonly local: string;
  readonly uri: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly (XmlElement | string)[];
};

const MAX_ELEMENTS = 300_000;
const MAX_DEPTH = 64;

export function readXmlTree(bytes: Uint8Array, where: string): XmlElement {
  const text = decodeText(bytes, where);
  const parser = new SaxesParser({ xmlns: true, position: true });
  const fail = (expected: string, found: string): never => {
    throw new IsomerError('ISOMER_TEXT_MALFORMED', { where: `${where}, line ${parser.line}, column ${parser.column}`, expected, found });
  };
  type Building = { name: string; local: string; uri: string; attributes: XmlAttribute[]; children: (XmlElement | string)[] };
  const open: Building[] = [];
  let root: XmlElement | null = null;
  let elements = 0;
  parser.on('error', (error) => fail('well-formed XML', error.message.replace(/^\d+:\d+: /, '')));
  parser.on('doctype', () => fail('no DOCTYPE', 'one'));
  parser.on('opentag', (tag) => {
    if (++elements > MAX_ELEMENTS) throw textLimit('elements', where, MAX_ELEMENTS, 'more');
    if (open.length >= MAX_DEPTH) throw textLimit('levels', where, MAX_DEPTH, 'more');
    const attributes = Object.values(tag.attributes).map(({ name, local, uri, value }) => ({ name, local, uri, value }));
    open.push({ name: tag.name, local: tag.local, uri: tag.uri, attributes, children: [] });
  });
  const characters = (data: string): void => void open.at(-1)?.children.push(data);
  parser.on('text', characters);
  parser.on('cdata', characters);
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

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\t': '&#x9;', '\n': '&#xA;', '\r': '&#xD;' };

export function escapeXml(text: string): string {
  return text.replace(/[&<>\r]/g, (character) => ESCAPES[character]);
}

export function attributeText(name: string, value: string): string {
  return ` ${name}="${value.replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character])}"`;
}

export function startTag({ name, attributes }: Pick<XmlElement, 'name' | 'attributes'>, isEmpty = false): string {
  return `<${name}${attributes.map((attribute) => attributeText(attribute.name, attribute.value)).join('')}${isEmpty ? '/>' : '>'}`;
}

export function writeXml(node: XmlElement | string): string {
  if (typeof node === 'string') return escapeXml(node);
  if (node.children.length === 0) return startTag(node, true);
  return `${startTag(node)}${node.children.map(writeXml).join('')}</${node.name}>`;
}

export function valueOf({ attributes }: XmlElement, local: string, uri = ''): string | null {
  return attributes.find((attribute) => attribute.local === local && attribute.uri === uri)?.value ?? null;
}

export function elementsOf({ children }: XmlElement): readonly XmlElement[] {
  return children.filter((child) => typeof child !== 'string');
}
