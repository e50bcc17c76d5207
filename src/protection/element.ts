/** XML elements as values: manifest writers print them, headers that are XML themselves are printed here. */

export type Element = {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** Character data, not escaped; an element has text or children. */
  readonly text: string;
};

export function element(name: string, attributes: Readonly<Record<string, string>> = {}, children: readonly Element[] = []): Element {
  return { name, attributes, children, text: '' };
}

export function textOnly(name: string, text: string, attributes: Readonly<Record<string, string>> = {}): Element {
  return { name, attributes, children: [], text };
}

/** On one line, without a declaration. */
export function printElement({ name, attributes, children, text }: Element): string {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${escape(value)}"`);
  const content = text === '' ? children.map(printElement).join('') : escape(text);
  return content === '' ? `<${name}${list.join('')}/>` : `<${name}${list.join('')}>${content}</${name}>`;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (char) => ESCAPES[char]);
}
