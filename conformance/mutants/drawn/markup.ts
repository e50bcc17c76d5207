/** Operators on XML manifests: MPD and Smooth client manifest. */
import type { Exchange } from '../../trace.ts';
import { exchangeRuns, flipBit, otherLetter, otherNumber, splice, type Area, type Change, type Operator } from './operator.ts';
import type { Random } from './random.ts';

type Span = { readonly from: number; readonly to: number };
type Element = Span & { readonly name: string; readonly parent: number; readonly openEnd: number };
type Attribute = Span & { readonly name: string; readonly value: Span; readonly tag: number };

/** Positions are characters; manifests of the corpus are ASCII, so they are bytes too. */
function elementsOf(text: string): readonly Element[] {
  const elements: (Element & { to: number })[] = [];
  const open: number[] = [];
  for (const match of text.matchAll(/<(\/?)([\w:]+)[^<>]*?(\/?)>/g)) {
    const [whole, closing, name, empty] = match;
    const end = match.index + whole.length;
    if (closing !== '') {
      const index = open.pop();
      if (index !== undefined) elements[index].to = end;
      continue;
    }
    elements.push({ name, from: match.index, to: end, openEnd: end, parent: open.at(-1) ?? -1 });
    if (empty === '') open.push(elements.length - 1);
  }
  return elements;
}

function attributesOf(text: string): readonly Attribute[] {
  return elementsOf(text).flatMap(({ from, openEnd }, tag) =>
    [...text.slice(from, openEnd).matchAll(/\s([\w:]+)="([^"]*)"/g)].map((match): Attribute => {
      const at = from + match.index;
      const value = at + match[0].length - 1 - match[2].length;
      return { name: match[1], from: at, to: at + match[0].length, value: { from: value, to: value + match[2].length }, tag };
    }),
  );
}

type Edit = { readonly where: string; readonly text: string } | null;
type Draw = (text: string, random: Random) => Edit;

function replaced(text: string, { from, to }: Span, by: string, where: string): Edit {
  return { where, text: text.slice(0, from) + by + text.slice(to) };
}

function nameOf(text: string, { from, openEnd }: Element): string {
  return `${text.slice(0, from).split('\n').length}: ${text.slice(from, openEnd).slice(0, 60)}`;
}

/** The root cannot be left out: that is what truncation is for. */
function inner(text: string): readonly Element[] {
  return elementsOf(text).filter(({ parent }) => parent >= 0);
}

function alterAttribute(change: (value: string, name: string, random: Random) => string | null): Draw {
  return (text, random) => {
    const candidates = attributesOf(text);
    const { name, value } = random.pick(candidates);
    const old = text.slice(value.from, value.to);
    const by = change(old, name, random);
    return by === null || by === old ? null : replaced(text, value, by, `@${name}="${old}" becomes "${by}"`);
  };
}

const DRAWS: readonly (Pick<Operator, 'name' | 'kind'> & { readonly draw: Draw })[] = [
  {
    name: 'element left out',
    kind: 'drop',
    draw(text, random) {
      const element = random.pick(inner(text));
      return replaced(text, element, '', `without ${nameOf(text, element)}`);
    },
  },
  {
    name: 'element twice',
    kind: 'duplicate',
    draw(text, random) {
      const element = random.pick(inner(text));
      return replaced(text, { from: element.to, to: element.to }, text.slice(element.from, element.to), `twice ${nameOf(text, element)}`);
    },
  },
  {
    name: 'siblings exchanged',
    kind: 'reorder',
    draw(text, random) {
      const elements = elementsOf(text);
      const pairs = elements.flatMap((a) => elements.filter((b) => b.parent === a.parent && b.from > a.from && text.slice(a.from, a.to) !== text.slice(b.from, b.to)).slice(0, 1).map((b) => [a, b] as const));
      if (pairs.length === 0) return null;
      const [a, b] = random.pick(pairs);
      const body = exchangeRuns(Buffer.from(text), [a.from, a.to], [b.from, b.to]);
      return { where: `${nameOf(text, a)} and ${nameOf(text, b)}`, text: body.toString() };
    },
  },
  {
    name: 'element renamed',
    kind: 'tag',
    draw(text, random) {
      const element = random.pick(inner(text).filter(({ to, openEnd }) => to === openEnd));
      const at = element.from + 1 + random.below(element.name.length);
      return replaced(text, { from: at, to: at + 1 }, otherLetter(text[at], random), `renamed ${nameOf(text, element)}`);
    },
  },
  {
    name: 'attribute left out',
    kind: 'attribute',
    draw(text, random) {
      const attribute = random.pick(attributesOf(text));
      return replaced(text, attribute, '', `without${text.slice(attribute.from, attribute.to)}`);
    },
  },
  {
    name: 'attribute renamed',
    kind: 'attribute',
    draw(text, random) {
      const attribute = random.pick(attributesOf(text));
      const at = attribute.from + 1 + random.below(attribute.name.length);
      return replaced(text, { from: at, to: at + 1 }, otherLetter(text[at], random), `renamed${text.slice(attribute.from, attribute.to)}`);
    },
  },
  {
    name: 'attribute values exchanged',
    kind: 'attribute',
    draw(text, random) {
      const attributes = attributesOf(text);
      const a = random.pick(attributes);
      const others = attributes.filter(({ name, value, from }) => name === a.name && from > a.from && text.slice(value.from, value.to) !== text.slice(a.value.from, a.value.to));
      if (others.length === 0) return null;
      const b = random.pick(others);
      return { where: `@${a.name} "${text.slice(a.value.from, a.value.to)}" and "${text.slice(b.value.from, b.value.to)}"`, text: exchangeRuns(Buffer.from(text), [a.value.from, a.value.to], [b.value.from, b.value.to]).toString() };
    },
  },
  { name: 'attribute emptied', kind: 'attribute', draw: alterAttribute((value) => (value === '' ? null : '')) },
  {
    name: 'number in an attribute',
    kind: 'field',
    draw: alterAttribute((value, _, random) => {
      const runs = [...value.matchAll(/\d+/g)];
      if (runs.length === 0) return null;
      const run = random.pick(runs);
      return value.slice(0, run.index) + otherNumber(run[0], random) + value.slice(run.index + run[0].length);
    }),
  },
  {
    name: 'letter in an attribute',
    kind: 'attribute',
    draw: alterAttribute((value, _, random) => {
      const letters = [...value.matchAll(/[A-Za-z]/g)];
      if (letters.length === 0) return null;
      const { index, 0: letter } = random.pick(letters);
      return value.slice(0, index) + otherLetter(letter, random) + value.slice(index + 1);
    }),
  },
  { name: 'end cut off', kind: 'drop', draw: (text, random) => ({ where: 'cut', text: text.slice(0, 40 + random.below(text.length - 50)) }) },
  { name: 'white space between elements', kind: 'neutral', draw: (text, random) => betweenElements(text, random, '\n\t ') },
  { name: 'comment between elements', kind: 'neutral', draw: (text, random) => betweenElements(text, random, '<!-- a remark -->') },
  {
    name: 'attributes in another order',
    kind: 'neutral',
    draw(text, random) {
      const attributes = attributesOf(text);
      const a = random.pick(attributes);
      const b = attributes.find(({ tag, from }) => tag === a.tag && from > a.from);
      return b === undefined ? null : { where: `@${a.name} and @${b.name}`, text: exchangeRuns(Buffer.from(text), [a.from, a.to], [b.from, b.to]).toString() };
    },
  },
];

function betweenElements(text: string, random: Random, inserted: string): Edit {
  const { to } = random.pick(inner(text));
  return replaced(text, { from: to, to }, inserted, `behind character ${to}`);
}

function operator(area: Area, on: (exchange: Exchange) => boolean, { name, kind, draw }: (typeof DRAWS)[number]): Operator {
  return {
    name,
    kind,
    area,
    on,
    alter({ body, random }): Change | null {
      const edit = draw(body.toString('latin1'), random);
      return edit === null ? null : { where: edit.where, body: Buffer.from(edit.text, 'latin1') };
    },
  };
}

/** Operators on the bytes of any text. */
export function encodingOperators(area: Area, on: (exchange: Exchange) => boolean): readonly Operator[] {
  const rows: readonly (Pick<Operator, 'name' | 'kind'> & { readonly alter: (body: Buffer, random: Random) => Change })[] = [
    {
      name: 'bit of a character',
      kind: 'bit',
      alter(body, random) {
        const at = random.below(body.length);
        const bit = random.below(8);
        return { where: `bit ${bit} of byte ${at} ("${body.toString('latin1', Math.max(0, at - 12), at + 12).replaceAll(/\s+/g, ' ')}")`, body: flipBit(body, at, bit) };
      },
    },
    {
      name: 'byte that is no UTF-8',
      kind: 'encoding',
      alter(body, random) {
        const at = 1 + random.below(body.length - 1);
        return { where: `before byte ${at}`, body: splice(body, at, at, Buffer.from([0xc3, 0x28])) };
      },
    },
    {
      name: 'UTF-16 without saying so',
      kind: 'encoding',
      alter: (body) => ({ where: 'all', body: Buffer.from(body.toString('latin1'), 'utf16le') }),
    },
  ];
  return rows.map(({ name, kind, alter }) => ({ name, kind, area, on, alter: ({ body, random }) => alter(body, random) }));
}

export function markupOperators(area: Area, on: (exchange: Exchange) => boolean): readonly Operator[] {
  return [...DRAWS.map((row) => operator(area, on, row)), ...encodingOperators(area, on)];
}
