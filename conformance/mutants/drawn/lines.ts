/** Operators on HLS playlists. */
import type { Exchange } from '../../trace.ts';
import { encodingOperators } from './markup.ts';
import { otherLetter, otherNumber, type Area, type Kind, type Operator } from './operator.ts';
import type { Random } from './random.ts';

/** Alters the lines in place and says where; null when there is nothing of the kind. */
type Draw = (lines: string[], random: Random) => string | null;

type Attribute = { readonly line: number; readonly from: number; readonly to: number; readonly name: string; readonly value: string };

function attributesOf(lines: readonly string[]): readonly Attribute[] {
  return lines.flatMap((content, line) => {
    const colon = content.indexOf(':');
    if (!/^#EXT-X-[A-Z-]+:[A-Z-]+=/.test(content)) return [];
    return [...content.slice(colon + 1).matchAll(/([A-Z0-9-]+)=("[^"]*"|[^,]*)(?:,|$)/g)].map((match) => {
      const from = colon + 1 + match.index;
      return { line, from, to: from + match[1].length + 1 + match[2].length, name: match[1], value: match[2] };
    });
  });
}

function cutOut(lines: string[], { line, from, to }: Attribute): void {
  const content = lines[line];
  const last = to === content.length;
  lines[line] = last ? content.slice(0, from).replace(/,$/, '') : content.slice(0, from) + content.slice(to + 1);
}

function anyLine(lines: readonly string[], random: Random, wanted: (line: string) => boolean = (line) => line !== ''): number | null {
  const candidates = lines.flatMap((line, index) => (wanted(line) ? [index] : []));
  return candidates.length === 0 ? null : random.pick(candidates);
}

function alterAttribute(change: (value: string, random: Random) => string | null): Draw {
  return (lines, random) => {
    const attributes = attributesOf(lines);
    if (attributes.length === 0) return null;
    const attribute = random.pick(attributes);
    const by = change(attribute.value, random);
    if (by === null) return null;
    lines[attribute.line] = `${lines[attribute.line].slice(0, attribute.from)}${attribute.name}=${by}${lines[attribute.line].slice(attribute.to)}`;
    return `${attribute.name}=${attribute.value} becomes ${by}`;
  };
}

function numberIn(text: string, random: Random): string | null {
  const runs = [...text.matchAll(/\d+/g)];
  if (runs.length === 0) return null;
  const run = random.pick(runs);
  return text.slice(0, run.index) + otherNumber(run[0], random) + text.slice(run.index + run[0].length);
}

function letterIn(text: string, random: Random): string | null {
  const letters = [...text.matchAll(/[A-Za-z]/g)];
  if (letters.length === 0) return null;
  const { index, 0: letter } = random.pick(letters);
  return text.slice(0, index) + otherLetter(letter, random) + text.slice(index + 1);
}

function alterLine(wanted: (line: string) => boolean, change: (line: string, random: Random) => string | null): Draw {
  return (lines, random) => {
    const at = anyLine(lines, random, wanted);
    const by = at === null ? null : change(lines[at], random);
    if (at === null || by === null) return null;
    const where = `"${lines[at]}" becomes "${by}"`;
    lines[at] = by;
    return where;
  };
}

const isTag = (line: string): boolean => line.startsWith('#EXT');
const isUri = (line: string): boolean => line !== '' && !line.startsWith('#');

const DRAWS: readonly { readonly name: string; readonly kind: Kind; readonly draw: Draw }[] = [
  {
    name: 'line left out',
    kind: 'drop',
    draw(lines, random) {
      const at = anyLine(lines, random);
      return at === null ? null : `without "${lines.splice(at, 1)[0]}"`;
    },
  },
  {
    name: 'line twice',
    kind: 'duplicate',
    draw(lines, random) {
      const at = anyLine(lines, random);
      if (at === null) return null;
      lines.splice(at, 0, lines[at]);
      return `twice "${lines[at]}"`;
    },
  },
  {
    name: 'neighbouring lines exchanged',
    kind: 'reorder',
    draw(lines, random) {
      const at = anyLine(lines.slice(0, -2), random);
      if (at === null || lines[at] === lines[at + 1]) return null;
      [lines[at], lines[at + 1]] = [lines[at + 1], lines[at]];
      return `"${lines[at + 1]}" behind "${lines[at]}"`;
    },
  },
  {
    name: 'URI lines exchanged',
    kind: 'reorder',
    draw(lines, random) {
      const uris = lines.flatMap((line, index) => (isUri(line) ? [index] : []));
      if (uris.length < 2) return null;
      const a = random.below(uris.length - 1);
      const [x, y] = [uris[a], uris[a + 1 + random.below(uris.length - a - 1)]];
      [lines[x], lines[y]] = [lines[y], lines[x]];
      return `"${lines[y]}" and "${lines[x]}"`;
    },
  },
  {
    name: 'attribute left out',
    kind: 'attribute',
    draw(lines, random) {
      const attributes = attributesOf(lines);
      if (attributes.length === 0) return null;
      const attribute = random.pick(attributes);
      cutOut(lines, attribute);
      return `without ${attribute.name}=${attribute.value}`;
    },
  },
  {
    name: 'attribute twice',
    kind: 'duplicate',
    draw(lines, random) {
      const attributes = attributesOf(lines);
      if (attributes.length === 0) return null;
      const { line, from, name, value } = random.pick(attributes);
      lines[line] = `${lines[line].slice(0, from)}${name}=${value},${lines[line].slice(from)}`;
      return `twice ${name}`;
    },
  },
  { name: 'number in an attribute', kind: 'field', draw: alterAttribute(numberIn) },
  { name: 'letter in an attribute', kind: 'attribute', draw: alterAttribute(letterIn) },
  { name: 'quotes of an attribute', kind: 'attribute', draw: alterAttribute((value) => (value.startsWith('"') ? value.slice(1, -1) : `"${value}"`)) },
  { name: 'number in a tag', kind: 'field', draw: alterLine((line) => isTag(line) && /^#EXT-?[A-Z-]*:[^=]*\d/.test(line), (line, random) => { const colon = line.indexOf(':'); const by = numberIn(line.slice(colon), random); return by === null ? null : line.slice(0, colon) + by; }) },
  { name: 'letter in a tag name', kind: 'tag', draw: alterLine(isTag, (line, random) => { const end = line.includes(':') ? line.indexOf(':') : line.length; const by = letterIn(line.slice(0, end), random); return by === null ? null : by + line.slice(end); }) },
  { name: 'number in a URI', kind: 'field', draw: alterLine(isUri, numberIn) },
  { name: 'letter in a URI', kind: 'tag', draw: alterLine(isUri, letterIn) },
  { name: 'blank in a line', kind: 'encoding', draw: alterLine(isTag, (line, random) => { const at = 1 + random.below(line.length - 1); return `${line.slice(0, at)} ${line.slice(at)}`; }) },
  {
    name: 'byte order mark',
    kind: 'encoding',
    draw(lines) {
      lines[0] = `\u00ef\u00bb\u00bf${lines[0]}`;
      return 'first';
    },
  },
  {
    name: 'end cut off',
    kind: 'drop',
    draw(lines, random) {
      const kept = 1 + random.below(lines.length - 2);
      lines.splice(kept);
      return `behind line ${kept}`;
    },
  },
  { name: 'CR before LF', kind: 'neutral', draw: (lines) => { lines.forEach((line, i) => (lines[i] = i === lines.length - 1 ? line : `${line}\r`)); return 'everywhere'; } },
  { name: 'comment line', kind: 'neutral', draw: (lines, random) => { const at = anyLine(lines.slice(1, -1), random) ?? 0; lines.splice(at + 1, 0, '# a remark'); return `line ${at + 2}`; } },
  { name: 'unknown tag', kind: 'neutral', draw: (lines) => { lines.splice(1, 0, '#EXT-X-NOT-YET-INVENTED:A=1'); return 'line 2'; } },
  {
    name: 'attributes in another order',
    kind: 'neutral',
    draw(lines, random) {
      const attributes = attributesOf(lines);
      const pairs = attributes.flatMap((a, i) => (attributes[i + 1]?.line === a.line ? [[a, attributes[i + 1]] as const] : []));
      if (pairs.length === 0) return null;
      const [a, b] = random.pick(pairs);
      const content = lines[a.line];
      lines[a.line] = `${content.slice(0, a.from)}${content.slice(b.from, b.to)},${content.slice(a.from, a.to)}${content.slice(b.to)}`;
      return `${a.name} and ${b.name}`;
    },
  },
];

export function lineOperators(area: Area, on: (exchange: Exchange) => boolean): readonly Operator[] {
  const rows = DRAWS.map(
    ({ name, kind, draw }): Operator => ({
      name,
      kind,
      area,
      on,
      alter({ body, random }) {
        const lines = body.toString('latin1').split('\n');
        const where = draw(lines, random);
        return where === null ? null : { where, body: Buffer.from(lines.join('\n'), 'latin1') };
      },
    }),
  );
  return [...rows, ...encodingOperators(area, on)];
}
