/** Writing XML 1.0: escaped values, attributes in the order given, one form of white space, so that equal models give equal bytes. */
import { IsomerError } from '../errors.ts';

export type AttributeValue = string | number | bigint | boolean | undefined;

export type XmlElement = {
  readonly name: string;
  /** Escaped, each with a leading space. */
  readonly attributes: string;
  readonly children: readonly XmlElement[];
  /** Escaped character data; elements have text or children, never both. */
  readonly text: string;
};

/** A child may be left out with `null`. Undefined attributes are left out. */
export type XmlChild = XmlElement | null | readonly (XmlElement | null)[];

export function el(name: string, attributes: Readonly<Record<string, AttributeValue>> = {}, ...children: readonly XmlChild[]): XmlElement {
  return { name, attributes: attributeText(name, attributes), children: children.flat().filter((child) => child !== null), text: '' };
}

/** An element that holds character data. */
export function textElement(name: string, text: string, attributes: Readonly<Record<string, AttributeValue>> = {}): XmlElement {
  return { name, attributes: attributeText(name, attributes), children: [], text: escapeText(text, name) };
}

/** The whole document. Nothing stands between declaration and root: some readers of MPDs take the first node for the root. */
export function writeDocument(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${writeElement(root)}`;
}

const INDENT = '   ';

/** One element, with a line feed at its end. */
export function writeElement({ name, attributes, children, text }: XmlElement, indent = ''): string {
  if (text !== '') return `${indent}<${name}${attributes}>${text}</${name}>\n`;
  if (children.length === 0) return `${indent}<${name}${attributes} />\n`;
  let inner = '';
  for (const child of children) inner += writeElement(child, indent + INDENT);
  return `${indent}<${name}${attributes}>\n${inner}${indent}</${name}>\n`;
}

function attributeText(element: string, attributes: Readonly<Record<string, AttributeValue>>): string {
  let text = '';
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) text += ` ${name}="${typeof value === 'string' ? escapeAttribute(value, `${element}@${name}`) : String(value)}"`;
  }
  return text;
}

/** Anything but a Char of XML 1.0 (fifth edition) 2.2: no escape can carry it. Lone surrogates are among it. */
const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/** Tab and line ends are written as references, because attribute-value normalization (3.3.3) would make them spaces. */
const ATTRIBUTE_ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\t': '&#x9;', '\n': '&#xA;', '\r': '&#xD;' };
const TEXT_ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#xD;' };

export function escapeAttribute(value: string, where = 'attribute'): string {
  return checked(value, where).replace(/[&<>"\t\n\r]/g, (char) => ATTRIBUTE_ESCAPES[char]);
}

export function escapeText(value: string, where = 'text'): string {
  return checked(value, where).replace(/[&<>\r]/g, (char) => TEXT_ESCAPES[char]);
}

function checked(value: string, where: string): string {
  const found = FORBIDDEN.exec(value);
  if (found === null) return value;
  const code = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', { what: 'text of a manifest', where, expected: 'characters of XML 1.0', found: `U+${code}` });
}
