/** What replays say about players: as data, as the page that visitors read, and as measurements. */
import { COMPAT_SCHEMA, type Compat, type Support } from '../../spec/compat.ts';
import { REPLAY_OUTCOMES, type ReplayDetail, type ReplayRow, type ReplaySection } from '../../spec/replay.ts';
import type { Report, Run } from '../../spec/report.ts';
import { FORMAT_IDS, type FormatId } from '../../spec/requirement.ts';

const MAX_RANGES = 5;
/** Assets that a note names; results name them all. */
const NAMED = 6;
/** The templates that play, with nothing special about it. */
const PLAIN: ReadonlySet<string> = new Set(['sequential', 'whole']);
const NONE: ReplaySection = { templates: {}, players: {}, browsers: {}, rows: [], staleDefects: [] };

export function compatOf({ templates, players, browsers, rows }: ReplaySection): Compat {
  const features: Compat['features'] = {};
  const codecs = [...new Set(rows.flatMap(({ codecs: own = [], leftOut = [] }) => [...own, ...leftOut]))].toSorted();
  const asked: readonly (readonly [id: string, description: string, has: (row: ReplayRow) => boolean])[] = [
    ...Object.entries(templates).map(([id, description]) => [id, description, ({ template }: ReplayRow) => template === id] as const),
    ...codecs.map((codec) => [`codec-${codec}`, `plays content with ${codec}`, ({ template, codecs: own = [], leftOut = [] }: ReplayRow) => PLAIN.has(template) && (own.includes(codec) || leftOut.includes(codec))] as const),
  ];
  for (const format of FORMAT_IDS) {
    for (const [id, description, has] of asked) {
      // Who plays the rest of an asset has not played the codec that was left out.
      const own = rows.filter((row) => row.format === format && has(row)).map((row): ReplayRow => (row.leftOut?.some((codec) => id === `codec-${codec}`) === true ? { ...row, outcome: 'inapplicable', messages: [leftOutNote(row)] } : row));
      if (own.length === 0) continue;
      const clients = [...Map.groupBy(own, clientOf)].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const support = Object.fromEntries(clients.map(([client, list]) => [client, { version: players[list[0].player] ?? '', browserVersion: browsers[list[0].browser]?.version ?? '', ...supportOf(list) }]));
      (features[format] ??= {})[id] = { description, support };
    }
  }
  return { schema: COMPAT_SCHEMA, counts: countsOf(rows), features };
}

function countsOf(rows: readonly ReplayRow[]): Compat['counts'] {
  const clients = [...Map.groupBy(rows, clientOf)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(clients.map(([client, own]) => [client, Object.fromEntries(REPLAY_OUTCOMES.map((wanted) => [wanted, own.filter(({ outcome }) => outcome === wanted).length])) as Compat['counts'][string]]));
}

/** What a browser does not decode of an asset whose rest it plays. */
export function leftOutNote({ leftOut = [], browser }: ReplayRow): string {
  return leftOut.length === 0 ? '' : `${browser} does not decode ${leftOut.join(', ')}: the rest was played`;
}

const clientOf = ({ player, browser }: ReplayRow): string => `${player}@${browser}`;

/** All that came to a verdict pass: supported. Some do not, or a defect is known: partial. Nothing but what browser or player rule out is no support. */
function supportOf(rows: readonly ReplayRow[]): Pick<Support, 'support' | 'notes' | 'results'> {
  const count = (...outcomes: readonly string[]): number => rows.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const bad = count('fail', 'warn');
  const support = count('pass') > 0 ? (bad > 0 ? 'partial' : 'supported') : bad > 0 || count('inapplicable') === rows.length ? 'no' : 'unknown';
  const noted = Map.groupBy(rows.filter(({ outcome }) => outcome !== 'pass'), ({ messages, known }) => (known === undefined ? messages.join('; ') : `${known.reason} (${known.bug})`));
  return { support, notes: [...noted].map(([text, own]) => `${namesOf(own)}: ${text}`), results: rows.map(({ id }) => id) };
}

function namesOf(rows: readonly ReplayRow[]): string {
  const names = [...new Set(rows.map(({ asset }) => asset))].toSorted();
  return names.length <= NAMED ? names.join(', ') : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;
}

export function compatJson({ replay = NONE }: Report): string {
  return `${JSON.stringify(compatOf(replay), null, 1)}\n`;
}

export function compatPage({ replay = NONE }: Report): string {
  return compatMarkdown(compatOf(replay));
}

const WORDS: Readonly<Record<Support['support'], string>> = { supported: 'yes', partial: '**partly**', no: 'no', unknown: '?' };
const NAMES: Readonly<Record<FormatId, string>> = { 'hls-v3': 'HLS v3', 'hls-v4': 'HLS v4', 'hls-cmaf': 'HLS CMAF', 'dash-csf': 'DASH CSF', 'dash-cmaf': 'DASH CMAF', smooth: 'Smooth Streaming' };
const NOTES_IN_A_CELL = 3;

/** The page that visitors read: from compat.json alone, so that anybody can prove that the two belong together. No measured values. */
export function compatMarkdown({ counts, features }: Compat): string {
  const supports = Object.values(features).flatMap((own) => Object.values(own).flatMap(({ support }) => Object.entries(support)));
  const clients = [...new Set(supports.map(([client]) => client))].toSorted();
  const notes: string[] = [];
  const mark = (text: string): string => {
    const at = notes.indexOf(text);
    return `<sup>${at < 0 ? notes.push(text) : at + 1}</sup>`;
  };
  const cell = (support: Support | undefined): string => {
    if (support === undefined) return '';
    const more = support.notes.length > NOTES_IN_A_CELL ? '<sup>…</sup>' : '';
    return `${WORDS[support.support]}${support.notes.slice(0, NOTES_IN_A_CELL).map(mark).join(' ')}${more}`;
  };
  const measured = new Map(supports.map(([client, { version, browserVersion }]) => [client, `${version === '' ? 'its own' : version} | ${browserVersion}`]));
  const tables = FORMAT_IDS.flatMap((format) => {
    const own = Object.entries(features[format] ?? {});
    const tried = clients.filter((client) => own.some(([, { support }]) => support[client] !== undefined));
    if (tried.length === 0) return [];
    const rows = own.map(([id, { support }]) => `| ${id} | ${tried.map((client) => cell(support[client])).join(' | ')} |`);
    return ['', `## ${NAMES[format]}`, '', `| what | ${tried.map((client) => client.replace('@', ' in ')).join(' | ')} |`, `|---|${tried.map(() => '---').join('|')}|`, ...rows];
  });
  const described = new Map(Object.values(features).flatMap((own) => Object.entries(own).map(([id, { description }]) => [id, description] as const)));
  return [
    '# What plays where',
    '',
    'Real players in real browsers, judged by the pictures and sounds that came out, not by what the players say. **partly**: some contents or a known defect',
    'of the client; `no`: not at all, or ruled out by what browser or player say of themselves; `?`: no replay came to a verdict; an empty field was not tried.',
    'Numbers lead to the notes. The same as data, with every replay that a cell rests on: [compat.json](compat.json).',
    '',
    'Beside it: [conformance](conformance.md) of manifests and segments, [coverage](coverage.md) of the requirements, and [mutants](mutants.md), which say what the checks see.',
    '',
    '## How many',
    '',
    'Replays by what came of them; warn is a known defect of the client, which the notes name.',
    '',
    `| client | ${REPLAY_OUTCOMES.join(' | ')} |`,
    `|---|${REPLAY_OUTCOMES.map(() => '---:').join('|')}|`,
    ...Object.entries(counts).map(([client, own]) => `| ${client.replace('@', ' in ')} | ${REPLAY_OUTCOMES.map((outcome) => own[outcome]).join(' | ')} |`),
    `| all | ${REPLAY_OUTCOMES.map((outcome) => Object.values(counts).reduce((sum, own) => sum + own[outcome], 0)).join(' | ')} |`,
    ...tables,
    '',
    '## Measured with',
    '',
    '| client | player | browser |',
    '|---|---|---|',
    ...clients.map((client) => `| ${client.replace('@', ' in ')} | ${measured.get(client) ?? ''} |`),
    '',
    '## What was done',
    '',
    ...[...described].map(([id, title]) => `- **${id}**: ${title}`),
    ...(notes.length === 0 ? [] : ['', '## Notes', '', ...notes.map((text, i) => `${i + 1}. ${text}`)]),
    '',
  ].join('\n');
}

/** Replay by replay, with what was measured. */
export function replayPage({ replay = NONE }: Report, run: Run): string {
  const details = new Map((run.replays ?? []).map((detail) => [detail.id, detail]));
  const head = ['replay', 'outcome', 'pictures', 'missing', 'offset', 'start', 'stalls', 'renditions', 'A/V', 'pilots', 'seeks', 'tries', 'why not'];
  const rows = replay.rows.map((row) => `| ${[row.id, row.outcome, ...measured(details.get(row.id)), [...(details.get(row.id)?.reasons ?? row.messages), leftOutNote(row)].filter((text) => text !== '').join('; ').replaceAll('|', '\\|')].join(' | ')} |`);
  return ['# Replays', '', 'Offsets in frames × how often; start and A/V in milliseconds.', '', `| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`, ...rows, ''].join('\n');
}

function measured(detail: ReplayDetail | undefined): readonly string[] {
  const seen = detail?.observation ?? null;
  if (detail === undefined || seen === null) return ['', '', '', '', '', '', '', '', '', ''];
  const { framesSeen, framesExpected, missing, offsets, startup, stalls, renditions, sync, pilots, seeks } = seen;
  const ranges = missing.slice(0, MAX_RANGES).map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`));
  const histogram = Object.entries(offsets).toSorted(([, a], [, b]) => b - a).slice(0, MAX_RANGES).map(([offset, count]) => `${offset}×${count}`);
  return [
    `${framesSeen}/${framesExpected}`,
    ranges.join(', ') + (missing.length > MAX_RANGES ? ' …' : ''),
    histogram.join(', '),
    `${startup ?? '–'}`,
    String(stalls),
    renditions.join(', '),
    sync === null ? '–' : `${sync.min}/${sync.median}/${sync.max}`,
    pilots.join(' → '),
    `${seeks.right}/${seeks.asked}`,
    detail.infrastructure > 0 ? `${detail.attempts} (${detail.infrastructure} lost)` : String(detail.attempts),
  ];
}
