/** Operators on text segments: WebVTT files by their lines, TTML documents inside of their fragments. */
import { readSegment } from '../../oracle/fragments.ts';
import type { Exchange } from '../../trace.ts';
import { box } from '../bytes.ts';
import { encodingOperators, markupOperators } from './markup.ts';
import { otherLetter, otherNumber, type Kind, type Operator } from './operator.ts';
import type { Random } from './random.ts';

export function isWebVtt({ headers, role }: Exchange): boolean {
  return role.kind === 'segment' && (headers['content-type'] ?? '').startsWith('text/vtt');
}

/** Fragments of text come under the type of their header's boxes; pictures and sound have types of their own. */
function isTtml({ headers, role }: Exchange): boolean {
  return role.kind === 'segment' && (headers['content-type'] ?? '').startsWith('application/mp4');
}

/** Alters the lines in place and says where; null when there is nothing of the kind. */
type Draw = (lines: string[], random: Random) => string | null;

const isTiming = (line: string): boolean => line.includes('-->');
const isWord = (line: string): boolean => line !== '' && !isTiming(line) && !/^(WEBVTT|X-TIMESTAMP-MAP|\w{1,3}$)/.test(line);

function onLine(wanted: (line: string) => boolean, change: (line: string, random: Random) => string | null): Draw {
  return (lines, random) => {
    const candidates = lines.flatMap((line, index) => (wanted(line) ? [index] : []));
    if (candidates.length === 0) return null;
    const at = random.pick(candidates);
    const by = change(lines[at], random);
    if (by === null || by === lines[at]) return null;
    const where = `"${lines[at]}" becomes "${by}"`;
    lines[at] = by;
    return where;
  };
}

function numberIn(line: string, random: Random): string | null {
  const runs = [...line.matchAll(/\d+/g)];
  if (runs.length === 0) return null;
  const run = random.pick(runs);
  return line.slice(0, run.index) + otherNumber(run[0], random) + line.slice(run.index + run[0].length);
}

function letterIn(line: string, random: Random): string | null {
  const letters = [...line.matchAll(/[A-Za-z]/g)];
  if (letters.length === 0) return null;
  const { index, 0: letter } = random.pick(letters);
  return line.slice(0, index) + otherLetter(letter, random) + line.slice(index + 1);
}

const DRAWS: readonly { readonly name: string; readonly kind: Kind; readonly draw: Draw }[] = [
  {
    name: 'line left out',
    kind: 'drop',
    draw(lines, random) {
      const at = random.below(lines.length - 1);
      return `without "${lines.splice(at, 1)[0]}"`;
    },
  },
  {
    name: 'line twice',
    kind: 'duplicate',
    draw(lines, random) {
      const at = random.below(lines.length - 1);
      lines.splice(at, 0, lines[at]);
      return `twice "${lines[at]}"`;
    },
  },
  {
    name: 'cue left out',
    kind: 'drop',
    draw(lines, random) {
      const blocks = lines.join('\n').split('\n\n');
      if (blocks.length < 2) return null;
      const [gone] = blocks.splice(1 + random.below(blocks.length - 1), 1);
      lines.splice(0, lines.length, ...blocks.join('\n\n').split('\n'));
      return `without "${gone.replaceAll('\n', ' ')}"`;
    },
  },
  { name: 'number in a timing', kind: 'field', draw: onLine(isTiming, numberIn) },
  { name: 'letter in settings', kind: 'attribute', draw: onLine((line) => isTiming(line) && /[a-z]/.test(line), letterIn) },
  { name: 'letter in words', kind: 'field', draw: onLine(isWord, letterIn) },
  { name: 'number in the clock', kind: 'timestamp', draw: onLine((line) => line.startsWith('X-TIMESTAMP-MAP'), numberIn) },
  { name: 'tag left out', kind: 'tag', draw: onLine((line) => line.includes('<'), (line, random) => line.replace(random.pick([...line.matchAll(/<[^>]*>/g)])[0], '')) },
  { name: 'blank around an arrow left out', kind: 'tag', draw: onLine(isTiming, (line, random) => line.replace(random.pick([' --> ', ' --> ']), random.pick(['--> ', ' -->', '->']))) },
];

/** The document inside a fragment, changed as a document of its own; the fragment's sizes follow. */
function inside(operator: Operator): Operator {
  return {
    ...operator,
    on: isTtml,
    alter(input) {
      const { body } = input;
      const sample = readSegment(body).fragments[0]?.samples[0];
      const run = body.indexOf('trun', 0, 'latin1');
      if (sample === undefined || run < 0) return null;
      const change = operator.alter({ ...input, body: body.subarray(sample.offset, sample.offset + sample.size) });
      if (change?.body === undefined) return null;
      const changed = Buffer.concat([body.subarray(0, sample.offset - 8), box('mdat', change.body)]);
      // Behind the type: version and flags, count, data offset; then duration and size of the one sample, as far as the flags have them.
      const hasDuration = (changed.readUInt32BE(run + 4) & 0x100) !== 0;
      changed.writeUInt32BE(change.body.length, run + 16 + (hasDuration ? 4 : 0));
      return { ...change, body: changed };
    },
  };
}

export const TEXT_OPERATORS: readonly Operator[] = [
  ...DRAWS.map(
    ({ name, kind, draw }): Operator => ({
      name,
      kind,
      area: 'webvtt',
      on: isWebVtt,
      alter({ body, random }) {
        const lines = body.toString('utf8').split('\n');
        const where = draw(lines, random);
        return where === null ? null : { where, body: Buffer.from(lines.join('\n')) };
      },
    }),
  ),
  ...encodingOperators('webvtt', isWebVtt),
  // Not what means the same: outputs are held to one document, byte for byte.
  ...markupOperators('ttml', isTtml).filter(({ kind }) => kind !== 'neutral').map(inside),
];
